"""Defaults of the page: what Gradio is given, and what an owner can replace."""

import html
import io
import json
import re

import gradio as gr
import pytest
from PIL import Image, ImageDraw, ImageFont
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from ml_ui import guard, languages, link_preview, page
from ml_ui.serving.settings import Settings
from ml_ui.theme import Theme

from .pages import serving, without_spare_apps


@guard
def answer(text):
    return {"yes": 0.9, "no": 0.1}


def interface(**options):
    with without_spare_apps():
        given = {
            "inputs": gr.Textbox(label="Text"),
            "outputs": gr.Label(label="My answer"),
            "title": 'A "title" <b>',
            "description": "Says *yes* or no.",
            "api_name": "predict",
            "flagging_mode": "never",
        }
        return gr.Interface(answer, **given | options)


def key_of(marked: str) -> str:
    """Return the text in a marker that Gradio's page replaces."""
    return json.loads(marked.removeprefix("__i18n__"))["key"]


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2 of a colour such as "#0f766e"."""
    channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["", "_dark"])
@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ("body_text_color", "body_background_fill"),
        ("body_text_color_subdued", "body_background_fill"),
        ("body_text_color_subdued", "block_background_fill"),
        ("block_label_text_color", "block_label_background_fill"),
        ("block_title_text_color", "block_background_fill"),
        ("block_info_text_color", "block_background_fill"),
        ("link_text_color", "body_background_fill"),
        ("input_placeholder_color", "input_background_fill"),
        ("button_primary_text_color", "button_primary_background_fill"),
        ("button_primary_text_color", "button_primary_background_fill_hover"),
        ("button_secondary_text_color", "button_secondary_background_fill"),
        ("button_secondary_text_color", "button_secondary_background_fill_hover"),
        ("body_text_color", "table_odd_background_fill"),
    ],
)
def test_contrast_of_text_is_that_of_wcag_aa(ink, paper, scheme):
    theme = Theme()

    def colour(name: str) -> float:
        value = getattr(theme, name)
        while value.startswith("*"):
            value = getattr(theme, value[1:])
        return luminance({"white": "#ffffff"}.get(value, value))

    darker, lighter = sorted(colour(name + scheme) for name in (ink, paper))
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_an_owner_replaces_the_theme_and_the_icon_and_adds_css_head_and_translations():
    own = gr.themes.Soft()
    demo = interface()
    ours = page.options(demo, {})
    given = page.options(
        demo,
        {
            "theme": own,
            "favicon_path": "mine.png",
            "css": "p {}",
            "head": "<meta>",
            "i18n": gr.I18n(de={"Submit": "Los", "Hello": "Hallo"}, it={"Submit": "Invia"}),
            "pwa": True,
        },
    )
    assert isinstance(ours["theme"], Theme)
    assert given["theme"] is own
    assert given["favicon_path"] == "mine.png"
    assert given["css"] == ours["css"] + "\np {}"
    assert given["head"].endswith("\n<meta>")
    assert given["pwa"] is True
    words = given["i18n"].translations_dict
    assert words["de"]["Submit"] == "Los"
    assert words["de"]["Hello"] == "Hallo"
    assert words["de"]["Clear"] == languages.translations()["de"]["Clear"]
    assert words["it"] == {"Submit": "Invia"}


@pytest.mark.filterwarnings("ignore:The parameters have been moved")
def test_a_theme_given_to_the_page_itself_is_kept():
    own = gr.themes.Soft()
    with without_spare_apps(), gr.Blocks(theme=own) as demo:
        gr.Markdown("x")
    assert page.options(demo, {})["theme"] is own


def test_words_of_ours_are_translated_and_an_owners_are_not(serve):
    app = serve(demo=interface(examples=[["a"]]))
    config = app.client.get("/config").json()["components"]
    props = {c["type"]: c["props"] for c in config}
    assert key_of(props["textbox"]["label"]) == "Text"
    assert key_of(props["dataset"]["label"]) == "Examples"
    assert props["label"]["label"] == "My answer"
    info = app.client.get("/gradio_api/info").json()["named_endpoints"]["/predict"]
    assert info["parameters"][0]["label"] == "Text"
    assert info["returns"][0]["label"] == "My answer"


def test_submit_comes_before_clear(serve):
    config = serve(demo=interface()).client.get("/config").json()
    values = {str(c["id"]): c["props"].get("value") for c in config["components"]}
    order = re.findall(r'"id": (\d+)', json.dumps(config["layout"]))
    keys = [key_of(values[n]) for n in order if str(values.get(n)).startswith("__i18n__")]
    assert keys == ["Submit", "Clear"]


def test_a_link_preview_describes_the_page(serve):
    app = serve(demo=interface(), ALLOWED_HOSTS="example.com")
    headers = {"Host": "example.com", "X-Forwarded-Proto": "https"}
    shown = app.client.get("/", headers=headers)
    assert int(shown.headers["content-length"]) == len(shown.content)
    text = shown.text
    tags = dict(re.findall(r'<meta (?:property|name)="([\w:]+)" content="([^"]*)"', text))
    assert html.unescape(tags["og:title"]) == 'A "title" <b>'
    assert tags["og:description"] == "Says *yes* or no."
    assert tags["og:image"] == "https://example.com/share.png"
    assert text.count('property="og:title"') == 1
    assert "Gradio" not in "".join(tags.values())
    picture = app.client.get("/share.png")
    with Image.open(io.BytesIO(picture.content)) as image:
        assert image.size == (1200, 630)


def test_a_link_preview_is_within_the_middleware_of_an_owner():
    kwargs = {"middleware": [Middleware(GZipMiddleware)]}
    with serving(interface(), Settings.from_environment(), app_kwargs=kwargs) as app:
        got = app.client.get("/", headers={"Accept-Encoding": "gzip"})
    assert got.headers["content-encoding"] == "gzip"
    assert 'content="Says *yes* or no."' in got.text


def test_head_of_the_page_has_the_headers_of_get(serve):
    client = serve(demo=interface()).client
    head, get = client.head("/"), client.get("/")
    assert head.status_code == 200
    assert head.headers["content-length"] == get.headers["content-length"]
    assert head.headers["content-type"] == get.headers["content-type"]


def drawn_lines(title: str) -> list[str]:
    """Return the lines of a title as they are drawn."""
    font = ImageFont.load_default(88)
    canvas = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    return link_preview._wrapped(title, canvas, font, 1020, 2)


def test_the_picture_of_the_link_preview_tells_that_words_are_missing():
    assert drawn_lines("") == []
    assert drawn_lines("Dogs and cats") == ["Dogs and cats"]
    first, second = drawn_lines(" ".join(["Photographs"] * 9))
    assert "…" not in first
    assert second.endswith("Photographs …")


def test_each_list_of_examples_has_the_class_of_the_script(serve):
    with without_spare_apps(), gr.Blocks() as demo:
        text = gr.Textbox()
        gr.Examples(["a"], text)
        gr.Examples(["b"], text, elem_id="mine")
    config = serve(demo=demo).client.get("/config").json()
    found = [c["props"] for c in config["components"] if c["type"] == "dataset"]
    assert ["examples" in props["elem_classes"] for props in found] == [True, True]
    assert [props.get("elem_id") for props in found] == [None, "mine"]


I18N = gr.I18n(en={"name": "Dogs"}, de={"name": "Hunde"})


@pytest.mark.parametrize(
    ("given", "shown"),
    [(None, "Gradio"), ("", "Gradio"), (I18N("name"), "Dogs"), (I18N("Cats"), "Cats")],
)
def test_a_title_is_a_text_for_those_who_do_not_run_the_page(given, shown):
    settings = Settings.from_environment()
    with serving(interface(title=given), settings, i18n=I18N) as app:
        text = app.client.get("/").text
    assert f"<title>{shown}</title>" in text
    assert f'property="og:title" content="{shown}"' in text


def test_a_page_with_a_login_is_not_described(serve):
    app = serve(demo=interface(), APP_USERNAME="ann", APP_PASSWORD="x")
    assert "Says *yes*" not in app.client.get("/").text
    assert app.client.get("/share.png").status_code != 200
