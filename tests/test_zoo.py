"""A sample of the zoo: files of the newest libraries, whose own answers are the truth."""

import pytest

from scripts.zoo import animals, judge

SAMPLE = {  # how many of the family's files, evenly spaced
    "scikit_learn": 6,
    "onnx_models": 5,
    "keras_models": 3,
    "boosters": 2,
    "lightgbm_models": 2,
    "catboost_models": 2,
}


@pytest.mark.slow
@pytest.mark.parametrize("family", SAMPLE)
def test_projects_answer_as_the_library_does(family):
    newest = list(animals(family, newest=True))
    assert len(newest) >= SAMPLE[family]
    for animal in newest[:: len(newest) // SAMPLE[family]][: SAMPLE[family]]:
        verdict = judge(animal)
        assert verdict.is_expected, (animal.name, verdict)
