"""Where the project will live: its platform, tier and locked packages."""

import importlib
import importlib.util
import json
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from .catalog import CATALOG, FIT, FRAMEWORKS, PLATFORMS, TEMPLATES, Answers

PACKAGE = f"{__package__}.tools_fit"


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
        "where": fit("limits").where(platform, tier_name),
        "python": tier.get("python", {}).get(python, python),
        "requirements": [*CATALOG["requirements"], *own],
        "lock": lock,
        "packages": sizes["packages"],
    }


@cache
def fit(name: str) -> ModuleType:
    """Load a module of the project's own tools/fit: there is one copy of it."""
    # A __pycache__ beside the files would be copied into the project.
    prefix, sys.pycache_prefix = sys.pycache_prefix, str(Path(__file__).with_name("__pycache__"))
    if PACKAGE not in sys.modules:
        spec = importlib.util.spec_from_file_location(PACKAGE, FIT / "__init__.py")
        sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    try:
        return importlib.import_module(f"{PACKAGE}.{name}")
    finally:
        sys.pycache_prefix = prefix
