"""Size of the project against its platform's limits, before it is generated."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from ml_ui.sizing import footprint, limits, report
from ml_ui.sizing.git_lfs import is_tracked

from .catalog import TEMPLATES
from .manifest import files_of
from .model import UNREAD

if TYPE_CHECKING:
    from .project import Project

TEXTS = 16_000  # bytes of the rendered files within 5,000, without the licence and the lock
PACKED = 0.334  # git's compression of a project's texts, +-0.004 in all combinations


def footprint_of(project: "Project") -> footprint.Footprint:
    """Return the footprint of a project, from the files to copy and to render."""
    attributes = [f"{pattern} filter=lfs" for pattern in project.lfs_patterns]
    weights, packed, loaded, pictures, files = 0, 0.0, 0.0, 0, []
    sources = TEXTS + len(project.host.locked)
    if licence := project.files.get("LICENSE"):
        sources += (TEMPLATES / licence).stat().st_size
    if on_hub := project.model.hub:
        for name, size in on_hub.files.items():
            path = project.answers.hub.snapshot / name
            packed += size * footprint.gzipped(path)
            loaded += size * footprint.unpacked(path)
    for source, target in project.copies.items():
        for path in files_of(Path(source)):
            size = path.stat().st_size
            if size >= footprint.LARGE:
                name = Path(target, path.relative_to(source)).as_posix()
                files.append(footprint.File(name, size, is_tracked(attributes, name)))
            if target.startswith("model/"):
                weights += size
                seen = path not in UNREAD
                packed += size * (footprint.gzipped(path) if seen else 1)
                loaded += size * (footprint.unpacked(path) if seen else 1)
            else:
                sources += size
                pictures += size if target.startswith("examples/") else 0
    hub_size = on_hub.size if on_hub else 0
    total = weights + hub_size
    return footprint.Footprint(
        weights=weights,
        sources=sources,
        stored=round(PACKED * (sources - pictures)) + pictures,
        packages=project.host.packages,
        files=tuple(files),
        on_hub=hub_size,
        gzip=packed / total if total else 1.0,
        unpacked=loaded / total if total else 1.0,
        format=project.model.format,
        dtype=project.model.dtype,
        layers=project.model.layers,
        lock=project.host.lock,
        python=project.answers.python_version,
        on_github=project.answers.ci,
    )


def checkout(project: "Project") -> int:
    """Return the bytes of the project's files."""
    return sum(footprint.checkout(project.footprint).values())


def compare(project: "Project") -> report.Report:
    """Compare the estimate with the limits of the project's platform."""
    answers = project.answers
    return report.check(answers.platform, answers.hardware, project.footprint)


def fits(project: "Project") -> bool | None:
    """Return whether the estimate is within the limits; None if that is not known."""
    answers = project.answers
    checks = limits.checks_of(answers.platform, answers.hardware, project.footprint, {})
    return limits.verdict(checks)


def as_text(found: report.Report) -> str:
    """Return a report for the terminal."""
    return report.as_text(found, brief=True)


def cost_section(project: "Project") -> str:
    """Return the README's section on cost: price, sleep, and size against the limits."""
    host, checks = project.host, project.report.checks
    tier, about = host.tier, [f"{host.where}: {host.tier['title']}."]
    if tier["note"] and tier["note"] not in host.where:
        about.append(f"{tier['note'][0].upper()}{tier['note'][1:]}.")
    limited, sleep = any(check.limit for check in checks), tier["sleep"] or "not documented"
    if limited:
        about.append(f"Sleep: {sleep}.")
    for limit in project.platform["limits"]:
        if limit["name"] == "boot" and not sleep.startswith("never"):
            about.append(
                f"Waking up is a cold start of at most {limit['written']}: time a first call to "
                "see yours."
            )
    lines = [textwrap.fill(" ".join(about), 88, break_on_hyphens=False), ""]
    own = {limit["name"] for limit in project.platform["limits"]}  # GitHub costs nothing
    for check in (check for check in checks if check.name in own):
        limit = f" of {check.written}" if check.limit else f", {check.written or 'no limit'}"
        disputed = f" (disputed: {check.disputed['written']})" if check.disputed else ""
        predicted = limits.written(check.predicted, check.unit)
        lines.append(f"- {check.name}: {predicted}{limit}{disputed}")
    sources = ", with the source and age of each limit" if limited else ""
    again = (
        f"`python -m ml_ui preflight` computes this again{sources}. `--platform` and `--hardware` "
        "try another host, and `--measure` builds and boots the project here and compares."
    )
    return "\n".join([*lines, "", textwrap.fill(again, 88, break_on_hyphens=False)])
