"""Quantized ONNX models: their sums of products of bytes, by integers of NumPy."""

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

COLUMNS = 16
WEIGHTS = np.array([[127, -128]] * COLUMNS, np.int8)
STEP = 4096  # of a sum that is an integer of 8 bits again
# Two products of an unsigned byte and 127 are more than an integer of 16 bits holds.
UNSIGNED = (
    "q, scale, zero = DynamicQuantizeLinear(x)  s = MatMulInteger(q, w, zero)y = Cast <to = 1> (s)"
)
PAIRS = (
    "a = QuantizeLinear(x, one, byte)  b = DequantizeLinear(a, one, byte)"
    "c = DequantizeLinear(w, one, none)  d = MatMul(b, c)"
    "e = QuantizeLinear(d, step, none)  y = DequantizeLinear(e, step, none)"
)
SIGNED = (
    "a = QuantizeLinear(x, one, none)"
    "s = QLinearMatMul(a, one, none, w, one, none, step, none)"
    "y = DequantizeLinear(s, step, none)"
)
# By name: the graph, the range of its inputs, and what is left of a sum.
KINDS = {
    "dynamic": (UNSIGNED, (0, 255), lambda sums: sums),
    "pairs": (PAIRS, (0, 255), lambda sums: np.clip(np.rint(sums / STEP), -128, 127) * STEP),
    "signed": (SIGNED, (-127, 127), lambda sums: np.clip(np.rint(sums / STEP), -128, 127) * STEP),
}


def save(path, body):
    """Write a model of rows."""
    graph = onnx.parser.parse_graph(f"g (float[n, {COLUMNS}] x) => (float[n, 2] y) {{ {body} }}")
    values = {
        "w": WEIGHTS, "one": np.float32(1), "step": np.float32(STEP), "byte": np.uint8(0),
        "none": np.int8(0),
    }  # fmt: skip
    for name, value in values.items():
        if any(name in node.input for node in graph.node):
            graph.initializer.append(numpy_helper.from_array(np.array(value), name))
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_sums_do_not_overflow(bake, tmp_path, kind):
    """As they do on an x64 processor without VNNI, unless ONNX Runtime is told."""
    body, limits, rounded = KINDS[kind]
    rows = np.random.default_rng(0).integers(*limits, (20, COLUMNS), endpoint=True)
    rows[:, :2] = limits  # of each row: its step is 1
    project = bake(model_path=str(save(tmp_path / f"{kind}.onnx", body)), platform="local")
    code = (
        "import json, sys; from model import predict;"
        "print(json.dumps([predict(*row) for row in json.load(sys.stdin)]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(rows.tolist()),
        cwd=project, capture_output=True, text=True, check=True,
    )  # fmt: skip
    expected = rounded(rows @ WEIGHTS.astype(int))
    found = [[float(number) for number in each.split(", ")] for each in json.loads(run.stdout)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
