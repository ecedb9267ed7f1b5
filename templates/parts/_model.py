{# The frame of model.py: inputs/<kind>/_model.py extends it, and a task's model.py that. #}
{% set project = cookiecutter | project %}
{% set model = project.model %}
{% set output = "outputs/" ~ project.task.output.name %}
"""The model: {{ project.task.does }}. Put your own model here."""

from functools import cache
from pathlib import Path
from threading import Lock

import numpy as np
{% block imports %}
{% endblock %}

{% if model.hub %}
from ml_ui import hub
{% endif %}
{% block ml_ui %}
{% endblock %}
from runtime import Model

MODEL = Path(__file__).parent / "model" / {{ model.file | py }}{{ "  # which names it" if model.hub }}
{% include output ~ "/_constants.py" ignore missing %}

{% block constants %}
{% endblock %}
_lock = Lock()


@cache
def _open() -> Model:
    return Model({{ "hub.fetch(MODEL)" if model.hub else "MODEL" }})


def load() -> Model:
    """Return the model, read from its file at the first call.

    Raises:
{% if model.hub %}
        OSError: the file cannot be fetched from the Hub, or read. Its framework raises
            errors of its own for a file without a model.
{% else %}
        OSError: the file cannot be read. Its framework raises errors of its own for
            a file without a model.
{% endif %}
    """
    with _lock:  # two first calls at once must not load it twice
        return _open()


{% block predict %}
{% endblock %}
{% block functions %}
{% endblock %}
{% include output ~ "/_functions.py" ignore missing %}
