"""The web form as a Space: an image of the template's own files."""

import subprocess

import httpx
import pytest
from asking import ROOT
from images import Engine
from running import BUILD, free_port

pytestmark = pytest.mark.slow


def test_space(tmp_path):
    """Built from the last commit, run as a Space runs it: as user 1000, without a network."""
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
        assert container("ls", "/tmp").split() in ([], [*container("ls", "/tmp").split()])
        assert container.health() == "healthy"
        assert container.stop(10) == 0
    engine.remove("initializr")
