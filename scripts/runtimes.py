"""Measure the memory and boot time of models, for ml_ui/sizing/runtimes.json.

    python -m scripts.runtimes [FORMAT ...]

Projects are generated for networks of about 0, 100 and 300 MB in each format, served, and
called once. A linear fit of their memory gives `base` bytes and, for each byte of the
file, `held` bytes after the request, `loading` while it loads, and `serving` during a
request, which takes `request` bytes besides.

Real architectures have more layers, and people send photographs of 4 megapixels: where REAL
names some, `base`, `held`, `request` and, for Keras, `layer` bytes for each layer are theirs.
With --real, only these are measured again.
"""

import datetime
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from local_extensions.catalog import FRAMEWORKS, ROOT
from ml_ui.sizing.measure import measure
from scripts import make_models
from tests.running import install, photograph

TARGET = ROOT / "src" / "ml_ui" / "sizing" / "runtimes.json"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
CAPABILITIES = ("converts",)  # of a format, not measured: to what, and how
BLOCKS = (0, 4, 12)  # of the residual networks: 25 MB each in float32


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
    "lightgbm": Format("lightgbm", "trees.txt"),
    "cbm": Format("catboost", "trees.cbm"),
    "transformers-text": Format("transformers"),
    "transformers-picture": Format("transformers"),
    "timm": Format("pytorch"),
}
IN_TORCHVISION = ("mobilenet_v3_large", "resnet50")
IN_KERAS = ("MobileNetV2", "ResNet50", "DenseNet121")
REAL = {  # library and names: those with fewer and with more weights
    "onnx": ("torchvision", [f"{name}.onnx" for name in IN_TORCHVISION]),
    "torch-export": ("torchvision", [f"{name}.pt2" for name in IN_TORCHVISION]),
    "torchscript": ("torchvision", [f"{name}.pt" for name in (*IN_TORCHVISION, "densenet121")]),
    "state-dict": ("torchvision", [f"{name}.pth" for name in IN_TORCHVISION]),
    "safetensors": ("torchvision", [f"{name}.safetensors" for name in IN_TORCHVISION]),
    "keras": ("keras.applications", [f"{name}.keras" for name in IN_KERAS]),
    "hdf5": ("keras.applications", [f"{name}.h5" for name in IN_KERAS]),
    "savedmodel": ("keras.applications", [*IN_KERAS[:2]]),
    "transformers-text": ("transformers", ["tiny-text", "distilbert"]),
    "transformers-picture": ("transformers", ["vit-small", "vit-base"]),
    "timm": ("timm", ["mobilenetv3_large_100", "resnet50"]),
}
PHOTO = 1728, 2304  # 4 megapixels


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


TASKS = dict.fromkeys(make_models.RESIDUAL, "image-classification") | {
    "python": "image-to-image", "scikit-learn": "tabular", "xgboost": "tabular",
    "lightgbm": "tabular", "catboost": "tabular",
}  # fmt: skip


def make(framework: str, name: str, blocks: int, dtype: str, folder: Path) -> Path:
    """Make a model with its framework."""
    architecture = make_models.RESIDUAL_ARCHITECTURE.format(blocks=blocks)
    (folder / "architecture.py").write_text(architecture)
    python = sys.executable  # it has onnx installed
    if framework != "onnx":
        python = environment(framework) / "bin" / "python"
    script = make_models.RESIDUAL[framework]
    return make_models.make(python, script, folder, name, blocks=blocks, dtype=dtype)


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
        return measured(project, environment(kind.framework))


def measured(project: Path, environment: Path) -> dict[str, float]:
    """Return the measured quantities of a project, the bytes of its model, and its layers.

    Where it asks for pictures, it gets a photograph.
    """
    if pictures := [*project.glob("examples/*")]:
        for picture in pictures:
            picture.unlink()
        (project / "examples" / "photograph.jpg").write_bytes(photograph(*PHOTO))
    names = ("boot", "memory", "loading", "serving")
    found = measure(project, names, lambda line: None, environment)
    files = (path for path in project.glob("model/**/*") if path.is_file())
    recorded = json.loads((project / ".ml-ui.json").read_text("utf-8"))["model"]
    weights = sum(path.stat().st_size for path in files)
    return found | {"weights": weights, "layers": recorded.get("layers", 0)}


def real(library: str, name: str) -> dict[str, float]:
    """Return the measured quantities of a real architecture."""
    with TemporaryDirectory() as folder:
        path = make_models.real(library, Path(folder), name)
        project = generate(Path(folder, "made"), model_path=str(path))
        found = measured(project, install(project).parent)
    figures = (f"{key} {found[key] / 1e6:.0f}" for key in ("weights", "memory", "serving"))
    progress(f"  {name}: {', '.join(figures)} MB")
    return found


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


def anchored(name: str, kind: Format, loading: float) -> dict[str, Any]:
    """Return what the real architectures of a format tell: base, held, request and so on."""
    library, names = REAL[name]
    found = [real(library, each) for each in names]
    memory, serving, weights, layers = (
        np.array([each[key] for each in found])
        for key in ("memory", "serving", "weights", "layers")
    )
    columns = [np.ones(len(found)), weights] + ([layers] if layers.any() else [])
    (base, held, *layer), *_ = np.linalg.lstsq(np.stack(columns, 1), memory)
    held = max(round(float(held), 2), 0.0)
    entry = {
        "base": megabytes(base), "held": held, "loading": max(loading, held), "serving": held,
        "request": megabytes((serving - memory).mean()),
    }  # fmt: skip
    if layer:
        entry["layer"] = round(layer[0] / 1e4) * 10**4
    if "architecture" in FRAMEWORKS[kind.framework].formats[name]:
        # Without torchvision: for a network of the owner's.
        bare = sample(kind, 0, "float32")
        alone = megabytes(bare["memory"] - held * bare["weights"])
        entry |= {"base": alone, "imports": {library: entry["base"] - alone}}
    return entry | {"boot": round(statistics.median(each["boot"] for each in found), 1)}


@cache
def versions() -> str:
    """Return the machine and the versions in one line."""
    shown, found = ["gradio"], {}
    for framework in make_models.RESIDUAL:
        shown += [
            re.match(r"[\w-]+", each)[0] for each in FRAMEWORKS[framework].requirements["cpu"]
        ]
        command = [environment(framework) / "bin" / "python", "-m", "pip", "list", "--format=json"]
        for package in json.loads(subprocess.check_output(command)):
            found[package["name"].replace("_", "-")] = package["version"]
    packages = ", ".join(f"{name} {found[name]}" for name in shown if name in found)
    cores = f"{os.cpu_count()} cores"
    return f"{platform.system()} {platform.machine()}, {cores}, Python {PYTHON}, {packages}"


def main() -> None:
    """Measure the given formats, or all, and write their entries."""
    old = json.loads(TARGET.read_text("utf-8"))["formats"] if TARGET.exists() else {}
    only_real = "--real" in sys.argv
    for name in [each for each in sys.argv[1:] if each in FORMATS] or FORMATS:
        progress(name)
        kind, entry = FORMATS[name], old.get(name) or {}
        if not only_real and (kind.name or name not in REAL):
            others = {dtype: list(samples(kind, dtype)) for dtype in kind.dtypes}
            kept = {key: entry[key] for key in CAPABILITIES if key in entry}
            entry = facts(list(samples(kind)), others) | kept
        if name in REAL:
            boot = {"boot": entry["boot"]} if "boot" in entry else {}
            entry |= anchored(name, kind, entry.get("loading", 0.0)) | boot
        old[name] = entry
        entries = {
            "as_of": datetime.date.today().isoformat(),
            "measured": versions(),
            "formats": {each: old[each] for each in FORMATS if each in old},
        }
        TARGET.write_text(json.dumps(entries, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
