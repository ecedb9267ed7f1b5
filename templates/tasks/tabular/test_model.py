"""The model, called as a function and through the API."""

import re
from pathlib import Path

import pytest
from gradio_client import Client

from ml_ui import examples
from model import FEATURES, predict

EXAMPLES = examples.read(Path(__file__).parent.parent / "examples.csv", FEATURES)
ROW = [value[0] if isinstance(value, list) else value for value in FEATURES.values()]


def test_default_row():
    answer = predict(*ROW)
    if isinstance(answer, dict):
{% if (cookiecutter | project).model.scores == "independent" %}
        assert all(0 <= probability <= 1 for probability in answer.values())
{% else %}
        assert sum(answer.values()) == pytest.approx(1, abs=1e-2)
{% endif %}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: f"line {each.line}")
def test_example(example):
    """The answer is that of examples.csv, to 0.1 % or the digits written there."""
    assert examples.is_right(predict(*example.values), example.expected)


def test_row_of_wrong_length_is_rejected():
    with pytest.raises(ValueError):
        predict(*ROW, 1.0)


def test_api(url):
    answer = Client(url, verbose=False).predict(*ROW, api_name="/predict")
    assert examples.is_right(predict(*ROW), str(answer["label"]))


def test_non_number_is_rejected(url):
    name = next((n for n, v in FEATURES.items() if isinstance(v, int | float)), None)
    if name is None:
        pytest.skip("no field is a number")
    row = [*ROW]
    row[list(FEATURES).index(name)] = "abc"
    with pytest.raises(ValueError, match=f"Give a number for {re.escape(name)}"):
        Client(url, verbose=False).predict(*row, api_name="/predict")


def test_empty_field_is_rejected(url):
    with pytest.raises(ValueError, match=f"Fill in {re.escape(next(iter(FEATURES)))}"):
        Client(url, verbose=False).predict(None, *ROW[1:], api_name="/predict")
