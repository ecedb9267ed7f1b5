{% extends "parts/_model.py" %}
{% block constants %}
# The columns in the model's order, each with the value that its field starts with:
# a number, or a text such as "red" for a column of texts.
FEATURES = {{ model.features | py_block }}

{% endblock %}
