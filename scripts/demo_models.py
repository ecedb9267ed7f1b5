"""Selection of demo models, apart from their training, which needs every framework."""

import json
import sys
from collections.abc import Collection
from pathlib import Path

TEMPLATES = Path(__file__).parents[1] / "templates"


def selected(
    names: Collection[str], tasks: Collection[str], frameworks: Collection[str]
) -> dict[str, set[str] | None]:
    """Return the frameworks to train by task, None for all of them.

    Args:
        names: of tasks, or of frameworks in every task that they can run; none is all tasks.
        tasks: those that have demo models.
        frameworks: those that have demo models.

    Raises:
        SystemExit: a name is unknown.
    """
    known = sorted({*tasks, *frameworks})
    if unknown := sorted(set(names).difference(known)):
        sys.exit(f"ONLY={' '.join(unknown)} is not among {', '.join(known)}.")
    found: dict[str, set[str] | None] = {}
    for task in tasks:
        if not names or task in names:
            found[task] = None
        elif running := {name for name in frameworks if name in names and runs(name, task)}:
            found[task] = running
    return found


def runs(framework: str, task: str) -> bool:
    """Return whether a framework has a format for the input of a task."""
    facts = (TEMPLATES / "frameworks" / framework / "framework.json").read_text("utf-8")
    kind = json.loads((TEMPLATES / "tasks" / task / "task.json").read_text("utf-8"))
    return any(kind["input"] in format["runs"] for format in json.loads(facts)["formats"].values())
