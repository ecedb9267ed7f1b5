"""The questions without a terminal, for programs: answers as a mapping, refusals as data.

cookiecutter's own questions are put to a session that knows all answers. A wrong one is a
problem, and the questions after it go on with what was probably meant; so all are found at once.
"""

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import click
from cookiecutter import cli
from cookiecutter.prompt import InvalidResponse, YesNoPrompt

from . import choices, command_line, estimate, preview, prompts, questions, quoting
from .answers import Answers
from .catalog import PLATFORMS, ROOT
from .model_files.common import similar
from .project import Project, project
from .questions import Context, Refused

# "preview" is what a program asks for in another way.
QUESTIONS = [name for name in command_line.questions() if name[0] != "_" and name != "preview"]
# What the answers that are accepted, and the default, follow from; besides, from what these do.
DEPENDS: Mapping[str, Sequence[str]] = {
    "task": ["model_path"],
    "framework": ["model_path", "task"],
    "project_name": ["model_path", "task", "framework"],
    "project_slug": ["project_name"],
    "description": ["task", "framework"],
    "platform": ["model_path", "framework"],
    "hardware": ["model_path", "framework", "platform"],
    "python_version": ["model_path", "framework", "platform", "hardware"],
}


class Problem(NamedTuple):
    """A refused answer, or what else keeps a project from being generated."""

    question: str | None  # None if it is no answer's
    value: Any
    reason: str
    accepted: list[Any] | None = None  # None if any text may be right
    nearest: Any = None  # what was probably meant, and is accepted


class Question(NamedTuple):
    """A question as it is put after the answers before it."""

    default: Any
    accepted: list[Any] | None  # None for a text
    rows: choices.Rows  # what the accepted answers are, in words


class Headless(prompts.Session):
    """A session with all answers; a wrong one is replaced by the nearest, or by the default."""

    def __init__(self, context: Context, given: Mapping[str, Any], *unknown: str) -> None:
        self.context, self.kept, self.asked = context, None, False
        self.given = given
        self.questions: dict[str, Question] = {}
        self.problems: list[Problem] = []
        self.unknown = {*unknown}  # questions of which nobody knows what was meant
        context["limits"] = self.ask("limits", "enforce")  # which cookiecutter does not ask here

    def ask(self, name: str, default: Any, text: str = "", number: str = "") -> Any:
        """Return the answer to a question; note the problem if it has one."""
        value = self.given.get(name, default)
        found = Question(default, self.accepted(name, default), self.rows(name))
        self.questions[name] = found
        if isinstance(default, bool):
            value = _truth(value)
        reason = self.refusal(name, value, default)  # after accepted(), which tries others
        if not reason:
            return value
        near = self.nearest(name, value, found)
        if name == "platform" and near:
            self.choose_framework(near)
        if not (self.follows(name) and value in [*possible(name)]):
            self.problems.append(Problem(name, value, reason, found.accepted, near))
        if near is None:
            self.unknown.add(name)
        return default if near is None else near

    def choose_framework(self, platform: str) -> None:
        """Choose the framework, if that is left to us, so that a platform runs it."""
        context = {**self.context, "platform": platform}
        self.context["__framework"] = questions.choose_framework(context)

    def refusals(self, name: str, answer: str) -> list[str]:
        """Return why an answer is refused after those so far; none if it is accepted."""
        if name == "platform":
            self.choose_framework(answer)
        return super().refusals(name, answer)

    def refusal(self, name: str, value: Any, default: Any) -> str:
        """Return why an answer is refused; "" if it is accepted."""
        if isinstance(default, bool):
            return "" if isinstance(value, bool) else f"{value!r} is not true or false."
        if not isinstance(value, str):
            return f"{value!r} is not a text."
        found = [*command_line.rendered(name, value)] or self.refusals(name, value)
        return " ".join(each.removeprefix(f"{name}: ") for each in found)

    def accepted(self, name: str, default: Any) -> list[Any] | None:
        """Return the answers that are accepted after those so far; None for a text."""
        if isinstance(default, bool):
            return [True, False]
        known = self.known(name)
        return None if known is None else [each for each in known if not self.refusals(name, each)]

    def known(self, name: str) -> list[str] | None:
        """Return the answers that a question may have, whatever those before it are."""
        if name != "hardware":
            return [*choices.NAMES[name]] if name in choices.NAMES else None
        return [*PLATFORMS[self.context["platform"]]["hardware"]]

    def rows(self, name: str) -> choices.Rows:
        """Return what answers are, in words."""
        return choices.CHOICES[name](self.answers()) if name in choices.CHOICES else {}

    def nearest(self, name: str, value: Any, question: Question) -> Any:
        """Return the accepted answer that was probably meant; None if nothing is like it."""
        if question.accepted is None:
            near = NEAREST[name](str(value))
            return None if near == value or self.refusals(name, near) else near
        typed = str(value).strip()
        meant = None if typed.isdigit() else choices.pick(question.rows, typed)
        texts = {each.casefold(): each for each in question.accepted if isinstance(each, str)}
        near = difflib.get_close_matches(typed.casefold(), texts, 1)
        return meant if meant in question.accepted else texts[near[0]] if near else None

    def follows(self, name: str) -> bool:
        """Return whether a question depends on one of which nobody knows what was meant."""
        return any(each in self.unknown or self.follows(each) for each in DEPENDS.get(name, ()))


def _truth(value: Any) -> Any:
    """Return what cookiecutter takes a text for, where it asks yes or no."""
    try:
        return YesNoPrompt().process_response(value) if isinstance(value, str) else value
    except InvalidResponse:
        return value


def possible(name: str) -> set[str]:
    """Return every answer that a question with choices has after some others."""
    if name == "hardware":
        return {tier for platform in choices.HOSTS for tier in PLATFORMS[platform]["hardware"]}
    return {*choices.NAMES.get(name, ())}


def _one_line(name: str, text: str) -> str:
    """Return a text as its question takes it."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(plain.split())[: questions.LONGEST[name]].strip()


def _beside(text: str) -> str:
    """Return a path with the most similar name that there is, if it does not exist."""
    path = Path(text)
    with suppress(OSError, ValueError, RuntimeError):  # no folder, or no path at all
        there = path.expanduser()
        if not os.path.lexists(there) and (near := similar(there)):
            return str(path.with_name(near))
    return text


NEAREST = {
    "model_path": _beside,
    "project_name": lambda text: _one_line("project_name", text),
    "project_slug": quoting.slug,
    "description": lambda text: _one_line("description", text),
}


def as_typed(given: Mapping[str, Any]) -> list[str]:
    """Return answers as KEY=VALUE, as cookiecutter's command line has them."""
    words = {True: "yes", False: "no"}
    return [f"{k}={words[v] if isinstance(v, bool) else v}" for k, v in given.items()]


def command(given: Mapping[str, Any], output: str, overwrite: bool, address: str) -> list[str]:
    """Return the arguments with which cookiecutter's command generates the project."""
    more = ["-o", output] if output != "." else []
    more += ["-f"] if overwrite else []
    return ["--no-input", *more, address, *as_typed(given)]


def unknown(given: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for each answer to no question."""
    for name in (name for name in given if name not in QUESTIONS):
        near = next(iter(difflib.get_close_matches(name.casefold(), QUESTIONS, 1)), None)
        yield Problem(name, given[name], "There is no such question.", [*QUESTIONS], near)


def ask(given: Mapping[str, Any], *refused: str) -> tuple[Headless | None, list[Problem]]:
    """Put the questions; return the session, and the problem of every wrong answer.

    Args:
        given: answers by question.
        refused: questions whose answers are refused already, and not among those.
    """
    made: list[Headless] = []

    def start(context: Context) -> Headless:
        made.append(Headless(context, given, *refused))
        return made[-1]

    try:
        prompts.put(start)
        return made[0], made[0].problems
    except Refused as error:  # of what is beside the model, or cookiecutter cannot be called
        problems = [Problem(None, None, each) for each in error.problems]
        if made and "model_path" in given:  # the others, as far as they do not depend on it
            others = {name: given[name] for name in given if name != "model_path"}
            problems += ask(others, "model_path")[1]
        return None, problems


def plan(
    given: Mapping[str, Any], output: str = ".", overwrite: bool = False
) -> tuple[dict[str, Any], Project | None]:
    """Return what would be generated, or every problem; and the project, if there are none.

    Args:
        given: answers by question.
        output: the folder that the project's folder would be made in.
        overwrite: whether it may exist.
    """
    with called(given, output, overwrite):
        session, found = ask(given)
        problems = [*unknown(given), *found]
        if problems or session is None:
            return {"problems": [each._asdict() for each in problems]}, None
        wanted = project(Answers.of(session.context))
        folder = Path(output, wanted.answers.project_slug).absolute()
        problems = [*misfits(session, wanted), *no_room(wanted, folder)]
        said = {"problems": []} | preview.as_dict(wanted, folder, [])
        said["problems"] = [each._asdict() for each in problems]
        del said["answers"]["preview"]
        said["command"] = ["cookiecutter", *command(given, output, overwrite, str(ROOT))]
        said["check"] = wanted.check and f"{wanted.check} --json"
        return said, None if problems else wanted


def called(given: Mapping[str, Any], output: str = ".", overwrite: bool = False) -> click.Context:
    """Return cookiecutter's command line with these answers, which the template's checks look at."""
    typed = {
        name: value
        for name, value in given.items()
        if name in QUESTIONS and not [*command_line.rendered(name, str(value))]
    }
    arguments = command(typed, output, overwrite, str(ROOT))
    return cli.main.make_context("cookiecutter", arguments)


def misfits(session: Headless, wanted: Project) -> Iterator[Problem]:
    """Yield the problem of a project that does not fit: the hardware, or else the platform.

    The nearest hardware is one that does not cost more: another price is its owner's to accept.
    """
    answers = wanted.answers
    if wanted.report.fits is not False or answers.limits == "ignore":
        return
    reason = f"{answers.platform}, {answers.hardware}: it {estimate.misfit(wanted)}"
    tiers = [name for name in wanted.tiers if session.fits(name)]
    if tiers:
        prices = {name: wanted.tiers[name]["price_usd"] for name in (*tiers, answers.hardware)}
        most = prices[answers.hardware]
        cheap = (n for n in tiers if None not in (most, prices[n]) and prices[n] <= most)
        yield Problem("hardware", answers.hardware, reason, tiers, next(cheap, None))
        return
    others = [
        name
        for name in session.questions["platform"].accepted or ()
        if any(estimate.fits(each) is not False for each in session.projects_on(name))
    ]
    yield Problem("platform", answers.platform, reason, others)


def no_room(wanted: Project, folder: Path) -> Iterator[Problem]:
    """Yield a problem if the project cannot be written to its folder."""
    slug = wanted.answers.project_slug
    for reason in command_line.existing_errors(slug):
        others = (f"{slug[: quoting.SLUG_LENGTH - 3]}-{n}" for n in range(2, 100))
        free = (name for name in others if not os.path.lexists(folder.with_name(name)))
        yield Problem(
            "project_slug", slug, reason.removeprefix("project_slug: "), nearest=next(free, None)
        )
    for reason in questions.room_errors(wanted, folder, not os.path.lexists(folder)):
        yield Problem(None, str(folder), reason)
