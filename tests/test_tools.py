"""What the project's client and stopwatch say when something is wrong: a line, and exit 1."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from running import clean_environment, free_port, install, served

TEXT = {
    "label": "Text", "component": "Textbox", "parameter_name": "text",
    "parameter_has_default": False, "parameter_default": None, "example_input": "Hello!!",
    "type": {"type": "string"}, "python_type": {"type": "str", "description": ""},
}  # fmt: skip


def info(*names: str) -> str:
    """Describe an app with these endpoints, each from a text to a text."""
    endpoint = {"parameters": [TEXT], "returns": [TEXT]}
    return json.dumps({"named_endpoints": dict.fromkeys(names, endpoint), "unnamed_endpoints": {}})


CONFIG = {
    "version": "6.31.0",
    "protocol": "sse_v3",
    "api_prefix": "/gradio_api",
    "connect_heartbeat": False,
    "components": [{"id": 0, "type": "textbox"}],
    "dependencies": [{"id": 0, "api_name": "predict", "inputs": [0], "outputs": [0]}],
}

# By the first part of the path: what is answered to the rest of it, or else to anything.
ANSWERS = {
    "empty": {"": (404, "")},
    "page": {"": (200, "<html>Welcome</html>")},
    "list": {"": (200, "[]")},
    "login": {"": (401, '{"detail": "Not authenticated"}')},
    "busy": {"": (429, "")},
    "another": {
        "config": (200, json.dumps(CONFIG | {"dependencies": []})),
        "info": (200, info("/lambda", "/add")),
    },
    "refused": {
        "config": (200, json.dumps(CONFIG)),
        "info": (200, info("/predict")),
        "join": (403, "<h1>The link has\n expired</h1>"),
    },
    "broken": {
        "config": (200, json.dumps(CONFIG)),
        "info": (200, info("/predict")),
        "join": (200, '{"event_id": "1"}'),
        "data": (200, "event: what is this\n\n"),
    },
}
SAID = {
    "empty": "no usable Gradio app (Could not fetch config for ",
    "page": "no usable Gradio app (",
    "list": "no usable Gradio app (",
    "login": "no usable Gradio app (Could not load ",
    "busy": "Too many requests",
    "another": "the app has no /predict; it has /lambda, /add",
    "refused": "403 Forbidden: <h1>The link has expired</h1>",
    "broken": "the app went away before it answered",
}


class Site(BaseHTTPRequestHandler):
    """Answers as ANSWERS says; /silent does not answer."""

    def do_GET(self):
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        _, place, *rest = self.path.partition("?")[0].split("/")
        if place == "silent":
            time.sleep(1)
            return
        answers = ANSWERS[place]
        status, text = answers.get(rest[-1]) or answers[""]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    do_POST = do_GET

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def site():
    """Serve things that are no app, and apps that fail."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def project(bake, tmp_path_factory) -> Path:
    """Return a project that may be littered."""
    folder = tmp_path_factory.mktemp("tools") / "project"
    return shutil.copytree(bake(task="text-classification", platform="local"), folder)


@pytest.fixture(scope="module")
def tool(project):
    """Return a function that runs one of the tools."""

    # Where a Space would be asked for, nobody answers.
    hub = f"http://127.0.0.1:{free_port()}"

    def run(name: str, *arguments: str, python: Path = Path(sys.executable)):
        return subprocess.run(
            [python, project / "tools" / f"{name}.py", *arguments],
            capture_output=True, text=True, check=False, timeout=60,
            env=os.environ | {"HF_ENDPOINT": hub},
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def client(project):
    """Return tools/client.py as a module."""
    spec = importlib.util.spec_from_file_location("client", project / "tools" / "client.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_one_line(run: subprocess.CompletedProcess, url: str, said: str) -> None:
    assert run.returncode == 1, run
    assert run.stdout == ""
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"{url}: ") and said in line
    assert len(line) < 400


@pytest.mark.parametrize("place", SAID)
def test_client_says_what_is_wrong_with_the_app(tool, site, place):
    url = f"{site}/{place}"
    assert_one_line(tool("client", url, "Hello"), url, SAID[place])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"http://127.0.0.1:{free_port()}", "Connection refused"),
        ("http://no-such-host.invalid", "ConnectError: "),
        ("localhost:7860", "an address starts with http://"),
        ("http://[", "no usable Gradio app (Invalid IPv6 URL)"),
        ("no-such-user/no-such-space", "Connection refused"),
    ],
)
def test_client_says_what_is_wrong_with_the_address(tool, url, said):
    assert_one_line(tool("client", url, "Hello"), url, said)


def test_client_says_what_is_wrong_with_the_input(tool, site):
    url = f"{site}/refused"
    assert_one_line(tool("client", url, "a", "b"), url, "2 inputs given; the app takes Text")


def test_client_gives_up(client, site):
    with pytest.raises(httpx.ReadTimeout) as caught:
        client.connect(f"{site}/silent", timeout=0.1)
    assert client.why(caught.value) == "ReadTimeout: timed out"


def test_bench_draws_a_chart(project):
    spec = importlib.util.spec_from_file_location("bench", project / "tools" / "bench.py")
    bench = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(project / "tools")
        spec.loader.exec_module(bench)
    drawn = bench.chart({"a": [0.1] * 19 + [0.2], "b": [], "c": [0.1, 0.15, 0.2, 0.3]})
    near, none, far, scale = drawn.splitlines()
    assert near.split() == ["a", "█" + "░" * 10]  # all but one as fast as the fastest
    assert none == "b"
    assert far.split() == ["c", "░" * 8 + "█" * 12] and far.index("░") == near.index("█")
    assert scale.endswith("0.300 s")


def test_bench_counts_a_failure_for_each_run(tool, site):
    url = f"{site}/refused"
    run = tool("bench", url, "--runs", "3")
    assert run.returncode == 1
    assert run.stdout.splitlines()[1].split() == [url, "-", "-", "3"]
    assert run.stderr == f"{url}: {SAID['refused']}\n"


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--runs", "0", "--runs: 0 is less than 1"),
        ("--runs", "-3", "--runs: -3 is less than 1"),
        ("--runs", "many", "--runs: invalid int value: 'many'"),
        ("--file", "no.png", "--file: there is no file no.png"),
    ],
)
def test_bench_refuses_an_option(tool, site, option, value, said):
    run = tool("bench", site, option, value)
    assert run.returncode == 2
    assert run.stdout == "" and "Traceback" not in run.stderr
    assert run.stderr.splitlines()[-1].endswith(said)


BAD_APP = """
import os

import gradio as gr

import server


def predict(text):
    if text == "die":
        os._exit(1)
    raise gr.Error("This text is <b>too</b> short")


server.launch(gr.Interface(predict, "textbox", "textbox", api_name="predict"), lambda: None)
"""


@pytest.mark.slow
def test_client_of_an_app_that_fails(project, tool):
    """A real app: its own message, and what is said when it dies under the call."""
    port, folder = free_port(), install(project)
    (project / "app.py").write_text(BAD_APP, "utf-8")
    environment = clean_environment(folder, PORT=str(port))
    python = folder / "python"
    with served(project, ["python", "app.py"], environment, port) as url:
        run = tool("client", url, "short", python=python)
        assert_one_line(run, url, "This text is <b>too</b> short")
        run = tool("client", url, "die", python=python)
        assert_one_line(run, url, "ConnectionError: the app went away before it answered")
