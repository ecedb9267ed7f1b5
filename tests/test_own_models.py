"""Models of the user's own: story B's networks of 90 MB, and every format that is offered."""

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import httpx
import pytest
from conftest import ruff
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from running import (
    BUILD,
    LOG,
    MODEL_TESTS,
    clean_environment,
    free_port,
    install,
    own_tests,
    served,
    zero_gpu,
)
from test_running import device_service

pytestmark = pytest.mark.slow

KERAS = """
import keras

keras.utils.set_random_seed(0)
keras.applications.InceptionV3(weights=None).save("inception_v3.keras")
"""
TORCH = """
import torch
from torch import nn

torch.manual_seed(0)
layers = [nn.Conv2d(3, 64, 7, 4), nn.ReLU(), nn.Conv2d(64, 256, 5, 4), nn.ReLU()]
layers += [nn.AdaptiveAvgPool2d(6), nn.Flatten(), nn.Linear(9216, 2200), nn.Linear(2200, 1000)]
network = nn.Sequential(*layers).eval()
torch.jit.trace(network, torch.zeros(1, 3, 224, 224)).save("network.pt")
torch.save(network.state_dict(), "weights.pt")
"""
ONNX = """
import numpy as np
import onnx

rng = np.random.default_rng(0)
shapes = {"kernel": (256, 3, 9, 9), "hidden": (25600, 880), "output": (880, 1000)}
weights = {name: rng.normal(0, 0.02, shape).astype("float32") for name, shape in shapes.items()}
graph = onnx.parser.parse_graph(
    "network (float[n, 3, 299, 299] picture) => (float[n, 1000] scores) {"
    "a = Conv <strides = [32, 32]> (picture, kernel)  b = Relu(a)  c = Flatten(b)"
    "d = MatMul(c, hidden)  scores = MatMul(d, output) }"
)
for name, weight in weights.items():
    graph.initializer.append(onnx.numpy_helper.from_array(weight, name))
opset = [onnx.helper.make_opsetid("", 17)]
onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), "network.onnx")
"""
MAKERS = {
    "inception_v3.keras": ("keras", KERAS),
    "network.pt": ("pytorch", TORCH),
    "network.onnx": (None, ONNX),
    "weights.pt": ("pytorch", TORCH),
}


@pytest.fixture(scope="session")
def model(bake):
    """Return a function that gives a model file, made once by its framework."""
    folder = BUILD / "models"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "labels.txt").write_text("".join(f"thing {n}\n" for n in range(1000)))

    def make(name: str):
        framework, script = MAKERS[name]
        if not (folder / name).exists():
            python = Path(sys.executable)
            if framework:
                python = install(bake(framework=framework, platform="local")) / "python"
            subprocess.run([python, "-c", script], cwd=folder, check=True)
        assert (folder / name).stat().st_size > 80e6
        return folder / name

    return make


@pytest.mark.sample("inception_v3.keras", "network.onnx")
@pytest.mark.parametrize("name", ["inception_v3.keras", "network.onnx", "network.pt"])
def test_from_file_to_dyno(bake, model, photo, name):
    project = bake(model_path=str(model(name)), platform="heroku")
    assert (project / "model" / name).stat().st_size == model(name).stat().st_size
    port, folder = free_port(), install(project)
    line = (project / "Procfile").read_text("utf-8").removeprefix("web: ")
    environment = clean_environment(folder, PORT=str(port), DYNO="web.1")
    with served(project, ["bash", "-c", line], environment, port) as url:
        answer = Client(url, verbose=False).predict(handle_file(photo), api_name="/predict")
    confidences = [entry["confidence"] for entry in answer["confidences"]]
    assert len(confidences) == 5
    assert confidences == sorted(confidences, reverse=True)
    assert answer["label"].startswith("thing ")


def test_weights_need_their_class(bake, model, tmp_path):
    """Where the file holds no network, one marked place asks for it, and says so."""
    project = shutil.copytree(
        bake(model_path=str(model("weights.pt")), platform="local"), tmp_path / "project"
    )
    bin_folder = install(project)
    run = subprocess.run(
        [bin_folder / "python", "-c", "import model; model.load()"], cwd=project,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "architecture.py: return your network from build()" in run.stderr
    network = TORCH[TORCH.index("layers =") : TORCH.index("network =")].replace("\n", "\n    ")
    (project / "architecture.py").write_text(
        f"from torch import nn\n\n\ndef build():\n    {network}return nn.Sequential(*layers)\n"
    )
    passes_its_own_tests(project)


def passes_its_own_tests(project: Path) -> None:
    run = own_tests(project, MODEL_TESTS)
    assert run.returncode == 0, run.stdout[-3000:]
    assert "feature names" not in run.stdout  # a warning of scikit-learn


def ask(project: Path, code: str, **options) -> str:
    """Return what a line of Python prints in a project, or its last words if it fails."""
    command = [install(project) / "python", "-W", "ignore", "-c", code]
    run = subprocess.run(
        command, cwd=project, capture_output=True, text=True, check=False, **options
    )
    return (run.stdout or run.stderr).strip().rpartition("\n")[2]


# Small models, by the framework that saves them: a script, and the files that it makes.
SCRIPTS = {
    # As skl2onnx writes it: the class first, then the probabilities.
    "onnx": """
import numpy as np
import onnx

graph = onnx.parser.parse_graph(
    "forest (float[n, 4] row) => (int64[n] label, float[n, 3] probabilities) {"
    "s = MatMul(row, w)  probabilities = Softmax <axis = 1> (s)"
    "label = ArgMax <axis = 1, keepdims = 0> (probabilities) }"
)
graph.initializer.append(onnx.numpy_helper.from_array(np.eye(4, 3, dtype="float32"), "w"))
model = onnx.helper.make_model(
    graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
)
onnx.helper.set_model_props(model, {"names": "['red', 'white', 'rose']"})
onnx.save(model, "forest.onnx")
""",
    "keras": """
import keras

network = keras.Sequential(
    [keras.Input((12, 10, 3)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")]
)
network.save("network.h5")
network.export("saved")
keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)]).save("table.keras")
""",
    "pytorch": """
import torch
from safetensors.torch import save_file
from torch import nn

torch.manual_seed(0)
layers = [nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 3)]
network = nn.Sequential(*layers).eval()
torch.export.save(torch.export.export(network, (torch.zeros(1, 3, 20, 20),)), "exported.pt2")
torch.jit.trace(network, torch.zeros(1, 3, 20, 20)).save("traced.pt")
save_file(network.state_dict(), "weights.safetensors")
""",
    "scikit-learn": """
import pickle

import joblib
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

X, y = load_wine(return_X_y=True, as_frame=True)
forest = RandomForestClassifier(5, random_state=0).fit(X, y.map(["red", "white", "rose"].__getitem__))
joblib.dump(forest, "forest.joblib", compress=3)
X, y = load_diabetes(return_X_y=True)
with open("regressor.pkl", "wb") as file:
    pickle.dump(RandomForestRegressor(5, random_state=0).fit(X, y), file)
import skops.io

skops.io.dump(forest, "forest.skops")
joblib.dump(RandomForestClassifier(5, random_state=0).fit(X, (y > 150) * 4 + 3), "threes.joblib")

# By the names of columns, which only a table has.
fruit = pd.DataFrame({"colour": ["red", "red", "green", "green"], "size": [2.0, 8.0, 2.0, 8.0]})
scale = ("scale", StandardScaler(), ["size"])
columns = ColumnTransformer([("colour", OneHotEncoder(), ["colour"]), scale])
names = ["cherry", "apple", "pea", "melon"]
joblib.dump(make_pipeline(columns, LogisticRegression(C=100)).fit(fruit, names), "fruit.joblib")
columns, outputs = ColumnTransformer([scale]), [[1.5, -2.25]] * 4
joblib.dump(make_pipeline(columns, LinearRegression()).fit(fruit[["size"]], outputs), "two.joblib")
""",
}
FORMATS = [
    ("onnx", "tabular", "forest.onnx"),
    ("keras", "tabular", "table.keras"),
    ("keras", "image-classification", "network.h5"),
    ("keras", "image-classification", "saved"),
    ("pytorch", "image-classification", "exported.pt2"),
    ("pytorch", "image-classification", "weights.safetensors"),
    ("scikit-learn", "tabular", "forest.joblib"),
    ("scikit-learn", "tabular", "regressor.pkl"),
    ("scikit-learn", "tabular", "forest.skops"),
    ("scikit-learn", "tabular", "threes.joblib"),
    ("scikit-learn", "tabular", "two.joblib"),
]


@pytest.fixture(scope="session")
def small(bake, tmp_path_factory):
    """Return a function that gives the folder of a framework's small models."""

    @cache
    def make(framework: str) -> Path:
        folder = tmp_path_factory.mktemp(framework)
        answers = {"task": "tabular", "framework": framework, "platform": "local"}
        python = sys.executable if framework == "onnx" else install(bake(**answers)) / "python"
        subprocess.run([python, "-c", SCRIPTS[framework]], cwd=folder, check=True)
        return folder

    return make


@pytest.mark.every
@pytest.mark.parametrize(("framework", "task", "name"), FORMATS)
def test_every_format(bake, small, framework, task, name, tmp_path):
    """The project is generated for the file, and passes its own tests with it."""
    baked = bake(model_path=str(small(framework) / name), task=task, platform="local")
    project = shutil.copytree(baked, tmp_path / "project")
    if name == "weights.safetensors":
        layers = SCRIPTS["pytorch"].partition("layers = ")[2].partition("\n")[0]
        (project / "architecture.py").write_text(
            "from torch import nn\n\n\ndef build():\n"
            f"    layers = {layers}\n    return nn.Sequential(*layers)\n"
        )
    if name.startswith("forest"):  # its names came along
        labels = (project / "model" / "labels.txt").read_text("utf-8").split()
        assert sorted(labels) == ["red", "rose", "white"]
    if framework == "scikit-learn" and name.startswith("forest"):
        assert '"alcohol": 0.0' in (project / "model.py").read_text("utf-8")
    if name == "threes.joblib":  # classes that are numbers keep them as names
        assert ask(project, f"{DEFAULTS} print(sorted(answer))") == "['3', '7']"
    if name == "two.joblib":  # numbers, and no classes
        assert ask(project, f"{DEFAULTS} print(answer)") == "1.5, -2.25"
    # A table of pictures is worth showing, one of the fields' own values is not.
    assert any((project / name).exists() for name in ("examples", "examples.csv")) == (
        task != "tabular"
    )
    ruff("format", "--isolated", "--no-cache", "--check", baked)
    passes_its_own_tests(project)


DEFAULTS = "import model; answer = model.predict(*model.FEATURES.values());"


@pytest.mark.every
def test_column_of_texts(bake, small, tmp_path):
    """Its owner writes a text into FEATURES: that makes it a field of text."""
    path = small("scikit-learn") / "fruit.joblib"
    baked = bake(model_path=str(path), task="tabular", platform="local")
    project = shutil.copytree(baked, tmp_path / "project")
    source = (project / "model.py").read_text("utf-8")
    edited = re.sub(r'"colour": .*,', '"colour": "red",', source)
    assert edited != source
    (project / "model.py").write_text(edited, "utf-8")
    passes_its_own_tests(project)
    port = free_port()
    environment = clean_environment(install(project), PORT=str(port))
    with served(project, ["python", "app.py"], environment, port) as url:
        client = Client(url, verbose=False)
        for row in (("red", 2, "cherry"), ("red", 8, "apple"), ("green", 8, "melon")):
            assert client.predict(*row[:2], api_name="/predict")["label"] == row[2]
        with pytest.raises(ValueError, match="Fill in colour"):
            client.predict("", 2, api_name="/predict")


def test_labels_from_editors(bake, small, tmp_path):
    path = small("onnx") / "forest.onnx"
    baked = bake(model_path=str(path), task="tabular", platform="local")
    project = shutil.copytree(baked, tmp_path / "project")
    labels = project / "model" / "labels.txt"
    labels.write_bytes("rosé\r\nred\r\nwhite\r\n\r\n\r\n".encode("utf-8-sig"))
    assert ask(project, f"{DEFAULTS} print([*answer])") == "['rosé', 'red', 'white']"
    labels.write_text("red\nwhite\nred\n")
    assert ask(project, f"{DEFAULTS} print([*answer])") == "['red', 'white', 'red (2)']"


# What `spaces` asks of PyTorch's GPU build, which weighs 3 GB, and its CPU build lacks.
GPU_BUILD = """
import torch

torch.version.cuda = "13.0"
torch._C._cuda_init = None
torch.cuda._is_in_bad_fork = bool
"""


@pytest.mark.sample("traced.pt")
@pytest.mark.parametrize("name", ["exported.pt2", "traced.pt"])
def test_zero_gpu(bake, small, name, tmp_path):
    """A Space on ZeroGPU, as far as it goes without one: to where the GPU has to answer."""
    answers = {"model_path": str(small("pytorch") / name), "task": "image-classification"}
    baked = bake(**answers, platform="huggingface", hardware="zero-a10g", python_version="3.12")
    project = shutil.copytree(baked, tmp_path / "project")
    requirements = project / "requirements.txt"
    spaces = re.search(r"^spaces==\S+", requirements.read_text("utf-8"), re.MULTILINE)[0]
    cpu = (bake(**answers, platform="local") / "requirements.txt").read_text("utf-8")
    requirements.write_text(f"{cpu}{spaces}\n", "utf-8")
    (tmp_path / "sitecustomize.py").write_text(GPU_BUILD)
    port, more = free_port(), {"PYTHONPATH": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with device_service() as (url, calls):
        environment = zero_gpu(project, port, url, **more)
        # One function wants the GPU, and ZeroGPU keeps all of the model's weights for it:
        # 4 x (4 x 3 x 3 x 3 + 4 + 16 x 3 + 3) bytes.
        code = "import app; from spaces.zero import decorator, torch;"
        code += "print({f.__name__ for f in decorator.decorated_cache}, torch.size())"
        assert ask(project, code, env=environment) == "{'predict'} 652"
        with served(project, ["python", "app.py"], environment, port) as app:
            picture = min(project.glob("examples/*"))
            visitor = {"X-IP-Token": "x.e30.x"}  # whose quota it is
            with pytest.raises(AppError):
                client = Client(app, verbose=False, headers=visitor)
                client.predict(handle_file(picture), api_name="/predict")
            files = {"image": picture.read_bytes()}
            assert httpx.post(f"{app}/predict", files=files, headers=visitor).is_error
    assert calls == ["/startup-report", *2 * ["/schedule&token=x.e30.x", "/allow", "/release"]]
    assert "Torch not compiled with CUDA enabled" in LOG.read_text("utf-8")
