{% include "outputs/labels/_functions.js" %}
