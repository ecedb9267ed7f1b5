"""Simplified Chinese of the catalogue's texts, for a project's README.zh-CN.md."""

import json
import re

from .catalog import TEMPLATES

FIGURE = re.compile(r"\d(?:[\d.,:-]*\d)?")
CHINESE = json.loads((TEMPLATES / "zh-CN.json").read_text("utf-8"))  # # for each figure


def chinese(text: str) -> str:
    """Return the translation of a text, with its figures in their order.

    A text that is not in zh-CN.json, such as "1x T4, 4 vCPU", stays as it is;
    tests/test_languages.py finds those that should be there.
    """
    found = CHINESE.get(FIGURE.sub("#", text))
    if found is None:
        return text
    figures = iter(FIGURE.findall(text))
    return re.sub("#", lambda _: next(figures), found)
