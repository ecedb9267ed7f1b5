"""POST /predict: one request for an answer, with the guards of the page's own calls."""

import asyncio
import base64
import contextlib
import json
import threading
import time
from functools import partial
from types import SimpleNamespace

import gradio as gr
import jsonschema
import numpy as np
import pytest

from ml_ui import guard, pictures
from ml_ui.serving.middleware import LOGINS_PER_MINUTE
from ml_ui.serving.runner import get_runner
from ml_ui.serving.settings import Settings

from .conftest import until
from .pages import form, page, picture, serving, sse

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
        ({"json": {"text": "a" * 1_000_001}}, 413, "at most 1 MB"),
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


def test_pictures_are_decoded_for_calls_that_have_a_worker(serve, monkeypatch):
    image, decoded = gr.Image(), []
    preprocess = image.preprocess
    monkeypatch.setattr(image, "preprocess", lambda data: decoded.append(1) or preprocess(data))

    @guard
    def see(image):
        running.set()
        go_on.wait(10)
        return str(image.shape)

    app = serve(demo=form(see, image, "text"), WEB_CONCURRENCY="1")
    headers = {"Content-Type": "image/png"}
    calls = [
        app.threads.submit(app.client.post, "/predict", content=picture(), headers=headers)
        for _ in range(3)
    ]
    assert running.wait(5)
    until(lambda: app.server.api.running == 3)
    time.sleep(0.1)
    assert len(decoded) == 1
    go_on.set()
    assert [each.result(10).json() for each in calls] == ["(6, 8, 3)"] * 3


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
def test_who_hangs_up_frees_the_place(serve, body, outcomes, log):
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
    assert 499 in [record["status"] for record in log() if record["message"] == "request"]
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


@pytest.mark.parametrize("is_async", [True, False])
def test_wrong_passwords_at_once_are_limited(is_async):
    tried = []

    loops = set()  # in which a plain function ran

    def slow(name, password):
        tried.append(name)
        with contextlib.suppress(RuntimeError):
            loops.add(asyncio.get_running_loop())
        time.sleep(0.05)
        return password == "right"

    async def slow_async(name, password):
        tried.append(name)
        await asyncio.sleep(0.05)
        return password == "right"

    auth = slow_async if is_async else slow
    with serving(page(answer), Settings(), auth=auth) as served:
        calls = [
            served.threads.submit(
                served.client.post, "/answer", json={"text": "a"}, auth=(f"ann{n}", "wrong")
            )
            for n in range(20)
        ]
        assert {each.result(30).status_code for each in calls} == {401, 429}
        assert len(tried) == LOGINS_PER_MINUTE
    with serving(page(answer), Settings(), auth=auth) as served:
        right = {"json": {"text": "a"}, "auth": ("ann", "right")}
        calls = [served.threads.submit(served.client.post, "/answer", **right) for _ in range(8)]
        assert {each.result(30).json() for each in calls} == {"A"}
        given = {"username": "ann", "password": "right"}
        assert served.client.post("/login", data=given).status_code == 200
        assert loops == set()


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


@pytest.mark.parametrize(
    "kind", [gr.Chatbot, gr.Gallery, gr.ImageEditor, gr.Model3D, gr.MultimodalTextbox]
)
def test_values_that_contain_files_are_described(serve, kind):
    @guard
    def same(value):
        return value

    client = serve(demo=form(same, [kind()], [kind()]), MCP="1").client
    listed = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    tool = client.post("/mcp", json=listed).json()["result"]["tools"][0]
    document = client.get("/openapi.json").json()
    assert client.get("/docs").status_code == 200
    for schema in (tool["inputSchema"], tool["outputSchema"], document["paths"]):
        text = json.dumps(schema).replace('"$ref": "#/components/schemas/', "")
        assert "$ref" not in text
        assert "$defs" not in text


SHOWN = {
    "json": gr.JSON,
    "gallery": gr.Gallery,
    "chatbot": gr.Chatbot,
    "annotated": gr.AnnotatedImage,
    "code": gr.Code,
    "highlighted": gr.HighlightedText,
    "markdown": gr.Markdown,
    "plot": gr.Plot,
    "multimodal": gr.MultimodalTextbox,
    "date": gr.DateTime,
    "color": gr.ColorPicker,
    "files": lambda: gr.File(file_count="multiple"),
    "editor": gr.ImageEditor,
    "model": gr.Model3D,
    "group": lambda: gr.CheckboxGroup(["a"]),
    "html": gr.HTML,
}


@pytest.mark.parametrize("name", SHOWN)
def test_the_schemas_are_valid(serve, name):
    make = SHOWN[name]
    demo = form(guard(lambda value: value), make(), make())
    document = serve(demo=demo).client.get("/openapi.json").json()
    call = document["paths"]["/predict"]["post"]
    for part in (call["requestBody"], call["responses"]["200"]):
        for content in part["content"].values():
            jsonschema.Draft202012Validator.check_schema(content["schema"])
    assert '"$defs"' not in json.dumps(document)


def test_the_page_of_documentation_has_forms_that_are_taken(serve):
    inputs = [gr.CheckboxGroup(["größer"]), gr.Dataframe(), gr.Image(), gr.Textbox()]
    answered = guard(lambda several, table, image, text: text)
    shown = serve(demo=form(answered, inputs, "text")).client.get("/docs").text
    assert "list of one of &quot;größer&quot;" in shown
    assert "for (const one of several) form.append(&quot;several&quot;, one);" in shown
    assert "form.append(&quot;table&quot;, JSON.stringify(table));" in shown
    assert "form.append(&quot;text&quot;, text);" in shown


@pytest.mark.parametrize("labels", [["setosa", "virginica", "versicolor"], []], ids=str)
def test_the_example_of_an_answer_is_of_the_model_s_labels(serve, labels):
    model = SimpleNamespace(labels=labels)
    served = serve(demo=form(answer, "text", "label"), load=lambda: model)
    served.server.health.start()
    until(lambda: served.server.health.model is model)
    text = served.client.get("/docs").text
    assert ("&quot;setosa&quot;" in text) == bool(labels)
    assert "versicolor" not in text
    examples = json.dumps(served.client.get("/openapi.json").json()["paths"])
    assert ('"confidence": 0.9' in examples) == bool(labels)


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


def test_metrics_tell_the_wait_from_the_prediction(serve):
    @guard
    def slow(text):
        time.sleep(0.3)
        return text

    served = serve(slow, METRICS="1", WEB_CONCURRENCY="1")

    def read():
        lines = served.client.get("/metrics").text.splitlines()
        return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))

    before = read()
    post = partial(served.client.post, "/slow", json={"text": "a"})
    answers = [served.threads.submit(post) for _ in range(3)]
    assert [each.result().status_code for each in answers] == [200] * 3
    names = ("app_queue_wait_seconds_sum", "app_prediction_seconds_sum")
    waited, took = (float(read()[name]) - float(before.get(name, 0)) for name in names)
    assert (waited, took) == (pytest.approx(0.9, abs=0.3), pytest.approx(0.9, abs=0.3))
