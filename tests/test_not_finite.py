"""A model whose output is not finite: an error, not an answer."""

import os
import subprocess
import sys

import onnx
import pytest
from onnx import TensorProto, helper

PICTURE = "np.zeros((8, 8, 3), np.uint8)"


@pytest.mark.parametrize(
    ("task", "shape", "values", "given"),
    [
        ("image-classification", [1, 3, 4, 4], 48, PICTURE),
        ("image-to-image", [1, 3, 8, 8], None, PICTURE),
        ("tabular", [1, 3], 3, "1.0, 2.0, 3.0"),
        ("tabular", [1, 1], 1, "1.0"),
    ],
)
def test_output_that_is_not_finite_is_an_error(bake, tmp_path, task, shape, values, given):
    path = save_nan_model(tmp_path / "net.onnx", shape, values)
    project = bake(task=task, platform="local", model_path=str(path))
    command = f"import numpy as np; from model import predict; print(predict({given}))"
    run = subprocess.run(
        [sys.executable, "-c", command],
        cwd=project, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 1, run.stdout
    assert run.stderr.splitlines()[-1].startswith("ValueError: ")


def save_nan_model(path, shape, values):
    """Save a network that divides its input by zero; flat, with so many values, or as it is."""
    nodes = [
        helper.make_node("Sub", ["x", "x"], ["zero"]),
        helper.make_node("Div", ["zero", "zero"], ["nan"]),
        helper.make_node("Flatten" if values else "Identity", ["nan"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, values] if values else shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path
