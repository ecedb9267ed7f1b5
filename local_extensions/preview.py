"""Preview of a project: what would be generated, as text or as JSON, without writing it."""

import json
import textwrap
from pathlib import Path
from typing import Any

from ml_ui import record

from . import estimate, manifest
from .kinds import fitting
from .model import inspect, labels
from .model_files.common import one_line
from .project import Project

WIDTH = 80
PACKAGE = "ml_ui/"  # eighty files that are not the owner's: one entry


def as_dict(project: Project, folder: Path, problems: list[str]) -> dict[str, Any]:
    """Return the preview: answers, what was recognised, files, fit, guesses and notes.

    `fit` is the object of `python -m ml_ui preflight --json`; `guesses` are what the model's
    file does not tell, and only a right answer of its owner shows.
    """
    answers = project.answers
    return {
        "template": record.TEMPLATE,
        "answers": dict(answers.given) | {"task": answers.task, "framework": answers.framework},
        "recognised": recognised(project),
        "model": facts(project),
        "folder": str(folder),
        "files": sorted({PACKAGE if path.startswith(PACKAGE) else path for path in paths(project)}),
        "guesses": list(project.model.guesses),
        "notes": [each for each in project.model.notes if each not in project.model.guesses],
        "problems": problems,
        "fits": project.report.fits,
        "fit": json.loads(project.report.as_json()),
    }


def facts(project: Project) -> dict[str, Any]:
    """Return what is known of the model, and what of that its file declares."""
    model, task, answers = project.model, project.task, project.answers
    found = inspect(answers.model_path) if answers.model_path else None
    return {
        "own": model.own,
        "file": one_line(answers.model_name) if found else model.file,
        "format": model.format,
        "size": model.size,
        "version": model.version,
        "loading_runs_code": model.runs_code,
        "tasks": fitting(found) if found else [task.name],
        "input": {
            "kind": task.input.name,
            "shape": model.input_shape,
            "columns": dict(model.features) if task.input.many else None,
        },
        "pixels": {"mean": model.mean, "std": model.std, "source": model.pixel_source}
        if model.input_shape
        else None,
        "output": {"kind": task.output.name, "scores": model.scores, "labels": labels(model)},
        "declared": {
            part: [tensor._asdict() for tensor in getattr(found, part)] if found else []
            for part in ("inputs", "outputs")
        },
        "right_answers_known": bool(model.labelled or any(model.answers)),
    }


def as_text(project: Project, folder: Path, problems: list[str]) -> str:
    """Return the preview for a terminal."""
    last = problems or [f"Nothing was generated. It would be in {folder}."]
    return "\n".join([summary(project), "", *last])


def summary(project: Project) -> str:
    """Return what was recognised, the files, what was guessed, and whether it fits."""
    tree = sorted({name.partition("/")[0] + "/" * ("/" in name) for name in paths(project)})
    own = "  ".join(sorted((name for name in tree if name != "ml_ui/"), key=str.casefold))
    return "\n".join(
        [
            *textwrap.wrap(recognised(project), WIDTH),
            "",
            *textwrap.wrap(
                f"Yours: {own}", WIDTH, subsequent_indent=" " * 7, break_on_hyphens=False
            ),
            "Ours:  ml_ui/",
            *([""] if project.model.notes else []),
            *(_note(note) for note in project.model.notes),
            "",
            estimate.as_text(project.report),
        ]
    )


def _note(text: str) -> str:
    """Return a note; the hook adds the line of a constant that it names."""
    return textwrap.fill(f"Note: {text}", WIDTH - 10, subsequent_indent=" " * 6)


def recognised(project: Project) -> str:
    """Return what the model is, in words."""
    answers, task = project.answers, project.task
    if not answers.model_path:
        return f"{task.title} with {project.framework.title}: the demo model, {task.does}."
    name, detail = one_line(answers.model_name), inspect(answers.model_path).detail
    return f"{task.title} with {project.framework.title}: {name}, {detail}."


def paths(project: Project) -> list[str]:
    """Return the paths of the files that are there in the end."""
    names = {path.as_posix() for path in manifest.paths(project)}
    if not project.lfs_patterns:  # then it renders to nothing
        names.discard(".gitattributes")
    return sorted(names - {"_chosen_files.json"})
