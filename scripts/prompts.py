"""Write the choices and prompts of cookiecutter.json, from the catalogue and platform data.

    python -m scripts.prompts

cookiecutter needs them as literal JSON; their facts are kept elsewhere, once. The order of
the choices is that of cookiecutter.json; new ones come last.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from local_extensions.catalog import FRAMEWORKS, PLATFORMS, ROOT, TASKS, TEMPLATES
from local_extensions.model_files import FORMATS
from ml_ui.sizing import limits

QUESTIONS = ROOT / "cookiecutter.json"

LICENSES = {
    "MIT": ("MIT", "any use, if the notice is kept"),
    "Apache-2.0": ("Apache 2.0", "as MIT, with a patent grant"),
    "BSD-3-Clause": ("BSD 3-Clause", "as MIT, without using your name to endorse"),
    "none": ("none", "all rights reserved"),
}


def read(path: Path) -> dict:
    return json.loads(path.read_text("utf-8"))


def table(rows: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Return a label for each choice, its columns aligned."""
    widths = [max(map(len, column)) for column in zip(*rows.values(), strict=True)]
    return {
        name: "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for name, row in rows.items()
    }


def in_order(question: str, names: Iterable[str]) -> list[str]:
    """Return the choices of a question in their order."""
    choices = [name for name in read(QUESTIONS)[question] if name in names]
    return [*choices, *(name for name in names if name not in choices)]


def tasks() -> dict[str, str]:
    rows = {"auto": ("Automatic", "from the model file")}
    rows |= {name: (TASKS[name].title, TASKS[name].does) for name in in_order("task", TASKS)}
    return table(rows)


def frameworks() -> dict[str, str]:
    rows = {"auto": ("Automatic", "from the model file", "")}
    for name in in_order("framework", [name for name in FRAMEWORKS if FRAMEWORKS[name].tasks]):
        formats = [FORMATS[key] for key in FRAMEWORKS[name].formats]
        endings = [each.endings[0] or each.folder for each in formats]
        sizes = read(TEMPLATES / "requirements" / f"{name}-cpu.json")["packages"]
        wheels = sum(package["wheel"] for package in sizes.values())
        does = " ".join(dict.fromkeys(endings)) or "no weights"
        rows[name] = (FRAMEWORKS[name].title, does, f"{wheels / 1e6:.0f} MB to download")
    return table(rows)


def platforms() -> dict[str, str]:
    rows = {}
    offered = {path.name for path in (TEMPLATES / "platforms").iterdir()}
    for name, platform in PLATFORMS.items():
        if name not in offered:  # only used by the ways out
            continue
        slug, tier = next(iter(platform["hardware"].items()))
        memory = tier["ram_bytes"]
        cost = limits.price(tier) + (f" ({slug})" if tier["price_usd"] is not None else "")
        first = next(limit for limit in platform["limits"] if limit["kind"] == "refuse")
        limit = f"{first['name']} {first['written']}" if first["bytes"] else "no limit"
        rows[name] = (
            platform["title"],
            cost,
            limit + (f", memory {memory / 1e6:.0f} MB" if memory else ""),
        )
    return table(rows)


def pythons() -> dict[str, str]:
    tiers = [tier for platform in PLATFORMS.values() for tier in platform["hardware"].items()]
    rows = {}
    for version in read(QUESTIONS)["python_version"]:
        without = [name for name, tier in tiers if version not in tier.get("python", version)]
        rows[version] = (version, f"not on {', '.join(without)}" if without else "everywhere")
    return table(rows)


def prompts() -> dict:
    """Return the prompts; each choice is labelled with the fact that decides it."""
    return {
        "model_path": "Your model: file, folder or Hub id (empty: a demo model)",
        "task": {"__prompt__": "What does it do?", **tasks()},
        "framework": {"__prompt__": "Which framework?", **frameworks()},
        "project_name": "What is the app called?",
        "project_slug": "Name of the folder, and in the URL (slug)",
        "description": "What does it do, in one sentence?",
        "platform": {"__prompt__": "Where will it run?", **platforms()},
        "hardware": "On which hardware?",
        "python_version": {"__prompt__": "Which Python?", **pythons()},
        "license": {"__prompt__": "Which licence?", **table(LICENSES)},
        "ci": "Add GitHub workflows for tests and deployment?",
    }


def main() -> None:
    questions, asked = read(QUESTIONS), prompts()
    for name, label in asked.items():
        if isinstance(label, dict):
            questions[name] = [choice for choice in label if choice != "__prompt__"]
    questions["__prompts__"] = asked
    QUESTIONS.write_text(json.dumps(questions, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
