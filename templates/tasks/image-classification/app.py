{% set zero = (cookiecutter | hosting).tier.class == "zero" %}
"""The web page: a picture in, the likeliest labels out."""

from pathlib import Path

import gradio as gr
{% if zero %}
import spaces
{% endif %}

import server
from model import load, predict

EXAMPLES = sorted(map(str, Path(__file__).parent.glob("examples/*")))

{% if zero %}
{% include ["frameworks/" ~ cookiecutter.__framework ~ "/zero.py", "parts/zero.py"] %}

{% endif %}
demo = gr.Interface(
    fn=predict,
    inputs=gr.Image(label="Picture"),
    outputs=gr.Label(label="Answer", num_top_classes=5),
    examples=EXAMPLES,
    title={{ cookiecutter.project_name | py }},
    description={{ cookiecutter.description | py }},
    api_name="predict",
    flagging_mode="never",
    validator=lambda image: gr.validate(image is not None, "Choose a picture first."),
)

if __name__ == "__main__":
    server.launch(demo, load)
