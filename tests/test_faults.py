"""The fault table: our projects behave as is ideal, or as well, in each row."""

import re

import pytest

from tests.faults import generated, served

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("module", "row"),
    [
        pytest.param(module, row, id=re.sub(r"\W+", "-", f"{row.name} {row.fault}"))
        for module in (generated, served)
        for row in module.ROWS
    ],
)
def test_fault(module, row):
    with module.OURS() as target:
        seen = row.probe(target)
    assert seen.good, seen.text
