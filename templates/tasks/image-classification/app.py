{% set zero = (cookiecutter | hosting).tier.class == "zero" %}
"""The web page: a picture in, the likeliest labels out."""

from pathlib import Path

import gradio as gr
{% if zero %}
import spaces
{% endif %}

from ml_ui import guard, launch, pictures
from model import load, predict

EXAMPLES = sorted(map(str, Path(__file__).parent.glob("examples/*")))

{% if zero %}
{% include ["frameworks/" ~ cookiecutter.__framework ~ "/zero.py", "parts/zero.py"] %}

{% endif %}

@guard
def answer(image: str | None) -> dict[str, float]:
    """Return the probability of each label for the picture in a file."""
    return predict(pictures.read(image))


demo = gr.Interface(
    fn=answer,
    inputs=gr.Image(label="Picture", type="filepath", image_mode=None),
    outputs=gr.Label(label="Answer", num_top_classes=5),
    examples=EXAMPLES,
    title={{ cookiecutter.project_name | py }},
    description={{ cookiecutter.description | py }},
    api_name="predict",
    flagging_mode="never",
    deep_link=False,  # a Space would offer links to what is deleted after minutes
)

if __name__ == "__main__":
    launch(demo, load)
