"""Run a PyTorch model, saved as its weights alone, on arrays."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from architecture import build

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Model:
    """A model as a function from a batch to its output.

    Attributes:
        input_shape, labels: None: the file declares neither.
    """

    input_shape = None
    labels = None

    def __init__(self, path: Path) -> None:
        if path.suffix == ".safetensors":
            weights = load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
        self._module = build()
        self._module.load_state_dict(weights)
        self._module.to(DEVICE).eval()

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the model on a batch of inputs, batch axis first."""
        inputs = torch.as_tensor(batch, dtype=torch.float32, device=DEVICE)
        with torch.inference_mode():
            return self._module(inputs).cpu().numpy()
