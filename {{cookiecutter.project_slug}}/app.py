{% include "tasks/" ~ cookiecutter.task ~ "/app.py" %}
