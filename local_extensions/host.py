"""Where the project will live: its platform, tier and locked packages."""

import json
from functools import cache
from typing import Any

from ml_ui.sizing import limits

from .catalog import CATALOG, FRAMEWORKS, PLATFORMS, TEMPLATES, Answers


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
    lock = f"requirements/{framework}-{tier['class']}"
    own = FRAMEWORKS[framework]["requirements"][tier["class"]]
    sizes = json.loads((TEMPLATES / f"{lock}.json").read_text("utf-8"))
    return {
        "platform": PLATFORMS[platform],
        "tier": tier,
        "where": limits.where(platform, tier_name),
        "python": tier.get("python", {}).get(python, python),
        "requirements": [*CATALOG["requirements"], *own],
        "lock": lock,
        "sizes": sizes,
        "packages": sizes["packages"],
    }
