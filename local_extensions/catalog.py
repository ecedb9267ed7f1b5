"""What is offered, and the facts about the platforms: data that the rest looks up."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES, DEMOS = ROOT / "templates", ROOT / "demos"
FIT = ROOT / "{{cookiecutter.project_slug}}" / "tools" / "fit"  # of a generated project

CATALOG = json.loads((ROOT / "catalog.json").read_text("utf-8"))
TASKS, FRAMEWORKS = CATALOG["tasks"], CATALOG["frameworks"]
FACTS = json.loads((FIT / "platforms.json").read_text("utf-8"))
PLATFORMS, GITHUB = FACTS["platforms"], FACTS["repositories"]["github"]["limits"]
LARGE_FILE = next(limit["bytes"] for limit in GITHUB if limit["kind"] == "warn")

Answers = dict[str, Any]  # what cookiecutter has asked so far, by the question's name
