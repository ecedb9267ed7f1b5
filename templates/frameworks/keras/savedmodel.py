"""Run a TensorFlow SavedModel on arrays."""

import os
from pathlib import Path

# oneDNN's own allocator keeps what is freed: up to twice the weights.
os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "1")

import numpy as np
import tensorflow as tf


class Model:
    """A model's serving signature as a function from a batch to its first output.

    Attributes:
        input_shape: as the model declares it, batch axis first; None is any length.
        labels: None: the file does not name the classes.
    """

    labels = None

    def __init__(self, path: Path) -> None:
        # A SavedModel is a program: load only folders that you trust.
        self._saved = tf.saved_model.load(path)
        self._signature = self._saved.signatures["serving_default"]
        _, inputs = self._signature.structured_input_signature
        self._name, self._spec = next(iter(inputs.items()))
        self.input_shape = tuple(self._spec.shape)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the model on a batch of inputs, batch axis first."""
        inputs = tf.convert_to_tensor(batch, dtype=self._spec.dtype)
        outputs = self._signature(**{self._name: inputs})
        return next(iter(outputs.values())).numpy()
