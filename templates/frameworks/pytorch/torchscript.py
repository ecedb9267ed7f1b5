{% set flat = (cookiecutter | project).model.flat %}
"""Run a PyTorch model, saved as TorchScript, on arrays."""

from pathlib import Path

import numpy as np
import torch

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Model:
    """A model as a function from a batch to its output.

    Attributes:
{% if flat %}
        input_shape: (None, {{ flat }}), by the first layer: a batch of flat inputs.
        labels: None: the file does not name the classes.
{% else %}
        input_shape, labels: None: the file declares neither.
{% endif %}
    """

    input_shape = {{ (none, flat) | py if flat else "None" }}
    labels = None

    def __init__(self, path: Path) -> None:
        # TorchScript is a program: load only files that you trust.
{% if (cookiecutter | project).host.tier.class == "zero" %}
        module = torch.jit.load(path, map_location="cpu")
        self._module = module.to(DEVICE).eval()  # ZeroGPU sees only what is moved
{% else %}
        self._module = torch.jit.load(path, map_location=DEVICE).eval()
{% endif %}
        floats = (p.dtype for p in self._module.parameters() if p.is_floating_point())
        self._dtype = next(floats, torch.float32)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the model on a batch of inputs, batch axis first."""
        inputs = torch.as_tensor(batch, dtype=self._dtype, device=DEVICE)
        with torch.inference_mode():
            output = self._module(inputs)
        if not isinstance(output, torch.Tensor):
            raise TypeError(f"return a tensor from forward(), not {type(output)}")
        return output.float().cpu().numpy()
