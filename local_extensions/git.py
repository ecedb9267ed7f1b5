"""What git tells: the template's commit, and the name of its user."""

import re
import subprocess
from pathlib import Path

from .model_files.common import one_line

ARCHIVED = "local_extensions/commit.txt"  # which .gitattributes has git fill in


def commit(repository: Path) -> str | None:
    """Return the commit of a repository; None without one or with uncommitted changes."""
    if not (repository / ".git").exists():  # an archive, which may lie in another repository
        return archived(repository)
    status = _output("-C", str(repository), "status", "--porcelain=v2", "--branch", "-uno")
    if not status:
        return None
    head, *changes = [
        line
        for line in status.splitlines()
        if not line.startswith("# branch.") or line.startswith("# branch.oid")
    ]
    name = head.rpartition(" ")[2]
    return None if changes or name == "(initial)" else name


def archived(repository: Path) -> str | None:
    """Return the commit that `git archive` made an archive of, as GitHub does for its own."""
    try:
        text = (repository / ARCHIVED).read_text("utf-8").strip()
    except OSError:
        return None
    return text if re.fullmatch(r"[0-9a-f]{40}", text) else None


def user_name() -> str:
    """Return `user.name` of git's configuration, the holder of a licence; "" without one."""
    return one_line((_output("config", "user.name") or "").strip())[:100]


def _output(*arguments: str) -> str | None:
    """Return what a git command prints; None if it fails, or if there is no git."""
    try:
        run = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError, UnicodeDecodeError):
        return None
    return run.stdout
