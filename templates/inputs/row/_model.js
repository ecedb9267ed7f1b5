{% extends "parts/_model.js" %}
{% block constants %}

// The columns in the model's order, with the default values of their fields: a number, a BigInt
// such as 3n for a column of whole numbers, a text for a column of texts, or a list of the values
// to choose from.
export const FEATURES = new Map([
{% for name, value in model.features.items() %}
  [{{ name | json }}, {{ value | json }}{{ "n" if value is integer }}],
{% endfor %}
]);
{% endblock %}
