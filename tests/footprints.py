"""Footprints for the tests of the sizing."""

import json
from pathlib import Path

from ml_ui.sizing import footprint

PACKAGES = {
    "gradio": {
        "version": "6.31.0", "wheel": 80_000_000, "installed": 250_000_000, "bytecode": 75_000_000
    },
    "numpy": {
        "version": "2.4.0", "wheel": 18_000_000, "installed": 60_000_000, "bytecode": 12_000_000
    },
}  # fmt: skip


def of(weights=0, name="model/net.onnx", packages=PACKAGES, in_lfs=False, **more):
    """Make the footprint of an ONNX model in one file, with the packages above."""
    files = (footprint.File(name, weights, in_lfs),) if weights else ()
    more = {"format": "onnx", "dtype": "float32", "lock": "onnx-cpu"} | more
    return footprint.Footprint(weights=weights, packages=packages, files=files, **more)


def find(answer, name):
    """Return a check of a report."""
    (found,) = (check for check in answer.checks if check.name == name)
    return found


def lay_out(folder: Path) -> Path:
    """Make a project for Heroku in a folder."""
    folder.mkdir()
    write_record(folder, {})
    (folder / "requirements.txt").write_text(
        "# a comment; not a package\n"
        "--extra-index-url https://example.org/simple\n"
        "Gradio==6.31.0  # via -r requirements.in\n"
        "colorama==0.4.6 ; sys_platform == 'win32'  # via tqdm\n"
        "numpy==2.4.0 \\\n    --hash=sha256:00\n"
    )
    (folder / "app.py").write_text("print()\n")
    (folder / "model").mkdir()
    return folder


def write_record(folder: Path, answers: dict) -> None:
    """Write the record of a project for Heroku with some other answers."""
    recorded = {
        "lock": "onnx-cpu",
        "answers": {"platform": "heroku", "hardware": "basic", "python_version": "3.12"} | answers,
        "model": {"framework": "onnx", "format": "onnx", "dtype": "float32"},
        "sizes": {"packages": PACKAGES},
    }
    (folder / ".ml-ui.json").write_text(json.dumps(recorded))
