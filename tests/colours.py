"""Networks that know some colours, with pixels in any scaling, and pictures of these."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

# What the networks here know: the mean colour of each class, as a photograph has it.
COLOURS = {
    "brick": (170, 70, 60),
    "grass": (70, 140, 50),
    "sea": (40, 90, 150),
    "snow": (235, 240, 245),
    "soot": (35, 30, 30),
    "sand": (205, 180, 130),
}


def save_network(path, mean, std, blue_first, size=32, declared=True):
    """Save a network that knows the colours of COLOURS in one scaling, and tells nothing.

    Args:
        path: of the ONNX file.
        mean, std, blue_first: how pixels are scaled, as keras.applications' preprocess_input
            does: first the order of the channels, then the scale, with a mean in that order.
        size: height and width of a picture; no other works.
        declared: the file tells the size.
    """
    colours = np.array([*COLOURS.values()], np.float32) / 255
    colours = colours[:, ::-1] if blue_first else colours
    means = ((colours - np.float32(mean)) / np.float32(std)).astype(np.float32)
    weights = {
        "means": means[None],
        "width": np.float32(-1 / np.var(means)),
        "height": np.float32(10),
        "axis": np.array([1], np.int64),
        "shape": np.array([1, 3, size * size], np.int64),
    }
    # Radial basis functions: the likeliest class is sure only near its own colour.
    nodes = [
        helper.make_node("Reshape", ["picture", "shape"], ["pixels"]),
        helper.make_node("ReduceMean", ["pixels"], ["flat"], axes=[2], keepdims=0),
        helper.make_node("Unsqueeze", ["flat", "axis"], ["colour"]),
        helper.make_node("Sub", ["colour", "means"], ["difference"]),
        helper.make_node("ReduceSumSquare", ["difference"], ["distance"], axes=[2], keepdims=0),
        helper.make_node("Mul", ["distance", "width"], ["falling"]),
        helper.make_node("Exp", ["falling"], ["bases"]),
        helper.make_node("Mul", ["bases", "height"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"]),
    ]
    shape = [None, 3, size, size] if declared else [None, 3, "height", "width"]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, len(COLOURS)])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    path.with_name("labels.txt").write_text("\n".join(COLOURS))


def save_picture(path: Path, colour: str) -> None:
    """Save a noisy picture of a colour."""
    noise = np.random.default_rng(0).normal(0, 25, (60, 80, 3))
    pixels = np.clip(np.array(COLOURS[colour]) + noise, 0, 255).astype(np.uint8)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)
