{% set zero = (cookiecutter | hosting).tier.class == "zero" %}
"""The web page: a row of figures in, a class or a number out."""

import gradio as gr
{% if zero %}
import spaces
{% endif %}

import server
from model import FEATURES, load, predict

{% if zero %}
{% include "parts/zero-" ~ catalog.frameworks[cookiecutter.__framework].zero ~ ".py" %}

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
    validator=lambda *row: gr.validate(None not in row, "Fill in every field first."),
)

if __name__ == "__main__":
    server.launch(demo, load)
