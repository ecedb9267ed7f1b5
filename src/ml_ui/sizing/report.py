"""The answer for a platform, and how it looks: bars, sums, sources, ways out."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple

from .footprint import BadInput, Footprint
from .limits import (
    PLATFORMS,
    Check,
    checks_of,
    limits_of,
    notes_of,
    pick,
    where,
    written,
)
from .ways_out import ways_out

GREEN, YELLOW, RED, PLAIN = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"
CELLS, SCREEN = 24, 24


class Report(NamedTuple):
    """The answer for one platform and hardware."""

    platform: str
    hardware: str
    fits: bool
    checks: tuple[Check, ...]
    ways_out: tuple[str, ...]
    notes: tuple[str, ...]

    def as_json(self) -> str:
        """Return the report as one JSON object."""
        checks = [check._asdict() for check in self.checks]
        return json.dumps(self._asdict() | {"checks": checks}, indent=2)

    def measured(self, values: Mapping[str, float]) -> "Report":
        """Return the report with what was measured, which then decides, by name."""
        checks = []
        for each in self.checks:
            value = values.get(each.name)
            if value is not None:
                fits = each.limit is None or value <= each.limit
                each = each._replace(measured=value, fits=fits)
            checks.append(each)
        fits = all(each.fits for each in checks)
        return self._replace(checks=tuple(checks), fits=fits)


def check(
    platform: str,
    hardware: str | None,
    project: Footprint,
    own: Mapping[str, float] = {},
) -> Report:
    """Compare a project with a platform's limits, some of them replaced by name."""
    tiers = PLATFORMS[pick("platform", platform, PLATFORMS)]["hardware"]
    hardware = pick(f"{platform} hardware", hardware or next(iter(tiers)), tiers)
    known = limits_of(platform, hardware, project, "refuse")
    for name in own:
        pick(f"{platform} limit", name, known)
    checks, untold = checks_of(platform, hardware, project, own)
    fits = all(check.fits for check in checks)
    if untold and fits:
        raise BadInput(untold[0])
    ways = () if fits else tuple(ways_out(platform, hardware, project, own, checks))
    notes = (*untold[:1], *notes_of(platform, hardware, project, own))
    return Report(platform, hardware, fits, checks, ways, notes)


def as_text(
    report: Report,
    width: int = 80,
    colour: bool = False,
    blocks: str = "#.",
    brief: bool = False,
) -> str:
    """Write a report for a person.

    Args:
        report: what to write.
        width: the columns of the terminal.
        colour: whether it understands colours.
        blocks: a used and a free cell of a bar.
        brief: keep to one screen: fewer ways out, and no source of a limit that is kept.
    """
    paint = _paint if colour else lambda text, code: text
    verdict = "it fits" if report.fits else "it does not fit"
    verdict = paint(verdict, GREEN if report.fits else RED)
    lines = [f"{where(report.platform, report.hardware)}: {verdict}.", ""]
    passed = [check for check in report.checks if not check.fits]
    for check in report.checks:
        if report.fits or not check.fits or not brief:
            lines.append(_row(check, blocks, paint))
        if check.measured is not None:
            error = 100 * (check.predicted / check.measured - 1)
            measured = written(check.measured, check.unit)
            lines.append(f"  measured {measured}, predicted {error:+.1f} %")
        if check in (passed[:3] if brief else passed):
            lines += _sum(check, width)
            lines += _limit(check, width, explained=not brief)
    lines += ["", "What would fit:"] if report.ways_out else []
    ways = [_wrap(f"- {way}", width, "  ") for way in report.ways_out]
    room = SCREEN - len(lines) if brief else sum(map(len, ways))
    for way in sorted(ways, key=len):  # the simplest ones are those to keep
        room -= len(way)
        if room < 0:
            ways.remove(way)
    lines += [line for way in ways for line in way]
    kept = [check for check in report.checks if check.fits and check.limit is not None]
    if kept and not brief:
        lines += ["", "Limits that are kept:"]
        for check in kept:
            lines += _limit(check, width, f"{check.name} ")
        if any("stricter" in (check.reading or "") for check in report.checks):
            lines += [
                "Where a unit is not documented, the stricter reading is taken (--json)."
            ]
    if report.notes and (report.fits or not brief):
        lines += [""]
        for note in report.notes:
            lines += _wrap(f"Note: {note}", width, "      ")
    return "\n".join(lines)


def _paint(text: str, code: str) -> str:
    return f"{code}{text}{PLAIN}"


def _row(check: Check, blocks: str, paint) -> str:
    """Return a bar of used and free; a limit that is passed has a full one."""
    told = written(check.predicted, check.unit)
    if check.limit is None:
        return f"{check.name:11}{told}, {check.written or 'no limit'}"
    used = min(CELLS, -(-CELLS * check.predicted // max(check.limit, 1)))
    code = RED if not check.fits else YELLOW if used > 0.85 * CELLS else GREEN
    bar = paint(blocks[0] * int(used), code) + blocks[1] * (CELLS - int(used))
    spare = written(abs(check.limit - check.predicted), check.unit)
    spare += " free" if check.fits else " too much"
    of = f"{told} of {written(check.limit, check.unit)}"
    return f"{check.name:11}{bar}  {of:19}  {spare}"


def _sum(check: Check, width: int) -> list[str]:
    parts = sorted(check.parts.items(), key=lambda part: -part[1])
    sizes = (f"{name} {written(n, check.unit)}" for name, n in parts if n)
    return _wrap(f"  = {' + '.join(sizes)}", width, "    ")


def _limit(
    check: Check, width: int, name: str = "", explained: bool = False
) -> Iterator[str]:
    """Yield where a limit stands, how old that is, and how it was read."""
    days = (date.today() - date.fromisoformat(check.as_of)).days
    age = "over a year old" if days > 365 else f"{days} days old"
    doubt = "" if check.verified else ", UNVERIFIED"
    told = f"  {name}{check.written}: {check.source} ({age}{doubt})"
    yield from _wrap(told, width, "    ")
    if explained:
        yield from _wrap(f"  It is {check.what}.", width, "    ")
        if check.reading:
            yield from _wrap(f"  Read as {check.reading}", width, "    ")
    if (other := check.disputed) and (check.fits or explained):
        fits = "fits too" if check.predicted <= other["bytes"] else "would not fit"
        told = f"  {check.written} is disputed, and taken: with {other['written']} "
        told += f"({other['source']}) it {fits}"
        yield from _wrap(told, width, "    ")


def _wrap(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False)
