"""What a platform allows, whether a project keeps to it, and what would help."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from itertools import combinations
from typing import NamedTuple

from .footprint import FIT, PACKAGES, QUANTITIES, BadInput, Footprint

FACTS = json.loads((FIT / "platforms.json").read_text("utf-8"))
PLATFORMS, GITHUB = FACTS["platforms"], FACTS["repositories"]["github"]

# Formats whose loaders take float16: TorchScript wants inputs of that precision, too.
HALVABLE = {"onnx", "torch-export", "state-dict", "safetensors", "keras", "hdf5"}
DOWNLOAD = 50_000_000  # bytes a second from the Hub: assumed, for it varies


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


def check(
    platform: str,
    hardware: str | None,
    project: Footprint,
    own: Mapping[str, float] = {},
) -> Report:
    """Compare a project with a platform's limits, some of them replaced by name."""
    tiers = PLATFORMS[pick("platform", platform, PLATFORMS)]["hardware"]
    hardware = pick(f"{platform} hardware", hardware or next(iter(tiers)), tiers)
    for name in own:
        known = _limits(platform, hardware, project, "refuse")
        pick(f"{platform} limit", name, known)
    checks, untold = _checks(platform, hardware, project, own)
    fits = all(check.fits for check in checks)
    if untold and fits:
        raise BadInput(untold[0])
    ways = () if fits else tuple(_ways_out(platform, hardware, project, own, checks))
    notes = (*untold[:1], *_notes(platform, hardware, project, own))
    return Report(platform, hardware, fits, checks, ways, notes)


def _limits(
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


def _checks(
    platform: str, hardware: str, project: Footprint, own: Mapping
) -> tuple[tuple[Check, ...], list[str]]:
    """Return the checks, and why others, with a limit, cannot be made."""
    checks, untold = [], []
    for name, limit in _limits(platform, hardware, project, "refuse", own).items():
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


# Ways out: what to change, and where else to go. Each is tried by the same arithmetic.


def _ways_out(
    asked: str,
    hardware: str,
    project: Footprint,
    own: Mapping,
    checks: Iterable[Check],
) -> Iterator[str]:
    tight = {check.name for check in checks if not check.fits}
    enough = dict(_enough(asked, hardware, project, own))
    for text, variant in enough.items():
        told = _figures(asked, hardware, variant, own, tight)
        yield f"{text[0].upper()}{text[1:]}{told}."
    for platform in sorted(PLATFORMS, key=lambda platform: platform != asked):
        here = platform == asked
        if not here and not PLATFORMS[platform]["public"]:
            continue
        limits = own if here else {}
        # As it is, or else with a change: the cheapest tier on which it fits.
        for _, text, variant in [((), "", project), *_variants(platform, project, 1)]:
            if here and text in enough:
                continue
            if tier := _cheapest(platform, hardware, asked, variant, limits):
                change = f", and {text}" if text else ""
                yield f"{'Take' if here else 'Go to'} {where(platform, tier)}{change}."
                break


def _enough(
    platform: str, hardware: str, project: Footprint, own: Mapping, most: int = 4
) -> Iterator[tuple[str, Footprint]]:
    """Yield the changes that are enough, and none that holds a needless one."""
    found: list[set] = []
    for count in (1, 2, 3):
        for changes, text, variant in _variants(platform, project, count):
            needless = any(fewer <= {*changes} for fewer in found)
            if not needless and _fits(platform, hardware, variant, own):
                found.append({*changes})
                yield text, variant
            if len(found) == most:
                return
        if len(found) > 1:
            return


def _cheapest(
    platform: str, hardware: str, asked: str, project: Footprint, own: Mapping
) -> str | None:
    """Return the cheapest tier that a project fits, on a GPU if it was for one."""
    gpu = PLATFORMS[asked]["hardware"][hardware]["class"] == "gpu"
    tiers = PLATFORMS[platform]["hardware"]
    able = (
        name
        for name in sorted(tiers, key=lambda name: _monthly(tiers[name]))
        if (tiers[name]["class"] == "gpu" or not gpu)
        and (platform, name) != (asked, hardware)
        and _fits(platform, name, project, own)
    )
    return next(able, None)


def _monthly(tier: Mapping) -> float:
    """Return dollars a month, in which an hourly tier runs all the time."""
    if tier["price_usd"] is None:
        return float("inf")
    return tier["price_usd"] * (730 if tier["per"] == "hour" else 1)


def _fits(platform: str, hardware: str, project: Footprint, own: Mapping) -> bool:
    checks, untold = _checks(platform, hardware, project, own)
    return not untold and all(check.fits for check in checks)


def _figures(
    platform: str, hardware: str, project: Footprint, own: Mapping, names: set[str]
) -> str:
    """Return what becomes of the quantities that were too much."""
    checks, _ = _checks(platform, hardware, project, own)
    figures = [
        f"{check.name} {written(check.predicted, check.unit)}"
        for check in checks
        if check.name in names
    ]
    return f": {', '.join(figures)}" if figures else ""


def _variants(
    platform: str, project: Footprint, count: int
) -> Iterator[tuple[tuple, str, Footprint]]:
    """Yield so many changes at once, in words, and the project that comes of them."""
    for changes in combinations(CHANGES, count):
        texts, variant = [], project
        for change in changes:
            if not (done := change(platform, variant)):
                break
            texts.append(done[0])
            variant = done[1]
        else:
            yield changes, ", and ".join(texts), variant


Change = Callable[[str, Footprint], tuple[str, Footprint] | None]


def _lighter_packages(platform: str, project: Footprint):
    """Take the builds of packages that do the same on a CPU and weigh less."""
    names, packages, saved = [], dict(project.packages), 0
    for name, lighter in PACKAGES["lighter"].items():
        if not packages.get(name):
            continue
        gone = [n for n in packages if n == name or re.fullmatch(lighter["drop"], n)]
        less = {n: s for n, s in packages.items() if n not in gone}
        less |= lighter["packages"]
        before, after = _wheels(packages), _wheels(less)
        if before is not None and after < 0.98 * before:
            new = " and ".join(lighter["packages"])
            names.append(
                f"{new} instead of {name}"
                if new != name
                else f"the CPU build of {name}"
            )
            packages, saved = less, saved + before - after
    if not names:
        return None
    text = f"install {', '.join(names)}, which saves {size(saved)}"
    return text, project._replace(packages=packages)


def _wheels(packages: Mapping) -> int | None:
    known = [sizes and sizes["wheel"] for sizes in packages.values()]
    return None if None in known else sum(known)


def _half_precision(platform: str, project: Footprint):
    """Keep the weights as float16."""
    if project.format not in HALVABLE or project.dtype not in (None, "float32"):
        return None
    return _smaller(project, 2, "float16")


def _int8(platform: str, project: Footprint):
    """Keep the weights as int8, which ONNX Runtime has a command for."""
    if project.format != "onnx" or project.dtype not in (None, "float32"):
        return None
    return _smaller(project, 4, "int8")


def _smaller(project: Footprint, times: int, dtype: str):
    if not project.weights:
        return None
    files = tuple(
        each._replace(size=each.size // times) if "model/" in each.name else each
        for each in project.files
    )
    weights = project.weights // times
    doubt = "" if project.dtype else ", if they are float32 now"
    text = f"store the weights as {dtype}, {size(weights)}{doubt}"
    return text, project._replace(weights=weights, files=files, dtype=dtype)


def _onnx(platform: str, project: Footprint):
    """Export the model, and run it by ONNX Runtime without its framework."""
    own, onnx = PACKAGES["sets"].get(project.lock or ""), PACKAGES["sets"]["onnx-cpu"]
    if project.framework not in ("keras", "pytorch") or not own:
        return None
    try:
        packages = {
            part: max(project.total(part) - own[part], 0) + onnx[part] for part in onnx
        }
    except BadInput:
        return None
    variant = project._replace(
        packages={"onnx": packages}, framework="onnx", format="onnx"
    )
    return "export the model to ONNX", variant


def _hub(platform: str, project: Footprint):
    """Leave the weights out of the project, and fetch them at every start."""
    if not project.weights:
        return None
    seconds = project.weights / DOWNLOAD
    text = (
        "keep the weights on the Hub, fetched at each start in some "
        f"{seconds:.0f} s (--fetched {size(project.weights).replace(' ', '')})"
    )
    files = tuple(each for each in project.files if "model/" not in each.name)
    fetched = project.fetched + project.weights
    return text, project._replace(weights=0, files=files, fetched=fetched)


def _git_lfs(platform: str, project: Footprint):
    """Keep large files in Git LFS, where the platform fetches them from there."""
    refused = any(rule["name"] == "lfs" for rule in PLATFORMS[platform]["rules"])
    plain = [each for each in project.files if not each.in_lfs]
    if not project.on_github or not plain or refused:
        return None
    largest = max(plain, key=lambda each: each.size)
    files = tuple(each._replace(in_lfs=True) for each in project.files)
    text = f"keep {largest.name} in Git LFS"
    return text, project._replace(files=files)


def _without_github(platform: str, project: Footprint):
    """Push to the platform alone."""
    if not project.on_github:
        return None
    title = PLATFORMS[platform]["title"]
    text = f"push to {title} alone, not to GitHub (ci=false, no .github)"
    return text, project._replace(on_github=False)


CHANGES: tuple[Change, ...] = (
    _lighter_packages,
    _git_lfs,
    _without_github,
    _onnx,
    _half_precision,
    _int8,
    _hub,
)


def _notes(
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
    hards = _limits(platform, hardware, project, "refuse", own)
    for name, limit in _limits(platform, hardware, project, "warn").items():
        predicted, hard = sum(QUANTITIES[name](project).values()), hards[name]["amount"]
        if limit["amount"] is not None and limit["amount"] < predicted <= hard:
            doubt = "" if limit["verified"] else " (unverified)"
            yield f"{name} is over {limit['written']}{doubt}: {limit['what']}."
    if project.format is None:
        yield "memory cannot be told: tools/fit/project.json names no format."


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
