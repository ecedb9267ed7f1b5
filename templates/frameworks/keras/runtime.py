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
        input_shape: as the model declares it, batch axis first; None is any length.
        labels: None: the file does not name the classes.
    """

    labels = None

    def __init__(self, path: Path) -> None:
        # Safe mode refuses code hidden in the file, such as a Lambda layer's.
        self._model = keras.saving.load_model(path, compile=False, safe_mode=True)
        self._dtype = self._model.inputs[0].dtype
        self.input_shape = self._model.inputs[0].shape
        # Compiled it runs several times as fast; a free size has no compiled form.
        self._compiled = self._dtype != "string" and None not in self.input_shape[1:]
        if self._compiled:  # which takes a second or two, so not at the first request
            self(np.zeros((1, *self.input_shape[1:])))

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the model on a batch of inputs, batch axis first."""
        if self._dtype == "string":
            batch = batch.tolist()
        inputs = keras.ops.convert_to_tensor(batch, dtype=self._dtype)
        if self._compiled:
            return self._model.predict_on_batch(inputs)
        return keras.ops.convert_to_numpy(self._model(inputs, training=False))
