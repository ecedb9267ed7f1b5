"""Finish the project: model, platform files, fit, next steps.

Rendered by cookiecutter and run in the new project; it uses no network and touches
nothing outside.
"""

import sys

# The first entry is the shared temporary folder this file was written to.
sys.path.pop(0)
sys.dont_write_bytecode = True

import json  # noqa: E402
import re  # noqa: E402
import shutil  # noqa: E402
from pathlib import Path  # noqa: E402

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")
MODEL = json.loads(r"""{{ cookiecutter | model | tojson }}""")
# Computed again when this file is rendered, by the code that the project keeps.
FIT = json.loads(r"""{{ {"fits": (cookiecutter | fit).fits, "text": (cookiecutter | fit).as_text()} | tojson }}""")


def bring_in_model(project: Path) -> None:
    """Copy the weights, what belongs to them, and the example inputs."""
    for source, name in MODEL.get("files", {}).items():
        copy(Path(source), project / "model" / name)
    if "pictures" in MODEL:
        copy(Path(MODEL["pictures"]), project / "examples")


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)


def lay_platform(project: Path) -> None:
    """Write the files of the chosen platform, which came rendered as one."""
    bundle = project / "_platform.json"
    for name, text in json.loads(bundle.read_text("utf-8")).items():
        target = project / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    bundle.unlink()


def remove_empty(project: Path) -> None:
    """Remove what rendered to nothing: a file or folder that these answers do not need."""
    for path in sorted(project.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.stat().st_size < 3 and not path.read_text("utf-8").strip():
            path.unlink()


def next_steps(readme: str) -> str:
    """Return the commands of the README that run the project, then those that deploy it."""
    run, *_, deploy = re.findall(r"^## (?:Run|Deploy).*?```sh\n(.*?)```", readme, re.DOTALL | re.MULTILINE)
    return f"cd {ANSWERS['project_slug']}\n{run}\n{deploy}"


def main() -> None:
    """Finish the project in the current folder, or say why it cannot be."""
    if not FIT["fits"]:
        sys.exit(FIT["text"])
    project = Path.cwd()
    bring_in_model(project)
    lay_platform(project)
    remove_empty(project)
    print(f"\n{FIT['text']}\n\nNext:\n")
    print(next_steps((project / "README.md").read_text("utf-8")))


if __name__ == "__main__":
    try:
        main()
    finally:
        Path(__file__).unlink()
