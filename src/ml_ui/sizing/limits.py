"""Limits of a platform, and the checks of a project against them."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from .footprint import (
    FACTS,
    FOLDER,
    FORMATS,
    PACKAGES,
    QUANTITIES,
    BadInput,
    Footprint,
    NotKnown,
    Parts,
    precision,
)
from .git_lfs import line_for

PLATFORMS: dict[str, dict[str, Any]] = dict(
    sorted(
        (
            (path.stem, json.loads(path.read_text("utf-8")))
            for path in (FOLDER / "platforms").glob("*.json")
        ),
        key=lambda entry: entry[1]["order"],
    )
)
GITHUB = FACTS["repositories"]["github"]
GITHUB_FILE = next(  # bytes of a file in plain git, above which GitHub refuses the push
    limit["bytes"]
    for limit in GITHUB["limits"]
    if (limit["name"], limit["kind"]) == ("file", "refuse")
)
NO_LIMIT, LIMIT_NOT_KNOWN = "no limit", "limit not known"

Facts = Mapping[str, Any]  # a file of platforms/, or an entry of it


class Check(NamedTuple):
    """A predicted quantity, the sum of its parts, beside its limit."""

    name: str
    what: str
    predicted: float | None  # None: not known, for the reason in `not_known`
    limit: float | None  # None: see `written`
    unit: str  # bytes or seconds
    fits: bool | None  # None: not known
    source: str
    as_of: str
    verified: bool
    written: str  # the limit as its source writes it, or NO_LIMIT, or LIMIT_NOT_KNOWN
    reading: str | None
    disputed: Facts | None
    parts: Mapping[str, float]
    not_known: str | None = None
    measured: float | None = None  # with --measure


def limits_of(
    platform: str,
    hardware: str,
    kind: str,
    own: Mapping[str, float] = {},
    on_github: bool = False,
) -> dict[str, dict[str, Any]]:
    """Return the limits of a kind by name, with amounts, and as they are written."""
    tier, limits = PLATFORMS[platform]["hardware"][hardware], {}
    for limit in PLATFORMS[platform]["limits"] + GITHUB["limits"] * on_github:
        name, field = limit["name"], limit.get("tier")
        if limit["kind"] != kind or (field == "gpu_bytes" and tier["class"] == "cpu"):
            continue
        if name in own:
            limit = limit | {
                "amount": own[name],
                "written": written(own[name], unit(limit)),
                "source": f"--limit {name}",
                "as_of": date.today().isoformat(),
                "verified": True,
                "reading": None,
                "disputed": None,
            }
        elif not field:
            amount = limit[unit(limit)]
            limit = limit | {"amount": amount, "written": limit["written"] or NO_LIMIT}
        elif tier[field] is None:
            limit = limit | {"amount": None, "written": LIMIT_NOT_KNOWN}
        else:
            times = limit.get("times", 1)
            text = f"{times} x " if times > 1 else ""
            text += room(tier[field])
            limit = limit | {"amount": times * tier[field], "written": text}
        limits[name] = limit
    return limits


def unit(limit: Facts) -> str:
    """Return the unit of a limit."""
    return "seconds" if "seconds" in limit else "bytes"


def checks_of(
    platform: str, hardware: str, project: Footprint, own: Mapping[str, float]
) -> tuple[Check, ...]:
    """Return the checks of every quantity that applies to the project."""
    checks = []
    keys = ("what", "source", "as_of", "verified", "written", "reading", "disputed")
    for name, limit in limits_of(
        platform, hardware, "refuse", own, project.on_github
    ).items():
        parts: Parts = {}
        not_known = None
        try:
            parts = QUANTITIES[name](project)
        except NotKnown as error:
            not_known = str(error)
        else:
            if not parts:
                continue
        predicted = None if not_known else sum(parts.values())
        facts: dict[str, Any] = {key: limit.get(key) for key in keys}
        check = Check(
            name=name,
            predicted=predicted,
            limit=limit["amount"],
            unit=unit(limit),
            fits=None,
            parts=parts,
            not_known=not_known,
            **facts,
        )
        checks.append(check._replace(fits=fits(check, predicted)))
    return tuple(checks)


def fits(check: Check, value: float | None) -> bool | None:
    """Return whether a value is within a check's limit; None if it is not known."""
    if check.limit is None:
        return None if check.written == LIMIT_NOT_KNOWN else True
    return None if value is None else value <= check.limit


def verdict(checks: Iterable[Check]) -> bool | None:
    """Return whether the project fits; None if a quantity with a limit is not known."""
    checks = tuple(checks)
    if any(check.fits is False for check in checks):
        return False
    undecided = any(check.fits is None and check.limit is not None for check in checks)
    return None if undecided else True


def notes_of(
    platform: str,
    hardware: str,
    project: Footprint,
    own: Mapping[str, float],
    checks: Iterable[Check],
) -> Iterator[str]:
    """Yield notes besides the checks."""
    tier = PLATFORMS[platform]["hardware"][hardware]
    rules = {rule["name"]: rule["what"] for rule in PLATFORMS[platform]["rules"]}
    if tier["note"] and tier["note"] not in where(platform, hardware):
        yield f"{hardware}: {tier['note']}."
    for name in project.pointers:
        rule = f" {rules['lfs']}" if "lfs" in rules else ""
        yield f"{name} is a Git LFS pointer; the size of its file is counted.{rule}"
    if project.binaries and "binary" in rules:
        names = ", ".join(project.binaries[:3])
        more = "" if len(project.binaries) <= 3 else ", ..."
        yield f"{names}{more}, outside Git LFS: {rules['binary']}"
    made = {check.name: check for check in checks}
    for name, limit in limits_of(
        platform, hardware, "warn", on_github=project.on_github
    ).items():
        most, check = limit["amount"], made.get(name)
        if most is None or check is None or check.predicted is None:
            continue
        if check.fits is not False and check.predicted > most:
            doubt = "" if limit["verified"] else " (unverified)"
            yield f"{name} is over {limit['written']}{doubt}: {limit['what']}."
    if refused := refused_by_github(project):
        lines = ", ".join(f"`{line_for(name)}`" for name in refused)
        yield (
            f"GitHub refuses {' and '.join(refused)} in plain git. Before you commit, "
            f"add to .gitattributes: {lines}. What is committed is moved by `git lfs "
            f'migrate import --include="{",".join(refused)}"`.'
        )
    if project.python not in PACKAGES["bytecode_per_source"]:
        yield (
            f"The bytecode of Python {project.python} has not been measured; that of "
            f"{PACKAGES['python']} is used."
        )
    if project.shallow:
        yield "The clone is shallow: earlier versions of files are not all counted."
    unmeasured = project.dtype not in (None, "float32") and FORMATS.get(
        project.format or ""
    )
    if unmeasured and precision(project) == "float32":
        yield (
            f"The memory of {project.dtype} weights in this format has not been "
            "measured; that of float32 is used."
        )


def refused_by_github(project: Footprint) -> list[str]:
    """Return the files in plain git that GitHub refuses, if it is pushed there."""
    files = (file for file in project.files if not file.in_lfs)
    large = sorted(file.name for file in files if file.size > GITHUB_FILE)
    return large if project.on_github else []


# Words and numbers.


def size(count: float) -> str:
    """Format bytes with three digits, 198 MB: M is 10^6."""
    power = next((p for p in range(4) if count < 999.5 * 1000**p), 4)
    return f"{count / 1000**power:.3g} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def room(count: float) -> str:
    """Format bytes of a limit, in the host's unit: 1 GiB where it is that exactly."""
    for power, prefix in ((3, "G"), (2, "M")):
        if count >= 1024**power and count % (1024**power) == 0:
            return f"{count / 1024**power:.0f} {prefix}iB"
    return size(count)


def written(amount: float | None, unit: str) -> str:
    """Format an amount of bytes or seconds; None is not known."""
    if amount is None:
        return "not known"
    if unit == "bytes":
        return size(amount)
    return f"{amount:.0f} s" if amount < 300 else f"{amount / 60:.0f} min"


def parse_size(text: str) -> int:
    """Parse 500M, 1GB or 1.5GiB as bytes: M and MB are 10^6, MiB is 2^20."""
    pattern = r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?(?:([KMGT])(I?)B?|B)"
    found = re.fullmatch(pattern, text.strip().upper())
    if not found:
        raise BadInput(f"{text!r} is not a size; write 500M, 1GB or 1.5GiB.")
    number, prefix, binary = found.groups()
    power: int = " KMGT".index(prefix or " ")
    factor: int = (1024 if binary else 1000) ** power
    return int(float(number) * factor)


def parse_seconds(text: str) -> float:
    """Parse 60s as seconds."""
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?s", text.strip())
    if not found:
        raise BadInput(f"{text!r} is not a time; write 60s.")
    return float(found[1])


def parse_limit(name: str, text: str) -> float:
    """Parse the amount of a limit."""
    return parse_seconds(text) if name == "boot" else parse_size(text)


def price(tier: Facts) -> str:
    """Format the price of a tier: free, $5/month, or its note if there is no figure."""
    if tier["price_usd"] is None:
        note: str = tier["note"]
        return note
    dollars = f"${tier['price_usd']:.2f}/{tier['per']}".replace(".00/", "/")
    return dollars if tier["price_usd"] else "free"


def where(platform: str, hardware: str) -> str:
    """Return a platform and a tier with its price: Heroku, eco ($5/month)."""
    tier = PLATFORMS[platform]["hardware"][hardware]
    doubt = "" if tier["verified"] else ", UNVERIFIED"
    return f"{PLATFORMS[platform]['title']}, {hardware} ({price(tier)}{doubt})"


def pick(kind: str, value: str, known: Iterable[str]) -> str:
    """Return a known value, or raise BadInput with the known ones."""
    if value in (known := list(known)):
        return value
    import difflib  # only needed for misspellings

    near = difflib.get_close_matches(value, known, 1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    raise BadInput(f"Unknown {kind} {value!r}{meant}; known: {', '.join(known)}.")
