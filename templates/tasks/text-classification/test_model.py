"""The model, called as a function and through the API."""

import pytest
from gradio_client import Client

from model import predict

EXAMPLE = {{ (cookiecutter | project).model.rows[0][0] | py }}


{% set call %}
    answer = predict("Grüße, 你好, 123!")
{% endset %}
{% include "outputs/labels/_test_answer.py" %}


def test_example(url):
    answer = Client(url, verbose=False).predict(EXAMPLE, api_name="/predict")
{% if (cookiecutter | project).model.own %}
    expected = predict(EXAMPLE)
    if isinstance(expected, dict):
        expected = max(expected, key=expected.get)
    assert answer["label"] == expected
{% else %}
    assert answer["label"] == {{ (cookiecutter | project).model.answers[0] | py }}
{% endif %}


@pytest.mark.parametrize(
    ("text", "error"), [(" ", "Write a text first"), ("x" * 5001, "up to 5000")]
)
def test_empty_or_long_text_is_rejected(url, text, error):
    with pytest.raises(ValueError, match=error):
        Client(url, verbose=False).predict(text, api_name="/predict")
