"""Missing data: a quantity or a limit that is not known is reported as such, never as a fit."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import commands
import pytest
from conftest import ROOT
from cookiecutter.main import cookiecutter
from footprints import PACKAGES, find, of

from local_extensions.model_files import FORMATS
from ml_ui.sizing import footprint, limits, report, requirements
from ml_ui.sizing.project import weigh

LOCKS = ROOT / "templates" / "requirements"
PLATFORMS = limits.PLATFORMS
TIERS = [(name, tier) for name, facts in PLATFORMS.items() for tier in facts["hardware"]]
FIGURES = {"base", "held", "loading", "serving", "request", "boot"}


def test_each_format_has_an_entry():
    """Measured figures, or null: a new format is not forgotten."""
    assert footprint.FORMATS.keys() == {*FORMATS, "python"}
    for name, facts in footprint.FORMATS.items():
        assert facts is None or facts.keys() >= FIGURES, name


def test_each_lock_has_an_entry():
    locks = {path.stem for path in LOCKS.glob("*-*.txt")}
    assert locks <= footprint.PACKAGES["sets"].keys()


@pytest.mark.parametrize("path", sorted(LOCKS.glob("*-*.txt")), ids=lambda path: path.stem)
def test_each_package_of_a_lock_has_its_sizes(path):
    recorded = json.loads(path.with_suffix(".json").read_text("utf-8"))["packages"]
    pythons = footprint.PACKAGES["bytecode_per_source"]
    weighed = {}
    for python in pythons:
        weighed |= requirements.weigh(path.read_text("utf-8"), python, recorded)[1]
    assert weighed == recorded
    for name, sizes in weighed.items():
        assert sizes.keys() >= footprint.Sizes.__annotations__.keys(), name
    assert of(packages=weighed).uses_gpu is path.stem.endswith("-gpu")


@pytest.mark.parametrize("measured", [{}, {"gguf": None}])
def test_format_without_figures(monkeypatch, measured):
    monkeypatch.setattr(footprint, "FORMATS", measured)
    answer = report.check("heroku", "eco", of(1_000, format="gguf"))
    assert answer.fits is None
    assert answer.ways_out == ()
    for name in ("memory", "peak", "boot"):
        check = find(answer, name)
        assert (check.predicted, check.fits, check.parts) == (None, None, {})
        assert check.limit
    assert find(answer, "slug").fits
    (reason,) = answer.not_known
    assert "the format 'gguf' has not been measured" in reason
    text = report.as_text(answer)
    assert "eco ($5/month): it is not known whether it fits." in text
    assert re.search(r"^memory {5}not known, limit 512 MB$", text, re.MULTILINE)
    assert ": it fits" not in text
    assert reason[:60] in " ".join(report.as_text(answer, brief=True).split())
    assert json.loads(answer.as_json())["fits"] is None


def test_format_is_not_recorded():
    answer = report.check("heroku", "eco", of(1_000, format=None))
    assert answer.fits is None
    assert ".ml-ui.json does not name the model's format" in answer.not_known[0]


def test_measured_values_decide_without_a_prediction():
    answer = report.check("heroku", "eco", of(1_000, format="gguf"))
    measured = {"memory": 3e8, "peak": 3e8, "boot": 4.0}
    assert answer.measured(measured).fits is True
    assert answer.measured(measured).not_known == ()
    assert "  measured 300 MB\n" in report.as_text(answer.measured(measured))
    assert answer.measured(measured | {"boot": 61.0}).fits is False
    assert answer.measured({"memory": 3e8}).fits is None


def test_exceeded_limit_decides():
    answer = report.check("heroku", "eco", of(1_200_000_000, format="gguf"))
    assert answer.fits is False
    assert answer.not_known[0] in " ".join(report.as_text(answer).split())
    assert not any(way.startswith(("Take", "Go to Render")) for way in answer.ways_out)


def test_package_without_a_size():
    packages = PACKAGES | {"left-pad": None}
    answer = report.check("heroku", "eco", of(1_000, packages=packages))
    assert (answer.fits, find(answer, "slug").predicted) == (None, None)
    assert answer.not_known[0].startswith("The size of left-pad is not known")
    # It does not hide a refusal, nor the notes of what is known.
    answer = report.check("heroku", "eco", of(410_000_000, packages=packages))
    assert answer.fits is False
    assert any("peak is over 512 MB" in note for note in answer.notes)
    # A Space installs packages outside its repository: no known limit depends on them.
    answer = report.check("huggingface", "zero-a10g", of(1_000, packages=packages))
    assert answer.fits is True
    assert find(answer, "disk").fits is None


@pytest.mark.parametrize(("platform", "hardware"), TIERS)
def test_undocumented_limit(platform, hardware):
    """Each tier either has an amount, or its row says that the limit is not known."""
    tier = PLATFORMS[platform]["hardware"][hardware]
    answer = report.check(platform, hardware, of(1_000))
    open_limits = {
        entry["name"]
        for entry in PLATFORMS[platform]["limits"]
        if entry["kind"] == "refuse" and "tier" in entry and tier[entry["tier"]] is None
    } - ({"gpu"} if tier["class"] == "cpu" else set())
    text = report.as_text(answer)
    for check in answer.checks:
        not_known = check.name in open_limits
        assert (check.written == limits.LIMIT_NOT_KNOWN) is not_known
        assert check.fits is (None if not_known else True)
        row = rf"^{check.name} .*, limit not known$"
        assert bool(re.search(row, text, re.MULTILINE)) is not_known
    assert answer.fits is True
    assert ("it fits the limits that are known" in text) is bool(open_limits & {
        check.name for check in answer.checks
    })  # fmt: skip


def test_this_computer_has_no_limits():
    for platform in ("local", "docker"):
        answer = report.check(platform, None, of(50 * 10**9))
        assert {check.written for check in answer.checks} == {limits.NO_LIMIT}
        assert ": it fits.\n" in report.as_text(answer)


def test_gpu_memory_does_not_apply_without_a_gpu():
    cuda = PACKAGES | {"nvidia-cuda-runtime-cu12": PACKAGES["numpy"]}
    names = {
        (tier, bool(packages is cuda)): [
            check.name for check in report.check("huggingface", tier, of(1, packages=packages)).checks
        ]
        for tier in ("cpu-basic", "t4-small")
        for packages in (PACKAGES, cuda)
    }  # fmt: skip
    assert {key for key, checks in names.items() if "gpu" in checks} == {("t4-small", True)}


def test_precision_without_figures_is_noted():
    answer = report.check("render", "starter", of(1_000, format="torchscript", dtype="float16"))
    assert answer.fits
    assert any("memory of float16 weights" in note for note in answer.notes)
    for dtype in (None, "float32", "float16", "bfloat16", "int8", "uint8"):
        answer = report.check("render", "starter", of(1_000, dtype=dtype))
        assert not any("memory of" in note for note in answer.notes), dtype


def test_python_without_figures_is_noted():
    for python, noted in (("3.11", False), ("3.99", True)):
        notes = report.check("render", "starter", of(1_000, python=python)).notes
        assert any(f"bytecode of Python {python} has not" in note for note in notes) is noted


@pytest.fixture
def repository(tmp_path):
    """Return a project in git with two commits."""
    folder = tmp_path / "app"
    folder.mkdir()
    recorded = {
        "lock": "onnx-cpu",
        "answers": {"platform": "huggingface"},
        "model": {"format": "onnx"},
        "sizes": {"packages": {}},
    }
    (folder / ".ml-ui.json").write_text(json.dumps(recorded))
    (folder / "requirements.txt").write_text("")
    git(folder, "init", "-q")
    for text in ("x" * 5_000, "y" * 6_000):
        (folder / "app.py").write_text(text)
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", "A version")
    return folder


def git(folder, *arguments):
    """Run git as somebody."""
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def test_shallow_clone_is_noted(repository, tmp_path):
    assert weigh(repository).history == 5_000
    git(tmp_path, "clone", "-q", "--depth", "1", repository.as_uri(), "clone")
    found = weigh(tmp_path / "clone")
    assert (found.history, found.shallow) == (0, True)
    answer = report.check("huggingface", None, found)
    assert any("clone is shallow" in note for note in answer.notes)


def test_unreadable_repository(repository):
    """Its history is not silently left out."""
    (repository / ".git" / "HEAD").write_text("?")
    done = commands.run("preflight", folder=repository)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("preflight: git ls-files failed in ")


def test_repository_without_git(repository, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = commands.run("preflight", folder=repository)
    assert (done.returncode, done.stdout) == (2, "")
    assert "git is not installed" in done.stderr


def test_linked_folder_is_pushed_as_a_link(repository, tmp_path):
    before = weigh(repository).sources
    (repository / "data").symlink_to(tmp_path)
    assert weigh(repository).sources == before


def test_generation_reports_not_known(tmp_path, monkeypatch, capfd):
    """It does not refuse what only the project's own --measure can find out."""
    monkeypatch.setitem(footprint.FORMATS, "onnx", None)
    answers = {"platform": "heroku", "framework": "onnx", "project_slug": "not-known"}
    folder = cookiecutter(str(ROOT), no_input=True, output_dir=str(tmp_path), extra_context=answers)
    shown = capfd.readouterr().out
    assert "Heroku, eco ($5/month): it is not known whether it fits." in shown
    assert "the format 'onnx' has not been measured" in " ".join(shown.split())
    assert "- memory: not known of 512 MB" in (Path(folder) / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", ["requirements.txt", ".slugignore"])
def test_file_that_is_not_utf_8_is_bad_input(repository, name):
    (repository / name).write_bytes(b"\xff==1\n")
    done = commands.run("preflight", folder=repository)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{name} is not UTF-8 text" in done.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_named_pipe_is_not_read(repository):
    (repository / "requirements.txt").unlink()
    os.mkfifo(repository / "requirements.txt")
    done = commands.run("preflight", folder=repository)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("requirements.txt is not a regular file: replace it with one.\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_named_pipe_is_not_pushed(repository):
    shutil.rmtree(repository / ".git")
    before = weigh(repository).sources
    os.mkfifo(repository / "pipe")
    assert weigh(repository).sources == before
