"""Labels and examples beside a model, where the generator reads them.

A project has them elsewhere: examples.csv and examples/ in its root, and labels.txt in
model/. To render it again as it was, they are laid beside the model once more.
"""

import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from . import examples, merging, record
from .merging import Refused, git, split

LABELS = Path("model", "labels.txt")
# Files and folders of a project, by their names beside a model.
PLACES = {path.name: path for path in (LABELS, examples.TABLE, examples.FOLDER)}
STUB = b"BM"  # a picture that git may have elsewhere: its name is all that is rendered


def rendered(
    owner: Path,
    clone: Path,
    commit: str,
    answers: dict[str, Any],
    folder: Path,
    *states: str,
    given: Collection[str] = (),
) -> Path:
    """Render a commit of the template with the labels and examples of a project.

    Args:
        owner: the project.
        clone, commit, answers, folder: as `merging.rendered` has them.
        states: commits of the project; none, to take what is beside the model. The
            generator may refuse what its owner made of the examples, for a page of
            their own: then those of the next one are taken.
        given: names of which the project's are not taken.
    """
    model = answers.get("model_path") or ""
    # The demo has its own, and a model of the Hub those in the cache.
    if not states or not os.path.isabs(model):
        return merging.rendered(clone, commit, answers, folder)
    folder.mkdir()
    tried: list[dict[str, str]] = []
    problems: list[Refused] = []
    for state in states:
        if (found := listed(owner, state)) in tried:
            continue
        tried.append(found)
        here = folder / f"beside-{len(tried)}"
        laid = lay(Path(model), here, owner, found, given)
        render = folder / f"render-{len(tried)}"
        try:
            asked = answers | {"model_path": str(laid)}
            return merging.rendered(clone, commit, asked, render)
        except Refused as problem:
            problems.append(Refused(str(problem).replace(f"{here}{os.sep}", "")))
    raise problems[0]


def names(model: Path) -> set[str]:
    """Return the names of the labels and examples that are beside a model."""
    found = {name for name in PLACES if os.path.lexists(model.with_name(name))}
    folder = examples.FOLDER.name
    if folder in found and not any(model.with_name(folder).glob("[!.]*")):
        found.remove(folder)
    return found


def last_render(owner: Path) -> str:
    """Return the commit of the project after which it was rendered last."""
    return git(owner, "log", "-1", "--format=%H", "--", record.NAME).strip()


def listed(owner: Path, commit: str) -> dict[str, str]:
    """Return the labels and examples in a commit, with the ids of their content."""
    places = [path.as_posix() for path in PLACES.values()]
    entries = split(git(owner, "ls-tree", "-r", "-z", commit, "--", *places))
    found = (entry.partition("\t") for entry in entries)
    return {name: facts.split()[2] for facts, _, name in found}


def lay(
    model: Path,
    folder: Path,
    owner: Path,
    files: dict[str, str],
    given: Collection[str],
) -> Path:
    """Lay a model, labels and examples into a folder; return the model's path."""
    folder.mkdir()
    for entry in model.parent.iterdir():  # a network may have weights in other files
        if entry.name not in PLACES:
            link(entry, folder / entry.name)
        elif entry.name in given:
            copy(entry, folder / entry.name)
    now = listed(owner, "HEAD")
    for name, content in files.items():
        target = folder / name.removeprefix(f"{LABELS.parent}/")
        if target.relative_to(folder).parts[0] in given:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if now.get(name) == content and (owner / name).is_file():
            shutil.copyfile(owner / name, target)
        elif name.startswith(f"{examples.FOLDER}/"):
            target.write_bytes(STUB)
        else:
            target.write_bytes(os.fsencode(git(owner, "cat-file", "blob", content)))
    return folder / model.name


def link(source: Path, target: Path) -> None:
    """Link to a file or folder, or copy it where the system allows no links."""
    try:
        target.symlink_to(source, target_is_directory=source.is_dir())
    except OSError:  # Windows, without the right to
        copy(source, target)


def copy(source: Path, target: Path) -> None:
    """Copy a file or folder; links in it stay links, which the generator refuses."""
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copyfile(source, target, follow_symlinks=False)


def keep(owner: Path, old: Path, new: Path, names: Collection[str] = PLACES) -> None:
    """Remove labels and examples from both renders, so that the owner's stay.

    One that is in the new render alone is new to the project, too.
    """
    for path in (PLACES[name] for name in names):
        if (owner / path).exists() or (old / path).exists():
            for render in (old, new):
                remove(render / path)


def replace(owner: Path, old: Path, name: str) -> None:
    """Make the owner's the old render's, so that those of the new one replace them."""
    path = PLACES[name]
    remove(old / path)
    if (owner / path).exists():
        (old / path).parent.mkdir(exist_ok=True)
        copy(owner / path, old / path)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
