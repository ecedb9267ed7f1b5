"""The model, called as a function and through the API."""

import pytest
from gradio_client import Client

from model import predict

EXAMPLE = {{ (cookiecutter | model).rows[0][0] | py }}


def test_any_text_gets_probabilities():
    probabilities = predict("Grüße, 你好, 123!")
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-2)


def test_example(url):
    answer = Client(url, verbose=False).predict(EXAMPLE, api_name="/predict")
{% if (cookiecutter | model).own %}
    probabilities = predict(EXAMPLE)
    assert answer["label"] == max(probabilities, key=probabilities.get)
{% else %}
    assert answer["label"] == "English"
{% endif %}


def test_no_text_is_refused(url):
    with pytest.raises(ValueError, match="Write a text first"):
        Client(url, verbose=False).predict(" ", api_name="/predict")
