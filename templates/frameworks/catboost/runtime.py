"""Run a CatBoost model on arrays."""

import json
from pathlib import Path

import catboost
import numpy as np

CLASSES = {"Logloss", "CrossEntropy", "Focal", "MultiClass", "MultiClassOneVsAll"}
LABELS = {"MultiLogloss", "MultiCrossEntropy"}  # several at once
KINDS = {  # of numbers, as CatBoostRegressor predicts them
    "Poisson": "Exponent",
    "Tweedie": "Exponent",
    "RMSEWithUncertainty": "RMSEWithUncertainty",
}


class Model:
    """A model as a function from a batch to its predictions.

    Attributes:
        input_shape: (None, number of features).
        labels: the classes, as text; empty for a regression.
    """

    def __init__(self, path: Path) -> None:
        self._model = catboost.CatBoost().load_model(path)
        params = json.loads(self._model.get_metadata()["params"])
        self._loss = params["loss_function"]["type"]
        is_classifier = self._loss in CLASSES
        self.labels = [str(n) for n in self._model.classes_] if is_classifier else []
        self.input_shape = (None, len(self._model.feature_names_))
        self._categorical = self._model.get_cat_feature_indices()

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Return class probabilities, (n, classes), or numbers, (n,) or (n, outputs).

        NaN is a missing number. A category is a text or a whole number; one that the
        training did not see is none of those that it saw.

        Raises:
            ValueError: a number is not one, or a category is missing.
        """
        is_probability = self._loss in CLASSES | LABELS
        output = self._model.predict(
            self._rows(batch),
            "Probability" if is_probability else KINDS.get(self._loss, "RawFormulaVal"),
            thread_count=1,  # more take longer to start than a row takes
        )
        if self._loss == "MultiClassOneVsAll":  # independent probabilities
            output /= output.sum(axis=1, keepdims=True)
        return output

    def _rows(self, batch: np.ndarray) -> np.ndarray:
        """Return the rows as CatBoost takes them: categories are texts."""
        if not self._categorical:
            return np.array(batch, np.float32)
        rows = np.array(batch, object)
        for column in range(rows.shape[1]):
            kind = self._category if column in self._categorical else np.float64
            rows[:, column] = [kind(value) for value in rows[:, column]]
        return rows

    def _category(self, value: float | str) -> str:
        if isinstance(value, str):
            return value
        if value is None or np.isnan(value):
            raise ValueError("a category is missing: enter the text of the training")
        return f"{value:.0f}" if value == int(value) else str(value)
