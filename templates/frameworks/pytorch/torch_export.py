"""Run a PyTorch model, saved by torch.export, on arrays."""

from pathlib import Path

import numpy as np
import torch

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Model:
    """A model as a function from a batch to its output.

    Attributes:
        input_shape: as the model declares it, batch axis first; None is any length.
        labels: None: the file does not name the classes.
    """

    labels = None

    def __init__(self, path: Path) -> None:
        program = torch.export.load(path)
        name = program.graph_signature.user_inputs[0]
        node = next(node for node in program.graph.nodes if node.name == name)
        self._dtype = node.meta["val"].dtype
        self.input_shape = tuple(
            n if isinstance(n, int) else None for n in node.meta["val"].shape
        )
        self._module = program.module().to(DEVICE)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the model on a batch of inputs, batch axis first."""
        inputs = torch.as_tensor(batch, dtype=self._dtype, device=DEVICE)
        with torch.inference_mode():
            return self._module(inputs).float().cpu().numpy()
