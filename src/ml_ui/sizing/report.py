"""Report of a project's checks against a platform's limits, as text and as JSON."""

import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from .footprint import Footprint
from .limits import (
    LIMIT_NOT_KNOWN,
    PLATFORMS,
    Check,
    checks_of,
    fits,
    limits_of,
    notes_of,
    pick,
    room,
    verdict,
    where,
    written,
)
from .ways_out import ways_out

GREEN, YELLOW, RED, PLAIN = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"
CELLS, SCREEN = 24, 24  # cells of a bar, lines of a terminal

Paint = Callable[[str, str], str]  # text and colour to coloured text


class Report(NamedTuple):
    """The checks for one platform and hardware."""

    platform: str
    hardware: str
    fits: bool | None  # None: not known
    checks: tuple[Check, ...]
    ways_out: tuple[str, ...]
    notes: tuple[str, ...]
    refused: tuple[str, ...] = ()  # reasons besides the sizes

    @property
    def not_known(self) -> tuple[str, ...]:
        """Reasons why quantities are not known, each once."""
        reasons = (check.not_known for check in self.checks if check.measured is None)
        return tuple(dict.fromkeys(filter(None, reasons)))

    def as_json(self) -> str:
        """Return the report as one JSON object."""
        checks = [check._asdict() for check in self.checks]
        return json.dumps(self._asdict() | {"checks": checks}, indent=2)

    def measured(self, values: Mapping[str, float]) -> "Report":
        """Return the report with measured values by name, which then decide."""
        checks = tuple(
            check._replace(measured=value, fits=fits(check, value))
            if (value := values.get(check.name)) is not None
            else check
            for check in self.checks
        )
        return self._replace(
            checks=checks, fits=verdict(checks) if not self.refused else False
        )

    def refused_for(self, reasons: Iterable[str]) -> "Report":
        """Return the report with reasons besides the sizes, any of which decides."""
        refused = tuple(reasons)
        return self._replace(refused=refused, fits=False if refused else self.fits)


def check(
    platform: str,
    hardware: str | None,
    project: Footprint,
    own: Mapping[str, float] = {},
    exists: bool = False,
) -> Report:
    """Check a project against a platform's limits.

    Args:
        platform: a key of PLATFORMS.
        hardware: a tier of the platform, or None for its first.
        project: the project's sizes.
        own: limits that replace those of the platform, by name.
        exists: whether it is a project already, which the command moves.

    Raises:
        BadInput: there is no such platform, tier or limit.
    """
    tiers = PLATFORMS[pick("platform", platform, PLATFORMS)]["hardware"]
    hardware = pick(f"{platform} hardware", hardware or next(iter(tiers)), tiers)
    known = limits_of(platform, hardware, "refuse", on_github=project.on_github)
    for name in own:
        pick(f"{platform} limit", name, known)
    checks = checks_of(platform, hardware, project, own)
    answer = verdict(checks)
    ways: tuple[str, ...] = ()
    if answer is False:
        ways = tuple(ways_out(platform, hardware, project, own, checks, exists))
    notes = tuple(notes_of(platform, hardware, project, own, checks))
    return Report(platform, hardware, answer, checks, ways, notes)


def as_text(
    report: Report,
    width: int = 80,
    colour: bool = False,
    blocks: str = "#.",
    brief: bool = False,
) -> str:
    """Format a report for a terminal.

    Args:
        report: what to format.
        width: columns of the terminal.
        colour: use ANSI colours.
        blocks: a used and a free cell of a bar.
        brief: keep to one screen: fewer ways out, and no sources of limits that are
            kept.
    """
    paint: Paint = _paint if colour else lambda text, code: text
    lines = [headline(report, paint), ""]
    for reason in report.refused:
        lines += [*_wrap(reason, width, "  "), ""]
    passed = [check for check in report.checks if check.fits is False]
    for check in report.checks:
        if check in passed or report.fits is not False or not brief:
            lines.append(_row(check, blocks, paint))
        if check.measured is not None:
            lines.append(_measured(check))
        if check in (passed[:3] if brief else passed):
            lines += _sum(check, width)
            lines += _limit(check, width, explained=not brief)
    lines += ["", "What would fit:"] if report.ways_out else []
    ways = [_wrap(f"- {way}", width, "  ") for way in report.ways_out]
    room = SCREEN - len(lines) if brief else sum(map(len, ways))
    for way in sorted(ways, key=len):  # the longest are dropped first
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
            lines.append(
                "Where a unit is not documented, the stricter reading is taken "
                "(--json)."
            )
    if report.fits is not False or not brief:
        # The command prints the reasons to stderr.
        reasons = () if report.fits is None and not brief else report.not_known
        notes = [*reasons, *(f"Note: {note}" for note in report.notes)]
        lines += [
            "",
            *(line for note in notes for line in _wrap(note, width, "      ")),
        ]
    return "\n".join(lines).rstrip("\n")


def headline(report: Report, paint: Paint = lambda text, code: text) -> str:
    """Return the platform and tier of a report, and whether the project fits."""
    return f"{where(report.platform, report.hardware)}: {_verdict(report, paint)}."


def _verdict(report: Report, paint: Paint) -> str:
    if report.fits is None:
        return paint("it is not known whether it fits", YELLOW)
    if not report.fits:
        return paint("it does not fit", RED)
    if any(check.written == LIMIT_NOT_KNOWN for check in report.checks):
        return paint("it fits the limits that are known", GREEN)
    return paint("it fits", GREEN)


def _paint(text: str, code: str) -> str:
    return f"{code}{text}{PLAIN}"


def _row(check: Check, blocks: str, paint: Paint) -> str:
    """Return a bar of used and free; it is full if the limit is passed."""
    amount = written(check.predicted, check.unit)
    if check.limit is None:
        return f"{check.name:11}{amount}, {check.written}"
    if check.predicted is None:
        return f"{check.name:11}{amount}, limit {check.written}"
    used = min(CELLS, -(-CELLS * check.predicted // max(check.limit, 1)))
    code = RED if not check.fits else YELLOW if used > 0.85 * CELLS else GREEN
    bar = paint(blocks[0] * int(used), code) + blocks[1] * (CELLS - int(used))
    spare = written(abs(check.limit - check.predicted), check.unit)
    spare += " free" if check.predicted <= check.limit else " too much"
    limit = (
        room(check.limit) if check.unit == "bytes" else written(check.limit, check.unit)
    )
    of = f"{amount} of {limit}"
    return f"{check.name:11}{bar}  {of:19}  {spare}"


def _measured(check: Check) -> str:
    """Return a line with the measured value beside the prediction."""
    value = f"  measured {written(check.measured, check.unit)}"
    if not check.measured or check.predicted is None:
        return value
    return f"{value}, predicted {100 * (check.predicted / check.measured - 1):+.1f} %"


def _sum(check: Check, width: int) -> list[str]:
    parts = sorted(check.parts.items(), key=lambda part: -part[1])
    sizes = (f"{name} {written(n, check.unit)}" for name, n in parts if n)
    return _wrap(f"  = {' + '.join(sizes)}", width, "    ")


def _limit(
    check: Check, width: int, name: str = "", explained: bool = False
) -> Iterator[str]:
    """Yield the source of a limit, its age, and how it was read."""
    days = (date.today() - date.fromisoformat(check.as_of)).days
    age = "over a year old" if days > 365 else f"{days} days old"
    doubt = "" if check.verified else ", UNVERIFIED"
    source = f"  {name}{check.written}: {check.source} ({age}{doubt})"
    yield from _wrap(source, width, "    ")
    if explained:
        yield from _wrap(f"  It is {check.what}.", width, "    ")
        if check.reading:
            yield from _wrap(f"  Read as {check.reading}", width, "    ")
    if (other := check.disputed) and (check.fits or explained):
        value = check.predicted if check.measured is None else check.measured
        kept = value is not None and value <= other["bytes"]
        dispute = f"  {check.written} is disputed, and taken: with {other['written']} "
        dispute += f"({other['source']}) it {'fits too' if kept else 'would not fit'}"
        yield from _wrap(dispute, width, "    ")


def _wrap(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False)
