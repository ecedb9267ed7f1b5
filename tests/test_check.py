"""python -m ml_ui check: networks that do not tell how pixels are scaled."""

import json
import subprocess
import sys
from pathlib import Path

import commands
import numpy as np
import onnx
import pytest
from colours import COLOURS, save_network, save_picture
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from local_extensions.model_files import pixels
from ml_ui import check
from ml_ui.examples import BadExample
from ml_ui.scaling import BLUE_FIRST, IMAGENET, SCALINGS, rewritten, rewritten_script

CAFFE = np.array([103.939, 116.779, 123.68]) / 255
TRAINED = {  # with pixels as their authors scaled them: a mean, a deviation, the order
    "0..255": (0, 1 / 255, False),
    "-1..1": (0.5, 0.5, False),
    "ImageNet's mean and deviation": (*IMAGENET, False),
    "0..16": (0, 1 / 16, False),
    # keras.applications, mode "caffe".
    "0..255 minus ImageNet's mean, blue first": (CAFFE, 1 / 255, True),
    "ImageNet's mean and deviation, blue first": (*(each[::-1] for each in IMAGENET), True),
}


ROOT = Path(__file__).parent.parent
MODULES = ("app", "model", "runtime")


@pytest.fixture(autouse=True)
def own_modules(monkeypatch):
    """A project's modules are imported into this process, and forgotten after the test."""
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    # Bytecode would outlive an edit of the same second and size.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def project(bake, tmp_path):
    """Return a function that generates a project for a network."""

    def generate(*trained):
        save_network(tmp_path / "network.onnx", *trained)
        return bake(model_path=str(tmp_path / "network.onnx"), platform="local", ci=False)

    return generate


@pytest.fixture
def picture(tmp_path):
    """Return the path of a picture of grass."""
    save_picture(tmp_path / "meadow.png", "grass")
    return str(tmp_path / "meadow.png")


def test_generation_and_check_know_one_imagenet():
    assert pixels.IMAGENET == IMAGENET
    assert pixels.CAFFE.mean == SCALINGS[-1].reversed().mean


@pytest.mark.parametrize("title", TRAINED)
def test_one_labelled_picture_tells_the_scaling(project, tmp_path, title):
    mean, std, blue_first = TRAINED[title]
    folder = project(mean, std, blue_first)
    colour = "sea" if blue_first else "grass"  # with as much red as blue
    save_picture(tmp_path / "meadow.png", colour)
    asked = ["--example", str(tmp_path / "meadow.png"), "--expect", colour]
    run = commands.run("check", *asked, folder=folder)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "Right: 0 of 1." in run.stdout
    assert f"Edit model.py, for {title}:" in run.stdout
    run = commands.run("check", *asked, "--write", folder=folder)
    assert run.returncode == 0 and "Written to model.py" in run.stdout
    for name in MODULES:
        sys.modules.pop(name)
    run = commands.run("check", *asked, folder=folder)
    assert run.returncode == 0 and "Right: 1 of 1." in run.stdout, run.stdout
    model = sys.modules["model"]
    given = model.prepare(np.array([[[255, 128, 0]]], np.uint8), (None, 3, 1, 1)).ravel()
    colour = np.array([1, 128 / 255, 0])[:: -1 if blue_first else 1]
    assert given == pytest.approx((colour - mean) / std, abs=0.01)


def save_linear_network(path, mean, std):
    """Save a network that goes by the direction of a colour: right at any size, but not as sure."""
    colours = (np.array([*COLOURS.values()], np.float32) / 255 - np.float32(mean)) / np.float32(std)
    sizes = np.linalg.norm(colours, axis=1, keepdims=True)
    weights = {"w": 20 * (colours / sizes).T / sizes.mean()}
    graph = onnx.parser.parse_graph(
        f"g (float[n, 3, 32, 32] x) => (float[n, {len(COLOURS)}] y) {{"
        "p = GlobalAveragePool(x)  f = Flatten(p)  y = MatMul(f, w) }"
    )
    for name, value in weights.items():
        graph.initializer.append(numpy_helper.from_array(value.astype(np.float32), name))
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    path.with_name("labels.txt").write_text("\n".join(COLOURS))


@pytest.mark.parametrize("title", ["ImageNet's mean and deviation", "-1..1"])
def test_a_surer_answer_to_larger_numbers_proves_nothing(bake, tmp_path, title):
    mean, std, _ = TRAINED[title]
    save_linear_network(tmp_path / "network.onnx", mean, std)
    folder = bake(model_path=str(tmp_path / "network.onnx"), platform="local", ci=False)
    asked = []
    for colour in COLOURS:
        save_picture(tmp_path / f"{colour}.png", colour)
        asked += ["--example", str(tmp_path / f"{colour}.png"), "--expect", colour]
    run = commands.run("check", *asked, "--write", folder=folder)
    assert run.returncode == 0, run.stdout
    model = (folder / "model.py").read_text("utf-8")
    taken = next(each for each in SCALINGS if each.title == title)
    assert all(f"{name} = {value}\n" in model for name, value in taken.constants().items())


@pytest.mark.parametrize(
    ("sure", "several", "title"),
    [
        ((0.35, 0.99), True, "0..255"),  # hardly surer than chance with the smaller ones
        ((0.95, 0.9999), True, "0..1"),
        ((0.95, 0.9999), False, "0..255"),  # one label: the smaller ones may always give it
        ((0.99, 0.99), False, "0..1"),
    ],
)
def test_the_likeliest_scaling(sure, several, title):
    found = dict(zip(SCALINGS[:2], sure, strict=True))
    assert check.likeliest(found, several).title == title


def test_a_page_in_the_browser_needs_the_edit_too(project, tmp_path):
    folder = project(0, 1, False)
    model = folder / "model.py"
    model.write_text(rewritten(model.read_text("utf-8"), {}, True), "utf-8")
    save_picture(tmp_path / "wave.png", "sea")
    asked = ["--example", str(tmp_path / "wave.png"), "--expect", "sea"]
    run = commands.run("check", *asked, folder=folder)
    assert "Edit model.py" in run.stdout and "model.js" not in run.stdout
    for name in MODULES:
        sys.modules.pop(name, None)
    (folder / "model.js").touch()
    run = commands.run("check", *asked, "--write", folder=folder)
    assert "Written to model.py" in run.stdout and "Change model.js" in run.stdout, run.stdout


@pytest.mark.parametrize("title", ["0..16", "0..255 minus ImageNet's mean, blue first"])
def test_the_page_in_the_browser_gets_the_same_edit(bake, tmp_path, title):
    """Its own tests compare the two files."""
    save_network(tmp_path / "network.onnx", *TRAINED[title])
    folder = bake(model_path=str(tmp_path / "network.onnx"), platform="browser", ci=False)
    asked = []
    for colour in ("grass", "sea"):
        save_picture(tmp_path / f"{colour}.png", colour)
        asked += ["--example", str(tmp_path / f"{colour}.png"), "--expect", colour]
    run = commands.run("check", *asked, "--write", folder=folder)
    assert "model.js has the same now." in run.stdout, run.stdout
    own = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_model_js.py"],
        cwd=folder, env=commands.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert own.returncode == 0, own.stdout
    back = rewritten_script((folder / "model.js").read_text("utf-8"), {}, blue_first=False)
    assert back and "swapped" not in back


def test_blue_is_not_first_any_more(project, tmp_path):
    """A network trained anew, in the project of one that took blue first."""
    folder = project(0, 1, False)
    model = folder / "model.py"
    model.write_text(rewritten(model.read_text("utf-8"), {}, True), "utf-8")
    save_picture(tmp_path / "wave.png", "sea")
    asked = ["--example", str(tmp_path / "wave.png"), "--expect", "sea"]
    run = commands.run("check", *asked, "--write", folder=folder)
    assert run.returncode == 0 and "Written to model.py, for 0..1:" in run.stdout, run.stdout
    assert BLUE_FIRST not in model.read_text("utf-8")


def test_generated_projects_say_blue_first_as_check_does():
    template = ROOT / "templates" / "inputs" / "picture" / "_model.py"
    assert BLUE_FIRST in template.read_text("utf-8").split("\n")


def test_size_that_the_file_leaves_free(bake, picture, tmp_path):
    """A network without a declared size, which works with one alone, and in one scaling."""
    network = tmp_path / "network.onnx"
    save_network(network, *TRAINED["-1..1"], size=48, declared=False)
    folder = bake(model_path=str(network), platform="local", ci=False)
    asked = ["--example", picture, "--expect", "grass"]
    run = commands.run("check", "--example", picture, folder=folder)
    assert run.returncode == 1 and ": INPUT_SHAPE = (None, 3, 48, 48)\n" in run.stdout
    for name in MODULES:
        sys.modules.pop(name)
    run = commands.run("check", *asked, "--write", folder=folder)
    assert "The model fails with INPUT_SHAPE = (None, 3, 224, 224)." in run.stdout
    assert "it answers with (None, 3, 48, 48)\n" in run.stdout
    assert run.returncode == 0 and "for -1..1" in run.stdout, run.stdout + run.stderr
    for name in MODULES:
        sys.modules.pop(name)
    run = commands.run("check", *asked, folder=folder)
    assert run.returncode == 0 and "Right: 1 of 1." in run.stdout, run.stdout


@pytest.mark.parametrize("shape", [(28, 28), (784,), (1, 28, 28), (28, 28, 1)], ids=str)
def test_every_layout_of_a_grey_picture(bake, picture, tmp_path, shape):
    """Pixels 0 to 1, line by line, weighted by random numbers."""
    weights = np.random.default_rng(0).normal(size=(784, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["x"], ["row"]),
        helper.make_node("MatMul", ["row", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"]),
    ]
    value, float32 = helper.make_tensor_value_info, TensorProto.FLOAT
    graph = helper.make_graph(
        nodes, "grey", [value("x", float32, [None, *shape])], [value("scores", float32, [None, 3])],
        [numpy_helper.from_array(weights, "weights")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "grey.onnx")
    folder = bake(model_path=str(tmp_path / "grey.onnx"), platform="local", ci=False)
    small = Image.open(picture).convert("L").resize((28, 28), Image.Resampling.BILINEAR)
    scores = np.exp(np.asarray(small).reshape(784) / 255 @ weights)
    share = max(scores / scores.sum())
    run = commands.run("check", "--example", picture, folder=folder)
    assert f": class {scores.argmax()} {share:.1%}," in run.stdout, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("operator", "row", "answer"),
    [
        ("LogSoftmax", "0.1,0.7", "class 1 64.6%, class 0 35.4%"),
        ("Neg", "0.1,0.7", "-0.1, -0.7"),
        # Numbers, though they might be taken for probabilities.
        ("ai.onnx.ml.LinearRegressor <coefficients = [1.0, 0.0, 0.0, 1.0], targets = 2>",
         "0.25,0.75", "0.25, 0.75"),
    ],
    ids=["logarithms", "anything", "a regression"],
)  # fmt: skip
def test_numbers_are_classes_if_the_file_tells(bake, tmp_path, operator, row, answer):
    graph = onnx.parser.parse_graph(f"g (float[n, 2] x) => (float[n, 2] y) {{ y = {operator}(x) }}")
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "m.onnx")
    folder = bake(model_path=str(tmp_path / "m.onnx"), platform="local", ci=False)
    run = commands.run("check", "--example", row, folder=folder)
    assert f": {answer}\n" in run.stdout, run.stdout + run.stderr


def test_right_answer_needs_no_edit(project, picture):
    folder = project(0, 1, False)
    before = (folder / "model.py").read_bytes()
    run = commands.run("check", "--example", picture, "--expect", "grass", "--write", folder=folder)
    assert run.returncode == 0 and "Right: 1 of 1." in run.stdout
    assert (folder / "model.py").read_bytes() == before


@pytest.mark.parametrize(
    ("labels", "says"), [(["class 0", "class 1"], True), (["cat", "class 1"], False)]
)
def test_labels_without_names_have_a_place_for_them(labels, says):
    seen = check.Seen(dict.fromkeys(labels, 0.5), None, None, 0.1)
    with pytest.raises(BadExample, match="'dog' is not a label") as refusal:
        check.knows(check.Example("a.png", ("a.png",), "dog"), seen)
    assert ("model/labels.txt" in str(refusal.value)) == says


def test_findings_as_json(project, picture):
    """A wrong scaling, the edit that mends it, and nothing but JSON."""
    folder = project(*TRAINED["0..255"])
    asked = ["check", "--json", "--example", picture, "--expect", "grass"]
    run = commands.run(*asked, folder=folder)
    found = json.loads(run.stdout)
    assert (run.returncode, run.stderr) == (1, "")
    assert [*found] == [
        "ok", "error", "compared", "right", "chance", "examples", "suspect", "tried", "edits", "model"
    ]  # fmt: skip
    assert found["chance"]
    assert (found["ok"], found["compared"], found["right"]) == (False, 1, 0)
    (example,) = found["examples"]
    assert (example["input"], example["expected"], example["right"]) == (picture, "grass", False)
    assert example["in"]["shape"][1] == 3 and 0 <= example["in"]["min"] <= example["in"]["max"] <= 1
    assert sum(example["answer"].values()) == pytest.approx(1, abs=1e-3)
    (edit,) = found["edits"]
    assert (edit["for"], edit["written"]) == ("0..255", False)
    assert "STD = 1 / 255" in edit["lines"].values()
    right = [tried["title"] for tried in found["tried"] if tried["right"] == 1]
    assert edit["others"] == [title for title in right if title != "0..255"] != []
    assert found["model"]["seconds"] > 0
    (written,) = json.loads(commands.run(*asked, "--write", folder=folder).stdout)["edits"]
    assert written == edit | {"written": True}
    for name in MODULES:
        sys.modules.pop(name)
    run = commands.run(*asked, folder=folder)
    found = json.loads(run.stdout)
    assert run.returncode == 0 and found["ok"] and found["right"] == 1 and not found["edits"]


def test_bad_input_as_json(project):
    run = commands.run("check", "--json", "--example", "no.png", folder=project(0, 1, False))
    found = json.loads(run.stdout)
    assert run.returncode == 2 and not found["ok"]
    assert f"check: {found['error']}\n" == run.stderr == "check: there is no file no.png\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--example", "no.png"], "check: there is no file no.png"),
        (["--expect", "grass"], "check: --expect needs an --example before it"),
        (["--example", "{picture}", "--expect", "lawn"], "'lawn' is not a label; there are brick"),
    ],
)
def test_bad_example(project, picture, arguments, error):
    folder = project(0, 1, False)
    run = commands.run(
        "check", *(each.format(picture=picture) for each in arguments), folder=folder
    )
    assert run.returncode == 2 and error in run.stderr


def test_pictures_have_no_label(bake, picture):
    folder = bake(task="image-to-image", framework="onnx", platform="local")
    run = commands.run("check", "--example", picture, "--expect", "lawn", folder=folder)
    assert run.returncode == 2 and "answers with a picture: leave out --expect" in run.stderr
    assert commands.run("check", "--example", picture, folder=folder).returncode == 0


def test_order_of_the_colours_is_rewritten_both_ways():
    source = 'MEAN = 1\n\ndef prepare(image):\n    """Two\n    lines."""\n    return image'
    once = rewritten(source, {}, True)
    assert once.count(BLUE_FIRST) == 1
    assert rewritten(once, {}, True) == rewritten(once, {}) == once
    assert rewritten(once, {}, False) == source


@pytest.mark.parametrize("odd", ["\u2028", "\f", "\x85", "\x1c"])
def test_only_the_scaling_is_rewritten(odd):
    """Whatever else str.splitlines takes for the end of a line."""
    source = f"# a{odd}b\n\nMEAN = (\n    0.0\n)\nSTD = 1.0\nLAST = 1"
    edited = rewritten(source, SCALINGS[1].constants())
    assert edited == f"# a{odd}b\n\nMEAN = 0.0\nSTD = 1 / 255\nLAST = 1"
