"""Whether the project fits where it will live, and what that costs, before there is one."""

import textwrap
from pathlib import Path
from typing import Any

from . import host
from .catalog import TEMPLATES, Answers
from .files import copies, optional_files
from .model import model

TEXTS = 61_500  # bytes of the files that are rendered, within 4,000, without the licence


def fit(answers: Answers) -> Any:
    """Compare the project with its platform's limits, before there is a project."""
    weights, sources, largest = 0, TEXTS, ("", 0)
    if licence := optional_files(answers).get("LICENSE"):
        sources += (TEMPLATES / licence).stat().st_size
    for source, target in copies(answers).items():
        for path in [f for f in Path(source).rglob("*") if f.is_file()] or [Path(source)]:
            size = path.stat().st_size
            if target.startswith("model/"):
                weights += size
            else:
                sources += size
            name = Path(target, path.relative_to(source)).as_posix()
            largest = max(largest, (name, size), key=lambda file: file[1])
    footprint = host.preflight().Footprint(
        weights=weights,
        sources=sources,
        largest_file=largest,
        packages=host.hosting(answers)["packages"],
        on_github=bool(answers["ci"]),
    )
    return host.preflight().check(answers["platform"], answers["hardware"], footprint)


def told(answers: Answers) -> str:
    """Return what to say of the finished project: whether it fits, what to know of it."""
    notes = model(answers).get("notes", ())
    return "\n".join([fit(answers).as_text(), *(f"Note: {note}" for note in notes)])


def cost(answers: Answers) -> str:
    """Say what the host costs, when it sleeps, and how near its limits the project is."""
    home, checks, size = host.hosting(answers), fit(answers).checks, host.preflight().size
    tier, about = home["tier"], [f"{home['where']}: {home['tier']['title']}."]
    if tier["note"] and tier["note"] not in home["where"]:
        about.append(f"{tier['note'][0].upper()}{tier['note'][1:]}.")
    limited, sleep = any(check.limit for check in checks), tier["sleep"] or "not documented"
    if limited:
        about.append(f"Sleep: {sleep}.")
    for limit in home["platform"]["limits"]:
        if limit["name"] == "boot" and not sleep.startswith("never"):
            about.append(
                f"Waking is a whole start, of at most {limit['written']}: time a first call to "
                "see how long yours takes."
            )
    lines = [textwrap.fill(" ".join(about), 88, break_on_hyphens=False), ""]
    for check in checks:
        limit = f" of {check.written}" if check.limit else ", no limit"
        disputed = f" (disputed: {check.disputed['written']})" if check.disputed else ""
        lines.append(f"- {check.name}: {size(check.predicted)}{limit}{disputed}")
    sources = ", with the source and age of each limit" if limited else ""
    return "\n".join([*lines, "", f"`python tools/preflight.py` computes this again{sources}."])
