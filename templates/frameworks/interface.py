"""Interface of a framework's runtime.py, between the model file and model.py.

A runtime turns arrays into arrays. What goes into them and what they mean is model.py's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np


class Model(Protocol):
    """A model as a function from a batch to its output.

    Attributes:
        input_shape: as the file declares it, batch axis first, None for any length; None if it
            does not.
        labels: names of the classes; empty for a regression, None if the file has none.
    """

    input_shape: tuple[int | None, ...] | None
    labels: Sequence[str] | None

    def __init__(self, path: Path) -> None:
        """Load the model from a file or folder."""

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the model on a batch of inputs, batch axis first.

        Returns:
            The scores of the classes, (n, classes); else the model's first output.
        """
