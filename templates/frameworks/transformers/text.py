"""Run a text classifier of transformers, with its own tokenizer, on arrays."""

from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
UNLIMITED = 10**6  # tokens; tokenizers without a limit have a larger number


class Model:
    """A model as a function from a batch of texts to probabilities.

    Attributes:
        input_shape: one text for each item of the batch.
        labels: names of the classes, from id2label in config.json.
    """

    input_shape = (None,)

    def __init__(self, path: Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        model, info = AutoModelForSequenceClassification.from_pretrained(
            path, local_files_only=True, dtype=torch.float32, output_loading_info=True
        )
        if info["missing_keys"]:  # which would be filled with random numbers
            raise ValueError(f"the file has no {sorted(info['missing_keys'])[:5]}")
        self._model = model.to(DEVICE).eval()
        self.labels = [model.config.id2label[n] for n in range(model.config.num_labels)]
        self._longest = self._tokenizer.model_max_length
        if self._longest > UNLIMITED:  # two positions are reserved in RoBERTa's family
            positions = getattr(model.config, "max_position_embeddings", None)
            self._longest = positions - 2 if positions else None

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the model on a batch of texts; the end of a longer text is cut off.

        Returns:
            The probabilities of the classes, (n, classes), or of each label by itself.
        """
        inputs = self._tokenizer(
            batch.tolist(), truncation=self._longest is not None,
            max_length=self._longest, padding=len(batch) > 1, return_tensors="pt",
        )  # fmt: skip
        with torch.inference_mode():
            logits = self._model(**inputs.to(DEVICE)).logits
        several = self._model.config.problem_type == "multi_label_classification"
        return (logits.sigmoid() if several else logits.softmax(1)).cpu().numpy()
