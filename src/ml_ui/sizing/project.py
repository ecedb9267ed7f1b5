"""Footprint of the project in a folder: its packages, and the files to push."""

import json
import os
import re
import subprocess
import zlib
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from .. import hub
from ..record import NAME as RECORD
from ..record import misfits
from . import git_lfs, requirements
from .footprint import (
    LARGE,
    PACKAGES,
    BadInput,
    File,
    Footprint,
    gzipped,
    unpacked,
)

SKIPPED = ("__pycache__", "venv", "node_modules")  # folders, where there is no git
IGNORE_FILES = (".slugignore", ".dockerignore")  # what they list reaches no host


def record(folder: Path) -> dict[str, Any]:
    """Return the record of a project's generation: answers, versions, sizes.

    Raises:
        BadInput: the folder has no record, or one that cannot be read.
    """
    path = folder / RECORD
    try:
        text = _text(path)
    except FileNotFoundError:
        raise BadInput(
            f"{folder} has no {RECORD}: run this in the project's folder."
        ) from None
    try:
        recorded = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not valid JSON: {error}.") from None
    parts = {"answers", "model", "sizes"}
    if not isinstance(recorded, dict) or not parts <= recorded.keys():
        raise BadInput(
            f"{path} is not a project's record: it needs {', '.join(sorted(parts))}."
        )
    if wrong := min(misfits(recorded), default=""):
        raise BadInput(
            f"{path} is not a project's record: the type of {wrong!r} is wrong."
        )
    return recorded


def weigh(folder: Path, fetched: int = 0) -> Footprint:
    """Return the footprint of the project in a folder.

    Args:
        folder: the project's root.
        fetched: bytes of weights that the app downloads when it starts.

    Raises:
        BadInput: a file cannot be read, or has invalid content.
    """
    recorded = record(folder)
    own = recorded["answers"] | recorded["model"]
    sizes = recorded["sizes"].get("packages", {})
    text = _text(folder / "requirements.txt")
    target = own.get("python_version") or PACKAGES["python"]
    python, packages = requirements.weigh(text, target, sizes)
    attributes = Attributes(folder)
    ignored = {name: lines(folder / name) for name in IGNORE_FILES}
    on_hub = _on_hub(folder)
    factors = recorded["sizes"].get("weights", {})
    weights, sources, stored = 0, 0, 0
    packed = on_hub * (factors.get("gzip") or 1.0)
    loaded = on_hub * (factors.get("unpacked") or 1.0)
    files, pointers, binaries = [], [], []
    kept_out = dict.fromkeys(ignored, 0)
    for path in _pushed(folder):
        name, (count, is_pointer) = path.relative_to(folder).as_posix(), _weigh(path)
        if is_pointer:
            pointers.append(name)
        in_lfs = is_pointer or attributes.in_lfs(name)
        if count >= LARGE:
            files.append(File(name, count, in_lfs))
        if not in_lfs and _is_binary(path):
            binaries.append(name)
        if name.startswith("model/"):
            weights += count
            packed += count * (1 if is_pointer else gzipped(path))
            loaded += count * (1 if is_pointer else unpacked(path))
            continue
        sources += count
        stored += count if in_lfs else _packed(path, count)
        for ignore, patterns in ignored.items():
            kept_out[ignore] += count if is_ignored(patterns, name) else 0
    total = weights + on_hub
    shallow = _git(folder, "rev-parse", "--is-shallow-repository")
    return Footprint(
        weights=weights,
        sources=sources,
        stored=stored,
        packages=packages,
        files=tuple(files),
        gzip=packed / total if total else 1.0,
        unpacked=loaded / total if total else 1.0,
        format=own.get("format"),
        dtype=own.get("dtype"),
        layers=own.get("layers") or 0,
        lock=recorded.get("lock"),
        python=python,
        fetched=fetched,
        on_hub=on_hub,
        history=_history(folder),
        kept_out=kept_out,
        pointers=tuple(pointers),
        binaries=tuple(binaries),
        on_github=(folder / ".github").is_dir() or _pushes_to(folder, "github.com"),
        shallow=(shallow or "").strip() == "true",
    )


def _on_hub(folder: Path) -> int:
    """Return the bytes of the weights on the Hub that the project names."""
    path = folder / "model" / hub.NAME
    if not path.exists():
        return 0
    _refuse_special(path)
    return hub.Weights.read(path).size


def is_ignored(patterns: Iterable[str], name: str) -> bool:
    """Return whether an ignore file excludes a file, by its path or a folder's."""
    parts = name.split("/")
    paths = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    for pattern in patterns:
        pattern = pattern.removeprefix("**/").strip("/")
        if any(fnmatch(each, pattern) for each in (paths if "/" in pattern else parts)):
            return True
    return False


class Attributes:
    """The .gitattributes files of a project, in its root and in folders."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lines: dict[str, list[str]] = {}

    def in_lfs(self, name: str) -> bool:
        """Return whether a file is in Git LFS; the nearest .gitattributes decides."""
        parts, answer = name.split("/"), False
        for n in range(len(parts)):
            folder = "/".join(parts[:n])
            if folder not in self._lines:
                self._lines[folder] = lines(self._root / folder / ".gitattributes")
            inner = "/".join(parts[n:])
            answer = git_lfs.is_tracked(self._lines[folder], inner, answer)
        return answer


def _text(path: Path) -> str:
    """Return the UTF-8 text of a file."""
    if path.exists():
        _refuse_special(path)
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not UTF-8 text: save it as such.") from None


def _refuse_special(path: Path) -> None:
    """Refuse a device or a pipe, which may be read without end, or a link to one."""
    if not path.is_file():
        raise BadInput(f"{path} is not a regular file: replace it with one.")


def lines(path: Path) -> list[str]:
    """Return the lines of a file without comments; none if there is no such file."""
    try:
        found = _text(path).splitlines()
    except FileNotFoundError:
        return []
    return [line.strip() for line in found if line.strip() and line[0] != "#"]


def _pushed(folder: Path) -> Iterator[Path]:
    """Yield the files that git would push, or all but hidden folders and caches."""
    listed = _git(folder, "ls-files", "-zco", "--exclude-standard")
    if listed is not None:
        paths = {folder / name for name in listed.split("\0") if name}
        # git pushes a link to a folder, and not its files.
        yield from (
            p for p in paths if not p.is_dir() and (p.is_symlink() or p.exists())
        )
        return
    for root, folders, names in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if name not in SKIPPED and (name == ".github" or name[0] != ".")
        ]
        found = (Path(root, name) for name in names)
        yield from (path for path in found if path.is_file() or path.is_symlink())


def _weigh(path: Path) -> tuple[int, bool]:
    """Return the size of a file, and whether only its Git LFS pointer is here."""
    try:
        count = path.stat().st_size
        _refuse_special(path)
        text = path.read_bytes() if count < 1024 else b""
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {_why(path, error)}.") from None
    found = re.match(git_lfs.POINTER, os.fsdecode(text), re.MULTILINE)
    return (int(found[1]), True) if found else (count, False)


def _packed(path: Path, count: int) -> int:
    """Return the size of a file after git's compression."""
    if count >= LARGE:
        return round(count * gzipped(path))
    return len(zlib.compress(path.read_bytes()))


def _is_binary(path: Path) -> bool:
    """Return whether git treats a file as binary: its first bytes contain a null."""
    with open(path, "rb") as file:
        return b"\0" in file.read(8000)


def _why(path: Path, error: OSError) -> str:
    if path.is_symlink():
        return f"it is a link to {os.readlink(path)}, which does not exist"
    return f"{error.strerror}"


def _git(folder: Path, *arguments: str, stdin: str = "") -> str | None:
    """Return the output of git; None if the folder is not a repository.

    Raises:
        BadInput: it is one, and git is not installed or fails.
    """
    if not (folder / ".git").exists():
        return None
    try:
        git = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            input=os.fsencode(stdin),
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise BadInput(
            f"{folder} is a git repository, and git is not installed: install it."
        ) from None
    if git.returncode:
        said = " ".join(os.fsdecode(git.stderr).split())
        raise BadInput(f"git {arguments[0]} failed in {folder}: {said}")
    return os.fsdecode(git.stdout)


def _pushes_to(folder: Path, host: str) -> bool:
    return host in (_git(folder, "remote", "--verbose") or "")


def _history(folder: Path) -> int:
    """Return the bytes of earlier versions of files in git."""
    objects = _git(folder, "rev-list", "--objects", "--all")
    if not objects:
        return 0
    staged = (_git(folder, "ls-files", "-s", "-z") or "").split("\0")
    changed = {*(_git(folder, "diff-files", "--name-only", "-z") or "").split("\0")}
    entries = (entry.partition("\t") for entry in staged if entry)
    current = {what.split()[1] for what, _, name in entries if name not in changed}
    older = {line.split()[0] for line in objects.splitlines()} - current
    names = "".join(f"{each}\n" for each in older)
    facts = _git(folder, "cat-file", "--batch-check", stdin=names) or ""
    total, small = 0, []
    for name, kind, size in (line.split() for line in facts.splitlines()):
        if kind == "blob":
            total += int(size)
            small += [f"{name}\n"] if 100 < int(size) < 300 else []
    # The size of a Git LFS pointer is not that of its file.
    texts = _git(folder, "cat-file", "--batch", stdin="".join(small)) or ""
    return total + sum(map(int, re.findall(git_lfs.POINTER, texts, re.MULTILINE)))
