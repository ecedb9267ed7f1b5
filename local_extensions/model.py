"""What the project is about: the user's own model, a demo's, or a plain function."""

import json
import math
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from . import model_files, quoting
from .catalog import CATALOG, DEMOS, FRAMEWORKS, TASKS, Answers
from .model_files.common import Unusable, human, refuse_pointer, refuse_special, unreachable

LABELS = 1_000_000  # bytes of a labels.txt: the names of 20,000 classes are half of it

inspect = cache(model_files.inspect)


def model(answers: Answers) -> dict[str, Any]:
    """Describe the model: the user's own, the demo's, or a plain function."""
    return _model(answers["task"], answers["__framework"], answers["__model"])


@cache
def _model(task_name: str, framework: str, own: str) -> dict[str, Any]:
    task, formats = TASKS[task_name], FRAMEWORKS[framework]["formats"]
    demo = DEMOS / task_name
    if own:
        source = Path(own)
        does = f"{task['does'].capitalize()}."
        described = {"own": True, "title": _title(source), "description": does}
        pictures = DEMOS / task.get("own_examples", "none") / "examples"
    else:
        endings = [model_files.FORMATS[name].endings[0] for name in formats]
        source = demo / f"{task['demo']}{endings[0]}" if endings else None
        card = json.loads((demo / "card.json").read_text("utf-8")) if formats else {}
        card |= FRAMEWORKS[framework].get("demos", {}).get(task_name, {})
        described = {"own": False, "format": framework, "dtype": None, **card}
        pictures = demo / "examples"
    if pictures.is_dir():
        described["pictures"] = str(pictures)
        described["example"] = f"examples/{min(pictures.iterdir()).name}"
    if source:
        described |= _weights(source, formats)
        found = inspect(source)
        if "picture" in task:
            described |= _pixels(found, task["picture"], framework, described["own"])
        elif described["own"]:
            described |= _fields(found, task_name)
        if described["own"]:
            described["notes"] = [*found.notes, *_to_do(found, described, task_name)]
    return described


def takes(found: model_files.ModelFile) -> tuple[str, set[str]]:
    """Say what a model takes, and which inputs of a task that can be; none if it is unknown."""
    shape = found.input_shape or ()
    if len(shape) == 4:
        return "pictures", {"picture"}
    columns = found.n_features or (shape[1] if len(shape) == 2 else None)
    if found.input_dtype == "string" and columns in (None, 1):
        return "text", {"text"}
    if len(shape) != 2:
        return "", set()
    flat = columns and columns >= 64 and math.isqrt(columns) ** 2 == columns
    return f"{columns or 'any number of'} columns", {"row", "picture"} if flat else {"row"}


def _to_do(found, described: dict[str, Any], task: str) -> Iterator[str]:
    """Tell what the file does not, and its owner has to write down."""
    if "architecture" in described:
        yield "The file holds weights alone: return your network from architecture.py."
    if "input_shape" in described and not (found.input_shape or found.n_features):
        yield "The file does not tell its input: see INPUT_SHAPE in model.py."
    if task == "tabular" and not found.features:
        yield "The file does not name its columns: see FEATURES in model.py."
    if task.endswith("classification") and not (
        found.labels or "labels.txt" in described["files"].values()
    ):
        yield "The file does not name its classes: write model/labels.txt, one name a line."


def _weights(source: Path, formats: dict[str, Any]) -> dict[str, Any]:
    """Tell the files that the model consists of, and what loads them."""
    found, labels = inspect(source), source.with_name("labels.txt")
    return {
        "file": quoting.file_name(source.name),
        "files": {
            str(source): quoting.file_name(source.name),
            **{str(path): path.relative_to(source.parent).as_posix() for path in found.companions},
            **({str(labels): "labels.txt"} if labels.is_file() else {}),
        },
        "size": found.size,
        "format": found.format,
        "dtype": found.dtype,
        "names": () if labels.is_file() else found.labels,
        **formats[found.format],
    }


def read_labels(source: Path) -> list[str] | None:
    """Read labels.txt beside the model; return None if there is none, raise Unusable if unfit."""
    path = source.with_name("labels.txt")
    if not os.path.lexists(path):
        return None
    try:
        refuse_special(path, path.parent)
        if (size := path.stat().st_size) > LABELS:
            raise Unusable(f"{path} has {human(size)}: write one short name a line, or remove it.")
        refuse_pointer(path)
        return path.read_text("utf-8-sig").rstrip().splitlines()
    except OSError as error:
        raise Unusable(unreachable(path, error)) from None
    except ValueError:
        raise Unusable("the file beside the model is no text in UTF-8. Save it as such.") from None


def _title(source: Path) -> str:
    words = re.sub(r"[\W_]+", " ", source.stem).strip()
    return (words[:1].upper() + words[1:60]).strip() or "My model"


def _pixels(found, size, framework: str, own: bool) -> dict[str, Any]:
    """Tell the shape and the values that the model's pictures have."""
    shape, first = found.input_shape, not FRAMEWORKS[framework].get("channels_last")
    channels = 3
    if shape and len(shape) == 4:
        first = shape[1] in (1, 3)
        channels = shape[1 if first else 3] or 3
        size = [n or m for n, m in zip(shape[2:] if first else shape[1:3], size, strict=True)]
    elif found.n_features and math.isqrt(found.n_features) ** 2 == found.n_features:
        first, channels, size = False, 1, [math.isqrt(found.n_features)] * 2
    mean, std, source = 0.0, 1.0, ""
    for rule in CATALOG["pixels"]:
        if own and rule["framework"] == framework and re.fullmatch(rule["name"], found.name or ""):
            mean, std, source = rule["mean"], rule["std"], rule["source"]
            break
    if channels == 1 and isinstance(mean, list):
        mean, std, source = 0.0, 1.0, ""
    return {
        "input_shape": (None, channels, *size) if first else (None, *size, channels),
        "mean": tuple(mean) if isinstance(mean, list) else mean,
        "std": tuple(std) if isinstance(std, list) else std,
        "pixel_source": source,
    }


def _fields(found, task: str) -> dict[str, Any]:
    """Tell the fields of a form for the user's own model."""
    if task == "text-classification":
        return {"rows": [["The parcel came a week late, and the box was open."]]}
    columns = found.n_features or (found.input_shape or (1,))[-1] or 1
    names = found.features or [f"feature {n + 1}" for n in range(columns)]
    return {"features": dict.fromkeys(names, 0.0), "rows": [[0.0] * len(names)]}
