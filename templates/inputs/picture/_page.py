{% extends "parts/_page.py" %}
{% block standard_library %}
from pathlib import Path

{% endblock %}
{% block constants %}
EXAMPLES = [[str(path)] for path in sorted(Path(__file__).parent.glob("examples/*"))]
{% endblock %}
{% block examples %}
    examples=EXAMPLES,
{% endblock %}
