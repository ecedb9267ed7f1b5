"""CatBoost: models as save_model writes them, in the format cbm.

Such a file is CBM1, a size, a FlatBuffer of that size, and parts such as the statistics of
categories. Numbers of fields are from catboost/libs/model/flatbuffers of its sources.
"""

import json
import re
from pathlib import Path
from struct import Struct

from .common import CALL, Unusable

CONVERT = (
    "catboost.CatBoost().load_model('model.json', format='json').save_model('model.cbm'), and give "
    "that file"
)
LOCKED = (1, 2)  # the version that runs them, as in templates/requirements
MOST = 100_000  # entries of a list that is read
CLASSES = {"Logloss", "CrossEntropy", "Focal", "MultiClass", "MultiClassOneVsAll"}  # losses
LABELS = {"MultiLogloss", "MultiCrossEntropy"}
RANKS = {
    "PairLogit", "PairLogitPairwise", "YetiRank", "YetiRankPairwise", "LambdaMart", "QueryRMSE",
    "QuerySoftMax", "QueryCrossEntropy", "StochasticFilter", "StochasticRank", "GroupQuantile",
}  # fmt: skip
NUMBERS = {
    "RMSE", "MAE", "Quantile", "MultiQuantile", "LogLinQuantile", "Poisson", "MAPE", "Lq", "Huber",
    "Expectile", "Tweedie", "LogCosh", "RMSEWithUncertainty", "MultiRMSE",
    "MultiRMSEWithMissingValues", "Cox", "SurvivalAft",
}  # fmt: skip
NOTES = {  # on the outputs of a loss
    "MultiClassOneVsAll": "It predicts an independent probability for each class "
    "(MultiClassOneVsAll): the page shows them divided by their sum.",
    "RMSEWithUncertainty": "It predicts two numbers, the mean and the variance.",
    "Cox": "Its loss, Cox, predicts the logarithm of a hazard ratio.",
    "SurvivalAft": "Its loss, SurvivalAft, predicts the logarithm of a time.",
    **dict.fromkeys(
        RANKS, "It ranks: its scores compare rows with each other and mean nothing by themselves."
    ),
}
FLOATS, CATEGORIES, ONE_HOT, TEXTS, EMBEDDINGS = 5, 4, 6, 12, 18  # fields of the trees
FLOAT, INT, SIZE, OFFSET = Struct("<f"), Struct("<i"), Struct("<I"), Struct("<H")


class Table:
    """A table of a FlatBuffer, by the numbers of its fields."""

    def __init__(self, data, at: int):
        self._data, self._at = data, at
        self._fields = at - INT.unpack_from(data, at)[0]

    def _find(self, field: int) -> int | None:
        """Return the offset of a field; None if it is absent."""
        if 4 + 2 * field >= OFFSET.unpack_from(self._data, self._fields)[0]:
            return None
        offset = OFFSET.unpack_from(self._data, self._fields + 4 + 2 * field)[0]
        return self._at + offset if offset else None

    def number(self, field: int, default: int) -> int:
        """Return an integer."""
        at = self._find(field)
        return default if at is None else INT.unpack_from(self._data, at)[0]

    def text(self, field: int) -> str:
        """Return a text."""
        at = self._find(field)
        return "" if at is None else _text(self._data, at)

    def table(self, field: int) -> "Table":
        """Return a table."""
        return Table(self._data, _target(self._data, self._find(field)))

    def floats(self, field: int) -> list[float]:
        """Return a list of floats."""
        return [FLOAT.unpack_from(self._data, at)[0] for at in self._items(field)]

    def texts(self, field: int) -> list[str]:
        """Return a list of texts."""
        return [_text(self._data, at) for at in self._items(field)]

    def tables(self, field: int) -> "list[Table]":
        """Return a list of tables."""
        return [Table(self._data, _target(self._data, at)) for at in self._items(field)]

    def _items(self, field: int) -> range:
        at = self._find(field)
        if at is None:
            return range(0)
        at = _target(self._data, at)
        (count,) = SIZE.unpack_from(self._data, at)
        if count > MOST:
            raise OverflowError("a part that is too large")
        return range(at + 4, at + 4 + 4 * count, 4)


def _target(data, at: int) -> int:
    return at + SIZE.unpack_from(data, at)[0]


def _text(data, at: int) -> str:
    at = _target(data, at)
    (size,) = SIZE.unpack_from(data, at)
    if size > len(data) - at - 4:
        raise ValueError("cut short")
    return data[at + 4 : at + 4 + size].decode()


def cbm(data, path: Path) -> dict:
    """Read a model."""
    core, end = Table(data, _target(data, 8)), 8 + SIZE.unpack_from(data, 4)[0]
    trees, info = core.table(1), {each.text(0): each.text(1) for each in core.tables(2)}
    params = json.loads(info.get("params", "{}"))
    loss = params.get("loss_function", {}).get("type", "")
    _refuse(path, core.text(0), info.get("catboost_version_info", ""), loss)
    _refuse_columns(path, trees)
    _check_end(data, end, core.texts(3))
    numeric, categorical = trees.tables(FLOATS), trees.tables(CATEGORIES)
    first = _first_categories(trees)
    names, values = {}, {}
    for column in numeric:
        names[column.number(2, -1)] = column.text(4)
        values[column.number(2, -1)] = _middle(column.floats(3))
    for column in categorical:
        names[column.number(1, -1)] = column.text(2)
        values[column.number(1, -1)] = first.get(column.number(0, -1), "a")
    count = len(names)
    if sorted(names) != list(range(count)):
        raise ValueError("its columns are not 0, 1, ...")

    features = tuple(names[n] for n in range(count))
    unnamed = all(name in ("", str(n)) for n, name in enumerate(features))
    notes = [NOTES[loss]] if loss in NOTES else []
    outputs = trees.number(0, 1)
    if loss in LABELS:
        notes.append(
            f"It predicts an independent probability for each of {outputs} labels: the page shows "
            "numbers."
        )
    if categorical:
        columns = ", ".join(column.text(2) or str(column.number(1, -1)) for column in categorical)
        notes.append(
            f"Its categorical columns ({columns}) take texts, and the file does not hold all of "
            "them: put your own into FEATURES in model.py. One that the training did not see is "
            "answered too, as an unknown one."
        )
    classes = json.loads(info.get("class_params", "{}"))
    kind = float if classes.get("class_label_type") == "Float" else lambda name: name
    return {
        "inputs": [("row", "float32", (None, count))],
        "features": () if unnamed else tuple(n or f"column {i}" for i, n in enumerate(features)),
        "n_features": count,
        "values": tuple(values[n] for n in range(count)),
        "labels": tuple(str(kind(name)) for name in classes.get("class_names", ()))
        if loss in CLASSES
        else (),
        "n_outputs": outputs if loss in CLASSES else None,
        "name": loss,
        "notes": notes,
    }


def _refuse(path: Path, form: str, version: str, loss: str) -> None:
    """Refuse a version that was not compared, and numbers of unknown meaning."""
    found = re.search(r"Branch: tags/v(\d+)\.(\d+)|CatBoost release (\d+)\.(\d+)", version)
    saved = tuple(int(part) for part in found.groups() if part) if found else LOCKED
    if form != "FlabuffersModel_v1" or saved > LOCKED:
        raise Unusable(
            f"{path.name} was saved by a CatBoost newer than {'.'.join(map(str, LOCKED))}, the "
            "app's version, whose predictions have not been compared: train it with "
            "catboost==1.2.10."
        )
    if loss not in CLASSES | LABELS | RANKS | NUMBERS:
        problem = (
            f"has the loss {loss}, a custom one or one that CatBoost 1.2, the app's version, does "
            "not have"
            if loss
            else "does not tell its loss, as sums of models"
        )
        raise Unusable(
            f"{path.name} {problem}, so the meaning of its numbers is not known: train a single "
            "model with a loss of CatBoost, such as Logloss, MultiClass or RMSE."
        )


def _refuse_columns(path: Path, trees: Table) -> None:
    """Refuse columns of texts and embeddings."""
    for kind, field in (("text", TEXTS), ("embedding", EMBEDDINGS)):
        if columns := trees.tables(field):
            names = ", ".join(each.text(2) or str(each.number(1, -1)) for each in columns)
            raise Unusable(
                f"{path.name} has {kind} features ({names}), for which a row has no field here: "
                f"train it without them, or {CALL}."
            )


def _check_end(data, at: int, parts: list[str]) -> None:
    """Raise ValueError unless the file ends where its last part does."""
    if parts:  # the statistics of categories: a count, and tables with their sizes
        (count,) = SIZE.unpack_from(data, at)
        if count > MOST:
            raise OverflowError("a part that is too large")
        at += 4
        for _ in range(count):
            at = at + 4 + SIZE.unpack_from(data, at)[0]
    if at != len(data):
        raise ValueError("cut short")


def _first_categories(trees: Table) -> dict[int, str]:
    """Return a category of each column whose trees hold some, by the column's number."""
    found = {column.number(0, -1): column.texts(2) for column in trees.tables(ONE_HOT)}
    return {column: next(filter(None, names)) for column, names in found.items() if any(names)}


def _middle(borders: list[float]) -> float:
    """Return the middle one of the borders between which a column's values lie, rounded."""
    return float(f"{borders[len(borders) // 2]:.3g}") if borders else 0.0
