"""Validation of the answers, before anything is created.

cookiecutter renders the private variables of cookiecutter.json in their place among the
questions: what later ones depend on is refused there, in one message. In a terminal, prompts.py
asks such a question again.
"""

import difflib
import json
import os
import shlex
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

import click
from click.exceptions import Exit
from cookiecutter.exceptions import FailedHookException

from ml_ui.sizing.footprint import onnx_export

from . import command_line, estimate, examples, host, hub, manifest, model_files, preview, quoting
from .answers import Answers
from .catalog import FRAMEWORKS, OFFERED, SHOWN, TASKS
from .choices import HOSTS, NAMES, frameworks, runs_on, unknown
from .host import pythons
from .kinds import fitting, framework_of, takes, unfit
from .model import inspect, model, read_labels
from .project import Project, project

Context = dict[str, Any]  # cookiecutter's: the answers so far, by question

# Bytes in reserve for folders and partly filled blocks.
MARGIN = 1_000_000
LONGEST = {"project_name": 100, "description": 300}  # characters
TASK = "image-classification"  # of the demo, if none is asked for


class Refused(FailedHookException):
    """Answers that cannot work; cookiecutter prints the text and exits 1."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))

    def __str__(self) -> str:
        if command_line.wants_json():
            return json.dumps({"problems": self.problems}, indent=2)
        return "\n".join(self.problems)


def refuse_jinja() -> None:
    """Refuse Jinja in the command line's answers, before cookiecutter renders anything.

    Called when the extension is loaded: `__check_call=x` would replace that check.
    """
    refuse(command_line.jinja_errors())


def check_call() -> None:
    """Validate the command line before the first question and before anything is written."""
    refuse(command_line.replay_errors())
    if not command_line.arguments().get("no_input"):  # then with the other problems
        refuse(command_line.question_errors())
        if command_line.wants_json():
            raise Refused("preview: json needs --no-input, since questions are no JSON.")


def choose_model(context: Context) -> str:
    """Return the model's absolute path, its id on the Hub with a commit, or "" for the demo."""
    given = context["model_path"] = _as_typed(context["model_path"])
    if not given:
        return ""
    if hub.is_id(given):
        own = str(_found(given))
        context["model_path"] = own  # the record and a replay keep to this commit
    else:
        own = str(Path(os.path.expanduser(given)).absolute())
    refuse(_own_model(own))
    return own


def _as_typed(text: str) -> str:
    """Return a path without the quotes and escapes that terminals give a dropped file."""
    text = text.strip()
    if text in ("", "-"):
        return ""
    if os.path.lexists(os.path.expanduser(text)):
        return text
    if text.startswith("file://"):
        return unquote(urlsplit(text).path)
    try:
        (path,) = shlex.split(text, posix=os.name == "posix")
    except ValueError:  # several words, or an open quote
        return text
    return path.strip('"') or text  # Windows keeps the quotes


def _found(given: str) -> hub.Source:
    try:
        return hub.find(given)
    except model_files.Unusable as error:
        raise Refused(f"model_path: {error}") from None


def choose_task(context: Context) -> str:
    """Return the task: the answer, or the likeliest that the model file fits."""
    chosen, own = context["task"], context["__model_path"]
    if chosen == "auto":
        chosen = fitting(inspect(Answers.of(context).model_path))[0] if own else TASK
    if chosen not in TASKS:
        raise Refused(unknown("task", chosen, NAMES["task"]))
    context["__task"] = chosen
    if own:
        refuse(_own_table(Answers.of(context).model_path, chosen))
    return chosen


def _own_table(path: Path, task: str) -> Iterator[str]:
    """Yield what is wrong with an examples.csv beside the model."""
    found = inspect(path)
    if task in fitting(found):
        try:
            model(task, framework_of(found).name, path)
        except model_files.Unusable as error:
            yield f"examples: {error}"


def _own_model(own: str) -> Iterator[str]:
    """Yield why a model cannot be used: a path, or a pinned id of the Hub."""
    source = hub.pinned(own) and _found(own)
    path = source.path if source else Path(own)
    name = source.name if source else path.name
    part = "model_path"
    try:
        found = inspect(path)
        if source:
            hub.weights(source, found)
        part = "labels.txt"
        labels = read_labels(path)
        part = "examples"
        for task in fitting(found):
            examples.files(path, TASKS[task].input)
    except model_files.Unusable as error:
        yield f"{part}: {hub.explained(source, str(error)) if source else error}"
        return
    if reason := host.unsupported(framework_of(found).name, found.version):
        yield f"model_path: {name} {reason}"
    if not fitting(found):
        yield f"model_path: {name} {unfit(found)}"
        return
    if found.scores == "class" and not (labels or found.labels or "row" in takes(found)):
        yield (
            f"model_path: {path.name} gives the number of a class ({found.outputs[0].name}) and "
            "does not name the classes. Write their names, one a line, into a labels.txt beside it."
        )
    # One output is the probability of the second of two classes.
    classes = {1: 2}.get(found.n_outputs, found.n_outputs) or len(found.labels)
    if labels is not None and classes and classes != len(labels):
        yield (
            f"labels.txt: the file beside the model has {len(labels)} classes, the model "
            f"{classes}. Correct it, or move it elsewhere."
        )
    elif labels is None and found.labels and classes != len(found.labels):
        yield (
            f"model_path: {name} names {len(found.labels)} classes and gives {classes} "
            f"scores. Write {classes} names, one a line, into a labels.txt beside it."
        )


def refuse(problems: Iterable[str]) -> None:
    """Refuse the answers if there are problems."""
    if found := [*problems]:
        raise Refused(*found)


def choose_framework(context: Context) -> str:
    """Return the framework that runs the model; refuse one that cannot."""
    chosen, answers = context["framework"], Answers.of(context)
    refuse(CHECKS["framework"](answers))
    if answers.model_path:
        found = inspect(answers.model_path)
        own = framework_of(found).name
        if chosen not in ("auto", own):
            raise Refused(
                f"framework: {answers.model_name} is a model for {FRAMEWORKS[own].title}, not "
                f"for {FRAMEWORKS[chosen].title}. Answer auto or {own}."
            )
        chosen = own
    elif chosen == "auto":
        # It is asked later, but may be given.
        wanted = context.get("platform") or command_line.given().get("platform")
        offered = frameworks(answers._replace(platform=wanted))
        chosen = next(iter(offered), TASKS[answers.task].framework)
    if (answers.task, chosen) not in OFFERED:
        others = [name for task, name in OFFERED if task == answers.task]
        raise Refused(
            f"framework: {answers.task} is not offered with {chosen}. This task has "
            f"{', '.join(others)}; this framework has {', '.join(FRAMEWORKS[chosen].tasks)}."
        )
    if not (answers.model_path or FRAMEWORKS[chosen].demos):
        raise Refused(
            f"framework: {chosen} has no demo model. Give the folder of your own as model_path, "
            "or answer auto."
        )
    return chosen


def project_folder(context: Context) -> str:
    """Validate all answers and return the name of the project's folder.

    cookiecutter renders that name before it writes anything: after the questions, and in a
    replay, which asks none.
    """
    if "_output_dir" in context:  # without it, another answer refers to this one
        refuse(_replayed(context))
        if own := context["__model_path"]:
            refuse(_own_model(own))
        context["__task"] = choose_task(context)  # a replay has any
        context["__framework"] = choose_framework(context)
        answers = Answers.of(context)
        folder = Path(context["_output_dir"], context["project_slug"])
        is_new = not os.path.lexists(folder)
        refuse(problem for check in CHECKS.values() for problem in check(answers))
        wanted = project(answers)
        problems = [*room_errors(wanted, folder, is_new)]
        if answers.preview != "no" and not command_line.is_replay():
            show(wanted, folder, problems)
        if wanted.report.fits is False and answers.limits != "ignore":
            refuse([estimate.as_text(wanted.report)])
        refuse(problems)
        # For the hook: it removes only a new folder if it fails, and skips existing files.
        context["_is_new"] = is_new
        context["_where"] = where(folder)
        context["_skip_if_file_exists"] = command_line.arguments().get("skip_if_file_exists", False)
        if is_new:
            command_line.clean_up_after_failure(folder)
    return context["project_slug"]


def where(folder: Path) -> str:
    """Return the path of the project as its owner would type it here."""
    with suppress(ValueError):  # on another drive of Windows
        if not (path := os.path.relpath(folder)).startswith(os.pardir):
            return path
    return str(folder)


def show(wanted: Project, folder: Path, problems: list[str]) -> NoReturn:
    """Print a preview and end: with status 1 if generation would refuse, as preflight does."""
    problems += command_line.existing_errors(folder.name)
    if wanted.answers.preview == "json":
        text = json.dumps(preview.as_dict(wanted, folder, problems), indent=2)
    else:
        text = preview.as_text(wanted, folder, problems)
    click.echo(text.encode(sys.stdout.encoding or "ascii", "replace"))
    raise Exit(bool(problems) or wanted.report.fits is False)


def room_errors(wanted: Project, folder: Path, is_new: bool) -> Iterator[str]:
    """Yield errors if the project's files cannot be written to a folder."""
    written, size, count = manifest.written(wanted), MARGIN, 0
    if is_new:
        size, count = size + estimate.checkout(wanted), len(written)
    for problem in (
        *command_line.link_errors(folder, written),
        *command_line.folder_errors(folder, size, count),
    ):
        yield f"output_dir: {problem} Choose another with -o."


def _replayed(context: Context) -> Iterator[str]:
    """Yield an error for each answer that its question does not admit.

    cookiecutter sees to that itself, but not in a replay. The answers are shown as JSON, like
    in its file.
    """
    for name, default in command_line.questions().items():
        answer = context.get(name)
        shown = f"{name}: {json.dumps(answer)[:60]}"
        if isinstance(default, str) and not isinstance(answer, str):
            yield f"{shown} is not a text."
        elif isinstance(default, bool) and not isinstance(answer, bool):
            yield f"{shown} is not offered. Answer true or false."


def _choice(answers: Answers, question: str) -> Iterator[str]:
    given = dict(answers.given)[question]
    if given not in NAMES[question]:
        yield unknown(question, given, NAMES[question])


def _task(answers: Answers) -> Iterator[str]:
    if not answers.model_path:
        return
    found, task = inspect(answers.model_path), TASKS[answers.task]
    if answers.task not in (tasks := fitting(found)):
        given = takes(found)
        wrong = given and task.input.name not in given
        reason = (
            f"takes {next(iter(given.values()))}, not {task.input.title}"
            if wrong
            else (f"does not give {task.output.title}")
        )
        yield f"task: {answers.model_name} {reason}. Answer {' or '.join(tasks)}."


def _text(answers: Answers, question: str) -> Iterator[str]:
    text, longest = getattr(answers, question), LONGEST[question]
    odd = {f"U+{ord(c):04X}" for c in text if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")}
    if odd:
        yield f"{question}: contains {', '.join(sorted(odd))}. Use one line of plain text."
    elif not 0 < len(text.strip()) <= longest:
        yield f"{question}: has {len(text.strip())} characters; 1 to {longest} are allowed."


def _slug(answers: Answers) -> Iterator[str]:
    name = answers.project_slug
    if not quoting.is_slug(name):
        yield (
            f"project_slug: {name[:60]!r} is not a valid name for a folder, a Space and an app. "
            f"Use 2 to {quoting.SLUG_LENGTH} of a-z, 0-9 and single hyphens, starting with a "
            f"letter, such as {quoting.slug(name)}."
        )


def _platform(answers: Answers) -> Iterator[str]:
    yield from _choice(answers, "platform")
    chosen, title = answers.platform, FRAMEWORKS[answers.framework].title
    if runs_on(chosen, answers.framework):
        yield from _unfit(answers)
        return
    able = [name for name in FRAMEWORKS if runs_on(chosen, name)]
    others = " or ".join(name for name in HOSTS if runs_on(name, answers.framework))
    titles = " and ".join(FRAMEWORKS[name].title for name in able)
    reason = f"platform: {chosen} runs {titles}, not {title}."
    how = onnx_export(project(answers).model.format)
    demos = [name for task, name in SHOWN if task == answers.task and name in able]
    if answers.model_path and how and "onnx" in able:
        yield f"{reason} Export the model to ONNX ({how}) and give that file, or answer {others}."
    elif not answers.model_path and demos:
        yield f"{reason} Answer framework={' or '.join(demos)}, or platform={others}."
    else:
        yield f"{reason} Answer {others}."


def _unfit(answers: Answers) -> Iterator[str]:
    """Yield why no hardware of the platform runs this model file, of a framework that it runs."""
    classes = {tier["class"] for tier in project(answers).tiers.values()}
    if not answers.model_path or classes != {"browser"}:
        return  # a demo's runs, and what another tier runs is offered
    if reason := inspect(answers.model_path).unfit.get("browser"):
        yield f"platform: {answers.platform} does not run {answers.model_path.name}, which {reason}."


def _hardware(answers: Answers) -> Iterator[str]:
    chosen, useful = answers.hardware, project(answers).tiers
    if chosen in useful or answers.platform not in NAMES["platform"]:
        return
    if not runs_on(answers.platform, answers.framework):
        return  # the platform is refused
    title, tier = FRAMEWORKS[answers.framework].title, project(answers).platform["hardware"]
    if chosen not in tier:
        near = difflib.get_close_matches(chosen, tier, 1)
        reason = f"{answers.platform} has no {chosen[:60]!r}."
        reason += f" Did you mean {near[0]}?" if near else ""
    elif tier[chosen]["class"] not in FRAMEWORKS[answers.framework].requirements:
        reason = f"{title} does not use the GPU of {chosen}."
    else:
        version = project(answers).model.version
        reason = f"{answers.model_name} needs {title} {version}, and {chosen} no Python for it."
    yield f"hardware: {reason} Answer one of {', '.join(useful)}."


def _python(answers: Answers) -> Iterator[str]:
    if answers.hardware not in project(answers).tiers:
        return  # that is refused, and the default follows from it
    yield from _choice(answers, "python_version")
    chosen, able = answers.python_version, project(answers).pythons
    if chosen in able or chosen not in NAMES["python_version"]:
        return
    version, title = project(answers).model.version, FRAMEWORKS[answers.framework].title
    if chosen in pythons(answers.framework, version, {}):
        yield f"python_version: {answers.hardware} does not run {chosen}. Answer {' or '.join(able)}."
    else:
        yield (
            f"python_version: {answers.model_name} needs {title} {version}, which has no "
            f"packages for {chosen}. Answer {' or '.join(able)}."
        )


# Validators by question; "arguments" is the command line.
CHECKS = {
    "arguments": lambda _: command_line.question_errors(),
    "task": _task,
    "framework": partial(_choice, question="framework"),
    "project_name": partial(_text, question="project_name"),
    "project_slug": _slug,
    "description": partial(_text, question="description"),
    "platform": _platform,
    "hardware": _hardware,
    "python_version": _python,
    "license": partial(_choice, question="license"),
    "limits": partial(_choice, question="limits"),
    "preview": partial(_choice, question="preview"),
}
