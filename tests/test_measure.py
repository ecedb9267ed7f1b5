"""Predictions of preflight beside what is really built and booted."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from conftest import ROOT

PAGE = ROOT / "docs" / "footprint.md"
STORY_A = {"task": "image-to-image", "framework": "python"}
COMMAND = [sys.executable, "-B", "-m", "ml_ui", "preflight", "--measure"]
# The largest error of a prediction, and of all in the mean, in per cent.
MOST = {"slug": (5, 3), "repository": (5, 3), "image": (5, 3), "memory": (15, 15)}


def clean() -> dict[str, str]:
    """Return an environment in which pip writes bytecode."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def measured(project: Path, *options: str) -> subprocess.CompletedProcess:
    """Run `preflight --measure` of a project."""
    return subprocess.run(
        [*COMMAND, *options], cwd=project, env=clean(), capture_output=True, text=True, check=False
    )


def rows(text: str) -> dict[str, list[str]]:
    """Return the cells of the summary, by quantity."""
    table = text.partition("| quantity |")[2].partition("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return {name: rest for name, *rest in cells[2:]}


def percent(text: str) -> float:
    return abs(float(text.removesuffix("%")))


def test_page_of_the_verification():
    """At least 24 projects, each quantity near enough, and not one wrong verdict."""
    text = PAGE.read_text("utf-8")
    found = rows(text)
    for name, (worst, mean) in MOST.items():
        _, mean_error, worst_error, _ = found[name]
        assert percent(mean_error) <= mean, name
        assert percent(worst_error) <= worst, name
    assert all(wrong.startswith("0 of ") for *_, wrong in found.values())
    assert len(set(re.findall(r"^\| (\w[\w-]*, .*?) \|", text, re.MULTILINE))) >= 24
    for verdict in ("does not fit", "fits"):
        assert f"| {verdict} |" in text
    assert re.search(r"last\s+run on \d{4}-\d\d-\d\d", text)


@pytest.mark.slow
def test_measured_values_decide(bake):
    """What fits by prediction does not, if what is built and booted is beyond a limit."""
    run = measured(bake(**STORY_A, platform="heroku"), "--json", "--limit=boot=0.5s")
    assert run.returncode == 1, run.stderr
    checks = {check["name"]: check for check in json.loads(run.stdout)["checks"]}
    assert [name for name, check in checks.items() if not check["fits"]] == ["boot"]
    for name in MOST.keys() & checks.keys():
        error = checks[name]["predicted"] / checks[name]["measured"] - 1
        assert abs(error) * 100 <= MOST[name][0], name


def minimal(bake, folder: Path, code: str) -> Path:
    """Return a project in a folder that installs one small package and runs this code."""
    project = shutil.copytree(bake(**STORY_A, platform="heroku"), folder / "project")
    (project / "requirements.txt").write_text("six==1.17.0\n")
    (project / "app.py").write_text(code)
    return project


@pytest.mark.sample("15-venv")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "sign"),
    [(signal.SIGINT, "venv"), (signal.SIGTERM, "venv"), (signal.SIGTERM, "app.log")],
)
def test_interrupt_leaves_nothing(bake, tmp_path, number, sign):
    """While it installs, and while it serves."""
    project = minimal(bake, tmp_path, "import time\n\ntime.sleep(600)\n")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = clean() | {"TMPDIR": str(temporary)}
    process = subprocess.Popen(
        COMMAND, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        # A shell lets its background processes ignore it.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )  # fmt: skip
    while not list(temporary.glob(f"*/{sign}")):
        assert process.poll() is None
        time.sleep(0.1)
    time.sleep(0.2)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (130, b"", b"")
    assert not list(temporary.iterdir())
    left = [path for path in Path("/proc").glob("[0-9]*/environ") if inside(path, temporary)]
    assert not left


def inside(path: Path, folder: Path) -> bool:
    """Return whether a process has its temporary files in a folder."""
    try:
        return f"TMPDIR={folder}".encode() in path.read_bytes()
    except OSError:  # it has ended
        return False


@pytest.mark.slow
def test_failed_boot_is_reported(bake, tmp_path):
    run = measured(minimal(bake, tmp_path, "raise RuntimeError('no model')\n"))
    assert (run.returncode, run.stdout) == (2, "")
    assert "RuntimeError: no model" in run.stderr


@pytest.mark.every
@pytest.mark.slow
def test_verification_of_one_project():
    """`make verify-footprint`, for the project that takes the least time."""
    command = [sys.executable, "-m", "scripts.verify_footprint", "--only", "python, demo, heroku"]
    before = PAGE.read_bytes()
    run = subprocess.run(
        command, cwd=ROOT, env=clean(), capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]
    found = rows(run.stdout)
    assert percent(found["slug"][2]) <= 5
    assert percent(found["memory"][2]) <= 15
    assert "1 of 1: python, demo, heroku eco" in run.stderr
    assert PAGE.read_bytes() == before, "the page is that of all projects"
