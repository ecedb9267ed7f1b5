"""The project's record, .ml-ui.json, as generation and updates write it."""

import json
import os
import re
from collections.abc import Collection, Iterator
from typing import Any

from .sizing.footprint import Sizes

NAME = ".ml-ui.json"
TEMPLATE = "ml-ui-template"

# Types of a record's parts, by name, where "*" is any other name. What is missing
# counts as None, or as a part without parts.
TEXT = str | None
SHAPE = {
    "template": {"*": TEXT},
    "ml_ui": {"*": TEXT},
    "lock": TEXT,
    "answers": {
        **dict.fromkeys(("platform", "hardware", "python_version", "model_path"), TEXT),
        "*": str | bool | None,
    },
    "model": {"layers": int | None, "*": TEXT},
    "sizes": {
        "packages": {"*": Sizes.__annotations__},
        "weights": {"*": int | float | None},
    },
}


def text(recorded: dict[str, Any]) -> str:
    """Return the JSON text of a record, with one part or answer per line."""
    lines = {
        name: json.dumps(part, ensure_ascii=False) for name, part in recorded.items()
    }
    answers = json.dumps(recorded["answers"], indent=4, ensure_ascii=False)
    lines["answers"] = f"{answers[:-1]}  }}"  # the answers are meant to be read
    inside = ",\n".join(f'  "{name}": {line}' for name, line in lines.items())
    # A path may contain bytes that are not UTF-8; JSON keeps them as escapes.
    return f"{{\n{inside}\n}}".encode("utf-8", "backslashreplace").decode()


def with_parts(
    recorded: dict[str, Any], made: dict[str, Any], names: Collection[str]
) -> dict[str, Any]:
    """Return a record with some parts of another one, in the other one's order."""
    parts = {name: made if name in names else recorded for name in made | recorded}
    return {name: of[name] for name, of in parts.items() if name in of}


def misfits(part: Any, shape: Any = SHAPE, name: str = "") -> Iterator[str]:
    """Yield the names of a record's parts that have the wrong type."""
    if isinstance(part, dict) and isinstance(shape, dict):
        for key in (shape | part).keys() - {"*"}:
            if expected := shape.get(key, shape.get("*")):
                found = part.get(key, {} if isinstance(expected, dict) else None)
                yield from misfits(found, expected, f"{name}.{key}")
    elif isinstance(shape, dict) or not isinstance(part, shape):
        yield name.removeprefix(".")


def address(template: str) -> str:
    """Return the template's address without a password, or a local one's name."""
    if os.path.exists(template) or template.startswith("file:"):
        return TEMPLATE
    if re.search(r"(?i)\.zip\b", template) or ":" not in template:
        return TEMPLATE
    return re.sub(r"^((?:git\+)?https?://)[^/@]*@", r"\1", template)


def vendored(version: str) -> str:
    """Return the first line of the package's copy in a project."""
    return (
        f"# ml_ui {version}, vendored by {TEMPLATE}. Not yours to edit: an update "
        "replaces it."
    )
