"""python -m ml_ui: the command line itself, call and bench, and their errors."""

import base64
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import commands
import httpx
import pytest
from running import clean_environment, free_port, install, served

import ml_ui
from ml_ui import bench, call

PAGE = (200, "<html>Welcome</html>", {})
PROBLEM = json.dumps({"title": "", "status": 422, "detail": "Write a text first."})
TYPE = {"Content-Type": "application/problem+json"}
JSON = {"Content-Type": "application/json"}
LOGIN = "Basic " + base64.b64encode("ann:pass wörd".encode()).decode()


def described(*paths: str, body: dict | None = None, answers: str = "application/json") -> tuple:
    """Describe an app with these functions, each from a text."""
    schema = {"properties": {"text": {"type": "string"}}, "required": ["text"]}
    operation = {
        "requestBody": {"content": {"application/json": body or {"schema": schema}}},
        "responses": {"200": {"content": {answers: {}}}},
    }
    document = {"paths": {path: {"post": operation} for path in paths}}
    return 200, json.dumps(document), {}


# By the first part of the path: what is answered to the rest of it, or else to anything.
ANSWERS = {
    "empty": {"": (404, "", {})},
    "page": {"": PAGE},
    "list": {"": (200, "[]", {})},
    "login": {"": (401, '{"detail": "Not authenticated"}', {})},
    "busy": {"": (429, "Slowly", {})},
    "moved": {"": (301, "", {"Location": "https://app.example/openapi.json"})},
    "another": {"openapi.json": described("/lambda", "/add")},
    "refused": {
        "openapi.json": described("/predict"),
        "predict": (403, "<h1>The link has\n expired</h1>", {}),
    },
    "problem": {"openapi.json": described("/predict"), "predict": (422, PROBLEM, TYPE)},
    "broken": {"openapi.json": described("/predict"), "predict": (None, "", {})},
    "picture": {
        "openapi.json": described("/predict", answers="image/png"),
        "predict": (200, "picture", {"Content-Type": "image/png"}),
    },
}
SAID = {
    "empty": "no app with POST /predict: Gradio's clients may call it",
    "page": "no app with POST /predict",
    "list": "no app with POST /predict",
    "login": "it requires a login: --user NAME, and its password",
    "busy": "429 Too Many Requests: Slowly",
    "moved": "301 Moved Permanently: https://app.example/openapi.json",
    "another": "the app has no /predict; it has /lambda, /add",
    "refused": "403 Forbidden: <h1>The link has expired</h1>",
    "problem": "Write a text first.",
    "broken": "RemoteProtocolError: Server disconnected without sending a response.",
}


class Site(BaseHTTPRequestHandler):
    """Answers as ANSWERS says; /silent does not, /secret to Ann, /echo with what it is sent."""

    def do_GET(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        _, place, *rest = self.path.partition("?")[0].split("/")
        if place == "silent":
            time.sleep(1)
            return
        if place in ("secret", "echo"):
            answers = {"openapi.json": described("/predict"), "predict": (200, body.decode(), JSON)}
            if place == "secret" and self.headers["Authorization"] != LOGIN:
                place = "login"
        if place in ANSWERS:
            answers = ANSWERS[place]
        status, text, headers = answers.get(rest[-1]) or answers[""]
        if status:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
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


def python(*arguments: str, input: str = "", **variables: str) -> subprocess.CompletedProcess:
    """Run Python in another process, without a terminal."""
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, timeout=60,
        input=input, env=commands.environment(**variables), start_new_session=True,
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
        ("http://[", "ConnectError: "),
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
    assert_one_line(commands.run("call", url, "a", "b"), url, "2 inputs given; the app takes text")


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "number"}, "5.1", 5.1),
        ({"type": "integer"}, "7", 7),
        ({"type": "boolean"}, "true", True),
        ({"type": "string"}, "7", "7"),
        ({"enum": ["7", 8]}, "7", "7"),
        ({"enum": ["7", 8]}, "8", 8),
        ({"type": "number"}, "many", "many"),  # the app says what is wrong
    ],
)
def test_input_is_what_the_parameter_takes(site, monkeypatch, schema, text, value):
    body = {"schema": {"properties": {"größe (m²)": schema}}}
    monkeypatch.setitem(ANSWERS, "typed", {
        "openapi.json": described("/predict", body=body), "predict": ANSWERS["picture"]["predict"],
    })  # fmt: skip
    assert call.connect(f"{site}/typed").arguments([text]) == {"größe (m²)": value}


def test_file_is_sent_with_its_name(site, monkeypatch, tmp_path):
    picture = tmp_path / "my cät.png"
    picture.write_bytes(b"picture")
    schemas = {"image": {"type": "string", "contentEncoding": "base64"}, "size": {"type": "number"}}
    schemas["table"] = {"type": "array"}
    body = {"schema": {"properties": schemas, "required": ["image"]}}
    monkeypatch.setitem(ANSWERS, "file", {"openapi.json": described("/predict", body=body)})
    app = call.connect(f"{site}/file")
    app._client.base_url = f"{site}/echo/"
    sent = app.predict(app.arguments([str(picture), "3", '[{"a": 1}]'])).text
    assert 'name="image"; filename="my cät.png"' in sent and "picture" in sent
    assert 'name="size"\r\n\r\n3\r\n' in sent
    assert 'name="table"\r\n\r\n[{"a": 1}]\r\n' in sent
    with pytest.raises(ValueError, match=r"there is no file gone\.png"):
        app.arguments(["gone.png"])


def test_answer_that_is_a_file(site, tmp_path):
    """It is written where --output says, or to a temporary file, whose name is printed."""
    url = f"{site}/picture"
    run = commands.run("call", url, "x", "--output", str(tmp_path / "my answer.png"))
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert (tmp_path / "my answer.png").read_text() == "picture"
    path = Path(json.loads(commands.run("call", url, "x").stdout))
    assert (path.suffix, path.read_text()) == (".png", "picture")
    path.unlink()


def test_login(site):
    """The password is in the environment, or typed; never among the arguments."""
    arguments = ["-m", "ml_ui", "call", f"{site}/secret", "Hello", "--user", "ann"]
    run = python(*arguments, APP_PASSWORD="pass wörd")
    assert (run.returncode, json.loads(run.stdout)) == (0, {"text": "Hello"})
    run = python(*arguments, APP_PASSWORD="", input="pass wörd\n")
    assert (run.returncode, json.loads(run.stdout)) == (0, {"text": "Hello"}), run.stderr
    run = python(*arguments, APP_PASSWORD="another")
    assert_one_line(run, f"{site}/secret", SAID["login"])


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
    login = {"APP_USERNAME": "ann", "APP_PASSWORD": "pass word"}
    environment = clean_environment(folder, PORT=str(port), **login)

    def run(command: str, *arguments: str, user: str = "ann") -> subprocess.CompletedProcess:
        """Run a command of the vendored package, with the project's own packages."""
        return subprocess.run(
            [folder / "python", "-m", "ml_ui", command, *arguments, "--user", user], cwd=project,
            env=environment, capture_output=True, text=True, check=False, timeout=60,
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
        assert_one_line(run("call", url, "longer", user="bob"), url, SAID["login"])
        assert_one_line(run("call", url, "die"), url, SAID["broken"])
