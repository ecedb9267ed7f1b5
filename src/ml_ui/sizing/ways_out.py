"""What would help a project that does not fit: what to change, and where else to go.

Each way is tried by the same arithmetic before it is told.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations

from .footprint import PACKAGES, BadInput, Footprint
from .limits import PLATFORMS, Check, checks_of, size, where, written

# Formats whose loaders take float16: TorchScript wants inputs of that precision, too.
HALVABLE = {"onnx", "torch-export", "state-dict", "safetensors", "keras", "hdf5"}
DOWNLOAD = 50_000_000  # bytes a second from the Hub: assumed, for it varies


def ways_out(
    asked: str,
    hardware: str,
    project: Footprint,
    own: Mapping,
    checks: Iterable[Check],
) -> Iterator[str]:
    """Yield a sentence for each change, or move, after which the project fits.

    Args:
        asked: the platform that the project does not fit.
        hardware: its tier.
        project: what it weighs.
        own: limits that replace the recorded ones of the platform.
        checks: what was compared there.
    """
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
    checks, untold = checks_of(platform, hardware, project, own)
    return not untold and all(check.fits for check in checks)


def _figures(
    platform: str, hardware: str, project: Footprint, own: Mapping, names: set[str]
) -> str:
    """Return what becomes of the quantities that were too much."""
    checks, _ = checks_of(platform, hardware, project, own)
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
