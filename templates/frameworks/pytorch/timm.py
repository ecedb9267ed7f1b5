"""Run a picture classifier of timm, with its own transform, on arrays."""

from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_model_data_config

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Model:
    """A model as a function from a batch of pictures to logits.

    Attributes:
        input_shape: pictures of any size, which the transform scales and crops.
        labels: None: labels.txt has the names that config.json has.
    """

    input_shape = (None, None, None, 3)
    labels = None

    def __init__(self, path: Path) -> None:
        model = timm.create_model(f"local-dir:{path}", pretrained=True)
        self._transform = create_transform(**resolve_model_data_config(model))
        self._model = model.to(DEVICE).eval()

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the model on a batch of RGB pictures, 0 to 255.

        Returns:
            The logits of the classes, (n, classes).
        """
        pictures = map(Image.fromarray, batch.round().astype(np.uint8))
        inputs = torch.stack([self._transform(picture) for picture in pictures])
        with torch.inference_mode():
            return self._model(inputs.to(DEVICE)).float().cpu().numpy()
