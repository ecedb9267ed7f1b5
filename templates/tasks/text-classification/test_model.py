"""The model, called as a function and through the API."""

import pytest
from gradio_client import Client

from model import predict

EXAMPLE = {{ (cookiecutter | project).model.rows[0][0] | py }}


{% if (cookiecutter | project).model.answers_class %}
def test_answer_is_a_label():
{% elif (cookiecutter | project).model.scores == "independent" %}
def test_probabilities_are_independent():
{% else %}
def test_probabilities_sum_to_one():
{% endif %}
    answer = predict("Grüße, 你好, 123!")
{% if (cookiecutter | project).model.answers_class %}
    assert isinstance(answer, str)
{% elif (cookiecutter | project).model.scores == "independent" %}
    assert all(0 <= probability <= 1 for probability in answer.values())
{% else %}
    assert sum(answer.values()) == pytest.approx(1, abs=1e-2)
{% endif %}


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
