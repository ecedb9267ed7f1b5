"""Scripts that make models with their frameworks, from random weights.

runtimes.py fits a line to the memory of residual networks of a given size, and of some real
architectures. verify_footprint.py and architectures.py compare it with plain networks and
with other architectures, which the line has not seen. gzip compresses initial weights like
trained ones.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.running import install_packages

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
"""
ONNX_RESIDUAL = """
x, old = node("Relu", conv("picture", 3, 64, 7, 4)), 64
for stage, new in enumerate((64, 128, 256, 512)):
    for block in range(blocks):
        stride = 2 if stage and not block else 1
        way = conv(x, old, new, 1, stride)
        x = node("Relu", conv(x, old, new, 3, stride))
        x, old = node("Relu", node("Add", way, conv(x, new, new, 3, 1))), new
weights.append(onnx.numpy_helper.from_array(np.float32(0.01), "hundredth"))
"""
ONNX_PLAIN = """
x, old = "picture", channels
sizes = [(3, 64, 7, 4), (64, 128, 3, 2), (128, old, 3, 2), (old, old, 3, 2)]
for size in sizes + [(old, old, 3, 1)] * (deep - 1):
    x = node("Relu", conv(x, *size))
"""
ONNX_SAVE = """
x = node("Flatten", node("GlobalAveragePool", x))
nodes.append(helper.make_node("MatMul", [x, weight((old, 1000), old)], ["scores"]))
shapes = {"picture": ["n", 3, 224, 224], "scores": ["n", 1000]}
ends = [[helper.make_tensor_value_info(name, kind, shape)] for name, shape in shapes.items()]
graph = helper.make_graph(nodes, "network", *ends, weights)
opset = [helper.make_opsetid("", 17)]
onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), name)
"""
KERAS = """
import keras
from keras import layers

keras.utils.set_random_seed(0)
"""
KERAS_RESIDUAL = """
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
"""
KERAS_PLAIN = """
if hasattr(keras.applications, name.partition(".")[0]):
    network = getattr(keras.applications, name.partition(".")[0])(weights=None)
else:
    def conv(new, kernel, stride):
        return [layers.Conv2D(new, kernel, stride, padding="same", use_bias=False), layers.ReLU()]
    parts = [*conv(64, 7, 4), *conv(128, 3, 2), *conv(channels, 3, 2), *conv(channels, 3, 2)]
    for _ in range(deep - 1):
        parts += conv(channels, 3, 1)
    parts += [layers.GlobalAveragePooling2D(), layers.Dense(1000, "softmax")]
    network = keras.Sequential([keras.Input((224, 224, 3)), *parts])
"""
KERAS_SAVE = """
network.export(name) if "." not in name else network.save(name)
"""
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
elif "traced" in name:
    torch.jit.trace(network, picture).save(name)
else:
    torch.save(network.state_dict(), name)
"""
RESIDUAL_ARCHITECTURE = '''\
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
PLAIN_ARCHITECTURE = '''\
"""The network that the weights belong to."""

from torch import nn


def build() -> nn.Module:
    """Return the untrained network."""
    widths = [(3, 64, 7, 4), (64, 128, 3, 2), (128, 512, 3, 2), (512, 512, 3, 2)]
    parts = []
    for old, new, kernel, stride in widths + [(512, 512, 3, 1)] * {}:
        parts += [nn.Conv2d(old, new, kernel, stride, kernel // 2, bias=False), nn.ReLU()]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))
'''
SCIKIT_LEARN = """
import pickle
import warnings

import joblib
import numpy as np
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier

warnings.filterwarnings("ignore")
rng = np.random.default_rng(0)
rows, classes = rng.normal(size=(20_000, 16)), rng.integers(0, 10, 20_000)
if "forest" in name:
    model = RandomForestClassifier(trees, random_state=0).fit(rows, classes)
else:
    width = round((size * 1e6 / 16) ** 0.5)  # two layers, and what Adam keeps of them
    model = MLPClassifier([width, width], max_iter=1).fit(rows[:500], classes[:500])
    del model._optimizer
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

LIGHTGBM = """
import re

import lightgbm
import numpy as np

rng = np.random.default_rng(0)
rows, classes = rng.normal(size=(20_000, 16)), rng.integers(0, 10, 20_000)
asked = {"objective": "multiclass", "num_class": 10, "num_leaves": 2000, "min_data_in_leaf": 2}
text = lightgbm.train(asked | {"verbose": -1}, lightgbm.Dataset(rows, classes), 1).model_to_string()
head, trees, end = re.split(r"(?=Tree=0)|(?=end of trees)", text)
trees, rounds = re.split(r"Tree=.*\\n", trees)[1:], 10 * blocks + 1
trees = [f"Tree={n}\\n{tree}" for n, tree in enumerate(trees * rounds)]
sizes = " ".join(str(len(tree)) for tree in trees)
with open(name, "w") as file:
    file.write(re.sub("tree_sizes=.*", f"tree_sizes={sizes}", head) + "".join(trees) + end)
"""
CATBOOST = """
import catboost
import numpy as np

rng = np.random.default_rng(0)
rows, classes = rng.normal(size=(20_000, 16)), rng.integers(0, 10, 20_000)
asked = {"iterations": 4 * blocks + 1, "depth": 16, "border_count": 32}
quiet = {"allow_writing_files": False, "logging_level": "Silent"}
catboost.CatBoostClassifier(**asked, **quiet).fit(rows, classes).save_model(name)
"""

# From `blocks` and `dtype`: a stem, and in each of four stages some blocks of two
# convolutions and two normalizations.
RESIDUAL = {
    "onnx": ONNX + ONNX_RESIDUAL + ONNX_SAVE,
    "scikit-learn": "trees = 11 * blocks + 1" + SCIKIT_LEARN,
    "pytorch": PYTORCH,
    "keras": KERAS + KERAS_RESIDUAL + KERAS_SAVE,
    "xgboost": XGBOOST,
    "lightgbm": LIGHTGBM,
    "catboost": CATBOOST,
}
# Of about `size` MB: `deep` convolutions of `channels`.
PLAIN = {
    "onnx": ONNX + ONNX_PLAIN + ONNX_SAVE,
    "scikit-learn": "trees = max(round(size / 2.22), 1)" + SCIKIT_LEARN,
    "pytorch": PYTORCH,
    "keras": KERAS + KERAS_PLAIN + KERAS_SAVE,
}
# Real architectures, by their names in the library that has them.
TORCHVISION = """
import torch
import torchvision
from safetensors.torch import save_file

torch.manual_seed(0)
stem, _, end = name.rpartition(".")
network = getattr(torchvision.models, stem)(weights=None).eval()
picture = torch.zeros(1, 3, 224, 224)
if end == "pt2":
    torch.export.save(torch.export.export(network, (picture,)), name)
elif end == "pt":
    torch.jit.trace(network, picture, check_trace=False).save(name)
elif end == "onnx":
    torch.onnx.export(network, (picture,), name, external_data=False)
elif end == "safetensors":
    save_file(network.state_dict(), name)
else:
    torch.save(network.state_dict(), name)
"""
TIMM = """
import timm
import torch

torch.manual_seed(0)
timm.models.save_for_hf(timm.create_model(name), name, safe_serialization=True)
"""
APPLICATIONS = """
import keras

keras.utils.set_random_seed(0)
network = getattr(keras.applications, name.partition(".")[0])(weights=None)
network.save(name) if "." in name else network.export(name)
"""
TRANSFORMERS = """
import os

import torch
import transformers

torch.manual_seed(0)
sizes = {
    "tiny-text": {"dim": 128, "hidden_dim": 256, "n_layers": 2, "n_heads": 2}, "distilbert": {},
    "vit-small": {"hidden_size": 384, "num_attention_heads": 6, "intermediate_size": 1536},
    "vit-base": {},
}
if name.startswith("vit"):
    config = transformers.ViTConfig(num_labels=1000, **sizes[name])
    transformers.ViTForImageClassification(config).save_pretrained(name)
    transformers.ViTImageProcessor().save_pretrained(name)
else:
    marks = [chr(n) for n in range(33, 127)]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *marks, *(f"##{each}" for each in marks)]
    words += [f"word{n}" for n in range(30522 - len(words))]
    vocabulary = {word: n for n, word in enumerate(words)}
    transformers.BertTokenizerFast(vocab=vocabulary).save_pretrained(name)
    names = {0: "bad", 1: "good"}
    config = transformers.DistilBertConfig(id2label=names, **sizes[name])
    transformers.DistilBertForSequenceClassification(config).save_pretrained(name)
"""
DIGITS = """
import joblib
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier

joblib.dump(RandomForestClassifier(500, random_state=0).fit(*load_digits(return_X_y=True)), name)
"""
TORCH = ("torch==2.13.0", "torchvision==0.28.0", "safetensors")
LIBRARIES = {  # the script, and what it needs
    "torchvision": (TORCHVISION, (*TORCH, "onnx", "onnxscript")),
    "timm": (TIMM, (*TORCH, "timm==1.0.31")),
    "keras.applications": (APPLICATIONS, ("tensorflow-cpu", "keras")),
    "transformers": (
        TRANSFORMERS,
        ("torch==2.13.0", "torchvision==0.28.0", "transformers==5.24.0", "pillow<13"),
    ),
    "scikit-learn": (DIGITS, ("scikit-learn==1.9.1",)),
}


def real(library: str, folder: Path, name: str) -> Path:
    """Make a real architecture with the library that has it."""
    script, needed = LIBRARIES[library]
    python = install_packages(f"real-{library}", *needed) / "python"
    return make(python, script, folder, name)


def make(python: Path | str, script: str, folder: Path, name: str, **given: object) -> Path:
    """Run a script that makes the model `name` in a folder, with its framework's Python."""
    code = "".join(f"{key} = {value!r}\n" for key, value in {"name": name, **given}.items())
    run = subprocess.run(
        [python, "-c", code + script], cwd=folder, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if run.returncode:
        sys.exit(f"{name}: {run.stderr[-2000:]}")
    return folder / name
