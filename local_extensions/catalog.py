"""Catalogue of kinds, tasks and frameworks: JSON files beside their templates.

A folder in templates/inputs/ or outputs/ with kind.json is a kind, one in tasks/ with
task.json a task, one in frameworks/ with framework.json a framework.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ml_ui.sizing.limits import GITHUB, PLATFORMS

from . import locks
from .model_files import FORMATS

__all__ = ["PLATFORMS"]
ROOT = Path(__file__).resolve().parent.parent
TEMPLATES, DEMOS = ROOT / "templates", ROOT / "demos"
SKELETON = ROOT / "{{cookiecutter.project_slug}}"  # the files that every project has
PACKAGE = ROOT / "src" / "ml_ui"  # vendored into each project
LARGE_FILE = next(limit["bytes"] for limit in GITHUB["limits"] if limit["kind"] == "warn")


class Input(NamedTuple):
    """A kind of input of a model, and of the page."""

    name: str
    title: str  # "a picture"
    component: str  # Gradio's, as app.py has it
    call: str  # parts/_call-<call>.md shows how to call the app
    module: str | None = None  # of ml_ui, to read it
    many: bool = False  # an example has several values
    # Of a kind whose examples are files: their "endings", and how they "begin", as a pattern.
    files: Mapping[str, Any] | None = None
    examples: str | None = None  # the demo with examples for any model


class Output(NamedTuple):
    """A kind of output of a model, and of the page."""

    name: str
    title: str
    component: str
    module: str | None = None  # of ml_ui, to write it
    classes: bool = False  # the output is one of the model's classes
    labels: bool = False  # names of classes, in labels.txt, can be among it
    note: str = ""  # what the owner of any model with it should know


class Task(NamedTuple):
    """What a model does: a pair of kinds, and a demo model."""

    name: str
    title: str
    input: Input
    output: Output
    demo: str  # the demo model's file, without extension
    framework: str  # the demo's default
    description: str  # of an own model, for visitors
    emoji: str = "🤖"  # of its Space
    size: Sequence[int | None] = ()  # height and width of a picture where the model declares none
    function: Mapping[str, str] | None = None  # title and description of function.py

    @property
    def does(self) -> str:
        """Return the task in words: "a picture in, a picture out"."""
        return f"{self.input.title} in, {self.output.title} out"

    @property
    def ml_ui(self) -> list[str]:
        """Return the names that its app.py imports from ml_ui."""
        return sorted({"guard", "launch", self.input.module, self.output.module} - {None})


class Framework(NamedTuple):
    """A framework: the library that runs a model, or plain Python."""

    name: str
    title: str
    requirements: Mapping[str, Sequence[str]]  # by class of hardware
    # Of FORMATS, the demos' first: the template of runtime.py (and architecture.py), and the
    # kinds of input that it "runs".
    formats: Mapping[str, Mapping[str, Any]] = {}
    # Older ones that still run the files they saved: what each requires "with" its package, and
    # the versions of "python" that run it, if not all.
    versions: Mapping[str, Mapping[str, Any]] = {}
    extras: Sequence[str] = ()  # packages that some models need: locked as extras beside each base
    function: bool = False  # runs a function in model.py, without a model file
    libraries: Sequence[str] = ()  # Debian packages that it needs and slim images lack
    demos: bool = True  # False: for models of the user's own alone
    batch: Mapping[str, int] = {}  # calls that its runtime runs together, by kind of input
    channels_last: bool = False
    pixels: Sequence[Mapping[str, Any]] = ()  # by the network's name: how pixels are scaled

    def demo(self, task: Task) -> Path | None:
        """Return the path of a task's demo model, which may not exist; None for a function."""
        first = next(iter(self.formats), None)
        return first and DEMOS / task.name / f"{task.demo}{FORMATS[first].endings[0]}"

    def runs(self, task: Task) -> bool:
        """Return whether the task is offered: a format runs its input, and a demo exists."""
        if self.function:
            return task.function is not None
        takes = {kind for format in self.formats.values() for kind in format["runs"]}
        if not self.demos:
            return task.input.name in takes and task.output.classes
        demo = self.demo(task)
        return task.input.name in takes and demo is not None and demo.is_file()

    @property
    def variants(self) -> dict[str, locks.Classes]:
        """Requirements of it and of its older versions, by name of the lock."""
        return locks.variants(self.name, self.requirements, self.versions)

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks offered with it."""
        return [task for task, name in OFFERED if name == self.name]


def entries(entry: str) -> dict[str, dict[str, Any]]:
    """Read the JSON files that match a pattern in templates/, keyed by folder name."""
    paths = sorted(TEMPLATES.glob(entry))
    return {p.parent.name: {"name": p.parent.name, **_read(p)} for p in paths}


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


INPUTS = {name: Input(**facts) for name, facts in entries("inputs/*/kind.json").items()}
OUTPUTS = {name: Output(**facts) for name, facts in entries("outputs/*/kind.json").items()}
TASKS = {
    name: Task(**facts | {"input": INPUTS[facts["input"]], "output": OUTPUTS[facts["output"]]})
    for name, facts in entries("tasks/*/task.json").items()
}
FRAMEWORKS = {
    name: Framework(**facts) for name, facts in entries("frameworks/*/framework.json").items()
}
OFFERED = [
    (task.name, framework.name)
    for framework in FRAMEWORKS.values()
    for task in TASKS.values()
    if framework.runs(task)
]
SHOWN = [pair for pair in OFFERED if FRAMEWORKS[pair[1]].demos]  # without a model too
COMMON = _read(TEMPLATES / "common.json")  # what every project requires
