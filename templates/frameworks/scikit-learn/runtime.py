"""Run a scikit-learn model on arrays."""

from collections import deque
from concurrent.futures import Future
from pathlib import Path
from threading import Lock

import joblib
import numpy as np
import pandas as pd
import skops.io
from sklearn.base import BaseEstimator, ClusterMixin, is_outlier_detector
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.pipeline import Pipeline

# Packages whose types a .skops file may contain: add others that you trust.
TRUSTED = ("sklearn.", "numpy.dtype", "scipy.sparse.")


class Model:
    """A model as a function from a batch to its predictions.

    Attributes:
        input_shape: (None, number of features), or None if the model does not say.
        labels: the classes, clusters, or sides of an outlier detector, as text; empty for
            a regression and for a classifier of several targets.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix == ".skops":
            found = skops.io.get_untrusted_types(file=path)
            trusted = [name for name in found if name.startswith(TRUSTED)]
            self._estimator = skops.io.load(path, trusted=trusted)
        else:
            # A pickle runs any code in it: load only files that you trust.
            self._estimator = joblib.load(path)
        features = getattr(self._estimator, "n_features_in_", None)
        self.input_shape = (None, features) if features else None
        self._columns = getattr(self._estimator, "feature_names_in_", None)
        self._classes = _classes(self._estimator)
        self.labels = list(self._classes.values())
        self._waiting: deque[tuple[np.ndarray, Future]] = deque()
        self._turn = Lock()

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Return scores of the labels, (n, labels), or numbers, (n,) or (n, outputs).

        Without probabilities, the score of the predicted label is 1.

        A classifier of several targets returns the classes as texts, (n, outputs).

        Calls that come while another runs are run together: to scikit-learn eight rows
        are hardly more work than one.
        """
        answer = Future()
        self._waiting.append((batch, answer))
        with self._turn:
            while not answer.done():
                self._run(self._taken())
        return answer.result()

    def _taken(self) -> list[tuple[np.ndarray, Future]]:
        """Take the waiting calls of one dtype and width."""
        calls = [self._waiting.popleft()]
        kind = calls[0][0].dtype, calls[0][0].shape[1:]
        while self._waiting:
            batch = self._waiting[0][0]
            if (batch.dtype, batch.shape[1:]) != kind:
                break
            calls.append(self._waiting.popleft())
        return calls

    def _run(self, calls: list[tuple[np.ndarray, Future]]) -> None:
        """Answer several calls with one prediction; if it fails, each by itself."""
        try:
            output = self._predict(np.concatenate([batch for batch, _ in calls]))
        except Exception as error:  # noqa: BLE001, the caller gets it
            if len(calls) > 1:
                for call in calls:
                    self._run([call])
            else:
                calls[0][1].set_exception(error)
        else:
            ends = np.cumsum([len(batch) for batch, _ in calls])[:-1]
            for (_, answer), part in zip(calls, np.split(output, ends), strict=True):
                answer.set_result(part)

    def _predict(self, batch: np.ndarray) -> np.ndarray:
        if self._columns is not None:  # fitted on a table, it needs one
            batch = pd.DataFrame(batch, columns=self._columns).infer_objects()
{% if not (cookiecutter | project).model.answers_class %}
        if self.labels and hasattr(self._estimator, "predict_proba"):
            return self._estimator.predict_proba(batch)
{% endif %}
        predicted = self._estimator.predict(batch)
        if self.labels:
            return np.equal.outer(predicted, list(self._classes)).astype(float)
        return predicted if predicted.dtype.kind == "f" else predicted.astype(str)


def _classes(estimator: BaseEstimator) -> dict[object, str]:
    """Return the values that an estimator predicts, with their labels.

    Numbers have none, and the classes of several targets neither.
    """
    classes = getattr(estimator, "classes_", ())
    if len(classes):
        several = isinstance(classes, list)
        return {} if several else {value: str(value) for value in classes}
    if is_outlier_detector(estimator):
        return {-1: "outlier", 1: "inlier"}
    last = getattr(estimator, "best_estimator_", estimator)
    last = last[-1] if isinstance(last, Pipeline) else last
    if isinstance(last, ClusterMixin):
        return {value: f"cluster {value}" for value in np.unique(last.labels_)}
    if isinstance(last, GaussianMixture | BayesianGaussianMixture):
        return {value: f"cluster {value}" for value in range(last.n_components)}
    return {}
