"""Run python -m ml_ui in this process, or prepare for another one."""

import contextlib
import io
import os
import subprocess
from pathlib import Path

from ml_ui.cli import main

ROOT = Path(__file__).parent.parent


def run(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess:
    """Run a command in a folder, in this process."""
    out, errors = io.StringIO(), io.StringIO()
    streams = contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors)
    with contextlib.chdir(folder), streams[0], streams[1]:
        try:
            status = main([*arguments])
        except SystemExit as exit:
            status = exit.code
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), errors.getvalue())


def environment(**variables: str) -> dict[str, str]:
    """Return an environment in which another process finds the package."""
    return os.environ | {"PYTHONPATH": str(ROOT / "src")} | variables
