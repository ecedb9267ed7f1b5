"""Where the project will live: its platform, tier and locked packages."""

import importlib.util
import json
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from .catalog import FRAMEWORKS, PLATFORMS, TEMPLATES, TOOLS, Answers


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
    sizes = json.loads((TEMPLATES / f"{lock}.json").read_text("utf-8"))
    return {
        "platform": PLATFORMS[platform],
        "tier": tier,
        "where": preflight().where(platform, tier_name),
        "python": tier.get("python", {}).get(python, python),
        "requirements": ["gradio", *FRAMEWORKS[framework]["requirements"][tier["class"]]],
        "lock": lock,
        "packages": sizes["packages"],
    }


@cache
def preflight() -> ModuleType:
    """Load the project's own tools/preflight.py: there is one copy of it."""
    spec = importlib.util.spec_from_file_location("preflight", TOOLS / "preflight.py")
    module = importlib.util.module_from_spec(spec)
    # A __pycache__ beside the file would be rendered into the project.
    prefix, sys.pycache_prefix = sys.pycache_prefix, str(Path(__file__).with_name("__pycache__"))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.pycache_prefix = prefix
    return module
