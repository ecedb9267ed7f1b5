"""Programs make projects from the JSON alone: a sample of `make agents`."""

import random
import re

import pytest
from asking import IRIS
from conftest import ROOT
from test_headless import DIGITS

from scripts import agents


@pytest.mark.parametrize(("model", "number"), [(IRIS, 0), (DIGITS, 1), (DIGITS, 2)], ids=str)
def test_each_refusal_is_understood(tmp_path, model, number):
    answers = agents.pick(model, number)
    wrong = agents.slips(answers, random.Random(number))
    assert len(wrong) == agents.SLIPS
    made = agents.make(answers, wrong, tmp_path)
    assert made.said["generated"] and len(made.mended) >= agents.SLIPS
    assert [each for each in made.mended if not each.is_understood] == []
    unmeant = {slip.question for slip in wrong if slip.meant is None}
    unmeant |= {each.question for each in made.mended if each.slip is None}
    assert {k: v for k, v in made.answers.items() if k not in unmeant} == {
        k: v for k, v in answers.items() if k not in unmeant
    }


def test_a_program_that_cannot_mend_gives_up(tmp_path):
    answers = {"model_path": str(tmp_path / "nothing.onnx")}
    made = agents.make(answers, [], tmp_path)
    assert "generated" not in made.said and made.mended[-1].question is None


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 14])
def test_projects_of_programs_answer_right(tmp_path, number):
    """By the library that made the model: one in ONNX, for no server, and one of XGBoost."""
    animal = [*agents.models()][number]
    made, found = agents.exam(animal, number, tmp_path)
    assert agents.is_right(made, found), (made.said, found)
    assert all(each.is_understood for each in made.mended)


def test_figures_of_the_readme_are_those_of_the_page():
    page = (ROOT / "docs" / "agents.md").read_text("utf-8")
    right, projects, understood, refusals = map(int, re.search(
        r"^(\d+) of (\d+) projects answer right; (\d+) of (\d+) refusals", page, re.MULTILINE
    ).groups())  # fmt: skip
    assert (right, understood) == (projects, refusals) and projects == 20
    assert sum(agents.FAMILIES.values()) == projects
    assert "[Twenty programs](docs/agents.md)" in (ROOT / "README.md").read_text("utf-8")
