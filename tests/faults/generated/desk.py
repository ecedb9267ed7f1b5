"""Templates, and desks: folders in which projects are generated and read back."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import cycle, product
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import yaml

from local_extensions.catalog import FRAMEWORKS, PLATFORMS, ROOT
from local_extensions.choices import HOSTS, LICENSES, NAMES, runs_on
from local_extensions.locks import PYTHONS
from local_extensions.prompts import HIDDEN

from .. import Seen

Answers = dict[str, str]

# The targets ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """A template under test.

    Attributes:
        template: its folder.
        work: an empty folder for all desks.
        slug: the question for the project's folder.
        texts: the questions that take any sentence, the title first.
        limited: answers under which a model's file may have at most 100 MiB.
        pictures: answers for a model that classifies pictures.
        starts: answers for a project with a Procfile.
        combinations: answers of every combination that is offered.
    """

    template: Path
    work: Path
    slug: str
    texts: tuple[str, ...]
    limited: Answers = field(default_factory=dict, hash=False)
    pictures: Answers = field(default_factory=dict, hash=False)
    starts: Answers = field(default_factory=dict, hash=False)
    combinations: tuple[Answers, ...] = field(default=({},), hash=False)
    choices: Mapping[str, Iterable[str]] = field(default_factory=dict, hash=False)
    unasked: tuple[str, ...] = ()  # what the defaults leave without a choice

    @property
    def questions(self) -> dict[str, Any]:
        """The questions, with their defaults."""
        asked = json.loads((self.template / "cookiecutter.json").read_text("utf-8"))
        return {name: default for name, default in asked.items() if name[0] != "_"}


NAIVE = {
    "cookiecutter.json": """{
  "title": "My app",
  "description": "Shows what my model can do",
  "author": "Me",
  "slug": "{{ cookiecutter.title.lower().replace(' ', '-') }}",
  "model_path": ""
}
""",
    "hooks/pre_gen_project.py": """import sys

title = "{{ cookiecutter.title }}"
if not title:
    print("The app needs a title")
    sys.exit(1)
""",
    "hooks/post_gen_project.py": """import shutil

title = "{{ cookiecutter.title }}"
model_path = "{{ cookiecutter.model_path }}"
if model_path:
    shutil.copy(model_path, ".")
with open("LICENSE", "w") as file:
    file.write("Copyright {{ cookiecutter.author }}\\n")
print(f"{title} is ready")
""",
    "{{cookiecutter.slug}}/app.py": """import gradio as gr

title = "{{ cookiecutter.title }}"
description = "{{ cookiecutter.description }}"
model_path = "{{ cookiecutter.model_path }}"


def predict(text):
    return text


demo = gr.Interface(predict, "text", "text", title=title, description=description)
demo.launch()
""",
    "{{cookiecutter.slug}}/README.md": """---
title: {{ cookiecutter.title }}
short_description: {{ cookiecutter.description }}
author: {{ cookiecutter.author }}
sdk: gradio
app_file: app.py
---

# {{ cookiecutter.title }}

{{ cookiecutter.description }}
""",
    "{{cookiecutter.slug}}/Procfile": ('web: APP_TITLE="{{ cookiecutter.title }}" python app.py\n'),
    "{{cookiecutter.slug}}/pyproject.toml": """[project]
name = "{{ cookiecutter.slug }}"
version = "0.1.0"
description = "{{ cookiecutter.description }}"
authors = [{name = "{{ cookiecutter.author }}"}]
dependencies = ["gradio"]
""",
}


def _ours() -> Iterator[Answers]:
    """Yield the combinations: a product of what interacts; the rest cycles."""
    turns = {name: cycle(tiers["hardware"].items()) for name, tiers in PLATFORMS.items()}
    versions, licenses = cycle(PYTHONS), cycle(LICENSES)
    ci = cycle(["true", "false"])
    for (framework, facts), platform in product(FRAMEWORKS.items(), HOSTS):
        for task in facts.tasks if runs_on(platform, framework) else ():
            # Not every framework uses every tier, and not every tier has each Python.
            hardware, tier = next(
                (name, tier)
                for name, tier in turns[platform]
                if tier["class"] in facts.requirements
            )
            runs = tier.get("python", PYTHONS)
            yield {
                "task": task,
                "framework": framework,
                "platform": platform,
                "hardware": hardware,
                "python_version": next(version for version in versions if version in runs),
                "license": next(licenses),
                "ci": next(ci),
            }


@contextmanager
def plain() -> Iterator[Target]:
    """Yield a template as a beginner writes it."""
    with TemporaryDirectory() as folder:
        template, work = Path(folder, "plain"), Path(folder, "work")
        write(template, NAIVE)
        work.mkdir()
        yield Target(template, work, "slug", ("title", "description", "author"))


@contextmanager
def ours() -> Iterator[Target]:
    """Yield the template of this repository."""
    with TemporaryDirectory() as folder:
        yield Target(
            ROOT,
            Path(folder),
            "project_slug",
            ("project_name", "description"),
            limited={"platform": "heroku", "ci": "true", "task": "tabular"},
            pictures={"task": "image-classification"},
            starts={"platform": "heroku"},
            combinations=tuple(_ours()),
            choices={"task": NAMES["task"]},
            unasked=("python_version", *HIDDEN),  # ZeroGPU has one Python
        )


# Generating -------------------------------------------------------------------------------


# All questions at a terminal, up to the last prompt: `[5/5] Question (y): `, or `[default]: `
# and that the answers are kept.
QUESTIONS = re.compile(
    r"\A.*(\[(\d+)/\2\] .*?\)|\[[^\n]*\]): (\nYour answers are kept[^\n]*\n)?", re.DOTALL
)


@dataclass(frozen=True)
class Run:
    """Result of a command line: exit status, output, and whether files changed."""

    status: int
    output: str
    changed: bool

    @property
    def ending(self) -> str:
        """How it refused, in a few words; empty if it did not."""
        if not self.status:
            return ""
        lines = [line for line in self.output.splitlines() if line.strip()]
        if "Traceback" in self.output:
            kind = "traceback"
        else:
            kind = "refused in one line" if len(lines) == 1 else f"refused in {len(lines)} lines"
        return f"something left, {kind}" if self.changed else kind

    def refused_for(self, *reasons: str) -> bool:
        """Return whether it refused for these reasons, without a traceback or files left."""
        named = all(re.search(reason, self.output) for reason in reasons)
        return named and "refused" in self.ending and not self.changed


class Desk:
    """Working directory of a generation, with a home and a temporary folder of its own."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.room = Path(mkdtemp(dir=target.work))
        self.home, self.temp, self.around = (self.room / name for name in ("h", "t", "around"))
        self.here = self.around / "over" / "here"
        for folder in (self.home, self.temp, self.here):
            folder.mkdir(parents=True)
        (self.room / "config.yaml").write_text("{}\n")
        self.project = self.here / "made"
        self.canary = self.home / "X"  # `~/X` in what is to be run

    def command(self, *options: str, typed: bool = False, **answers: str) -> list:
        """Return the command line with these answers, or one that asks for them."""
        mode = [] if typed else ["--no-input"]
        given = [] if typed else [f"{name}={text}" for name, text in self.named(answers).items()]
        template = str(self.target.template)
        return [sys.executable, "-m", "cookiecutter", *mode, *options, template, *given]

    def named(self, answers: Answers) -> Answers:
        """Add the name of the project's folder, if the answers lack it."""
        return {self.target.slug: self.project.name} | answers

    def lines(self, answers: Answers) -> str:
        """Return the lines to type for these answers, with defaults for the others."""
        named = self.named(answers)
        asked = [name for name in self.target.questions if name not in self.target.unasked]
        return "".join(f"{named.get(name, '')}\n" for name in asked)

    def environment(self, **variables: str) -> dict[str, str]:
        """Return environment variables with nothing of the user's."""
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.home),
            "TMPDIR": str(self.temp),
            "COOKIECUTTER_CONFIG": str(self.room / "config.yaml"),
        } | variables

    def start(self, command: list, **variables: str) -> subprocess.Popen:
        """Start a command here, with pipes."""
        return subprocess.Popen(
            command, cwd=self.here, env=self.environment(**variables), start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", errors="surrogateescape",
        )  # fmt: skip

    def run(self, command: list, typed: str = "", **variables: str) -> Run:
        """Run a command here to its end."""
        before = tree(self.around)
        with self.start(command, **variables) as process:
            output, _ = process.communicate(typed)
        output = QUESTIONS.sub("", output)
        return Run(process.returncode, output, tree(self.around) != before)

    def generate(self, *options: str, before: Iterable[str] = (), **answers: str) -> Run:
        """Run the command line, as the argument of another command if there is one."""
        return self.run([*before, *self.command(*options, **answers)])

    def type(self, **answers: str) -> Run:
        """Run the command line, and type the answers."""
        return self.run(self.command(typed=True), self.lines(answers))


def write(folder: Path, files: dict[str, str]) -> None:
    """Write texts to files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


def tree(folder: Path) -> dict[str, Any]:
    """Return the mode and content of each path in a folder; of a large file, its size."""
    return {str(path.relative_to(folder)): _content(path) for path in folder.rglob("*")}


def _content(path: Path) -> Any:
    status = path.lstat()
    if path.is_symlink():
        return os.readlink(path)
    if not path.is_file():
        return status.st_mode
    return status.st_mode, status.st_size if status.st_size > 2**20 else path.read_bytes()


# Reading back -----------------------------------------------------------------------------


def _python(text: str) -> list:
    nodes = ast.walk(ast.parse(text))
    return [node.value for node in nodes if isinstance(node, ast.Constant)]


def _markdown(text: str) -> list:
    front, body = re.fullmatch(r"(?:---\n(.*?\n)---\n)?(.*)", text, re.DOTALL).groups("")
    return [yaml.safe_load(front), body]


READERS: dict[str, Callable[[str], Any]] = {
    ".py": _python,
    ".toml": tomllib.loads,
    ".json": json.loads,
    ".yml": yaml.safe_load,
    ".yaml": yaml.safe_load,
    ".md": _markdown,
    "Procfile": partial(shlex.split, comments=False),
}
UNREADABLE = (SyntaxError, ValueError, yaml.YAMLError)  # what the readers raise


def read(path: Path) -> Any:
    """Return the content of a file as the programs that read it parse it."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read()
    except UnicodeDecodeError:
        return path.read_bytes()
    return READERS.get(path.suffix or path.name, str)(text)


def swap(content: Any, texts: dict[str, str]) -> Any:
    """Replace texts in parsed content."""
    if isinstance(content, dict):
        return {swap(key, texts): swap(value, texts) for key, value in content.items()}
    if isinstance(content, list):
        return [swap(value, texts) for value in content]
    if isinstance(content, str):
        for old, new in texts.items():
            content = content.replace(old, new)
    return content


def files(project: Path) -> dict[str, Path]:
    """Return the files of a project by their names in it."""
    return {str(p.relative_to(project)): p for p in sorted(project.rglob("*")) if p.is_file()}


def marks(target: Target) -> Answers:
    """Return harmless texts that can be found in the files."""
    return {text: f"Here goes the {text}" for text in target.texts}


def done(target: Target, answers: Iterable[tuple[str, str]] = (), **variables: str) -> Desk:
    """Return a desk with a project that was generated with harmless texts."""
    desk = Desk(target)
    run = desk.run(desk.command(**marks(target), **dict(answers)), **variables)
    assert run.status == 0, run.output
    return desk


@cache
def harmless(target: Target, answers: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """Return the parsed files of a project that was generated with harmless texts."""
    desk = done(target, answers)
    return {name: read(path) for name, path in files(desk.project).items()}


def compared(desk: Desk, given: Answers) -> str:
    """Return whether all files have the given texts where the harmless texts would be."""
    others = tuple((name, text) for name, text in given.items() if name not in desk.target.texts)
    known, made = harmless(desk.target, others), files(desk.project)
    if made.keys() != known.keys():
        return "other files"
    texts = {mark: given.get(name, mark) for name, mark in marks(desk.target).items()}
    nothing, holding = dict.fromkeys(texts, ""), 0
    for name, content in known.items():
        try:
            if read(made[name]) != swap(content, texts):
                return f"changed in {name}"
        except UNREADABLE as error:
            return f"{type(error).__name__} in {name}"
        holding += swap(content, nothing) != content
    return f"exact in {holding} files" if holding else "in no file"


def outcome(desk: Desk, run: Run, given: Answers) -> str:
    """Return the outcome of a generation."""
    if desk.canary.exists():
        return "the text was run"
    if run.ending:
        return run.ending
    if [*desk.around.iterdir(), *desk.here.parent.iterdir()] != [desk.here.parent, desk.here]:
        return "written outside"
    if not desk.project.exists():
        return "accepted"
    return compared(desk, given)


EXACT, REFUSED = "exact in", "refused in one line"


def summary(outcomes: dict[str, str], *good: str) -> Seen:
    """Return the counts of the outcomes, with an example of each bad one."""
    counts, parts = Counter(outcomes.values()), []
    for kind, count in counts.most_common():
        example = next(case for case, seen in outcomes.items() if seen == kind)
        some = f"{count} of {len(outcomes)}" if len(counts) > 1 else f"all {count}"
        such = "" if kind.startswith(good) or len(counts) == 1 else f", such as {example}"
        parts.append(f"{example}: {kind}" if len(outcomes) == 1 else f"{kind} ({some}{such})")
    return Seen("; ".join(parts), all(kind.startswith(good) for kind in counts))


def short(text: str) -> str:
    """Return a text, shortened for a cell of a table."""
    return repr(text if len(text) < 40 else f"{text[:12]}... of {len(text)}")


def in_texts(target: Target, values: Iterable[str], *good: str, typed: bool = False) -> Seen:
    """Give each value as all texts at once."""
    outcomes = {}
    for value in values:
        desk, given = Desk(target), dict.fromkeys(target.texts, value)
        run = desk.type(**given) if typed else desk.generate(**given)
        outcomes[short(value)] = outcome(desk, run, given)
    return summary(outcomes, *good)


def in_each(target: Target, questions: Iterable[str], values: Iterable[str], *good: str) -> Seen:
    """Give each value at each question."""
    outcomes = {}
    for question, value in product(questions, values):
        desk, given = Desk(target), {question: value}
        run = desk.generate(**(marks(target) | given))
        outcomes[f"{question}={short(value)}"] = outcome(desk, run, given)
    return summary(outcomes, *good)
