"""An owner's edits of the page: a second input, another layout, an app that does not start."""

import shutil

import pytest
from running import own_tests

pytestmark = pytest.mark.slow
SLIDER = {  # what a second input takes, and no more
    "def answer(image: str | None)": "def answer(image: str | None, strength: float = 1)",
    "predict(pictures.read(image))": "(predict(pictures.read(image)) * strength).astype('uint8')",
    'inputs=gr.Image(label="Picture", type="filepath", image_mode=None),': (
        'inputs=[gr.Image(label="Picture", type="filepath", image_mode=None),\n'
        '        gr.Slider(0, 1, value=1, label="Strength")],'
    ),
}
BLOCKS = """

with gr.Blocks(title="Mine") as demo:
    with gr.Row():
        image = gr.Image(label="Picture", type="filepath", image_mode=None)
        result = gr.Image(label="Result")
    gr.Examples(EXAMPLES, image)
    gr.Button("Submit", variant="primary").click(answer, image, result, api_name="predict")

if __name__"""


@pytest.fixture
def project(bake, tmp_path):
    """Return a copy of a project, to edit."""
    made = bake(task="image-to-image", framework="python", platform="local")
    return shutil.copytree(made, tmp_path / "edited")


def edit(project, edits: dict[str, str]) -> None:
    """Replace texts of app.py, each of which is there once."""
    text = (project / "app.py").read_text("utf-8")
    for old, new in edits.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (project / "app.py").write_text(text, "utf-8")


def test_a_second_input(project):
    edit(project, SLIDER)
    run = own_tests(project)
    assert run.returncode == 0, run.stdout[-3000:]


@pytest.mark.every
def test_a_layout_of_blocks(project):
    text = (project / "app.py").read_text("utf-8")
    head, _, _ = text.partition("\n\ndemo = ")
    _, guard, end = text.partition("\n\nif __name__")
    assert guard
    (project / "app.py").write_text(head + BLOCKS + end, "utf-8")
    run = own_tests(project)
    assert run.returncode == 0, run.stdout[-3000:]


@pytest.mark.parametrize("error", ["import nothing_like_this", "raise RuntimeError('boom')"])
def test_an_app_that_does_not_start_shows_its_traceback(project, error):
    edit(project, {"import gradio as gr\n": f"import gradio as gr\n{error}\n"})
    run = own_tests(project, "tests/test_model.py")
    assert run.returncode
    assert error in run.stdout
    assert "Traceback" in run.stdout
    assert "the app ended with status 1" in run.stdout
