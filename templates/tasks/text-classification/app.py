{% set zero = (cookiecutter | hosting).tier.class == "zero" %}
"""The web page: a text in, the likeliest labels out."""

import gradio as gr
{% if zero %}
import spaces
{% endif %}

from ml_ui import guard, launch
from model import load, predict

LONGEST = 5000  # characters

{% if zero %}
{% include ["frameworks/" ~ cookiecutter.__framework ~ "/zero.py", "parts/zero.py"] %}

{% endif %}

@guard
def answer(text: str) -> dict[str, float]:
    """Tell the likeliest labels of a text, or what is wrong with it."""
    if not isinstance(text, str) or not text.strip():
        raise gr.Error("Write a text first.")
    if len(text) > LONGEST:
        raise gr.Error(f"Write a shorter text: up to {LONGEST} characters.")
    return predict(text)


demo = gr.Interface(
    fn=answer,
    inputs=gr.Textbox(label="Text", lines=4, max_length=LONGEST),
    outputs=gr.Label(label="Answer", num_top_classes=5),
    examples={{ (cookiecutter | model).rows | py_block(4) }},
    title={{ cookiecutter.project_name | py }},
    description={{ cookiecutter.description | py }},
    api_name="predict",
    flagging_mode="never",
    deep_link=False,  # a Space would offer links to what is deleted after minutes
)

if __name__ == "__main__":
    launch(demo, load)
