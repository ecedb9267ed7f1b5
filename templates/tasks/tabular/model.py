"""The model: a row of figures in, a class or a number out. Put your own model here."""

from functools import cache
from pathlib import Path
from threading import Lock

import numpy as np

from runtime import Model

MODEL = Path(__file__).parent / "model" / {{ (cookiecutter | model).file | py }}
LABELS = MODEL.with_name("labels.txt")  # one name a line, in the order of the classes

# The columns in the model's order, each with the value that its field starts with.
FEATURES = {{ (cookiecutter | model).features | py_block }}

{% include "parts/load.py" %}


def predict(*row: float) -> dict[str, float] | float:
    """Tell the class or the number that belongs to a row.

    Args:
        row: a value for each of FEATURES, in their order and units.

    Returns:
        The probability of each label, 0 to 1; or the number that a regression predicts.

    Raises:
        ValueError: the row or the labels do not match the model.
    """
    model = load()
    if model.input_shape and model.input_shape[-1] not in (None, len(row)):
        raise ValueError(
            f"the model takes {model.input_shape[-1]} columns, the row has {len(row)}: "
            "edit FEATURES in model.py"
        )
    output = np.atleast_1d(model(np.array([row]))[0])
    if output.size == 1 and not LABELS.exists():
        return float(output[0])
    return _labelled(output)


{% include "parts/labels.py" %}
