{% set zero = (cookiecutter | hosting).tier.class == "zero" %}
"""The web page: a text in, the likeliest labels out."""

import gradio as gr
{% if zero %}
import spaces
{% endif %}

import server
from model import load, predict

{% if zero %}
{% include ["frameworks/" ~ cookiecutter.__framework ~ "/zero.py", "parts/zero.py"] %}

{% endif %}
demo = gr.Interface(
    fn=predict,
    inputs=gr.Textbox(label="Text", lines=4, max_length=5000),
    outputs=gr.Label(label="Answer", num_top_classes=5),
    examples={{ (cookiecutter | model).rows | py_block(4) }},
    title={{ cookiecutter.project_name | py }},
    description={{ cookiecutter.description | py }},
    api_name="predict",
    flagging_mode="never",
    deep_link=False,  # a Space would offer links to what is deleted after minutes
    validator=lambda text: gr.validate(
        bool(text and text.strip()), "Write a text first."
    ),
)

if __name__ == "__main__":
    server.launch(demo, load)
