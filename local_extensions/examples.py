"""Examples of the owner's, beside the model: pictures named after their labels."""

import re
from pathlib import Path

from . import quoting
from .model_files.common import refuse_pointer, refuse_special

PICTURES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"}  # as ml_ui.pictures reads them
MOST = 24  # pictures that come along: the page shows them all
PLAIN = re.compile(r"\w[\w .()-]{0,80}")  # in Python, JavaScript, and a shell's double quotes
LARGEST = 10_000_000  # bytes of one; a page is no place for more


def pictures(model: Path) -> tuple[list[Path], list[str]]:
    """Return the pictures in `examples/` beside a model, and notes on what comes along.

    Raises:
        Unusable: one is a link out of the folder, or a Git LFS pointer.
    """
    folder = model.with_name("examples")
    if not folder.is_dir():
        return [], []
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    for path in found[:MOST]:
        refuse_special(path, folder)
        refuse_pointer(path)
    taken = [path for path in found[:MOST] if path.stat().st_size <= LARGEST]
    count = len(taken) if len(taken) == len(found) else f"{len(taken)} of {len(found)}"
    notes = [f"Pictures of examples/ come along, and are pushed with the project: {count}."]
    if left := {path.name for path in found[:MOST]} - {path.name for path in taken}:
        notes.append(f"examples/{min(left)} is larger than {LARGEST // 10**6} MB and left out.")
    return taken, notes if found else []


def names(pictures: list[Path]) -> dict[Path, str]:
    """Return the pictures with their names in a project: their own, if they are plain."""
    return {path: f"examples/{_name(path.name)}" for path in pictures}


def _name(name: str) -> str:
    return name if PLAIN.fullmatch(name) else quoting.file_name(name)
