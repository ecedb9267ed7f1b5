{% extends "parts/_page.py" %}
{% block standard_library %}
from pathlib import Path

{% endblock %}
{% block constants %}
EXAMPLES = sorted(map(str, Path(__file__).parent.glob("examples/*")))
{% endblock %}
{% block examples %}
    examples=EXAMPLES,
{% endblock %}
