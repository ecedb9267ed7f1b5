"""The generated Dockerfile, really built, and its image, really run."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import model_hub
import pytest
import readmes
from conftest import ROOT
from images import Container, Engine
from running import check_grey, free_port

pytestmark = pytest.mark.slow

IMAGE = "ml-ui-template-test"
KEPT_OUT = {".git", ".github", ".ml-ui.json", ".venv", "tests"}
# Whether each module of a package has its bytecode beside it.
UNCOMPILED = """
import gradio, importlib.util, pathlib
modules = pathlib.Path(gradio.__file__).parent.rglob("*.py")
print([str(m) for m in modules if not pathlib.Path(importlib.util.cache_from_source(m)).exists()])
"""


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Return the container engine of this machine."""
    return Engine()


@pytest.fixture(scope="module")
def project(engine, bake, tmp_path_factory) -> Path:
    """Return a project whose image is built, with what a user's folder holds besides."""
    answers = {"task": "image-to-image", "framework": "python", "platform": "docker"}
    folder = tmp_path_factory.mktemp("docker") / "project"
    shutil.copytree(bake(python_version=engine.python_version, **answers), folder)
    for name in (".git", ".venv"):
        (folder / name).mkdir()
        (folder / name / "config").touch()
    engine.build(folder, IMAGE)
    return folder


@pytest.fixture(scope="module")
def app(engine, project) -> Container:
    """Return a container that serves the app with little memory, on a port of its own."""
    port = free_port()
    options = ["--network=host", "--memory=512m", f"--env=PORT={port}"]
    with engine.run(IMAGE, *options) as container:
        container.url = f"http://127.0.0.1:{port}"
        container.wait_until_ready(container.url)
        yield container


def test_dockerfile_is_clean(bake):
    project = bake(task="image-to-image", framework="python", platform="docker")
    hadolint = Path(sys.executable).with_name("hadolint")
    subprocess.run([hadolint, "--no-color", project / "Dockerfile"], check=True)


def test_an_edit_reinstalls_nothing(engine, project, tmp_path):
    edited = shutil.copytree(project, tmp_path / "edited")
    with (edited / "app.py").open("a") as source:
        source.write("# edited\n")
    output = engine.build(edited, f"{IMAGE}-edited")
    assert re.search(r"RUN .*pip .*install.*\n.*(CACHED|Using cache)", output), output
    assert re.search(r"COPY --from=build.*\n.*(CACHED|Using cache)", output), output
    with engine.run(f"{IMAGE}-edited") as container:
        assert container("tail", "-1", "app.py") == "# edited\n"


def test_picture_goes_in_and_comes_out(app, photo, browser):
    check_grey(app.url, photo, browser)


def test_runs_as_user_1000_who_owns_the_folder(app):
    assert app("id", "-u").strip() == "1000"
    assert app("stat", "--format=%u", ".").strip() == "1000"


def test_is_healthy_on_another_port(app):
    assert app.health() == "healthy"


def test_bytecode_is_compiled(app):
    assert app("python", "-c", UNCOMPILED) == "[]\n"
    assert "app." in app("ls", "__pycache__")


def test_gradio_has_no_type_stubs(app):
    assert app("find", "/venv", "-path", "*/gradio/*", "-name", "*.pyi") == ""


def test_contains_only_the_app(app):
    names = set(app("ls", "-A").split())
    assert "app.py" in names
    assert not names & KEPT_OUT


@pytest.mark.parametrize(
    "options",
    [["--user=1000"], ["--read-only", "--tmpfs=/tmp"]],
    ids=["as-a-docker-space", "read-only"],
)
def test_runs_on_the_default_port(engine, project, photo, browser, options):
    port = free_port()
    with engine.run(IMAGE, f"--publish=127.0.0.1:{port}:7860", *options) as container:
        container.wait_until_ready(f"http://127.0.0.1:{port}")
        check_grey(f"http://127.0.0.1:{port}", photo, browser)
        # Killed by force, it would be 137.
        assert container.stop(15) == 0


def test_commands_of_the_readme(engine, bake, tmp_path):
    """As they are, but on this computer in place of a server, and on a port of its own."""
    answers = {"task": "image-to-image", "framework": "python", "platform": "docker"}
    baked = bake(python_version=engine.python_version, project_slug=IMAGE, **answers)
    project, port = shutil.copytree(baked, tmp_path / IMAGE), free_port()
    services = (project / "compose.yaml").read_text("utf-8").replace("7860:", f"{port}:")
    (project / "compose.yaml").write_text(services, "utf-8")
    scripts = (block.text for block in readmes.blocks((project / "README.md").read_text("utf-8")))
    (script,) = (script for script in scripts if "docker compose" in script)
    server, start, log = readmes.commands(script)
    assert server == "export DOCKER_HOST=ssh://USER@SERVER"

    def shell(command: str, **options) -> subprocess.Popen:
        script = ["bash", "-c", engine.compose() + command]
        return subprocess.Popen(script, cwd=project, text=True, **options)

    try:
        assert shell(start).wait(600) == 0
        deadline = time.monotonic() + 90
        while not answers_ready(port) and time.monotonic() < deadline:
            time.sleep(0.5)
        with shell(log, stdout=subprocess.PIPE, start_new_session=True) as followed:
            assert any("/readyz" in line or "Running" in line for line in followed.stdout)
            os.killpg(followed.pid, signal.SIGTERM)
        assert answers_ready(port)
    finally:
        shell("docker compose down").wait(60)


def answers_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.every
@pytest.mark.parametrize("token", [None, "hf_right"])
def test_weights_on_the_hub(engine, bake, tmp_path, monkeypatch, token):
    """Public ones are in the image, and an edit fetches none; private ones come at the start."""
    name, image = f"you/digits-{token or 'public'}", f"{IMAGE}-hub"
    digits = (ROOT / "demos" / "image-classification" / "digits.onnx").read_bytes()
    with model_hub.served() as (url, state):
        state.add(name, {"digits.onnx": digits}, token=token)
        model_hub.download(url, tmp_path / "mine", name, token=token or False)
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "mine"))
        answers = {"platform": "docker", "python_version": engine.python_version}
        project = shutil.copytree(bake(model_path=name, **answers), tmp_path / "project")
        hadolint = Path(sys.executable).with_name("hadolint")
        subprocess.run([hadolint, "--no-color", project / "Dockerfile"], check=True)
        steps = (project / "Dockerfile").read_text("utf-8")
        steps = steps.replace("ENV HF_HOME=", f"ENV HF_ENDPOINT={url} HF_HOME=")
        (project / "Dockerfile").write_text(steps, "utf-8")
        output = engine.build(project, image, "--network=host")
        assert ("left to the start of the app" in output) == bool(token)
        with (project / "app.py").open("a") as source:
            source.write("# edited\n")
        state.asked.clear()
        engine.build(project, image, "--network=host")
        assert state.asked == []
        if token:
            check_ready(engine, image, f"--env=HF_TOKEN={token}")
            assert f"GET /{name}/resolve/" in " ".join(state.asked)
    if not token:  # the Hub is gone
        check_ready(engine, image, "--read-only", "--tmpfs=/tmp")


def check_ready(engine: Engine, image: str, *options: str) -> None:
    port = free_port()
    with engine.run(image, "--network=host", f"--env=PORT={port}", *options) as container:
        container.wait_until_ready(f"http://127.0.0.1:{port}")
