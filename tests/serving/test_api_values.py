"""POST /predict: what is sent, and what comes back, against Gradio's own conversion."""

import base64
import io
import json
import time
import wave
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from ml_ui import guard, pictures
from ml_ui.serving import uploads
from ml_ui.values import Values

from .pages import API, form, picture, strict


@guard
def answer(text):
    if text == "":
        raise gr.Error("Write something first.")
    return text.upper()


@guard
def grey(image):
    return pictures.write(pictures.read(image).mean(axis=2).astype(np.uint8), "PNG")


# What is sent -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        {"json": {"text": "abc"}},
        {"data": {"text": "abc"}},
        {"files": {"text": (None, "abc")}},
        {"content": "abc", "headers": {"Content-Type": "text/plain; charset=utf-8"}},
        {"content": '{"text": "abc"}', "headers": {"Content-Type": "application/vnd.x+json"}},
    ],
    ids=["json", "form", "multipart", "text", "a kind of json"],
)
def test_a_text(serve, sent):
    response = serve(answer).client.post("/answer", **sent)
    assert (response.status_code, response.json()) == (200, "ABC")


@pytest.mark.parametrize("custom", [False, True])
@pytest.mark.parametrize("value", [1, 2.5, "1.0", True])
def test_a_choice_in_a_form_is_the_page_s(serve, value, custom):
    choices = [True, False] if value is True else [1, 2.5, "1.0"]
    shown = gr.Dropdown(choices, allow_custom_value=custom)
    client = serve(demo=form(guard(lambda value: repr(value)), shown, "text")).client
    for text in {str(value), json.dumps(value).strip('"')}:
        assert client.post("/predict", data={"value": text}).json() == repr(value)
    refused = client.post("/predict", json={"value": "2.5"})
    assert custom or refused.status_code == 422


@pytest.mark.parametrize("kind", ["data", "files"])
def test_a_form_with_several_choices(serve, kind):
    several = gr.CheckboxGroup([("One", 1), ("B", "b")], label='the "list"')
    shown = [several, gr.Dropdown(["x", "y"], multiselect=True, label="drop")]
    demo = form(guard(lambda *lists: repr(lists)), shown, "text")
    client = serve(demo=demo).client
    for chosen in ([1, "b"], [1]):
        fields = {'the "list"': [str(each) for each in chosen], "drop": ["y"]}
        if kind == "files":
            fields = [(name, (None, each)) for name, texts in fields.items() for each in texts]
        assert client.post("/predict", **{kind: fields}).json() == repr((chosen, ["y"]))


def test_a_form_with_a_table(serve):
    demo = form(guard(lambda table: table), gr.Dataframe(type="array"), gr.JSON())
    client = serve(demo=demo).client
    rows = json.dumps([{"a": 1, "b": "x"}])
    assert client.post("/predict", data={"table": rows}).json() == [[1, "x"]]
    for wrong in ("[1]", "[", "[" * 100_000, "1,2", ""):
        assert client.post("/predict", data={"table": wrong}).status_code == 422


def test_an_empty_file_field_is_none(serve):
    described = guard(lambda text, image=None: f"{text} {image is None}")
    demo = form(described, ["text", gr.Image()], "text")
    client = serve(demo=demo).client
    empty = (
        '--b\r\nContent-Disposition: form-data; name="text"\r\n\r\na\r\n'
        '--b\r\nContent-Disposition: form-data; name="image"; filename=""\r\n'
        "Content-Type: application/octet-stream\r\n\r\n\r\n--b--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert client.post("/predict", content=empty, headers=headers).json() == "a True"
    given = client.post("/predict", files={"image": picture()}, data={"text": "a"})
    assert given.json() == "a False"


@pytest.mark.parametrize("value", [None, [[1, "x"]], {"headers": ["c"], "data": [[2]]}])
def test_the_example_of_a_table_is_taken(serve, value):
    table = gr.Dataframe(value, headers=["a", "b"], type="array")
    client = serve(demo=form(guard(lambda table: table), table, gr.JSON())).client
    document = client.get("/openapi.json").json()
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]
    example = content["application/json"]["example"]
    found = client.post("/predict", json=example)
    assert (found.status_code, list(example["table"][0].values())) == (200, found.json()[0])


def test_the_mark_of_utf_8_is_not_in_a_text(serve):
    headers = {"Content-Type": "text/plain"}
    content = "\ufeffabc".encode()
    assert serve(answer).client.post("/answer", content=content, headers=headers).json() == "ABC"


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
@pytest.mark.parametrize(
    "way", ["raw", "octets", "multipart", "base64", "lines", "data URL", "upload"]
)
def test_a_picture(serve, format, way):
    image = gr.Image(type="filepath", image_mode=None)
    client = serve(demo=form(grey, image, gr.Image())).client
    data = picture(format)
    name, media_type = f"a b.{format.lower()}", f"image/{format.lower()}"
    if way == "upload":
        files = {"files": (name, data, media_type)}
        (path,) = client.post(f"{API}/upload", files=files).json()
        sent = {"json": {"image": f"http://localhost{API}/file={path}"}}
    else:
        encoded = base64.b64encode(data).decode()
        sent = {
            "raw": {"content": data, "headers": {"Content-Type": media_type}},
            "octets": {"content": data, "headers": {"Content-Type": "application/octet-stream"}},
            "multipart": {"files": {"image": (name, data, media_type)}},
            "base64": {"json": {"image": encoded}},
            "lines": {"json": {"image": base64.encodebytes(data).decode()}},
            "data URL": {"json": {"image": f"data:{media_type};base64,{encoded}"}},
        }[way]
    headers = {"Accept": "image/*;q=0.5"} | sent.pop("headers", {})
    response = client.post("/predict", headers=headers, **sent)
    assert response.headers["content-type"] == "image/png", response.text
    with Image.open(io.BytesIO(data)) as given, Image.open(io.BytesIO(response.content)) as got:
        expected = np.asarray(given.convert("RGB")).mean(axis=2).astype(np.uint8)
        np.testing.assert_array_equal(np.asarray(got), expected)
    for accept in ("image/png;q=0, image/*", "image/png;v=1;q=0.0, */*"):
        refused = client.post("/predict", **sent, headers=headers | {"Accept": accept})
        assert refused.headers["content-type"] == "application/json"
    headers["Accept"] = "image/*;q=0, */*"
    before = json.loads(client.post("/predict", **sent, headers=headers).text)
    assert before.startswith("data:image/png;base64,")
    assert base64.b64decode(before.partition(",")[2]) == response.content


def test_bytes_without_a_media_type(serve):
    """As Node's openAsBlob(FILE) sends them; curl's default is a form, which they are not."""
    image = gr.Image(type="filepath", image_mode=None)
    client = serve(demo=form(grey, image, gr.Image())).client
    assert client.post("/predict", content=picture()).status_code == 200
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    refused = client.post("/predict", content=picture(), headers=headers)
    assert (refused.status_code, "image/png" in refused.headers["accept"]) == (415, True)


@pytest.mark.parametrize("way", ["audio/wav", "audio/x-wav", "octets", "form", "base64"])
def test_a_sound_needs_no_name(serve, way, monkeypatch):
    monkeypatch.setenv("PATH", "")  # no FFmpeg
    before = {*uploads.FOLDER.rglob("*")}
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(8000)
        written.writeframes(bytes([1, 0, 2, 0]))
    heard = guard(lambda sound: [sound[0], sound[1].tolist()])
    client = serve(demo=form(heard, gr.Audio(), gr.JSON())).client
    if way == "form":
        sent = {"files": {"sound": ("sound", file.getvalue())}}
    elif way == "base64":
        sent = {"json": {"sound": base64.b64encode(file.getvalue()).decode()}}
    else:
        media_type = "application/octet-stream" if way == "octets" else way
        sent = {"content": file.getvalue(), "headers": {"Content-Type": media_type}}
    assert client.post("/predict", **sent).json() == [8000, [1, 2]]
    assert {*uploads.FOLDER.rglob("*")} == before


def test_what_a_call_needs_is_deleted_with_it(serve):
    image = gr.Image(type="filepath", image_mode=None)
    client = serve(demo=form(grey, image, gr.Image())).client
    before = {*uploads.FOLDER.rglob("*")}
    for data in (picture(), b"no picture"):
        client.post("/predict", content=data, headers={"Content-Type": "image/png"})
        client.post("/predict", files={"image": data})
        client.post("/predict", json={"image": base64.b64encode(data).decode()})
    assert {*uploads.FOLDER.rglob("*")} == before


@pytest.mark.parametrize("value", ["pixels", "file"])
def test_a_visitor_s_equal_answer_stays(serve, value, tmp_path, monkeypatch):
    """Gradio has one file for both."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(picture())

    @guard
    def same(text):
        time.sleep(0.02)  # a file's time is that of the last tick
        return "a.png" if value == "file" else np.zeros((8, 6, 3), np.uint8)

    app = serve(demo=form(same, "text", gr.Image()))
    [(_, [shown])] = app.events("predict", "")
    assert Path(shown["path"]).is_relative_to(uploads.FOLDER)
    assert app.client.post("/predict", json={"text": ""}).status_code == 200
    assert Path(shown["path"]).exists()


@pytest.mark.parametrize(
    "url",
    [
        "/etc/passwd",
        "../../etc/passwd",
        "{folder}/../x",
        "{folder}",
        "{folder}/no",
        "%00",
        "http://x",
    ],
)
def test_a_url_is_of_an_upload_alone(serve, url):
    image = gr.Image(type="filepath", image_mode=None)
    client = serve(demo=form(grey, image, gr.Image())).client
    url = f"{API}/file={url.format(folder=uploads.FOLDER)}"
    for origin in ("", "http://[x"):
        response = client.post("/predict", json={"image": f"{origin}{url}"})
        assert response.status_code == 422
        assert response.json()["errors"][0]["parameter"] == "image"


@pytest.mark.parametrize(
    ("component", "value", "words"),
    [
        (gr.DateTime, "nonsense", "nonsense"),
        (gr.Gallery, {"a": 1}, "valid list"),
        (gr.MultimodalTextbox, {"text": 1}, "valid string"),
    ],
    ids=["date", "gallery", "message"],
)
def test_a_value_that_its_field_cannot_take_is_named(serve, component, value, words, outcomes):
    see = guard(lambda value: str(value))
    client = serve(demo=form(see, component(), "text"), MCP="1").client
    before = outcomes("predict")
    response = client.post("/predict", json={"value": value})
    assert response.status_code == 422
    assert response.json()["errors"][0]["parameter"] == "value"
    assert words in response.json()["errors"][0]["reason"]
    after = outcomes("predict")
    assert after.pop("refused") == before.pop("refused", 0) + 1
    assert after == before


META = {"meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize("meta", [META, {}], ids=["meta", "none"])
@pytest.mark.parametrize(
    ("component", "shape"),
    [
        (lambda: gr.File(file_count="multiple"), lambda file: [file]),
        (lambda: gr.Model3D(), lambda file: file),
        (lambda: gr.MultimodalTextbox(), lambda file: {"text": "", "files": [file]}),
        (lambda: gr.Gallery(type="filepath"), lambda file: [{"image": file, "caption": None}]),
    ],
    ids=["files", "model", "message", "gallery"],
)
def test_files_within_a_value_were_uploaded(serve, tmp_path, component, shape, meta):
    @guard
    def see(value):
        return json.dumps(value)

    client = serve(demo=form(see, component(), "text")).client
    (tmp_path / "a.png").write_bytes(picture())
    other = {"path": str(tmp_path / "a.png"), **meta}
    response = client.post("/predict", json={"value": shape(other)})
    assert response.status_code == 422
    assert any(words in response.json()["detail"] for words in ("cannot take", "expired"))
    sent = client.post(f"{API}/upload", files={"files": ("a.png", picture())}).json()
    given = shape({"path": sent[0], **META})
    assert sent[0] in client.post("/predict", json={"value": given}).json()


@pytest.mark.parametrize("path", ["/etc/hostname", ".env"])
def test_an_answer_is_no_file_of_the_machine(serve, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (".env", "a.txt"):
        (tmp_path / name).write_text("x")

    @guard
    def same(text):
        return text

    client = serve(demo=form(same, "text", gr.File())).client
    assert client.post("/predict", json={"text": "a.txt"}).status_code == 200
    response = client.post("/predict", json={"text": path})
    assert response.status_code == 500
    assert "not what the page shows" in response.json()["detail"]


# The components' own conversion is the truth ------------------------------------------

TABLE = {"headers": ["a", "b"], "data": [[1, "x"], [2, None]], "metadata": None}
COMPONENTS = {
    "number": (lambda: gr.Number(), "number", 1.5, 1.5),
    "whole": (lambda: gr.Number(precision=0), "number", 3, 3),
    "rounded": (lambda: gr.Number(precision=1), "number", 1.26, 1.26),
    "slider": (lambda: gr.Slider(0, 10), "number", 2.5, 2.5),
    "checkbox": (lambda: gr.Checkbox(), "checkbox", True, True),
    "dropdown": (lambda: gr.Dropdown(["a", "b"]), "text", "b", "b"),
    "numbers": (lambda: gr.Dropdown([1, 2.5]), "number", 2.5, 2.5),
    "named": (lambda: gr.Dropdown([("A", "a"), ("B", "b")]), "text", "b", "b"),
    "several": (lambda: gr.Dropdown(["a", "b"], multiselect=True), "json", ["b"], ["b"]),
    "custom": (lambda: gr.Dropdown(["a"], allow_custom_value=True), "text", "z", "z"),
    "custom number": (
        lambda: gr.Dropdown([1, 2.5], allow_custom_value=True), "json", 1, 1,
    ),
    "without choices": (lambda: gr.Dropdown([], allow_custom_value=True), "text", "z", "z"),
    "custom ones": (
        lambda: gr.Dropdown(["a"], multiselect=True, allow_custom_value=True), "json", ["z"], ["z"],
    ),
    "radio": (lambda: gr.Radio(["a", "b"]), "text", "a", "a"),
    "group": (lambda: gr.CheckboxGroup(["a", "b"]), "json", ["a", "b"], ["a", "b"]),
    "json": (lambda: gr.JSON(), "json", {"a": [1, None]}, {"a": [1, None]}),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPONENTS)
def test_values_are_as_gradio_has_them(serve, name):
    make, shown, value, sent = COMPONENTS[name]
    served = serve(demo=form(guard(lambda value: value), make(), shown))
    found = served.client.post("/predict", json={"value": sent})
    event, data = served.events("predict", value)[-1]
    assert (event, found.json()) == ("complete", data[0])


@pytest.mark.parametrize("value", [3, 3.0, 2.5])
@pytest.mark.parametrize("shown", [gr.Number, lambda: gr.Slider(0, 10, step=1)])
def test_a_whole_number_is_an_int(serve, shown, value):
    served = serve(demo=form(guard(lambda value: repr(value)), shown(), "text"))
    for sent in ({"json": {"value": value}}, {"data": {"value": str(value)}}):
        found = served.client.post("/predict", **sent).json()
        assert served.events("predict", value)[-1][1] == [found] == [repr(value)]


@pytest.mark.parametrize("shown", [gr.Number, lambda: gr.Slider(0, 10, step=1)])
def test_true_and_false_are_numbers(serve, shown):
    """As the rows of a data frame have them, whose model was trained on 1 and 0."""
    client = serve(demo=form(guard(lambda value: repr(value)), shown(), "text")).client
    answers = [client.post("/predict", json={"value": value}).json() for value in (True, False)]
    assert answers == ["1", "0"]
    rows = client.post("/predict", json=[{"value": True}, {"value": False}])
    assert rows.json() == ["1", "0"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 0.25, "b": 0.75}, {"label": "b", "confidences": [
            {"label": "b", "confidence": 0.75}, {"label": "a", "confidence": 0.25}]}),
        ({1: 1.0}, {"label": 1, "confidences": [{"label": 1, "confidence": 1.0}]}),
        ("cat", {"label": "cat", "confidences": None}),
        (1.5, 1.5),
        (float("nan"), None),
        (None, None),
    ],
)  # fmt: skip
def test_labels(serve, value, expected):
    served = serve(demo=form(guard(lambda text: value), "text", "label"))
    assert strict(served.client.post("/predict", json={"text": ""}).text) == expected
    if isinstance(expected, dict):
        assert served.events("predict", "")[-1][1] == [expected]


def test_a_table_is_a_list_of_rows(serve):
    demo = form(guard(lambda table: table), gr.Dataframe(), gr.Dataframe())
    rows = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert serve(demo=demo).client.post("/predict", json={"table": rows}).json() == rows


@pytest.mark.parametrize("given", ["headers", "value"])
@pytest.mark.parametrize("kind", ["array", "numpy", "pandas"])
def test_the_columns_of_a_table_are_in_its_own_order(serve, given, kind):
    has = (
        {"headers": ["a", "b"]}
        if given == "headers"
        else {"value": {"headers": ["a", "b"], "data": [[1, 2]]}}
    )
    table = gr.Dataframe(**has, type=kind)
    values = guard(lambda table: np.asarray(table).tolist())
    client = serve(demo=form(values, table, gr.JSON())).client
    rows = [{"b": 2, "a": 2**53 + 1}, {"b": 4}]
    found = client.post("/predict", json={"table": rows}).json()
    assert found[0] == [2**53 + 1, 2] if kind != "pandas" else found[0][1] == 2
    assert found[1][1] == 4
    assert client.post("/predict", json={"table": [{"c": 1, "b": 2}]}).json() == [[None, 2, 1]]


def test_arrays_become_pictures_as_gradio_makes_them(serve):
    def turn(image):
        return image[::-1]

    served = serve(demo=form(guard(turn), gr.Image(), gr.Image(format="png")))
    found = served.client.post(
        "/predict", files={"image": picture()}, headers={"Accept": "image/png"}
    )
    with Image.open(io.BytesIO(found.content)) as got, Image.open(io.BytesIO(picture())) as given:
        np.testing.assert_array_equal(np.asarray(got), np.asarray(given)[::-1])


@pytest.mark.parametrize("shown", [gr.File, gr.Image, gr.Gallery])
def test_a_file_that_gradio_would_not_publish_is_none(serve, shown, tmp_path, monkeypatch):
    def answered(text):
        return [text] if shown is gr.Gallery else text

    secret = tmp_path / "secret.png"
    secret.write_bytes(picture())
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(allowed))
    demo = form(guard(answered), "text", shown())
    served = serve(demo=demo)
    monkeypatch.setattr(demo, "has_launched", True)
    assert served.events("predict", str(secret))[-1][0] == "error"
    response = served.client.post("/predict", json={"text": str(secret)})
    assert response.status_code == 500
    assert "secret" not in response.text


def test_the_pictures_of_a_gallery_have_addresses(serve):
    pixels = np.full((4, 4, 3), 200, np.uint8)
    shown = gr.Gallery(format="png")
    demo = form(guard(lambda text: [(pixels, text)]), "text", shown)
    client = serve(demo=demo).client
    (found,) = client.post("/predict", json={"text": "one"}).json()
    assert found["caption"] == "one"
    assert found["image"]["url"].startswith(f"http://127.0.0.1{API}/file=")
    answer = client.get(found["image"]["url"])
    with Image.open(io.BytesIO(answer.content)) as picture:
        np.testing.assert_array_equal(np.asarray(picture), pixels)


def test_several_answers_are_a_list_and_states_are_left_out(serve):
    @guard
    def both(text, state):
        state.append(text)
        return text, len(state), state

    demo = form(both, ["text", gr.State([])], ["text", "number", gr.State()])
    client = serve(demo=demo).client
    for _ in range(2):  # each call begins with the state of the page
        assert client.post("/predict", json={"text": "a"}).json() == ["a", 1]


@pytest.mark.parametrize("streams", [False, True])
def test_a_chat(serve, streams):
    def reply(message, history):
        return f"{message}, {len(history)}"

    def stream(message, history):
        yield "H"
        yield f"{message}, {len(history)}"

    demo = gr.ChatInterface(guard(stream if streams else reply), api_name="predict")
    served = serve(demo=demo)
    found = served.client.post("/predict", json={"message": "Hi"}).json()
    assert found == "Hi, 0"
    assert served.events("predict", "Hi")[-1][1][0] == found


def test_the_request_is_given_to_a_function_that_wants_it(serve):
    @guard
    def who(text: str, request: gr.Request, progress=gr.Progress()):  # noqa: B008
        progress(0.5)
        return f"{text} {request.headers['x-name']}"

    client = serve(demo=form(who, "text", "text")).client
    answered = client.post("/predict", json={"text": "I am"}, headers={"X-Name": "Ann"})
    assert answered.json() == "I am Ann"


def test_a_parameter_with_a_default_may_be_left_out(serve):
    @guard
    def times(text, n=2):
        return text * int(n)

    client = serve(demo=form(times, ["text", "number"], "text")).client
    assert client.post("/predict", json={"text": "a"}).json() == "aa"
    assert client.post("/predict", json={"text": "a", "n": 3}).json() == "aaa"
    assert (
        client.post("/predict?n=4", content="a", headers={"Content-Type": "text/plain"}).json()
        == "aaaa"
    )


def test_a_parameter_whose_default_is_none_may_be_null(serve):
    @guard
    def see(first, second=None):
        return repr((first, second))

    client = serve(demo=form(see, [gr.Number(), gr.Dataframe()], "text")).client
    for given in ({"first": 1}, {"first": 1, "second": None}):
        assert client.post("/predict", json=given).json() == "(1, None)"
    assert client.post("/predict", json={"first": None}).status_code == 422


@pytest.mark.parametrize(
    ("given", "text", "answer"),
    [
        (np.float32([0.1, -2.25]), "0.1, -2.25", [0.1, -2.25]),
        (["red", "round"], "red, round", ["red", "round"]),
    ],
)
def test_several_numbers_or_classes_are_a_list(serve, given, text, answer):
    """On the page they are a text."""

    @guard
    def several(text):
        return Values(given)

    served = serve(demo=form(several, "text", gr.Label()))
    assert served.client.post("/predict", json={"text": ""}).json() == answer
    [(_, [shown])] = served.events("predict", "")
    assert shown["label"] == text
