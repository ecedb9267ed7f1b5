{% extends "parts/_page.py" %}
{% set facts = ["FEATURES"] %}
{% block standard_library %}
import sys
from pathlib import Path

{% endblock %}
{% block constants %}
EXAMPLES = examples.read(Path(__file__).with_name("examples.csv"), FEATURES)
LARGEST = 3.4e38  # of float32, in which most models compute
LARGEST_WHOLE = 2**53 - 1  # up to which float64 has each


def field(name: str, value: float | str | list) -> gr.Component:
    """Return the component of a column: a Dropdown for a list, a Textbox for a text."""
    if isinstance(value, list):
        return gr.Dropdown(value, value=value[0], label=name)
    kind = gr.Textbox if isinstance(value, str) else gr.Number
    return kind(label=name, value=value)


def is_finite(value: object) -> bool:
    """Return whether a value is a finite number; the API does not validate fields."""
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max
{{ "\n" if zero }}{% endblock %}
{% block examples %}
    examples=[each.values for each in EXAMPLES[:5]],
{% endblock %}
