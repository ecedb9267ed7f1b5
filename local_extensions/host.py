"""Where the project will live: its platform, tier and locked packages."""

from functools import cache
from typing import Any

from ml_ui.sizing import limits

from . import locks
from .catalog import CATALOG, FRAMEWORKS, PLATFORMS, Answers


def hardware(platform: str) -> dict[str, Any]:
    """Return the tiers of a platform, the default first."""
    return PLATFORMS[platform]["hardware"]


def hosting(answers: Answers) -> dict[str, Any]:
    """Describe where the project will live: its platform, tier and locked packages."""
    names = ("platform", "hardware", "__framework", "python_version")
    return _hosting(*(answers[name] for name in names))


@cache
def _hosting(platform: str, tier_name: str, framework: str, python: str) -> dict[str, Any]:
    tier = hardware(platform)[tier_name]
    own = FRAMEWORKS[framework]["requirements"]
    base, extras = locks.split(own, tier["class"])
    sizes = locks.sizes(framework, base, extras)
    return {
        "platform": PLATFORMS[platform],
        "tier": tier,
        "where": limits.where(platform, tier_name),
        "python": tier.get("python", {}).get(python, python),
        "requirements": [*CATALOG["requirements"], *own[tier["class"]]],
        "lock": f"{framework}-{tier['class']}",
        "locked": locks.requirements(framework, base, extras),
        "sizes": sizes,
        "packages": sizes["packages"],
    }
