"""Tests of the page without a server: the files that it names, and its scripts."""

import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "index.html").read_text("utf-8")
SCRIPTS = [*ROOT.glob("*.js"), *ROOT.glob("browser/**/*.js")]


def test_page_names_files_that_exist():
    for name in re.findall(r'(?:src|href|data-card)="([^"]+)"', PAGE):
        assert (ROOT / unquote(name)).is_file(), name


def test_page_shows_the_examples():
    """After a change of examples/, their names in index.html follow."""
    named = {unquote(name) for name in re.findall(r'src="(examples/[^"]+)"', PAGE)}
    assert named == {f"examples/{path.name}" for path in ROOT.glob("examples/*")}


def test_scripts_import_files_that_exist():
    for path in SCRIPTS:
        text = path.read_text("utf-8")
        for name in re.findall(r'(?:from|import\() ?"(\.[^"]+)"', text):
            assert (path.parent / name).is_file(), f"{path}: {name}"


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js")
def test_scripts_are_valid():
    for path in SCRIPTS:
        subprocess.run(["node", "--check", path], check=True)
