{% set project = cookiecutter | project %}
{% set model = project.model %}
"""Run an ONNX model on arrays."""

import os
{% if model.needs %}
import tempfile
{% endif %}
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NoKernel

{% if project.host.tier.class == "gpu" %}
onnxruntime.preload_dlls()  # CUDA and cuDNN are packages here, not the system's
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
{% else %}
PROVIDERS = ("CPUExecutionProvider",)
{% endif %}
{% if model.output %}
OUTPUT = {{ model.output | py }}  # that is used, of several
{% endif %}
{% if model.classes %}
# The classes, one of which that output is.
CLASSES = {{ model.classes | list | py_block }}
{% endif %}
# NumPy's names, where they are not the same: "tensor(int64)" is "int64".
DTYPES = {"float": "float32", "double": "float64", "string": "object"}
{% if model.needs %}

# The model's texts need a locale that few systems have; the C library's own will do.
UTF8 = Path("/usr/lib/locale/C.utf8")
if UTF8.exists():
    locales = Path(tempfile.mkdtemp())
{% for name in model.needs %}
    (locales / {{ name | py }}).symlink_to(UTF8)
{% endfor %}
    os.environ.setdefault("LOCPATH", str(locales))
{% endif %}


class Model:
    """A model as a function from a batch to its scores, or its first output.

    Attributes:
        input_shape: as the model declares it, batch axis first; None is any length. Of
            several inputs, one a column, it is (None, columns).
        labels: None: the file does not name the classes.
    """

    labels = None

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
        # Sums of products of bytes overflow on x64 without VNNI, if the weights are signed.
        options.add_session_config_entry("session.x64quantprecision", "1")
        try:
            self._session = onnxruntime.InferenceSession(path, options, PROVIDERS)
        except NoKernel:  # of signed inputs, whose sums don't overflow
            options.add_session_config_entry("session.x64quantprecision", "0")
            self._session = onnxruntime.InferenceSession(path, options, PROVIDERS)
        self._inputs = self._session.get_inputs()
        size, *axes = self._inputs[0].shape
        self._fixed = size if isinstance(size, int) else 1
        if len(self._inputs) > 1:
            axes = [len(self._inputs)]
        axes = (n if isinstance(n, int) else None for n in axes)
        self.input_shape = (None, *axes)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the model on a batch of inputs, batch axis first."""
        size = len(batch)
        if self._fixed > size:  # the model runs so many at once: fill up with copies
            batch = np.repeat(batch, self._fixed, axis=0)[: self._fixed]
        columns = [batch]
        if len(self._inputs) > 1:
            columns = np.split(batch, len(self._inputs), axis=1)
        feed = {
            declared.name: _fit(column, declared)
            for declared, column in zip(self._inputs, columns, strict=True)
        }
{% if model.output %}
        output = self._session.run([OUTPUT], feed)[0]
{% else %}
        output = self._session.run(None, feed)[0]
{% endif %}
{% if model.classes %}
        output = np.equal.outer(np.ravel(output).astype(str), CLASSES).astype(float)
{% endif %}
        if isinstance(output, list):  # a score by the name of each class, by skl2onnx
            output = [[scores[name] for name in sorted(scores)] for scores in output]
        return np.asarray(output)[:size]


def _fit(batch: np.ndarray, declared: onnxruntime.NodeArg) -> np.ndarray:
    """Return a batch in the dtype and with the axes that an input declares."""
    name = declared.type.removeprefix("tensor(").removesuffix(")")
    dtype = np.dtype(DTYPES.get(name, name))
    if np.issubdtype(dtype, np.integer) and not np.issubdtype(batch.dtype, np.integer):
        batch = _integers(np.rint(batch.astype(float)), dtype)
    missing_axes = len(declared.shape) - batch.ndim
    shape = batch.shape + (1,) * missing_axes if missing_axes > 0 else batch.shape
    return batch.astype(dtype).reshape(shape[: len(declared.shape)])


def _integers(whole: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return whole numbers in a dtype of integers, which may not have them all."""
    with np.errstate(invalid="ignore"):
        found = whole.astype(dtype)
    if (odd := whole[found != whole]).size:
        raise ValueError(f"{odd[0]} is out of the range of {dtype}")
    return found
