"""What a Space refuses besides sizes, seen by preflight before it is pushed."""

import os
import re
import shutil
import subprocess
import sys

import commands
import pytest
from conftest import ROOT
from running import BUILD

from ml_ui import bench


@pytest.fixture
def project(bake, tmp_path):
    """A project for ZeroGPU, with PyTorch."""
    baked = bake(task="image-classification", framework="pytorch", platform="huggingface")
    return shutil.copytree(baked, tmp_path / "project")


def test_generated_project_is_taken(project):
    run = commands.run("preflight", folder=project)
    assert run.returncode == 0, run.stdout


CASES = {
    "torch": ("requirements.txt", "torch==2.13.0", "torch==2.14.0", "zero-a10g takes torch 2.8.0"),
    "python": ("README.md", '"3.12.12"', '"3.13"', "README.md asks for 3.13"),
    "float": ("README.md", 'n: "3.12.12"', "n: 3.10", "3.10 is not in quotes"),
    "gradio": ("README.md", '"6.31.0"', '"6.0.0"', "requirements.txt, which has gradio==6.31.0"),
    "colour": ("README.md", "colorFrom: blue", "colorFrom: cyan", "'cyan' is not one of red"),
    "sdk": ("README.md", "sdk: gradio", "sdk: streamlit", "'streamlit' is not one of gradio"),
    "emoji": ("README.md", "emoji: .*", "emoji: rocket", "'rocket' is not emoji alone"),
    "long": ("README.md", "short_description: .*", f"short_description: {'long ' * 13}",
             "and at most 60 are allowed"),
    "file": ("README.md", "app_file: app.py", "app_file: main.py", "there is no file main.py"),
    "data": ("README.md", "^---$", "", "README.md does not begin with `---`"),
    "gpu": ("app.py", r"spaces\.GPU", "str", "No .py file has spaces.GPU"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_refused(project, case):
    name, old, new, said = CASES[case]
    path = project / name
    text = path.read_text("utf-8")
    edited = re.sub(old, new, text, flags=re.MULTILINE)
    assert edited != text
    path.write_text(edited, "utf-8")
    run = commands.run("preflight", folder=project)
    assert run.returncode == 1, run.stdout
    assert said in " ".join(run.stdout.split())
    assert run.stdout.splitlines()[0].endswith(": it does not fit.")


def test_project_of_another_platform_is_not_refused(bake):
    """Its files for a Space are not there yet."""
    project = bake(task="tabular", platform="docker")
    arguments = ("--platform", "huggingface", "--hardware", "cpu-basic")
    assert commands.run("preflight", *arguments, folder=project).returncode == 0


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ([0.4] * 10, "DURATION = 5 in app.py is twice p95 (it is 15)."),
        ([4.0] * 9 + [7.2], "DURATION = 15 in app.py is twice p95 (it is 15)."),
        ([70.0], "DURATION = 140 in app.py is twice p95 (it is 15). Visitors without an account"),
    ],
)
def test_duration_follows_a_measurement(project, seconds, said):
    app = (project / "app.py").read_text("utf-8")
    assert said in bench.duration(app, seconds)


def test_duration_only_where_a_gpu_is_asked_for(project):
    assert bench.duration("demo.launch()\n", [1.0]) == ""
    assert bench.duration((project / "app.py").read_text("utf-8"), []) == ""


# docs/spaces.md ---------------------------------------------------------------------------


def test_table_names_tests_that_exist():
    """At least 25 errors, each with a test, but for those of the Hub's own."""
    page = (ROOT / "docs" / "spaces.md").read_text("utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if re.match(r"\| \d+ ", line)]
    assert [row[0] for row in rows] == [f"| {n}" for n in range(1, len(rows) + 1)]
    assert len(rows) >= 25
    for row in rows:
        named = re.findall(r"(\S+\.py)::(\w+)", row[4])
        assert named or row[2] == "the Hub's own", row
        for file, test in named:
            assert f"def {test}(" in (ROOT / "tests" / file).read_text("utf-8"), row


def test_spaces_is_imported_before_the_model(project):
    """It replaces parts of torch, which model.py imports."""
    imports = re.findall(
        r"^(?:import|from) (\w+)", (project / "app.py").read_text("utf-8"), re.MULTILINE
    )
    assert imports.index("spaces") < imports.index("model")


def test_lock_has_audioop(project):
    text = (project / "requirements.txt").read_text("utf-8")
    assert re.search(r"^audioop-lts==\S+ ; python_full_version >= '3.13'", text, re.MULTILINE)


def test_opencv_is_headless(bake):
    project = bake(task="image-to-image", framework="python", platform="huggingface")
    text = (project / "requirements.txt").read_text("utf-8")
    assert re.findall(r"^opencv[\w-]+", text, re.MULTILINE) == ["opencv-python-headless"]


@pytest.mark.slow
def test_builder_s_packages_resolve_beside_the_lock(bake, tmp_path):
    """What the builder of Spaces installs with requirements.txt changes no version in it."""
    project = bake(task="image-to-image", framework="python", platform="huggingface")
    text = (project / "requirements.txt").read_text("utf-8")
    version = re.search(r"^gradio==(\S+)", text, re.MULTILINE)[1]
    builder = f"gradio[oauth,mcp]=={version}\nuvicorn>=0.14.0\nwebsockets>=10.4\nspaces\n"
    (tmp_path / "builder.in").write_text(builder)
    run = subprocess.run(
        [sys.executable, "-m", "uv", "pip", "compile", "--no-header", "--no-annotate",
         "--python-version", "3.12", "builder.in", project / "requirements.txt"],
        cwd=tmp_path, env=os.environ | {"UV_CACHE_DIR": str(BUILD / "uv")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
