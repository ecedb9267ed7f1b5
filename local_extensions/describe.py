"""What the project is about, and where it will live, as the templates need it."""

import importlib.util
import json
import math
import re
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from . import model_files, quoting

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "{{cookiecutter.project_slug}}" / "tools"
CATALOG = json.loads((ROOT / "catalog.json").read_text("utf-8"))
PLATFORMS = json.loads((TOOLS / "platforms.json").read_text("utf-8"))["platforms"]

Answers = dict[str, Any]

inspect = cache(model_files.inspect)


def model(answers: Answers) -> dict[str, Any]:
    """Describe the model: the user's own, the demo's, or a plain function."""
    return _model(answers["task"], answers["__framework"], answers["__model"])


@cache
def _model(task_name: str, framework: str, own: str) -> dict[str, Any]:
    task, formats = CATALOG["tasks"][task_name], CATALOG["frameworks"][framework]["formats"]
    demo = ROOT / "demos" / task_name
    if own:
        source = Path(own)
        described = {"own": True, "title": _title(source), "description": f"{task['does']}."}
        described["description"] = described["description"].capitalize()
        pictures = ROOT / "demos" / task.get("own_examples", "none") / "examples"
    else:
        source = (
            demo / f"{task['demo']}{next(iter(formats.values()))['ending']}" if formats else None
        )
        card = json.loads((demo / "card.json").read_text("utf-8")) if formats else {}
        card["rows"] = [row if isinstance(row, list) else [row] for row in card.pop("examples", [])]
        card |= CATALOG["frameworks"][framework].get("demos", {}).get(task_name, {})
        described = {"own": False, **card}
        pictures = demo / "examples"
    if pictures.is_dir():
        described["pictures"] = str(pictures)
        described["example"] = f"examples/{min(pictures.iterdir()).name}"
    if source:
        described |= _weights(source, formats)
        found = inspect(source)
        if "size" in task:
            described |= _pixels(found, task["size"], framework, described["own"])
        elif described["own"]:
            described |= _fields(found, task_name)
        if described["own"]:
            described["notes"] = [*found.notes, *_to_do(found, described, task_name)]
    return described


def _to_do(found, described: dict[str, Any], task: str) -> Iterator[str]:
    """Tell what the file does not, and its owner has to write down."""
    if "architecture" in described:
        yield "The file holds weights alone: return your network from architecture.py."
    if "input_shape" in described and not (found.input_shape or found.n_features):
        yield "The file does not tell its input: see INPUT_SHAPE in model.py."
    if task == "tabular" and not found.features:
        yield "The file does not name its columns: see FEATURES in model.py."
    if task.endswith("classification") and not (
        found.labels or "labels.txt" in described["files"].values()
    ):
        yield "The file does not name its classes: write model/labels.txt, one name a line."


def _weights(source: Path, formats: dict[str, Any]) -> dict[str, Any]:
    """Tell the files that the model consists of, and what loads them."""
    found, labels = inspect(source), source.with_name("labels.txt")
    return {
        "file": quoting.file_name(source.name),
        "files": {
            str(source): quoting.file_name(source.name),
            **{str(path): str(path.relative_to(source.parent)) for path in found.companions},
            **({str(labels): "labels.txt"} if labels.is_file() else {}),
        },
        "size": found.size,
        "runs_code": found.runs_code,
        **formats[found.format],
    }


def _title(source: Path) -> str:
    words = re.sub(r"[\W_]+", " ", source.stem).strip()
    return (words[:1].upper() + words[1:60]).strip() or "My model"


def _pixels(found, size, framework: str, own: bool) -> dict[str, Any]:
    """Tell the shape and the values that the model's pictures have."""
    shape, first = found.input_shape, CATALOG["frameworks"][framework]["channels_first"]
    channels = 3
    if shape and len(shape) == 4:
        first = shape[1] in (1, 3)
        channels = shape[1 if first else 3] or 3
        size = [n or m for n, m in zip(shape[2:] if first else shape[1:3], size, strict=True)]
    elif found.n_features and math.isqrt(found.n_features) ** 2 == found.n_features:
        first, channels, size = False, 1, [math.isqrt(found.n_features)] * 2
    mean, std, source = 0.0, 1.0, ""
    for rule in CATALOG["pixels"]:
        if own and rule["framework"] == framework and re.fullmatch(rule["name"], found.name or ""):
            mean, std, source = rule["mean"], rule["std"], rule["source"]
            break
    if channels == 1 and isinstance(mean, list):
        mean, std, source = 0.0, 1.0, ""
    return {
        "input_shape": (None, channels, *size) if first else (None, *size, channels),
        "mean": tuple(mean) if isinstance(mean, list) else mean,
        "std": tuple(std) if isinstance(std, list) else std,
        "pixel_source": source,
    }


def _fields(found, task: str) -> dict[str, Any]:
    """Tell the fields of a form for the user's own model."""
    if task == "text-classification":
        return {"rows": [["The parcel came a week late, and the box was open."]]}
    names = found.features or [f"feature {n + 1}" for n in range(found.n_features or 1)]
    return {"features": dict.fromkeys(names, 0.0), "rows": [[0.0] * len(names)]}


def optional_files(answers: Answers) -> dict[str, str]:
    """Return the files that only some answers need, and the templates they come from."""
    chosen, files = model(answers), {}
    for part in ("runtime", "architecture"):
        if part in chosen:
            files[f"{part}.py"] = f"frameworks/{answers['__framework']}/{chosen[part]}"
    if answers["license"] != "none":
        files["LICENSE"] = f"licenses/{answers['license']}.txt"
    for layer in ("ci", f"platforms/{answers['platform']}"):
        folder = ROOT / "templates" / layer
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name[0] != "_":  # that is a part of the README
                name = path.relative_to(folder).as_posix()
                files[name] = f"{layer}/{name}"
    return {n: t for n, t in files.items() if answers["ci"] or not n.startswith(".github/")}


def copies(answers: Answers) -> dict[str, str]:
    """Return what comes along as it is: from where, to where in the project."""
    chosen, lock = model(answers), str(ROOT / "templates" / hosting(answers)["lock"])
    return {
        f"{lock}.txt": "requirements.txt",
        f"{lock}.json": "tools/sizes.json",
        str(ROOT / "templates" / "requirements" / "dev.txt"): "requirements-dev.txt",
        **{source: f"model/{name}" for source, name in chosen.get("files", {}).items()},
        **({chosen["pictures"]: "examples"} if "pictures" in chosen else {}),
    }


def hardware(platform: str) -> dict[str, Any]:
    """Return the tiers of a platform, the default first."""
    return PLATFORMS[platform]["hardware"]


def hosting(answers: Answers) -> dict[str, Any]:
    """Describe where the project will live: its platform, tier and locked packages."""
    names = ("platform", "hardware", "__framework", "python_version")
    return _hosting(*(answers[name] for name in names))


@cache
def _hosting(platform: str, tier_name: str, framework: str, python: str) -> dict[str, Any]:
    tier = hardware(platform)[tier_name]
    lock = f"requirements/{framework}-{tier['class']}"
    sizes = json.loads((ROOT / "templates" / f"{lock}.json").read_text("utf-8"))
    return {
        "platform": PLATFORMS[platform],
        "tier": tier,
        "where": preflight().where(platform, tier_name),
        "python": tier.get("python", {}).get(python, python),
        "requirements": [
            "gradio",
            *CATALOG["frameworks"][framework]["requirements"][tier["class"]],
        ],
        "lock": lock,
        "packages": sizes["packages"],
    }


SOURCES = 150_000  # what a generated project weighs without its model and examples


def fit(answers: Answers) -> Any:
    """Compare the project with its platform's limits, before there is a project."""
    chosen, host = model(answers), hosting(answers)
    weights, largest = chosen.get("size", 0), ("", 0)
    if weights:
        source = Path(next(iter(chosen["files"])))
        files = [f for f in source.rglob("*") if f.is_file()] if source.is_dir() else [source]
        biggest = max(files, key=lambda f: f.stat().st_size)
        largest = (f"model/{biggest.name}", biggest.stat().st_size)
    footprint = preflight().Footprint(
        weights=weights,
        sources=SOURCES,
        largest_file=largest,
        packages=host["packages"],
        on_github=bool(answers["ci"]),
    )
    return preflight().check(answers["platform"], answers["hardware"], footprint)


def told(answers: Answers) -> str:
    """Return what to say of the finished project: whether it fits, what to know of it."""
    notes = model(answers).get("notes", ())
    return "\n".join([fit(answers).as_text(), *(f"Note: {note}" for note in notes)])


def cost(answers: Answers) -> str:
    """Say what the host costs, when it sleeps, and how near its limits the project is."""
    host, size = hosting(answers), preflight().size
    tier, about = host["tier"], [f"{host['where']}: {host['tier']['title']}."]
    if tier["note"] and tier["note"] not in host["where"]:
        about.append(f"{tier['note'][0].upper()}{tier['note'][1:]}.")
    if tier["sleep"]:
        about.append(f"Sleep: {tier['sleep']}.")
    lines = [textwrap.fill(" ".join(about), 88), ""]
    for check in fit(answers).checks:
        limit = f" of {check.written}" if check.limit else ", no limit"
        disputed = f" (disputed: {check.disputed['written']})" if check.disputed else ""
        lines.append(f"- {check.name}: {size(check.predicted)}{limit}{disputed}")
    return "\n".join(lines)


@cache
def preflight() -> ModuleType:
    """Load the project's own tools/preflight.py: there is one copy of it."""
    spec = importlib.util.spec_from_file_location("preflight", TOOLS / "preflight.py")
    module = importlib.util.module_from_spec(spec)
    # A __pycache__ beside the file would be rendered into the project.
    prefix, sys.pycache_prefix = sys.pycache_prefix, str(Path(__file__).with_name("__pycache__"))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.pycache_prefix = prefix
    return module


def record(answers: Answers) -> str:
    """Write down the answers, so that the project can be generated again."""
    public = {k: v for k, v in answers.items() if not k.startswith("_")}
    public["framework"] = answers["__framework"]
    text = json.dumps({"template": answers["_template"], **public}, indent=2, ensure_ascii=False)
    # A path may hold bytes that are no text; as an escape, JSON holds them too.
    return text.encode("utf-8", "backslashreplace").decode()
