"""The first screen of README.md: its commands, its pictures, and make demo."""

import contextlib
import html
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT
from gradio_client import Client, handle_file
from running import BUILD, free_port

from scripts import demo

README = (ROOT / "README.md").read_text("utf-8")
FIRST = README.partition("\n## ")[0]
BLOCKS = re.findall(r"^```sh\n(.*?)^```", FIRST, re.DOTALL | re.MULTILINE)
PUBLISHED = "https://github.com/org/ml-ui-template"
PICTURES = ROOT / "docs" / "pictures"
RECORDED = {
    "questions": [
        "cookiecutter ml-ui-template",
        "does not exist",
        "Did you mean heroku",
        "LogisticRegression",
        "it fits",
    ],
    "first-answer": ["python app.py", "python -m ml_ui call", '"label": "versicolor"'],
    "refusal": ["it does not fit", "= weights", " of 512 MB", "too much", "What would fit"],
}


def shown(svg: Path) -> str:
    """Return the text of a terminal's picture, a line for each of its rows."""
    rows: dict[float, str] = {}
    for y, text in re.findall(r'<text [^>]*?\by="([\d.]+)"[^>]*>([^<]*)</text>', svg.read_text()):
        rows[float(y)] = rows.get(float(y), "") + html.unescape(text).replace("\xa0", " ")
    return "\n".join(rows.values())


def test_pictures_exist_and_are_small():
    named = set(re.findall(r"docs/pictures/[\w.-]+", README))
    assert {f"docs/pictures/{name}.svg" for name in RECORDED} < named
    assert [name for name in named if not (ROOT / name).is_file()] == []
    assert sum(path.stat().st_size for path in PICTURES.iterdir()) < 1_500_000


@pytest.mark.parametrize("name", RECORDED)
def test_terminal_picture_shows(name):
    text = shown(PICTURES / f"{name}.svg")
    assert [part for part in RECORDED[name] if part not in text] == []
    assert "Traceback" not in text
    assert "url(" not in (PICTURES / f"{name}.svg").read_text().replace("url(#", "")


BROKEN = """
import gradio as gr
from ml_ui import launch

def load():
    raise OSError("the file is damaged")

with gr.Blocks() as demo:
    gr.Markdown("x")
launch(demo, load)
"""


@pytest.mark.slow
def test_demo_ends_if_the_model_cannot_be_loaded(tmp_path, monkeypatch, capfd):
    (tmp_path / "app.py").write_text(BROKEN)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    port = free_port()
    command = [sys.executable, "app.py"]
    assert demo.serve(command, tmp_path, port, GRADIO_SERVER_PORT=str(port)) == 1
    said = capfd.readouterr().err
    assert "the file is damaged" in said
    assert said.splitlines()[-1] == "The app cannot load its model: see above."


@pytest.mark.parametrize("problem", ["old", "venv"])
def test_demo_says_what_is_missing(problem, monkeypatch, capsys):
    if problem == "old":
        monkeypatch.setattr(demo.sys, "version_info", (3, 10, 13))
    else:
        monkeypatch.setenv("PATH", "")
        monkeypatch.setattr(demo.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SystemExit) as stopped:
        demo.main()
    wanted = {"old": "too old: 3.11 or newer", "venv": "apt-get install python3-venv"}
    assert wanted[problem] in stopped.value.code


def test_demo_says_that_its_port_is_taken():
    with demo.socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run(["make", "demo", f"PYTHON={sys.executable}"], cwd=ROOT, PORT=str(port))
    assert done.returncode
    assert f"Port {port} is taken" in done.stderr
    assert "PORT=7861 make demo" in done.stderr


@pytest.mark.parametrize("port", ["x", "99999", "-1"])
def test_demo_refuses_what_is_no_port(port):
    with pytest.raises(SystemExit, match="not permitted"):
        demo.free_port(port)


def run(command: list, **options) -> subprocess.CompletedProcess:
    """Run a command; what is in capitals is its environment's, beside ours."""
    ours = {name: options.pop(name) for name in [*options] if name.isupper()}
    return subprocess.run(
        command, env=os.environ | ours, capture_output=True, text=True, check=False, **options
    )


@pytest.mark.slow
@pytest.mark.parametrize("block", range(len(BLOCKS)))
def test_commands(block, tmp_path):
    """Each line of a block, in one folder; Enter at every question."""
    if "git clone" in BLOCKS[block] and not (ROOT / ".git").exists():
        pytest.skip("not a repository")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    path = f"{tmp_path / 'venv' / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    for number, line in enumerate(BLOCKS[block].splitlines()):
        command = line.replace("gh:org/ml-ui-template", str(ROOT))
        command = command.replace(PUBLISHED, f"-q {ROOT} ml-ui-template")
        done = run(
            ["bash", "-c", command], cwd=tmp_path, input="\n" * 40, PATH=path,
            UV_CACHE_DIR=str(BUILD / "uv"), PIP_CACHE_DIR=str(BUILD / "pip"),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        if "cookiecutter " in line:
            (tmp_path / "handwritten-digits").rename(tmp_path / f"made{number}")
            assert (tmp_path / f"made{number}" / "app.py").is_file()


@contextlib.contextmanager
def demo_served(folder: Path, *programs: str) -> Iterator[tuple[str, list[str]]]:
    """Run make demo with these programs alone; yield the address, and what it printed."""
    folder.mkdir()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for program in ("make", *programs):
        (folder / program).symlink_to(shutil.which(program, path=path))
    port = str(free_port())
    environment = os.environ | {"PATH": str(folder), "PORT": port}
    command = [folder / "make", "demo", f"PYTHON={sys.executable}"]
    with (
        open(folder / "log", "w") as log,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=log
        ) as process,
    ):
        lines = []
        try:
            for line in process.stdout:
                lines.append(line.strip())
                if line.startswith("Open "):
                    break
            else:
                raise AssertionError((folder / "log").read_text()[-3000:])
            yield f"http://127.0.0.1:{port}", lines
        finally:
            process.terminate()


@pytest.mark.slow
def test_demo(tmp_path):
    """With Python, pip and make alone; a second run installs what is missing, with uv."""
    digit = ROOT / "demos" / "image-classification" / "examples" / "2.png"
    for number, programs in enumerate([(), ("uv",)]):
        if number:
            shutil.rmtree(demo.FOLDER / "generator")
        with demo_served(tmp_path / str(number), *programs) as (url, lines):
            assert lines[-1].startswith(f"Open {url}")
            assert not {"Run it here:", "Put it online:"} & {*lines}
            answer = Client(url, verbose=False).predict(handle_file(digit), api_name="/predict")
            assert answer["label"] == "2"
    assert [line for line in lines if line.startswith("Installing")] == ["Installing: generator"]


@pytest.mark.every
@pytest.mark.slow
def test_terminal_pictures_can_be_made(tmp_path):
    pictures = pytest.importorskip("scripts.pictures")
    home = tmp_path / "models"
    home.mkdir()
    for name, text in pictures.recorded(home, free_port()):
        pictures.write_svg(tmp_path / f"{name}.svg", text)
        written = shown(tmp_path / f"{name}.svg")
        assert [part for part in RECORDED[name] if part not in written] == []
