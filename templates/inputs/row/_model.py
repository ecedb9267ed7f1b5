{% extends "parts/_model.py" %}
{% block constants %}
# The columns in the model's order, with the default values of their fields: a number,
# an int for a column of whole numbers, a text such as "red" for a column of texts, or
# a list of the values to choose from.
FEATURES = {{ model.features | py_block }}

{% endblock %}
