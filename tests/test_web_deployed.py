"""The web form as it is deployed: its address in the command, and as a Space."""

import os
import shlex
import subprocess
import sys

import httpx
import pytest
from asking import ROOT, copy_template
from images import Engine
from running import BUILD, free_port, served
from test_web import command

from scripts import web_zips

pytestmark = pytest.mark.slow


@pytest.mark.every
def test_space(tmp_path):
    """Built from the last commit, run as user 1000, who can write into /tmp alone."""
    engine = Engine("3.12")
    subprocess.run(["make", "-s", "space"], cwd=ROOT, check=True)
    space = BUILD / "space"
    dockerfile = space / "Dockerfile"
    text = dockerfile.read_text("utf-8")
    dockerfile.write_text(text.replace("python:3.12-slim", engine.base), "utf-8")
    engine.build(space, "initializr")
    port = free_port()
    options = ["--user", "1000", "--read-only", "--tmpfs", "/tmp", "-p", f"127.0.0.1:{port}:7860"]
    with engine.run("initializr", *options) as container:
        url = f"http://127.0.0.1:{port}"
        container.wait_until_ready(url)
        assert "Download iris-species.zip" in httpx.get(f"{url}/?task=tabular", timeout=30).text
        answer = httpx.get(f"{url}/project.zip?task=tabular", timeout=30)
        assert answer.status_code == 200 and answer.content[:2] == b"PK"
        kept = container("ls", "-A", "/tmp").split()
        assert [name for name in kept if not name.startswith("pymp-")] == []  # Python's socket
        assert container.health() == "healthy"
        assert container.stop(10) == 0
    engine.remove("initializr")


def test_command_has_the_published_address(tmp_path):
    """The command as it is shown, with git taking a clone for GitHub's repository."""
    template = copy_template(tmp_path)
    user = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    for arguments in (["init", "-q"], ["add", "-A"], [*user, "commit", "-q", "-m", "One"]):
        subprocess.run(["git", *arguments], cwd=template, check=True)
    port = free_port()
    environment = os.environ | {"PORT": str(port)}
    with served(template, [sys.executable, "-m", "web"], environment, port) as url:
        page = httpx.get(f"{url}/?task=tabular&platform=docker", timeout=30).text
        zipped = httpx.get(f"{url}/project.zip?task=tabular&platform=docker", timeout=30).content
    instead = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{template}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/org/ml-ui-template.git",
    }
    (tmp_path / "here").mkdir()
    made = web_zips.generated(shlex.join(command(page)), tmp_path / "here", **instead)
    assert web_zips.unpacked(zipped) == made
    recorded = made["iris-species/.ml-ui.json"][1]
    assert b'"address": "gh:org/ml-ui-template"' in recorded and b'"commit": null' not in recorded
