"""The model, called as a function and through the API."""

import pytest
from gradio_client import Client

from model import predict

EXAMPLE = {{ (cookiecutter | project).model.rows[0][0] | py }}


def test_any_text_gets_probabilities():
    probabilities = predict("Grüße, 你好, 123!")
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-2)


def test_example(url):
    answer = Client(url, verbose=False).predict(EXAMPLE, api_name="/predict")
{% if (cookiecutter | project).model.own %}
    probabilities = predict(EXAMPLE)
    assert answer["label"] == max(probabilities, key=probabilities.get)
{% else %}
    assert answer["label"] == {{ (cookiecutter | project).model.answers[0] | py }}
{% endif %}


@pytest.mark.parametrize(
    ("text", "told"), [(" ", "Write a text first"), ("x" * 5001, "up to 5000")]
)
def test_a_text_of_no_use_is_refused(url, text, told):
    with pytest.raises(ValueError, match=told):
        Client(url, verbose=False).predict(text, api_name="/predict")
