"""model.js has the constants of model.py: after a change of one, change the other."""

import json
import re
from pathlib import Path

import pytest

import model

ROOT = Path(__file__).parent.parent
SCRIPT = (ROOT / "model.js").read_text("utf-8")
NAMES = [
    name
    for name in ("INPUT_SHAPE", "MEAN", "STD", "CROP", "FEATURES")
    if hasattr(model, name)
]


def constant(name: str) -> object:
    """Return the value of a constant of model.js: JSON, a quotient or a Map."""
    pattern = rf"^(?:export )?const {name} = (.+?);( //.*)?$"
    found = re.search(pattern, SCRIPT, re.MULTILINE | re.DOTALL)
    assert found, f"model.js has no constant {name}"
    text = re.sub(r",\s*\]\)$", "]", found[1].removeprefix("new Map("))
    text = re.sub(r", (-?\d+n)\]", r', "\1"]', text)  # a BigInt
    over, _, under = text.partition(" / ")
    return json.loads(over) / json.loads(under) if under.isdigit() else json.loads(text)


@pytest.mark.parametrize("name", NAMES)
def test_constants_are_those_of_model_py(name):
    value = getattr(model, name)
    items = value
    if isinstance(value, dict):
        items = [(k, f"{v}n" if isinstance(v, int) else v) for k, v in value.items()]
    assert constant(name) == json.loads(json.dumps(items))


def test_order_of_colours_is_that_of_model_py():
    blue_first = "[:, :, ::-1]" in (ROOT / "model.py").read_text("utf-8")
    assert blue_first == ("swapped(" in SCRIPT)


def test_labels_are_those_of_the_file():
    has_labels = (ROOT / "model" / "labels.txt").exists()
    assert has_labels == bool(
        re.search("^const LABELS = new URL", SCRIPT, re.MULTILINE)
    )
