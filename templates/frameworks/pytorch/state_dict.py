{% set flat = (cookiecutter | project).model.flat %}
"""Run a PyTorch model, saved as its weights alone, on arrays."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from architecture import build

# Of a checkpoint's weights, the first that it has.
KEYS = ("state_dict", "model_state_dict", "model", "net", "weights", "params")
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
        self._module = build()
        self._module.load_state_dict(_unwrap(_read(path), self._module))
        self._module.to(DEVICE).eval()

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the model on a batch of inputs, batch axis first."""
        inputs = torch.as_tensor(batch, dtype=torch.float32, device=DEVICE)
        with torch.inference_mode():
            output = self._module(inputs)
        if not isinstance(output, torch.Tensor):
            raise TypeError(f"return a tensor from forward(), not {type(output)}")
        return output.float().cpu().numpy()


def _read(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a state dict, of a checkpoint or a safetensors file."""
    if path.suffix == ".safetensors":
        return load_file(path)
    weights = torch.load(path, map_location="cpu", weights_only=True)
    if any(isinstance(value, torch.Tensor) for value in weights.values()):
        return weights
    return next(weights[key] for key in KEYS if key in weights)


def _unwrap(
    weights: dict[str, torch.Tensor], module: torch.nn.Module
) -> dict[str, torch.Tensor]:
    """Return a state dict without the prefix of a wrapper.

    DataParallel puts "module." before each name, torch.compile "_orig_mod.", and
    Lightning the attribute that holds the network.
    """
    names = module.state_dict().keys()
    while names.isdisjoint(weights) and all("." in name for name in weights):
        weights = {name.partition(".")[2]: w for name, w in weights.items()}
    return weights
