"""Tests of the page without a server: its files are there, and JavaScript is valid."""

import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parent.parent
COPIED = ("browser", "examples", "model")  # folders that the page loads from


def listed() -> set[str]:
    """Return the files that the service worker keeps."""
    text = (ROOT / "service-worker.js").read_text("utf-8")
    files = text.partition("FILES = [")[2].partition("]")[0]
    return {unquote(name) for name in re.findall(r'"(.+)"', files)} - {"./"}


def test_page_names_files_that_exist():
    page = (ROOT / "index.html").read_text("utf-8")
    for name in re.findall(r'(?:src|href|data-card)="([^"]+)"', page):
        assert (ROOT / unquote(name)).is_file(), name


def test_service_worker_keeps_what_the_page_loads():
    """After a change of the examples or the model: their names are in both files."""
    paths = (path for folder in COPIED for path in (ROOT / folder).rglob("*"))
    found = {path.relative_to(ROOT).as_posix() for path in paths if path.is_file()}
    assert found <= listed()
    assert [name for name in listed() if not (ROOT / name).is_file()] == []


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js")
def test_scripts_are_valid():
    for path in [*ROOT.glob("*.js"), *ROOT.glob("browser/**/*.js")]:
        subprocess.run(["node", "--check", path], check=True)
