"""python -m ml_ui swap: a newer model file in a project that its owner has edited."""

import json
import os
import subprocess
import sys

import model_hub
import pytest
from colours import save_network, save_picture
from crafted import array, pipeline, text, write
from onnx_kinds import save_rows
from test_update import (  # template: a fixture
    commit,
    files,
    generate,
    git,
    replace,
    template,  # noqa: F401
)

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
        first = wanted.splitlines()[1].partition(",")[0]  # the default value of its field
        assert f'"a": {first},' in (made / "model.py").read_text("utf-8")
        commit(made, name)


WINE = "alcohol,ash,hue,answer\n13.5,2.25,1.0,barolo\n12.0,2.0,1.5,barbera\n"
NAMES = "barolo\ngrignolino\nbarbera\n"


@pytest.fixture
def wine(template, tmp_path):  # noqa: F811
    """Return a project for a model of rows, made with its labels and an examples.csv."""
    model = save_rows(tmp_path / "first" / "wine.onnx", 3, 3)
    (tmp_path / "first" / "labels.txt").write_text(NAMES)
    (tmp_path / "first" / "examples.csv").write_text(WINE)
    return generate(
        template, tmp_path / "made", model_path=str(model), platform="local", task="tabular"
    )


@pytest.mark.slow
def test_retrained_model_takes_labels_and_examples(wine, template, tmp_path):  # noqa: F811
    """Nothing but the model's file differs; a name that its owner corrected stays."""
    replace(wine / "model" / "labels.txt", "grignolino", "nebbiolo")
    commit(wine, "A better name")
    newer = save_rows(tmp_path / "newer" / "wine.onnx", 3, 3, seed=1)
    done = run(wine, newer, "--template", template)
    assert done.returncode == 0, done.stdout + done.stderr
    assert git(wine, "diff", "--cached", "--name-only") == "model/wine.onnx"
    assert (wine / "model" / "wine.onnx").read_bytes() == newer.read_bytes()


@pytest.mark.slow
def test_names_of_classes_in_the_new_file(wine, template, tmp_path):  # noqa: F811
    (wine / "examples.csv").unlink()
    commit(wine, "Without examples")
    newer = save_rows(tmp_path / "newer" / "wine.onnx", 3, 2, names="red white")
    done = run(wine, newer, "--template", template)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (wine / "model" / "labels.txt").read_text().split() == ["red", "white"]
    recorded = json.loads((wine / record.NAME).read_text("utf-8"))
    assert recorded["guesses"] == [
        "The file does not name its columns: check FEATURES in model.py."
    ]
    assert not (wine / "examples.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "classes", "error"),
    [
        (3, 4, "labels.txt: the file beside the model has 3 classes, the model 4."),
        (4, 3, "takes 4 columns and does not name them, and the model before it takes 3: alcohol"),
    ],
)
def test_model_of_other_classes_or_columns(
    wine, template, tmp_path, columns, classes, error  # noqa: F811
):  # fmt: skip
    """It is refused, and swapped with a labels.txt or an examples.csv of its own."""
    before = files(wine)
    newer = save_rows(tmp_path / "newer" / "wine.onnx", columns, classes)
    done = run(wine, newer, "--template", template)
    assert done.returncode == 2 and error in done.stderr, done.stdout + done.stderr
    assert f"{newer.parent}" in done.stderr and files(wine) == before
    names, table = NAMES, WINE
    if classes == 4:
        names = NAMES + "dolcetto\n"
        (newer.parent / "labels.txt").write_text(names)
    else:
        table = "alcohol,ash,hue,proline,answer\n13.5,2.25,1.0,750.0,grignolino\n"
        (newer.parent / "examples.csv").write_text(table)
    done = run(wine, newer, "--template", template)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (wine / "model" / "labels.txt").read_text() == names
    assert (wine / "examples.csv").read_text().split() == table.split()
    assert ('"proline": 750.0' in (wine / "model.py").read_text("utf-8")) is (columns == 4)


def named(folder, *names: str):
    """Write a pipeline that names its two columns."""
    folder.mkdir()
    columns = array("O8", b"](" + b"".join(map(text, names)) + b"e", 2)
    classes = array("O8", b"](" + text("cat") + text("bird") + b"e", 2)
    return write(folder, "animals.pkl", pipeline(columns, classes))


@pytest.mark.slow
def test_columns_that_the_file_names(template, tmp_path):  # noqa: F811
    first = named(tmp_path / "first", "width", "height")
    (tmp_path / "first" / "examples.csv").write_text("height,width,animal\n30,1.5,bird\n")
    made = generate(template, tmp_path / "made", model_path=str(first), platform="local")
    newer = named(tmp_path / "newer", "depth", "height")
    done = run(made, newer, "--template", template)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "takes other columns than the model before it: depth (new), not width." in done.stderr
    assert git(made, "status", "--porcelain") == ""
    git(made, "rm", "--quiet", "examples.csv")
    commit(made, "Without examples")
    done = run(made, newer, "--template", template)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"depth": 0.0' in (made / "model.py").read_text("utf-8")


@pytest.mark.slow
def test_pictures_of_the_owner_stay(project, template, tmp_path):  # noqa: F811
    """Placeholders that came along do not come back, and pictures of the new one replace them."""
    for path in project.glob("examples/*"):
        path.unlink()
    save_picture(project / "examples" / "red.png", "brick")
    commit(project, "My picture")
    newer = tmp_path / "newer" / "second.onnx"
    newer.parent.mkdir()
    save_network(newer, 0, 1, False, size=48)
    done = run(project, newer, "--template", template)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in project.glob("examples/*")] == ["red.png"]
    commit(project, "Swap")
    third = tmp_path / "third" / "third.onnx"
    (third.parent / "examples").mkdir(parents=True)
    save_network(third, 0, 1, False)
    save_picture(third.parent / "examples" / "blue.png", "sea")
    done = run(project, third, "--template", template)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in project.glob("examples/*")] == ["blue.png"]


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

        def add(*sizes: int, labels: bool = True) -> list[str]:
            commits = []
            for size in sizes:
                save_network(tmp_path / "network.onnx", 0, 1, False, size=size)
                names = ["network.onnx", *(["labels.txt"] if labels else [])]
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


@pytest.mark.slow
def test_labels_stay_if_a_repository_has_none(project, template, tmp_path, on_hub):  # noqa: F811
    """Its classes are not counted, so that is said."""
    labels = (project / "model" / "labels.txt").read_text("utf-8")
    on_hub(32, labels=False)
    done = run(project, "you/network", "--template", template)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "model" / "labels.txt").read_text("utf-8") == labels
    note = "Note: model/labels.txt stays, as you/network does not name its classes"
    assert note in done.stdout


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
