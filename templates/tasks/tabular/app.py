{% set zero = (cookiecutter | hosting).tier.class == "zero" %}
{% set model = cookiecutter | model %}
"""The web page: a row of values in, a class or numbers out."""

import sys

import gradio as gr
{% if zero %}
import spaces
{% endif %}

from ml_ui import guard, launch
from model import FEATURES, load, predict


def field(name: str, value: float | str) -> gr.Number | gr.Textbox:
    """Return the field of a column: of text where it starts with a text."""
    kind = gr.Textbox if isinstance(value, str) else gr.Number
    return kind(label=name, value=value)


def is_finite(value: object) -> bool:
    """Tell a number that a model can use; the API lets in what a field would not."""
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max


{% if zero %}
{% include ["frameworks/" ~ cookiecutter.__framework ~ "/zero.py", "parts/zero.py"] %}


{% endif %}
@guard
def answer(*row: float | str | None) -> dict[str, float] | float | str:
    """Tell the answer for a row, or which fields are empty or no numbers."""
    given = dict(zip(FEATURES, row, strict=True))
    empty = [name for name, value in given.items() if value in (None, "")]
    if empty:
        raise gr.Error(f"Fill in {', '.join(empty)}.")
    numbers = [name for name, value in FEATURES.items() if not isinstance(value, str)]
    wrong = [name for name in numbers if not is_finite(given[name])]
    if wrong:
        raise gr.Error(f"Give a number for {', '.join(wrong)}.")
    return predict(*row)


demo = gr.Interface(
    fn=answer,
    inputs=[field(name, value) for name, value in FEATURES.items()],
    outputs=gr.Label(label="Answer"),
{% if not model.own %}
    examples={{ model.rows | py_block(4) }},
{% endif %}
    title={{ cookiecutter.project_name | py }},
    description={{ cookiecutter.description | py }},
    api_name="predict",
    flagging_mode="never",
    deep_link=False,  # a Space would offer links to what is deleted after minutes
)

if __name__ == "__main__":
    launch(demo, load)
