"""Helpers shared by the readers of all formats."""

import errno
import io
import json
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .networks import CLASSES

FORM = 200  # columns of a form; more without names are a vectorizer's words, or pixels
LIMIT = 64 * 2**20  # bytes of a part that is read whole, or unpacked
STEP = 2**20  # bytes that are unpacked at a time
MARKS = 500_000  # quotes and brackets of JSON: each takes up to 100 bytes of memory
SAFE = re.compile(r"[\w./ -]+", re.ASCII)  # names that a shell takes in double quotes

# The way out where no page here shows what a model gives, or no lock has what it needs.
YOURSELF = "leave model_path empty, choose the task, and call {} in predict() of model.py"
CALL = YOURSELF.format("it")


class Unusable(Exception):
    """A model that cannot be used; the message says what is wrong and what to do."""

    def __init__(self, text: str):
        super().__init__(one_line(text))


class Archive:
    """A zip archive's members, by name."""

    def __init__(self, file):
        from zipfile import ZipFile

        self._zip = ZipFile(file)
        full = self._zip.namelist()
        # PyTorch writes all members into a folder named after the file.
        self.names = {name.partition("/")[2]: name for name in full} | dict(zip(full, full))

    def read(self, name: str, limit: int = LIMIT) -> bytes:
        """Return a member's content; raise OverflowError if it is larger than `limit`."""
        member = self._zip.getinfo(self.names[name])
        if member.file_size > limit:  # no more is unpacked than it says
            raise OverflowError(f"a part of more than {limit // 2**20} MiB")
        content = io.BytesIO()  # read() of zipfile would hold it twice
        with self._zip.open(member) as file:
            while part := file.read(STEP):
                content.write(part)
        return content.getvalue()


def parsed(text: bytes | str, load: Callable[[Any], Any] = json.loads, most: int = MARKS) -> Any:
    """Return what JSON says; raise OverflowError if it says too much to hold."""
    marks = ("[", "{", '"') if isinstance(text, str) else (b"[", b"{", b'"')
    if sum(map(text.count, marks)) > most:
        raise OverflowError(f"JSON with more than {most:,} quotes and brackets")
    return load(text)


def in_command(name: object, other: str = "FILE") -> str:
    """Return a name for a command that is shown: `other` if a shell could run a part of it."""
    return str(name) if SAFE.fullmatch(str(name)) else other


def classes(count: object, path: Path) -> int:
    """Return a number of classes that a file tells; refuse one that no model has."""
    if type(count) is not int or not 0 < count <= CLASSES:
        raise Unusable(
            f"{path} says that it has {str(count)[:40]} classes, and a model here has 1 to "
            f"{CLASSES:,}: correct its config.json."
        )
    return count


def numbered(names: str) -> dict[int, str]:
    """Map 1, 2, ... to the names in a text."""
    return dict(enumerate(names.split(), 1))


def one_line(text: str) -> str:
    """Replace control characters in text that comes from a file, and shorten it."""
    plain = "".join(char if char.isprintable() else "?" for char in text)
    return plain if len(plain) <= 800 else f"{plain[:300]}...{plain[-300:]}"


def human(size: float) -> str:
    """Format a size: 512 bytes, 1.5 kB, 92 MB, where M is 10^6."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.{0 if unit == 'bytes' or size >= 20 else 1}f} {unit}"


def refuse_pointer(path: Path) -> None:
    """Refuse a file that Git LFS has not downloaded."""
    if not 0 < path.stat().st_size < 1000:
        return
    with path.open("rb") as file:
        head = file.read(200)
    if head.startswith(b"version https://git-lfs"):
        size = int(re.search(rb"size (\d+)|$", head)[1] or 0)
        raise Unusable(
            f"{path.name} is a Git LFS pointer, not the model of {human(size)} that it "
            "stands for: run `git lfs pull` in its repository."
        )


def refuse_special(path: Path, folder: Path) -> None:
    """Refuse special files, and symbolic links out of the model's folder.

    The target of a link would be published with the project. The Hub's cache is the
    exception: it keeps a repository's files in `blobs`, and links to them in `snapshots`.
    """
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode):
        return
    real, home = (Path(os.path.realpath(each)) for each in (path, folder))
    blobs = [each.parent / "blobs" for each in home.parents if each.name == "snapshots"]
    if stat.S_ISLNK(mode) and not (real.is_relative_to(home) or real.parent in blobs):
        raise Unusable(
            f"{path} is a link to {real}, outside the model's folder: put the file itself there, "
            "or remove the link."
        )
    if not stat.S_ISREG(path.stat().st_mode):
        raise Unusable(f"{path} is not a regular file: remove it, or put one in its place.")


def unreachable(path: Path, error: OSError) -> str:
    """Return why a path cannot be read, and what to do."""
    if error.errno == errno.ELOOP:
        return f"{path} is in a loop of symbolic links: give the real file."
    if error.errno == errno.EACCES:
        return f"{path} is not readable: change its permissions or its folder's."
    if error.errno not in (errno.ENOENT, errno.ENOTDIR):
        return f"{path} cannot be read ({error.strerror}): give another path."
    if path.is_symlink():
        target = os.readlink(path)
        return f"{path} is a symbolic link to {target}, which does not exist: fix the link."
    if not path.parent.is_dir():
        return f"{path} does not exist: there is no folder {path.parent}."
    near = similar(path)
    return f"{path} does not exist. " + (f"Did you mean {near}?" if near else "Check the path.")


def similar(path: Path) -> str:
    """Return the name in a path's folder that is most like its own; "" if none is."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(path.name, os.listdir(path.parent), 1)), "")
