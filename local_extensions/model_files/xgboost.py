"""XGBoost: boosters as save_model writes them, in UBJSON and JSON.

The trees, most of such a file, are skipped: the key that follows them is searched for.
"""

import json
import re
import struct
from itertools import pairwise
from pathlib import Path

from .common import LIMIT, Unusable

SAVE = "load it where it was trained and save it with save_model('model.ubj')"
OLD = "with XGBoost 3.0 or older, xgboost.Booster(model_file='old.model').save_model('model.ubj')"
LOCKED = (3, 2)  # the version that runs them, as in templates/requirements
TESTED = (3, 4)  # the newest version whose models give the same answers in LOCKED
LARGE = 10_000_000  # bytes in JSON that take 100 MB of memory, by sizing/runtimes.json
CLASSES = {"binary:logistic", "binary:hinge", "multi:softprob", "multi:softmax"}  # objectives
NUMBERS = {
    "reg:squarederror", "reg:linear", "reg:squaredlogerror", "reg:pseudohubererror",
    "reg:absoluteerror", "reg:quantileerror", "reg:logistic", "reg:gamma", "reg:tweedie",
    "count:poisson", "survival:cox", "survival:aft", "rank:pairwise", "rank:ndcg", "rank:map",
    "binary:logitraw",
}  # fmt: skip
NOTES = {  # on the outputs of an objective, by the beginning of its name
    "rank": "It ranks: its scores compare rows with each other and mean nothing by themselves.",
    "binary:logitraw": "Its objective, binary:logitraw, predicts the score before the logistic "
    "function, not a probability.",
    "survival:cox": "Its objective, survival:cox, predicts a hazard ratio.",
}
FORMS = {  # format characters of struct, by the type marker of UBJSON
    b"i": "b", b"U": "B", b"I": "h", b"l": "i", b"L": "q", b"d": "f", b"D": "d",
}  # fmt: skip


def text(data, path: Path) -> dict:
    """Read a booster in JSON."""
    end = rb'\]\s*(\}\s*,\s*"name"|,\s*"weight_drop")'
    found = _booster(json.loads(_without_trees(data, rb'"trees"\s*:\s*\[', end)), path)
    if len(data) > LARGE:
        found["notes"].append(
            "Saved as .ubj it would take a sixth of the memory: save it with "
            "save_model('model.ubj')."
        )
    return found


def binary(data, path: Path) -> dict:
    """Read a booster in UBJSON."""
    start, name, weights = (re.escape(_key(key)) for key in ("trees", "name", "weight_drop"))
    end = rb"\}" + name + rb"|" + weights
    return _booster(_value(_without_trees(data, start + rb"\[", end, empty=b"]"), 0)[0], path)


def _key(name: str) -> bytes:
    return b"L" + struct.pack(">q", len(name)) + name.encode()


def _without_trees(data, start: bytes, end: bytes, empty: bytes = b"") -> bytes:
    """Return the content without its trees, between two patterns."""
    first = re.compile(start).search(data, 0, LIMIT)
    # In the last part alone: a search through gigabytes of trees takes seconds.
    last = first and re.compile(end).search(data, max(first.end(), len(data) - LIMIT // 4))
    if first and not last:
        raise ValueError("cut short")
    cut = (first.end(), last.start()) if first else (len(data), len(data))
    if len(data) - cut[1] + cut[0] > LIMIT:
        raise OverflowError("more than trees in most of it")
    return data[: cut[0]] + empty * bool(first) + data[cut[1] :]


def _value(data: bytes, at: int):
    """Return the value at an offset of UBJSON, and the offset after it."""
    kind, at = data[at : at + 1], at + 1
    if kind in FORMS:
        return _number(data, at, kind)
    if kind == b"S":
        return _text(data, at)
    if kind in (b"T", b"F", b"Z"):
        return {b"T": True, b"F": False, b"Z": None}[kind], at
    if kind == b"{":
        return _object(data, at)
    if kind == b"[":
        return _array(data, at)
    raise ValueError("not UBJSON")


def _number(data: bytes, at: int, kind: bytes):
    form = struct.Struct(">" + FORMS[kind])
    return form.unpack_from(data, at)[0], at + form.size


def _text(data: bytes, at: int):
    size, at = _value(data, at)
    return data[at : at + _count(size, data)].decode(), at + size


def _count(number: int, data: bytes) -> int:
    """Validate a length or count: it is at most the size of the file in bytes."""
    if not 0 <= number <= len(data):
        raise ValueError("cut short")
    return number


def _object(data: bytes, at: int):
    found = {}
    while data[at : at + 1] != b"}":
        name, at = _text(data, at)
        found[name], at = _value(data, at)
    return found, at + 1


def _array(data: bytes, at: int):
    """Return an array: with a type and a count, with a count, or with an end."""
    found, kind = [], b""
    if data[at : at + 1] == b"$":
        kind, at = data[at + 1 : at + 2], at + 2
    if data[at : at + 1] == b"#":
        count, at = _value(data, at + 1)
        for _ in range(_count(count, data)):
            value, at = _number(data, at, kind) if kind else _value(data, at)
            found.append(value)
        return found, at
    while data[at : at + 1] != b"]":
        value, at = _value(data, at)
        found.append(value)
    return found, at + 1


def _booster(model: dict, path: Path) -> dict:
    """Return the metadata of a booster."""
    learner, version = model["learner"], model["version"]
    booster = learner["gradient_booster"]
    content = booster.get("gbtree", booster).get("model")  # dart has a gbtree in it
    if content is None:
        raise Unusable(
            f"{path.name} has the configuration of an XGBoost model but not its trees: {SAVE}."
        )
    sizes, attributes = learner["learner_model_param"], learner.get("attributes", {})
    count = int(sizes["num_feature"])
    scores = int(sizes.get("num_class", 0)) or int(sizes.get("num_target", 1))
    objective, wrapper = (
        learner["objective"]["name"],
        json.loads(attributes.get("scikit_learn", "{}")),
    )
    _refuse(path, objective, wrapper)
    _refuse_version(path, version, booster, scores)
    several = objective.startswith("binary:") and scores > 1  # multilabel
    classes = objective in CLASSES and not several
    stored = [_categories(column) for column in content.get("cats", {}).get("enc", [])]

    notes = [note for name, note in NOTES.items() if objective.startswith(name)]
    if several:
        notes.append(
            f"It predicts an independent probability for each of {scores} labels: the page shows "
            "numbers."
        )
    if "c" in learner.get("feature_types", []) and not stored:
        notes.append(
            "It has categorical columns without the names of the categories: enter their codes, "
            "0, 1, ..."
        )
    rounds, best = len(content.get("iteration_indptr", [])) - 1, attributes.get("best_iteration")
    if best and not wrapper and int(best) + 1 < rounds:
        notes.append(
            f"Its training stopped early: the app uses the best {int(best) + 1} of {rounds} rounds, "
            "as XGBoost's scikit-learn interface does; Booster.predict uses all by default."
        )
    return {
        "inputs": [("row", "float32", (None, count))],
        "features": tuple(learner.get("feature_names", [])),
        "n_features": count,
        "values": tuple(tuple(names) if names else 0.0 for names in stored),
        "labels": tuple(map(str, wrapper.get("_le", {}).get("classes_", ()))) if classes else (),
        "n_outputs": scores if classes else None,
        "scores": _scores(objective) if classes else None,
        "name": objective,
        "notes": notes,
    }


def _scores(objective: str) -> str:
    return "class" if objective == "binary:hinge" else "probabilities"


def _refuse(path: Path, objective: str, wrapper: dict) -> None:
    """Refuse an objective that is not supported, or whose scores have no known meaning."""
    if objective not in CLASSES | NUMBERS:
        raise Unusable(
            f"{path.name} has the objective {objective}, which XGBoost {_dotted(LOCKED)}, the "
            "app's version, does not support: train it with another objective."
        )
    kind = wrapper.get("_estimator_type") or wrapper.get("type") or ""
    if kind.lower().endswith("classifier") and objective not in CLASSES:
        raise Unusable(
            f"{path.name} is a classifier with the objective {objective}, or with a custom one that "
            "is not in the file, so the meaning of its scores is not known: train it with "
            "binary:logistic or multi:softprob."
        )


def _refuse_version(path: Path, version: list[int], booster: dict, scores: int) -> None:
    """Refuse a model of another version that the locked version misreads or cannot read."""
    content, saved = booster.get("gbtree", booster)["model"], tuple(version[:2])
    if "trees" not in content:  # a linear model
        return
    trees = int(content["gbtree_model_param"]["num_trees"])
    rounds = len(content.get("iteration_indptr", [])) - 1
    of_round = int(content["gbtree_model_param"].get("num_parallel_tree", 1))
    texts = [
        column["values"] for column in content.get("cats", {}).get("enc", []) if "offsets" in column
    ]
    if scores > 1 and trees == rounds * of_round and saved < LOCKED:
        problem = "trees with several outputs (multi_output_tree) crash it"
        way = f"train it with {_dotted(LOCKED)}"
    elif {"gbtree", "weight_drop"} & {*booster, *content} and saved > LOCKED:
        problem, way = (
            "booster=dart predicts differently there",
            f"train it with {_dotted(LOCKED)}",
        )
    elif saved < (3, 4) and any(min(values, default=0) < 0 for values in texts):
        problem = "category names that are not ASCII are corrupted in the file"
        way = "rename them, or train it with 3.4"
    elif saved > TESTED:
        problem, way = (
            "their predictions have not been compared",
            f"train it with {_dotted(LOCKED)}",
        )
    else:
        return
    raise Unusable(
        f"{path.name} was saved by XGBoost {_dotted(version)} and would be run by "
        f"{_dotted(LOCKED)}: {problem}. Instead, {way}."
    )


def _categories(column: dict) -> list[float | str]:
    """Return the categories of a column; empty for a numeric one."""
    values, ends = column["values"], column.get("offsets")
    if ends is None:
        return values
    raw = bytes(value % 256 for value in values)
    return [raw[start:end].decode() for start, end in pairwise(ends)]


def _dotted(version) -> str:
    return ".".join(map(str, version))
