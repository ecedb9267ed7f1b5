"""Weigh the project in a folder: all that would be pushed, and its packages."""

import os
import re
import subprocess
import zlib
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

from . import requirements
from .footprint import (
    LARGE,
    PACKAGES,
    BadInput,
    File,
    Footprint,
    gzipped,
    read,
    unpacked,
)

RECORD = ".ml-ui.json"  # in the project's folder: answers, versions, sizes

# The text of a file that Git LFS keeps elsewhere, and the bytes that it stands for.
POINTER = r"^version https://git-lfs\.github\.com/spec/\S+\n(?:[a-z].*\n)*?size (\d+)$"


def record(folder: Path) -> dict:
    """Return what was recorded of a project when it was generated.

    Raises:
        BadInput: the folder holds no such record, or one that cannot be read.
    """
    try:
        recorded = read(folder / RECORD)
    except FileNotFoundError:
        raise BadInput(
            f"{folder} has no {RECORD}: run this in the project's folder."
        ) from None
    parts = {"answers", "model", "sizes"}
    if not isinstance(recorded, dict) or not parts <= recorded.keys():
        raise BadInput(
            f"{folder / RECORD} is no record of a project: it needs {', '.join(sorted(parts))}."
        )
    return recorded


def weigh(folder: Path, fetched: int = 0) -> Footprint:
    """Weigh the project in a folder.

    Args:
        folder: the project's root.
        fetched: bytes of weights that the app downloads when it starts.

    Raises:
        BadInput: something cannot be read, or is not what it should be.
    """
    recorded = record(folder)
    own, sizes = recorded["answers"] | recorded["model"], recorded["sizes"]["packages"]
    text = (folder / "requirements.txt").read_text("utf-8")
    target = own.get("python_version", PACKAGES["python"])
    python, packages = requirements.weigh(text, target, sizes)
    attributes = _lines(folder / ".gitattributes")
    ignored = {name: _lines(folder / name) for name in (".slugignore", ".dockerignore")}
    weights, packed, loaded, sources, stored = 0, 0.0, 0.0, 0, 0
    files, pointers, binaries = [], [], []
    kept_out = dict.fromkeys(ignored, 0)
    for path in _pushed(folder):
        name, (count, is_pointer) = path.relative_to(folder).as_posix(), _weigh(path)
        if is_pointer:
            pointers.append(name)
        in_lfs = is_pointer or takes_to_lfs(attributes, name)
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
    return Footprint(
        weights=weights,
        sources=sources,
        stored=stored,
        packages=packages,
        files=tuple(files),
        gzip=packed / weights if weights else 1.0,
        unpacked=loaded / weights if weights else 1.0,
        format=own.get("format"),
        dtype=own.get("dtype"),
        framework=own.get("framework"),
        lock=recorded.get("lock"),
        python=python,
        fetched=fetched,
        history=_history(folder),
        kept_out=kept_out,
        pointers=tuple(pointers),
        binaries=tuple(binaries),
        on_github=(folder / ".github").is_dir() or _pushes_to(folder, "github.com"),
    )


def is_ignored(patterns: Iterable[str], name: str) -> bool:
    """Tell whether an ignore file keeps a file out, by its path or that of a folder."""
    parts = name.split("/")
    paths = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    for pattern in patterns:
        pattern = pattern.removeprefix("**/").strip("/")
        if any(fnmatch(each, pattern) for each in (paths if "/" in pattern else parts)):
            return True
    return False


def takes_to_lfs(attributes: Iterable[str], name: str) -> bool:
    """Tell whether .gitattributes gives a file to Git LFS; the last line that fits does."""
    answer = False
    for line in attributes:
        pattern, *given = line.split()
        base = name if "/" in pattern else name.rpartition("/")[2]
        if fnmatch(base, pattern.lstrip("/")):
            for attribute in given:
                if attribute.lstrip("-!").partition("=")[0] == "filter":
                    answer = attribute == "filter=lfs"
    return answer


def _lines(path: Path) -> list[str]:
    """Return the lines of a file that say something; none if there is no such file."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [line.strip() for line in lines if line.strip() and line[0] != "#"]


def _pushed(folder: Path) -> Iterator[Path]:
    """Yield the files that git would take, or all but hidden folders and caches."""
    listed = _git(folder, "ls-files", "-zco", "--exclude-standard")
    if listed is not None:
        paths = {folder / name for name in listed.split("\0") if name}
        yield from (path for path in paths if path.is_file() or path.is_symlink())
        return
    for root, folders, names in os.walk(folder):
        skipped = ("__pycache__", "venv", "node_modules")
        folders[:] = [
            n
            for n in folders
            if n not in skipped and (n == ".github" or not n.startswith("."))
        ]
        yield from (Path(root, name) for name in names)


def _weigh(path: Path) -> tuple[int, bool]:
    """Return the bytes of a file, and whether it is a Git LFS pointer to them."""
    try:
        count = path.stat().st_size
        text = path.read_bytes() if count < 1024 else b""
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {_why(path, error)}.") from None
    found = re.match(POINTER, os.fsdecode(text), re.MULTILINE)
    return (int(found[1]), True) if found else (count, False)


def _packed(path: Path, count: int) -> int:
    """Return what git's packing leaves of a file."""
    if count >= LARGE:
        return round(count * gzipped(path))
    return len(zlib.compress(path.read_bytes()))


def _is_binary(path: Path) -> bool:
    """Tell what git tells of a file: whether its beginning holds a null."""
    with open(path, "rb") as file:
        return b"\0" in file.read(8000)


def _why(path: Path, error: OSError) -> str:
    if path.is_symlink():
        return f"it is a link to {os.readlink(path)}, which leads nowhere; mend it"
    return f"{error.strerror}"


def _git(folder: Path, *arguments: str, given: str = "") -> str | None:
    """Return what git prints; None if there is no git or no repository here."""
    if not (folder / ".git").exists():
        return None
    try:
        git = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            input=os.fsencode(given),
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    return os.fsdecode(git.stdout) if git.returncode == 0 else None


def _pushes_to(folder: Path, host: str) -> bool:
    return host in (_git(folder, "remote", "--verbose") or "")


def _history(folder: Path) -> int:
    """Return the bytes of versions that are in git and no longer in the folder."""
    objects = _git(folder, "rev-list", "--objects", "--all")
    if not objects:
        return 0
    staged = (_git(folder, "ls-files", "-s", "-z") or "").split("\0")
    changed = {*(_git(folder, "diff-files", "--name-only", "-z") or "").split("\0")}
    entries = (entry.partition("\t") for entry in staged if entry)
    current = {what.split()[1] for what, _, name in entries if name not in changed}
    older = {line.split()[0] for line in objects.splitlines()} - current
    asked = "".join(f"{each}\n" for each in older)
    facts = _git(folder, "cat-file", "--batch-check", given=asked) or ""
    total, small = 0, []
    for name, kind, size in (line.split() for line in facts.splitlines()):
        if kind == "blob":
            total += int(size)
            small += [f"{name}\n"] if 100 < int(size) < 300 else []
    # A Git LFS pointer stands for more than it weighs.
    texts = _git(folder, "cat-file", "--batch", given="".join(small)) or ""
    return total + sum(map(int, re.findall(POINTER, texts, re.MULTILINE)))
