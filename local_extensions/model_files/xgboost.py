"""XGBoost: boosters as save_model writes them, in UBJSON and JSON.

The trees, nearly all of such a file, are skipped: what follows them is found by its key.
"""

import json
import re
import struct
from itertools import pairwise
from pathlib import Path

from .common import LIMIT, Unusable

SAVE = "load it where it was made and write it with save_model('model.ubj')"
OLD = "with XGBoost 3.0 or older, xgboost.Booster(model_file='old.model').save_model('model.ubj')"
LOCKED = (3, 2)  # the version that runs them, as in templates/requirements
TESTED = (3, 4)  # the newest whose models gave the same answers there
LARGE = 10_000_000  # bytes in JSON that take 100 MB of memory, by sizing/runtimes.json
CLASSES = {"binary:logistic", "binary:hinge", "multi:softprob", "multi:softmax"}  # objectives
NUMBERS = {
    "reg:squarederror", "reg:linear", "reg:squaredlogerror", "reg:pseudohubererror",
    "reg:absoluteerror", "reg:quantileerror", "reg:logistic", "reg:gamma", "reg:tweedie",
    "count:poisson", "survival:cox", "survival:aft", "rank:pairwise", "rank:ndcg", "rank:map",
    "binary:logitraw",
}  # fmt: skip
SAID = {  # of what the numbers of an objective are
    "rank": "It ranks: its score compares rows with each other and says nothing of one alone.",
    "binary:logitraw": "It answers with the score before the logistic function, not with a "
    "probability, as its objective binary:logitraw does.",
    "survival:cox": "It answers with a hazard ratio, as its objective survival:cox does.",
}
FORMS = {  # types of UBJSON, as struct has them
    b"i": "b", b"U": "B", b"I": "h", b"l": "i", b"L": "q", b"d": "f", b"D": "d",
}  # fmt: skip


def text(data, path: Path) -> dict:
    """Read a booster in JSON."""
    end = rb'\]\s*(\}\s*,\s*"name"|,\s*"weight_drop")'
    found = _booster(json.loads(_without_trees(data, rb'"trees"\s*:\s*\[', end)), path)
    if len(data) > LARGE:
        found["notes"].append(
            "Saved as .ubj it would take a sixth of the memory: write it with "
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
    first = re.search(start, data)
    last = first and re.compile(end).search(data, first.end())
    if first and not last:
        raise ValueError("cut short")
    cut = (first.end(), last.start()) if first else (len(data), len(data))
    if len(data) - cut[1] + cut[0] > LIMIT:
        raise OverflowError("too large")
    return data[: cut[0]] + empty * bool(first) + data[cut[1] :]


def _value(data: bytes, at: int):
    """Return the value at a place in UBJSON, and the place behind it."""
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
    """Return a number of bytes or entries, of which a file has no more than bytes."""
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
    """Read what a booster says of itself."""
    learner, version = model["learner"], model["version"]
    booster = learner["gradient_booster"]
    content = booster.get("gbtree", booster).get("model")  # dart has a gbtree in it
    if content is None:
        raise Unusable(
            f"{path.name} holds the configuration of an XGBoost model and not its trees: {SAVE}."
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
    several = objective.startswith("binary:") and scores > 1  # labels, each by itself
    classes = objective in CLASSES and not several
    stored = [_categories(column) for column in content.get("cats", {}).get("enc", [])]

    notes = [note for name, note in SAID.items() if objective.startswith(name)]
    if several:
        notes.append(
            f"It gives each of {scores} labels its own probability: the page shows numbers."
        )
    if "c" in learner.get("feature_types", []) and not stored:
        notes.append(
            "It has columns of categories but not their names: give their codes, 0, 1, ..."
        )
    rounds, best = len(content.get("iteration_indptr", [])) - 1, attributes.get("best_iteration")
    if best and not wrapper and int(best) + 1 < rounds:
        notes.append(
            f"It stopped early: the app uses the best {int(best) + 1} of {rounds} rounds, as "
            "XGBoost's interface for scikit-learn does, and Booster.predict uses all by default."
        )
    return {
        "inputs": [("row", "float32", (None, count))],
        "features": tuple(learner.get("feature_names", [])),
        "n_features": count,
        "values": tuple(names[0] if names else 0.0 for names in stored),
        "labels": tuple(map(str, wrapper.get("_le", {}).get("classes_", ()))) if classes else (),
        "n_outputs": scores if classes else None,
        "name": objective,
        "notes": notes,
    }


def _refuse(path: Path, objective: str, wrapper: dict) -> None:
    """Refuse a model whose answers would not be known."""
    if objective not in CLASSES | NUMBERS:
        raise Unusable(
            f"{path.name} has the objective {objective}, which XGBoost {_dotted(LOCKED)}, the "
            "version that would run it, does not know: train it with another."
        )
    kind = wrapper.get("_estimator_type") or wrapper.get("type") or ""
    if kind.lower().endswith("classifier") and objective not in CLASSES:
        raise Unusable(
            f"{path.name} is a classifier with the objective {objective}, or one that is a function "
            "and not in the file, so what its scores mean is not known: train it with "
            "binary:logistic or multi:softprob."
        )


def _refuse_version(path: Path, version: list[int], booster: dict, scores: int) -> None:
    """Refuse what the locked version reads wrongly, or not at all, of other versions' models."""
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
        problem = "trees of several outputs each (multi_output_tree) crash it"
        way = f"train it with {_dotted(LOCKED)}"
    elif {"gbtree", "weight_drop"} & {*booster, *content} and saved > LOCKED:
        problem, way = (
            "booster=dart answers differently there",
            f"train it with {_dotted(LOCKED)}",
        )
    elif saved < (3, 4) and any(min(values, default=0) < 0 for values in texts):
        problem = "names of categories that are not ASCII are not whole in the file"
        way = "rename them, or train it with 3.4"
    elif saved > TESTED:
        problem, way = "their answers have not been compared", f"train it with {_dotted(LOCKED)}"
    else:
        return
    raise Unusable(
        f"{path.name} was saved by XGBoost {_dotted(version)} and would be run by "
        f"{_dotted(LOCKED)}: {problem}. Instead, {way}."
    )


def _categories(column: dict) -> list[float | str]:
    """Return the categories of a column; none if it has numbers."""
    values, ends = column["values"], column.get("offsets")
    if ends is None:
        return values
    raw = bytes(value % 256 for value in values)
    return [raw[start:end].decode() for start, end in pairwise(ends)]


def _dotted(version) -> str:
    return ".".join(map(str, version))
