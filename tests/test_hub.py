"""Push a project to a stand-in for the Hub with the real clients, without a question."""

import base64
import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from running import clean_environment, install

pytestmark = pytest.mark.slow

WRITER = {"name": "user", "type": "user", "orgs": [], "auth": {"accessToken": {"role": "write"}}}


class Hub(BaseHTTPRequestHandler):
    """Answers what the clients ask, keeps what they push, refuses binaries in plain git."""

    def do_GET(self):
        self.answer(WRITER if self.path == "/api/whoami-v2" else {"id": "user/space", "sha": "0"})

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"] or 0))
        hub = self.server
        if self.path == "/api/repos/create":
            hub.created = json.loads(content)
            name = f"user/{hub.created['name']}"
            self.answer({"url": f"{hub.url}/spaces/{name}", "name": name, "id": name})
        elif "/preupload/" in self.path:
            files = json.loads(content)["files"]
            self.answer({"files": [file | self.mode(file) for file in files]})
        elif self.path.endswith("/objects/batch"):
            self.answer({"objects": json.loads(content)["objects"]})  # stored already
        elif "/commit/" in self.path:
            for line in map(json.loads, content.splitlines()):
                if line["key"] != "header":
                    hub.pushed[line["value"]["path"]] = line
            self.answer(
                {"commitUrl": f"{hub.url}/spaces/user/space/commit/0", "commitOid": "0" * 40}
            )
        else:
            self.answer({})

    def mode(self, file: dict) -> dict:
        is_binary = b"\0" in base64.b64decode(file["sample"])
        return {"uploadMode": "lfs" if is_binary else "regular", "shouldIgnore": False}

    def answer(self, body: dict) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.url, server.pushed = f"http://127.0.0.1:{server.server_port}", {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def test_create(bake, hub, tmp_path):
    """The README's command, with the client of this machine."""
    project = bake(platform="huggingface", project_slug="mine")
    readme = (project / "README.md").read_text("utf-8")
    (command,) = re.findall(r"^hf repos create (?:.*\\\n)*.*$", readme, re.MULTILINE)
    environment = clean_environment(
        Path(sys.executable).parent, HF_ENDPOINT=hub.url, HF_TOKEN="hf_test", HF_HOME=str(tmp_path)
    )
    run = subprocess.run(
        ["bash", "-c", command], env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert (hub.created["name"], hub.created["type"]) == ("mine", "space")
    assert (hub.created["sdk"], hub.created["hardware"]) == ("gradio", "zero-a10g")


@pytest.mark.parametrize("client", ["hf upload", "gradio deploy"])
def test_push(bake, hub, tmp_path, client):
    answers = {"project_name": 'Grey: a "Space" # 灰', "project_slug": "grey-space"}
    project = bake(task="image-to-image", framework="python", platform="huggingface", **answers)
    environment = clean_environment(
        install(project), HF_ENDPOINT=hub.url, HF_TOKEN="hf_test", HF_HUB_DISABLE_XET="1",
        HF_HOME=str(tmp_path),
    )  # fmt: skip
    steps = (project / "README.md").read_text("utf-8")
    command = next(line for line in steps.splitlines() if line.startswith("hf upload"))
    if client == "gradio deploy":
        command = "gradio deploy"
    run = subprocess.run(
        ["bash", "-c", command], cwd=project, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert hub.created["name"] == "grey-space"
    assert hub.created["sdk"] == "gradio"
    front = (project / "README.md").read_text("utf-8").split("---\n")[1]
    assert yaml.safe_load(front)["title"] == "grey-space"
    modes = {path: line["key"] for path, line in hub.pushed.items()}
    assert modes["app.py"] == "file"
    assert modes["examples/cat.jpg"] == "lfsFile"
    assert set(modes) == {
        str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()
    }
