{% set task = "tasks/" ~ cookiecutter.task %}
{% include [task ~ "/model-" ~ cookiecutter.__framework ~ ".py", task ~ "/model.py"] %}
