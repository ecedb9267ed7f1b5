"""Swap the project's model for a newer file: python -m ml_ui swap FILE

Renders the project for its model and for the new file, with the template that it was
generated with, and merges the difference: the file, labels, constants, packages and
sizes follow. What the owner changed stays; where both changed the same lines, git marks
a conflict. Nothing is committed. It clones the template and runs its code, as
generating a project does.

Exit status: 0 swapped, 1 swapped with conflicts, 2 refused and nothing changed.
"""

import argparse
import json
import os
import shutil
from pathlib import Path

from . import record, update
from .examples import TABLE
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
    update.add_origin(parser)


def run(options: argparse.Namespace) -> int:
    """Swap the model of the project in the current folder; return the exit status."""
    return update.merged("swap", swap, options)


def swap(owner: Path, temporary: Path, options: argparse.Namespace) -> int:
    """Merge what follows from the new model into the project; return the status."""
    recorded = project.record(owner)
    update.refuse_unready(owner, options.template, recorded)
    answers = recorded["answers"]
    new_model = update.model_answer(options.file)
    old_model = update.own_model(owner, recorded, None)
    if old_model and (old_model == new_model or _is_same(old_model, new_model)):
        raise update.Refused(f"{new_model} is the project's model: give the newer one.")

    clone = update.cloned(options.template, recorded, temporary / "template")
    commit = update.resolved(
        clone, options.base or recorded.get("template", {}).get("commit")
    )
    renders = {}
    for name, path in {"old": old_model, "new": new_model}.items():
        asked = answers | {"model_path": path or ""}
        renders[name] = update.rendered(clone, commit, asked, temporary / name)
        shutil.rmtree(renders[name] / update.PACKAGE)
    old, new = renders["old"], renders["new"]

    now = json.loads((new / update.RECORD).read_text("utf-8"))
    chosen = now["answers"]["model_path"]
    if chosen == old_model:  # an id, of which the commit is known now
        raise update.Refused(f"{chosen} is the project's model: give a newer commit.")
    follows = {name: now[name] for name in OF_MODEL if name in now}
    follows["answers"] = answers | {"model_path": chosen}
    text = record.text(recorded | follows)
    (new / update.RECORD).write_text(text + "\n", "utf-8")
    # No owner edits the record: with theirs as the base, the new one replaces it.
    shutil.copyfile(owner / update.RECORD, old / update.RECORD)

    # Examples beside the new model take the place of the project's, if there are any.
    if not (new / TABLE).is_file():
        update.keep(TABLE, old, new)
    elif (owner / TABLE).is_file():
        shutil.copyfile(owner / TABLE, old / TABLE)

    title = f"Swap the model for {chosen}"
    conflicts = update.cherry_picked(owner, temporary / "merge", old, new, title)
    update.show_files(owner, conflicts)
    if conflicts:
        print("Next: edit the files with conflicts and git add them.")
    print(
        "Next: pip install -r requirements.txt, python -m ml_ui check, pytest, "
        "python -m ml_ui preflight; then commit."
    )
    print("To undo it: git reset --hard")
    return 1 if conflicts else 0


def _is_same(old: str, new: str) -> bool:
    return os.path.exists(old) and os.path.exists(new) and os.path.samefile(old, new)
