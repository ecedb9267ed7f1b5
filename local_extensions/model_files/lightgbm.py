"""LightGBM: boosters as save_model writes them, in text.

The header and the end are read; the trees between them are skipped.
"""

import json
import re
from math import isfinite
from pathlib import Path

from .common import Unusable, in_command

SAVE = "booster.save_model('model.txt'), with model.booster_ of a scikit-learn wrapper"
PART = 16 * 2**20  # bytes before and after the trees that are looked at
TESTED = ("v3", "v4")  # versions of the format: LightGBM 2.3 to 3.3, and 4
CLASSES = {"binary", "multiclass", "multiclassova"}  # objectives
NUMBERS = {
    "regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma",
    "tweedie", "cross_entropy", "cross_entropy_lambda", "lambdarank", "rank_xendcg",
}  # fmt: skip
RANKS = "It ranks: its scores compare rows with each other and mean nothing by themselves."
NOTES = {  # on the outputs of an objective
    "lambdarank": RANKS,
    "rank_xendcg": RANKS,
    "multiclassova": "It predicts an independent probability for each class (multiclassova): the "
    "page shows them divided by their sum.",
    "cross_entropy_lambda": "Its objective, cross_entropy_lambda, predicts an intensity, not a "
    "probability.",
}


def text(data, path: Path) -> dict:
    """Read a booster."""
    facts, end = _parts(data, path)
    names, infos = facts["feature_names"].split(" "), facts["feature_infos"].split(" ")
    objective = facts.get("objective", "custom").partition(" ")[0]
    _refuse(path, facts["version"], objective)
    codes = _codes(infos, end)
    categories = _categories(path, end, codes)
    if not len(names) == len(infos) == int(facts["max_feature_idx"]) + 1:
        raise ValueError("not as many columns as it says")

    notes = [NOTES[objective]] if objective in NOTES else []
    if codes and not categories:
        columns = ", ".join(names[column] for column in codes)
        notes.append(
            f"It has categorical columns ({columns}) without the names of the categories: enter "
            "their codes."
        )
    known = dict(zip(codes, categories, strict=False))
    return {
        "inputs": [("row", "float64", (None, len(names)))],
        "features": () if names == [f"Column_{n}" for n in range(len(names))] else tuple(names),
        "n_features": len(names),
        "values": tuple(
            tuple(known[n])
            if n in known
            else float(min(codes[n], default=0))
            if n in codes
            else _middle(info)
            for n, info in enumerate(infos)
        ),
        "n_outputs": int(facts["num_class"]) if objective in CLASSES else None,
        "scores": "probabilities" if objective in CLASSES else None,
        "name": objective,
        "notes": notes,
    }


def _parts(data, path: Path) -> tuple[dict[str, str], str]:
    """Return the header, by its names, and the text after the trees."""
    if data[4:5] == b"\r":
        raise Unusable(
            f"{path.name} has the line ends of Windows (CRLF), with which LightGBM crashes: run "
            f"dos2unix '{in_command(path.name)}', or copy the original as a binary file."
        )
    first, last = data.find(b"\n\n", 0, PART), data.rfind(b"\nend of trees", len(data) - PART)
    header = dict(line.partition("=")[::2] for line in data[: max(first, 0)].decode().splitlines())
    end = data[last:].decode()
    # Python's LightGBM writes the categories last, others write the parameters last.
    if not re.search(r"\nend of parameters\n|\npandas_categorical:", end):
        raise ValueError("cut short")
    if sum(map(int, header["tree_sizes"].split())) != last + 1 - (first + 2):
        raise ValueError("trees are missing")
    return header, end


def _refuse(path: Path, version: str, objective: str) -> None:
    """Refuse a version that was not compared, and scores of unknown meaning."""
    if version not in TESTED:
        raise Unusable(
            f"{path.name} is in version {version} of LightGBM's format, whose predictions have not "
            f"been compared ({' and '.join(TESTED)} have): train it with LightGBM 4."
        )
    if objective not in CLASSES | NUMBERS:
        raise Unusable(
            f"{path.name} has a custom objective or one that LightGBM 4.7, the app's version, does "
            f"not have ({objective}), so the meaning of its scores is not known: train it with an "
            "objective of LightGBM, such as binary, multiclass or regression."
        )


def _codes(infos: list[str], end: str) -> dict[int, list[int]]:
    """Return the codes of each categorical column that the training saw."""
    found = re.search(r"^\[categorical_feature: ([\d,]+)\]$", end, re.MULTILINE)
    columns = {int(column) for column in found[1].split(",")} if found else set()
    columns |= {n for n, info in enumerate(infos) if info != "none" and info[0] != "["}
    return {
        n: [code for code in map(int, infos[n].split(":")) if code >= 0]
        if infos[n] != "none"
        else []
        for n in sorted(columns)
    }


def _categories(path: Path, end: str, codes: dict[int, list[int]]) -> list[list[float | str]]:
    """Return the categories of each categorical column; none for one of plain codes."""
    found = re.search(r"^pandas_categorical:(.*)$", end, re.MULTILINE)
    categories = json.loads(found[1]) if found else None
    if not categories:
        return []
    fits = len(categories) == len(codes) and all(
        max(seen, default=0) < len(names)
        for seen, names in zip(codes.values(), categories, strict=True)
    )
    if not fits:
        raise Unusable(
            f"{path.name} has the categories of {len(categories)} columns, some of which were not "
            "trained as categorical, and does not say which: train it with unordered categories, "
            "table[column].cat.as_unordered(), and without categorical_feature."
        )
    return categories


def _middle(info: str) -> float:
    """Return a number in the middle of a column's range, such as [1.5:4]; else 0.0."""
    low, _, high = info.strip("[]").partition(":")
    if not high or not isfinite(float(low) + float(high)):
        return 0.0
    middle = (float(low) + float(high)) / 2
    rounded = float(f"{middle:.0f}" if "." not in info else f"{middle:.3g}")
    return rounded if float(low) <= rounded <= float(high) else middle
