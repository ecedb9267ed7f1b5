"""SKILL.md, AGENTS.md and llms.txt: in their formats, and what they name is there."""

import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml
from asking import IRIS
from conftest import ROOT
from test_headless import DIGITS, run

from ml_ui.cli import COMMANDS

TEXTS = {name: (ROOT / name).read_text("utf-8") for name in ("SKILL.md", "AGENTS.md", "llms.txt")}
HEADLESS = re.findall(r"`uv run scripts/headless\.py (.+?)`", TEXTS["SKILL.md"])


def test_skill_has_the_format():
    """Of agentskills.io: the name is the folder's, if it is cloned as it is called."""
    _, front, body = TEXTS["SKILL.md"].split("---\n", 2)
    data = yaml.safe_load(front)
    assert data.keys() <= {"name", "description", "license", "compatibility", "metadata"}
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", data["name"]) and len(data["name"]) <= 64
    assert data["name"] == "ml-ui-template"
    assert 0 < len(data["description"]) <= 1024 and len(data["compatibility"]) <= 500
    assert data["license"] == (ROOT / "LICENSE").read_text("utf-8").split()[0]
    assert len(body.split("\n")) <= 500


def test_llms_txt_has_the_format():
    """Of llmstxt.org: a title, a summary, lists of links with a note each."""
    title, quote, *_ = re.split(r"\n{2,}", TEXTS["llms.txt"])
    assert title == "# ml-ui-template" and all(line[:2] == "> " for line in quote.split("\n"))
    _, *sections = re.split(r"^## .+\n\n", TEXTS["llms.txt"], flags=re.MULTILINE)
    for section in sections:
        for line in section.strip().splitlines():
            assert re.fullmatch(r"- \[[^\]]+\]\(\S+\): .+", line), line


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)]+)\)", TEXTS[name]):
        assert (ROOT / target).is_file(), target


@pytest.mark.parametrize("command", HEADLESS)
def test_each_command_of_the_skill(here, command):
    """With a model in place of FILE, a host in place of NAME; planned, not generated."""
    shutil.copy(IRIS, here / "FILE.skops")
    shutil.copy(DIGITS, here / "FILE.onnx")
    text, _, source = command.partition(" < ")
    text = re.sub(r"FILE(?!\.)", "FILE.skops", text.replace("platform=NAME", "platform=render"))
    words = shlex.split(text)
    words[0] = words[0].replace("generate", "plan")
    if "OWNER/NAME" in command:
        status, said = run(*words, cwd=here)
        assert status == 1 and "hf download OWNER/NAME" in said["problems"][0]["reason"]
        return
    given = json.dumps({"model_path": "FILE.skops"}) if source else None
    status, said = run(*words, cwd=here, input=given)
    assert status == 0 and not said.get("problems"), said


def test_options_of_the_project_s_commands():
    for command, options in re.findall(r"`python -m ml_ui (\w+)([^`]*)`", TEXTS["SKILL.md"]):
        assert command in COMMANDS
        said = subprocess.run(
            [sys.executable, "-m", "ml_ui", command, "--help"],
            cwd=ROOT / "src", capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert all(option in said for option in re.findall(r"--\w+", options)), command


def test_keys_that_the_skill_names(here):
    """Of problems, of a plan, and of what `check` finds."""
    status, said = run("generate", f"model_path={IRIS}", "platform=local", cwd=here)
    assert status == 0
    assert {"guesses", "next", "fit", "model"} <= said.keys() and "ways_out" in said["fit"]
    assert "loading_runs_code" in said["model"]
    _, refused = run("plan", "platform=x", cwd=here)
    named = re.search(r"Each of `problems` has (.+?)\n\n", TEXTS["SKILL.md"], re.DOTALL)[1]
    assert [*refused["problems"][0]] == re.findall(r"`(\w+)`", named)


def test_targets_that_agents_are_told():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"`make ([a-z-]+)`", TEXTS["AGENTS.md"]):
        assert f"\n{target}:" in makefile
    for path in re.findall(r"`([\w./{}-]+/[\w./-]*)`", TEXTS["AGENTS.md"]):
        assert (ROOT / path).exists(), path
