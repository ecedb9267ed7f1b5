{% extends "parts/_page.py" %}
{% block standard_library %}
import sys

{% endblock %}
{% block model %}FEATURES, load, predict{% endblock %}
{% block constants %}

def field(name: str, value: float | str) -> gr.Number | gr.Textbox:
    """Return the field of a column: of text where it starts with a text."""
    kind = gr.Textbox if isinstance(value, str) else gr.Number
    return kind(label=name, value=value)


def is_finite(value: object) -> bool:
    """Tell a number that a model can use; the API lets in what a field would not."""
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max
{{ "\n" if zero }}{% endblock %}
{% block examples %}
{% if not (cookiecutter | project).model.own %}
    examples={{ (cookiecutter | project).model.rows | py_block(4) }},
{% endif %}
{% endblock %}
