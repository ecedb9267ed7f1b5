"""Recipes of CONTRIBUTING.md: an entry that has only what its recipe names gives a project."""

from local_extensions import kinds
from local_extensions.model import model


def test_kind_without_further_fields(monkeypatch):
    monkeypatch.delitem(kinds.FACTS, "text")
    assert model.__wrapped__("text-classification", "scikit-learn", None).file == "languages.skops"
