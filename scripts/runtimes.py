"""Measure the memory and boot time of models, for ml_ui/sizing/runtimes.json.

    python -m scripts.runtimes [FORMAT ...]

Projects are generated for networks of about 0, 100 and 300 MB in each format, served, and
called once. A linear fit of their memory gives `base` bytes and, for each byte of the
file, `held` bytes once it is loaded, `loading` while it loads, and `serving` during a
request, which takes `request` bytes besides.
"""

import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from local_extensions.catalog import ROOT
from ml_ui.sizing.measure import measure
from tests.running import install

TARGET = ROOT / "src" / "ml_ui" / "sizing" / "runtimes.json"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
CAPABILITIES = ("exports",)  # of a format, not measured
BLOCKS = (0, 4, 12)  # of the networks below: 25 MB each in float32

# Residual networks: a stem, and in each of four stages some blocks of two convolutions
# and two normalizations. They are made by their frameworks from `blocks` and `dtype`.
PYTORCH = """
import torch
from architecture import build

torch.manual_seed(0)
network, picture = build().eval(), torch.zeros(1, 3, 224, 224)
if dtype == "float16":
    network, picture = network.half(), picture.half()
if name.endswith(".safetensors"):
    from safetensors.torch import save_file

    save_file(network.state_dict(), name)
elif name.endswith(".pt2"):
    torch.export.save(torch.export.export(network, (picture,)), name)
elif name.startswith("traced"):
    torch.jit.trace(network, picture).save(name)
else:
    torch.save(network.state_dict(), name)
"""
ARCHITECTURE = '''\
"""A residual network."""

from torch import nn


class Block(nn.Module):
    """Two convolutions with a skip connection."""

    def __init__(self, old: int, new: int, stride: int) -> None:
        super().__init__()
        self.way = nn.Conv2d(old, new, 1, stride, bias=False)
        self.layers = nn.Sequential(
            nn.Conv2d(old, new, 3, stride, 1, bias=False), nn.BatchNorm2d(new), nn.ReLU(),
            nn.Conv2d(new, new, 3, 1, 1, bias=False), nn.BatchNorm2d(new),
        )

    def forward(self, x):
        return nn.functional.relu(self.way(x) + self.layers(x))


def build() -> nn.Module:
    """Return the untrained network."""
    parts, old = [nn.Conv2d(3, 64, 7, 4, 3), nn.ReLU()], 64
    for stage, new in enumerate((64, 128, 256, 512)):
        for block in range({blocks}):
            parts.append(Block(old, new, 2 if stage and not block else 1))
            old = new
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(old, 1000))
'''
KERAS = """
import keras
from keras import layers

keras.utils.set_random_seed(0)
keras.config.set_floatx(dtype)


def conv(x, new, kernel, stride):
    x = layers.Conv2D(new, kernel, stride, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(x)


x = picture = keras.Input((224, 224, 3))
x = layers.ReLU()(conv(x, 64, 7, 4))
for stage, new in enumerate((64, 128, 256, 512)):
    for block in range(blocks):
        stride = 2 if stage and not block else 1
        way = layers.Conv2D(new, 1, stride, use_bias=False)(x)
        x = layers.ReLU()(conv(x, new, 3, stride))
        x = layers.ReLU()(layers.Add()([way, conv(x, new, 3, 1)]))
x = layers.Dense(1000, "softmax")(layers.GlobalAveragePooling2D()(x))
network = keras.Model(picture, x)
network.export(name) if name == "saved" else network.save(name)
"""
ONNX = """
import numpy as np
import onnx
from onnx import TensorProto, helper

rng, nodes, weights = np.random.default_rng(0), [], []
kind = TensorProto.FLOAT16 if dtype == "float16" else TensorProto.FLOAT


def node(operator, *inputs, **attributes):
    nodes.append(helper.make_node(operator, inputs, [f"x{len(nodes)}"], **attributes))
    return nodes[-1].output[0]


def weight(shape, fan, int8=False):
    values = rng.normal(0, (2 / fan) ** 0.5, shape)
    values = np.int8(values * 100) if int8 else values.astype("f2" if dtype == "float16" else "f4")
    weights.append(onnx.numpy_helper.from_array(values, f"w{len(weights)}"))
    return weights[-1].name


def conv(x, old, new, kernel, stride):
    shape, fan = (new, old, kernel, kernel), old * kernel**2
    strides = {"strides": [stride] * 2, "pads": [kernel // 2] * 4}
    if dtype != "int8":
        return node("Conv", x, weight(shape, fan), **strides)
    # As onnxruntime's quantize_dynamic writes it.
    outputs = [f"{part}{len(nodes)}" for part in "qsz"]
    nodes.append(helper.make_node("DynamicQuantizeLinear", [x], outputs))
    x, scale, zero = outputs
    x = node("ConvInteger", x, weight(shape, fan, int8=True), zero, **strides)
    return node("Mul", node("Mul", node("Cast", x, to=TensorProto.FLOAT), scale), "hundredth")


x, old = node("Relu", conv("picture", 3, 64, 7, 4)), 64
for stage, new in enumerate((64, 128, 256, 512)):
    for block in range(blocks):
        stride = 2 if stage and not block else 1
        way = conv(x, old, new, 1, stride)
        x = node("Relu", conv(x, old, new, 3, stride))
        x, old = node("Relu", node("Add", way, conv(x, new, new, 3, 1))), new
x = node("Flatten", node("GlobalAveragePool", x))
nodes.append(helper.make_node("MatMul", [x, weight((old, 1000), old)], ["scores"]))
weights.append(onnx.numpy_helper.from_array(np.float32(0.01), "hundredth"))
shapes = {"picture": ["n", 3, 224, 224], "scores": ["n", 1000]}
ends = [[helper.make_tensor_value_info(name, kind, shape)] for name, shape in shapes.items()]
graph = helper.make_graph(nodes, "network", *ends, weights)
opset = [helper.make_opsetid("", 17)]
onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), name)
"""
SCIKIT_LEARN = """
import pickle

import joblib
import numpy as np
import skops.io
from sklearn.ensemble import RandomForestClassifier

rng = np.random.default_rng(0)
rows, classes = rng.normal(size=(20_000, 16)), rng.integers(0, 10, 20_000)
model = RandomForestClassifier(11 * blocks + 1, random_state=0).fit(rows, classes)
if name.endswith(".pkl"):
    with open(name, "wb") as file:
        pickle.dump(model, file)
else:
    (skops.io.dump if name.endswith(".skops") else joblib.dump)(model, name)
"""
# Deep trees, some of them many times: training them all would take hours.
XGBOOST = """
import json

import numpy as np
import xgboost

rng = np.random.default_rng(0)
rows, classes = rng.normal(size=(20_000, 16)), rng.integers(0, 10, 20_000)
asked = {"objective": "multi:softprob", "num_class": 10, "max_depth": 16, "min_child_weight": 0}
trees = xgboost.train(asked, xgboost.DMatrix(rows, label=classes), 1)
model = json.loads(trees.save_raw("json"))
content, rounds = model["learner"]["gradient_booster"]["model"], 20 * blocks + 1
content["trees"] = [tree | {"id": n} for n, tree in enumerate(content["trees"] * rounds)]
content["tree_info"] *= rounds
content["iteration_indptr"] = list(range(0, 10 * rounds + 1, 10))
content["gbtree_model_param"]["num_trees"] = str(10 * rounds)
xgboost.Booster(model_file=bytearray(json.dumps(model).encode())).save_model(name)
"""
MAKERS = {
    "onnx": ONNX, "scikit-learn": SCIKIT_LEARN, "pytorch": PYTORCH, "keras": KERAS,
    "xgboost": XGBOOST,
}  # fmt: skip


@dataclass(frozen=True)
class Format:
    """A model's format: its framework, a file's name, and precisions beside float32."""

    framework: str
    name: str = ""
    dtypes: tuple[str, ...] = ()


FORMATS = {
    "python": Format("python"),
    "onnx": Format("onnx", "network.onnx", ("float16", "int8")),
    "joblib": Format("scikit-learn", "forest.joblib"),
    "pickle": Format("scikit-learn", "forest.pkl"),
    "skops": Format("scikit-learn", "forest.skops"),
    "torch-export": Format("pytorch", "network.pt2", ("float16",)),
    "torchscript": Format("pytorch", "traced.pt"),
    "state-dict": Format("pytorch", "weights.pt", ("float16",)),
    "safetensors": Format("pytorch", "weights.safetensors", ("float16",)),
    "keras": Format("keras", "network.keras", ("float16",)),
    "hdf5": Format("keras", "network.h5", ("float16",)),
    "savedmodel": Format("keras", "saved"),
    "ubj": Format("xgboost", "trees.ubj"),
    "xgboost-json": Format("xgboost", "trees.json"),
}


def progress(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)


def generate(folder: Path, **answers: str) -> Path:
    """Generate a project in a folder."""
    own = {"platform": "local", "python_version": PYTHON, "project_slug": "app"}
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "--output-dir", folder, ROOT]
    command += [f"{name}={answer}" for name, answer in (own | answers).items()]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return folder / "app"


@cache
def environment(framework: str) -> Path:
    """Return an environment with the locked set of a framework."""
    with TemporaryDirectory() as folder:
        return install(generate(Path(folder), framework=framework, task=TASKS[framework])).parent


TASKS = dict.fromkeys(MAKERS, "image-classification") | {
    "python": "image-to-image", "scikit-learn": "tabular", "xgboost": "tabular"
}  # fmt: skip


def make(framework: str, name: str, blocks: int, dtype: str, folder: Path) -> Path:
    """Make a model with its framework."""
    (folder / "architecture.py").write_text(ARCHITECTURE.format(blocks=blocks))
    python = sys.executable  # it has onnx installed
    if framework != "onnx":
        python = environment(framework) / "bin" / "python"
    given = f"blocks, dtype, name = {blocks}, {dtype!r}, {name!r}\n"
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run(
        [python, "-c", given + MAKERS[framework]], cwd=folder, env=quiet,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if run.returncode:
        sys.exit(f"{name}: {run.stderr[-2000:]}")
    return folder / name


def sample(kind: Format, blocks: int, dtype: str) -> dict[str, float]:
    """Return the measured quantities of one model, and the bytes of its files."""
    with TemporaryDirectory() as folder:
        answers = {"task": TASKS[kind.framework], "framework": kind.framework}
        if kind.name:
            path = make(kind.framework, kind.name, blocks, dtype, Path(folder))
            answers |= {"framework": "auto", "model_path": str(path)}
        project = generate(Path(folder, "made"), **answers)
        if (project / "architecture.py").exists():
            shutil.copy(Path(folder, "architecture.py"), project)
        names = ("boot", "memory", "loading", "serving")
        measured = measure(project, names, lambda line: None, environment(kind.framework))
        files = (path for path in project.glob("model/**/*") if path.is_file())
        return measured | {"weights": sum(path.stat().st_size for path in files)}


def samples(kind: Format, dtype: str = "float32") -> Iterator[dict[str, float]]:
    """Yield the measured quantities for each size."""
    for blocks in BLOCKS if kind.name else BLOCKS[:1]:
        measured = sample(kind, blocks, dtype)
        figures = (f"{name} {measured[name] / 1e6:.0f}" for name in measured if name != "boot")
        progress(f"  {dtype}: {', '.join(figures)} MB, boot {measured['boot']:.1f} s")
        yield measured


def megabytes(count: float) -> int:
    """Round to whole megabytes."""
    return round(count / 1e6) * 10**6


def line(found: list[dict[str, float]]) -> dict[str, float]:
    """Return the linear fit for a format: base, and held, loading and serving per byte."""
    weights, memory, loading, serving = (
        np.array([each[name] for each in found])
        for name in ("weights", "memory", "loading", "serving")
    )
    if len(found) == 1:  # no weights
        return {
            "base": megabytes(memory[0]), "held": 0.0, "loading": 0.0, "serving": 0.0,
            "request": megabytes(serving[0] - memory[0]),
        }  # fmt: skip
    held, base = np.polyfit(weights, memory, 1)
    rise = (loading - base) @ weights / (weights @ weights)  # a line through the base
    asked, least = np.polyfit(weights, serving, 1)
    return {
        "base": megabytes(base),
        "held": round(float(held), 2),
        "loading": round(float(rise), 2),
        "serving": round(float(asked), 2),
        "request": megabytes(max(least - base, 0)),
    }


def facts(found: list[dict[str, float]], others: dict[str, list[dict[str, float]]]) -> dict:
    """Return the entry of a format from measurements in float32 and other precisions."""
    entry = line(found) | {"boot": round(statistics.median(each["boot"] for each in found), 1)}
    for dtype, more in others.items():
        other = line([found[0], *more[1:]])  # the smallest is the same network
        entry[dtype] = {name: other[name] for name in ("held", "loading", "serving")}
    return entry


@cache
def versions() -> str:
    """Return the machine and the versions in one line."""
    shown = ["gradio", "onnxruntime", "scikit-learn", "torch", "tensorflow-cpu", "xgboost-cpu"]
    found = {}
    for framework in MAKERS:
        command = [environment(framework) / "bin" / "python", "-m", "pip", "list", "--format=json"]
        for package in json.loads(subprocess.check_output(command)):
            found[package["name"].replace("_", "-")] = package["version"]
    packages = ", ".join(f"{name} {found[name]}" for name in shown)
    cores = f"{os.cpu_count()} cores"
    return f"{platform.system()} {platform.machine()}, {cores}, Python {PYTHON}, {packages}"


def main() -> None:
    """Measure the given formats, or all, and write their entries."""
    old = json.loads(TARGET.read_text("utf-8"))["formats"] if TARGET.exists() else {}
    for name in sys.argv[1:] or FORMATS:
        progress(name)
        kind = FORMATS[name]
        others = {dtype: list(samples(kind, dtype)) for dtype in kind.dtypes}
        kept = {key: old[name][key] for key in CAPABILITIES if key in (old.get(name) or {})}
        old[name] = facts(list(samples(kind)), others) | kept
        entries = {
            "as_of": datetime.date.today().isoformat(),
            "measured": versions(),
            "formats": {each: old[each] for each in FORMATS if each in old},
        }
        TARGET.write_text(json.dumps(entries, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
