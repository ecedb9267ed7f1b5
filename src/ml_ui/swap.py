"""Swap the project's model for a newer file: python -m ml_ui swap FILE

Renders the project for its model and for the new file, with the template that it was
generated with, and merges the difference: the file, labels, constants, packages and
sizes follow. What the owner changed stays; where both changed the same lines, git marks
a conflict. Nothing is committed. It clones the template and runs its code, as
generating a project does.

Exit status: 0 swapped, 1 swapped with conflicts, 2 refused and nothing changed.
"""

import argparse
import os
import shutil
from pathlib import Path

from . import merging
from .examples import TABLE
from .merging import Refused
from .sizing import project

# Parts of the record that follow from the model; the others stay as they are.
OF_MODEL = ("lock", "model", "sizes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="the new model: a file, a folder, or an id of the Hub, OWNER/NAME",
    )
    merging.add_origin(parser)


def run(options: argparse.Namespace) -> int:
    """Swap the model of the project in the current folder; return the exit status."""
    return merging.run("swap", swap, options)


def swap(owner: Path, temporary: Path, options: argparse.Namespace) -> int:
    """Merge what follows from the new model into the project; return the status."""
    recorded = project.record(owner)
    merging.refuse_unready(owner, options.template, recorded)
    answers = recorded["answers"]
    new_model = merging.model_answer(options.file)
    old_model = merging.own_model(owner, recorded, options.model)
    if old_model and (old_model == new_model or _is_same(old_model, new_model)):
        raise Refused(f"{new_model} is the project's model: give the newer one.")
    old, new = merging.both(
        owner,
        temporary,
        options,
        old=answers | {"model_path": old_model or ""},
        new=answers | {"model_path": new_model},
    )
    made = merging.record_of(new)
    chosen = made["answers"]["model_path"]
    if chosen == old_model:  # an id, of which the commit is known now
        raise Refused(f"{chosen} is the project's model: give a newer commit.")

    # Examples beside the new model take the place of the project's, if there are any.
    if not (new / TABLE).is_file():
        merging.keep(TABLE, old, new)
    elif (owner / TABLE).is_file():
        shutil.copyfile(owner / TABLE, old / TABLE)

    now = recorded | {name: made[name] for name in OF_MODEL if name in made}
    now["answers"] = answers | {"model_path": chosen}
    title = f"Swap the model for {chosen}"
    conflicts = merging.merge(owner, temporary, old, new, now, title)
    return merging.finished(
        owner,
        conflicts,
        "pip install -r requirements.txt, python -m ml_ui check, pytest, "
        "python -m ml_ui preflight",
    )


def _is_same(old: str, new: str) -> bool:
    return os.path.exists(old) and os.path.exists(new) and os.path.samefile(old, new)
