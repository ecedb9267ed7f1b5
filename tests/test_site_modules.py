"""Modules of the page without a server: each is there, and exports what is imported of it."""

import re
import shutil
from pathlib import Path

import pytest

from local_extensions.catalog import SHOWN, TASKS
from local_extensions.choices import runs_on

IMPORT = r'^import (?:\{ ?(?P<names>[^}]+?) ?\}|\* as \w+) from "(?P<path>\.[^"]+)"'
EXPORT = r"^export (?:default )?(?:async )?(?:function\*?|class|const|let) (\w+)"


def missing(project: Path, wanted: dict[str, set[str]]) -> list[str]:
    """Return what is imported, or wanted of a module, and not exported."""
    needed = [(project / path, name) for path, names in wanted.items() for name in names]
    for script in project.rglob("*.js"):
        if not {"vendor", "ml_ui"} & {*script.relative_to(project).parts}:
            for found in re.finditer(IMPORT, script.read_text("utf-8"), re.MULTILINE):
                names = re.sub(r" as \w+", "", found["names"] or "").split(", ")
                needed += [((script.parent / found["path"]).resolve(), name) for name in names]
    return sorted({f"{path.name}: {name}" for path, name in needed if name not in exported(path)})


def exported(path: Path) -> set[str]:
    """Return the names that a module exports; with "", which every module has."""
    text = path.read_text("utf-8") if path.is_file() else None
    return set() if text is None else {"", *re.findall(EXPORT, text, re.MULTILINE)}


def wanted(task: str) -> dict[str, set[str]]:
    """Return what page.js and worker.js import of a task's kinds and of its model.js."""
    kinds = TASKS[task]
    return {
        f"browser/inputs/{kinds.input.name}.js": {"build"},
        f"browser/outputs/{kinds.output.name}.js": {"show"},
        "model.js": {"load", "predict"},
    }


@pytest.mark.parametrize(
    ("task", "framework"), [pair for pair in SHOWN if runs_on("browser", pair[1])]
)
def test_each_module_exports_what_is_imported(bake, task, framework):
    project = bake(task=task, framework=framework, platform="browser")
    assert missing(project, wanted(task)) == []


def test_what_is_missing_is_named(bake, tmp_path):
    project = shutil.copytree(
        bake(task="tabular", framework="onnx", platform="browser"), tmp_path / "project"
    )
    (project / "browser" / "inputs" / "row.js").unlink()
    (project / "browser" / "csv.js").unlink()
    (project / "model.js").write_text("\n", "utf-8")
    found = missing(project, wanted("tabular"))
    assert (
        found == ["csv.js: rows", "model.js: load", "model.js: predict", "row.js: build"] or found
    )
