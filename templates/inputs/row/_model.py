{% extends "parts/_model.py" %}
{% block constants %}
# The columns in the model's order, with the default values of their fields: a number,
# or a text such as "red" for a column of texts.
FEATURES = {{ model.features | py_block }}

{% endblock %}
