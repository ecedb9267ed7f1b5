"""Models on the Hugging Face Hub, in its local cache: the questions use no network.

The cache has a folder models--OWNER--NAME for each repository: `refs/REVISION` has the hash
of a commit, and `snapshots/COMMIT` its files, as links to `blobs/HASH`.
"""

import os
import re
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ml_ui.hub import COMMIT, PART, PATH, REPO, Weights

from . import model_files
from .model_files.common import Unusable, one_line

ID = re.compile(
    rf"(?P<repo>{REPO.pattern})(?P<file>(?:/{PART})*)"
    rf"(?:@(?P<revision>{PART}(?:/{PART})*))?",
    re.ASCII,
)
MOST = 2_000  # files of a snapshot that are looked at
TRIED = 40  # files of a repository that may be its model
MENTIONED = 8  # files that a refusal lists


class Source(NamedTuple):
    """A model in the cache of the Hub."""

    repo: str  # OWNER/NAME
    revision: str  # the hash of a commit
    file: str  # a file or folder of the repository; "" for all of it

    def __str__(self) -> str:
        """The id that finds it again."""
        return f"{self.repo}{'/' if self.file else ''}{self.file}@{self.revision}"

    @property
    def name(self) -> str:
        """The id for messages."""
        return str(self).partition("@")[0]

    @property
    def snapshot(self) -> Path:
        """Folder of the repository's files in the cache."""
        return _folder(self.repo) / "snapshots" / self.revision

    @property
    def path(self) -> Path:
        """The model in the cache."""
        return self.snapshot / self.file

    @property
    def command(self) -> str:
        """The command that downloads it into the cache."""
        return _command(self.repo, self.file, self.revision)


def cache() -> Path:
    """Return the folder of the Hub's cache, as huggingface_hub finds it."""
    home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME", os.path.join(home, "huggingface"))
    legacy = os.environ.get("HUGGINGFACE_HUB_CACHE", os.path.join(home, "hub"))
    given = os.environ.get("HF_HUB_CACHE", legacy)
    return Path(os.path.expandvars(os.path.expanduser(given))).absolute()


def is_id(given: str) -> bool:
    """Return whether an answer is an id of the Hub: OWNER/NAME[/FILE][@REVISION].

    A path whose first folder is here is meant as one.
    """
    return bool(ID.fullmatch(given)) and not os.path.lexists(given.partition("/")[0])


def pinned(own: str) -> Source | None:
    """Return the source that a pinned id names; None for the path of a model."""
    source = Source(*_parts(own)) if ID.fullmatch(own) else None
    return source if source and COMMIT.fullmatch(source.revision) else None


def find(given: str) -> Source:
    """Return the model that an id names, from the cache, with its commit.

    Raises:
        Unusable: the cache does not have it, or has several in this repository.
    """
    repo, revision, file = _parts(given)
    snapshots = _folder(repo) / "snapshots"
    commit = _commit(_folder(repo), revision or "main")
    if not (commit and (snapshots / commit).is_dir()):
        names = sorted(each.name for each in islice(_listed(snapshots), MOST))
        others = [f"{given.partition('@')[0]}@{name}" for name in names if COMMIT.fullmatch(name)]
        has = f" (it has {', '.join(others[:3])})" if others else ""
        raise Unusable(
            f"{given} is neither a file here nor in the Hub's cache, {cache()}{has}. If it is a "
            f"model on the Hub, run `{_command(repo, file, revision)}` and then this again: the "
            "questions use no network."
        )
    source = Source(repo, commit, file)
    if not os.path.lexists(source.path):
        files = [_relative(source, each) for each in _files(source.snapshot)]
        near = get_close_matches(file, files, 1)
        hint = f"did you mean {repo}/{near[0]}? Else run" if near else "run"
        raise Unusable(
            f"the Hub's cache has no {file} of {repo} at {commit[:7]}: {hint} `{source.command}`, "
            "and then this again."
        )
    for each in _files(source.path) if source.path.is_dir() else [source.path]:
        if not each.exists():
            raise Unusable(
                f"the Hub's cache has {_relative(source, each)} of {repo} by name alone: its "
                f"content, {os.readlink(each)}, is missing. Run `{source.command}`."
            )
    return source if file else source._replace(file=_model(source))


def weights(source: Source, found: model_files.ModelFile) -> Weights:
    """Return the files that a model needs, and where they are on the Hub.

    Raises:
        Unusable: one is not from there, or has a name that cannot be passed on.
    """
    files = found.files or [*_files(found.path)] if found.path.is_dir() else [found.path]
    sizes = {}
    blobs = (_folder(source.repo) / "blobs").resolve()
    linked = next(_listed(blobs), None) is not None  # not where the system has no links
    for each in sorted([*files, *found.companions]):
        name = _relative(source, each)
        if not PATH.fullmatch(name):
            raise Unusable(f"{name!r} of {source.repo} has characters that Spaces do not take.")
        if linked and not each.resolve().is_relative_to(blobs):
            raise Unusable(f"{each} is not from the Hub: remove it, and run `{source.command}`.")
        sizes[name] = each.stat().st_size
    return Weights(source.repo, source.revision, _relative(source, found.path) or ".", sizes)


def explained(source: Source, text: str) -> str:
    """Return a refusal of a model, with its id in place of its path in the cache."""
    cached = re.escape(str(source.snapshot))  # but a checkpoint_path has to be one
    text = re.sub(rf"(?<!checkpoint_path='){cached}", source.repo, text)
    text = re.sub(rf"(?<![\w/]){source.revision}\b", source.repo, text)
    whole = source._replace(file="").command
    hint = f" `{whole}` downloads the whole." if re.search("download|missing", text) else ""
    return f"{text}{hint}"


def _parts(given: str) -> tuple[str, str, str]:
    """Return repository, revision ("" for none) and file ("" for none) of an id."""
    if not (found := ID.fullmatch(given)):
        raise Unusable(f"{one_line(given)} is not an id of the Hub, OWNER/NAME[/FILE][@REVISION].")
    return found["repo"], found["revision"] or "", found["file"].lstrip("/")


def _folder(repo: str) -> Path:
    return cache() / f"models--{repo.replace('/', '--')}"


def _commit(folder: Path, revision: str) -> str | None:
    """Return the commit that the cache has for a revision."""
    if COMMIT.fullmatch(revision):
        return revision
    reference = folder / "refs" / revision
    try:
        if not reference.is_file():  # a pipe would be waited for
            return None
        with reference.open(encoding="ascii") as file:
            commit = file.read(100).strip()
    except (OSError, ValueError):
        return None
    return commit if COMMIT.fullmatch(commit) else None


def _command(repo: str, file: str, revision: str) -> str:
    at = f"--revision {revision}" if revision else ""
    return " ".join(filter(None, ["hf download", repo, file, at]))


def _listed(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from folder.iterdir()


def _files(folder: Path) -> list[Path]:
    """Return the files in a folder of a snapshot, also links to nothing."""
    found = (each for each in folder.rglob("*") if each.is_symlink() or each.is_file())
    return sorted(islice(found, MOST))


def _relative(source: Source, path: Path) -> str:
    name = path.relative_to(source.snapshot).as_posix()
    return "" if name == "." else name


def _model(source: Source) -> str:
    """Return the one model in a repository: "" if it is the whole, as of transformers.

    Raises:
        Unusable: there is none, or there are several.
    """
    try:
        model_files.inspect(source.path)
    except model_files.NoModel:
        pass
    except Unusable:
        return ""  # it is refused with its reason
    else:
        return ""
    files = [each for each in _files(source.path) if each.suffix in model_files.ENDINGS]
    files.sort(key=lambda each: (each.suffix in model_files.RARELY, each))
    usable, reasons = [], {}
    for each in files[:TRIED]:
        try:
            model_files.inspect(each)
        except Unusable as error:
            reasons[each] = error
        else:
            usable.append(each)
    if len(usable) == 1:
        return _relative(source, usable[0])
    if usable:
        names = [f"{source.repo}/{_relative(source, each)}" for each in usable]
        more = f" and {len(names) - MENTIONED} more" if len(names) > MENTIONED else ""
        raise Unusable(
            f"{source.repo} has {len(names)} models: give one, {', '.join(names[:MENTIONED])}"
            f"{more}."
        )
    likely = [each for each in files if each.suffix not in model_files.RARELY]
    if len(likely) == 1:
        raise Unusable(explained(source, str(reasons[likely[0]])))
    names = [_relative(source, each) for each in _files(source.path)][:MENTIONED]
    raise Unusable(
        f"{source.repo} has no model in a known format in the Hub's cache, but "
        f"{', '.join(names) or 'no file'}. If that is a part of it, run `{source.command}`."
    )
