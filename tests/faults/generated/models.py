"""G20, G21, G25, G28, G29: models."""

import json
import os
import shutil
import struct
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from .. import Seen
from .desk import Desk, Target, summary

LIMIT = 100 * 2**20  # of a file on GitHub


def weights(path: Path, size: int) -> Path:
    """Write a safetensors file of some size that takes no room on the disk."""
    count = size - 128
    tensor = {"dtype": "U8", "shape": [count], "data_offsets": [0, count]}
    path.write_bytes(struct.pack("<Q", 120) + json.dumps({"weight": tensor}).encode().ljust(120))
    os.truncate(path, size)
    return path


def pointer(path: Path) -> None:
    """Write what Git LFS leaves in the place of a file that was not fetched."""
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 123456789\n")


# What is wrong with a model, what makes it so, and words that name the reason.
UNUSABLE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (lambda path: None, "does not exist|not found|[Nn]o such file"),
    "a folder": (Path.mkdir, "folder|directory"),
    "unreadable": (lambda path: weights(path, 1000).chmod(0), "be read|[Pp]ermission"),
    "0 bytes": (Path.touch, "0 bytes|empty"),
    "an LFS pointer": (pointer, "LFS"),
    "over the limit": (partial(weights, size=1_200_000_000), "of 1 GB|limit|too (large|big)"),
}
# Root reads everything, unless it gives up the right to.
AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] * (os.getuid() == 0)


def g20_unusable_models(target: Target) -> Seen:
    """Give models that cannot be used."""
    outcomes = {}
    for case, (make, reason) in UNUSABLE.items():
        desk = Desk(target)
        make(path := desk.here / "weights.safetensors")
        run = desk.generate(before=AS_ANYBODY, model_path=str(path), **target.limited)
        named = run.refused_for(path.name, reason)
        outcomes[case] = "refused with the reason" if named else run.ending or "accepted"
        shutil.rmtree(desk.room)
    return summary(outcomes, "refused with the reason")


def g21_models_at_the_limit(target: Target) -> Seen:
    """Give models of exactly the limit and of a byte more, as they are and behind a link."""
    outcomes, good = {}, True
    for excess, behind_link in product((0, 1), (False, True)):
        desk = Desk(target)
        path = weights(desk.here / "weights.safetensors", LIMIT + excess)
        if behind_link:
            path.symlink_to(path.rename(desk.room / "blob"))
        run = desk.generate(model_path=str(path), **target.limited)
        copies = [copy for copy in desk.project.rglob(path.name) if not copy.is_symlink()]
        whole = [copy.stat().st_size for copy in copies] == [LIMIT + excess]
        refused, accepted = run.refused_for("100 MiB"), not run.status and whole
        good &= refused if excess else accepted
        case = f"100 MiB{' and a byte' * excess}{', behind a link' * behind_link}"
        outcomes[case] = "refused" if refused else run.ending or ("accepted" if whole else "lost")
        shutil.rmtree(desk.room)
    return Seen("; ".join(f"{case}: {seen}" for case, seen in outcomes.items()), good)
