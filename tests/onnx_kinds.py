"""ONNX models of the kinds that people have, with random weights; made by onnx itself."""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

CONV = (
    "c = Conv <strides = [4, 4]> (f, kernel)  r = Relu(c)  p = GlobalAveragePool(r)  "
    "v = Flatten(p)  m = MatMul(v, last)"
)
NUMBERS = [[5.1, 3.5, 1.4], [6.0, 2.2, 4.0], [7.7, 2.6, 6.9]]


def photo(kind: str, shape: str, ahead: str = "f = Identity(x)", tail: str = "y = Softmax(m)"):
    """Return the graph of a classifier of pictures."""
    return f"({kind}[{shape}] x) => (float[n, 5] y) {{ {ahead}  {CONV}  {tail} }}"


def flat(values: int, classes: str = "y = Softmax(m)") -> str:
    """Return the graph of a classifier of rows."""
    return f"(float[n, {values}] x) => (float[n, 4] y) {{ m = MatMul(x, weights)  {classes} }}"


CHANNELS_FIRST = "f = Transpose <perm = [0, 3, 1, 2]> (x)"
CODES = 'e = ai.onnx.ml.LabelEncoder <keys_strings = ["red", "blue"], values_floats = [1.0, -2.0]>'
# By name: the graph, and an input if it is no picture.
KINDS = {
    "imagenet": (photo("float", "n, 3, 224, 224"), None),
    "channels last": (photo("float", "n, 64, 64, 3", CHANNELS_FIRST), None),
    "grey": (photo("float", "n, 1, 28, 28"), None),
    "grey without channels": (
        photo("float", "n, 28, 28", "a = Constant <value_ints = [1]> ()  f = Unsqueeze(x, a)"),
        None,
    ),
    "flat": (flat(784), None),
    "bytes": (photo("uint8", "n, 3, 32, 32", "f = Cast <to = 1> (x)"), None),
    "halves": (
        photo(
            "float16",
            "n, 3, 32, 32",
            "f = Cast <to = 1> (x)",
            "s = Softmax(m) y = Cast <to = 10> (s)",
        ).replace("(float[", "(float16["),
        None,
    ),
    "batch of four": (photo("float", "4, 3, 32, 32").replace("n, 5", "4, 5"), None),
    "logits": (photo("float", "n, 3, 32, 32", tail="y = Identity(m)"), None),
    "sigmoids": (photo("float", "n, 3, 32, 32", tail="y = Sigmoid(m)"), None),
    "one sigmoid": (flat(784, "y = Sigmoid(m)").replace("n, 4", "n, 1"), None),
    "mask": (
        (
            "(float[n, 3, h, w] x) => (float[n, 1, h, w] y) {"
            "c = Conv <pads = [1, 1, 1, 1]> (x, mask)  y = Sigmoid(c) }"
        ),
        None,
    ),
    "table": (flat(3), NUMBERS),
    "several numbers": (flat(3, "y = Identity(m)"), NUMBERS),
    "sums of a forest": (
        "(float[n, 2] x) => (float[n, 2] y) { y = Identity(x) }",
        [[-3.6e-7, 1.0000004], [0.25, 0.75], [1, 0], [0.4, 0.6]],
    ),
    "by name": (
        (
            "(float[n, 3] x) => (int64[n] label, seq(map(int64, float)) y) {"
            "label, p = ai.onnx.ml.LinearClassifier <classlabels_ints = [0, 5, 7, 9],"
            'post_transform = "SOFTMAX", coefficients = [0.1, 0.2, 0.3, -0.1, 0.5, 0.2, 0.4, -0.3, 0.1,'
            "0.2, 0.1, -0.2], intercepts = [0.1, 0.2, 0.3, 0.4]>(x)"
            "y = ai.onnx.ml.ZipMap <classlabels_int64s = [0, 5, 7, 9]> (p) }"
        ),
        NUMBERS,
    ),
    "column by column": (
        (
            "(float[n, 1] size, int64[n, 1] rooms, string[n, 1] colour) => (float[n, 4] y) {"
            f"{CODES} (colour)  r = Cast <to = 1> (rooms)  x = Concat <axis = 1> (size, r, e)"
            "m = MatMul(x, weights)  y = Softmax(m) }"
        ),
        [[50.5, 3, "red"], [12.25, 2, "blue"], [1, 0, "red"]],
    ),
    "columns of texts": (
        (
            "(string[n, 3] x) => (float[n, 4] y) {"
            f"{CODES} (x)  m = MatMul(e, weights)  y = Softmax(m) }}"
        ),
        [["red", "blue", "red"], ["blue", "blue", "blue"], ["red", "green", "red"]],
    ),
    "large": (
        (
            "(float[n, 3, 128, 128] x) => (float[n, 5] y) {"
            "a = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (x, first)  b = Clip(a, low, high)"
            "d = Conv <group = 64, pads = [1, 1, 1, 1]> (b, depth)  e = Clip(d, low, high)"
            "g = Conv(e, point)  p = GlobalAveragePool(g)  v = Flatten(p)  h = MatMul(v, hidden)"
            "k = Relu(h)  m = MatMul(k, last)  y = Softmax(m) }"
        ),
        None,
    ),
}
SHAPES = {
    "kernel": lambda graph: (8, 1 if "1, 28, 28" in graph or "n, 28, 28" in graph else 3, 4, 4),
    "last": lambda graph: (1024 if "hidden" in graph else 8, 5),
    "weights": lambda graph: (784 if "784" in graph else 3, 1 if "n, 1] y" in graph else 4),
    "mask": lambda graph: (1, 3, 3, 3),
    "first": lambda graph: (64, 3, 3, 3),
    "depth": lambda graph: (64, 1, 3, 3),
    "point": lambda graph: (2048, 64, 1, 1),
    "hidden": lambda graph: (2048, 1024),
}


def make(name: str, folder: Path) -> Path:
    """Write the model of a kind; return its path."""
    text, _ = KINDS[name]
    graph = onnx.parser.parse_graph(f"g {text}")
    rng = np.random.default_rng(0)
    for weight, shape in SHAPES.items():
        if any(weight in node.input for node in graph.node):
            size = shape(text)
            fan = size[0] if len(size) == 2 else np.prod(size[1:])  # inputs of each output
            values = rng.normal(0, 2 / fan**0.5, size).astype(np.float32)
            graph.initializer.append(numpy_helper.from_array(values, weight))
    for limit, value in (("low", 0), ("high", 6)) if name == "large" else ():
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), limit))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    producer = {"producer_name": "pytorch"} if name == "imagenet" else {}
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, **producer)
    path = folder / f"{name.replace(' ', '_')}.onnx"
    onnx.save(model, path)
    return path


def save_rows(path: Path, columns: int, classes: int, seed: int = 0, names: str = "") -> Path:
    """Write a classifier of rows, with the names of its classes inside, if given: "red green"."""
    graph = onnx.parser.parse_graph(
        f"g (float[n, {columns}] x) => (float[n, {classes}] y) "
        "{ m = MatMul(x, weights)  y = Softmax(m) }"
    )
    values = np.random.default_rng(seed).normal(size=(columns, classes)).astype(np.float32)
    graph.initializer.append(numpy_helper.from_array(values, "weights"))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if names:
        helper.set_model_props(model, {"names": repr(names.split())})
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path
