"""Run a scikit-learn model on arrays."""

from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import skops.io

# Packages whose types a .skops file may hold: name more if you trust them.
TRUSTED = ("sklearn.",)


class Model:
    """A model as a function from a batch to its predictions.

    Attributes:
        input_shape: (None, number of features), or None if the model does not tell.
        labels: the classes, as text; empty for a regression.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix == ".skops":
            found = skops.io.get_untrusted_types(file=path)
            trusted = [name for name in found if name.startswith(TRUSTED)]
            self._estimator = skops.io.load(path, trusted=trusted)
        else:
            # A pickle runs whatever code it holds: load only files that you trust.
            self._estimator = joblib.load(path)
        features = getattr(self._estimator, "n_features_in_", None)
        self.input_shape = (None, features) if features else None
        self._columns = getattr(self._estimator, "feature_names_in_", None)
        self.labels = [str(name) for name in getattr(self._estimator, "classes_", ())]

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Return class probabilities, (n, classes), or numbers, (n,) or (n, outputs)."""
        if self._columns is not None:  # it was fitted on a table, and asks for one
            batch = pd.DataFrame(batch, columns=self._columns).infer_objects()
        if hasattr(self._estimator, "predict_proba"):
            return self._estimator.predict_proba(batch)
        predicted = self._estimator.predict(batch)
        if hasattr(self._estimator, "classes_"):
            return np.equal.outer(predicted, self._estimator.classes_).astype(float)
        return predicted
