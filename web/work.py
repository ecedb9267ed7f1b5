"""One request: fill in the form and generate the project, in a process and folder of its own.

The process ends with the request, and with it all caches: nothing of a visitor is kept.
"""

import base64
import io
import json
import mimetypes
import os
import resource
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from cookiecutter.exceptions import CookiecutterException
from cookiecutter.generate import generate_files

from local_extensions import manifest, preview
from local_extensions.answers import Answers
from local_extensions.catalog import PACKAGE, ROOT
from local_extensions.model import UNREAD
from local_extensions.model_files import FORMATS, ModelFile
from local_extensions.project import Project, project
from ml_ui.sizing import report
from ml_ui.sizing.limits import Check, written

from .form import IGNORE, filled

LIMITS = {
    resource.RLIMIT_CPU: 20,  # seconds; a generation takes less than one
    resource.RLIMIT_AS: 2**31,  # bytes of addresses; the readers of model files keep to 100 MB
    resource.RLIMIT_CORE: 0,
}
SHOWN = 200_000  # bytes of a file that the page shows
PICTURES = 100_000  # bytes of one, likewise
# Settings of git, of cookiecutter and of the Hub are the server's, not the visitor's.
ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_COUNT": "1",  # over the configuration of the template's own repository
    "GIT_CONFIG_KEY_0": "user.name",
    "GIT_CONFIG_VALUE_0": "",
    "HF_HUB_OFFLINE": "1",
}


class Job(NamedTuple):
    """What a visitor asks for."""

    folder: str  # private, removed with the request
    given: dict[str, str]  # answers by question
    template: str  # address that the command has, and the record
    model: str = ""  # name of a file in the folder
    size: int = 0  # bytes, if the file itself is not there
    wanted: bool = False  # the zip, besides the page


def run(job: Job, answer: Connection) -> None:
    """Do a job in a process that does nothing else; send the result as JSON."""
    os.setsid()  # the hook, its child, is ended with it
    for limit, most in LIMITS.items():
        with suppress(ValueError, OSError):  # a system that has none of it
            resource.setrlimit(limit, (most, most))
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):  # the hook prints; and a file's name may be in a traceback
        os.dup2(null, stream)
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        del os.environ[name]
    os.environ.update(ENVIRONMENT, HOME=job.folder, TMPDIR=job.folder)
    tempfile.tempdir = job.folder
    os.chdir(job.folder)
    try:
        found = do(job)
    except CookiecutterException as error:
        found = {"problems": str(error).splitlines()}
    found["problems"] = [each.replace(str(ROOT), "the template") for each in found["problems"]]
    # A visitor's files have their names alone.
    text = json.dumps(found).replace(f"{job.folder}/in/", "").replace(job.folder, "the folder")
    answer.send_bytes(text.encode())


def do(job: Job) -> dict[str, Any]:
    """Return what the page shows; write project.zip into the job's folder, if it is wanted."""
    path = Path(job.folder, "in", job.model) if job.model else None
    problems = [*unread(path, job.size)] if path and job.size else []
    form, context = filled(job.given, None if problems else path)
    problems += form.problems
    answers = context["cookiecutter"]
    found = {
        "questions": form.questions,
        "problems": problems,
        "changed": form.changed,
        "kept": form.chosen,
        "command": ({"model_path": job.model} if job.model else {}) | form.command,
        "slug": answers["project_slug"],
    }
    if problems:
        return found
    own = project(Answers.of(answers))
    found |= described(own, bool(job.size))
    if job.size or (own.report.fits is False and answers["limits"] != IGNORE):
        return found | {"files": [named(path) for path in preview.paths(own)]}
    made = generate(context, job)
    if job.wanted:
        Path(job.folder, "project.zip").write_bytes(zipped(made))
    return found | {"files": [*files(made)], "made": True}


def named(path: str) -> dict[str, Any]:
    """Return a file by its path, and the folder that it is shown in."""
    return {"path": path, "folder": path.partition("/")[0] if "/" in path else ""}


def unread(path: Path, size: int) -> list[str]:
    """Have a file of some size taken for what its ending says; return what is wrong with that."""
    formats = [key for key, each in FORMATS.items() if path.suffix in each.endings and path.suffix]
    if not formats:
        endings = dict.fromkeys(end for each in FORMATS.values() for end in each.endings if end)
        return [f"{path.name} ends like no model here. Known: {', '.join(endings)}."]
    with path.open("wb") as file:  # without content, which takes no room
        os.truncate(file.fileno(), size)
    UNREAD[path] = ModelFile(path=path, format=formats[0], size=size)
    return []


def described(own: Project, is_unread: bool) -> dict[str, Any]:
    """Return what a project is, and whether it fits."""
    found = own.report
    notes = [*found.not_known, *found.notes]
    if is_unread:
        told = (
            f"Only the name and the size of {own.answers.model_name} are known here: its format "
            "is taken from its ending, its weights as they are. The command looks into it."
        )
    else:
        told = preview.recognised(own)
        notes = [*own.model.notes, *notes]
    return {
        "recognised": told,
        "notes": notes,
        "verdict": report.as_text(found).partition("\n")[0],
        "fits": found.fits,
        "checks": [bar(check) for check in found.checks],
        "ways_out": found.ways_out,
        "ignored": own.answers.limits == IGNORE,
    }


def bar(check: Check) -> dict[str, Any]:
    """Return a quantity beside its limit, with the figures that the terminal shows."""
    amount = written(check.predicted, check.unit)
    shown: dict[str, Any] = {"name": check.name, "fits": check.fits, "what": check.what}
    if check.limit is None:
        return shown | {"amount": f"{amount}, {check.written}"}
    if check.predicted is None:
        return shown | {"amount": f"{amount}, limit {check.written}"}
    spare = written(abs(check.limit - check.predicted), check.unit)
    parts = sorted(check.parts.items(), key=lambda part: -part[1])
    return shown | {
        "amount": f"{amount} of {written(check.limit, check.unit)}",
        "spare": f"{spare} {'free' if check.predicted <= check.limit else 'too much'}",
        "used": int(min(report.CELLS, -(-report.CELLS * check.predicted // max(check.limit, 1)))),
        "cells": report.CELLS,
        "sum": " + ".join(f"{name} {written(n, check.unit)}" for name, n in parts if n),
        "source": f"{check.written}: {check.source}",
    }


def generate(context: dict[str, Any], job: Job) -> Path:
    """Generate the project as cookiecutter's command does after the questions."""
    out = Path(job.folder, "out")
    context["cookiecutter"] |= {
        "_template": job.template,
        "_output_dir": str(out),
        "_repo_dir": str(ROOT),
        "_checkout": None,
    }
    return Path(generate_files(str(ROOT), context=context, output_dir=str(out)))


def zipped(made: Path) -> bytes:
    """Return a folder as a zip: the same folder, the same bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        found = {path.relative_to(made.parent).as_posix(): path for path in manifest.files_of(made)}
        for name, path in sorted(found.items()):
            entry = zipfile.ZipInfo(name)  # of 1980
            entry.create_system, entry.external_attr = 3, path.stat().st_mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return content.getvalue()


def files(made: Path) -> Iterator[dict[str, Any]]:
    """Yield the files of a project, with their texts and pictures; those of ml_ui by name."""
    for path in sorted(manifest.files_of(made)):
        name, size = path.relative_to(made).as_posix(), path.stat().st_size
        entry = named(name) | {"size": written(size, "bytes")}
        kind = mimetypes.guess_type(name)[0] or ""
        if kind.startswith("image/") and size <= PICTURES:
            encoded = base64.b64encode(path.read_bytes()).decode()
            entry["picture"] = f"data:{kind};base64,{encoded}"
        elif size <= SHOWN and not name.startswith(f"{PACKAGE.name}/"):
            with suppress(UnicodeDecodeError):
                text = path.read_text("utf-8")
                entry |= {"text": text} if "\0" not in text else {}
        yield entry
