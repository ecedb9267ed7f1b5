"""AGENTS.md of a project: an agent that reads it alone checks the answers before it edits."""

import json
import re
import shutil

import commands
import pytest
import readmes
from asking import IRIS
from conftest import ROOT
from test_headless import DIGITS
from test_rendered import PAIRS, name

from ml_ui.cli import COMMANDS

UPSCALE = ROOT / "demos" / "image-to-image" / "upscale.onnx"


def read(project) -> str:
    return (project / "AGENTS.md").read_text("utf-8")


def plain(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def network(tmp_path):
    """A network of pictures, with nothing beside it."""
    return shutil.copy(DIGITS, tmp_path)


@pytest.mark.parametrize("answers", PAIRS, ids=name)
def test_of_a_demo(bake, answers):
    """Nobody has to be asked."""
    text = read(bake(**answers))
    assert "ml_ui check" not in text and "guess" not in text
    assert len(text.splitlines()) <= 50 and max(map(len, text.splitlines())) <= 88


@pytest.mark.parametrize("platform", ["huggingface", "browser"])
def test_what_was_guessed_is_told(bake, network, platform):
    project = bake(model_path=network, platform=platform)
    text = plain(read(project))
    guesses = json.loads((project / ".ml-ui.json").read_text("utf-8"))["guesses"]
    assert any("0 to 1 is a guess" in guess for guess in guesses)
    assert all(f"- {guess}" in text for guess in guesses)
    assert "python -m ml_ui check --json --example INPUT --expect LABEL" in text
    assert len(read(project).splitlines()) <= 50
    assert max(map(len, read(project).splitlines())) <= 88


@pytest.mark.parametrize(
    ("model", "beside", "said"),
    [
        (DIGITS, "", "three inputs and the right answer of each"),
        (DIGITS, "examples/2.png", "Their right answers came along"),
        (IRIS, "examples.csv", "Their right answers came along"),
        (UPSCALE, "", "Nobody can type a right picture"),
    ],
    ids=str,
)
def test_the_owner_s_truth_comes_first(bake, tmp_path, model, beside, said):
    """In the first commands of the file, which are the README's."""
    (tmp_path / "examples").mkdir()
    shutil.copy(model, tmp_path)
    if (labels := model.with_name("labels.txt")).exists():
        shutil.copy(labels, tmp_path)
    if beside == "examples.csv":
        rows = "a,b,c,d,species\n5.1,3.5,1.4,0.2,setosa\n6.3,3.3,6.0,2.5,virginica\n"
        (tmp_path / beside).write_text(rows)
    elif beside:
        shutil.copy(model.parent / beside, tmp_path / beside)
    project = bake(model_path=str(tmp_path / model.name), platform="local")
    text = read(project)
    assert said in plain(text)
    block = next(each for each in readmes.blocks(text) if each.language == "sh")
    install, check, tests, preflight = readmes.commands(block.text)
    given = "--example INPUT --expect LABEL" * ("three inputs" in said)
    assert check == f"python -m ml_ui check --json {given}".strip()
    assert (tests, preflight) == ("pytest", "python -m ml_ui preflight --json")
    assert install.startswith("pip install -r requirements.txt")
    for path in re.findall(r"requirements\S*\.txt", install):
        assert (project / path).is_file()


@pytest.mark.parametrize("command", ["check", "preflight", "bench"])
def test_json_is_an_option(command):
    assert command in COMMANDS
    assert "--json" in commands.run(command, "--help").stdout


def test_names_what_exists(bake, network):
    project = bake(model_path=network, platform="local")
    text = read(project)
    for path in re.findall(r"`([\w./]+(?:/|\.txt))`", text):
        assert (project / path).exists(), path
    for command in re.findall(r"python -m ml_ui (\w+)", text):
        assert command in COMMANDS
    for constant in re.findall(r"\b[A-Z_]{3,}(?= (?:and|in) )", text):
        assert f"\n{constant} = " in (project / "model.py").read_text("utf-8"), constant
