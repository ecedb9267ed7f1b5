"""The model: a text in, the likeliest labels out. Put your own model here."""

from functools import cache
from pathlib import Path
from threading import Lock

import numpy as np

from runtime import Model

MODEL = Path(__file__).parent / "model" / {{ (cookiecutter | model).file | py }}
LABELS = MODEL.with_name("labels.txt")  # one name a line, in the order of the classes

{% include "parts/load.py" %}


def predict(text: str) -> dict[str, float]:
    """Tell which class a text belongs to.

    Args:
        text: the text, as the user wrote it.

    Returns:
        The probability of each label, 0 to 1.

    Raises:
        ValueError: the labels are not as many as the classes, or two are the same.
    """
    return _labelled(load()(np.array([text], dtype=object))[0])


{% include "parts/labels.py" %}
