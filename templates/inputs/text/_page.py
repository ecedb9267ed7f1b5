{% extends "parts/_page.py" %}
{% block standard_library %}
from pathlib import Path

{% endblock %}
{% block constants %}
EXAMPLES = examples.read(Path(__file__).with_name("examples.csv"))
LONGEST = 5000  # characters
{% endblock %}
{% block examples %}
    examples=[each.values for each in EXAMPLES[:5]],
{% endblock %}
