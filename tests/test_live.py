"""Versions of a project, and the wait for one that was deployed."""

import contextlib
import json
import os
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import commands
import pytest
from running import clean_environment, free_port, install, served

from ml_ui import live
from ml_ui.values import Values
from ml_ui.version import version


@pytest.fixture
def project(tmp_path) -> Path:
    """Return a small project, of whose files a host gets some."""
    files = {
        "app.py": "import model", "model.py": "", "model/weights.bin": "\0\1", "README.md": "#",
        ".slugignore": "tests\nrequirements.in\n", "tests/test_model.py": "", "requirements.in": "",
    }  # fmt: skip
    for name, text in files.items():
        path = tmp_path / "here" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "here"


def test_version_is_the_same_on_the_host(project, tmp_path):
    """It lacks what its ignore file lists, and has what the host and Python add."""
    host = shutil.copytree(project, tmp_path / "host")
    shutil.rmtree(host / "tests")
    (host / "requirements.in").unlink()
    for name in (".heroku/python", ".profile.d/python.sh", "__pycache__/app.pyc", ".env"):
        (host / name).parent.mkdir(exist_ok=True)
        (host / name).write_text("x")
    assert version(host) == version(project) != ""
    (host / ".slugignore").unlink()
    assert version(host) == version(project)


@pytest.mark.parametrize("name", ["app.py", "model/weights.bin", "README.md", "package/new.py"])
def test_version_changes_with_a_file(project, name):
    """Also with one of the same size, such as a model trained again."""
    before = version(project)
    (project / name).parent.mkdir(exist_ok=True)
    old = (project / name).read_text() if (project / name).exists() else "x"
    (project / name).write_text(old[::-1] + "" if len(old) > 1 else old + "x")
    assert version(project) != before


def test_version_changes_with_a_name(project):
    before = version(project)
    (project / "model.py").rename(project / "models.py")
    assert version(project) != before


def test_git_lfs_pointer_is_another_version(project, tmp_path):
    """What Heroku would get of a model in Git LFS."""
    host = shutil.copytree(project, tmp_path / "host")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 2\n"
    (host / "model" / "weights.bin").write_text(pointer)
    assert version(host) != version(project)


def test_what_no_host_runs_has_no_version(tmp_path):
    assert version(tmp_path) == ""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "app.py").write_text("")
    assert version(tmp_path) != ""  # and ends


# What /ready says ----------------------------------------------------------------------


@contextlib.contextmanager
def saying(*answers: tuple[int, str]):
    """Serve answers at /ready, one after the other, the last one for ever."""
    left = list(answers)

    class Site(BaseHTTPRequestHandler):
        def do_GET(self):
            status, text = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def ready(name: str, status: str = "ready") -> tuple[int, str]:
    return 200 if status == "ready" else 503, json.dumps({"status": status, "version": name})


PAGE = (200, "<html>Building</html>")


def test_wait_passes_over_what_is_not_the_new_version(monkeypatch):
    """The old version, a host's page while it builds, an error, and the load of the model."""
    monkeypatch.setattr(live, "PAUSE", 0.01)
    with saying(ready("old"), PAGE, (502, ""), ready("new", "loading"), ready("new")) as url:
        run = commands.run("live", url, "--version", "new", "--timeout", "20")
    assert (run.returncode, run.stderr) == (0, "")
    seen = [line.partition("s: ")[2] for line in run.stdout.splitlines()[:-1]]
    assert seen == ["old, ready", "200 OK", "502 Bad Gateway", "new, loading", "new, ready"]
    assert run.stdout.splitlines()[-1] == "Version new is live."


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ready("old"), "not version new after 0 s: old, ready"),
        (ready("new", "loading"), "not version new after 0 s: new, loading"),
        (ready("new", "failed"), "version new could not load its model: see its log"),
        ((404, "Not found"), "not version new after 0 s: 404 Not Found"),
        ((200, "[]"), "not version new after 0 s: 200 OK"),
    ],
)
def test_wait_ends_without_the_version(answer, said):
    with saying(answer) as url:
        run = commands.run("live", url, "--version", "new", "--timeout", "0")
    assert (run.returncode, run.stderr) == (1, f"live: {said}\n")


def test_nothing_answers():
    url = f"http://127.0.0.1:{free_port()}"
    run = commands.run("live", url, "--version", "new", "--timeout", "0")
    assert (run.returncode, run.stderr) == (1, "live: not version new after 0 s: ConnectError\n")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ready("abc"), "abc\n"),
        ((200, '{"status": "ready"}'), "\n"),
        (PAGE, "\n"),
        # What a workflow would take for another of its variables, and what is none.
        (ready("abc\nurl=https://x.example"), "\n"),
        (ready(["abc"]), "\n"),
        ((200, "[" * 9000), "\n"),
        ((200, '"' + "x" * 20_000_000), "\n"),
    ],
)
def test_show(answer, said):
    with saying(answer) as url:
        run = commands.run("live", url, "--show")
    assert (run.returncode, run.stdout) == (0, said)


def test_folder_without_an_app(tmp_path):
    run = commands.run("live", "http://127.0.0.1:9", folder=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "live: there is no app.py: run this in the project's folder\n"


# Answers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "here", "same"),
    [
        ({"a": 0.971, "b": 0.029}, {"a": 0.97, "b": 0.03, "c": 0.0}, True),
        ({"a": 0.6}, {"a": 0.97, "b": 0.03}, False),
        ({"c": 0.97}, {"a": 0.97}, False),
        ("12.345", 12.346, True),
        ("12.3", 21.3, False),
        ("1.5, -2.25", "1.5, -2.25", True),
        (live.plain([1.5, -2.25]), Values([1.5, -2.25]), True),
        (live.plain([1.5, -2.5]), Values([1.5, -2.25]), False),
        ("setosa", "virginica", False),
        ("setosa", {"setosa": 1.0}, False),
    ],
)
def test_same_answer(given, here, same):
    assert live.is_same(given, here) == same


WRONG = """
if "DYNO" in os.environ:
    right = predict

    def predict(image):
        return right(image)[::-1]
"""


@pytest.mark.slow
def test_answers_are_compared(bake, tmp_path):
    """Of a real app, which on its host alone turns the picture upside down."""
    project = shutil.copytree(
        bake(task="image-to-image", framework="python", platform="local"), tmp_path / "project"
    )
    model = project / "model.py"
    model.write_text("import os\n\n" + model.read_text("utf-8") + WRONG, "utf-8")
    programs = install(project)
    for dyno, status, said in (({}, 0, "as here"), ({"DYNO": "web.1"}, 1, ".jpg, and here")):
        port = free_port()
        environment = clean_environment(programs, PORT=str(port))
        with served(project, ["python", "app.py"], environment | dyno, port) as url:
            run = subprocess.run(
                ["python", "-m", "ml_ui", "live", url], cwd=project, env=environment,
                capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
        assert run.returncode == status, run
        assert said in (run.stdout if status == 0 else run.stderr)


@pytest.mark.slow
def test_login_is_not_a_wrong_answer(bake):
    project = bake(task="image-to-image", framework="python", platform="local")
    port, programs = free_port(), install(project)
    environment = clean_environment(programs, PORT=str(port))
    login = {"APP_USERNAME": "ann", "APP_PASSWORD": "pass word"}
    with served(project, ["python", "app.py"], environment | login, port) as url:
        run = subprocess.run(
            ["python", "-m", "ml_ui", "live", url], cwd=project, env=environment,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert run.returncode == 0, run
    assert "It requires a login: its answers are not compared." in run.stdout
