"""Size of the project against its platform's limits, before it is generated."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ml_ui.sizing import footprint, limits, report
from ml_ui.sizing.git_lfs import is_tracked

from .catalog import TEMPLATES
from .manifest import files_of
from .model import UNREAD

if TYPE_CHECKING:
    from .project import Project

TEXTS = 30_000  # bytes of the rendered files, 18,000 to 49,000 without the licence and the lock
PACKED = 0.358  # git's compression of a project's texts, 0.354 to 0.360


class Size(NamedTuple):
    """An estimated quantity beside its limit, as texts."""

    name: str
    predicted: str
    limited: bool
    limit: str  # or why there is none
    disputed: str  # the other reading of the limit, if there is one


class Cost(NamedTuple):
    """What the host costs, as texts; in Chinese, they are those of zh-CN.json."""

    price: str
    title: str  # of the hardware
    note: str
    sleep: str
    cold_start: str  # the longest; "" if it never sleeps, or has no limit
    limited: bool  # whether any size has a limit
    sizes: list[Size]


def footprint_of(project: "Project") -> footprint.Footprint:
    """Return the footprint of a project, from the files to copy and to render."""
    attributes = [f"{pattern} filter=lfs" for pattern in project.lfs_patterns]
    weights, packed, loaded, dense, files = 0, 0.0, 0.0, 0, []
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
                is_dense = target.startswith("examples/") or path.suffix == ".gz"
                dense += size if is_dense else 0
    hub_size = on_hub.size if on_hub else 0
    total = weights + hub_size
    return footprint.Footprint(
        weights=weights,
        sources=sources,
        stored=round(PACKED * (sources - dense)) + dense,
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


def checks(project: "Project") -> list[limits.Check]:
    """Return the estimate's quantities beside the limits."""
    answers = project.answers
    return [*limits.checks_of(answers.platform, answers.hardware, project.footprint, {})]


def fits(project: "Project") -> bool | None:
    """Return whether the estimate is within the limits; None if that is not known."""
    return limits.verdict(checks(project))


def misfit(project: "Project") -> str:
    """Return the limits that a project passes, with the figures; "" if it fits."""
    found = checks(project)
    if limits.verdict(found) is not False:
        return ""
    passed = [each for each in found if each.fits is False]
    amount, limit = (
        limits.written(n, passed[0].unit) for n in (passed[0].predicted, passed[0].limit)
    )
    more = f", and {len(passed) - 1} more" if len(passed) > 1 else ""
    return f"does not fit: {passed[0].name} {amount} of {limit}{more}."


def as_text(found: report.Report) -> str:
    """Return a report for the terminal."""
    return report.as_text(found, brief=True)


def cost(project: "Project") -> Cost:
    """Return what the host costs, and the sizes against its limits, for the README."""
    tier, checks = project.host.tier, project.report.checks
    sleep = tier["sleep"] or "not documented"
    boot = (limit["written"] for limit in project.platform["limits"] if limit["name"] == "boot")
    own = {limit["name"] for limit in project.platform["limits"]}  # GitHub costs nothing
    return Cost(
        price=limits.price(tier),
        title=tier["title"],
        note=tier["note"] if tier["note"] not in project.host.where else "",
        sleep=sleep,
        cold_start="" if sleep.startswith("never") else next(boot, ""),
        limited=any(check.limit for check in checks),
        sizes=[
            Size(
                name=check.name,
                predicted=limits.written(check.predicted, check.unit),
                limited=bool(check.limit),
                limit=check.written or limits.NO_LIMIT,
                disputed=check.disputed["written"] if check.disputed else "",
            )
            for check in checks
            if check.name in own
        ],
    )
