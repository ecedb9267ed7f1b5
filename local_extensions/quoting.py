"""Quoting for Python, JSON, YAML and TOML, and valid names."""

import json
import re
import unicodedata
from typing import Any

SLUG_LENGTH = 30  # Heroku's limit for an app's name, the strictest of the platforms
WORDS = "[a-z][a-z0-9]*(-[a-z0-9]+)*"
SLUG = re.compile(rf"(?=.{{2,{SLUG_LENGTH}}}$){WORDS}")
# Windows reserves these names for devices.
DEVICES = {"con", "prn", "aux", "nul"} | {f"{d}{n}" for d in ("com", "lpt") for n in range(10)}


def is_slug(text: str) -> bool:
    """Return whether a text is a valid name of a folder, a Space, a Heroku app and an image."""
    return bool(SLUG.fullmatch(text)) and text not in DEVICES


def slug(text: str) -> str:
    """Return a slug of any text."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).lstrip("-0123456789")
    name = words[:SLUG_LENGTH].strip("-")
    return name if is_slug(name) else f"{name}-app".lstrip("-")


LINE = 88  # characters


def file_name(text: str) -> str:
    """Return a safe file name, short enough for one line of Python."""
    stem, ending = re.fullmatch(r"(.*?)(\.[A-Za-z0-9]{1,11})?", text, re.DOTALL).groups("")
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", stem)[:30].strip("-.")
    if stem.partition(".")[0].lower() in DEVICES | {""}:
        stem = f"model-{stem}".strip("-")
    return stem + ending


def py(value: Any) -> str:
    """Return a value as a Python literal, with the quotes that ruff prefers."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{py(k)}: {py(v)}" for k, v in value.items()) + "}"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(py, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, list):
        return "[" + ", ".join(map(py, value)) + "]"
    if not isinstance(value, str):
        return repr(value).replace("e+", "e")
    quote = "'" if value.count('"') > value.count("'") else '"'
    body = (f"\\{c}" if c == quote else c if c in "'\"" else repr(c)[1:-1] for c in value)
    return f"{quote}{''.join(body)}{quote}"


def py_block(value: dict | list, indent: int = 0) -> str:
    """Return a list or dict as a Python literal, one entry per line.

    A list in it that is too long for its line has one of its own.
    """
    pad = " " * indent
    pairs = [(f"{py(k)}: ", v) for k, v in value.items()] if isinstance(value, dict) else []
    brackets = "{}" if isinstance(value, dict) else "[]"
    lines = ""
    for key, each in pairs or [("", each) for each in value]:
        entry = f"{pad}    {key}{py(each)},"
        if len(entry) > LINE and isinstance(each, list):
            entry = f"{pad}    {key}{py_block(each, indent + 4)},"
        lines += f"{entry}\n"
    return f"{brackets[0]}\n{lines}{pad}{brackets[1]}"


def json_text(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON; in one line, which is also valid YAML and TOML."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    # Valid in JSON, not in YAML.
    return re.sub(
        r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]", lambda m: f"\\u{ord(m[0]):04x}", text
    )
