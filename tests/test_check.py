"""python -m ml_ui check: networks that do not tell how pixels are scaled."""

import sys

import commands
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from ml_ui.scaling import IMAGENET

# What the networks here know: the mean colour of each class, as a photograph has it.
COLOURS = {
    "brick": (170, 70, 60),
    "grass": (70, 140, 50),
    "sea": (40, 90, 150),
    "snow": (235, 240, 245),
    "soot": (35, 30, 30),
    "sand": (205, 180, 130),
}
TRAINED = {  # with pixels as their authors scaled them: a mean, a deviation, the order
    "0..255": (0, 1 / 255, False),
    "-1..1": (0.5, 0.5, False),
    "ImageNet's mean and deviation": (*IMAGENET, False),
    "0..16": (0, 1 / 16, False),
    "0..255 minus ImageNet's mean, blue first": (IMAGENET[0], 1 / 255, True),
}


def save_network(path, mean, std, blue_first):
    """Save a network that knows the colours of COLOURS in one scaling, and tells nothing."""
    colours = np.array([*COLOURS.values()], np.float32) / 255
    colours = colours[:, ::-1] if blue_first else colours
    means = ((colours - np.float32(mean)) / np.float32(std)).astype(np.float32)
    weights = {
        "means": means[None],
        "width": np.float32(-1 / np.var(means)),
        "height": np.float32(10),
        "axis": np.array([1], np.int64),
    }
    # Radial basis functions: the likeliest class is sure only near its own colour.
    nodes = [
        helper.make_node("GlobalAveragePool", ["picture"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Unsqueeze", ["flat", "axis"], ["colour"]),
        helper.make_node("Sub", ["colour", "means"], ["difference"]),
        helper.make_node("ReduceSumSquare", ["difference"], ["distance"], axes=[2], keepdims=0),
        helper.make_node("Mul", ["distance", "width"], ["falling"]),
        helper.make_node("Exp", ["falling"], ["bases"]),
        helper.make_node("Mul", ["bases", "height"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [None, 3, 32, 32])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, len(COLOURS)])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    path.with_name("labels.txt").write_text("\n".join(COLOURS))


@pytest.fixture
def project(bake, tmp_path, monkeypatch):
    """Return a function that generates a project for a network, whose modules are its own."""

    def generate(*trained):
        save_network(tmp_path / "network.onnx", *trained)
        # Its modules are imported into this process, and forgotten after the test.
        for name in ("app", "model", "runtime"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setattr(sys, "path", [*sys.path])
        return bake(model_path=str(tmp_path / "network.onnx"), platform="local", ci=False)

    yield generate
    for name in ("app", "model", "runtime"):
        sys.modules.pop(name, None)


@pytest.fixture
def picture(tmp_path):
    """Return the path of a picture of grass."""
    noise = np.random.default_rng(0).normal(0, 25, (60, 80, 3))
    pixels = np.clip(np.array(COLOURS["grass"]) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "meadow.png")
    return str(tmp_path / "meadow.png")


@pytest.mark.parametrize("title", TRAINED)
def test_one_labelled_picture_tells_the_scaling(project, picture, title):
    folder = project(*TRAINED[title])
    asked = ["--example", picture, "--expect", "grass"]
    run = commands.run("check", *asked, folder=folder)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "Right: 0 of 1." in run.stdout
    assert f"Edit model.py, for {title}:" in run.stdout
    run = commands.run("check", *asked, "--write", folder=folder)
    assert run.returncode == 0 and "Written to model.py" in run.stdout
    for name in ("app", "model", "runtime"):
        sys.modules.pop(name)
    run = commands.run("check", *asked, folder=folder)
    assert run.returncode == 0 and "Right: 1 of 1." in run.stdout, run.stdout


def test_right_answer_needs_no_edit(project, picture):
    folder = project(0, 1, False)
    before = (folder / "model.py").read_bytes()
    run = commands.run("check", "--example", picture, "--expect", "grass", "--write", folder=folder)
    assert run.returncode == 0 and "Right: 1 of 1." in run.stdout
    assert (folder / "model.py").read_bytes() == before


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
