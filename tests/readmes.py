"""Parts of a README: headings, code, links, figures and commands."""

import re
from collections import Counter
from typing import NamedTuple

from local_extensions.languages import FIGURE

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROGRAMS = (
    "apt-get|brew|cookiecutter|docker|fly |gcloud|git|gradio|heroku|hf|make|modal |npm|pip|pytest|"
    r"python|render |uvx|\.venv\\Scripts"
)


class Block(NamedTuple):
    """A block of code."""

    language: str
    text: str


def body(text: str) -> str:
    """Return the text after the data for a platform."""
    return text.split("---\n", 2)[2] if text.startswith("---\n") else text


def blocks(text: str) -> list[Block]:
    """Return the blocks of code."""
    return [Block(*found) for found in BLOCK.findall(body(text))]


def prose(text: str) -> str:
    """Return the text without the blocks of code."""
    return BLOCK.sub("```", body(text))


def spans(text: str) -> list[str]:
    """Return what is marked as code in the prose, with a space for a break of the line."""
    return [" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`", prose(text))]


def links(text: str) -> list[str]:
    """Return the targets of links."""
    return re.findall(r"\]\(([^)]+)\)|<(?=http)([^>]+)>", prose(text))


def words(text: str) -> str:
    """Return the prose without code, the targets of links and HTML."""
    without = re.sub(r"(?<!`)`[^`]+`", "`", prose(text))
    return re.sub(r"\]\([^)]+\)|<[^>]+>", "]", without)


def outline(text: str) -> dict[str, object]:
    """Return what two languages of a README have in common."""
    others = {"README.md", "README.zh-CN.md"}
    lines = prose(text).splitlines()
    return {
        "headings": [line.partition(" ")[0] for line in lines if line.startswith("#")],
        "items": sum(line.startswith("- ") for line in lines),
        "rows": [line.count("|") for line in lines if line.startswith("|")],
        "paragraphs": len(re.split(r"\n{2,}", prose(text).strip())),
        "blocks": blocks(text),
        "code": Counter(spans(text)) - Counter(others),
        "links": Counter(max(link) for link in links(text) if not others & {*link}),
        "figures": Counter(FIGURE.findall(words(text))),
    }


def commands(text: str) -> list[str]:
    """Return the commands of a shell script, one for each line that is continued nowhere."""
    return text.replace("\\\n", "").strip().splitlines()


def all_commands(text: str) -> list[str]:
    """Return the lines of shell scripts, and commands in the prose."""
    scripts = [block.text for block in blocks(text) if block.language == "sh"]
    inline = [span for span in spans(text) if re.match(rf"({PROGRAMS})\b", span)]
    return [line for script in scripts for line in commands(script)] + inline
