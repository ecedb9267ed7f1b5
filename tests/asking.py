"""Ask the template's questions, by its command line."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import QUESTIONS, ROOT

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
    typed = []
    for question in ASKED:
        answer = answers.pop(question, "")
        if isinstance(QUESTIONS[question], list) and answer:
            answer = QUESTIONS[question].index(answer) + 1
        typed.append(f"{answer}\n")
    assert not answers, f"no such questions: {answers}"
    return "".join(typed)


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


def at_terminal(here: Path, typed: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run the command line for somebody who types."""
    pty = pytest.importorskip("pty")
    mine, its = pty.openpty()
    os.write(mine, typed.encode())
    command = [sys.executable, "-m", "cookiecutter", ROOT, *arguments]
    try:
        return subprocess.run(
            command, stdin=its, cwd=here, capture_output=True, text=True, check=False, timeout=60
        )
    finally:
        os.close(mine)
        os.close(its)
