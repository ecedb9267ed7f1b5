"""Choices of the questions: what can be answered, with the facts that decide it.

cookiecutter.json has only defaults: what is offered follows from the catalogue, the platform
data and the answers so far.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ml_ui.sizing import limits

from . import locks
from .answers import Answers
from .catalog import FRAMEWORKS, PLATFORMS, SHOWN, TASKS, TEMPLATES
from .host import useful_tiers
from .kinds import fitting, framework_of
from .model import inspect
from .model_files import FORMATS
from .project import project

Rows = dict[str, tuple[str, ...]]  # by answer: the columns of its line

LICENSES: Rows = {
    "MIT": ("MIT", "any use, if the notice is kept"),
    "Apache-2.0": ("Apache 2.0", "as MIT, with a patent grant"),
    "BSD-3-Clause": ("BSD 3-Clause", "as MIT, without using your name to endorse"),
    "none": ("none", "all rights reserved"),
}
# Platforms that have a folder in templates/; the others are only ways out.
HOSTS = [name for name in PLATFORMS if (TEMPLATES / "platforms" / name).is_dir()]
# Every answer to each question with choices, whatever the others are.
NAMES: Mapping[str, Sequence[str]] = {
    "task": ("auto", *TASKS),
    "framework": ("auto", *(name for name in FRAMEWORKS if FRAMEWORKS[name].tasks)),
    "platform": HOSTS,
    "python_version": locks.PYTHONS,
    "license": (*LICENSES,),
    "limits": ("enforce", "ignore"),
    "preview": ("no", "text", "json"),
}


def tasks(answers: Answers) -> Rows:
    """Return the tasks: of an own model those that it fits, the likeliest first."""
    own = answers.model_path
    return {
        name: (TASKS[name].title, TASKS[name].does)
        for name in (fitting(inspect(own)) if own else TASKS)
    }


def frameworks(answers: Answers) -> Rows:
    """Return the frameworks: an own model's, or those with a demo model, the default first."""
    if answers.model_path:
        return _frameworks([framework_of(inspect(answers.model_path)).name])
    offered = [
        name for task, name in SHOWN if task == answers.task and runs_on(answers.platform, name)
    ]
    return _frameworks(sorted(offered, key=lambda name: name != TASKS[answers.task].framework))


def runs_on(platform: str | None, framework: str) -> bool:
    """Return whether a platform, if it is one, has hardware for a framework."""
    return platform not in HOSTS or bool(useful_tiers(platform, framework, None))


def _frameworks(names: Iterable[str]) -> Rows:
    rows = {}
    for name in names:
        formats = [FORMATS[key] for key in FRAMEWORKS[name].formats]
        endings = dict.fromkeys(each.endings[0] or each.folder for each in formats)
        wheels = sum(each["wheel"] for each in locks.sizes(name, "cpu")["packages"].values())
        does = " ".join(endings) or "no weights"
        rows[name] = (FRAMEWORKS[name].title, does, f"{wheels / 1e6:.0f} MB to download")
    return rows


def platforms(answers: Answers) -> Rows:
    """Return the platforms that have hardware for the framework."""
    return _platforms(name for name in HOSTS if runs_on(name, answers.framework))


def _platforms(names: Iterable[str]) -> Rows:
    """Return platforms, with price and memory of the default hardware and the first other limit."""
    rows = {}
    for name in names:
        platform = PLATFORMS[name]
        slug, tier = next(iter(platform["hardware"].items()))
        refused = limits.limits_of(name, slug, "refuse").values()
        first = next((each for each in refused if each.get("tier") != "ram_bytes"), None)
        limit = first["written"] if first else limits.NO_LIMIT
        if first and first["amount"] is not None:
            limit = f"{first['name']} {limit}"
        memory = f", memory {limits.room(tier['ram_bytes'])}" if tier["ram_bytes"] else ""
        rows[name] = (platform["title"], limits.price(tier), limit + memory)
    return rows


def hardware(answers: Answers) -> Rows:
    """Return the hardware tiers that the framework has packages for, the default first."""
    return _tiers(project(answers).tiers)


def _tiers(tiers: Mapping[str, Any]) -> Rows:
    rows = {}
    for name, tier in tiers.items():
        cost = "" if tier["price_usd"] is None else limits.price(tier)
        room = limits.room(tier["ram_bytes"]) if tier["ram_bytes"] else ""
        rows[name] = (name, f"{cost:>11}", f"{room:>7}", tier["title"])
    return rows


def pythons(answers: Answers) -> Rows:
    """Return the versions of Python that the hardware and the model's library run."""
    return {version: (version,) for version in project(answers).pythons}


CHOICES: Mapping[str, Callable[[Answers], Rows]] = {
    "task": tasks,
    "framework": frameworks,
    "platform": platforms,
    "hardware": hardware,
    "python_version": pythons,
    "license": lambda _: LICENSES,
}
# Those that have more than is offered: with another model, task or framework.
EVERY: Mapping[str, Callable[[Answers], Rows]] = {
    "task": lambda answers: tasks(answers._replace(model_path=None)),
    "framework": lambda _: _frameworks(NAMES["framework"][1:]),
    "platform": lambda _: _platforms(HOSTS),
    "hardware": lambda answers: _tiers(PLATFORMS[answers.platform]["hardware"]),
    "python_version": lambda _: {version: (version,) for version in locks.PYTHONS},
}


def unknown(question: str, answer: str, offered: Iterable[str]) -> str:
    """Return the message for an answer that is not one of those offered."""
    offered = list(offered)
    near = difflib.get_close_matches(answer.casefold(), offered, 1)
    hint = f"Did you mean {near[0]}? " if near else ""
    return f"{question}: {answer[:60]!r} is not offered. {hint}Answer {' or '.join(offered)}."


def pick(rows: Rows, typed: str) -> str | None:
    """Return the answer for what was typed: a number, a name, a title, or how one begins."""
    wanted = typed.strip().casefold()
    names = {str(number): name for number, name in enumerate(rows, 1)}
    if wanted in names:
        return names[wanted]
    spelled = {name: (name.casefold(), row[0].casefold()) for name, row in rows.items()}
    for fits in (str.__eq__, str.startswith):
        found = [name for name in rows if any(fits(word, wanted) for word in spelled[name])]
        if len(found) == 1 and wanted:
            return found[0]
    return None


def aligned(rows: Rows) -> dict[str, str]:
    """Return a line for each answer, its columns aligned."""
    widths = [max(map(len, column)) for column in zip(*rows.values(), strict=True)]
    return {
        name: "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for name, row in rows.items()
    }
