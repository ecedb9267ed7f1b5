"""python -m ml_ui swap: a newer model file in a project that its owner has edited."""

import json
import os
import subprocess
import sys

import model_hub
import pytest
from colours import save_network
from test_update import commit, generate, git, replace, template  # noqa: F401, a fixture

from ml_ui import hub, record


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


@pytest.fixture
def on_hub(tmp_path, monkeypatch):
    """Return a function that adds commits of you/network to the Hub, and the newest to the cache."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with model_hub.served() as (url, state):
        monkeypatch.setenv("HF_ENDPOINT", url)

        def add(*sizes: int) -> list[str]:
            commits = []
            for size in sizes:
                save_network(tmp_path / "network.onnx", 0, 1, False, size=size)
                names = ("network.onnx", "labels.txt")
                commits.append({name: (tmp_path / name).read_bytes() for name in names})
            hashes = state.add("you/network", *commits)
            model_hub.download(url, tmp_path / "hub", "you/network")
            return hashes

        yield add


@pytest.mark.slow
def test_from_a_file_to_the_hub_and_to_a_newer_commit(project, template, on_hub):  # noqa: F811
    done = run(project, "you/network", "--template", template)
    assert done.returncode == 2 and "`hf download you/network`" in done.stderr
    (first,) = on_hub(32)
    done = run(project, "you/network", "--template", template)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in project.glob("model/*")) == ["hub.json", "labels.txt"]
    source = (project / "model.py").read_text("utf-8")
    assert "Model(hub.fetch(MODEL))" in source and "MEAN = 0.5" in source
    assert pinned(project) == f"you/network/network.onnx@{first}"
    commit(project, "On the Hub")

    done = run(project, "you/network", "--template", template)
    assert done.returncode == 2 and f"@{first} is the project's model" in done.stderr
    assert git(project, "status", "--porcelain") == ""
    _, second = on_hub(32, 48)
    done = run(project, "you/network", "--template", template)
    assert done.returncode == 0, done.stdout + done.stderr
    assert pinned(project) == f"you/network/network.onnx@{second}"
    source = (project / "model.py").read_text("utf-8")
    assert "MEAN = 0.5" in source and "(None, 3, 48, 48)" in source


def pinned(project) -> str:
    """Return the id in hub.json, which is that in the record."""
    found = hub.Weights.read(project / "model" / hub.NAME).id
    assert json.loads((project / record.NAME).read_text("utf-8"))["answers"]["model_path"] == found
    return found


@pytest.mark.slow
def test_update_of_a_project_with_weights_on_the_hub(template, tmp_path, on_hub):  # noqa: F811
    """A commit that its owner pinned by hand stays; without the cache it is refused."""
    old, new = on_hub(32, 32)
    git(template, "checkout", "--quiet", "first")
    made = generate(template, tmp_path / "made", model_path="you/network", platform="heroku")
    git(template, "checkout", "--quiet", "-")
    replace(made / "model" / "hub.json", new, old)
    commit(made, "Pin another commit")
    update = [
        sys.executable,
        "-B",
        "-m",
        "ml_ui",
        "update",
        "--template",
        template,
        "--to",
        "third",
    ]
    done = subprocess.run(update, cwd=made, capture_output=True, text=True, check=False)
    command = f"`hf download you/network network.onnx --revision {old}`"
    assert done.returncode == 2 and command in done.stderr, done.stderr
    model_hub.download(os.environ["HF_ENDPOINT"], tmp_path / "hub", "you/network", revision=old)
    done = subprocess.run(update, cwd=made, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert pinned(made) == f"you/network/network.onnx@{old}"
    changed = git(made, "diff", "--cached", "--name-only").splitlines()
    assert "app.py" in changed and not [name for name in changed if name.startswith("model")]
