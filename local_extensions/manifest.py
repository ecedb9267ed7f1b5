"""Manifest of a project: its files, and where each comes from.

Every project has the files in {{cookiecutter.project_slug}}/. The answers decide which others
are rendered from templates/ (`files`) or copied unchanged (`copies`).
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from .catalog import LARGE_FILE, PACKAGE, PLATFORMS, SKELETON, TEMPLATES

if TYPE_CHECKING:
    from .project import Project


def files(project: "Project") -> dict[str, str]:
    """Return the files rendered for these answers, with their templates."""
    answers, model = project.answers, project.model
    task, framework = f"tasks/{project.task.name}", f"frameworks/{project.framework.name}"
    found = {
        "app.py": f"{task}/app.py",
        "model.py": f"{task}/{'model' if model.file else 'function'}.py",
        "tests/test_model.py": f"{task}/test_model.py",
        ".ml-ui.json": "parts/record.json",
    }
    if model.file and not model.card:
        found["MODEL_CARD.md"] = "parts/model_card.md"
    if model.runtime:
        found["runtime.py"] = f"{framework}/{model.runtime}"
    if model.architecture:
        found["architecture.py"] = f"{framework}/{model.architecture}"
    if model.hub:
        found["model/hub.json"] = "parts/hub.json"
    if model.labels:
        found["model/labels.txt"] = "parts/labels.txt"
    if model.examples_csv:
        found["examples.csv"] = "parts/examples.csv"
    if answers.license != "none":
        found["LICENSE"] = f"licenses/{answers.license}.txt"
    for layer in layers(project):
        for path in sorted((TEMPLATES / layer).rglob("*")):
            if path.is_file() and path.name[0] != "_":  # a part of another file
                name = path.relative_to(TEMPLATES / layer).as_posix()
                found[name] = f"{layer}/{name}"
    return {n: t for n, t in found.items() if answers.ci or not n.startswith(".github/")}


def layers(project: "Project") -> list[str]:
    """Return the overlay folders in templates/; later ones win."""
    return ["ci", *(f"platforms/{name}" for name in platforms(project.answers.platform))]


def platforms(name: str) -> list[str]:
    """Return the platforms whose files one takes, and whose files those take, then itself."""
    others = (each for other in PLATFORMS[name].get("files_of", ()) for each in platforms(other))
    return [*dict.fromkeys(others), name]


def copies(project: "Project") -> dict[str, str]:
    """Return the files and folders that are copied, with their paths in the project."""
    model = project.model
    found = {
        TEMPLATES / "requirements" / "dev.txt": "requirements-dev.txt",
        PACKAGE: "ml_ui",
        **{source: f"model/{name}" for source, name in model.files.items()},
        **model.examples,
        **({model.card: "MODEL_CARD.md"} if model.card else {}),
    }
    return {str(source): target for source, target in found.items()}


def files_of(source: Path) -> list[Path]:
    """Return the file, or the files in a folder, that the hook copies."""
    if source.is_file():
        return [source]
    found = (path for path in source.rglob("*") if path.is_file())
    return [path for path in found if "__pycache__" not in path.parts]


def paths(project: "Project") -> set[Path]:
    """Return the files that generation writes, relative to the project's folder."""
    found = {Path(name) for name in project.files}
    for source, target in {str(SKELETON): "", **project.copies}.items():
        found |= {Path(target, path.relative_to(source)) for path in files_of(Path(source))}
    return found


def written(project: "Project") -> set[Path]:
    """Return all files and folders that generation writes, likewise."""
    found = paths(project)
    return found.union(*(path.parents for path in found))


def lfs_patterns(project: "Project") -> list[str]:
    """Return the Git LFS patterns of .gitattributes; the estimate uses them too.

    The platform's file may list them; otherwise there is one for each large file or folder.
    """
    if not (template := project.files.get(".gitattributes")):
        return []
    text = (TEMPLATES / template).read_text("utf-8")
    if listed := re.findall(r"^(\S+) filter=lfs", text, re.MULTILINE):
        return listed
    patterns = []
    for source, target in project.copies.items():
        path = Path(source)
        if any(file.stat().st_size > LARGE_FILE for file in files_of(path)):
            # Characters that git reads as a wildcard, an escape, a quote, or the end.
            name = re.sub(r'[\s*?\[\]\\"\ud800-\udfff]+', "*", target)
            patterns.append(f"{name}/**" if path.is_dir() else name)
    return patterns
