"""Run a picture classifier of transformers, with its own image processor, on arrays."""

from pathlib import Path

import numpy as np
import torch
from transformers import AutoImageProcessor, AutoModelForImageClassification

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Model:
    """A model as a function from a batch of pictures to probabilities.

    Attributes:
        input_shape: pictures of any size, which the image processor scales and crops.
        labels: names of the classes, from id2label in config.json.
    """

    input_shape = (None, None, None, 3)

    def __init__(self, path: Path) -> None:
        self._processor = AutoImageProcessor.from_pretrained(
            path, local_files_only=True
        )
        model, info = AutoModelForImageClassification.from_pretrained(
            path, local_files_only=True, dtype=torch.float32, output_loading_info=True
        )
        if info["missing_keys"]:  # which would be filled with random numbers
            raise ValueError(f"the file has no {sorted(info['missing_keys'])[:5]}")
        self._model = model.to(DEVICE).eval()
        self.labels = [model.config.id2label[n] for n in range(model.config.num_labels)]

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the model on a batch of RGB pictures, 0 to 255.

        Returns:
            The probabilities of the classes, (n, classes), or of each label by itself.
        """
        pictures = list(batch.round().astype(np.uint8))
        inputs = self._processor(pictures, return_tensors="pt")
        with torch.inference_mode():
            logits = self._model(**inputs.to(DEVICE)).logits
        several = self._model.config.problem_type == "multi_label_classification"
        return (logits.sigmoid() if several else logits.softmax(1)).cpu().numpy()
