"""Update the project to a newer version of the template, with a three-way git merge.

Renders the recorded answers with the recorded commit of the template and with its
newest one, and merges the difference into the project. What the owner changed stays;
where both changed the same lines, git marks a conflict. Nothing is committed. It clones
the template and runs its code, as generating a project does.

Exit status: 0 merged, 1 merged with conflicts, 2 refused and nothing changed.
"""

import argparse
import json
import os
import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import beside, hub, merging, record
from .merging import PACKAGE, RECORD, Refused, git
from .sizing import project


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    merging.add_origin(parser)
    parser.add_argument(
        "--to",
        metavar="COMMIT",
        default="HEAD",
        help="commit or tag to update to; else the newest",
    )
    parser.add_argument(
        "--package-only",
        action="store_true",
        help=f"replace the folder {PACKAGE}/ and nothing else",
    )


def run(options: argparse.Namespace) -> int:
    """Update the project in the current folder; return the exit status."""
    command = replace_package if options.package_only else update
    return merging.run("update", command, options)


def update(owner: Path, temporary: Path, options: argparse.Namespace) -> int:
    """Merge what changed in the template into the project; return the exit status."""
    recorded = project.record(owner)
    merging.refuse_unready(owner, options.template, recorded)
    answers, made = recorded["answers"], recorded.get("template", {})
    model = merging.own_model(owner, recorded, options.model)
    asked = answers | ({"model_path": model} if model else {})

    clone = merging.cloned(options.template, recorded, temporary / "template")
    base = merging.resolved(clone, options.base or made.get("commit"))
    target = merging.resolved(clone, options.to)
    # After --package-only, it differs from the template's.
    package = None if options.base else recorded.get(PACKAGE, {}).get("commit")
    if target == base == (package or base):
        print(f"The project is up to date with the template, {target[:9]}.")
        return 0

    then = beside.last_render(owner)
    old = beside.rendered(owner, clone, base, asked, temporary / "old", then)
    new = beside.rendered(owner, clone, target, asked, temporary / "new", "HEAD", then)
    if package and package != base:
        shutil.rmtree(old / PACKAGE)
        copy_package(clone, merging.resolved(clone, package), old / PACKAGE)
    vendored = merging.tracked(owner, PACKAGE)
    theirs = [] if vendored else [PACKAGE]
    if model:
        beside.keep(owner, old, new)
    if model and recorded["model"].get("file") != hub.NAME:
        theirs.append("model")
    for name in theirs:
        for render in (old, new):
            shutil.rmtree(render / name, ignore_errors=True)
    now = merging.record_of(new)
    address = record.address(options.template or record.TEMPLATE)
    if address == record.TEMPLATE:  # a folder: the recorded address is still good
        address = made.get("address") or address
    now["template"]["address"] = address
    name = answers.get("model_path")
    if name and now["model"]["file"] != hub.NAME:
        now["answers"]["model_path"] = name

    version = now["template"]["version"]
    title = f"Update {record.TEMPLATE} to {version}"
    conflicts = merging.merge(owner, temporary, old, new, now, title)
    print(f"Template: {written(made | {'commit': base})} -> {written(now['template'])}")
    show_questions(answers, now["answers"])
    notes = []
    if not vendored:
        notes = [
            f"there is no {PACKAGE}/ here: install ml-ui {now[PACKAGE]['version']}."
        ]
    return merging.finished(owner, conflicts, "run the tests", notes)


def replace_package(owner: Path, temporary: Path, options: argparse.Namespace) -> int:
    """Replace the vendored package, whole; return the exit status."""
    recorded = project.record(owner)
    folder = owner / PACKAGE
    if not folder.is_dir():
        raise Refused(
            f"there is no {PACKAGE}/ here. Update the installed package: ml-ui."
        )
    if changes := git(owner, "status", "--porcelain", "--", PACKAGE, RECORD):
        raise Refused(f"commit or undo these changes first:\n{changes.rstrip()}")
    clone = merging.cloned(options.template, recorded, temporary / "template")
    target = merging.resolved(clone, options.to)
    # Beside the folder, so that the exchange is two renames on one file system.
    with TemporaryDirectory(prefix=f".{PACKAGE}-", dir=owner) as beside:
        old, new = Path(beside, "old"), Path(beside, "new")
        version = copy_package(clone, target, new)
        now = {"version": version, "commit": target}
        text = record.text(recorded | {PACKAGE: now})
        Path(beside, RECORD).write_text(text + "\n", "utf-8")
        try:
            folder.rename(old)
            new.rename(folder)
            os.replace(Path(beside, RECORD), owner / RECORD)
        except BaseException:  # an interrupt too must leave the old one
            if old.exists():
                shutil.rmtree(folder, ignore_errors=True)
                old.rename(folder)
            raise
    print(f"{PACKAGE}/: {written(recorded.get(PACKAGE, {}))} -> {written(now)}")
    print(f"Next: run the tests, then commit {PACKAGE}/ and {RECORD}.")
    return 0


def written(at: dict[str, Any]) -> str:
    """Write a version and its commit for the terminal."""
    commit = at.get("commit") or "unknown"
    return f"{at.get('version', 'unknown version')} ({commit[:9]})"


def copy_package(clone: Path, commit: str, target: Path) -> str:
    """Copy the package of a commit, marked as vendored; return its version."""
    git(clone, "checkout", "--quiet", "--force", "--detach", commit)
    source = clone / "src" / PACKAGE
    if not source.is_dir():
        raise Refused(f"the template at {commit[:9]} has no src/{PACKAGE}/.")
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    init = target / "__init__.py"
    text = init.read_text("utf-8")
    found = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    version = found[1] if found else "unknown"
    with init.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{record.vendored(version)}\n{text}")
    return version


def show_questions(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Print the questions that the template added and removed."""
    if added := {name: answer for name, answer in now.items() if name not in before}:
        values = ", ".join(
            f"{name}={json.dumps(value)}" for name, value in added.items()
        )
        print(f"New questions, answered with their defaults: {values}")
    if dropped := [name for name in before if name not in now]:
        print(f"No longer asked: {', '.join(dropped)}")
