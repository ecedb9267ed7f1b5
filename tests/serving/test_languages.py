"""Languages of the page: translations are complete, and errors follow Accept-Language."""

import ast
import re
from pathlib import Path

import gradio as gr
import pytest
from conftest import ROOT

import ml_ui
from ml_ui import guard, languages

TEXTS = languages.translations()
PLACES = re.compile(r"\{\w+\}")


@guard
def predict(text):
    raise gr.Error(text)


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
    """Return the texts of the errors that a module raises for visitors, "{}" for a value."""
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
        if called in ("gr.Error", "Failure", "failed"):
            value = node.args[0]
            if isinstance(value, ast.Name):
                value = constants.get(value.id)
            if isinstance(value, ast.Constant):
                end = " (reference {})." if called == "failed" else ""
                found.add(value.value + end)
            elif isinstance(value, ast.JoinedStr):
                found.add(
                    "".join(v.value if isinstance(v, ast.Constant) else "{}" for v in value.values)
                )
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
    known = {PLACES.sub("{}", text) for text in TEXTS["en"]}
    # What varies in whole: a text of the caller's.
    assert {text for text in shown(path) if text.strip("{}")} - {"{} (reference {})."} <= known


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


@pytest.mark.parametrize(
    ("text", "german"),
    [
        ("Choose a picture first.", "Wählen Sie zuerst ein Bild aus."),
        ("Fill in petal width (cm), name.", "Füllen Sie petal width (cm), name aus."),
        ("Choose a {b} from c, {d}.", "Wählen Sie a {b} aus c, {d}."),
        ("Mine: {fields}", "Mine: {fields}"),
    ],
)
def test_an_error_is_in_the_language_of_the_visitor(serve, text, german):
    app = serve(predict)
    for header, message in (("de-DE", german), ("en", text), ("ar", text)):
        call = app.call("predict", text, **{"Accept-Language": header}).json()["event_id"]
        ((_, _), (event, data)) = [("", ""), app.answer("predict", call)[-1]]
        assert event == "error"
        assert data["error"] == message


def test_a_refusal_is_in_the_language_of_the_visitor(serve):
    app = serve(predict, RATE_LIMIT="1")
    app.call("predict", "x")
    answer = app.call("predict", "x", **{"Accept-Language": "fr"})
    assert answer.status_code == 429
    assert "Trop de requêtes" in answer.json()["detail"]
