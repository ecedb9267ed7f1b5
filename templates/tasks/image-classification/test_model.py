{% set own = (cookiecutter | project).model.own %}
"""The model, called as a function and through the API."""

from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
{% if own %}
from PIL import Image
{% endif %}

{% if own %}
from ml_ui.examples import label
{% endif %}
from model import predict

EXAMPLES = sorted(Path(__file__).parent.parent.glob("examples/*"))


{% set call %}
    gradient = np.linspace(0, 255, 40 * 30 * 3).reshape(40, 30, 3).astype(np.uint8)
    answer = predict(gradient)
{% endset %}
{% include "outputs/labels/_test_answer.py" %}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example(url, example):
    answer = Client(url, verbose=False).predict(
        handle_file(example), api_name="/predict"
    )
{% if own %}
    with Image.open(example) as picture:
        expected = predict(np.asarray(picture.convert("RGB")))
{% if (cookiecutter | project).model.answers_class %}
    assert answer["label"] == expected
{% else %}
    # lion.jpg and lion-2.jpg have to get the label lion, if there is one.
    name = label(example)
    likeliest = max(expected, key=expected.get)
    assert answer["label"] == (name if name in expected else likeliest)
{% endif %}
{% else %}
    assert answer["label"] == example.stem
{% endif %}


def test_missing_picture_is_rejected(url):
    with pytest.raises(ValueError, match="Choose a picture first"):
        Client(url, verbose=False).predict(None, api_name="/predict")
