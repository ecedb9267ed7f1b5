"""The record of a project, .ml-ui.json: its answers, versions and sizes."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import ml_ui
from ml_ui import record

from .catalog import ROOT

if TYPE_CHECKING:
    from .project import Project

# The first line of the package that is copied into the project.
VENDORED = record.vendored(ml_ui.__version__)


def answers_json(project: "Project") -> str:
    """Return .ml-ui.json: answers, versions and sizes, from which the project is updated."""
    answers, model = project.answers, project.model
    # Folders are private: of the model's path, only the name.
    model_path = answers.model_path.name if answers.model_path else ""
    version = {"version": ml_ui.__version__, "commit": commit(ROOT)}
    return record.text(
        {
            "template": {"address": record.address(answers.template), **version},
            "ml_ui": version,
            "lock": project.host.lock,
            "answers": dict(answers.given) | {"model_path": model_path},
            "model": {
                "file": model.file,
                "framework": answers.framework,
                "format": model.format,
                "dtype": model.dtype,
            },
            "sizes": dict(project.host.sizes),
        }
    )


def commit(repository: Path) -> str | None:
    """Return the commit that a repository is at, or None if it has none or has changes."""
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
