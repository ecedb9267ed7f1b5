"""Run a Keras model on arrays."""

import os
from pathlib import Path

# oneDNN's own allocator keeps what is freed: up to twice the weights.
os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "1")

import keras
import numpy as np


class Model:
    """A model as a function from a batch to its output.

    Attributes:
        input_shape: as the model declares it, batch axis first; None is any length. Of
            several inputs, one a column in their order, it is (None, columns).
        labels: None: the file does not name the classes.
    """

    labels = None

    def __init__(self, path: Path) -> None:
        # Safe mode refuses code hidden in the file, such as a Lambda layer's.
        self._model = keras.saving.load_model(path, compile=False, safe_mode=True)
        self._inputs = self._model.inputs
        self._names: list[str] = []  # of columns that go in as a dictionary
        if len(self._inputs) > 1 and isinstance(self._model.input, dict):
            self._names = [*self._model.input]  # of which model.inputs is sorted
            self._inputs = [*self._model.input.values()]
        # The batch may be declared as that of the last training, which binds nobody.
        self.input_shape = (None, *self._inputs[0].shape[1:])
        if len(self._inputs) > 1:
            self.input_shape = (None, len(self._inputs))
        # Compiled it runs several times as fast; a free size has no compiled form.
        has_text = "string" in {each.dtype for each in self._inputs}
        self._compiled = not has_text and None not in self.input_shape[1:]
        if self._compiled:  # which takes a second or two, so not at the first request
            self(np.zeros((1, *self.input_shape[1:])))

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the model on a batch of inputs, batch axis first."""
        columns = [batch]
        if len(self._inputs) > 1:
            columns = np.split(batch, len(self._inputs), axis=1)
        inputs = [
            _tensor(column, declared)
            for declared, column in zip(self._inputs, columns, strict=True)
        ]
        given = inputs[0] if len(inputs) == 1 else inputs
        if self._names:
            given = dict(zip(self._names, inputs, strict=True))
        if self._compiled:
            return self._model.predict_on_batch(given)
        return keras.ops.convert_to_numpy(self._model(given, training=False))


def _tensor(batch: np.ndarray, declared: keras.KerasTensor) -> object:
    """Return a batch in the dtype and with the axes that an input declares."""
    axes = len(declared.shape)
    batch = batch.reshape((batch.shape + (1,) * (axes - batch.ndim))[:axes])
    if declared.dtype == "string":
        batch = batch.tolist()
    elif batch.dtype == object:
        batch = batch.astype(float)
    return keras.ops.convert_to_tensor(batch, dtype=declared.dtype)
