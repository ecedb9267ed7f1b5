"""Version of a project: a digest of its files, the same here and on its host."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from .sizing.project import IGNORE_FILES, is_ignored, lines

DIGITS = 12


def version(folder: Path) -> str:
    """Return the version of the project in a folder; "" if there is none.

    Its digest covers what a host gets: neither what begins with a dot, where hosts add
    and leave out files, nor what their ignore files keep out, nor bytecode.
    """
    if not (folder / "app.py").is_file():
        return ""
    digest = hashlib.sha256()
    for name, path in sorted(_files(folder)):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{content} {name}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:DIGITS]


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files that a host gets, each with its path in the project."""
    patterns = [line for name in IGNORE_FILES for line in lines(folder / name)]
    patterns += [".*", "__pycache__"]
    for root, folders, files in os.walk(folder):
        inside = Path(root).relative_to(folder)
        kept = {
            name: (inside / name).as_posix()
            for name in folders + files
            if not is_ignored(patterns, (inside / name).as_posix())
        }
        folders[:] = [name for name in folders if name in kept]
        for name in kept.keys() & {*files}:
            if (path := Path(root, name)).is_file():  # neither a pipe nor a broken link
                yield kept[name], path
