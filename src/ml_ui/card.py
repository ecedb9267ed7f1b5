"""Model card: what a model was trained on, how well it does, its licence, its source.

MODEL_CARD.md has the form of model cards on the Hugging Face Hub: YAML between two
lines `---`, then Markdown. The page shows what is filled in.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

LARGEST = 200_000  # bytes of a card
SECTIONS, LONGEST = 6, 1200  # that the page shows, and the characters of each
# Titles of a card on the Hub for programmers, from their beginning.
SKIPPED = re.compile(
    r"\W*(how to (use|get started|load|run|install|cite)|get(ting)? started|usage|"
    r"citation|bibtex|(model card )?(contact|authors?)|glossary|carbon|"
    r"technical specifications?|environmental impact|framework versions?|"
    r"(training )?hyperparameters|preprocessing|table of contents|more information|"
    r"(hardware|software)( requirements)?$)\b",
    re.IGNORECASE,
)
EMPTY = re.compile(r"\[?more information needed\]?\.?|tbd|todo|-", re.IGNORECASE)
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)
# Comments and blocks of code, whose fence may stand in a list or a quotation.
HIDDEN = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|^[ \t>*+\d.)-]*(`{3,}(?=[^`\n]*$)|~{3,}).*?(?:^[ \t>]*\1[`~]*[ \t]*$|\Z)",
    re.DOTALL | re.MULTILINE,
)
TAG = re.compile(
    r"</?(?:a|b|br|center|code|details|div|em|font|h[1-6]|hr|i|iframe|img|kbd|li|ol|p|"
    r"picture|pre|script|small|source|span|strong|style|sub|summary|sup|svg|table|"
    r"tbody|td|th|thead|tr|u|ul|video)\b[^<>]*>",
    re.IGNORECASE,
)
# What is left of HTML is shown as text. In this order no code, HTML or picture remains.
SAFE = {
    re.compile(r"`{3,}|~{3,}"): "",
    re.compile(r"`+([^`\n<]*<[^`\n]*)`+"): r"\1",  # in code, &lt; would be shown so
    re.compile(r"\\?<(?!https?://[^\s<>]+>)"): "&lt;",  # a link may be <https://…>
    re.compile(r"(?<!!)!+(?=\[)"): "",  # a picture becomes a link
}
REFERENCE = re.compile(r"[\w./:+-]+")  # a licence or a data set, as the Hub names it
WEB = re.compile(r"https?://[^\s<>()\[\]]+")


def about(path: Path) -> str | None:
    """Return what a model card says to visitors, as Markdown; None if nothing.

    Its HTML and code are left out, and its pictures are links: the page loads nothing
    from other sites.

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
    import gradio as gr  # here: generation, which reads LARGEST, does without

    return "\n\n".join([f"## {gr.I18n()('About this model')}", *parts])


def _metadata(text: str) -> Mapping[str, Any]:
    """Return the metadata of a card; its values are texts and lists, never numbers."""
    try:
        # The base loader has no merge keys, which double what they name with each line.
        found = yaml.load(text, Loader=yaml.BaseLoader)
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
    text = TAG.sub("", HIDDEN.sub("", body))
    for unsafe, instead in SAFE.items():
        text = unsafe.sub(instead, text)
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
        title = title.strip(" #")
        skipped = number > 1 and SKIPPED.match(title)  # the first is the model's name
        if not content or skipped or shown == SECTIONS:
            continue
        shown += 1
        if len(content) > LONGEST:
            content = (
                content[:LONGEST].rpartition("\n\n")[0] or content[:LONGEST] + " …"
            )
        yield f"### {title}\n\n{content}" if number > 1 else content
