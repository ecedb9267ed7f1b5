"""Weights on the Hugging Face Hub, at a pinned revision: model/hub.json names them.

They are downloaded once into the Hub's cache. From then on no network is used.
"""

import errno
import hashlib
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

NAME = "hub.json"  # in model/, in place of the weights
COMMIT = re.compile(r"[0-9a-f]{40}")
# A file or folder in a repository: no "..", nor characters that Spaces do not preload.
PART = r"(?!\.\.?(?:[/@]|$))[\w.][\w.+=-]*"
PATH = re.compile(rf"{PART}(?:/{PART})*", re.ASCII)
# OWNER/NAME: no "..", nor "--", which stands for the slash in the cache's names.
REPO = re.compile(
    r"(?![\w.-]*/?[\w.-]*(?:--|\.\.))[A-Za-z0-9][\w.-]*/[\w](?:[\w.-]*\w)?(?<!\.git)",
    re.ASCII,
)
SHAPE = {"repo": str, "revision": str, "path": str, "files": dict}
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)

logger = logging.getLogger(__name__)


class CannotFetch(OSError):
    """Weights that cannot be fetched; the text says why, and what to do.

    Attributes:
        needs_token: whether the Hub shows them only to those who may read them.
    """

    needs_token = False


class Weights(NamedTuple):
    """The files of a model in a repository of the Hub."""

    repo: str  # OWNER/NAME
    revision: str  # the full hash of a commit, so that the weights never change
    path: str  # of the model there: a file or a folder, "." for all of it
    files: Mapping[str, int]  # what it needs, with the sizes in bytes

    @classmethod
    def read(cls, file: Path) -> Self:
        """Return the weights that a hub.json names.

        Raises:
            CannotFetch: it is not one.
        """
        try:
            found = json.loads(file.read_text("utf-8"))
            fits = all(isinstance(found[name], kind) for name, kind in SHAPE.items())
            sizes = all(type(n) is int and n >= 0 for n in found["files"].values())
            pinned = COMMIT.fullmatch(found["revision"])
            path, names = found["path"], found["files"]
            plain = REPO.fullmatch(found["repo"]) and all(map(PATH.fullmatch, names))
            has = path in {".", *names} or any(n.startswith(f"{path}/") for n in names)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            fits = False
        if not (fits and sizes and pinned and names):
            raise CannotFetch(
                f"{file} needs {', '.join(SHAPE)}, with the 40 digits of a commit as "
                "revision and the sizes of the files."
            )
        if not (plain and has and len(found["repo"]) <= 96):
            raise CannotFetch(
                f"{file} needs OWNER/NAME as repo, names in it as files, without .. "
                "and with letters, digits and ._+=-/ alone, and as path one of them, "
                '"." or a folder of them.'
            )
        return cls(*(found[name] for name in SHAPE))

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(self.files.values())

    @property
    def id(self) -> str:
        """The answer to the question for the model: OWNER/NAME[/FILE]@REVISION."""
        inner = "" if self.path == "." else f"/{self.path}"
        return f"{self.repo}{inner}@{self.revision}"

    @property
    def text(self) -> str:
        """The text of a hub.json."""
        return json.dumps(self._asdict(), indent=2)

    def __str__(self) -> str:
        return f"{self.repo} at {self.revision[:7]}"


def fetch(file: Path, tell: Callable[[str], None] = logger.info) -> Path:
    """Return the local path of the model that a hub.json names; download it first.

    Args:
        file: the hub.json.
        tell: called with a line of progress, if there is something to download.

    Raises:
        CannotFetch: the weights are not in the cache, and cannot be downloaded.
    """
    weights = Weights.read(file)
    # As slow to import as Gradio, and not needed to read a hub.json.
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    pinned: dict[str, Any] = {"revision": weights.revision}
    found = {
        name: try_to_load_from_cache(weights.repo, name, **pinned)
        for name in weights.files
    }
    missing = [name for name, path in found.items() if not isinstance(path, str)]
    start = time.monotonic()
    if missing:
        size = sum(weights.files[name] for name in missing) / 1e6
        tell(f"Fetching {weights} from the Hub: {size:,.1f} MB, {len(missing)} files")
    for name in missing:
        try:
            found[name] = hf_hub_download(weights.repo, name, **pinned)
        except Exception as error:
            raise _reason(weights, name, error) from error
    if missing:
        tell(f"Fetched {weights} in {time.monotonic() - start:.0f} s")
    name, path = next(iter(found.items()))
    return Path(str(path)).parents[name.count("/")] / weights.path


def verify(file: Path) -> None:
    """Compare the files in the cache with their hashes, by which it names them.

    Raises:
        CannotFetch: one is damaged.
    """
    weights = Weights.read(file)
    found = fetch(file)
    folder = found.parents[weights.path.count("/")] if weights.path != "." else found
    for name, size in weights.files.items():
        blob = (folder / name).resolve()  # without links, it has another name
        kind = {40: "sha1", 64: "sha256"}.get(len(blob.name), "")
        with blob.open("rb") as content:
            if kind == "sha1":  # git's hash
                digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
                digest.update(content.read())
            elif kind:
                digest = hashlib.file_digest(content, "sha256")
        if blob.stat().st_size != size or kind and digest.hexdigest() != blob.name:
            raise CannotFetch(
                f"{name} of {weights} is damaged in the cache: delete {blob}, and "
                "fetch it again."
            )


def _reason(weights: Weights, name: str, error: Exception) -> CannotFetch:
    """Return why a file cannot be fetched, and what to do."""
    from huggingface_hub import constants, errors, get_token

    repo, cache = weights.repo, constants.HF_HUB_CACHE
    causes = [error, error.__cause__, error.__context__]
    responses = [getattr(each, "response", None) for each in causes]
    status = next((r.status_code for r in responses if r is not None), None)
    needs_token = False
    if isinstance(error, errors.GatedRepoError):
        needs_token = True
        text = (
            f"{repo} is gated: accept its conditions at {constants.ENDPOINT}/{repo}, "
            "and set HF_TOKEN to a token of that account."
        )
    elif isinstance(error, errors.RevisionNotFoundError):
        text = (
            f"{repo} has no commit {weights.revision} any more: python -m ml_ui swap "
            f"{repo} takes its newest one."
        )
    elif isinstance(error, errors.RemoteEntryNotFoundError):
        text = f"{repo} has no {name} at commit {weights.revision}: correct {NAME}."
    elif status in (401, 403, 404):
        needs_token = True
        text = (
            f"the Hub does not show {repo} to the token in HF_TOKEN ({status}): set it "
            "to one that may read it, if there still is such a repository."
            if get_token()
            else f"the Hub does not show {repo} without a token ({status}): set "
            "HF_TOKEN to one that may read it, if there is such a repository."
        )
    elif status:
        text = f"the Hub answers {status} for {name} of {repo}: try again later."
    elif getattr(error, "errno", None) in NO_ROOM:
        text = (
            f"no space is left for {repo} in {cache}: it needs {weights.size:,} bytes; "
            "HF_HOME names another folder."
        )
    elif getattr(error, "errno", None) in NOT_WRITABLE:
        text = f"{cache} is not writable: set HF_HOME to a folder that is."
    else:
        reason = next(str(each) for each in reversed(causes) if each is not None)
        text = (
            f"{repo} is not in {cache}, and the Hub cannot be reached ({reason}): run "
            "python -m ml_ui fetch where there is a network, and start again."
        )
    found = CannotFetch(text)
    found.needs_token = needs_token
    return found
