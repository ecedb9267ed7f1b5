"""`launch`: what it refuses, and the environment that it prepares."""

import functools
import os
import subprocess
import sys

import gradio as gr
import pytest

import ml_ui
from ml_ui import guard, launch
from ml_ui.gradio_fixes import is_prepared, unguarded
from ml_ui.serving import RESERVED, environment, uploads

from .pages import page


@guard
def predict(text):
    return text


def open_to_all(text):
    return text


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_reserved_option_is_refused(name):
    with pytest.raises(TypeError, match=f"takes no {name}: "):
        launch(page(predict), lambda: None, **{name: True})


def test_unguarded_function_is_refused():
    with pytest.raises(TypeError) as raised:
        launch(page(predict, open_to_all), lambda: None)
    message = str(raised.value)
    assert f"open_to_all ({__name__})" in message
    assert "predict" not in message
    assert "@guard" in message


def test_page_built_before_the_import_is_refused(monkeypatch, tmp_path):
    demo = page(predict)
    assert is_prepared(demo, str(uploads.FOLDER))
    monkeypatch.setattr(demo, "GRADIO_CACHE", str(tmp_path))
    with pytest.raises(RuntimeError, match="above the page"):
        launch(demo, lambda: None)


def test_invalid_settings_end_the_app_in_one_line(monkeypatch):
    for name, value in {"PORT": "99999", "QUEUE_SIZE": "many", "APP_USERNAME": "ann"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["app.py"])
    with pytest.raises(SystemExit) as raised:
        launch(page(predict), lambda: None)
    message = raised.value.code
    assert message.startswith("The app cannot be served: ")
    assert "\n" not in message
    assert all(part in message for part in ("99999", "QUEUE_SIZE='many'", "APP_PASSWORD"))


class Model:
    def method(self, text):
        return text

    def __call__(self, text):
        return text


@pytest.mark.parametrize(
    "function", [lambda text: text, Model().method, Model(), functools.partial(open_to_all), len]
)
def test_every_kind_of_unguarded_function_is_found(function):
    with gr.Blocks() as demo:
        gr.on(None, function, gr.Textbox(), gr.Textbox())
    assert len(unguarded(demo)) == 1
    with gr.Blocks() as demo:
        gr.on(None, guard(function), gr.Textbox(), gr.Textbox())
    assert unguarded(demo) == []


def test_validator_has_to_be_guarded():
    with gr.Blocks() as demo:
        gr.on(None, predict, gr.Textbox(), gr.Textbox(), validator=open_to_all)
    assert unguarded(demo) == [f"open_to_all ({__name__})"]


@pytest.mark.parametrize("kind", [gr.ChatInterface, gr.Interface])
def test_functions_of_gradio_s_own_need_no_guard(kind):
    @guard
    def reply(message, history=None):
        return message

    options = {} if kind is gr.ChatInterface else {"inputs": "text", "outputs": "text"}
    assert unguarded(kind(reply, **options)) == []
    assert len(unguarded(kind(reply.__wrapped__, **options))) == 1


def test_page_without_functions_is_guarded():
    with gr.Blocks() as demo:
        gr.Button().click(None, js="() => 1")
    assert unguarded(demo) == []


@pytest.mark.parametrize("variable", ["DYNO", "SPACE_ID"])
def test_the_platform_s_proxy_is_believed(monkeypatch, variable):
    """There, the client is the last address that is not of a private network."""
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    monkeypatch.setenv(variable, "x")
    with pytest.MonkeyPatch.context():
        environment.prepare()
    assert "10.0.0.0/8" in os.environ["FORWARDED_ALLOW_IPS"]


def test_environment_of_libraries(monkeypatch):
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "GRADIO_ANALYTICS_ENABLED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GRADIO_SSR_MODE", "True")  # as Spaces set it
    monkeypatch.setenv("NO_PROXY", "internal")
    monkeypatch.setenv("SPACES_ZERO_GPU", "1")
    monkeypatch.setenv("PREDICT_TIMEOUT", "")
    monkeypatch.delenv("PREDICT_TIMEOUT")
    environment.prepare()
    assert os.environ["GRADIO_SSR_MODE"] == "False"
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert int(os.environ["OMP_NUM_THREADS"]) >= 1
    assert os.environ["NO_PROXY"] == "internal,localhost,127.0.0.1,0.0.0.0"
    assert os.environ["PREDICT_TIMEOUT"] == "300"
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    environment.prepare()  # as a child process does
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert os.environ["NO_PROXY"] == "internal,localhost,127.0.0.1,0.0.0.0"


def test_package_imports_without_gradio():
    code = "import ml_ui, sys; print(ml_ui.__version__, 'gradio' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.split() == [ml_ui.__version__, "False"]
    with pytest.raises(AttributeError, match="no attribute 'serve'"):
        ml_ui.serve  # noqa: B018
