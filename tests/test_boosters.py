"""LightGBM's and CatBoost's models: recognised, and answered as the libraries answer."""

import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import httpx
import pytest
from conftest import ROOT
from crafted import refusal
from running import MODEL_TESTS, clean_environment, free_port, install, own_tests, served

from local_extensions.model_files import FORMATS, Unusable, inspect

FILES = Path(__file__).parent / "booster_files"  # written by make.py there
MODELS = sorted(path for path in FILES.glob("*/*") if path.suffix in (".txt", ".cbm"))
LIGHTGBM, CATBOOST = FILES / "lightgbm-4.7.0", FILES / "catboost-1.2.10"
ANSWER = """
import json, sys
import model

print(json.dumps([model.predict(*row) for row in json.load(sys.stdin)]))
"""


def name(path: Path) -> str:
    return f"{path.parent.name}-{path.name}"


# Reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MODELS, ids=name)
def test_model_of_each_version(path):
    found = inspect(path)
    assert FORMATS[found.format].endings[0] == path.suffix
    assert found.features == ("size", "colour", "floor")
    assert found.input_shape == (None, 3)
    assert found.n_outputs == {"number": None, "binary": 1, "grade": 3}[path.stem]
    assert not found.runs_code


def test_categories_and_classes():
    found = inspect(LIGHTGBM / "grade.txt")
    assert found.values[1:] == (("green", "größe", "red"), (3, 4, 5))
    assert not found.notes
    found = inspect(CATBOOST / "grade.cbm")
    assert found.labels == ("a", "b", "c")
    assert "colour, floor" in found.notes[0]
    assert all(isinstance(value, str) for value in found.values[1:])


def edited(folder: Path, old: str, new: str) -> Path:
    """Write a model of LightGBM with another text in the header or the end."""
    text = (LIGHTGBM / "grade.txt").read_text("utf-8")
    assert old in text
    path = folder / "model.txt"
    path.write_text(text.replace(old, new), "utf-8", newline="")
    return path


REFUSED = {
    "custom": ("objective=multiclass num_class:3\n", "", "custom objective"),
    "version": ("version=v4", "version=v9", "have not been compared"),
    "ordered": ('["green"', '["x"], ["green"', "unordered categories"),
    "line ends": ("\n", "\r\n", "dos2unix"),
    "missing trees": ("Tree=1\n", "", "damaged or cut short"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_unsupported_lightgbm_model_is_refused(tmp_path, case):
    *change, reason = REFUSED[case]
    assert reason in refusal(edited(tmp_path, *change))


@pytest.mark.parametrize(
    ("objective", "note"),
    [
        ("multiclassova num_class:3 sigmoid:1", "divided by their sum"),
        ("lambdarank", "mean nothing by themselves"),
    ],
)
def test_notes_of_lightgbm(tmp_path, objective, note):
    (said,) = inspect(edited(tmp_path, "multiclass num_class:3", objective)).notes
    assert note in said


def test_losses_of_catboost(tmp_path):
    content, path = (CATBOOST / "grade.cbm").read_bytes(), tmp_path / "model.cbm"
    # Names of the same length, so that the offsets stay.
    path.write_bytes(content.replace(b'"MultiClass"', b'"Imaginary!"'))
    assert "loss Imaginary!" in refusal(path)
    path.write_bytes(content.replace(b"tags/v1.2.10", b"tags/v1.3.10"))
    assert "newer than 1.2" in refusal(path)


@pytest.mark.parametrize("path", [LIGHTGBM / "grade.txt", CATBOOST / "grade.cbm"], ids=name)
def test_truncated_file_is_refused(tmp_path, path):
    content, cut = path.read_bytes(), tmp_path / path.name
    for size in range(1, len(content) - 1, len(content) // 40):
        cut.write_bytes(content[:size])
        refusal(cut)


def test_hostile_numbers_of_catboost(tmp_path):
    """Neither memory nor time is spent on what an offset or a count claims."""
    content, path = (CATBOOST / "number.cbm").read_bytes(), tmp_path / "model.cbm"
    for at in range(4, len(content) - 4, 97):
        for value in (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f"):
            path.write_bytes(content[:at] + value + content[at + 4 :])
            try:
                assert inspect(path).detail.isprintable()
            except Unusable as error:
                assert str(error).isprintable()


def test_other_files_are_refused(tmp_path):
    OTHERS = {
        "dump.json": (b'{"name": "tree", "version": "v4"', "booster.save_model('model.txt')"),
        "model.json": (b'{\n  "ctr_data":\n', "save_model('model.cbm')"),
        "labels.txt": (b"dog\nbird\n", "is not a valid LightGBM model"),
    }
    for filename, (content, reason) in OTHERS.items():
        (tmp_path / filename).write_bytes(content)
        assert reason in refusal(tmp_path / filename)
    (tmp_path / "weights.onnx").touch()
    assert f"give {tmp_path / 'weights.onnx'}." in refusal(tmp_path)


def test_image_has_the_library_that_lightgbm_needs(bake):
    answers = {"task": "tabular", "platform": "docker"}
    project = bake(framework="lightgbm", **answers)
    assert "install -y --no-install-recommends libgomp1" in (project / "Dockerfile").read_text()
    hadolint = Path(sys.executable).with_name("hadolint")
    subprocess.run([hadolint, "--no-color", project / "Dockerfile"], check=True)
    assert "apt-get" not in (bake(framework="catboost", **answers) / "Dockerfile").read_text()


def test_locked_version_is_current():
    locks = ROOT / "templates" / "requirements"
    assert "lightgbm==4.7." in (locks / "lightgbm-cpu.txt").read_text("utf-8")
    assert "catboost==1.2." in (locks / "catboost-cpu.txt").read_text("utf-8")


# Answering --------------------------------------------------------------------------------


@cache
def python_of(bake, framework: str) -> Path:
    """Return the interpreter of the environment that a lock makes."""
    return install(bake(task="tabular", framework=framework, platform="local")) / "python"


def answers(bake, path: Path, rows: list) -> list:
    """Return the answers of a project's model.py."""
    project = bake(task="tabular", model_path=str(path), platform="local")
    run = [python_of(bake, path.parent.name.partition("-")[0]), "-W", "error", "-c", ANSWER]
    given = json.dumps(rows).encode()
    said = subprocess.run(run, cwd=project, input=given, stdout=-1, check=True).stdout
    return json.loads(said.splitlines()[-1])  # LightGBM warns there of old parameters


@pytest.mark.sample("*4.7.0*", "*1.2.10*", "*0.26.1-grade*", "*2.3.1-grade*")
@pytest.mark.slow
@pytest.mark.parametrize("path", MODELS, ids=name)
def test_answers_match_the_saving_version(bake, path):
    said = json.loads((path.parent / "said.json").read_text("utf-8"))
    for answer, truth in zip(answers(bake, path, said["rows"]), said[path.stem], strict=True):
        if path.stem == "number":
            assert answer == pytest.approx(truth, rel=1e-6)
        else:
            assert [*answer.values()] == pytest.approx(truth, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("path", [LIGHTGBM / "grade.txt", CATBOOST / "grade.cbm"], ids=name)
def test_own_model_passes_the_projects_tests(bake, path):
    project = bake(task="tabular", model_path=str(path), platform="local")
    run = own_tests(project, MODEL_TESTS)
    assert run.returncode == 0, run.stdout[-3000:]


@pytest.mark.slow
def test_unknown_category_is_refused(bake, tmp_path):
    folder = tmp_path / "lightgbm-4.7.0"
    folder.mkdir()
    path = Path(shutil.copy(LIGHTGBM / "number.txt", folder))
    with pytest.raises(subprocess.CalledProcessError):
        answers(bake, path, [[0.5, "purple", 3]])
    project = bake(task="tabular", model_path=str(path), platform="local")
    port = free_port()
    environment = clean_environment(install(project), PORT=str(port))
    with served(project, ["python", "app.py"], environment, port) as url:
        row = {"size": 0.5, "colour": "größe", "floor": 4}
        answer = httpx.post(f"{url}/predict", json=row)
        assert answer.json() == pytest.approx(answers(bake, path, [[*row.values()]])[0])
        for wrong, choices in (
            ({"colour": "purple"}, "'green', 'größe' or 'red'"),
            ({"floor": 7}, "3, 4 or 5"),
        ):
            said = httpx.post(f"{url}/predict", json=row | wrong)
            assert (said.status_code, choices in said.text) == (422, True), said.text
            assert min(wrong) in said.text


def test_more_categories_than_a_list_takes_are_typed(tmp_path):
    names = json.dumps([["green", *map(str, range(1000))], [3, 4, 5]])
    path = edited(tmp_path, '[["green", "gr\\u00f6\\u00dfe", "red"], [3, 4, 5]]', names)
    assert inspect(path).values[1:] == ("green", (3, 4, 5))
