{% extends "parts/_page.py" %}
{% block constants %}
LONGEST = 5000  # characters
{% endblock %}
{% block examples %}
    examples={{ (cookiecutter | project).model.rows | py_block(4) }},
{% endblock %}
