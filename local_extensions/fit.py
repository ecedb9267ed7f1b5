"""Whether the project fits where it will live, and what that costs, before there is one."""

import textwrap
from functools import cache
from pathlib import Path
from typing import Any

from ml_ui.sizing import footprint, limits, report

from . import host
from .catalog import LARGE_FILE, TEMPLATES, Answers
from .files import copies, optional_files, project_facts
from .model import model

TEXTS = 16_000  # bytes of the rendered files within 5,000, without the licence and the lock
PACKED = 0.334  # what git leaves of a project's texts, in all combinations within 0.004


# The answers that make a difference.
ANSWERS = (
    "task", "__framework", "__model", "platform", "hardware", "python_version", "license", "ci"
)  # fmt: skip


def fit(answers: Answers) -> Any:
    """Compare the project with its platform's limits, before there is a project."""
    return _fit(*(answers[name] for name in ANSWERS))


@cache
def _fit(*given: Any) -> Any:
    answers = dict(zip(ANSWERS, given, strict=True))
    return report.check(answers["platform"], answers["hardware"], _weigh(*given))


def size(answers: Answers) -> int:
    """Return the bytes of the project's files, before there is a project."""
    project = _weigh(*(answers[name] for name in ANSWERS))
    return sum(footprint.checkout(project).values())


@cache
def _weigh(*given: Any) -> Any:
    answers = dict(zip(ANSWERS, given, strict=True))
    home, optional = host.hosting(answers), optional_files(answers)
    uses_lfs = ".gitattributes" in optional
    weights, packed, loaded, pictures, files = 0, 0.0, 0.0, 0, []
    sources = TEXTS + len(home["locked"])
    if licence := optional.get("LICENSE"):
        sources += (TEMPLATES / licence).stat().st_size
    for source, target in copies(answers).items():
        for path in _files_of(Path(source)):
            size = path.stat().st_size
            if size >= footprint.LARGE:
                name = Path(target, path.relative_to(source)).as_posix()
                files.append(footprint.File(name, size, uses_lfs and size > LARGE_FILE))
            if target.startswith("model/"):
                weights += size
                packed += size * footprint.gzipped(path)
                loaded += size * footprint.unpacked(path)
            else:
                sources += size
                pictures += size if target == "examples" else 0
    facts = project_facts(answers)
    return footprint.Footprint(
        weights=weights,
        sources=sources,
        stored=round(PACKED * (sources - pictures)) + pictures,
        packages=home["packages"],
        files=tuple(files),
        gzip=packed / weights if weights else 1.0,
        unpacked=loaded / weights if weights else 1.0,
        python=answers["python_version"],
        on_github=bool(answers["ci"]),
        **{name: facts[name] for name in ("format", "dtype", "framework", "lock")},
    )


def _files_of(source: Path) -> list[Path]:
    """Return the files that the hook copies of a file or a folder."""
    if source.is_file():
        return [source]
    files = (path for path in source.rglob("*") if path.is_file())
    return [path for path in files if "__pycache__" not in path.parts]


def as_text(found: report.Report) -> str:
    """Write a report for the terminal."""
    return report.as_text(found, brief=True)


def told(answers: Answers) -> str:
    """Return what to say of the finished project: whether it fits, what to know of it."""
    notes = model(answers).get("notes", ())
    return "\n".join([as_text(fit(answers)), *(f"Note: {note}" for note in notes)])


def cost(answers: Answers) -> str:
    """Say what the host costs, when it sleeps, and how near its limits the project is."""
    home, checks = host.hosting(answers), fit(answers).checks
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
    own = {limit["name"] for limit in home["platform"]["limits"]}  # GitHub costs nothing
    for check in (check for check in checks if check.name in own):
        limit = f" of {check.written}" if check.limit else f", {check.written or 'no limit'}"
        disputed = f" (disputed: {check.disputed['written']})" if check.disputed else ""
        predicted = limits.written(check.predicted, check.unit)
        lines.append(f"- {check.name}: {predicted}{limit}{disputed}")
    sources = ", with the source and age of each limit" if limited else ""
    again = (
        f"`python -m ml_ui preflight` computes this again{sources}. `--platform` and `--hardware` "
        "try another home, and `--measure` builds and boots the project here and compares."
    )
    return "\n".join([*lines, "", textwrap.fill(again, 88, break_on_hyphens=False)])
