{% include "outputs/labels/_constants.py" %}
