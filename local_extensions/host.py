"""Host of the project: platform, hardware tier and locked packages."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from ml_ui.sizing import limits

from . import locks
from .catalog import COMMON, FRAMEWORKS, PLATFORMS


class Host(NamedTuple):
    """A hardware tier of a platform, with the packages of the project there."""

    tier: Mapping[str, Any]  # of the platform's hardware
    where: str  # platform, tier and price, in words
    python: str  # the exact version, if the platform has only one
    requirements: list[str]  # as in requirements.in
    lock: str  # its name
    locked: str  # text of requirements.txt
    sizes: Mapping[str, Any]  # of the locked packages

    @property
    def pythons(self) -> str:
        """The versions of Python that the lock is for, in words."""
        return re.search(r"for (Python .+) on$", self.locked, re.MULTILINE)[1]

    @property
    def packages(self) -> Mapping[str, Any]:
        """Sizes of the locked packages, by name."""
        return self.sizes["packages"]


@cache
def host(
    framework: str,
    platform: str,
    hardware: str,
    python: str,
    version: str | None = None,
    packages: tuple[str, ...] = (),
) -> Host:
    """Return the host for the answers.

    Args:
        framework, platform, hardware, python: as answered.
        version: of the framework, such as "1.7", if the model needs an older one.
        packages: of the framework's extras, those that the model needs.
    """
    tier = PLATFORMS[platform]["hardware"][hardware]
    name = f"{framework}-{version}" if version in FRAMEWORKS[framework].versions else framework
    own = FRAMEWORKS[framework].variants[name]
    base, extras = locks.split(own, tier["class"])
    more = [*packages, *PLATFORMS[platform].get("requirements", ())]
    extras = [*extras, *more]
    return Host(
        tier=tier,
        where=limits.where(platform, hardware),
        python=tier.get("python", {}).get(python, python),
        requirements=[*COMMON["requirements"], *own[tier["class"]], *more],
        lock=f"{name}-{locks.LIKE.get(tier['class'], tier['class'])}",
        locked=locks.requirements(name, base, extras),
        sizes=locks.sizes(name, base, extras),
    )


def unsupported(framework: str, version: str | None) -> str:
    """Return why no version here loads what a version of a framework saved; "" if one does."""
    found = FRAMEWORKS[framework]
    if not version or not found.versions:
        return ""
    package = found.requirements["cpu"][0]
    newest = locks.sizes(framework, "cpu")["packages"][package]["version"]
    oldest = next(iter(found.versions))
    saved, low, high = (
        tuple(map(int, re.findall(r"\d+", v)[:2])) for v in (version, oldest, newest)
    )
    if low <= saved <= high:
        return ""
    title, last = found.title, ".".join(map(str, high))
    if saved < low:
        return (
            f"was saved by {title} {version}, and no Python here runs a version before {oldest}: "
            f"train it again with {title} {oldest} to {last}, or export it to ONNX, with skl2onnx, "
            f"where {version} is installed."
        )
    return (
        f"was saved by {title} {version}, and the newest version here is {newest}: take the "
        f"current template, or train it again with {title} {oldest} to {last}."
    )


def pythons(framework: str, version: str | None, tier: Mapping[str, Any]) -> list[str]:
    """Return the versions of Python that run a version of a framework on a tier."""
    able = FRAMEWORKS[framework].versions.get(version or "", {}).get("python", locks.PYTHONS)
    here = tier.get("python", locks.PYTHONS)
    return [each for each in locks.PYTHONS if each in able and each in here]


def useful_tiers(platform: str, framework: str, version: str | None) -> dict[str, Any]:
    """Return the tiers of a platform that can run a version of a framework, the default first."""
    classes = FRAMEWORKS[framework].requirements
    return {
        name: tier
        for name, tier in PLATFORMS[platform]["hardware"].items()
        if tier["class"] in classes and pythons(framework, version, tier)
    }
