"""python -m ml_ui swap: a newer model file in a project that its owner has edited."""

import json
import os
import subprocess
import sys

import pytest
from colours import save_network
from test_update import commit, generate, git, replace, template  # noqa: F401, a fixture

from ml_ui import record


@pytest.fixture
def project(template, tmp_path):  # noqa: F811
    """Return a project for a network, edited and committed by its owner."""
    save_network(tmp_path / "first.onnx", 0, 1, False)
    made = generate(
        template, tmp_path / "made", model_path=str(tmp_path / "first.onnx"), platform="local",
        description="Tells what a picture shows.",
    )  # fmt: skip
    replace(made / "model.py", "MEAN = 0.0", "MEAN = 0.5")
    replace(made / "app.py", 'title="First"', 'title="Mine"')
    commit(made, "My edits")
    return made


def run(project, *arguments):
    """Run the command with the package that the project holds."""
    return subprocess.run(
        [sys.executable, "-B", "-m", "ml_ui", "swap", *map(str, arguments)],
        cwd=project, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_labels_constants_and_sizes_follow_and_edits_stay(project, template, tmp_path):  # noqa: F811
    names = ["one", "two", "three", "four", "five", "six"]
    (tmp_path / "newer").mkdir()
    save_network(tmp_path / "newer" / "second.onnx", 0, 1, False, size=48)
    (tmp_path / "newer" / "labels.txt").write_text("\n".join(names))
    done = run(project, tmp_path / "newer" / "second.onnx", "--template", template)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in project.glob("model/*")) == ["labels.txt", "second.onnx"]
    assert (project / "model" / "labels.txt").read_text("utf-8").split() == names
    source = (project / "model.py").read_text("utf-8")
    assert '"second.onnx"' in source and "MEAN = 0.5" in source and "(None, 3, 48, 48)" in source
    assert 'title="Mine"' in (project / "app.py").read_text("utf-8")
    recorded = json.loads((project / record.NAME).read_text("utf-8"))
    assert recorded["model"]["file"] == recorded["answers"]["model_path"] == "second.onnx"
    assert not git(project, "status", "--porcelain", "--", "ml_ui")
    code = "import model, numpy; print(*model.predict(numpy.zeros((9, 9, 3), 'uint8')))"
    answer = subprocess.check_output([sys.executable, "-c", code], cwd=project, text=True)
    assert answer.split() == names


@pytest.mark.slow
def test_examples_stay_unless_the_new_model_has_some(template, tmp_path):  # noqa: F811
    table = "a,b,c,d,answer\n5.0,3.6,1.4,0.2,0\n"
    demo = template / "demos" / "tabular" / "iris.skops"
    for name in ("first", "second", "third"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.skops").write_bytes(demo.read_bytes())
    for name in ("first", "third"):
        (tmp_path / name / "examples.csv").write_text(table.replace("5.0", f"{len(name)}.0"))
    made = generate(
        template, tmp_path / "made", model_path=str(tmp_path / "first" / "first.skops"),
        platform="local",
    )  # fmt: skip
    mine = table.replace("5.0", "4.5")
    (made / "examples.csv").write_text(mine)
    commit(made, "My examples")
    for name, wanted in {"second": mine, "third": table}.items():
        done = run(made, tmp_path / name / f"{name}.skops", "--template", template)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (made / "examples.csv").read_text() == wanted
        assert '"a": 5.0,' in (made / "model.py").read_text("utf-8")
        commit(made, name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("no.onnx", "swap: there is no "),
        ("made/first/model/first.onnx", "is the project's model"),
        ("damaged.onnx", "damaged.onnx"),
    ],
)
def test_refusal_changes_nothing(project, template, tmp_path, name, error):  # noqa: F811
    (tmp_path / "damaged.onnx").write_bytes(b"\x08")
    done = run(project, tmp_path / name, "--template", template)
    assert done.returncode == 2 and error in done.stderr, done.stdout + done.stderr
    assert git(project, "status", "--porcelain") == ""
