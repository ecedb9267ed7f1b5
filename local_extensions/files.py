"""Which files a project has besides those that every project has."""

import json
from pathlib import Path

from cookiecutter.repository import is_repo_url

from .catalog import ROOT, TASKS, TEMPLATES, Answers
from .host import hosting
from .model import model


def optional_files(answers: Answers) -> dict[str, str]:
    """Return the files that only some answers need, and the templates they come from."""
    chosen, files = model(answers), {}
    for part in ("runtime", "architecture"):
        if part in chosen:
            files[f"{part}.py"] = f"frameworks/{answers['__framework']}/{chosen[part]}"
    if TASKS[answers["task"]]["input"] == "picture":
        files["pictures.py"] = "parts/pictures.py"
    if chosen.get("names"):
        files["model/labels.txt"] = "parts/labels.txt"
    files["tools/fit/project.json"] = "parts/project.json"
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
    chosen, lock = model(answers), str(TEMPLATES / hosting(answers)["lock"])
    return {
        f"{lock}.txt": "requirements.txt",
        f"{lock}.json": "tools/fit/sizes.json",
        str(TEMPLATES / "requirements" / "dev.txt"): "requirements-dev.txt",
        **{source: f"model/{name}" for source, name in chosen.get("files", {}).items()},
        **({chosen["pictures"]: "examples"} if "pictures" in chosen else {}),
    }


def record(answers: Answers) -> str:
    """Write down the answers, so that the project can be generated again."""
    public = {k: v for k, v in answers.items() if not k.startswith("_")}
    public |= project_facts(answers)
    public["model_path"] = Path(answers["__model"]).name  # folders are the owner's affair
    template = answers["_template"]
    if not is_repo_url(template):  # a folder or an archive, which is the owner's affair too
        template = ROOT.name
    text = json.dumps({"template": template, **public}, indent=2, ensure_ascii=False)
    # A path may hold bytes that are no text; as an escape, JSON holds them too.
    return text.encode("utf-8", "backslashreplace").decode()


def project_facts(answers: Answers) -> dict[str, str | None]:
    """Tell what the fit of the project depends on, besides its files."""
    chosen = model(answers)
    return {
        "framework": answers["__framework"],
        "format": chosen["format"],
        "dtype": chosen["dtype"],
        "lock": hosting(answers)["lock"].rpartition("/")[2],
    }
