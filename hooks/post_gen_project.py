"""Finish the project: model, platform files, fit, next steps.

Rendered by cookiecutter and run in the new project; it uses no network and touches
nothing outside.
"""

import sys

# The first entry is the shared temporary folder this file was written to.
sys.path.pop(0)
sys.dont_write_bytecode = True

import json  # noqa: E402
import shutil  # noqa: E402
from pathlib import Path  # noqa: E402

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")
MODEL = json.loads(r"""{{ cookiecutter | model | tojson }}""")


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
    """Copy the chosen platform's files over the project; partials start with _."""
    chosen = project / "_platforms" / ANSWERS["platform"]
    shutil.copytree(chosen, project, dirs_exist_ok=True, ignore=shutil.ignore_patterns("_*"))
    shutil.rmtree(project / "_platforms")


def remove_empty(project: Path) -> None:
    """Remove what rendered to nothing: a file or folder that these answers do not need."""
    for path in sorted(project.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.stat().st_size < 3 and not path.read_text("utf-8").strip():
            path.unlink()


def main() -> None:
    """Finish the project in the current folder, or say why it cannot be."""
    project = Path.cwd()
    bring_in_model(project)
    steps = (project / "_platforms" / ANSWERS["platform"] / "_deploy.sh").read_text("utf-8")
    lay_platform(project)
    remove_empty(project)
    # The project's own copy: it works wherever the template came from.
    sys.path.insert(0, str(project / "tools"))
    import preflight  # noqa: PLC0415

    weighed = preflight.footprint(project)
    report = preflight.check(ANSWERS["platform"], ANSWERS["hardware"], weighed)
    if not report.fits:
        sys.exit(report.as_text())
    print(f"\n{report.as_text(colour=sys.stdout.isatty())}\n")
    print(f"Next:\n\n{RUN}{steps}")


RUN = """cd {{ cookiecutter.project_slug }}
python -m venv .venv && . .venv/bin/activate
pip install -r requirements.txt
python app.py
"""

if __name__ == "__main__":
    main()
    Path(__file__).unlink()
