"""Where the project will live: its platform and tier, what they cost, whether it fits."""

import importlib.util
import json
import sys
import textwrap
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from .catalog import FRAMEWORKS, PLATFORMS, TEMPLATES, TOOLS, Answers
from .model import model

SOURCES = 150_000  # bytes of a generated project without its model and examples


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


def fit(answers: Answers) -> Any:
    """Compare the project with its platform's limits, before there is a project."""
    chosen, host = model(answers), hosting(answers)
    weights, largest = chosen.get("size", 0), ("", 0)
    if weights:
        source = Path(next(iter(chosen["files"])))
        files = [f for f in source.rglob("*") if f.is_file()] if source.is_dir() else [source]
        biggest = max(files, key=lambda f: f.stat().st_size)
        largest = (f"model/{biggest.name}", biggest.stat().st_size)
    footprint = preflight().Footprint(
        weights=weights,
        sources=SOURCES,
        largest_file=largest,
        packages=host["packages"],
        on_github=bool(answers["ci"]),
    )
    return preflight().check(answers["platform"], answers["hardware"], footprint)


def told(answers: Answers) -> str:
    """Return what to say of the finished project: whether it fits, what to know of it."""
    notes = model(answers).get("notes", ())
    return "\n".join([fit(answers).as_text(), *(f"Note: {note}" for note in notes)])


def cost(answers: Answers) -> str:
    """Say what the host costs, when it sleeps, and how near its limits the project is."""
    host, size = hosting(answers), preflight().size
    tier, about = host["tier"], [f"{host['where']}: {host['tier']['title']}."]
    if tier["note"] and tier["note"] not in host["where"]:
        about.append(f"{tier['note'][0].upper()}{tier['note'][1:]}.")
    if tier["sleep"]:
        about.append(f"Sleep: {tier['sleep']}.")
    lines = [textwrap.fill(" ".join(about), 88), ""]
    for check in fit(answers).checks:
        limit = f" of {check.written}" if check.limit else ", no limit"
        disputed = f" (disputed: {check.disputed['written']})" if check.disputed else ""
        lines.append(f"- {check.name}: {size(check.predicted)}{limit}{disputed}")
    return "\n".join(lines)


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
