"""Run an ONNX model on arrays."""

import os
from pathlib import Path

import numpy as np
import onnxruntime

{% if (cookiecutter | project).host.tier.class == "gpu" %}
onnxruntime.preload_dlls()  # CUDA and cuDNN are packages here, not the system's
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
{% else %}
PROVIDERS = ("CPUExecutionProvider",)
{% endif %}
FLOATS = ("tensor(float16)", "tensor(float)", "tensor(double)")
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
    """A model as a function from a batch to its scores, or its first output.

    Attributes:
        input_shape: as the model declares it, batch axis first; None is any length.
        labels: None: the file does not name the classes.
    """

    labels = None

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
        self._session = onnxruntime.InferenceSession(path, options, PROVIDERS)
        declared = self._session.get_inputs()[0]
        self._name, self._dtype = declared.name, DTYPES[declared.type]
        self.input_shape = tuple(
            n if isinstance(n, int) else None for n in declared.shape
        )
        # A scikit-learn classifier gives the class first, and then the probabilities.
        outputs = self._session.get_outputs()
        self._output = next((o for o in outputs if o.type in FLOATS), outputs[0]).name

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the model on a batch of inputs, batch axis first."""
        batch = np.asarray(batch, self._dtype)
        missing_axes = len(self.input_shape) - batch.ndim
        batch = batch.reshape(batch.shape + (1,) * missing_axes)
        return self._session.run([self._output], {self._name: batch})[0]
