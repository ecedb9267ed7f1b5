"""The model of the project: the user's own, a demo's, or a plain function."""

import csv
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ml_ui import card
from ml_ui.examples import BadExample, is_number, label, parse
from ml_ui.hub import NAME as HUB
from ml_ui.hub import Weights

from . import examples, hub, kinds, model_files, quoting
from .catalog import DEMOS, FRAMEWORKS, TASKS, Framework, Task
from .model_files.common import Unusable, human, refuse_pointer, refuse_special, unreachable
from .model_files.networks import Network

LABELS = 1_000_000  # bytes of a labels.txt; the names of 20,000 classes take half
OF_CARD = {"title", "description", "features", "rows", "answers"}  # as Model has them

# Models that are not here, by the path that they would have: the web form knows a large one by
# its name and size alone.
UNREAD: dict[Path, model_files.ModelFile] = {}


@cache
def inspect(path: Path) -> model_files.ModelFile:
    """Recognise the model at a path, once; raise Unusable otherwise."""
    return UNREAD.get(path) or model_files.inspect(path)


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
    hub: Weights | None = None  # those of its files that stay on the Hub
    labels: tuple[str, ...] = ()  # class names, if no labels.txt is copied
    output: str | None = None  # its name, if the model has several
    classes: tuple[str, ...] = ()  # what it may give, if it gives a class and no scores
    scores: str | None = None  # what they are, as ModelFile has it
    tensor: str | None = None  # likewise
    needs: tuple[str, ...] = ()  # of the system, to load it: locales
    version: str | None = None  # major and minor, of the framework that saved it
    runtime: str | None = None  # templates of the framework
    architecture: str | None = None
    network: Network | None = None  # what architecture.py builds, if the file tells
    packages: tuple[str, ...] = ()  # beside the framework's, to load it
    examples: Mapping[Path, str] = {}  # files, with their names in the project
    labelled: bool = False  # the names of some are labels
    flat: int | None = None  # inputs in a row that the model takes, if it takes rows
    # Of pictures.
    input_shape: tuple[int | None, ...] | None = None
    mean: float | tuple[float, ...] = 0.0
    std: float | str | tuple[float, ...] = 1.0
    pixel_source: str = ""
    crop: str | None = None  # as Pixels has it
    blue_first: bool = False  # likewise
    # Of rows and texts.
    features: Mapping[str, float | str] = {}  # with the fields' default values
    rows: Sequence[Sequence[Any]] = ()  # examples
    answers: Sequence[str | None] = ()  # for the examples, if they are known
    table: bool = True  # the rows are in an examples.csv
    # Of a demo.
    measured: str | None = None  # its accuracy, and on which data
    about: Mapping[str, str] = {}  # sections of its model card, by heading
    guesses: tuple[str, ...] = ()  # what the file does not tell, and the owner has to check
    notes: tuple[str, ...] = ()  # those, and what else the owner should know
    card: Path | None = None  # the model card that it brings, to be copied

    @property
    def example(self) -> str | None:
        """One of the example files, in the project."""
        return min(self.examples.values(), default=None)

    @property
    def row(self) -> dict[str, Any]:
        """The first example of rows or texts, by the names of the fields."""
        return dict(zip(self.features, self.rows[0], strict=True))

    @property
    def examples_csv(self) -> str:
        """Text of examples.csv: names of the columns, rows, and their answers, if any are known."""
        if not (self.table and self.rows):
            return ""
        header = [name.strip() for name in self.features]
        rows = [[*row] for row in self.rows]
        if any(self.answers) or all(map(is_number, header)):  # which alone would look like values
            column = "answer"
            while column in header:
                column = f"expected {column}"
            header.append(column)
            rows = [[*row, answer] for row, answer in zip(rows, self.answers, strict=True)]
        # Semicolons and tabs in a name would be taken for the delimiter.
        quoting = csv.QUOTE_ALL if re.search(r"[;\t]", "".join(header)) else csv.QUOTE_MINIMAL
        text = io.StringIO()
        csv.writer(text, quoting=quoting, lineterminator="\n").writerows([header, *rows])
        return text.getvalue().rstrip()

    @property
    def answers_class(self) -> bool:
        """Whether the answer is a label alone, because the model gives no probabilities."""
        return self.scores == "class"

    @property
    def runs_code(self) -> bool:
        """Whether loading the model can run code in its file, as of any pickle."""
        found = model_files.FORMATS.get(self.format)
        return found is not None and found.runs_code

    @property
    def has_labels(self) -> bool:
        """Whether the project has a model/labels.txt."""
        return bool(self.labels) or "labels.txt" in self.files.values()


PLACEHOLDER = (
    "The {}s in examples/ are placeholders: replace them with some of yours before you show "
    "the page."
)


@cache
def model(
    task_name: str, framework_name: str, path: Path | None, source_on_hub: hub.Source | None = None
) -> Model:
    """Describe the model: the user's own, or the demo of the task and framework."""
    task, framework = TASKS[task_name], FRAMEWORKS[framework_name]
    own = path is not None
    source = path or framework.demo(task)
    facts: dict[str, Any] = {"own": own, "format": framework.name}
    files, left = examples.files(path, task.input) if own else ([], [])
    demo = task.input.examples if own else task.name
    ours = [PLACEHOLDER.format(task.input.name)] if own and demo and not files else []
    if not files and demo:
        files = sorted((DEMOS / demo).glob("examples/*"))
    facts["examples"] = examples.names(files)
    if source is None:
        return Model(**facts, **task.function)
    found = inspect(source)
    weights = _weights(found, framework, source_on_hub)
    facts |= weights
    facts["labelled"] = not {*_names(found)}.isdisjoint(map(label, files))
    further = kinds.FACTS.get(task.input.name)
    of_input = further(found, own, task, framework) if further else kinds.Facts({})
    facts |= of_input.fields
    _check_answers(facts.get("answers", ()), of_input.answered, found, task)
    if own:
        name = Path(source_on_hub.repo).name if source_on_hub else source.stem
        described = {"title": _title(name), "description": task.description}
        stays = _stays(weights["hub"])
        facts["card"] = _own_card(found.path)
        facts["guesses"] = (*found.notes, *_guesses(found, weights, task, of_input.guess))
        to_do = _to_do(found, weights, task)
        facts["notes"] = (*facts["guesses"], *to_do, *of_input.notes, *ours, *left, *stays)
    else:
        described = _card(task, framework)
    made = Model(**facts, **described)
    if own:
        _check_table(made)
    return made


def _check_table(made: Model) -> None:
    """Raise Unusable if the project would read its examples.csv otherwise than it is meant."""
    if not (text := made.examples_csv):
        return
    try:
        found = [(each.values, each.expected) for each in parse(text, made.features)]
    except BadExample:
        found = []
    answers = made.answers or [None] * len(made.rows)
    if found != [([*row], answer) for row, answer in zip(made.rows, answers, strict=True)]:
        raise Unusable(
            f"the columns of the model, {', '.join(map(repr, made.features))}, and their values "
            "cannot be written as a table that reads back: rename them, or remove examples.csv."
        )


def _weights(
    found: model_files.ModelFile, framework: Framework, on_hub: hub.Source | None
) -> dict[str, Any]:
    """Return the model's files and the templates that load them."""
    source, labels = found.path, found.path.with_name("labels.txt")
    has_labels = labels.is_file()
    templates = framework.formats[found.format]
    name = quoting.file_name(source.name)
    files = {path: f"{name}/{path.relative_to(source).as_posix()}" for path in found.files}
    files = files or {source: name}
    files |= {path: path.relative_to(source.parent).as_posix() for path in found.companions}
    if on_hub:  # but labels are the owner's to edit
        name, files = HUB, {}
    return {
        "file": name,
        "files": files | ({labels: "labels.txt"} if has_labels else {}),
        "size": found.size,
        "hub": hub.weights(on_hub, found) if on_hub else None,
        "format": found.format,
        "dtype": found.dtype,
        "layers": found.layers,
        "flat": kinds.columns(found),
        "version": found.version and ".".join(found.version.split(".")[:2]),
        "labels": () if has_labels else _names(found),
        "output": found.outputs[0].name if len(found.outputs) > 1 else None,
        "classes": _classes(found) if found.scores == "class" else (),
        "scores": found.scores,
        "tensor": found.tensor,
        "needs": found.needs,
        "packages": found.packages,
        "network": found.network,
        "runtime": templates["runtime"],
        "architecture": templates.get("architecture"),
    }


def _classes(found: model_files.ModelFile) -> tuple[str, ...]:
    """Return the classes of a model that gives one of them: by name, or numbers from 0."""
    return found.labels or tuple(map(str, range(len(read_labels(found.path) or ()))))


def _check_answers(
    answers: Sequence[str | None],
    columns: Sequence[str],
    found: model_files.ModelFile,
    task: Task,
) -> None:
    """Raise Unusable if the answers of examples.csv, in some columns, are none of the model's."""
    names = _names(found)
    known = {*names, *(f"{name} ({n})" for n, name in enumerate(names))}
    shape = found.outputs[0].shape if found.outputs else None
    numbers = shape[1] if shape and len(shape) == 2 else None
    # One may be a class that the file does not name.
    counts = {numbers} if found.scores == "numbers" or not numbers else {1, numbers}
    unnamed = {f"class {n}" for n in range(numbers or 0)}  # as the page calls them
    several = found.scores == "classes"  # texts, of several targets
    among = f", in the columns {', '.join(columns)}," if len(columns) > 1 else ""
    for number, answer in enumerate(answers, 1):
        if answer is None:
            continue
        row = f"examples.csv, row {number}: the answer {answer[:60]!r}{among}"
        if names and answer not in known:
            raise Unusable(
                f"{row} is none of the model's classes ({', '.join(names[:20])}): correct it, or "
                "name the classes so in a labels.txt beside the model."
            )
        if not names and task.output.classes:
            raise Unusable(
                f"{row} cannot be compared, for the model does not name its classes: write a "
                "labels.txt beside it, one name a line, in the order of its outputs."
            )
        parts = answer.split(", ")
        if names or answer in unnamed or several:
            continue
        if not all(map(is_number, parts)) or numbers and len(parts) not in counts:
            gives = "number" if numbers == 1 else f"{numbers or ''} numbers".lstrip()
            raise Unusable(
                f"{row} is not the {gives} that the model gives: keep the columns that it takes, "
                "and those of its answers."
            )


def _card(task: Task, framework: Framework) -> dict[str, Any]:
    """Return the description of the demo model in demos/<task>/card.json."""
    demo = json.loads((DEMOS / task.name / "card.json").read_text("utf-8"))
    measured = demo["measured"].format(demo["results"][framework.name])
    described = {name: value for name, value in demo.items() if name in OF_CARD}
    about = {"Training data": demo["data"], "Evaluation": measured, "Source": demo["source"]}
    return described | {"measured": f"{demo['data']} {measured}", "about": about}


def _own_card(source: Path) -> Path | None:
    """Return the model card in a model's folder, a README.md with front matter, if any."""
    path = source / "README.md"
    if not path.is_file() or path.stat().st_size > card.LARGEST:
        return None
    refuse_special(path, source)
    return path if path.read_bytes().startswith(b"---") else None


def _names(found: model_files.ModelFile) -> tuple[str, ...]:
    """Return the names of the classes as labels.txt has them: those beside the model, or its own.

    Of the file's own, each is one line, and not empty.
    """
    lines = (" ".join(name.splitlines()).strip() for name in found.labels)
    own = [name or f"class {n}" for n, name in enumerate(lines)]
    return tuple(read_labels(found.path) or own)


def labels(model: Model) -> list[str]:
    """Return the names of the classes, as the project's labels.txt has them."""
    copied = (path for path, name in model.files.items() if name == "labels.txt")
    path = next(copied, None)
    return (read_labels(path) or []) if path else [*model.labels]


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
        raise Unusable(f"{path} is not UTF-8 text: save it as UTF-8.") from None


def _title(name: str) -> str:
    words = re.sub(r"[\W_]+", " ", name).strip()
    return (words[:1].upper() + words[1:60]).strip() or "My model"


def _stays(weights: Weights | None) -> Iterator[str]:
    """Yield what the owner should know of weights on the Hub."""
    if weights:
        yield (
            f"The weights stay on the Hub, {weights} ({human(weights.size)}): the app downloads "
            "them. If they are private or gated, set HF_TOKEN where it runs."
        )


def _to_do(found: model_files.ModelFile, weights: Mapping[str, Any], task: Task) -> Iterator[str]:
    """Yield what the owner has to add, or should know, of a file and `_weights` of it."""
    if weights["architecture"] and not found.network:
        yield "The file contains only weights: define your network in architecture.py."
    if task.output.note:
        yield task.output.note
    if found.scores == "class":
        yield "It gives no probabilities, so the page shows its answer alone."


def _guesses(
    found: model_files.ModelFile, weights: Mapping[str, Any], task: Task, guess: str
) -> Iterator[str]:
    """Yield a note for each fact that the file does not declare and its owner has to check.

    Args:
        found: the file.
        weights: what `_weights` returns for it.
        task: the project's.
        guess: what the kind of input guesses.
    """
    if guess:
        yield guess
    has_labels = found.labels or "labels.txt" in weights["files"].values()
    if has_labels or not task.output.labels:
        return
    if task.output.classes or found.scores in ("probabilities", "class logits"):
        yield "The file does not name its classes: write model/labels.txt, one name a line."
    elif found.scores in (None, "logits") and found.n_outputs:
        yield (
            "What it gives is shown as numbers, unless it is probabilities: if it is scores of "
            "classes, write their names into model/labels.txt, one a line."
        )
    elif found.scores == "independent" and found.n_outputs == 1:
        yield (
            "Its one output, 0 to 1, is shown as a number: if it is the probability of the second "
            "of two classes, write their names into model/labels.txt, one a line."
        )
