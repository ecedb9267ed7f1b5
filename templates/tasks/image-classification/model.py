{% set model = cookiecutter | model %}
"""The model: a picture in, the likeliest labels out. Put your own model here."""

from functools import cache
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image

from runtime import Model

MODEL = Path(__file__).parent / "model" / {{ model.file | py }}
LABELS = MODEL.with_name("labels.txt")  # one name a line, in the order of the classes

{% include "parts/pixels.py" %}

{% include "parts/load.py" %}


def predict(image: np.ndarray) -> dict[str, float]:
    """Tell what a picture shows.

    Args:
        image: RGB, shape (height, width, 3), uint8, 0 to 255.

    Returns:
        The probability of each label, 0 to 1.

    Raises:
        ValueError: the labels are not as many as the classes, or two are the same.
    """
    model = load()
    return _labelled(model(prepare(image, model.input_shape))[0])


{% include "parts/prepare.py" %}


{% include "parts/labels.py" %}
