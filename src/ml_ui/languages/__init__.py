"""Languages of the page: what this package and app.py say, in the visitor's language.

A file for each language has the translations by the English text: {name} in it stands
for what varies, which a `Text` fills in. A text that is none of them, such as an
owner's own, stays as it is.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Self

ENGLISH = "en"
SIMPLIFIED = re.compile(r"zh(-hans.*|-sg|-my)?")  # that zh-CN is written in, too


class Text(str):
    """English text for visitors in which something varies; it can be translated later.

    `Text("Fill in {fields}.", fields="age")` is "Fill in age.".

    Args:
        key: the text as the files of translations have it.
        values: what varies, by name; not translated.
    """

    key: str
    values: dict[str, Any]

    def __new__(cls, key: str, **values: Any) -> Self:
        text = super().__new__(cls, key.format(**values))
        text.key, text.values = key, values
        return text


@cache
def translations() -> dict[str, dict[str, str]]:
    """Return the translations by language, such as "de", and English text."""
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
    """Return a text in the language that a browser likes best, if it is one of ours."""
    words = translations()[negotiate(accept_language)]
    if isinstance(text, Text):
        return words.get(text.key, text.key).format(**text.values)
    return words.get(text, text)
