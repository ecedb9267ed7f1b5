"""Records of the platforms, by a JSON Schema: a mistake is named with its record and key."""

import copy
import json

import jsonschema
import pytest
from conftest import ROOT

from ml_ui.sizing.footprint import QUANTITIES

SIZING = ROOT / "src" / "ml_ui" / "sizing"
RECORDS = {path.name: json.loads(path.read_text("utf-8")) for path in SIZING.glob("platforms/*")}
SCHEMA = json.loads((ROOT / "tests" / "schemas" / "platform.json").read_text("utf-8"))
LIMITS = {"$defs": SCHEMA["$defs"], "items": {"$ref": "#/$defs/limit"}}


def mistakes(name: str, record: object, schema: dict = SCHEMA) -> list[str]:
    """Return what is wrong in a record, each with its place."""
    validator = jsonschema.Draft202012Validator(schema)
    return [f"{name} {e.json_path}: {e.message[-200:]}" for e in validator.iter_errors(record)]


@pytest.mark.parametrize("name", RECORDS)
def test_record_is_complete(name):
    assert mistakes(name, RECORDS[name]) == []


def test_limits_of_repositories_are_complete():
    groups = json.loads((SIZING / "facts.json").read_text("utf-8"))["repositories"]
    assert [m for n, facts in groups.items() for m in mistakes(n, facts["limits"], LIMITS)] == []


@pytest.mark.parametrize("name", RECORDS)
def test_each_limit_has_a_quantity_and_stands_once(name):
    limits = RECORDS[name]["limits"]
    kinds = [(limit["name"], limit["kind"]) for limit in limits]
    assert len(kinds) == len({*kinds})
    assert {name for name, kind in kinds if kind != "inform"} <= QUANTITIES.keys()


@pytest.mark.parametrize(
    ("place", "key", "value", "named"),
    [
        ((), "order", None, "$: 'order' is a required property"),
        ((), "orders", 1, "'orders' was unexpected"),
        (("hardware", "eco"), "sleep", 5, "$.hardware.eco.sleep: 5 is not of type"),
        (("limits", 0), "tier", "ram", "$.limits[0].tier: 'ram' is not one of"),
        (("limits", 0), "bytes", None, "$.limits[0]: "),
    ],
)
def test_mistake_is_named(place, key, value, named):
    record = part = copy.deepcopy(RECORDS["heroku.json"])
    for step in place:
        part = part[step]
    part.pop(key, None)
    if value is not None:
        part[key] = value
    assert any(f"heroku.json {named}" in m or named in m for m in mistakes("heroku.json", record))
