"""What is offered, and the facts about the platforms: data that the rest looks up."""

import json
from pathlib import Path
from typing import Any

from ml_ui.sizing.limits import GITHUB, PLATFORMS

__all__ = ["PLATFORMS"]
ROOT = Path(__file__).resolve().parent.parent
TEMPLATES, DEMOS = ROOT / "templates", ROOT / "demos"
SKELETON = ROOT / "{{cookiecutter.project_slug}}"  # the files that every project has
PACKAGE = ROOT / "src" / "ml_ui"  # vendored into each project

CATALOG = json.loads((ROOT / "catalog.json").read_text("utf-8"))
TASKS, FRAMEWORKS = CATALOG["tasks"], CATALOG["frameworks"]
LARGE_FILE = next(limit["bytes"] for limit in GITHUB["limits"] if limit["kind"] == "warn")

Answers = dict[str, Any]  # what cookiecutter has asked so far, by the question's name
