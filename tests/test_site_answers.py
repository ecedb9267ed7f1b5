"""Answers of the page without a server: those of the app in Python, in a real browser."""

import onnx_kinds
import picture_files
import pytest
from running import install
from static_site import difference, in_browser, in_python

pytestmark = pytest.mark.slow
CLOSE = 1e-4
LEVEL = 1 / 255  # of a pixel of an answer, which is rounded the other way
ROWS = [[5.1 + n / 7, 2.2 + n / 13, 0.8 + n / 4, 0.1 + n / 9] for n in range(24)]
TEXTS = [
    "Guten Morgen, wie geht es dir?", "你好吗", "été à la plage", "İstanbul'da", "🎉 party", "ß",
    "The parcel came late.", "¿Qué tal?", "Ça va très bien", "12345", "a", "ÀÉÎÕÜ", "I", "¡Hola!",
    "Der schnelle braune Fuchs", "le renard", "el zorro rápido", "la volpe", "quick", "  spaces  ",
    "UPPER CASE", "new\nline",
]  # fmt: skip
DEMOS = [
    ("image-classification", "onnx"), ("image-to-image", "onnx"), ("image-to-image", "python"),
    ("tabular", "onnx"), ("text-classification", "onnx"),
]  # fmt: skip
# `make parity` has all kinds, and the ONNX files of the zoo.
SAMPLE = ["imagenet", "batch of four", "by name", "column by column"]


@pytest.fixture
def compare(browser, bake, tmp_path):
    """Return a function that compares the answers of a project's worker and its model.py."""

    def compare(inputs, **answers) -> None:
        project = bake(platform="browser", **answers)
        found, times = in_browser(browser, project, inputs)
        expected = in_python(install(project) / "python", project, inputs, tmp_path)
        for given, one, other in zip(inputs, expected, found, strict=True):
            most = LEVEL if hasattr(one, "shape") else CLOSE
            assert difference(one, other) <= most, (given, one, other)
        assert times["progress"] > 1 or answers.get("framework") == "python"

    return compare


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Return picture files of all kinds."""
    files = picture_files.by_pillow(tmp_path_factory.mktemp("pictures"), [(101, 203)])
    return files[::2][:24]


@pytest.mark.sample("image-classification-onnx", "tabular-onnx")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("task", "framework"), DEMOS)
def test_demos_answer_as_in_python(compare, pictures, task, framework):
    inputs = {"tabular": ROWS, "text-classification": TEXTS}.get(task, pictures)
    assert len(inputs) > 20
    compare(inputs, task=task, framework=framework)


@pytest.mark.sample("batch of four")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", SAMPLE)
def test_models_of_all_kinds_answer_as_in_python(compare, pictures, kind, tmp_path):
    _, inputs = onnx_kinds.KINDS[kind]
    compare(inputs or pictures[:6], model_path=str(onnx_kinds.make(kind, tmp_path)))
