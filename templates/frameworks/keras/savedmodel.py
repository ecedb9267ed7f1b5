"""Run a TensorFlow SavedModel on arrays."""

import os
from pathlib import Path

# oneDNN's own allocator keeps what is freed: up to twice the weights.
os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "1")

import numpy as np
import tensorflow as tf


class Model:
    """A model's serving signature as a function from a batch to its output.

    Attributes:
        input_shape: as the model declares it, batch axis first; None is any length. Of
            several inputs, one a column, it is (None, columns).
        labels: None: the file does not name the classes.
    """

    labels = None

    def __init__(self, path: Path) -> None:
        # A SavedModel is a program: load only folders that you trust.
        self._saved = tf.saved_model.load(path)
        self._signature = self._saved.signatures["serving_default"]
        _, inputs = self._signature.structured_input_signature
        self._inputs = sorted(inputs.items())
        self.input_shape = tuple(self._inputs[0][1].shape)
        if len(inputs) > 1:
            self.input_shape = (None, len(inputs))

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the model on a batch of inputs, batch axis first."""
        columns = [batch]
        if len(self._inputs) > 1:
            columns = np.split(batch, len(self._inputs), axis=1)
        given = {
            name: _tensor(column, spec)
            for (name, spec), column in zip(self._inputs, columns, strict=True)
        }
        outputs = self._signature(**given)
        return next(iter(outputs.values())).numpy()


def _tensor(batch: np.ndarray, declared: tf.TensorSpec) -> tf.Tensor:
    """Return a batch in the dtype and with the axes that an input declares."""
    axes = len(declared.shape)
    shape = (batch.shape + (1,) * (axes - batch.ndim))[:axes]
    batch = batch.reshape(shape)
    if batch.dtype == object and declared.dtype != tf.string:
        batch = batch.astype(float)
    return tf.convert_to_tensor(batch, dtype=declared.dtype)
