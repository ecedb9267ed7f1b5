"""Git LFS: which files .gitattributes puts there, and the line for another file."""

import re
from collections.abc import Iterable

ATTRIBUTES = "filter=lfs diff=lfs merge=lfs -text"  # as `git lfs track` writes them

# A pointer: the text in git for a file in Git LFS, with the file's size.
POINTER = r"^version https://git-lfs\.github\.com/spec/\S+\n(?:[a-z].*\n)*?size (\d+)$"

# The parts of a pattern of .gitattributes, with what they match.
PARTS = {
    r"\A\*\*/": "(?:.*/)?",
    r"/\*\*/": "/(?:.*/)?",
    r"/\*\*\Z": "/.*",
    r"\*+": "[^/]*",
    r"\?": "[^/]",
}
CLASSES = {"alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "digit": "0-9", "space": r"\s"}
BRACKETS = r"\[[!^]?\]?(?:\[:[a-z]+:\]|\\.|[^\]])*\]"


def is_tracked(attributes: Iterable[str], name: str, default: bool = False) -> bool:
    """Return whether lines of .gitattributes put a file in Git LFS: the last decides.

    Args:
        attributes: the lines, without comments.
        name: the file's path from the folder of that .gitattributes.
        default: the answer if no line is about the file.
    """
    answer = default
    for line in attributes:
        pattern, given = _split(line)
        if any(re.match(r"[-!]?filter(=|$)", attribute) for attribute in given):
            base = name if "/" in pattern else name.rpartition("/")[2]
            if re.fullmatch(_regex(pattern.lstrip("/")), base, re.DOTALL):
                answer = "filter=lfs" in given
    return answer


def line_for(name: str) -> str:
    """Return the line of .gitattributes that puts a file in Git LFS."""
    escaped = re.sub(r"([*?\[\]\\])", r"\\\1", name).replace(" ", "[[:space:]]")
    anchor = "" if "/" in name else "/"  # without it, any file of that name matches
    return f"{anchor}{escaped} {ATTRIBUTES}"


def _split(line: str) -> tuple[str, list[str]]:
    """Return the pattern of a line, which may be quoted, and its attributes."""
    if quoted := re.match(r'"((?:\\.|[^"\\])*)"', line):
        return re.sub(r"\\(.)", r"\1", quoted[1]), line[quoted.end() :].split()
    pattern, *given = line.split()
    return pattern, given


def _regex(pattern: str) -> str:
    """Return a regular expression for a pattern of .gitattributes."""
    tokens = re.compile(rf"(?s){'|'.join(PARTS)}|{BRACKETS}|\\.|.")

    def translated(found: re.Match[str]) -> str:
        text = found[0]
        for part, matches in PARTS.items():
            if re.fullmatch(part.replace(r"\A", "").replace(r"\Z", ""), text):
                return matches
        if len(text) > 1 and text[0] == "[":
            inner = re.sub(r"\[:([a-z]+):\]", lambda m: CLASSES.get(m[1], ""), text[1:])
            return f"[{'^' + inner[1:] if inner[0] == '!' else inner}"
        return re.escape(text.removeprefix("\\") or text)

    return tokens.sub(translated, pattern)
