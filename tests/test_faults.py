"""Fault table: the page, and the rows in which our projects must be ideal or as good.

Rows that take long, or that tests in one process prove, run only in `make faults`; on a
Space, the rows that depend on it. Without `--every`, a sample of them.
"""

import re
import shutil

import pytest
from conftest import ROOT

from tests.faults import generated, served

slow = pytest.mark.slow

LONG = {"R5", "R6", "R7", "R21", "R28", "R29", "R30", "R33", "G4", "G5", "G7", "G25"}
IN_PROCESS = {  # tests/serving, but for the first, which is in test_rendered.py
    "G23", "R1", "R10", "R13", "R14", "R16", "R17", "R27", "R31", "R32", "R34", "R37", "R38",
    "R40", "R41", "R43", "R46",
}  # fmt: skip
ON_A_SPACE = {"R3", "R9", "R18", "R20", "R36", "R44"}


def rows(module, names):
    """Return parameters of the rows with these names."""
    return [
        pytest.param(module, row, id=re.sub(r"\W+", "-", f"{row.name} {row.fault}"))
        for row in module.ROWS
        if row.name in names
    ]


def short(module):
    """Return the names of the rows that take some seconds, and that no other test proves."""
    return {row.name for row in module.ROWS} - LONG - IN_PROCESS


def test_page_has_the_rows():
    """docs/faults.md, which only scripts/faults.py writes: run it on any row."""
    page = (ROOT / "docs" / "faults.md").read_text("utf-8")
    listed = re.findall(r"^\| ([GR]\d+\w?) \| (.*?) \| (.*?) \|", page, re.MULTILINE)
    rows = [*generated.ROWS, *served.ROWS, *served.PEER_ROWS]
    assert listed == [(row.name, row.fault, row.ideal) for row in rows]


@pytest.mark.sample(
    "R2-*", "R3-*", "R4-*", "R8-*", "R9-*", "R12-*", "R15-*", "R20-*", "R25-*", "G1-*"
)
@slow
@pytest.mark.parametrize(
    ("module", "row"),
    [*rows(generated, short(generated)), *rows(served, short(served))],
)
def test_fault(module, row):
    with module.OURS() as target:
        seen = row.probe(target)
    assert seen.good, seen.text


@pytest.mark.sample("R36-*", "R44-*")
@slow
@pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js: apt-get install nodejs")
@pytest.mark.parametrize(("module", "row"), rows(served, ON_A_SPACE))
def test_fault_on_a_space(module, row):
    with module.SPACE() as target:
        seen = row.probe(target)
    assert seen.good, seen.text
