"""An owner's edits of the page: a second input, another layout, an app that does not start."""

import json
import shutil
import subprocess

import pytest
from running import clean_environment, free_port, install, own_tests, served

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

TABS = """

@guard
def size(image: str) -> str:
    return "x".join(map(str, pictures.read(image).shape))


sizes = gr.Interface(size, gr.Image(type="filepath"), gr.Text(), api_name="size")
demo = gr.TabbedInterface([page, sizes], ["Page", "Size"])

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


def test_a_second_function_in_tabs(project):
    """The commands go by the API name."""
    edit(project, {"\ndemo = ": "\npage = ", "\n\nif __name__": TABS})
    python, port, example = install(project) / "python", free_port(), "examples/cat.jpg"
    environment = clean_environment(python.parent)

    def run(*arguments):
        return subprocess.run(
            [python, "-m", "ml_ui", *arguments],
            cwd=project, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    check = run("check", "--json")
    assert (check.returncode, json.loads(check.stdout)["ok"]) == (0, True), check.stderr
    environment |= {"PORT": str(port)}
    with served(project, [python, "app.py"], environment, port) as url:
        live = run("live", url)
        assert live.returncode == 0 and f"{example}: " in live.stdout, live.stdout + live.stderr
        called = run("call", url, example, "--function", "size")
        assert (called.returncode, json.loads(called.stdout)) == (0, "300x451x3"), called.stderr
        assert (
            run("bench", url, "--file", example, "--function", "size", "--runs", "2").returncode
            == 0
        )
        assert "it has /predict, /size" in run("call", url, example, "--function", "no").stderr


def test_a_page_without_the_function_is_told(project):
    edit(project, {'api_name="predict"': 'api_name="answer"'})
    run = subprocess.run(
        [install(project) / "python", "-m", "ml_ui", "check", "--json"],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 2
    assert "api_name='predict'" in json.loads(run.stdout)["error"]
