"""The record of a project, .ml-ui.json: its answers, versions and sizes."""

from typing import TYPE_CHECKING

import ml_ui
from ml_ui import record

from .catalog import ROOT
from .git import commit

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
            "answers": {k: v for k, v in answers.given if k != "preview"}
            | {"task": answers.task, "model_path": model_path},
            "model": {
                "file": model.file,
                "framework": answers.framework,
                "format": model.format,
                "dtype": model.dtype,
                **({"layers": model.layers} if model.layers else {}),
            },
            **({"guesses": [*model.guesses]} if model.guesses else {}),
            "sizes": dict(project.host.sizes) | _of_weights(project),
        }
    )


def _of_weights(project: "Project") -> dict[str, dict[str, float]]:
    """Return how far weights on the Hub can be packed: they may not be at hand later."""
    if not project.model.hub:
        return {}
    found = project.footprint
    return {"weights": {"gzip": round(found.gzip, 3), "unpacked": round(found.unpacked, 3)}}
