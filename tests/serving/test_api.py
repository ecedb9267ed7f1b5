"""POST /predict: one request for an answer, with the guards of the page's own calls."""

import asyncio
import base64
import io
import json
import threading
import time

import gradio as gr
import jsonschema
import numpy as np
import pytest
from PIL import Image

from ml_ui import guard, pictures
from ml_ui.serving import uploads
from ml_ui.serving.runner import get_runner

from .conftest import until
from .pages import API, page, sse, strict

PROBLEM = "application/problem+json"
running, go_on = threading.Event(), threading.Event()


@guard
def answer(text):
    if text == "raise":
        raise ValueError("a secret of /srv/app")
    if text == "":
        raise gr.Error("Write something first.")
    if text == "exit":
        raise SystemExit(3)
    return text.upper()


@guard
def hold(text):
    running.set()
    go_on.wait(10)
    return text


@guard
def grey(image):
    return pictures.write(pictures.read(image).mean(axis=2).astype(np.uint8), "PNG")


@guard
def count(text):
    for n in range(3):
        if n == 2 and text == "raise":
            raise ValueError("a secret of /srv/app")
        yield f"{text} {n}"


@pytest.fixture(autouse=True)
def _events():
    running.clear()
    go_on.clear()
    yield
    go_on.set()


def picture(format="PNG", size=(8, 6)) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


def form(function, inputs, outputs, **options):
    """Return a page with a function of components."""
    return gr.Interface(function, inputs, outputs, api_name="predict", **options)


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


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
@pytest.mark.parametrize("way", ["raw", "octets", "multipart", "base64", "data URL", "upload"])
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
            "data URL": {"json": {"image": f"data:{media_type};base64,{encoded}"}},
        }[way]
    headers = {"Accept": "image/*"} | sent.pop("headers", {})
    response = client.post("/predict", headers=headers, **sent)
    assert response.headers["content-type"] == "image/png", response.text
    with Image.open(io.BytesIO(data)) as given, Image.open(io.BytesIO(response.content)) as got:
        expected = np.asarray(given.convert("RGB")).mean(axis=2).astype(np.uint8)
        np.testing.assert_array_equal(np.asarray(got), expected)
    before = json.loads(client.post("/predict", **sent, headers=headers | {"Accept": "*/*"}).text)
    assert before.startswith("data:image/png;base64,")
    assert base64.b64decode(before.partition(",")[2]) == response.content


def test_what_a_call_needs_is_deleted_with_it(serve):
    image = gr.Image(type="filepath", image_mode=None)
    client = serve(demo=form(grey, image, gr.Image())).client
    before = {*uploads.FOLDER.rglob("*")}
    for data in (picture(), b"no picture"):
        client.post("/predict", content=data, headers={"Content-Type": "image/png"})
        client.post("/predict", files={"image": data})
        client.post("/predict", json={"image": base64.b64encode(data).decode()})
    assert {*uploads.FOLDER.rglob("*")} == before


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
    response = client.post("/predict", json={"image": url})
    assert response.status_code == 422
    assert response.json()["errors"][0]["parameter"] == "image"


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
    "radio": (lambda: gr.Radio(["a", "b"]), "text", "a", "a"),
    "group": (lambda: gr.CheckboxGroup(["a", "b"]), "json", ["a", "b"], ["a", "b"]),
    "json": (lambda: gr.JSON(), "json", {"a": [1, None]}, {"a": [1, None]}),
}


@pytest.mark.parametrize("name", COMPONENTS)
def test_values_are_as_gradio_has_them(serve, name):
    make, shown, value, sent = COMPONENTS[name]
    served = serve(demo=form(guard(lambda value: value), make(), shown))
    found = served.client.post("/predict", json={"value": sent})
    event, data = served.events("predict", value)[-1]
    assert (event, found.json()) == ("complete", data[0])


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


def test_arrays_become_pictures_as_gradio_makes_them(serve):
    def turn(image):
        return image[::-1]

    served = serve(demo=form(guard(turn), gr.Image(), gr.Image(format="png")))
    found = served.client.post(
        "/predict", files={"image": picture()}, headers={"Accept": "image/png"}
    )
    with Image.open(io.BytesIO(found.content)) as got, Image.open(io.BytesIO(picture())) as given:
        np.testing.assert_array_equal(np.asarray(got), np.asarray(given)[::-1])


def test_several_answers_are_a_list_and_states_are_left_out(serve):
    @guard
    def both(text, state):
        state.append(text)
        return text, len(state), state

    demo = form(both, ["text", gr.State([])], ["text", "number", gr.State()])
    client = serve(demo=demo).client
    for _ in range(2):  # each call begins with the state of the page
        assert client.post("/predict", json={"text": "a"}).json() == ["a", 1]


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


def test_a_list_of_rows(serve):
    served = serve(answer, RATE_LIMIT="5")
    rows = [{"text": text} for text in "abc"]
    assert served.client.post("/answer", json=rows).json() == ["A", "B", "C"]
    refused = served.client.post("/answer", json=rows)
    assert refused.status_code == 429  # each row is a call
    for wrong in ([], rows * 400):
        assert serve(answer).client.post("/answer", json=wrong).status_code == 422


def test_the_row_that_is_refused_is_named(serve):
    client = serve(answer).client
    invalid = client.post("/answer", json=[{"text": "a"}, {"text": 1}]).json()
    assert invalid["errors"][0]["parameter"] == "1.text"
    refused = client.post("/answer", json=[{"text": "a"}, {"text": ""}]).json()
    assert (refused["row"], refused["detail"]) == (1, "Write something first.")


# Errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        ({"json": {"text": ""}}, 422, "Write something first."),
        ({"json": {}}, 422, "text: Field required."),
        ({"json": {"text": 1}}, 422, "text: Input should be a valid string."),
        ({"json": {"text": "a", "texts": "a"}}, 422, "texts: Extra inputs are not permitted."),
        ({"json": ["a"]}, 422, "0: Input should be an object."),
        ({"json": "a"}, 422, "Input should be an object."),
        ({"content": "{", "headers": {"Content-Type": "application/json"}}, 422, "Invalid JSON"),
        ({"content": b"\xff", "headers": {"Content-Type": "text/plain"}}, 422, "UTF-8"),
        ({"content": "a", "headers": {"Content-Type": "text/csv"}}, 415, "text/csv"),
        ({"content": "a"}, 415, "no Content-Type"),
        ({"data": {"text": "a", "texts": "a"}}, 422, "The form is malformed"),
        (
            {"content": "a", "headers": {"Content-Type": "multipart/form-data"}},
            422,
            "The form is malformed",
        ),
        ({"json": {"text": "a" * 1_000_001}}, 413, "too large"),
        ({"json": {"text": "raise"}}, 500, "The prediction failed (reference "),
        ({"json": {"text": "exit"}}, 500, "The prediction failed (reference "),
    ],
)
def test_errors(serve, sent, status, words):
    response = serve(answer).client.post("/answer", **sent)
    problem = response.json()
    assert (response.status_code, problem["status"]) == (status, status)
    assert words in problem["detail"]
    assert "secret" not in response.text
    assert response.headers["content-type"] == PROBLEM


def test_a_failure_has_the_reference_of_the_log(serve, log):
    problem = serve(answer).client.post("/answer", json={"text": "raise"}).json()
    (line,) = [line for line in log() if line["level"] == "ERROR"]
    assert line["message"].endswith(problem["reference"])


def test_errors_are_in_the_caller_s_language(serve):
    client = serve(answer, RATE_LIMIT="1").client
    client.post("/answer", json={"text": "a"})
    refused = client.post("/answer", json={"text": "a"}, headers={"Accept-Language": "de"})
    assert refused.status_code == 429
    assert 50 < int(refused.headers["retry-after"]) <= 61
    assert refused.json()["detail"].startswith("Zu viele Anfragen")


def test_a_prediction_has_a_time_limit(serve):
    client = serve(hold, PREDICT_TIMEOUT="1").client
    response = client.post("/hold", json={"text": "a"})
    assert (response.status_code, response.headers["content-type"]) == (504, PROBLEM)


def test_other_methods(serve):
    response = serve(answer).client.get("/answer")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_a_private_function_is_none(serve):
    demo = page(answer)
    for event in demo.fns.values():
        event.api_visibility = "private"
    assert serve(demo=demo).client.post("/answer", json={"text": "a"}).status_code in (404, 405)


# Guards -------------------------------------------------------------------------------


def test_a_full_queue_is_503(serve):
    served = serve(hold, QUEUE_SIZE="1", WEB_CONCURRENCY="1")
    first, second = (
        served.threads.submit(served.client.post, "/hold", json={"text": "a"}) for _ in "ab"
    )
    until(lambda: served.server.api.running == 2)
    refused = served.client.post("/hold", json={"text": "a"})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    go_on.set()
    assert [first.result().json(), second.result().json()] == ["a", "a"]


def test_a_shutdown_waits_for_answers_and_takes_no_more(serve):
    served = serve(hold)
    first = served.threads.submit(served.client.post, "/hold", json={"text": "a"})
    assert running.wait(10)
    served.server.traffic.draining = True
    assert served.server.shutdown._busy()
    assert served.client.post("/hold", json={"text": "a"}).status_code == 503
    go_on.set()
    assert first.result().json() == "a"


@pytest.mark.parametrize("body", [b'{"text": "a"}'])
def test_who_hangs_up_frees_the_place(serve, body, outcomes):
    served = serve(hold, WEB_CONCURRENCY="1")
    first = served.threads.submit(served.client.post, "/hold", json={"text": "a"})
    assert running.wait(10)

    async def hang_up():
        messages = [{"type": "http.request", "body": body}, {"type": "http.disconnect"}]
        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/hold", "headers": headers}
        scope |= {"query_string": b"", "client": ("127.0.0.1", 1), "root_path": ""}
        sent = []

        async def receive():
            await asyncio.sleep(0.05)
            return messages.pop(0)

        async def send(message):
            sent.append(message)

        await served.app(scope | {"server": ("localhost", 80), "scheme": "http"}, receive, send)
        return sent

    assert served.client.portal.call(hang_up) == []
    assert outcomes("hold").get("cancelled") == 1
    go_on.set()
    assert first.result().json() == "a"
    assert served.server.api.running == 0
    until(lambda: not get_runner().running)


def test_a_stream(serve):
    client = serve(count).client
    assert client.post("/count", json={"text": "a"}).json() == "a 2"
    events = client.post("/count", json={"text": "a"}, headers={"Accept": "text/event-stream"})
    assert events.headers["content-type"] == "text/event-stream"
    assert events.headers["x-accel-buffering"] == "no"  # nginx would keep the steps back
    assert sse(events.text) == [*(("message", f"a {n}") for n in range(3)), ("complete", None)]
    failed = client.post("/count", json={"text": "raise"}, headers={"Accept": "text/event-stream"})
    event, problem = sse(failed.text)[-1]
    assert (event, problem["status"]) == ("error", 500)
    assert "secret" not in failed.text


def test_calls_are_counted(serve, outcomes):
    client = serve(answer).client
    before = outcomes("answer")
    for text in ("a", "", "raise"):
        client.post("/answer", json={"text": text})
    after = {name: n - before.get(name, 0) for name, n in outcomes("answer").items()}
    assert after == {"ok": 1, "refused": 1, "failed": 1}


def test_a_login(serve):
    client = serve(answer, APP_USERNAME="ann", APP_PASSWORD="pässword").client
    call = {"json": {"text": "a"}}
    refused = client.post("/answer", **call)
    assert (refused.status_code, refused.headers["www-authenticate"][:5]) == (401, "Basic")
    for path in ("/openapi.json", "/docs"):
        assert client.get(path).status_code == 401
    assert client.post("/answer", **call, auth=("ann", "pässword")).json() == "A"
    assert client.get("/docs", auth=("ann", "pässword")).status_code == 200
    for given in ("x", "Basic", "Basic !", "Basic " + base64.b64encode(b"ann").decode()):
        assert client.post("/answer", **call, headers={"Authorization": given}).status_code == 401
    statuses = [client.post("/answer", **call, auth=("ann", "x")).status_code for _ in range(8)]
    assert {*statuses} == {401, 429}
    assert client.post("/answer", **call, auth=("ann", "pässword")).status_code == 429


def test_the_login_of_the_page(serve):
    client = serve(answer, APP_USERNAME="ann", APP_PASSWORD="password").client
    given = {"username": "ann", "password": "password"}
    cookies = client.post("/login", data=given).headers.get_list("set-cookie")
    client.headers["Cookie"] = next(c.partition(";")[0] for c in cookies if "unsecure" in c)
    assert client.post("/answer", json={"text": "a"}).json() == "A"


@pytest.mark.parametrize(
    ("origin", "status"), [("https://a.example", 200), ("https://b.example", 403)]
)
def test_pages_of_other_sites(serve, origin, status):
    client = serve(answer, ALLOWED_ORIGINS="https://a.example").client
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    asked = client.options(
        "/answer", headers=headers | {"Access-Control-Request-Headers": "content-type"}
    )
    answered = client.post("/answer", json={"text": "a"}, headers={"Origin": origin})
    assert answered.status_code == status
    for response in (asked, answered):
        allowed = response.headers.get("access-control-allow-origin")
        assert allowed == (origin if status == 200 else None)


# Its description ----------------------------------------------------------------------


def test_the_description_is_of_what_is_taken(serve):
    @guard
    def rate(name, age, kind, image):
        """Rate somebody.

        Args:
            name: of the person.
            age: in years.

        Returns:
            the rating
        """
        return {"good": 1.0}

    inputs = [gr.Textbox(max_length=5), gr.Number(minimum=0, maximum=120, precision=0)]
    inputs += [gr.Radio(["a", "b"], label="Kind", info="of person"), gr.Image(type="filepath")]
    client = serve(demo=form(rate, inputs, "label"), MAX_UPLOAD_MB="3").client
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/predict"]["post"]
    assert operation["summary"] == "Rate somebody"
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["name", "age", "kind", "image"]
    assert schema["properties"] | {"image": None} == {
        "name": {"type": "string", "maxLength": 5, "description": "of the person."},
        "age": {"type": "integer", "minimum": 0, "maximum": 120, "description": "in years."},
        "kind": {"enum": ["a", "b"], "type": "string", "description": "Kind. of person"},
        "image": None,
    }
    assert schema["properties"]["image"]["maxLength"] == 4_000_200
    image = base64.b64encode(picture()).decode()
    right = {"name": "Ann", "age": 30, "kind": "a", "image": image}
    jsonschema.validate(right, schema)
    answered = client.post("/predict", json=right)
    assert answered.status_code == 200
    shown = operation["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(answered.json(), shown)
    for wrong in ({"name": "Annabel"}, {"age": 121}, {"age": 1.5}, {"kind": "c"}, {"age": True}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(right | wrong, schema)
        refused = client.post("/predict", json=right | wrong)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["parameter"] == next(iter(wrong))


def test_the_page_of_documentation_loads_nothing(serve):
    document = serve(demo=form(answer, gr.Textbox(label="<b>"), "text", title="<i>")).client
    text = document.get("/docs").text
    assert "<i>" not in text
    assert "<b>" not in text
    assert "src=" not in text
    assert "POST /predict" in text


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
def test_the_address_is_the_visitor_s(serve, path, monkeypatch):
    monkeypatch.setenv("GRADIO_ROOT_PATH", "/app")
    client = serve(answer, ALLOWED_HOSTS="a.example").client
    headers = {"Host": "a.example", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "a.example"}
    assert "https://a.example" in client.get(path, headers=headers).text


def test_a_slow_call_does_not_stop_others(serve):
    served = serve(hold, answer, WEB_CONCURRENCY="2")
    served.threads.submit(served.client.post, "/hold", json={"text": "a"})
    assert running.wait(10)
    start = time.monotonic()
    assert served.client.post("/answer", json={"text": "a"}).json() == "A"
    assert time.monotonic() - start < 5
    go_on.set()
