"""Swap the project's model for a newer file: python -m ml_ui swap FILE

Renders the project for its model and for the new file, with the template that it was
generated with, and merges the difference: the file, labels, constants, packages and
sizes follow. What the owner changed stays; where both changed the same lines, git marks
a conflict. Nothing is committed. It clones the template and runs its code, as
generating a project does.

A labels.txt, an examples.csv and a folder examples beside FILE take the place of the
project's. Otherwise these stay, and have to fit: as many classes, the same columns.

Exit status: 0 swapped, 1 swapped with conflicts, 2 refused and nothing changed.
"""

import argparse
import ast
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from . import beside, merging, record
from .beside import LABELS, PLACES
from .examples import TABLE
from .merging import Refused
from .sizing import project

# Parts of the record that follow from the model; the others stay as they are.
OF_MODEL = ("lock", "model", "guesses", "sizes")


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
    clone, commit = merging.recorded_template(owner, temporary, options)
    render = partial(beside.rendered, owner, clone, commit)
    then = beside.last_render(owner)
    old = render(answers | {"model_path": old_model or ""}, temporary / "old", then)
    asked = answers | {"model_path": new_model}
    notes: list[str] = []
    if old_model:
        new, brought = of_new_model(owner, old, asked, temporary, render, "HEAD", then)
        if (owner / LABELS).is_file() and not (new / LABELS).is_file():  # of the Hub
            notes.append(
                f"{LABELS} stays, as {new_model} does not name its classes: check that "
                "they are the same, in the same order."
            )
        replaced = {name for name in brought if (new / PLACES[name]).exists()}
        for name in replaced:
            beside.replace(owner, old, name)
        beside.keep(owner, old, new, PLACES.keys() - replaced)
    else:  # the labels and examples are the demo's
        new = render(asked, temporary / "new")
    merging.remove_package(old, new)
    made = merging.record_of(new)
    chosen = made["answers"]["model_path"]
    if chosen == old_model:  # an id, of which the commit is known now
        raise Refused(f"{chosen} is the project's model: give a newer commit.")

    now = record.with_parts(recorded, made, OF_MODEL)
    now["answers"] = answers | {"model_path": chosen}
    title = f"Swap the model for {chosen}"
    conflicts = merging.merge(owner, temporary, old, new, now, title)
    return merging.finished(
        owner,
        conflicts,
        "pip install -r requirements.txt, python -m ml_ui check, pytest, "
        "python -m ml_ui preflight",
        notes,
    )


def _is_same(old: str, new: str) -> bool:
    return os.path.exists(old) and os.path.exists(new) and os.path.samefile(old, new)


def of_new_model(
    owner: Path,
    old: Path,
    asked: dict[str, Any],
    temporary: Path,
    render: Callable[..., Path],
    *states: str,
) -> tuple[Path, set[str]]:
    """Render the project for the new model; return the labels and examples it brings.

    It is rendered with what is beside it, with the names of classes in its file, and
    else with the labels and examples of the project.

    Raises:
        Refused: the model cannot be used, or what the project has is of another one.
    """
    model = Path(asked["model_path"])
    brought = beside.names(model) if model.is_absolute() else set()
    has = {name for name, path in PLACES.items() if (owner / path).exists()}
    with_project = partial(render, asked, temporary / "both", *states)
    try:
        new = render(asked, temporary / "new")
    except Refused:
        if not model.is_absolute() or has <= brought:
            raise
        # Without labels, a model of classes may be refused.
        return with_project(given=brought), brought
    if (new / LABELS).is_file():
        brought.add(LABELS.name)
    if not model.is_absolute():  # of the Hub: they are in its cache
        if columns(new) and (new / TABLE).is_file():
            brought.add(TABLE.name)
    elif not has <= brought:
        if TABLE.name in has - brought:
            refuse_other_columns(model, old, new, alone=True)
        try:
            new = with_project(given=brought)
        except Refused as problem:
            taken = " and ".join(str(PLACES[name]) for name in sorted(has - brought))
            raise Refused(
                f"{problem}\n{taken} of the project stay if {model.parent} has none: "
                "put the new model's there."
            ) from None
    if TABLE.name in has - brought:
        refuse_other_columns(model, old, new, alone=False)
    return new, brought


def refuse_other_columns(model: Path, old: Path, new: Path, alone: bool) -> None:
    """Refuse columns that differ from those of the project's examples.csv.

    Args:
        model: the new model.
        old, new: renders for the model before it and for this one.
        alone: the new one is without examples.csv. The columns of a file that does not
            name them are numbered there, or one, if it does not tell how many.
    """
    before, after = columns(old), columns(new)
    added = [name for name in after if name not in before]
    gone = [name for name in before if name not in after]
    nameless = is_numbered(before) or (alone and is_numbered(after))
    as_many = len(after) == len(before) or (alone and len(after) == 1)
    if not (added or gone) or (nameless and as_many):
        return
    if is_numbered(after):
        differs = (
            f"takes {len(after)} columns and does not name them, and the model before "
            f"it takes {len(before)}: {', '.join(before)}"
        )
    else:
        parts = [f"{', '.join(added)} (new)"] if added else []
        parts += [f"not {', '.join(gone)}"] if gone else []
        differs = f"takes other columns than the model before it: {', '.join(parts)}"
    where = model.parent if model.is_absolute() else "its repository"
    raise Refused(
        f"{model.name} {differs}. With the project's {TABLE} the app would not start: "
        f"put one of the new columns into {where}, or git rm {TABLE} and commit."
    )


def is_numbered(names: list[str]) -> bool:
    """Return whether columns have the generator's names, for those without a name."""
    return names == [f"feature {number}" for number, _ in enumerate(names, 1)]


def columns(render: Path) -> list[str]:
    """Return the names of the columns in model.py; none if it takes no rows."""
    for node in ast.parse((render / "model.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FEATURES":
            return [*ast.literal_eval(node.value)]
    return []
