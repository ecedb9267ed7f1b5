{% include "tasks/" ~ cookiecutter.task ~ "/test_model.py" %}
