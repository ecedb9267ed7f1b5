"""Ask the template's questions, by its command line."""

import ast
import json
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import QUESTIONS, ROOT

from local_extensions.prompts import HIDDEN

ASKED = [question for question in QUESTIONS if not question.startswith("_")]
IRIS = ROOT / "demos" / "tabular" / "iris.skops"


def tree(folder: Path) -> dict[str, bytes | None]:
    """Return what a folder holds: the bytes of each file, None for a folder."""
    paths = folder.rglob("*")
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in paths}


def copy_template(folder: Path) -> Path:
    """Copy the template as its repository has it."""
    unwanted = (".git", "build", ".venv", ".*_cache", "__pycache__")
    return shutil.copytree(
        ROOT, folder / "ml-ui-template", ignore=shutil.ignore_patterns(*unwanted)
    )


def lines(**answers) -> str:
    """Return what somebody types who gives these answers and takes the default for others."""
    asked = [name for name in ASKED if name not in HIDDEN]
    if answers.get("model_path", "-") != "-":  # the file tells them
        asked = [name for name in asked if name not in ("task", "framework")]
    if answers.get("platform", "huggingface") == "huggingface":  # ZeroGPU has one
        asked.remove("python_version")
    typed = "".join(f"{answers.pop(name, '')}\n" for name in asked)
    assert not answers, f"not asked: {answers}"
    return typed


def run(*arguments, **options) -> subprocess.CompletedProcess:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "cookiecutter", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def project(folder: Path) -> Path:
    """Return the one project in a folder."""
    (made,) = folder.iterdir()
    return made


def assert_refused(output: str, status: int, *fragments: str) -> None:
    assert status == 1, output
    assert "Traceback" not in output
    assert sum(max(1, -(-len(line) // 80)) for line in output.splitlines()) <= 24, output
    for fragment in fragments:
        assert fragment in output


def texts(source: str) -> tuple[str, str]:
    """Return the title and the description that an app.py gives its page."""
    for node in ast.walk(ast.parse(source)):
        given = {k.arg: k.value for k in getattr(node, "keywords", [])}
        if {"title", "description"} <= given.keys():
            return ast.literal_eval(given["title"]), ast.literal_eval(given["description"])
    raise AssertionError("no page in app.py")


def record(folder: Path) -> dict:
    """Return the record of a project."""
    return json.loads((folder / ".ml-ui.json").read_text("utf-8"))


class Terminal:
    """A terminal of 80x24 in which somebody answers the questions."""

    def __init__(self, here: Path, *arguments: str) -> None:
        pty = pytest.importorskip("pty")
        import fcntl
        import termios

        self.end, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cookiecutter", ROOT, *arguments],
            cwd=here,
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)
        self.shown = self.read()

    def read(self) -> str:
        """Return what is shown up to the next question, or up to the end."""
        shown, patience = "", time.monotonic() + 60
        while time.monotonic() < patience:
            ready, _, _ = select.select([self.end], [], [], 0.3)
            if not ready and re.search(r": ?$", shown):
                break
            try:
                more = os.read(self.end, 65536) if ready else b"-"
            except OSError:  # Linux's for the end of a terminal
                more = b""
            if not more:
                self.process.wait(10)
                os.close(self.end)
                break
            shown += more.decode(errors="replace") if ready else ""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", shown)

    def type(self, *answers: str) -> str:
        """Type answers; return what is shown after the last."""
        for answer in answers:
            if answer == "\3":  # Ctrl-C
                os.killpg(self.process.pid, signal.SIGINT)
            else:
                os.write(self.end, answer.encode() + (b"" if answer == "\4" else b"\n"))
            self.shown = self.read()
        return self.shown

    @property
    def status(self) -> int:
        """Exit status."""
        return self.process.wait(10)
