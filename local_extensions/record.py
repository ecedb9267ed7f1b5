"""The record of a project, .ml-ui.json: its answers, versions and sizes."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import ml_ui
from ml_ui import record

from .catalog import ROOT

if TYPE_CHECKING:
    from .project import Project

# First line of the package's copy in the project.
VENDORED = record.vendored(ml_ui.__version__)


def answers_json(project: "Project") -> str:
    """Return .ml-ui.json: answers, versions and sizes, from which the project is updated."""
    answers, model = project.answers, project.model
    # Only the model's file name: its folders are private. An id of the Hub is not.
    model_path = str(answers.hub or "") or (answers.model_path.name if answers.model_path else "")
    version = {"version": ml_ui.__version__, "commit": commit(ROOT)}
    return record.text(
        {
            "template": {"address": record.address(answers.template), **version},
            "ml_ui": version,
            "lock": project.host.lock,
            "answers": dict(answers.given) | {"task": answers.task, "model_path": model_path},
            "model": {
                "file": model.file,
                "framework": answers.framework,
                "format": model.format,
                "dtype": model.dtype,
                **({"layers": model.layers} if model.layers else {}),
            },
            "sizes": dict(project.host.sizes) | _of_weights(project),
        }
    )


def _of_weights(project: "Project") -> dict[str, dict[str, float]]:
    """Return how far weights on the Hub can be packed: they may not be at hand later."""
    if not project.model.hub:
        return {}
    found = project.footprint
    return {"weights": {"gzip": round(found.gzip, 3), "unpacked": round(found.unpacked, 3)}}


def commit(repository: Path) -> str | None:
    """Return the commit of a repository; None without one or with uncommitted changes."""
    if not (repository / ".git").exists():  # an archive, which may lie in another repository
        return None
    command = ["git", "-C", str(repository), "status", "--porcelain=v2", "--branch", "-uno"]
    try:
        status = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    head, *changes = [
        line
        for line in status.splitlines()
        if not line.startswith("# branch.") or line.startswith("# branch.oid")
    ]
    name = head.rpartition(" ")[2]
    return None if changes or name == "(initial)" else name
