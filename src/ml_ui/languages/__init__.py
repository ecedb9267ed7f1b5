"""Languages of the page: what this package and app.py say, in the visitor's language.

A file for each language has the translations by the English text, so that app.py is written
with plain strings: {name} in a text stands for what varies. A text that is none of them,
such as an owner's own, stays as it is.
"""

import json
import re
from functools import cache
from pathlib import Path

ENGLISH = "en"
SIMPLIFIED = re.compile(r"zh(-hans.*|-sg|-my)?")  # that zh-CN is written in, too


@cache
def translations() -> dict[str, dict[str, str]]:
    """Return the translations by language, such as "de" or "zh-CN", and English text."""
    files = sorted(Path(__file__).parent.glob("*.json"))
    found = {file.stem: json.loads(file.read_text("utf-8")) for file in files}
    return {ENGLISH: {text: text for text in next(iter(found.values()))}, **found}


def negotiate(accept_language: str) -> str:
    """Return the language that a browser likes best, by its Accept-Language header."""
    known = {language.lower(): language for language in translations()}
    weighted = []
    for position, part in enumerate(accept_language[:200].lower().split(",")):
        tag, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        if re.fullmatch(r"[01](\.\d{1,3})?", quality) and float(quality):
            weighted.append((-float(quality), position, tag))
    for _, _, tag in sorted(weighted):
        tag = "zh-cn" if SIMPLIFIED.fullmatch(tag) else tag
        for candidate in (tag, tag.partition("-")[0]):
            if candidate in known:
                return known[candidate]
    return ENGLISH


def translate(text: str, accept_language: str) -> str:
    """Return a text in the language that a browser likes best; as it is if there is none."""
    words = translations()[negotiate(accept_language)]
    if text in words:
        return words[text]
    for pattern, key in _patterns():
        if found := pattern.fullmatch(text):
            return words[key].format(**found.groupdict())
    return text


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Return a pattern for each text in which something varies."""
    found = []
    for key in translations()[ENGLISH]:
        if "{" in key:
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(key))
            found.append((re.compile(pattern, re.DOTALL), key))
    return found
