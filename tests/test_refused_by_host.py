"""What a Space refuses besides sizes, seen by preflight before it is pushed."""

import re
import shutil

import commands
import pytest

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
