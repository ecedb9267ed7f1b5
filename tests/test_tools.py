"""python -m ml_ui: the command line itself, call and bench, and their errors."""

import json
import re
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import commands
import httpx
import pytest
from running import clean_environment, free_port, install, served

import ml_ui
from ml_ui import bench, call

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


def assert_one_line(run: subprocess.CompletedProcess, url: str, said: str) -> None:
    """Assert that a command failed with one line on stderr."""
    assert run.returncode == 1, run
    assert run.stdout == ""
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"{url}: ") and said in line
    assert len(line) < 400


# The command line


def python(*arguments: str, **variables: str) -> subprocess.CompletedProcess:
    """Run Python in another process."""
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, timeout=60,
        env=commands.environment(**variables),
    )  # fmt: skip


def test_version():
    run = commands.run("--version")
    assert (run.returncode, run.stdout) == (0, f"ml_ui {ml_ui.__version__}\n")


def test_help_names_the_commands():
    run = python("-m", "ml_ui", "--help")
    assert run.returncode == 0
    assert run.stdout.startswith("usage: python -m ml_ui ")
    for name in ("preflight", "bench", "call", "update"):
        assert re.search(rf"^    {name}\b", run.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", ["preflight", "bench", "call"])
def test_help_of_a_command(name):
    run = commands.run(name, "--help")
    assert (run.returncode, run.stderr) == (0, "")
    assert f"usage: python -m ml_ui {name} " in run.stdout
    assert getattr(__import__(f"ml_ui.{name}"), name).__doc__.splitlines()[0] in run.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            [],
            "a command is required: preflight, fetch, check, bench, call, live, swap, move, update",
        ),
        (["prefligt"], "invalid choice: 'prefligt' (choose from"),
        (["--banana"], "--banana"),
        (["preflight", "--banana"], "unrecognized arguments: --banana"),
        (["preflight", "--platform"], "--platform: expected one argument"),
        (["call", "http://127.0.0.1:9"], "the following arguments are required: input"),
        (["bench"], "the following arguments are required: url"),
    ],
)
def test_bad_arguments(arguments, said):
    run = commands.run(*arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert said in run.stderr
    assert run.stderr.startswith("usage: python -m ml_ui")


@pytest.mark.parametrize(
    "statement",
    [
        "import ml_ui",
        "import ml_ui.cli",
        "from ml_ui.cli import main; main(['preflight'])",
        # What generation imports.
        "from ml_ui.sizing import footprint, git_lfs, limits, project, report",
    ],
)
def test_only_the_standard_library_is_imported(statement):
    """Neither the command line nor generation waits for Gradio, or needs it."""
    shown = "print(*{name.partition('.')[0] for name in sys.modules})"
    run = python("-S", "-c", f"import sys; {statement}; {shown}")
    assert run.returncode == 0, run.stderr
    loaded = {*run.stdout.split()} - {"__main__", "ml_ui"}
    assert loaded <= sys.stdlib_module_names


# call and bench


@pytest.mark.parametrize("place", SAID)
def test_call_reports_the_error_of_an_app(site, place):
    url = f"{site}/{place}"
    assert_one_line(commands.run("call", url, "Hello"), url, SAID[place])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:9", "Connection refused"),
        ("http://no-such-host.invalid", "ConnectError: "),
        ("localhost:7860", "an address starts with http://"),
        ("http://[", "no usable Gradio app (Invalid IPv6 URL)"),
    ],
)
def test_call_reports_a_wrong_address(url, said):
    assert_one_line(commands.run("call", url, "Hello"), url, said)


def test_call_reports_an_unreachable_space():
    url, hub = "no-such-user/no-such-space", f"http://127.0.0.1:{free_port()}"
    run = python("-m", "ml_ui", "call", url, "Hello", HF_ENDPOINT=hub)
    assert_one_line(run, url, "Connection refused")


def test_call_reports_a_wrong_number_of_inputs(site):
    url = f"{site}/refused"
    assert_one_line(commands.run("call", url, "a", "b"), url, "2 inputs given; the app takes Text")


def test_example_of_a_parameter_is_its_default(site, monkeypatch):
    """0 and False are defaults too, and are sent as they are; None is not one."""
    defaults = [0, False, "", None]
    parameters = [TEXT | {"parameter_default": value} for value in defaults]
    endpoints = {"/predict": {"parameters": parameters, "returns": [TEXT]}}
    described = json.dumps({"named_endpoints": endpoints, "unnamed_endpoints": {}})
    monkeypatch.setitem(ANSWERS["refused"], "info", (200, described))
    client = call.connect(f"{site}/refused")
    assert call.arguments(client) == [0, False, "", "Hello!!"]


def test_call_has_a_read_timeout(site):
    with pytest.raises(httpx.ReadTimeout) as caught:
        call.connect(f"{site}/silent", timeout=0.1)
    assert call.reason(caught.value) == "ReadTimeout: timed out"


def test_bench_draws_a_chart():
    drawn = bench.chart({"a": [0.1] * 19 + [0.2], "b": [], "c": [0.1, 0.15, 0.2, 0.3]})
    near, none, far, scale, key = drawn.splitlines()
    assert near.split() == ["a", "█" + "░" * 10]  # all but one as fast as the fastest
    assert none == "b"
    assert far.split() == ["c", "░" * 8 + "█" * 12] and far.index("░") == near.index("█")
    assert scale.endswith("0.300 s")
    assert key.strip() == "░ all calls, █ from the median to p95"


def test_bench_counts_a_failure_for_each_run(site):
    url = f"{site}/refused"
    run = commands.run("bench", url, "--runs", "3")
    assert run.returncode == 1
    assert run.stdout.splitlines()[1].split() == [url, "-", "-", "3"]
    assert run.stderr == f"{url}: {SAID['refused']}\n"


def test_bench_as_json(site):
    url = f"{site}/refused"
    run = commands.run("bench", url, "--runs", "3", "--json", "--chart")
    assert run.returncode == 1
    app = {"url": url, "runs": 3, "seconds": None, "failures": 3, "error": SAID["refused"]}
    assert json.loads(run.stdout) == {"ok": False, "apps": [app], "advice": None}
    seconds = bench.as_dict("a", [0.1, 0.3, 0.2], [])["seconds"]
    assert seconds == {"min": 0.1, "median": 0.2, "p95": 0.3, "max": 0.3}


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--runs", "0", "--runs: 0 is less than 1"),
        ("--runs", "-3", "--runs: -3 is less than 1"),
        ("--runs", "many", "--runs: invalid int value: 'many'"),
        ("--file", "no.png", "--file: there is no file no.png"),
    ],
)
def test_bench_refuses_an_option(site, option, value, said):
    run = commands.run("bench", site, option, value)
    assert run.returncode == 2
    assert run.stdout == "" and "Traceback" not in run.stderr
    assert run.stderr.splitlines()[-1].endswith(said)


BAD_APP = """
import os

import gradio as gr
import ml_ui


@ml_ui.guard
def predict(text):
    if text == "die":
        os._exit(1)
    if text == "short":
        raise gr.Error("This text is <b>too</b> short")
    return text.upper()


ml_ui.launch(gr.Interface(predict, "textbox", "textbox", api_name="predict"), lambda: None)
"""


@pytest.mark.slow
def test_call_and_bench_of_a_real_app(bake, tmp_path):
    """Its answer, its own message, and the error when it dies under the call."""
    project = shutil.copytree(bake(task="text-classification", platform="local"), tmp_path / "app")
    port, folder = free_port(), install(project)
    (project / "app.py").write_text(BAD_APP, "utf-8")
    environment = clean_environment(folder, PORT=str(port))

    def run(*arguments: str) -> subprocess.CompletedProcess:
        """Run a command of the vendored package, with the project's own packages."""
        return subprocess.run(
            [folder / "python", "-m", "ml_ui", *arguments], cwd=project, env=environment,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    with served(project, ["python", "app.py"], environment, port) as url:
        answer = run("call", url, "a longer text")
        assert (answer.returncode, json.loads(answer.stdout)) == (0, "A LONGER TEXT")
        table = run("bench", url, "--runs", "3", "--chart")
        assert table.returncode == 0, table.stderr
        name, median, p95, failures = table.stdout.splitlines()[1].split()
        assert (name, failures) == (url, "0") and 0 < float(median) <= float(p95)
        assert "█" in table.stdout
        (figures,) = json.loads(run("bench", url, "--runs", "3", "--json").stdout)["apps"]
        assert figures["failures"] == 0 and 0 < figures["seconds"]["min"]
        assert_one_line(run("call", url, "short"), url, "This text is <b>too</b> short")
        assert_one_line(
            run("call", url, "die"), url, "ConnectionError: the app went away before it answered"
        )
