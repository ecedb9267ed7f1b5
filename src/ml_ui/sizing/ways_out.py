"""Ways out for a project that does not fit: changes, other tiers and platforms.

Each is checked by the same arithmetic before it is proposed.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations

from .footprint import CUDA_RUNTIME, FORMATS, PACKAGES, Footprint, Part, Sizes
from .limits import (
    PLATFORMS,
    Check,
    Facts,
    checks_of,
    refused_by_github,
    size,
    verdict,
    where,
    written,
)

DOWNLOAD = 50_000_000  # bytes a second from the Hub: an assumption, as it varies

Changed = tuple[str, Footprint]  # a change in words, and the project after it
Change = Callable[[str, Footprint], Changed | None]


def ways_out(
    platform: str,
    hardware: str,
    project: Footprint,
    own: Mapping[str, float],
    checks: Iterable[Check],
    exists: bool = False,
) -> Iterator[str]:
    """Yield a sentence for each change, or move, after which the project fits.

    Args:
        platform: the platform that the project does not fit.
        hardware: its tier.
        project: the project's sizes.
        own: limits that replace the recorded ones of the platform.
        checks: the checks made there.
        exists: whether it is moved by the command, and not by answering otherwise.
    """
    tight = {check.name for check in checks if check.fits is False}
    enough = dict(_enough(platform, hardware, project, own))
    for text, variant in enough.items():
        figures = _figures(platform, hardware, variant, own, tight)
        yield f"{text[0].upper()}{text[1:]}{figures}."
    gpu = PLATFORMS[platform]["hardware"][hardware]["class"] == "gpu"
    for place in sorted(PLATFORMS, key=lambda place: place != platform):
        here = place == platform
        if not here and not PLATFORMS[place]["public"]:
            continue
        limits = own if here else {}
        other = (platform, hardware)
        # As it is, or else with one change: the cheapest tier on which it fits.
        moved = project if here else moved_to(place, project)
        for _, text, variant in [((), "", moved), *_variants(place, moved, 1)]:
            if here and text in enough:
                continue
            if tier := cheapest(place, other, gpu, variant, limits):
                change = f", and {text}" if text else ""
                verb = "Take" if here else "Go to"
                answer = _command(place, tier) if exists else _answer(place, tier, here)
                yield f"{verb} {where(place, tier)}{change}: {answer}."
                break


def _answer(platform: str, hardware: str, here: bool) -> str:
    """Return the answer to the template's questions that takes a tier."""
    default = next(iter(PLATFORMS[platform]["hardware"]))
    tier = "" if hardware == default else f"hardware={hardware}"
    return tier if here and tier else f"platform={platform} {tier}".rstrip()


def _command(platform: str, hardware: str) -> str:
    """Return the command that moves an existing project to a tier."""
    tier = shlex.quote(hardware)
    return f"python -m ml_ui move --platform {platform} --hardware {tier}"


def moved_to(platform: str, project: Footprint) -> Footprint:
    """Return a project as it is on another platform, which may not fetch Git LFS."""
    if all(rule["name"] != "lfs" for rule in PLATFORMS[platform]["rules"]):
        return project
    files = tuple(each._replace(in_lfs=False) for each in project.files)
    return project._replace(files=files)


def _enough(
    platform: str,
    hardware: str,
    project: Footprint,
    own: Mapping[str, float],
    most: int = 4,
) -> Iterator[Changed]:
    """Yield minimal sets of changes that make the project fit."""
    found: list[set[Change]] = []
    gpu = PLATFORMS[platform]["hardware"][hardware]["class"] != "cpu"
    for count in (1, 2, 3):
        for changes, text, variant in _variants(platform, project, count):
            needless = any(fewer <= {*changes} for fewer in found)
            lost = gpu and project.uses_gpu and not variant.uses_gpu
            if not needless and not lost and _fits(platform, hardware, variant, own):
                found.append({*changes})
                yield text, variant
            if len(found) == most:
                return
        if len(found) > 1:
            return


def cheapest(
    platform: str,
    but: tuple[str, str],
    gpu: bool,
    project: Footprint,
    own: Mapping[str, float],
) -> str | None:
    """Return the cheapest tier of a platform that a project fits.

    Args:
        platform: the platform.
        but: a platform and tier to leave out.
        gpu: whether the tier must have a GPU.
        project: the project's sizes.
        own: limits that replace the recorded ones of the platform.
    """
    tiers = PLATFORMS[platform]["hardware"]
    able = (
        name
        for name in sorted(tiers, key=lambda name: _monthly(tiers[name]))
        if (tiers[name]["class"] == "gpu" or not gpu)
        and (platform, name) != but
        and _fits(platform, name, project, own)
    )
    return next(able, None)


def _monthly(tier: Facts) -> float:
    """Return dollars per month; an hourly tier is taken to run all the time."""
    if tier["price_usd"] is None:
        return float("inf")
    dollars: float = tier["price_usd"] * (730 if tier["per"] == "hour" else 1)
    return dollars


def _fits(
    platform: str, hardware: str, project: Footprint, own: Mapping[str, float]
) -> bool:
    return verdict(checks_of(platform, hardware, project, own)) is True


def _figures(
    platform: str,
    hardware: str,
    project: Footprint,
    own: Mapping[str, float],
    names: set[str],
) -> str:
    """Return the exceeded quantities, as predicted for the changed project."""
    figures = [
        f"{check.name} {written(check.predicted, check.unit)}"
        for check in checks_of(platform, hardware, project, own)
        if check.name in names
    ]
    return f": {', '.join(figures)}" if figures else ""


def _variants(
    platform: str, project: Footprint, count: int
) -> Iterator[tuple[tuple[Change, ...], str, Footprint]]:
    """Yield each combination of `count` changes, in words, and the project after it."""
    for changes in combinations(CHANGES, count):
        texts, variant = [], project
        for change in changes:
            if not (done := change(platform, variant)):
                break
            texts.append(done[0])
            variant = done[1]
        else:
            yield changes, ", and ".join(texts), variant


def _lighter_packages(platform: str, project: Footprint) -> Changed | None:
    """Replace packages by smaller CPU builds."""
    names, packages, saved = [], dict(project.packages), 0
    for name, lighter in PACKAGES["lighter"].items():
        if not packages.get(name):
            continue
        dropped = re.compile(lighter["drop"])
        less = {
            other: sizes
            for other, sizes in packages.items()
            if other != name and not dropped.fullmatch(other)
        }
        less |= lighter["packages"]
        before, after = _wheels(packages), _wheels(less)
        if before is not None and after is not None and after < 0.98 * before:
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


def _wheels(packages: Mapping[str, Sizes | None]) -> int | None:
    """Return the total size of the wheels; None if one is not known."""
    known = [sizes["wheel"] for sizes in packages.values() if sizes]
    return sum(known) if len(known) == len(packages) else None


def _half_precision(platform: str, project: Footprint) -> Changed | None:
    """Store the weights as float16."""
    return _stored_as("float16", 2, project)


def _int8(platform: str, project: Footprint) -> Changed | None:
    """Store the weights as int8."""
    return _stored_as("int8", 4, project)


def _stored_as(dtype: str, times: int, project: Footprint) -> Changed | None:
    """Store the weights in a precision that the format was measured in."""
    measured = FORMATS.get(project.format or "") or {}
    if (
        not project.weights + project.on_hub
        or dtype not in measured
        or dtype not in measured.get("converts", {})
        or project.dtype not in (None, "float32")
    ):
        return None
    files = tuple(
        each._replace(size=each.size // times)
        if each.name.startswith("model/")
        else each
        for each in project.files
    )
    weights, on_hub = project.weights // times, project.on_hub // times
    doubt = "" if project.dtype else ", if they are float32 now"
    how = measured["converts"][dtype]
    text = f"store the weights as {dtype}, {size(weights + on_hub)}{doubt} ({how})"
    less = project._replace(weights=weights, on_hub=on_hub, files=files, dtype=dtype)
    return text, less


def _onnx(platform: str, project: Footprint) -> Changed | None:
    """Export the model to ONNX, which runs without the model's framework."""
    measured = FORMATS.get(project.format or "") or {}
    how = measured.get("converts", {}).get("onnx")
    variant = with_lock(project, "onnx-cpu")
    if not how or variant is project:
        return None
    return f"export the model to ONNX ({how})", variant._replace(format="onnx")


def with_lock(project: Footprint, lock: str) -> Footprint:
    """Return a project with another set of packages in place of its own, if known.

    What its owner added stays.
    """
    sets, packages = PACKAGES["sets"], project.packages
    if not {lock, project.lock} <= {*sets} or None in packages.values():
        return project
    kept = {
        name: sizes
        for name, sizes in packages.items()
        if sizes and not name.startswith(CUDA_RUNTIME)
    }

    def exchanged(part: Part) -> int:
        """Return the bytes by which what is kept differs from the new packages."""
        change: int = sets[lock][part] - sets[project.lock][part]
        left = sum(sizes[part] for sizes in kept.values())
        return project.total(part) + change - left

    rest = Sizes(
        version="",
        wheel=exchanged("wheel"),
        installed=exchanged("installed"),
        bytecode=exchanged("bytecode"),
    )
    name = CUDA_RUNTIME if lock.endswith("-gpu") else lock
    return project._replace(packages={**kept, name: rest}, lock=lock)


def _hub(platform: str, project: Footprint) -> Changed | None:
    """Keep the weights out of the project: download them at the build or start."""
    if not project.weights:
        return None
    seconds = project.weights / DOWNLOAD
    text = (
        f"keep the weights on the Hub, {size(project.weights)}, downloaded from there "
        f"in some {seconds:.0f} s (model_path=OWNER/NAME, python -m ml_ui swap "
        "OWNER/NAME)"
    )
    files = tuple(each for each in project.files if not each.name.startswith("model/"))
    on_hub = project.on_hub + project.weights
    return text, project._replace(weights=0, files=files, on_hub=on_hub)


def _git_lfs(platform: str, project: Footprint) -> Changed | None:
    """Put files that GitHub refuses in Git LFS, if the platform supports it."""
    names = refused_by_github(project)
    if not names or any(rule["name"] == "lfs" for rule in PLATFORMS[platform]["rules"]):
        return None
    files = tuple(
        each._replace(in_lfs=each.in_lfs or each.name in names)
        for each in project.files
    )
    text = f"keep {' and '.join(names)} in Git LFS"
    return text, project._replace(files=files)


def _without_github(platform: str, project: Footprint) -> Changed | None:
    """Push only to the platform."""
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
