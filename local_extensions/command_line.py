"""Command-line arguments of cookiecutter, and checks of the folders it writes to."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from errno import EDQUOT, ENOSPC
from functools import cache, partial
from pathlib import Path
from typing import Any

import click
from click.exceptions import ClickException, Exit
from cookiecutter import cli
from cookiecutter.config import get_user_config
from cookiecutter.exceptions import OutputDirExistsException
from jinja2.lexer import string_re

from ml_ui.sizing import limits

from .catalog import ROOT
from .model_files.common import one_line

REPLAY = 100_000  # bytes, ten times the size of the answers
LITERAL = re.compile(rf"\{{\{{ {string_re.pattern} \}}\}}", string_re.flags)


def arguments() -> dict[str, Any]:
    """Return the arguments of cookiecutter's command line; {} under another program."""
    context = click.get_current_context(silent=True)
    return context.params if context and context.command is cli.main else {}


def settings() -> dict[str, Any]:
    """Return the user's configuration of cookiecutter, read once per call."""
    known, given = click.get_current_context().meta, arguments()
    if __name__ not in known:
        known[__name__] = get_user_config(given["config_file"], given["default_config"])
    return known[__name__]


def jinja_errors() -> Iterator[str]:
    """Yield errors for answers that cookiecutter would render as Jinja, and so run.

    They come from the command line and from default_context in cookiecutter's configuration.
    There, a quoted literal is allowed: an update of a project passes its answers that way.
    Typed and replayed answers are not rendered.
    """
    if not (given := arguments()):
        return
    default = settings()["default_context"] or {}
    default = {k: v for k, v in default.items() if not LITERAL.fullmatch(str(v))}
    places = {
        "": given["extra_context"] or {},
        " in cookiecutter's default_context": {k: default[k] for k in default if k in questions()},
    }
    for place, values in places.items():
        for name, value in ((one_line(k[:60]), str(v)) for k, v in values.items()):
            if name.startswith("_"):
                yield f"{name!r}{place}: names starting with _ are reserved. Leave it out."
            else:
                yield from rendered(name, value, place)


def rendered(name: str, value: str, place: str = "") -> Iterator[str]:
    """Yield an error if cookiecutter would render an answer of its command line as Jinja."""
    if mark := next((mark for mark in ("{{", "{%", "{#") if mark in value), None):
        yield (
            f"{name}: {value[:60]!r}{place} contains {mark}, which cookiecutter would run "
            "as Jinja. Leave it out, or type this answer when asked."
        )


def given() -> dict[str, str]:
    """Return the answers on the command line."""
    return arguments().get("extra_context") or {}


def is_replay() -> bool:
    """Return whether the answers are those of a replay file."""
    return bool(arguments().get("replay") or arguments().get("replay_file"))


def wants_json() -> bool:
    """Return whether the command line, or cookiecutter's configuration, asks for JSON."""
    if not arguments():
        return False
    answers = (settings()["default_context"] or {}) | given()
    return answers.get("preview") == "json" and not is_replay()


@cache
def questions() -> dict[str, Any]:
    """Return the questions of cookiecutter.json, including its private variables."""
    return json.loads((ROOT / "cookiecutter.json").read_text("utf-8"))


def question_errors() -> Iterator[str]:
    """Yield an error for each KEY=VALUE of the command line that matches no question.

    cookiecutter itself ignores these silently.
    """
    public = [question for question in questions() if question[0] != "_"]
    for name in filter(lambda name: name not in public, given()):
        import difflib  # slow to import, and only needed for misspellings

        near = difflib.get_close_matches(name, public, 1)
        hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(public)}."
        yield f"{name[:60]!r}: no such question. {hint}"


def clean_up_after_failure(project: Path) -> None:
    """Register the cleanup of a new project, if this is cookiecutter's command line.

    cookiecutter removes an unfinished project if the hook or a template fails, but not if
    it cannot write a file itself, for lack of space, inodes or quota.
    """
    if (given := arguments()) and not given["keep_project_on_failure"]:
        click.get_current_context().call_on_close(partial(_clean_up, project))


def _clean_up(project: Path) -> None:
    error = sys.exc_info()[1]
    if error is None or isinstance(error, Exit):  # how click ends a successful command
        return
    if isinstance(error.__context__, OutputDirExistsException):  # made by another run, just now
        return
    shutil.rmtree(project, ignore_errors=True)
    cause = error.__cause__ or error
    if isinstance(cause, OSError) and cause.errno:  # not jinja2's, such as TemplateNotFound
        room = "make room for bytes and files, or " if cause.errno in (ENOSPC, EDQUOT) else ""
        raise ClickException(
            f"{cause}. Nothing is left of {project}: {room}choose another folder with -o."
        ) from error


def replay_errors() -> Iterator[str]:
    """Yield errors if cookiecutter cannot write its replay file, which it does first."""
    if arguments():
        for problem in folder_errors(Path(settings()["replay_dir"]), REPLAY, 2):
            yield f"replay_dir: {problem} cookiecutter stores the answers there: set another."


def link_errors(project: Path, written: Iterable[Path]) -> Iterator[str]:
    """Yield errors for symbolic links in a project that generation would write through."""
    for path in sorted(project / name for name in written):
        if path != project and path.is_symlink():
            yield f"{path} is a link to {os.readlink(path)}, which is not overwritten. Remove it."


def existing_errors(slug: str) -> Iterator[str]:
    """Yield an error if a project of this name would be refused for its folder, which exists."""
    folder = Path(arguments().get("output_dir", "."), slug)
    if os.path.lexists(folder) and not arguments().get("overwrite_if_exists"):
        yield f"project_slug: {folder} exists already. Choose another name, or start again with -f."


def folder_errors(folder: Path, size: int, files: int) -> Iterator[str]:
    """Yield errors if `files` files of `size` bytes in all cannot be written to a folder."""
    there = next((path for path in (folder, *folder.parents) if os.path.exists(path)), folder)
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        yield f"{there} is not a writable folder."
        return
    disk = shutil.disk_usage(there)
    if disk.free < size and disk.total:  # some file systems report 0
        yield f"{there} has {limits.size(disk.free)} free; {limits.size(size)} are needed."
    inodes = os.statvfs(there) if hasattr(os, "statvfs") else None  # not on Windows
    if inodes and inodes.f_files and inodes.f_favail < files:
        yield f"{there} has room for {inodes.f_favail} more files; {files} are needed."
