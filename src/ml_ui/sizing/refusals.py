"""What a platform refuses besides sizes: versions of packages, and README.md's data."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .limits import PLATFORMS
from .project import record
from .requirements import pins


def refusals(platform: str, hardware: str, folder: Path) -> Iterator[str]:
    """Yield why a platform would not start the project in a folder, in sentences."""
    facts = PLATFORMS[platform]
    tier = facts["hardware"][hardware]
    python = record(folder)["answers"].get("python_version") or "3.12"
    text = (folder / "requirements.txt").read_text("utf-8")
    pinned = {name: found[0] for name, found in pins(text, python).items() if found}
    for package, taken in tier.get("takes", {}).items():
        version = pinned.get(package)
        if version and version not in taken["versions"]:
            yield (
                f"{hardware} takes {package} {', '.join(taken['versions'])}, and "
                f"requirements.txt has {version}: {_source(taken)}."
            )
    if needed := tier.get("needs"):
        sources = (path.read_text("utf-8") for path in folder.glob("*.py"))
        if not any(needed["text"] in source for source in sources):
            yield f"No .py file has {needed['text']}: {needed['what']}."
    if rules := facts.get("front_matter"):
        readme = folder / "README.md"
        found = front_matter(readme.read_text("utf-8") if readme.is_file() else "")
        asked, taken = found.get("python_version", "").strip("'\""), tier.get("python")
        if asked and taken and asked not in taken.values():
            yield (
                f"{hardware} takes Python {' and '.join(taken.values())}, and "
                f"README.md asks for {asked}: {_source(tier)}."
            )
        if "sdk" not in found:
            yield (
                "README.md does not begin with `---` and a line `sdk:`, so the Space "
                f"has no configuration: {_source(rules['sdk'])}."
            )
        for key, rule in rules.items():
            if key in found and (why := _broken(rule, found[key], folder, pinned)):
                yield f"README.md, {key}: {why}: {_source(rule)}."


def front_matter(text: str) -> dict[str, str]:
    """Return the texts of the keys in the data that a README begins with."""
    lines = text.splitlines()
    if lines[:1] != ["---"] or "---" not in lines[1:]:
        return {}
    pairs = (
        re.fullmatch(r"(\w+):\s+(.+?)\s*", line)
        for line in lines[1 : lines.index("---", 1)]
    )
    return {pair[1]: pair[2] for pair in pairs if pair}


def _broken(
    rule: Mapping[str, Any], written: str, folder: Path, pinned: Mapping[str, str]
) -> str:
    """Return how a value breaks a rule; "" if it keeps it."""
    value = re.sub(r"^(['\"])(.*)\1$", r"\2", written)
    match rule:
        case {"one_of": allowed} if value not in allowed:
            return f"{value!r} is not one of {', '.join(allowed)}"
        case {"longest": most} if len(value) > most:
            return f"{len(value)} characters, and at most {most} are allowed"
        case {"matches": pattern, "what": what} if not re.fullmatch(pattern, value):
            return f"{value!r} is not {what}"
        case {"quoted": what} if written == value:
            return f"{value} is not {what}"
        case {"file": True} if not (folder / value).is_file():
            return f"there is no file {value}"
        case {"pin_of": package} if pinned.get(package, value) != value:
            return (
                f"{value} is installed beside requirements.txt, which has "
                f"{package}=={pinned[package]}"
            )
    return ""


def _source(rule: Mapping[str, Any]) -> str:
    return f"{rule['source']} ({rule['as_of']})"
