"""Calls through Gradio's queue: their answers, outcomes in the metrics, and worker slots."""

import base64
import contextlib
import functools
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import gradio as gr
import numpy as np
import PIL.Image
import pytest
from gradio import processing_utils
from gradio.data_classes import _StaticFiles
from PIL import Image

from ml_ui import gradio_fixes, guard
from ml_ui.serving.runner import get_runner
from ml_ui.serving.settings import Settings

from .conftest import until
from .pages import API, page, serving, sse, strict

running = threading.Event()  # a call has begun
go_on = threading.Event()  # it may end
closed = threading.Event()  # a stream has been closed


@guard
def answer(text):
    if text == "raise":
        raise ValueError("a secret of /srv/app")
    if text == "":
        raise gr.Error("Write something first.")
    return text


@guard
def scores(text):
    return {"first": 1.0, "second": float(text)}


@guard
def hold(text):
    running.set()
    go_on.wait(10)
    return text


@guard
def stream(text):
    for n in range(3):
        if text == "raise" and n == 1:
            raise ValueError("a secret of /srv/app")
        yield f"{text} {n}"


@guard
def endless(text):
    try:
        while True:
            running.set()
            time.sleep(0.02)
            yield text
    finally:
        closed.set()


@pytest.fixture(autouse=True)
def events():
    for event in (running, go_on, closed):
        event.clear()
    yield
    go_on.set()


@pytest.fixture(autouse=True)
def one_worker(monkeypatch, environment):
    """Have one worker in each test."""
    monkeypatch.setenv("WEB_CONCURRENCY", "1")


@pytest.fixture(scope="module")
def app():
    """Serve these functions with one worker."""
    with serving(
        page(answer, hold, stream, endless), Settings(web_concurrency=1, metrics=True)
    ) as it:
        yield it


def since(before, after):
    """Return by how much each outcome has grown."""
    grown = {name: count - before.get(name, 0) for name, count in after.items()}
    return {name: count for name, count in grown.items() if count}


def test_outcomes_are_counted_once_for_each_call(app, outcomes):
    before = outcomes("answer")
    assert app.events("answer", "one") == [("complete", ["one"])]
    assert app.events("answer", "raise")[-1][0] == "error"
    assert "Write something first" in str(app.events("answer", ""))
    assert since(before, outcomes("answer")) == {"ok": 1, "failed": 1, "refused": 1}


def test_streams_are_counted_once(app, outcomes):
    before = outcomes("stream")
    kinds = [kind for kind, _ in app.events("stream", "step")]
    assert kinds == ["generating"] * 3 + ["complete"]
    assert since(before, outcomes("stream")) == {"ok": 1}
    assert app.events("stream", "raise")[-1][0] == "error"
    assert since(before, outcomes("stream")) == {"ok": 1, "failed": 1}


def test_metrics_of_calls(app):
    def read():
        lines = app.client.get("/metrics").text.splitlines()
        return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))

    before = read()
    app.events("answer", "one")
    _, future = app.start("hold")
    running.wait(5)
    app.call("answer", "queued")
    during = read()
    assert float(during["app_predictions_running"]) == 1
    assert float(during["app_predictions_stuck"]) == 0
    go_on.set()
    future.result(10)
    app.events("answer", "last")
    after = read()
    for name in ("app_prediction_seconds_count", "app_queue_wait_seconds_count"):
        assert float(after[name]) - float(before[name]) == 4
    assert float(after["app_queue_length"]) == float(after["app_predictions_running"]) == 0
    assert float(after["process_resident_memory_bytes"]) > 5e7
    sent = 'app_requests_total{method="POST",status="200"}'
    assert float(after[sent]) - float(before.get(sent, 0)) == 4


def test_an_error_has_a_reference_and_no_text(app, log):
    (event,) = app.events("answer", "raise")
    assert "secret" not in str(event)
    (line,) = [line for line in log() if line["level"] == "ERROR"]
    assert line["message"].rpartition(" ")[2] in str(event)
    assert "secret" in str(line["error"][1])


@pytest.mark.parametrize("text", ["nan", "-inf"])
def test_answers_are_strict_json(serve, text):
    app = serve(demo=page(scores, outputs="label"))  # JSON's own output has no NaN
    ((event, (label,)),) = app.events("scores", text)
    assert event == "complete"
    assert {"label": "second", "confidence": None} in label["confidences"]
    app.join("strict", text)
    stream = app.client.get(f"{API}/queue/data?session_hash=strict").text
    messages = [strict(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]
    assert any(message["msg"] == "process_completed" for message in messages)


def test_a_call_that_is_cancelled_in_the_queue_does_not_run(app, outcomes):
    before = outcomes("hold")
    _, held = app.start("hold", "first")
    running.wait(5)
    running.clear()
    joined = app.join("left", "second", fn_index=1).json()
    cancel = joined | {"session_hash": "left", "fn_index": 1}
    assert app.client.post(f"{API}/cancel", json=cancel).status_code == 200
    go_on.set()
    assert held.result(10) == [("complete", ["first"])]
    assert app.events("answer", "next") == [("complete", ["next"])]
    assert not running.is_set()
    assert since(before, outcomes("hold")) == {"ok": 1}


def test_a_cancelled_call_keeps_its_worker_until_its_function_returns(app, outcomes):
    before = outcomes("hold")
    joined = app.join("left", "first", fn_index=1).json()
    running.wait(5)
    cancel = joined | {"session_hash": "left", "fn_index": 1}
    assert app.client.post(f"{API}/cancel", json=cancel).status_code == 200
    _, other = app.start("answer", "next")
    time.sleep(0.1)
    assert not other.done()
    go_on.set()
    assert other.result(10) == [("complete", ["next"])]
    assert since(before, outcomes("hold")) == {"cancelled": 1}


def test_a_stream_whose_visitor_leaves_is_closed_and_frees_its_worker(app):
    event_id = app.call("endless").json()["event_id"]
    app.leave("endless", event_id, 0.2)
    assert closed.wait(10)
    assert app.events("answer", "next") == [("complete", ["next"])]
    assert get_runner().running == 0


def test_a_cancelled_stream_is_closed_and_frees_its_worker(app):
    joined = app.join("left", "x", fn_index=3).json()
    running.wait(5)
    cancel = joined | {"session_hash": "left", "fn_index": 3}
    assert app.client.post(f"{API}/cancel", json=cancel).status_code == 200
    assert closed.wait(10)
    assert app.events("answer", "next") == [("complete", ["next"])]


def test_worker_is_held_while_the_output_is_written(serve):
    began = []

    @guard
    def costly(text):
        began.append(text)
        return text

    def write(value):
        if value == "costly":
            running.set()
            go_on.wait(10)
        return value

    with gr.Blocks() as demo:
        shown = gr.Textbox()
        shown.postprocess = write
        gr.on(None, costly, gr.Textbox(), shown, api_name="costly")
    app = serve(demo=demo)
    demo.fns[0].concurrency_limit = 2  # so that the worker is all that the second waits for
    app.demo._queue.create_event_queue_for_fn(demo.fns[0])
    costly_answer = app.start("costly", "costly")[1]
    assert running.wait(5)
    plain_answer = app.start("costly", "plain")[1]
    time.sleep(0.1)
    assert began == ["costly"]
    assert not plain_answer.done()
    go_on.set()
    assert costly_answer.result(10) == [("complete", ["costly"])]
    assert plain_answer.result(10) == [("complete", ["plain"])]


@guard
def wrong(text):
    return {"list": [object()], "object": object(), "coroutine": threading.Lock()}[text]


def test_stream_with_a_wrong_output_is_closed_and_frees_its_worker(serve, outcomes):
    @guard
    def steps(text):
        try:
            while True:
                yield object()
        finally:
            closed.set()

    app = serve(demo=page(steps, outputs="image"))
    before = outcomes("steps")
    for _ in range(2):
        assert "not what the page shows" in str(app.events("steps"))
        assert closed.wait(5)
        closed.clear()
    assert since(before, outcomes("steps")) == {"failed": 2}


@pytest.mark.parametrize("text", ["list", "object", "coroutine"])
def test_wrong_output_is_a_failure_of_the_app(serve, outcomes, text, log):
    app = serve(demo=page(wrong, outputs="image"))
    before = outcomes("wrong")
    assert "not what the page shows" in str(app.events("wrong", text))
    assert since(before, outcomes("wrong")) == {"failed": 1}
    assert [line for line in log() if line["level"] == "ERROR"]


@guard
def size(picture):
    return str(picture.shape)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no picture", "not a picture in one of"),
        (b"\xff\xd8" + b"\xff\xe3\0\2" * 100_000, "too many parts"),
        (None, "has expired"),
    ],
    ids=["no picture", "costly", "deleted"],
)
def test_wrong_input_is_refused(serve, outcomes, content, message, tmp_path):
    app = serve(demo=page(size, inputs="image"))
    before = outcomes("size")
    sent = app.client.post(f"{API}/upload", files={"files": ("a.png", content or b"x")}).json()
    if content is None:
        Path(sent[0]).unlink()
    file = {"path": sent[0], "meta": {"_type": "gradio.FileData"}}
    assert message in str(app.events("size", file))
    assert since(before, outcomes("size")) == {"refused": 1}


def value_of(component, file):
    """Return the value of a component that shows a picture's file."""
    return {
        gr.Image: file,
        gr.ImageEditor: {"background": file, "layers": [], "composite": None},
        gr.ImageSlider: [file, file],
        gr.Gallery: [{"image": file, "caption": None}],
    }[component]


@contextlib.contextmanager
def other_site(folder):
    """Serve a folder's files until the block ends; yield the URL."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.mark.parametrize("component", [gr.Image, gr.ImageEditor, gr.ImageSlider, gr.Gallery])
def test_costly_pictures_are_not_opened(serve, monkeypatch, component, tmp_path):
    """Not even by Gradio, which does so before it calls the function."""
    monkeypatch.setattr(processing_utils, "PUBLIC_HOSTNAME_WHITELIST", ["127.0.0.1"])
    app = serve(demo=page(size, inputs=component()))
    monkeypatch.setattr(PIL.Image, "open", lambda *args, **kwargs: pytest.fail("opened"))
    content = b"\xff\xd8" + b"\xff\xe3\0\2" * 100_000
    sent = app.client.post(f"{API}/upload", files={"files": ("a.jpg", content)}).json()
    file = {"path": sent[0], "meta": {"_type": "gradio.FileData"}}
    encoded = base64.b64encode(content[:100_000]).decode()
    data = {"url": f"data:image/jpeg;base64,{encoded}", "path": None}
    (tmp_path / "a.jpg").write_bytes(content)
    with other_site(tmp_path) as url:
        for given in (file, data, file | {"path": f"{url}/a.jpg"}):
            assert "too many parts" in str(app.events("size", value_of(component, given)))


@pytest.mark.parametrize("component", [gr.Image, gr.ImageEditor, gr.ImageSlider, gr.Gallery])
@pytest.mark.parametrize("name", ["a.png", "a.svg"])  # the latter is not even opened
def test_pictures_that_were_not_uploaded_are_not_opened(serve, tmp_path, component, name):
    read = []

    @guard
    def see(value):
        read.append(value)

    app = serve(demo=page(see, inputs=component(type="filepath")))
    Image.new("RGB", (2, 3)).save(tmp_path / "a.png")
    given = {"path": str(tmp_path / "a.png"), "orig_name": name}
    assert "has expired" in str(app.events("see", value_of(component, given)))
    assert read == []


def test_a_picture_that_the_owner_publishes_is_taken(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(_StaticFiles, "all_paths", [])
    app = serve(demo=page(size, inputs="image"))
    Image.new("RGB", (2, 3)).save(tmp_path / "a.png")
    file = {"path": str(tmp_path / "a.png"), "meta": {"_type": "gradio.FileData"}}
    assert "has expired" in str(app.events("size", file))
    gr.set_static_paths([tmp_path])
    assert app.events("size", file) == [("complete", ["(3, 2, 3)"])]


def test_input_of_another_type_is_refused(serve, outcomes, tmp_path):
    app = serve(demo=page(size, inputs="image"))
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(tmp_path / "a.png")
    sent = app.client.post(
        f"{API}/upload", files={"files": ("a.png", (tmp_path / "a.png").read_bytes())}
    ).json()
    file = {"path": sent[0], "meta": {"_type": "gradio.FileData"}}
    assert app.events("size", file) == [("complete", ["(2, 3, 3)"])]
    assert "error" in app.events("size", {"path": "/etc/passwd"})[0]
    assert "error" in app.events("size", 3)[0]


def with_request():
    def plain(text, request: gr.Request):
        return request.headers["host"]

    async def coroutine(text, request: gr.Request):
        return request.headers["host"]

    def generator(text, request: gr.Request):
        yield request.headers["host"]

    async def async_generator(text, request: gr.Request):
        yield request.headers["host"]

    return [plain, coroutine, generator, async_generator]


def with_progress():
    bar = gr.Progress()

    def plain(text, progress=bar):
        show(progress)
        return text

    async def coroutine(text, progress=bar):
        show(progress)
        return text

    def generator(text, progress=bar):
        show(progress)
        yield text

    async def async_generator(text, progress=bar):
        show(progress)
        yield text

    return [plain, coroutine, generator, async_generator]


def show(progress):
    progress(0.5, "half of it")
    time.sleep(0.25)  # Gradio looks every 0.1 s


def test_request_reaches_every_kind_of_function(serve):
    functions = with_request()
    app = serve(*map(guard, functions))
    for function in functions:
        assert app.events(function.__name__, "x")[-1][1] == ["127.0.0.1"], function


def test_progress_of_every_kind_of_function_is_shown(serve):
    functions = with_progress()
    app = serve(*map(guard, functions))
    for index, function in enumerate(functions):
        app.join(f"s{index}", "x", fn_index=index)
        text = app.client.get(f"{API}/queue/data?session_hash=s{index}").text
        assert "half of it" in text, function


def test_chat_streams_its_reply(serve, outcomes):
    @guard
    def reply(message, history):
        for n in range(3):
            yield message[: n + 1]

    app = serve(demo=gr.ChatInterface(reply))
    response = app.client.post(f"{API}/call/reply", json={"data": ["abc"]})
    assert response.status_code == 200, response.text
    events = app.answer("reply", response.json()["event_id"])
    assert events[-1][0] == "complete"
    assert "abc" in str(events)
    assert outcomes("reply")["ok"] == 1


def test_full_queue_is_refused(serve):
    app = serve(demo=page(hold), QUEUE_SIZE="2")
    codes = []
    for n in range(6):
        codes.append(app.call("hold", str(n)).status_code)
        running.wait(5)
    assert codes[:2] == [200, 200]
    assert codes[-1] == 503


def test_server_sent_events_are_parsed_strictly():
    assert sse("event: complete\ndata: [1]\n\n") == [("complete", [1])]
    with pytest.raises(ValueError, match="NaN"):
        sse("event: complete\ndata: [NaN]\n\n")


def test_an_idle_queue_looks_for_calls_at_leisure(serve, monkeypatch):
    """Gradio's looks a thousand times a second, which is 7 % of a core for nobody."""
    monkeypatch.setattr(gradio_fixes, "AWAKE", 0.5)
    served = serve(answer)
    queue = served.demo._queue
    assert (queue.sleep_when_free, queue.progress_update_sleep_when_free) == (0.02, 0.02)
    for _ in range(2):
        assert served.events("answer", "a")[-1] == ("complete", ["a"])
        assert (queue.sleep_when_free, queue.progress_update_sleep_when_free) == (0.001, 0.01)
        until(lambda: queue.sleep_when_free == 0.02)
