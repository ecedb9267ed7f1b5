"""A sample of the zoo: files of the newest libraries, whose own answers are the truth."""

import re

import pytest
from conftest import ROOT

from scripts.zoo import animals, judge

SAMPLE = {  # how many of the family's files, evenly spaced
    "scikit_learn": 6,
    "onnx_models": 5,
    "keras_models": 3,
    "boosters": 2,
    "lightgbm_models": 2,
    "catboost_models": 2,
}


@pytest.mark.sample("onnx_models")
@pytest.mark.slow
@pytest.mark.parametrize("family", SAMPLE)
def test_projects_answer_as_the_library_does(family):
    newest = list(animals(family, newest=True))
    assert len(newest) >= SAMPLE[family]
    for animal in newest[:: len(newest) // SAMPLE[family]][: SAMPLE[family]]:
        verdict = judge(animal)
        assert verdict.is_expected, (animal.name, verdict)


def test_page_has_no_unexpected_verdict_and_readme_its_figures():
    page = (ROOT / "docs" / "zoo.md").read_text("utf-8")
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    total = re.search(r"^(\d+) model files", page, re.MULTILINE)[1]
    counts = {name: int(n) for n, name in re.findall(r"(\d+) ([a-zA-Z ]+)", page.split("\n\n")[2])}
    assert counts.keys() <= {"right", "refused", "right after check"}
    assert sum(counts.values()) == int(total)
    assert f"Of {int(total):,} files" in readme
    assert f"{counts['right']} were answered right" in readme
    assert f"{counts['refused']} refused" in readme
