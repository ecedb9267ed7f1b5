{% include "outputs/labels/_functions.py" %}
