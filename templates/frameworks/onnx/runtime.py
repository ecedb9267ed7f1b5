"""Run an ONNX model on arrays."""

from ast import literal_eval
from pathlib import Path

import numpy as np
import onnxruntime

DTYPES = {
    "tensor(float16)": np.float16,
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(string)": object,
}


class Model:
    """A model as a function from a batch to its first output.

    Attributes:
        input_shape: as the model declares it, batch axis first; None is any length.
        labels: the names of the classes, if the model carries them.
    """

    def __init__(self, path: Path) -> None:
        self._session = onnxruntime.InferenceSession(
            path, providers=onnxruntime.get_available_providers()
        )
        declared = self._session.get_inputs()[0]
        self._name, self._dtype = declared.name, DTYPES[declared.type]
        self.input_shape = tuple(
            n if isinstance(n, int) else None for n in declared.shape
        )
        names = self._session.get_modelmeta().custom_metadata_map.get("names")
        self.labels = tuple(literal_eval(names).values()) if names else ()

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the model on a batch of inputs, batch axis first."""
        batch = np.asarray(batch, self._dtype)
        missing_axes = len(self.input_shape) - batch.ndim
        batch = batch.reshape(batch.shape + (1,) * missing_axes)
        return self._session.run(None, {self._name: batch})[0]
