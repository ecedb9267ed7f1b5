"""Probes for the faults of a generation, done to a template by cookiecutter's command line.

A target is a template, with the names of its questions: `PLAIN`, as a beginner writes
one, and `OURS`. A probe generates projects from it, each at a desk of its own, and reads
what came of that.
"""

import ast
import json
import os
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial, wraps
from itertools import cycle, product
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import yaml

from local_extensions.catalog import FRAMEWORKS, PLATFORMS, ROOT

from . import Row, Seen, both

Answers = dict[str, str]

# The targets ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """A template, and what has to be known of it.

    Attributes:
        template: its folder.
        work: an empty folder, in which all of it happens.
        slug: the question for the project's folder.
        texts: the questions that take any sentence, the title first.
        limited: answers under which a model's file may have 100 MiB and no more.
        starts: answers for a project with a Procfile.
        combinations: answers for every combination that is offered.
    """

    template: Path
    work: Path
    slug: str
    texts: tuple[str, ...]
    limited: Answers = field(default_factory=dict, hash=False)
    starts: Answers = field(default_factory=dict, hash=False)
    combinations: tuple[Answers, ...] = field(default=({},), hash=False)

    @property
    def questions(self) -> dict[str, Any]:
        """The questions that somebody is asked, with their defaults or choices."""
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
    """Yield what is offered: what interacts as a product, while the rest takes turns."""
    turns = {name: cycle(tiers["hardware"].items()) for name, tiers in PLATFORMS.items()}
    asked = json.loads((ROOT / "cookiecutter.json").read_text("utf-8"))
    versions, licenses = cycle(asked["python_version"]), cycle(asked["license"])
    ci = cycle(["true", "false"])
    for (framework, facts), platform in product(FRAMEWORKS.items(), asked["platform"]):
        for task in facts.tasks:
            # Not every framework has a use for every tier, nor every tier each Python.
            hardware, tier = next(
                (name, tier)
                for name, tier in turns[platform]
                if tier["class"] in facts.requirements
            )
            runs = tier.get("python", asked["python_version"])
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
    """Write a template as beginners do."""
    with TemporaryDirectory() as folder:
        template, work = Path(folder, "plain"), Path(folder, "work")
        write(template, NAIVE)
        work.mkdir()
        yield Target(template, work, "slug", ("title", "description", "author"))


@contextmanager
def ours() -> Iterator[Target]:
    """Give the template of this repository."""
    with TemporaryDirectory() as folder:
        yield Target(
            ROOT,
            Path(folder),
            "project_slug",
            ("project_name", "description"),
            limited={"platform": "heroku", "ci": "true", "task": "tabular"},
            starts={"platform": "heroku"},
            combinations=tuple(_ours()),
        )


PLAIN, OURS = plain, ours

# Generating -------------------------------------------------------------------------------


# All that is asked of somebody who types, up to the answer to `[5/5] Last question (y): `.
QUESTIONS = re.compile(r"\A.*\[(\d+)/\1\] .*?\): ", re.DOTALL)


@dataclass(frozen=True)
class Run:
    """How the command line ended, and whether it has changed what is there."""

    status: int
    output: str
    changed: bool

    @property
    def ending(self) -> str:
        """How it refused, in a few words; nothing if it did not."""
        if not self.status:
            return ""
        lines = [line for line in self.output.splitlines() if line.strip()]
        if "Traceback" in self.output:
            kind = "traceback"
        else:
            kind = "refused in one line" if len(lines) == 1 else f"refused in {len(lines)} lines"
        return f"something left, {kind}" if self.changed else kind

    def refused_for(self, *reasons: str) -> bool:
        """Tell whether it refused without a traceback, with these words, and left nothing."""
        named = all(re.search(reason, self.output) for reason in reasons)
        return named and "refused" in self.ending and not self.changed


class Desk:
    """An empty folder to stand in and generate, with folders of its own for all else."""

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
        """Return the command line that gives these answers, or leaves them to be typed."""
        mode = [] if typed else ["--no-input"]
        given = [] if typed else [f"{name}={text}" for name, text in self.named(answers).items()]
        template = str(self.target.template)
        return [sys.executable, "-m", "cookiecutter", *mode, *options, template, *given]

    def named(self, answers: Answers) -> Answers:
        """Add what the project is called here, if the answers do not."""
        return {self.target.slug: self.project.name} | answers

    def lines(self, answers: Answers) -> str:
        """Return what somebody types who gives these answers, and defaults for the others."""
        typed, named = [], self.named(answers)
        for question, choices in self.target.questions.items():
            answer = named.get(question, "")
            if isinstance(choices, list) and answer:
                answer = choices.index(answer) + 1
            typed.append(f"{answer}\n")
        return "".join(typed)

    def environment(self, **variables: str) -> dict[str, str]:
        """Return an environment with nothing of the user's."""
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
        said = QUESTIONS.sub("", output)
        return Run(process.returncode, said, tree(self.around) != before)

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
    """Return what a folder holds: mode and content of each; of a large file, its size."""
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
    """Return what a file says to the programs that read it."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read()
    except UnicodeDecodeError:
        return path.read_bytes()
    return READERS.get(path.suffix or path.name, str)(text)


def swap(content: Any, texts: dict[str, str]) -> Any:
    """Return some content with other texts in the place of some."""
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
    """Return harmless texts that can be found again."""
    return {text: f"Here goes the {text}" for text in target.texts}


def done(target: Target, answers: Iterable[tuple[str, str]] = (), **variables: str) -> Desk:
    """Return a desk with a project on it, generated with harmless texts."""
    desk = Desk(target)
    run = desk.run(desk.command(**marks(target), **dict(answers)), **variables)
    assert run.status == 0, run.output
    return desk


@cache
def harmless(target: Target, answers: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """Return what the files of a project say that was generated with harmless texts."""
    desk = done(target, answers)
    return {name: read(path) for name, path in files(desk.project).items()}


def compared(desk: Desk, given: Answers) -> str:
    """Say whether all files have the given texts where those with harmless ones have these."""
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
    """Say what came of some answers."""
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
    """Count the outcomes, each with an example unless it is a good one."""
    counts, told = Counter(outcomes.values()), []
    for kind, count in counts.most_common():
        example = next(case for case, seen in outcomes.items() if seen == kind)
        some = f"{count} of {len(outcomes)}" if len(counts) > 1 else f"all {count}"
        such = "" if kind.startswith(good) or len(counts) == 1 else f", such as {example}"
        told.append(f"{example}: {kind}" if len(outcomes) == 1 else f"{kind} ({some}{such})")
    return Seen("; ".join(told), all(kind.startswith(good) for kind in counts))


def short(text: str) -> str:
    """Write a text for a line of a table."""
    return repr(text if len(text) < 40 else f"{text[:12]}... of {len(text)}")


def in_texts(target: Target, values: Iterable[str], *good: str, typed: bool = False) -> Seen:
    """Give each value as every text at once."""
    outcomes = {}
    for value in values:
        desk, given = Desk(target), dict.fromkeys(target.texts, value)
        run = desk.type(**given) if typed else desk.generate(**given)
        outcomes[short(value)] = outcome(desk, run, given)
    return summary(outcomes, *good)


def in_each(target: Target, questions: Iterable[str], values: Iterable[str], *good: str) -> Seen:
    """Give each value at one question after the other."""
    outcomes = {}
    for question, value in product(questions, values):
        desk, given = Desk(target), {question: value}
        run = desk.generate(**(marks(target) | given))
        outcomes[f"{question}={short(value)}"] = outcome(desk, run, given)
    return summary(outcomes, *good)


# Hostile answers --------------------------------------------------------------------------

QUOTES = ['Say "hi"', "O'Brien", '"""', "'''", 'a"""b', """both " and '"""]
BACKSLASHES = ["C:\\new\\table", "ends\\", '\\"', "\\u0041", "\\N{DIGIT ONE}"]
CONTROLS = ["two\nlines", "two\r\nlines", "tab\there", "bell\a", "\x1b[31mred", "del\x7f"]
INJECTIONS = [
    '"; __import__("os").system("touch ~/X"); "',
    "'; __import__('os').system('touch ~/X'); '",
    '"""; __import__("os").system("touch ~/X") #',
    '"\n__import__("os").system("touch ~/X")\n"',
]
SHELL = [
    "$(touch ~/X)", "`touch ~/X`", "; touch ~/X", '"; touch ~/X; "', "'; touch ~/X; '", "$HOME",
]  # fmt: skip
JINJA = ["{{ 7*7 }}", "{% raw %}", "{# no #}", "{{ lipsum.__globals__.os.popen('touch ~/X') }}"]
YAML = [
    "yes", "~", "null", "1_000", "0x1F", "2026-11-01", "a: b", "a #b", "# a", "---", "[a]", "*a",
]  # fmt: skip
LETTERS = ["模型 🤗", "👩‍👩‍👧 family", "مرحبا", "\u202eevil\u202c", "Ünïcödé ﬁne", "no\u00a0break"]
SEPARATORS = ["next\x85line", "line\u2028separator", "paragraph\u2029separator"]
HALF = os.fsdecode(b"half\xff")  # what a terminal makes of bytes that are no text


def g1_quotes(target: Target) -> Seen:
    """Give quotes."""
    return in_texts(target, QUOTES, EXACT)


def g2_backslashes(target: Target) -> Seen:
    """Give backslashes."""
    return in_texts(target, BACKSLASHES, EXACT)


def g3_control_characters(target: Target) -> Seen:
    """Give line ends and control characters."""
    return in_each(target, target.texts, CONTROLS, REFUSED)


def g4_python(target: Target) -> Seen:
    """Give Python code at each question that takes a text."""
    asked = [name for name, default in target.questions.items() if isinstance(default, str)]
    return in_each(target, asked, INJECTIONS, EXACT, REFUSED)


def g5_shell(target: Target) -> Seen:
    """Give shell code, and start the project as its Procfile says, with a stub for Python."""
    outcomes = {}
    for value in SHELL:
        desk, given = Desk(target), dict.fromkeys(target.texts, value) | target.starts
        seen = outcome(desk, desk.generate(**given), given)
        wrong = start_by_procfile(desk, value) if (desk.project / "Procfile").exists() else ""
        outcomes[short(value)] = wrong or seen
    return summary(outcomes, EXACT)


def start_by_procfile(desk: Desk, title: str) -> str:
    """Run a project's Procfile; say what went wrong."""
    write(desk.room, {"bin/python": '#!/bin/sh\nprintf %s "${APP_TITLE-unset}" >~/started\n'})
    (desk.room / "bin" / "python").chmod(0o755)
    line = (desk.project / "Procfile").read_text("utf-8").partition(":")[2]
    command = ["sh", "-c", f"cd {desk.project.name} && {line}"]
    desk.run(command, PATH=f"{desk.room / 'bin'}:/usr/bin:/bin", PORT="5000")
    if desk.canary.exists():
        return "run by the Procfile"
    started = desk.home / "started"
    if not started.exists():
        return "not started by the Procfile"
    return "" if started.read_text("utf-8") in (title, "unset") else "changed by the Procfile"


def g6_jinja(target: Target) -> Seen:
    """Type Jinja; cookiecutter itself renders what the command line says."""
    return in_texts(target, JINJA, EXACT, typed=True)


def g7_yaml(target: Target) -> Seen:
    """Give what YAML takes for something else than a text."""
    return in_texts(target, YAML, EXACT)


def g8_unicode(target: Target) -> Seen:
    """Give what is not ASCII."""
    letters = in_texts(target, LETTERS, EXACT)
    return both(letters, in_each(target, target.texts, SEPARATORS, EXACT, REFUSED))


def g9_half_characters(target: Target) -> Seen:
    """Give a character that no file can hold."""
    return in_each(target, target.texts, [HALF], REFUSED)


def g10_slugs_that_lead_away(target: Target) -> Seen:
    """Name the project's folder so that it would lie elsewhere."""
    slugs = ["../x", "../../evil", "a/b", ".", "..", "", "-rf", str(target.work / "absolute")]
    seen = in_each(target, [target.slug], slugs, REFUSED)
    away = (target.work / "absolute").exists()
    return both(seen, Seen("wrote to an absolute path", False)) if away else seen


def g11_slugs_that_fit_nowhere(target: Target) -> Seen:
    """Name the project's folder so that a system or a platform would not have it."""
    slugs = ["CON", "NUL", "con", "a.", "x" * 300, "Upper", "🤗", "a b"]
    return in_each(target, [target.slug], slugs, REFUSED)


def g12_long_titles(target: Target) -> Seen:
    """Give titles of 100 characters, of more, and type one of a megabyte."""
    title, desk = target.texts[0], Desk(target)
    most = in_each(target, [title], ["x" * 100, "模" * 100], EXACT)
    more = in_each(target, [title], ["x" * 101, "x" * 500], REFUSED)
    megabyte = desk.type(**(marks(target) | {title: "x" * 1_000_000})).ending or "accepted"
    return both(most, more, summary({"a megabyte, typed": megabyte}, REFUSED))


def g13_unknown_answers(target: Target) -> Seen:
    """Answer a question that is not there, and with a choice that is not offered."""
    choices = {name: facts for name, facts in target.questions.items() if isinstance(facts, list)}
    asked = {target.texts[0][:-1]: [target.texts[0]]} | dict(list(choices.items())[:1])
    outcomes = {}
    for question, known in asked.items():
        run = Desk(target).generate(**{question: "no-such-thing"})
        named = all(name in run.output for name in known)
        kind = f"refused with the names that are known ({run.ending})" if named else run.ending
        outcomes[f"{question}=no-such-thing"] = kind if run.status else "ignored in silence"
    return summary(outcomes, "refused")


# What is there already --------------------------------------------------------------------


def edited(target: Target) -> Desk:
    """Return a desk with a project that its owner has worked on."""
    desk = done(target)
    write(desk.project, {"app.py": "mine\n", "notes.txt": "mine\n"})
    return desk


def g14_existing_folder(target: Target) -> Seen:
    """Generate where a project is, which its owner has changed."""
    run = edited(target).generate()
    return summary({"the same answers": run.ending or "overwritten"}, REFUSED)


def g15_failure_while_overwriting(target: Target) -> Seen:
    """Generate over a project, on request, with a model that is not there."""
    desk = edited(target)
    run = desk.generate("-f", model_path=str(desk.here / "missing.onnx"))
    kept = (desk.project / "app.py").read_text("utf-8") == "mine\n"
    return Seen(
        f"{run.ending or 'accepted'}; edits {'intact' if kept else 'overwritten'}",
        kept and run.ending == REFUSED,
    )


# Faults from outside ----------------------------------------------------------------------

# Read by each Python at its start: a hook waits at the gate when it first writes a file.
GATE = """
import os, sys

def wait(event, arguments):
    if closed and event == "open" and "w" in str(arguments[1]):
        closed.clear()
        with open(os.environ["GATE"]) as gate:
            gate.read()

closed = [True]
if sys.orig_argv[-1].startswith(os.environ["TMPDIR"]):
    sys.addaudithook(wait)
"""
PATIENCE = 30  # seconds until a hook has come to the gate


def g16_signals(target: Target) -> Seen:
    """Interrupt and end the command line and its hook, while the hook writes; do it again."""
    outcomes = {
        number.name: interrupted(target, number) for number in (signal.SIGINT, signal.SIGTERM)
    }
    return summary(outcomes, "done again")


def interrupted(target: Target, number: signal.Signals) -> str:
    """Say what is left after a signal, and whether the same command works then."""
    desk = Desk(target)
    write(desk.room, {"gate/sitecustomize.py": GATE})
    gate = desk.room / "gate" / "fifo"
    os.mkfifo(gate)
    # Whoever runs this may have signals ignored, and children inherit that.
    command = ["env", "--default-signal=INT,TERM", *desk.command()]
    with desk.start(command, PYTHONPATH=str(gate.parent), GATE=str(gate)) as process:
        opened = open_gate(gate, process)
        if opened is None:
            process.kill()
            return "the hook has written nothing"
        os.killpg(process.pid, number)
        os.close(opened)
        process.communicate()
    left, again = len(files(desk.here)), desk.generate()
    if not again.status:
        return f"done again, with {left} files left"
    return f"{left} files left, then {again.ending}: {again.output.splitlines()[-1][:60]}"


def open_gate(gate: Path, process: subprocess.Popen) -> int | None:
    """Return the gate, once somebody waits there; nothing if nobody comes."""
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            return os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody is there yet
            time.sleep(0.01)
    return None


def unshared(option: str) -> Callable:
    """Say that a probe was not tried where one may not leave the machine's namespaces."""

    def decorate(probe: Callable[[Target], Seen]) -> Callable[[Target], Seen]:
        @wraps(probe)
        def guarded(target: Target) -> Seen:
            tool = shutil.which("unshare")
            if not tool or subprocess.run([tool, option, "true"], check=False).returncode:
                return Seen(f"not tried: needs root and unshare {option}", False)
            return probe(target)

        return guarded

    return decorate


def mounted(target: Target, mount: str) -> str:
    """Say what came of a generation after a mount that nobody else sees."""
    desk = Desk(target)
    left = desk.room / "left"
    look = f"find . -mindepth 1 >{left}"  # before the mount is gone, and all on it
    script = f'{mount} || exit 99; cd "$PWD"; "$@"; status=$?; {look}; exit $status'
    run = desk.generate(before=["unshare", "-m", "sh", "-c", script, "sh"])
    assert run.status != 99, run.output
    paths = len(left.read_text().splitlines())
    return f"{paths} paths left, {run.ending}" if run.status and paths else run.ending or "done"


@unshared("-m")
def g17_disk_full(target: Target) -> Seen:
    """Generate on a disk that is full after a third, and just before the end."""
    desk = done(target)
    pages = sum(-(-path.stat().st_size // 4096) for path in files(desk.project).values())
    rooms = {"room for a third": pages // 3, "room for all but a page": pages - 1}
    disk = "mount -t tmpfs -o size={}k none ."
    return summary(
        {case: mounted(target, disk.format(4 * room)) for case, room in rooms.items()}, REFUSED
    )


@unshared("-m")
def g18_read_only(target: Target) -> Seen:
    """Generate where nothing can be written, and with such a home."""
    folders, bind = {"the folder": ".", "the home": "~"}, "mount --bind {0} {0}"
    mount = f"{bind} && mount -o remount,bind,ro {{0}}"
    return summary(
        {case: mounted(target, mount.format(folder)) for case, folder in folders.items()}, REFUSED
    )


@unshared("-n")
def g19_no_network(target: Target) -> Seen:
    """Generate without a network."""
    desk = Desk(target)
    given = marks(target)
    run = desk.generate(before=["unshare", "-n"], **given)
    return summary({"no network": outcome(desk, run, given)}, EXACT)


# Models -----------------------------------------------------------------------------------

LIMIT = 100 * 2**20  # of a file on GitHub


def weights(path: Path, size: int) -> Path:
    """Write a safetensors file of some size that takes no room on the disk."""
    count = size - 128
    tensor = {"dtype": "U8", "shape": [count], "data_offsets": [0, count]}
    path.write_bytes(struct.pack("<Q", 120) + json.dumps({"weight": tensor}).encode().ljust(120))
    os.truncate(path, size)
    return path


def pointer(path: Path) -> None:
    """Write what Git LFS leaves in the place of a file that was not fetched."""
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 123456789\n")


# What is wrong with a model, what makes it so, and words that name the reason.
UNUSABLE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (lambda path: None, "does not exist|not found|[Nn]o such file"),
    "a folder": (Path.mkdir, "folder|directory"),
    "unreadable": (lambda path: weights(path, 1000).chmod(0), "be read|[Pp]ermission"),
    "0 bytes": (Path.touch, "0 bytes|empty"),
    "an LFS pointer": (pointer, "LFS"),
    "over the limit": (partial(weights, size=1_200_000_000), "of 1 GB|limit|too (large|big)"),
}
# Root reads everything, unless it gives up the right to.
AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] * (os.getuid() == 0)


def g20_unusable_models(target: Target) -> Seen:
    """Give models that cannot be used."""
    outcomes = {}
    for case, (make, reason) in UNUSABLE.items():
        desk = Desk(target)
        make(path := desk.here / "weights.safetensors")
        run = desk.generate(before=AS_ANYBODY, model_path=str(path), **target.limited)
        named = run.refused_for(path.name, reason)
        outcomes[case] = "refused with the reason" if named else run.ending or "accepted"
        shutil.rmtree(desk.room)
    return summary(outcomes, "refused with the reason")


def g21_models_at_the_limit(target: Target) -> Seen:
    """Give models of exactly the limit and of a byte more, as they are and behind a link."""
    outcomes, good = {}, True
    for excess, behind_link in product((0, 1), (False, True)):
        desk = Desk(target)
        path = weights(desk.here / "weights.safetensors", LIMIT + excess)
        if behind_link:
            path.symlink_to(path.rename(desk.room / "blob"))
        run = desk.generate(model_path=str(path), **target.limited)
        copies = [copy for copy in desk.project.rglob(path.name) if not copy.is_symlink()]
        whole = [copy.stat().st_size for copy in copies] == [LIMIT + excess]
        refused, accepted = run.refused_for("100 MiB"), not run.status and whole
        good &= refused if excess else accepted
        case = f"100 MiB{' and a byte' * excess}{', behind a link' * behind_link}"
        outcomes[case] = "refused" if refused else run.ending or ("accepted" if whole else "lost")
        shutil.rmtree(desk.room)
    return Seen("; ".join(f"{case}: {seen}" for case, seen in outcomes.items()), good)


# What is left, and what is offered --------------------------------------------------------


def g22_secrets(target: Target) -> Seen:
    """Look for questions that ask for a secret, and for hooks that hold the answers."""
    secrets = [q for q in target.questions if re.search("token|key|password|secret", q)]
    desk = done(target)
    hooks = len(list(desk.temp.iterdir()))
    replay = len(list(desk.home.glob(".cookiecutter_replay/*")))
    return Seen(
        f"asks for {', '.join(secrets) or 'no secret'}; {hooks} hooks left in the temporary folder, "
        f"answers in {replay} replay file",
        not secrets and not hooks,
    )


def g23_combinations(target: Target) -> Seen:
    """Generate every combination, parse its files, and ask the linters that are there."""
    desks = [Desk(target) for _ in target.combinations]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = list(pool.map(lambda d, c: d.generate(**c), desks, target.combinations))
    outcomes = {}
    for answers, desk, run in zip(target.combinations, desks, runs, strict=True):
        case = "-".join(answers.values()) or "the only one"
        outcomes[case] = run.ending or parsed(desk.project)
    made = [desk.project for desk in desks if desk.project.exists()]
    return both(summary(outcomes, "parses"), lint(made))


def parsed(project: Path) -> str:
    """Say whether a project's files can be read."""
    for name, path in files(project).items():
        try:
            read(path)
        except UNREADABLE as error:
            return f"{type(error).__name__} in {name}"
    return "parses"


def lint(projects: list[Path]) -> Seen:
    """Ask the linters that are there, each about all projects at once."""

    def found(pattern: str) -> list[Path]:
        return [path for project in projects for path in project.glob(pattern)]

    own, alone = f"src={[str(project) for project in projects]}", ["--isolated", "--no-cache"]
    schema, workflows = ["check-jsonschema", "--builtin-schema"], found(".github/workflows/*.yml")
    verdicts = {
        "ruff check": linted(["ruff", "check", *alone, "--config", own], projects),
        "ruff format": linted(["ruff", "format", "--check", *alone], projects),
        "hadolint": linted(["hadolint", "--no-color"], found("Dockerfile")),
        "compose schema": linted([*schema, "vendor.compose-spec"], found("compose.yaml")),
        "workflow schema": linted([*schema, "vendor.github-workflows"], workflows),
        "zizmor": linted(["zizmor", "--offline"], workflows),
    }
    told = [
        f"{verdict}: {', '.join(name for name in verdicts if verdicts[name] == verdict)}"
        for verdict in dict.fromkeys(verdicts.values())
    ]
    return Seen("; ".join(told), FAULTS not in verdicts.values())


FAULTS = "finds faults"


def linted(command: list[str], given: list[Path]) -> str:
    """Say what a linter finds."""
    tool = shutil.which(command[0], path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if not given:
        return "has nothing to read"
    if not tool:
        return "not installed"
    run = subprocess.run([tool, *command[1:], *given], capture_output=True, check=False)
    return FAULTS if run.returncode else "is content"


def g24_same_answers(target: Target) -> Seen:
    """Generate twice, in other folders, at other times, by other processes."""
    trees = []
    for seed in ("1", "2"):
        trees.append(tree(done(target, PYTHONHASHSEED=seed, TZ=f"UTC{seed}").project))
    one, other = trees
    differ = [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]
    if differ:
        return Seen(f"{len(differ)} files differ, such as {min(differ)}", False)
    return Seen(f"the same {len(one)} paths, byte for byte", True)


ROWS = [
    Row("G1", "quotes in a text", "exact in every file", g1_quotes),
    Row("G2", "backslashes in a text", "exact in every file", g2_backslashes),
    Row(
        "G3", "line ends and control characters", "refused in one line, nothing left",
        g3_control_characters,
    ),
    Row("G4", "Python code in any answer", "exact or refused, and never run", g4_python),
    Row("G5", "shell code in a text", "exact, and not run by the Procfile", g5_shell),
    Row("G6", "Jinja, typed", "exact", g6_jinja),
    Row("G7", "what YAML takes for no text", "exact", g7_yaml),
    Row(
        "G8", "emoji, CJK, right to left; U+0085, U+2028",
        "exact; a separator of lines may be refused", g8_unicode,
    ),
    Row("G9", "half a character", "refused in one line, nothing left", g9_half_characters),
    Row(
        "G10", "a folder's name that leads away: ../x, /abs, a/b, empty",
        "refused in one line, nothing outside", g10_slugs_that_lead_away,
    ),
    Row(
        "G11", "a folder's name that fits nowhere: CON, a., 300 characters",
        "refused in one line", g11_slugs_that_fit_nowhere,
    ),
    Row("G12", "a title of 100, 101, 500, 1,000,000 characters",
        "exact up to 100, above refused in one line", g12_long_titles),
    Row("G13", "an answer to no question; a choice not offered",
        "refused", g13_unknown_answers),
    Row("G14", "the folder is there, with edits", "refused in one line, edits intact",
        g14_existing_folder),
    Row("G15", "-f over edits, and the generation fails", "refused in one line, edits intact",
        g15_failure_while_overwriting),
    Row("G16", "SIGINT or SIGTERM while a hook writes", "the same command works again",
        g16_signals),
    Row("G17", "the disk is full", "refused in one line, nothing left", g17_disk_full),
    Row("G18", "the folder or the home cannot be written", "refused in one line", g18_read_only),
    Row("G19", "no network", "works", g19_no_network),
    Row("G20", "a model that is missing, a folder, unreadable, empty, a pointer, too large",
        "refused with the reason, nothing left", g20_unusable_models),
    Row("G21", "a model of exactly the limit, and of a byte more; behind a link",
        "accepted; refused; what the link leads to counts", g21_models_at_the_limit),
    Row("G22", "what cookiecutter leaves: hooks in /tmp, answers to replay",
        "no secret is asked for, no hook is left", g22_secrets),
    Row("G23", "every combination of choices", "parses, and linters are content",
        g23_combinations),
    Row("G24", "the same answers twice", "the same project, byte for byte", g24_same_answers),
]  # fmt: skip
