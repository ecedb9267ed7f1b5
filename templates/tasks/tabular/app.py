{% set zero = (cookiecutter | hosting).tier.class == "zero" %}
"""The web page: a row of figures in, a class or a number out."""

import gradio as gr
{% if zero %}
import spaces
{% endif %}

import server
from model import FEATURES, load, predict


def filled(*row: float | None) -> list[dict] | dict:
    """Refuse a row with an empty field; Gradio takes no list for a single one."""
    told = [gr.validate(value is not None, "Fill in this field.") for value in row]
    return told if len(told) > 1 else told[0]


{% if zero %}
{% include ["frameworks/" ~ cookiecutter.__framework ~ "/zero.py", "parts/zero.py"] %}

{% endif %}
demo = gr.Interface(
    fn=predict,
    inputs=[gr.Number(label=name, value=value) for name, value in FEATURES.items()],
    outputs=gr.Label(label="Answer"),
    examples={{ (cookiecutter | model).rows | py_block(4) }},
    title={{ cookiecutter.project_name | py }},
    description={{ cookiecutter.description | py }},
    api_name="predict",
    flagging_mode="never",
    validator=filled,
)

if __name__ == "__main__":
    server.launch(demo, load)
