"""Defaults of the page: theme, layout, names for screen readers, languages.

`launch` gives them to Gradio where the app gives none of its own.
"""

import json
from typing import Any

import gradio as gr
from gradio.i18n import I18nData

from . import assets, gradio_fixes, languages
from .theme import Theme


def options(demo: gr.Blocks, given: dict[str, Any]) -> dict[str, Any]:
    """Return the options of `gr.Blocks.launch` for a page: ours, and those given.

    What an owner gives replaces ours: `theme`, `favicon_path`. `css`, `head` and `i18n`
    are added to ours.
    """
    given = gradio_fixes.options_of_page(demo) | given
    i18n = given.get("i18n")
    return (
        {"theme": Theme(), "favicon_path": assets.ICON}
        | given
        | {
            "css": _joined(
                (assets.FOLDER / "page.css").read_text("utf-8"), given.get("css")
            ),
            "head": _joined(
                f"<script>{(assets.FOLDER / 'page.js').read_text('utf-8')}</script>",
                given.get("head"),
            ),
            "i18n": translations(i18n.translations_dict if i18n else {}),
        }
    )


def title(demo: gr.Blocks, i18n: gr.I18n) -> str:
    """Return the title for those who do not run the page: in English, if it is
    translated.

    Without one, it is that of Gradio, as in the browser's tab.
    """
    given = demo.title
    if isinstance(given, I18nData):
        return str(
            i18n.translations_dict.get(languages.ENGLISH, {}).get(given.key, given.key)
        )
    return given or "Gradio"


def _joined(*parts: str | None) -> str:
    return "\n".join(part for part in parts if part)


def translations(given: dict[str, dict[str, str]]) -> gr.I18n:
    """Return our translations and those of an owner, who may replace ours."""
    ours = languages.translations()
    return gr.I18n(
        **{
            language: ours.get(language, {}) | given.get(language, {})
            for language in ours.keys() | given.keys()
        }
    )


def prepare(demo: gr.Blocks) -> None:
    """Translate the labels that are words of ours, and put Submit before Clear.

    Others stay as they are written. An owner's that is such a word, as "Result" is, is
    translated too.
    """
    words = languages.translations()[languages.ENGLISH]
    translated = gr.I18n()
    for block in demo.blocks.values():
        if isinstance(block, gr.Dataset):
            block.label = block.label or "Examples"  # as Gradio calls it, in English
            block.elem_classes = [*block.elem_classes, "examples"]  # for page.js
        if isinstance(block, gr.Label):
            block.elem_classes = [*block.elem_classes, "labels"]
        name = "value" if isinstance(block, gr.Button) else "label"
        text = getattr(block, name, None)
        if isinstance(text, str) and text in words:
            setattr(block, name, translated(text))
        if isinstance(block, gr.ClearButton) and isinstance(demo, gr.Interface):
            row = block.parent
            if row and block in row.children:  # the way of the keyboard, too
                row.children.remove(block)
                row.children.append(block)
    if isinstance(demo, gr.Interface) and demo.examples:
        _clear_old_answer(demo)


def _clear_old_answer(demo: gr.Interface) -> None:
    """Have an example clear the answer, which is that for the input before."""
    gradio_fixes.keep_labels(demo)
    outputs: list[Any] = demo.output_components or []
    empty = [output.postprocess(None) for output in outputs]  # as its Clear has it
    values = [
        each.model_dump() if hasattr(each, "model_dump") else each for each in empty
    ]
    with demo:
        demo.examples_handler.dataset.click(
            None,
            outputs=outputs,
            js=f"() => {json.dumps(values)}",
            api_visibility="private",  # of the page alone, no call
        )
