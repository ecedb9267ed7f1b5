"""Model card: what a model was trained on, how well it does, its licence and its source.

MODEL_CARD.md has the form of model cards on the Hugging Face Hub: YAML between two lines
`---`, then Markdown. The page shows what is filled in.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
import yaml

LARGEST = 200_000  # bytes of a card
SECTIONS, LONGEST = 6, 1200  # that the page shows, and the characters of each
# Of a card on the Hub: for programmers, or empty.
SKIPPED = re.compile(
    r"(how|get\w*) (to )?(use|started?)|usage|citation|bibtex|contact|authors?|glossary|"
    r"technical|environment|framework|hardware|software|hyperparameters|preprocessing|"
    r"table of contents|more information|carbon",
    re.IGNORECASE,
)
EMPTY = re.compile(r"\[?more information needed\]?\.?|tbd|todo|-", re.IGNORECASE)
FRONT_MATTER = re.compile(r"\A---\s*?\n(.*?)^---\s*?$", re.DOTALL | re.MULTILINE)
HIDDEN = re.compile(
    r"<!--.*?(?:-->|\Z)|^(```|~~~).*?(?:^\1|\Z)", re.DOTALL | re.MULTILINE
)
TAG = re.compile(r"</?[A-Za-z][^>]*>?|<[!?]")
PICTURE = re.compile(r"!\[([^\[\]]{0,200})\]\([^()]{0,1000}\)")
REFERENCE = re.compile(r"[\w./:+-]+")  # a licence or a data set, as the Hub names it
WEB = re.compile(r"https?://[^\s<>()\[\]]+")


def about(path: Path) -> str | None:
    """Return what a model card says to visitors, as Markdown; None if nothing.

    Its HTML, pictures and code are left out: the page loads nothing from other sites.

    Args:
        path: of MODEL_CARD.md, UTF-8, up to 200 kB; it need not exist.
    """
    try:
        if path.stat().st_size > LARGEST:
            return None
        text = path.read_text("utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError):
        return None
    found = FRONT_MATTER.match(text)
    body = text[found.end() :] if found else text
    parts = [*_sections(body), *_facts(_metadata(found[1]) if found else {})]
    if not parts:
        return None
    return "\n\n".join([f"## {gr.I18n()('About this model')}", *parts])


def _metadata(text: str) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _facts(metadata: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each fact of the metadata."""
    if data := ", ".join(_references(metadata.get("datasets"))):
        yield f"**Data:** {data}"
    licence = metadata.get("license_name") or metadata.get("license")
    if names := ", ".join(_references(licence)):
        names = names.upper() if len(names) < 5 else names  # "mit"
        link = metadata.get("license_link")
        linked = isinstance(link, str) and WEB.fullmatch(link)
        yield f"**Licence:** [{names}]({link})" if linked else f"**Licence:** {names}"


def _references(value: Any) -> Iterator[str]:
    """Yield the names in a value of the metadata, one or a list."""
    for name in (value if isinstance(value, list) else [value])[:20]:
        if isinstance(name, str) and REFERENCE.fullmatch(name):
            yield name.replace("_", r"\_")


def _sections(body: str) -> Iterator[str]:
    """Yield the first sections that say something to visitors."""
    text = PICTURE.sub(r"\1", TAG.sub("", HIDDEN.sub("", body)))
    pieces = re.split(r"^#{1,6}[ \t]+(.*)$", text, flags=re.MULTILINE)
    # What stands before the first heading, and below the title, says what the model is.
    titled = [("", pieces[0]), *zip(pieces[1::2], pieces[2::2], strict=True)]
    shown = 0
    for number, (title, content) in enumerate(titled):
        content = "\n".join(
            line
            for line in content.strip().splitlines()
            if not EMPTY.fullmatch(line.strip())
        ).strip()
        if not content or SKIPPED.search(title) or shown == SECTIONS:
            continue
        shown += 1
        if len(content) > LONGEST:
            content = (
                content[:LONGEST].rpartition("\n\n")[0] or content[:LONGEST] + " …"
            )
        yield f"### {title.strip(' #')}\n\n{content}" if number > 1 else content
