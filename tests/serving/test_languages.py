"""Languages of the page: translations are complete, and errors follow Accept-Language."""

import ast
import re
import threading
from pathlib import Path

import gradio as gr
import pytest
from conftest import ROOT
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.testclient import TestClient

import ml_ui
from ml_ui import guard, languages
from ml_ui.languages import Text
from ml_ui.serving import auth

from .pages import without_spare_apps

TEXTS = languages.translations()
PLACES = re.compile(r"\{\w+\}")


def test_the_languages_are_those_that_are_promised():
    assert set(TEXTS) == {"en", "de", "es", "fr", "ja", "zh-CN"}


@pytest.mark.parametrize("language", TEXTS)
def test_each_text_is_translated_with_the_same_places(language):
    words = TEXTS[language]
    assert words.keys() == TEXTS["en"].keys()
    for text, translation in words.items():
        assert translation.strip()
        assert sorted(PLACES.findall(text)) == sorted(PLACES.findall(translation))


def shown(path: Path) -> set[str]:
    """Return the texts of the errors that a module raises for visitors."""
    template = re.sub(r"\{[%#].*?[%#]\}", "", path.read_text("utf-8"))
    tree = ast.parse(re.sub(r"\{\{.*?\}\}", "x", template))
    constants = {
        node.targets[0].id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = ast.unparse(node.func)
        if called in ("gr.Error", "Failure", "failed", "Text"):
            value = node.args[0]
            if isinstance(value, ast.Name):
                value = constants.get(value.id)
            assert not isinstance(value, ast.JoinedStr), "what varies is translated by a Text"
            if isinstance(value, ast.Constant):
                end = " (reference {reference})." if called == "failed" else ""
                found.add(value.value + end)
    return found


@pytest.mark.parametrize(
    "path",
    [
        *sorted(Path(ml_ui.__file__).parent.rglob("*.py")),
        *sorted((ROOT / "templates" / "tasks").glob("*/app.py")),
    ],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_each_error_for_visitors_is_translated(path):
    assert shown(path) <= TEXTS["en"].keys()


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("de-AT", "de"),
        ("en-GB,de;q=0.9", "en"),
        ("it,fr;q=0.8,de;q=0.9", "de"),
        ("zh", "zh-CN"),
        ("zh-Hans-SG", "zh-CN"),
        ("zh-TW,ja;q=0.5", "ja"),
        ("fr;q=0,ja", "ja"),
        ("ar", "en"),
        ("", "en"),
        ("*;q=x,;;,de;q=9" + "," * 9000, "en"),
    ],
)
def test_the_browser_says_which_language(header, language):
    assert languages.negotiate(header) == language


def said(app, text: str, language: str) -> str:
    """Return the error that a visitor of a language gets."""
    call = app.call("predict", text, **{"Accept-Language": language}).json()["event_id"]
    event, data = app.answer("predict", call)[-1]
    assert event == "error"
    return data["error"]


ERRORS = {  # one each for all visitors
    "ours": gr.Error("Choose a picture first."),
    "varies": gr.Error(Text("Fill in {fields}.", fields="{width}, name")),
    "owner's": gr.Error("Fill in the form below."),
    "no text": gr.Error(("a", 1)),
}


@guard
def predict(name):
    raise ERRORS[name]


@pytest.mark.parametrize(
    ("name", "german", "english"),
    [
        ("ours", "Wählen Sie zuerst ein Bild aus.", "Choose a picture first."),
        ("varies", "Füllen Sie {width}, name aus.", "Fill in {width}, name."),
        ("owner's", "Fill in the form below.", "Fill in the form below."),
        ("no text", "('a', 1)", "('a', 1)"),
    ],
)
def test_an_error_is_in_the_language_of_the_visitor(serve, name, german, english):
    app = serve(predict)
    assert said(app, name, "de-DE") == german
    assert said(app, name, "en") == english
    assert said(app, name, "ar") == english


@pytest.mark.parametrize(
    ("second", "shown"),
    [("de-AT", "Wählen Sie zuerst ein Bild aus."), ("fr", "Choose a picture first.")],
)
def test_an_error_of_a_batch_is_in_the_language_of_all_of_its_visitors(serve, second, shown):
    started, go, sizes = threading.Event(), threading.Event(), []

    @guard
    def batched(texts):
        sizes.append(len(texts))
        started.set()
        go.wait(10)
        raise ERRORS["ours"]

    with without_spare_apps(), gr.Blocks() as demo:
        text = gr.Textbox()
        gr.on(
            None,
            batched,
            text,
            text,
            api_name="batched",
            batch=True,
            max_batch_size=2,
            concurrency_limit=1,
        )
    app = serve(demo=demo)
    answers = []
    for language in ("en", "de", second):
        call = app.call("batched", **{"Accept-Language": language}).json()["event_id"]
        answers.append(app.threads.submit(app.answer, "batched", call))
        assert started.wait(10)
    go.set()
    errors = [answer.result(10)[-1][1]["error"] for answer in answers]
    assert errors == ["Choose a picture first.", shown, shown]
    assert sizes == [1, 2]


def test_a_refusal_is_in_the_language_of_the_visitor(serve):
    app = serve(predict, RATE_LIMIT="1")
    app.call("predict", "x")
    answer = app.call("predict", "x", **{"Accept-Language": "fr"})
    assert answer.status_code == 429
    assert "Trop de requêtes" in answer.json()["detail"]
    assert answer.headers["vary"] == "Accept-Language"


def test_the_sign_in_page_is_in_the_language_of_the_visitor():
    async def app(scope, receive, send):
        raise HTTPException(401, "Not authenticated")

    handler = auth.unauthorized("T & <b>")
    client = TestClient(ExceptionMiddleware(app, {401: handler}))
    for header, link in (
        ("fr-CH", "Se connecter avec Hugging Face"),
        ("it", "Sign in with Hugging Face"),
    ):
        answer = client.get("/", headers={"Accept-Language": header})
        assert answer.status_code == 200
        assert f">{link}</a>" in answer.text
        assert f'<html lang="{languages.negotiate(header)}">' in answer.text
        assert "<title>T &amp; &lt;b&gt;</title>" in answer.text
        assert answer.headers["vary"] == "Accept-Language"
    assert client.get("/config").status_code == 401
