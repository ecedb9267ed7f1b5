"""The record of a project, .ml-ui.json: its answers, versions and sizes."""

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from cookiecutter.repository import is_repo_url

import ml_ui

from .catalog import ROOT

if TYPE_CHECKING:
    from .project import Project

# The first line of the package that is copied into the project.
VENDORED = (
    f"# ml_ui {ml_ui.__version__}, vendored by ml-ui-template. Not yours to edit: an update "
    "replaces it."
)


def answers_json(project: "Project") -> str:
    """Return .ml-ui.json: answers, versions and sizes, from which the project is updated."""
    answers = project.answers
    address = answers.template
    if not is_repo_url(address):  # a folder or an archive on the owner's disk
        address = ROOT.name
    # Folders are private: of the model's path, only the name.
    model_path = answers.model_path.name if answers.model_path else ""
    recorded = {
        "template": {"address": address, "commit": commit(ROOT)},
        "ml_ui": ml_ui.__version__,
        "lock": project.host.lock,
        "answers": dict(answers.given) | {"model_path": model_path},
        "model": {
            "framework": answers.framework,
            "format": project.model.format,
            "dtype": project.model.dtype,
        },
        "sizes": project.host.sizes,
    }
    lines = {name: json.dumps(value, ensure_ascii=False) for name, value in recorded.items()}
    # The answers are for people as well: one in each line.
    lines["answers"] = json.dumps(recorded["answers"], indent=4, ensure_ascii=False)[:-1] + "  }"
    text = ",\n".join(f'  "{name}": {line}' for name, line in lines.items())
    text = f"{{\n{text}\n}}"
    # A path may hold bytes that are no text; as an escape, JSON holds them too.
    return text.encode("utf-8", "backslashreplace").decode()


def commit(repository: Path) -> str | None:
    """Return the commit that a repository is at, or None if it has none or has changes."""
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
