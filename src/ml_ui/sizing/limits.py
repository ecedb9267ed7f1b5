"""What a platform allows, and whether a project keeps to it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from .footprint import FACTS, QUANTITIES, BadInput, Footprint

PLATFORMS, GITHUB = FACTS["platforms"], FACTS["repositories"]["github"]


class Check(NamedTuple):
    """One prediction, the sum of its parts, beside its limit; None is no limit."""

    name: str
    what: str
    predicted: float
    limit: float | None
    unit: str  # bytes or seconds
    fits: bool
    source: str
    as_of: str
    verified: bool
    written: str
    reading: str | None
    disputed: dict | None
    parts: dict[str, float]
    measured: float | None = None  # with --measure


def limits_of(
    platform: str, hardware: str, project: Footprint, kind: str, own: Mapping = {}
) -> dict[str, dict]:
    """Return the limits of a kind that something is predicted for, by name."""
    tier, limits = PLATFORMS[platform]["hardware"][hardware], {}
    for limit in PLATFORMS[platform]["limits"] + GITHUB["limits"] * project.on_github:
        name = limit["name"]
        if limit["kind"] != kind or name not in QUANTITIES:
            continue
        if name in own:
            told = {"amount": own[name], "written": written(own[name], unit(limit))}
            told |= {"source": f"--limit {name}", "as_of": date.today().isoformat()}
            limit = limit | told | {"verified": True, "reading": None, "disputed": None}
        elif "tier" in limit:
            room, times = tier[limit["tier"]], limit.get("times", 1)
            told = f"{times} x {size(room)}" if times > 1 and room else size(room or 0)
            told = told if room else "no limit known"
            limit = limit | {"amount": room and times * room, "written": told}
        else:
            limit = limit | {"amount": limit[unit(limit)]}
        limits[name] = limit
    return limits


def unit(limit: Mapping) -> str:
    """Return what a limit counts."""
    return "seconds" if "seconds" in limit else "bytes"


def checks_of(
    platform: str, hardware: str, project: Footprint, own: Mapping
) -> tuple[tuple[Check, ...], list[str]]:
    """Return the checks, and why others, with a limit, cannot be made."""
    checks, untold = [], []
    for name, limit in limits_of(platform, hardware, project, "refuse", own).items():
        most = limit["amount"]
        try:
            parts = QUANTITIES[name](project)
        except BadInput as error:
            untold += [str(error)] if most is not None else []
            continue
        if not parts:
            continue
        predicted = sum(parts.values())
        fits = most is None or predicted <= most
        keys = ("what", "source", "as_of", "verified", "written", "reading", "disputed")
        told = {key: limit.get(key) for key in keys}
        checks.append(
            Check(
                name, predicted=predicted, limit=most, unit=unit(limit), fits=fits,
                parts=parts, **told,
            )
        )  # fmt: skip
    return tuple(checks), untold


def notes_of(
    platform: str, hardware: str, project: Footprint, own: Mapping
) -> Iterator[str]:
    """Yield what to know beside the checks."""
    tier = PLATFORMS[platform]["hardware"][hardware]
    rules = {rule["name"]: rule["what"] for rule in PLATFORMS[platform]["rules"]}
    if tier["note"] and tier["note"] not in where(platform, hardware):
        yield f"{hardware}: {tier['note']}."
    for name in project.pointers:
        told = f" {rules['lfs']}" if "lfs" in rules else ""
        yield f"{name} is a Git LFS pointer, counted as what it stands for.{told}"
    if project.binaries and "binary" in rules:
        names = ", ".join(project.binaries[:3])
        more = "" if len(project.binaries) <= 3 else ", ..."
        yield f"{names}{more}, outside Git LFS: {rules['binary']}"
    hards = limits_of(platform, hardware, project, "refuse", own)
    for name, limit in limits_of(platform, hardware, project, "warn").items():
        predicted, hard = sum(QUANTITIES[name](project).values()), hards[name]["amount"]
        if limit["amount"] is not None and limit["amount"] < predicted <= hard:
            doubt = "" if limit["verified"] else " (unverified)"
            yield f"{name} is over {limit['written']}{doubt}: {limit['what']}."
    if project.format is None:
        yield "memory cannot be told: .ml-ui.json names no format."


# Words and numbers.


def size(count: float) -> str:
    """Write bytes for a person, 198 MB: M is 10^6."""
    power = next((p for p in range(4) if count < 999.5 * 1000**p), 4)
    return f"{count / 1000**power:.3g} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def written(amount: float, unit: str) -> str:
    """Write bytes, or seconds, for a person."""
    if unit == "bytes":
        return size(amount)
    return f"{amount:.0f} s" if amount < 300 else f"{amount / 60:.0f} min"


def parse_size(text: str) -> int:
    """Read 500M, 1GB or 1.5GiB as bytes: M and MB are 10^6, MiB is 2^20."""
    pattern = r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?(?:([KMGT])(I?)B?|B)"
    found = re.fullmatch(pattern, text.strip().upper())
    if not found:
        raise BadInput(f"{text!r} is not a size; write 500M, 1GB or 1.5GiB.")
    number, prefix, binary = found.groups()
    power = " KMGT".index(prefix or " ")
    return int(float(number) * (1024 if binary else 1000) ** power)


def parse_seconds(text: str) -> float:
    """Read 60s as seconds."""
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?s", text.strip())
    if not found:
        raise BadInput(f"{text!r} is not a time; write 60s.")
    return float(found[1])


def parse_limit(name: str, text: str) -> float:
    """Read the amount of a limit."""
    return parse_seconds(text) if name == "boot" else parse_size(text)


def price(tier: Mapping) -> str:
    """Write what a tier costs: free, $5/month, or what is noted where that is open."""
    if tier["price_usd"] is None:
        return tier["note"]
    dollars = f"${tier['price_usd']:.2f}/{tier['per']}".replace(".00/", "/")
    return dollars if tier["price_usd"] else "free"


def where(platform: str, hardware: str) -> str:
    """Name a platform and a tier with its price: Heroku, eco ($5/month)."""
    tier = PLATFORMS[platform]["hardware"][hardware]
    doubt = "" if tier["verified"] else ", UNVERIFIED"
    return f"{PLATFORMS[platform]['title']}, {hardware} ({price(tier)}{doubt})"


def pick(kind: str, value: str, known: Iterable[str]) -> str:
    """Return a value that is known, or say which are and which may be meant."""
    if value in (known := list(known)):
        return value
    import difflib  # not needed by those who spell well

    near = difflib.get_close_matches(value, known, 1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    raise BadInput(f"Unknown {kind} {value!r}{meant}; known: {', '.join(known)}.")
