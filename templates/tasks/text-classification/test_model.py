"""The model, called as a function and through the API."""

from pathlib import Path

import pytest
from gradio_client import Client

from ml_ui import examples
from model import predict

EXAMPLES = examples.read(Path(__file__).parent.parent / "examples.csv")


{% set call %}
    answer = predict("Grüße, 你好, 123!")
{% endset %}
{% include "outputs/labels/_test_answer.py" %}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: f"line {each.line}")
def test_example(example):
    """The likeliest label is that of examples.csv."""
    assert examples.is_right(predict(*example.values), example.expected)


def test_api(url):
    text = "Grüße, 你好, 123!"
    answer = Client(url, verbose=False).predict(text, api_name="/predict")
    assert examples.is_right(predict(text), answer["label"])


@pytest.mark.parametrize(
    ("text", "error"), [(" ", "Write a text first"), ("x" * 5001, "up to 5000")]
)
def test_empty_or_long_text_is_rejected(url, text, error):
    with pytest.raises(ValueError, match=error):
        Client(url, verbose=False).predict(text, api_name="/predict")
