"""The model of the project: the user's own, a demo's, or a plain function."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ml_ui.examples import label

from . import examples, kinds, model_files, quoting
from .catalog import DEMOS, FRAMEWORKS, TASKS, Framework, Task
from .model_files.common import Unusable, human, refuse_pointer, refuse_special, unreachable
from .model_files.networks import Network

LABELS = 1_000_000  # bytes of a labels.txt; the names of 20,000 classes take half
OF_CARD = {"title", "description", "features", "rows", "answers"}  # as Model has them

inspect = cache(model_files.inspect)


class Model(NamedTuple):
    """Description of the project's model."""

    own: bool  # False: a demo model or the plain function
    title: str
    description: str
    format: str  # a key of model_files.FORMATS; the framework's name for a function
    dtype: str | None = None  # of most of the weights
    layers: int = 0  # of a Keras network
    file: str | None = None  # its name in model/; None for a function
    files: Mapping[Path, str] = {}  # all of them, with their names in model/
    size: int = 0  # bytes
    labels: tuple[str, ...] = ()  # class names, if no labels.txt is copied
    output: str | None = None  # its name, if the model has several
    classes: tuple[str, ...] = ()  # names of the classes, if that output is one of them
    scores: str | None = None  # what they are, as ModelFile has it
    needs: tuple[str, ...] = ()  # of the system, to load it: locales
    version: str | None = None  # major and minor, of the framework that saved it
    runtime: str | None = None  # templates of the framework
    architecture: str | None = None
    network: Network | None = None  # what architecture.py builds, if the file tells
    packages: tuple[str, ...] = ()  # beside the framework's, to load it
    examples: Mapping[Path, str] = {}  # pictures, with their names in the project
    labelled: bool = False  # the names of some are labels
    # Of pictures.
    input_shape: tuple[int | None, ...] | None = None
    mean: float | tuple[float, ...] = 0.0
    std: float | str | tuple[float, ...] = 1.0
    pixel_source: str = ""
    # Of rows and texts.
    features: Mapping[str, float | str] = {}  # with the fields' default values
    rows: Sequence[Sequence[Any]] = ()  # examples
    # Of a demo.
    answers: Sequence[str] = ()  # for the examples, if they are labels
    measured: str | None = None  # its accuracy, and on which data
    notes: tuple[str, ...] = ()  # what the owner should know

    @property
    def example(self) -> str | None:
        """One of the example pictures, in the project."""
        return min(self.examples.values(), default=None)

    @property
    def answers_class(self) -> bool:
        """Whether the answer is a label alone, because the model gives no probabilities."""
        return self.scores == "class"

    @property
    def has_labels(self) -> bool:
        """Whether the project has a model/labels.txt."""
        return bool(self.labels) or "labels.txt" in self.files.values()


@cache
def model(task_name: str, framework_name: str, path: Path | None) -> Model:
    """Describe the model: the user's own, or the demo of the task and framework."""
    task, framework = TASKS[task_name], FRAMEWORKS[framework_name]
    own = path is not None
    source = path or framework.demo(task)
    facts: dict[str, Any] = {"own": own, "format": framework.name}
    pictures, left = examples.pictures(path) if own and task.input.examples else ([], [])
    if not pictures:  # of the demo, or any
        folder = DEMOS / ((task.input.examples or "none") if own else task.name) / "examples"
        pictures = sorted(folder.iterdir()) if folder.is_dir() else []
    facts["examples"] = examples.names(pictures)
    if source is None:
        return Model(**facts, **task.function)
    found = inspect(source)
    weights = _weights(found, framework)
    facts |= weights
    labels = {*(read_labels(source) or found.labels)}
    facts["labelled"] = not labels.isdisjoint(map(label, pictures))
    if further := kinds.FACTS.get(task.input.name):
        facts |= further(found, own, task, framework)
    to_do = facts.pop("to_do", None)
    if own:
        described = {"title": _title(source), "description": f"{task.does.capitalize()}."}
        facts["notes"] = (*found.notes, *_to_do(found, weights, task, to_do), *left)
    else:
        described = _card(task, framework)
    return Model(**facts, **described)


def _weights(found: model_files.ModelFile, framework: Framework) -> dict[str, Any]:
    """Return the model's files and the templates that load them."""
    source, labels = found.path, found.path.with_name("labels.txt")
    has_labels = labels.is_file()
    templates = framework.formats[found.format]
    name = quoting.file_name(source.name)
    parts = {path: f"{name}/{path.relative_to(source).as_posix()}" for path in found.files}
    return {
        "file": name,
        "files": {
            **(parts or {source: name}),
            **{path: path.relative_to(source.parent).as_posix() for path in found.companions},
            **({labels: "labels.txt"} if has_labels else {}),
        },
        "size": found.size,
        "format": found.format,
        "dtype": found.dtype,
        "layers": found.layers,
        "version": found.version and ".".join(found.version.split(".")[:2]),
        "labels": () if has_labels else found.labels,
        "output": found.outputs[0].name if len(found.outputs) > 1 else None,
        "classes": found.labels if _is_class(found) else (),
        "scores": found.scores,
        "needs": found.needs,
        "packages": found.packages,
        "network": found.network,
        "runtime": templates["runtime"],
        "architecture": templates.get("architecture"),
    }


def _is_class(found: model_files.ModelFile) -> bool:
    """Return whether the output is a class, by its name or its number, and not its scores."""
    return bool(found.outputs) and (found.outputs[0].dtype or "") in ("string", "int64", "int32")


def _card(task: Task, framework: Framework) -> dict[str, Any]:
    """Return the description of the demo model in demos/<task>/card.json."""
    card = json.loads((DEMOS / task.name / "card.json").read_text("utf-8"))
    measured = card["measured"].format(card["results"][framework.name])
    described = {name: value for name, value in card.items() if name in OF_CARD}
    return described | {"measured": f"{card['data']} {measured}"}


def read_labels(source: Path) -> list[str] | None:
    """Read labels.txt beside the model; None if there is none, Unusable if it is invalid."""
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
        raise Unusable("the file beside the model is not UTF-8 text. Save it as UTF-8.") from None


def _title(source: Path) -> str:
    words = re.sub(r"[\W_]+", " ", source.stem).strip()
    return (words[:1].upper() + words[1:60]).strip() or "My model"


def _to_do(
    found: model_files.ModelFile, weights: Mapping[str, Any], task: Task, of_input: str | None
) -> Iterator[str]:
    """Yield a note for each fact that the file does not declare and its owner has to add."""
    if weights["architecture"] and not found.network:
        yield "The file contains only weights: define your network in architecture.py."
    if of_input:
        yield of_input
    has_labels = found.labels or "labels.txt" in weights["files"].values()
    if task.output.classes and not has_labels:
        yield "The file does not name its classes: write model/labels.txt, one name a line."
