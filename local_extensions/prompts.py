"""Prompts in a terminal: choices by number or name, and a refused answer is asked again.

cookiecutter's own prompts take a number alone, and it ends at the first refusal. So its readers
are replaced for the questions of this template, and of no other. Answers are kept beside its
replays until they have made a project.
"""

import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from click.exceptions import Exit
from cookiecutter import prompt
from cookiecutter.generate import generate_context

from . import choices, command_line, estimate, questions
from .answers import Answers
from .catalog import PLATFORMS, ROOT
from .model import inspect
from .project import Project, project
from .questions import Context, Refused

INDENT = " " * 8
ROWS = 5  # of hardware, before one asks for more
HIDDEN = ("limits", "preview")  # for the command line
# What an answer stands for, such as "auto", if it can be used.
CHOOSE: dict[str, Callable[[Context], str]] = {
    "model_path": questions.choose_model,
    "task": questions.choose_task,
    "framework": questions.choose_framework,
}
# Answers that follow from the model: with another model they are not offered again.
OF_MODEL = ("task", "framework", "project_name", "project_slug", "description")


class Kept:
    """File with the answers of a session that made no project yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers: Context = {}
        with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            found = json.loads(path.read_text("utf-8"))["cookiecutter"]
            kinds = {name: type(value) for name, value in command_line.questions().items()}
            known = {k: v for k, v in found.items() if type(v) is kinds.get(k)}
            self.answers = {k: v for k, v in known.items() if str(v).isprintable()}

    @property
    def age(self) -> str:
        """When the answers were given."""
        return f"{datetime.fromtimestamp(self.path.stat().st_mtime):%d %B, %H:%M}"

    def save(self) -> None:
        """Write the file; if that fails, the session goes on without it."""
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps({"cookiecutter": self.answers}, indent=2), "utf-8")

    def remove(self) -> None:
        """Remove the file."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


class Session:
    """One run through the questions."""

    def __init__(self, context: Context) -> None:
        self.context = context  # cookiecutter's own, with the answers so far
        self.kept: Kept | None = None
        self.asked = False
        if command_line.arguments():
            self.kept = Kept(
                Path(command_line.settings()["replay_dir"]) / "ml-ui-template.unfinished.json"
            )
            click.get_current_context().call_on_close(self.close)

    def close(self) -> None:
        """Remove the kept answers once they made a project, or say that they are kept."""
        if not (self.asked and self.kept and self.kept.answers):
            return
        error = sys.exc_info()[1]
        if error is None or (isinstance(error, Exit) and self.context.get("preview") == "no"):
            self.kept.remove()
        else:
            click.echo("\nYour answers are kept: start again, and they are the defaults.")

    def answers(self, **more: str) -> Answers:
        """Return the answers so far with some more, and the defaults of later questions."""
        later = {k: v for k, v in command_line.questions().items() if "{{" not in str(v)}
        derived = {f"__{k}": v for k, v in more.items() if k in ("task", "framework")}
        return Answers.of(later | command_line.given() | self.context | more | derived)

    def ask(self, name: str, default: Any, text: str, number: str) -> Any:
        """Ask a question until its answer is accepted, and return that."""
        if not self.asked and self.kept and self.kept.answers:
            _tell(f"Your answers of {self.kept.age} are the defaults. To start afresh, delete")
            _tell(str(self.kept.path))
        self.asked = True
        offered = default
        if self.kept and name not in command_line.given():
            offered = self.kept.answers.get(name, default)
        number, text = click.style(number, dim=True), click.style(text, bold=True)
        if name == "hardware":
            answer = self.hardware(offered, f"  {number} {text}")
        elif name in choices.CHOICES:
            answer = self.choice(name, offered, number, text)
        else:
            answer = self.text(name, offered, f"  {number} {text}")
        self.keep(name, answer, default)
        return answer

    def keep(self, name: str, answer: Any, default: Any = None) -> None:
        """Keep an answer, unless it is the default."""
        self.context[name] = answer
        if not self.kept:
            return
        known = self.kept.answers
        if name == "model_path" and answer != known.get(name, ""):
            for each in OF_MODEL:
                known.pop(each, None)
        if name == "project_name" and answer != known.get(name, default):
            known.pop("project_slug", None)  # which follows from it
        known.pop(name, None)
        if answer != default or (answer and name == "model_path"):
            known[name] = answer
        self.kept.save()

    def text(self, name: str, default: Any, text: str) -> Any:
        """Ask for a text, or yes or no."""
        if isinstance(default, bool):
            return click.confirm(text, default=default)

        def accept(typed: str) -> str:
            if name != "model_path":
                questions.refuse(questions.CHECKS[name](self.answers(**{name: typed})))
                if name == "project_slug":
                    questions.refuse(command_line.existing_errors(typed))
                return typed
            context = {**self.context, name: typed}
            if own := questions.choose_model(context):
                found = inspect(Answers.of(context | {"__model_path": own}).model_path)
                pinned = [own] if own == context[name] else []
                _tell(*pinned, found.detail, *found.notes)
            return context[name]

        if len(click.unstyle(f"{text} [{default}]: ")) > 80:
            click.echo(text)
            text = INDENT[:-1]
        return _until_accepted(text, default, accept)

    def choice(self, name: str, default: str, number: str, text: str) -> str:
        """Ask for one of a few; what has one answer is not asked."""
        rows = choices.CHOICES[name](self.answers())
        first = default if default in rows else next(iter(rows))

        def accept(typed: str) -> str:
            answer = choices.pick(rows, typed)
            if answer is None:
                raise Refused(choices.unknown(name, typed, rows))
            questions.refuse(questions.CHECKS[name](self.answers(**{name: answer})))
            return answer

        if len(rows) == 1:
            click.echo(f"  {number} {text} {rows[first][0]}")
            answer = first
        else:
            click.echo(f"  {number} {text}")
            _show(rows)
            answer = _until_accepted(f"{INDENT}Number or name", first, accept)
        return default if default == "auto" and answer == first else answer

    def refusals(self, name: str, answer: str) -> list[str]:
        """Return why an answer is refused after those so far; none if it is accepted."""
        try:
            if choose := CHOOSE.get(name):
                answer = choose({**self.context, name: answer})  # what it stands for
            check = questions.CHECKS.get(name)
            return [*check(self.answers(**{name: answer}))] if check else []
        except Refused as error:
            return [*error.problems]

    def hardware(self, default: str, text: str) -> str:
        """Ask for the hardware, on which the model must fit; or for another platform."""
        while True:
            click.echo(text)
            if tier := self.tier(default):
                return tier

    def tier(self, default: str) -> str | None:
        """Ask for a tier of the platform; return None if the answer is another platform."""
        every = choices.hardware(self.answers())
        fit = [name for name in every if self.fits(name)]
        rows = {name: every[name] for name in fit[:ROWS]}
        if rows:
            _show(rows)
        refused = "" if fit else self.refuse(next(iter(every)))
        first = default if default in fit else next(iter(fit), "") or self.elsewhere()
        while True:
            more = ", or more" if len(rows) < len(every) else ""
            ways = f"Hardware{more}, a platform, or anyway" if refused else f"Number or name{more}"
            typed = click.prompt(f"{INDENT}{ways}", default=first).strip()
            name = choices.pick(rows, typed) or (typed if typed in every else None)
            if name and self.fits(name):
                _tell(PLATFORMS[self.context["platform"]]["hardware"][name]["note"])
                return name
            if name:
                refused = self.refuse(name)
            elif typed in choices.HOSTS:
                self.keep("platform", typed)
                return None
            elif typed == "anyway" and refused:
                self.context["limits"] = "ignore"
                return refused
            elif typed == "more":
                rows = every
                _show(rows)
            else:
                _say(*questions.CHECKS["hardware"](self.answers(hardware=typed)))

    def fits(self, hardware: str) -> bool:
        """Return whether the project may be on a tier: it fits, or nobody knows, or cares."""
        found = self.project_on(hardware)
        return found.answers.limits == "ignore" or estimate.fits(found) is not False

    def refuse(self, hardware: str) -> str:
        """Print why the project does not fit a tier; return the tier."""
        _say(estimate.as_text(self.project_on(hardware).report))
        return hardware

    def project_on(self, hardware: str, **more: str) -> Project:
        """Return the project on a tier, with the default version of Python there."""
        answers = self.answers(hardware=hardware, **more)
        return project(answers._replace(python_version=project(answers).pythons[0]))

    def projects_on(self, platform: str) -> Iterator[Project]:
        """Yield the project on each tier of a platform."""
        for tier in project(self.answers(platform=platform)).tiers:
            yield self.project_on(tier, platform=platform)

    def elsewhere(self) -> str:
        """Return the first platform that the project fits."""
        for name in choices.HOSTS:
            if any(estimate.fits(each) is not False for each in self.projects_on(name)):
                return name
        return choices.HOSTS[-1]


SESSION: Session | None = None
START: Callable[[Context], Session] = Session  # put() has others


def put(start: Callable[[Context], Session]) -> Context:
    """Put cookiecutter's questions to a session that is no terminal's; return its context."""
    global START
    START = start
    context = generate_context(str(ROOT / "cookiecutter.json"))
    context["_cookiecutter"] = {k: v for k, v in context["cookiecutter"].items() if k[0] != "_"}
    context["cookiecutter"].update(prompt.prompt_for_config(context))
    return context


def begin(context: Context) -> str:
    """Start a session, before the first question.

    The filter keeps the name `check_call`, which replay files of 1.0.0 have.
    """
    global SESSION
    questions.check_call()
    SESSION = START(context)
    return ""


def replace_readers() -> None:
    """Have cookiecutter ask this template's questions as above."""
    for name in ("read_user_variable", "read_user_yes_no"):
        if reader := getattr(prompt, name, None):  # another cookiecutter asks in its own way
            setattr(prompt, name, _replaced(getattr(reader, "original", reader)))


def _replaced(original: Callable[..., Any]) -> Callable[..., Any]:
    def read(name: str, default: Any, prompts: Any = None, prefix: str = "") -> Any:
        texts = command_line.questions()["__prompts__"]
        if not SESSION or prompts != texts:
            return original(name, default, prompts, prefix)
        if name in HIDDEN:
            return SESSION.context.get(name, default)
        number = re.search(r"\d+(?=/)", prefix)
        return SESSION.ask(name, default, texts[name], f"{number[0] if number else '-':>2}")

    read.original = original  # type: ignore[attr-defined]
    return read


def _until_accepted(text: str, default: str, accept: Callable[[str], str]) -> str:
    """Ask until an answer is accepted."""
    while True:
        typed = click.prompt(text, default=default, show_default=bool(default))
        try:
            return accept(typed)
        except Refused as error:
            _say(*error.problems)


def _show(rows: choices.Rows) -> None:
    """Print the choices, numbered."""
    for number, line in enumerate(choices.aligned(rows).values(), 1):
        click.echo(f"    {number:2}  {line}"[:79])


def _say(*problems: str) -> None:
    """Print why an answer is refused."""
    for text in problems:
        if "\n" not in text:  # not a report, which fills the screen
            text = _indented(text)
        click.secho(text, fg="red")


def _tell(*lines: str) -> None:
    for line in lines:
        click.echo(_indented(line))


def _indented(text: str) -> str:
    """Return a text as wide as a terminal; a path stays in one piece."""
    return textwrap.fill(
        text,
        80,
        initial_indent=INDENT,
        subsequent_indent=INDENT,
        break_on_hyphens=False,
        break_long_words=False,
    )
