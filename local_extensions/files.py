"""Which files a project has besides those that every project has."""

import json
import subprocess
from pathlib import Path

from cookiecutter.repository import is_repo_url

import ml_ui

from .catalog import PACKAGE, ROOT, TEMPLATES, Answers
from .host import hosting
from .model import model


def optional_files(answers: Answers) -> dict[str, str]:
    """Return the files that only some answers need, and the templates they come from."""
    chosen, files = model(answers), {}
    for part in ("runtime", "architecture"):
        if part in chosen:
            files[f"{part}.py"] = f"frameworks/{answers['__framework']}/{chosen[part]}"
    if chosen.get("names"):
        files["model/labels.txt"] = "parts/labels.txt"
    files[".ml-ui.json"] = "parts/record.json"
    if answers["license"] != "none":
        files["LICENSE"] = f"licenses/{answers['license']}.txt"
    for layer in ("ci", f"platforms/{answers['platform']}"):
        folder = TEMPLATES / layer
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name[0] != "_":  # that is a part of the README
                name = path.relative_to(folder).as_posix()
                files[name] = f"{layer}/{name}"
    return {n: t for n, t in files.items() if answers["ci"] or not n.startswith(".github/")}


def copies(answers: Answers) -> dict[str, str]:
    """Return what comes along as it is: from where, to where in the project."""
    chosen = model(answers)
    return {
        str(PACKAGE): "ml_ui",
        str(TEMPLATES / "requirements" / "dev.txt"): "requirements-dev.txt",
        **{source: f"model/{name}" for source, name in chosen.get("files", {}).items()},
        **({chosen["pictures"]: "examples"} if "pictures" in chosen else {}),
    }


def record(answers: Answers) -> str:
    """Return .ml-ui.json: answers, versions and sizes, from which the project is updated."""
    public = {k: v for k, v in answers.items() if not k.startswith("_")}
    public["model_path"] = Path(answers["__model"]).name  # folders are the owner's affair
    address = answers["_template"]
    if not is_repo_url(address):  # a folder or an archive, which is the owner's affair too
        address = ROOT.name
    facts = project_facts(answers)
    recorded = {
        "template": {"address": address, "commit": commit(ROOT)},
        "ml_ui": ml_ui.__version__,
        "lock": facts.pop("lock"),
        "answers": public,
        "model": facts,
        "sizes": hosting(answers)["sizes"] | {"packages": {}},
    }
    text = json.dumps(recorded, indent=2, ensure_ascii=False)
    # The packages in one line: a record is not for reading, and has as few lines as it can.
    packages = json.dumps(hosting(answers)["sizes"]["packages"])
    text = text.replace('"packages": {}', f'"packages": {packages}')
    # A path may hold bytes that are no text; as an escape, JSON holds them too.
    return text.encode("utf-8", "backslashreplace").decode()


def vendored(answers: Answers) -> str:
    """Return the first line of the package that is copied into the project."""
    return (
        f"ml_ui {ml_ui.__version__}, vendored by ml-ui-template. Not yours to edit: an update "
        "replaces it."
    )


def commit(repository: Path) -> str | None:
    """Return the commit that a repository is at, or None if it has none or has changes."""
    command = ["git", "-C", str(repository), "status", "--porcelain=v2", "--branch", "-uno"]
    try:
        status = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    head, *changes = [
        line
        for line in status.splitlines()
        if not line.startswith("# branch.") or line.startswith("# branch.oid")
    ]
    name = head.rpartition(" ")[2]
    return None if changes or name == "(initial)" else name


def project_facts(answers: Answers) -> dict[str, str | None]:
    """Tell what the fit of the project depends on, besides its files."""
    chosen = model(answers)
    return {
        "framework": answers["__framework"],
        "format": chosen["format"],
        "dtype": chosen["dtype"],
        "lock": hosting(answers)["lock"],
    }
