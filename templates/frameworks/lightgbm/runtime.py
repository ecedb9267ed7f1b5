"""Run a LightGBM model on arrays."""

import re
from pathlib import Path

import lightgbm
import numpy as np


class Model:
    """A model as a function from a batch to its predictions.

    Attributes:
        input_shape: (None, number of features).
        labels: the classes, as text: "0", "1" and so on; empty for a regression.
    """

    def __init__(self, path: Path) -> None:
        # As text, for Git on Windows may have changed the line ends, which are counted.
        text = path.read_text("utf-8")
        self._booster = lightgbm.Booster(model_str=text)
        self.input_shape = (None, self._booster.num_feature())
        header = dict(
            line.partition("=")[::2] for line in text.partition("\n\n")[0].split("\n")
        )
        self._objective = header["objective"].partition(" ")[0]
        classes = {
            "binary": 2,
            "multiclass": int(header["num_class"]),
            "multiclassova": int(header["num_class"]),
        }
        self.labels = [str(n) for n in range(classes.get(self._objective, 0))]
        self._names = self._booster.feature_name()
        self._categories = self._read_categories(header["feature_infos"].split(" "))

    def _read_categories(self, infos: list[str]) -> dict[int, dict[float | str, int]]:
        """Return the codes of the categories, by column."""
        columns = {n for n, info in enumerate(infos) if re.match(r"-?\d", info)}
        # A constant one is named only by the parameters.
        columns |= {*(self._booster.params.get("categorical_feature") or ())}
        return {
            column: {name: code for code, name in enumerate(names)}
            for column, names in zip(
                sorted(columns), self._booster.pandas_categorical or (), strict=False
            )
        }

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Return class probabilities, (n, classes), or numbers, (n,).

        For two classes it is the probability of the second, (n,). NaN is a missing value.

        Raises:
            ValueError: a value is not one of its column's categories.
        """
        batch = np.array(batch)
        for column, codes in self._categories.items():
            batch[:, column] = [self._code(v, codes, column) for v in batch[:, column]]
        output = self._booster.predict(batch.astype(np.float64))
        if self._objective == "multiclassova":  # independent probabilities
            output /= output.sum(axis=1, keepdims=True)
        return output

    def _code(self, value: float | str, codes: dict, column: int) -> float:
        if value in codes:
            return codes[value]
        if value is None or (isinstance(value, float) and np.isnan(value)):
            return np.nan  # missing
        raise ValueError(
            f"{self._names[column]}: {value!r} is not one of {', '.join(map(str, codes))}"
        )
