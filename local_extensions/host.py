"""Host of the project: platform, hardware tier and locked packages."""

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
    def packages(self) -> Mapping[str, Any]:
        """Sizes of the locked packages, by name."""
        return self.sizes["packages"]


@cache
def host(framework: str, platform: str, hardware: str, python: str) -> Host:
    """Return the host for the answers."""
    tier = PLATFORMS[platform]["hardware"][hardware]
    own = FRAMEWORKS[framework].requirements
    base, extras = locks.split(own, tier["class"])
    return Host(
        tier=tier,
        where=limits.where(platform, hardware),
        python=tier.get("python", {}).get(python, python),
        requirements=[*COMMON["requirements"], *own[tier["class"]]],
        lock=f"{framework}-{tier['class']}",
        locked=locks.requirements(framework, base, extras),
        sizes=locks.sizes(framework, base, extras),
    )


def useful_tiers(platform: str, framework: str) -> dict[str, Any]:
    """Return the tiers of a platform that the framework has packages for, the default first."""
    classes = FRAMEWORKS[framework].requirements
    tiers = PLATFORMS[platform]["hardware"]
    return {name: tier for name, tier in tiers.items() if tier["class"] in classes}
