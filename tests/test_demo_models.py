"""Demo models: what `make demos ONLY=...` selects."""

import json

import pytest

from local_extensions.catalog import DEMOS
from scripts.demo_models import selected

TASKS = ["image-classification", "image-to-image", "tabular", "text-classification"]
FRAMEWORKS = ["onnx", "keras", "pytorch", "scikit-learn", "xgboost"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], dict.fromkeys(TASKS)),
        (["tabular"], {"tabular": None}),
        (["xgboost"], {"tabular": {"xgboost"}}),
        (["pytorch", "xgboost", "image-to-image"],
         {"image-classification": {"pytorch"}, "image-to-image": None,
          "tabular": {"pytorch", "xgboost"}}),
    ],
)  # fmt: skip
def test_selection(names, expected):
    assert selected(names, TASKS, FRAMEWORKS) == expected


def test_selection_of_a_framework_has_all_its_demos():
    for framework in FRAMEWORKS:
        trained = {
            path.parent.name
            for path in DEMOS.glob("*/card.json")
            if framework in json.loads(path.read_text("utf-8"))["results"]
        }
        assert trained <= selected([framework], TASKS, FRAMEWORKS).keys()


def test_unknown_name_is_refused_before_training():
    with pytest.raises(SystemExit) as raised:
        selected(["tabular", "xgbost"], TASKS, FRAMEWORKS)
    assert raised.value.code == (
        "ONLY=xgbost is not among image-classification, image-to-image, keras, onnx, pytorch, "
        "scikit-learn, tabular, text-classification, xgboost."
    )
