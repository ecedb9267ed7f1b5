"""The model, called as a function and through the API."""

import re

import pytest
from gradio_client import Client

from model import FEATURES, predict

ROW = [value[0] if isinstance(value, list) else value for value in FEATURES.values()]


def test_default_row():
    answer = predict(*ROW)
    if isinstance(answer, dict):
{% if (cookiecutter | project).model.scores == "independent" %}
        assert all(0 <= probability <= 1 for probability in answer.values())
{% else %}
        assert sum(answer.values()) == pytest.approx(1, abs=1e-2)
{% endif %}


def test_row_of_wrong_length_is_rejected():
    with pytest.raises(ValueError):
        predict(*ROW, 1.0)


def test_api(url):
    answer = Client(url, verbose=False).predict(*ROW, api_name="/predict")
    expected = predict(*ROW)
    if isinstance(expected, dict):
        assert answer["label"] == max(expected, key=expected.get)
    elif isinstance(expected, str):
        assert answer["label"] == expected
    else:
        assert float(answer["label"]) == pytest.approx(expected)


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
