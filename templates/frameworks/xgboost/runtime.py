"""Run an XGBoost model on arrays."""

import json
import re
from itertools import pairwise
from pathlib import Path
from threading import Lock

import numpy as np
import xgboost


class Model:
    """A model as a function from a batch to its predictions.

    Attributes:
        input_shape: (None, number of features).
        labels: the classes, as text: "0", "1" and so on; empty for a regression.
    """

    def __init__(self, path: Path) -> None:
        self._booster = xgboost.Booster(model_file=path)
        self._lock = Lock()  # not every booster is thread-safe
        learner = json.loads(self._booster.save_config())["learner"]
        sizes = learner["learner_model_param"]
        self._objective = learner["objective"]["name"]
        self.input_shape = (None, self._booster.num_features())
        is_multilabel = int(sizes["num_target"]) > 1
        is_binary = self._objective in ("binary:logistic", "binary:hinge")
        classes = 2 if is_binary and not is_multilabel else int(sizes["num_class"])
        is_classifier = is_binary or self._objective.startswith("multi:")
        self.labels = [str(n) for n in range(classes)] if is_classifier else []
        # Up to the best iteration, if its training stopped early; (0, 0) is all.
        best = int(self._booster.attr("best_iteration") or -1)
        is_linear = learner["gradient_booster"]["name"] == "gblinear"
        self._iterations = (0, 0 if is_linear else best + 1)
        self._categories = self._read_categories()

    def _read_categories(self) -> dict[int, dict[float | str, int]]:
        """Return the codes of the categories, by column.

        They are looked up here: XGBoost 3.2 may take an unknown one for another.
        """
        if "c" not in (self._booster.feature_types or ()):
            return {}
        content = self._booster.save_raw("json")
        found = re.search(rb'"enc":(\[.*?\]),"feature_segments"', content)
        categories = {}
        for column, stored in enumerate(json.loads(found[1]) if found else ()):
            names = stored["values"]
            if "offsets" in stored:  # strings, concatenated as UTF-8
                text = bytes(value % 256 for value in names)
                names = [text[i:j].decode() for i, j in pairwise(stored["offsets"])]
            if names:
                categories[column] = {name: code for code, name in enumerate(names)}
        return categories

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Return class probabilities, (n, classes), or numbers, (n,) or (n, outputs).

        For two classes it is the probability of the second, (n,). NaN is a missing value.

        Raises:
            ValueError: a value is not one of its column's categories.
        """
        batch = np.array(batch)
        for column, codes in self._categories.items():
            batch[:, column] = [self._code(v, codes, column) for v in batch[:, column]]
        rows = xgboost.DMatrix(
            batch.astype(np.float32),
            feature_names=self._booster.feature_names,
            feature_types=self._booster.feature_types,
        )
        is_softmax = self._objective == "multi:softmax"  # it predicts only the class
        with self._lock:
            output = self._booster.predict(
                rows, output_margin=is_softmax, iteration_range=self._iterations
            )
        if is_softmax:
            output = np.exp(output - output.max(axis=1, keepdims=True))
            output /= output.sum(axis=1, keepdims=True)
        return output

    def _code(self, value: float | str, codes: dict, column: int) -> float:
        if value in codes:
            return codes[value]
        if value is None or (isinstance(value, float) and np.isnan(value)):
            return np.nan  # missing
        name = (self._booster.feature_names or range(column + 1))[column]
        raise ValueError(
            f"{name}: {value!r} is not one of {', '.join(map(str, codes))}"
        )
