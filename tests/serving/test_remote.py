"""The client of a cluster, against real servers that answer, fail, hang and die."""

import http.server
import io
import threading
import time
from contextlib import contextmanager

import gradio as gr
import numpy as np
import pytest

from ml_ui import guard, remote, wire
from ml_ui.remote import Remote, RemoteError
from ml_ui.serving.runner import Failure, TimeLimit

VALUES = [
    [],
    ["a text\nof two lines"],
    [1, 2.5, None, True, "red"],
    {"cat": 0.25, "dog": 0.75},
    np.arange(24, dtype=np.uint8).reshape(2, 4, 3),
    [np.zeros((0, 3), np.float32), "with a text", np.array([["é", "long"]])],
    {"nested": [np.array(3), {"in": np.array([True, False])}]},
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    {wire.ARRAY: 0.5},
]


def same(one, other):
    """Return whether two values are equal, and their arrays of one dtype."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and (one == other).all()
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("value", VALUES, ids=lambda value: str(value)[:20])
def test_value_there_and_back(value):
    assert same(value, wire.decode(wire.encode(value)))


def test_not_a_number_and_numpy_scalars():
    back = wire.decode(wire.encode([np.float32(0.5), np.int64(3), float("nan"), np.bool_(True)]))
    assert back[:2] == [0.5, 3] and np.isnan(back[2]) and back[3] is True


@pytest.mark.parametrize("value", [{1, 2}, object(), b"bytes"])
def test_value_without_a_form_is_refused(value):
    with pytest.raises(TypeError, match=f"a {type(value).__name__} cannot be sent"):
        wire.encode([value])


def test_pickle_is_refused_both_ways():
    with pytest.raises(ValueError, match="allow_pickle=False"):
        wire.encode(np.array([object()]))
    pickled = io.BytesIO()
    np.save(pickled, np.array([{"evil": 1}], object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        wire.decode(b'{"__npy__": 0}\n' + pickled.getvalue())


def header_of(shape: tuple[int, ...]) -> bytes:
    """Return the NPY header of an array of this shape, without the array."""
    body = io.BytesIO()
    facts = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(body, facts)
    return body.getvalue()


DAMAGED = {
    "empty": b"",
    "text": b"no JSON",
    "rest": b"1\nrest",
    "cut off": wire.encode(VALUES[4])[:-1],
    "deep": b"[" * 100_000 + b"\n",
    "a petabyte": b'{"__npy__": 0}\n' + header_of((1 << 47,)),
    "more than a size": b'{"__npy__": 0}\n' + header_of((1 << 62, 1 << 62)),
}


@pytest.mark.parametrize("body", DAMAGED.values(), ids=DAMAGED)
def test_damaged_body_is_refused(body):
    with pytest.raises(ValueError):
        wire.decode(body)


@contextmanager
def server(*steps):
    """Serve a list of steps, one a request; the last again and again. Return URL and calls."""
    calls = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            calls.append((self.command, body))
            steps[min(len(calls), len(steps)) - 1](self)

        do_GET = do_POST = handle_one

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, args=[0.01], daemon=True).start()
        try:
            yield f"http://127.0.0.1:{httpd.server_port}/", calls
        finally:
            httpd.shutdown()


def answer(value, status=200, kind=wire.TYPE, **headers):
    """Return a step that answers."""

    def step(handler):
        body = wire.encode(value)
        handler.send_response(status)
        headers_ = {"content-type": kind, "content-length": str(len(body)), **headers}
        for name, text in headers_.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.end_headers()
        handler.wfile.write(body)

    return step


def die(handler):
    """End the connection before an answer, as the end of a node does."""
    handler.close_connection = True


def die_midway(handler):
    """End it in the middle of the answer."""
    handler.send_response(200)
    handler.send_header("content-type", wire.TYPE)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b"[1, 2")
    handler.close_connection = True


def hang(handler):
    time.sleep(3)
    die(handler)


lost = answer("Internal Server Error", 500, "text/plain")  # Serve's, for a replica that ended
absent = answer("No replica", 503, "text/plain")


def test_prediction():
    with server(answer({"cat": 0.5})) as (url, calls):
        assert Remote(url).predict(np.zeros((1, 1, 3), np.uint8), "text") == {"cat": 0.5}
    ((method, body),) = calls
    assert method == "POST"
    assert same(wire.decode(body), [np.zeros((1, 1, 3), np.uint8), "text"])


@pytest.mark.parametrize("first", [die, die_midway, lost, absent])
def test_what_is_lost_is_sent_again(first):
    with server(first, first, answer("there")) as (url, calls):
        assert Remote(url).predict("x") == "there"
    assert [body for _, body in calls] == [wire.encode(["x"])] * 3


def test_a_call_waits_for_a_replica():
    """Longer than it is sent again after it was lost."""
    with server(*[absent] * 5, answer("there")) as (url, calls):
        assert Remote(url).predict("x") == "there"
    assert len(calls) == 6


@pytest.mark.parametrize("step", [die, lost])
def test_an_input_that_ends_replicas_is_given_up(step):
    with server(step) as (url, calls):
        with pytest.raises(RemoteError, match=f"lost {remote.LOST} times"):
            Remote(url).predict("x")
        assert len(calls) == remote.LOST


def test_full_queue_is_told_at_once():
    with server(answer("dropped", 503, "text/plain", retry_after="5")) as (url, calls):
        with pytest.raises(Failure, match="The model is busy. Try again in a minute."):
            Remote(url).predict("x")
        assert len(calls) == 1


@pytest.mark.parametrize("step", [hang, absent])
def test_time_limit(step, monkeypatch):
    monkeypatch.setenv("PREDICT_TIMEOUT", "1")
    start = time.monotonic()
    with server(step) as (url, _):
        with pytest.raises(TimeLimit, match="longer than 1 s"):
            Remote(url).predict("x")
        assert time.monotonic() - start < 2.5


def test_nobody_listens(monkeypatch):
    monkeypatch.setenv("PREDICT_TIMEOUT", "1")
    with server(answer("")) as (url, _):
        pass
    with pytest.raises(TimeLimit):
        Remote(url).predict("x")


def test_error_of_the_model():
    facts = {"type": "ValueError", "message": "3 labels", "trace": "Trace", "for_visitor": False}
    with server(answer(facts, 500), answer(facts | {"for_visitor": True}, 500)) as (url, calls):
        with pytest.raises(RemoteError, match="^ValueError: 3 labels") as found:
            Remote(url).predict("x")
        assert found.value.__notes__ == ["Trace"]
        with pytest.raises(gr.Error, match="3 labels"):
            Remote(url).predict("x")
    assert len(calls) == 2, "it is not sent again"


def test_load_waits_until_a_replica_answers(log, monkeypatch):
    monkeypatch.setattr(remote, "RETRY", 0.01)
    steps = [die, absent, answer("a page", 404, "text/html"), answer("ready")]
    with server(*steps) as (url, calls):
        Remote(url).load()
    assert [method for method, _ in calls] == ["GET"] * 4
    assert len([line for line in map(str, log()) if "Waiting for the model" in line]) == 1


def test_page_shows_that_the_cluster_is_full(serve):
    with server(answer("dropped", 503, "text/plain", retry_after="5")) as (url, _):
        cluster = Remote(url)

        @guard
        def predict(text: str) -> str:
            return cluster.predict(text)

        app = serve(predict)
        event_id = app.call("predict", "x", **{"Accept-Language": "de"}).json()["event_id"]
        ((event, data),) = app.answer("predict", event_id)
    assert (event, data["error"].split(".")[0]) == ("error", "Das Modell ist ausgelastet")


def test_page_is_ready_once_a_replica_answers(serve, monkeypatch):
    """However late the cluster comes."""
    monkeypatch.setattr(remote, "RETRY", 0.01)
    up = threading.Event()

    def starting(handler):
        (answer("ready") if up.is_set() else absent)(handler)

    with server(starting) as (url, calls):
        app = serve(load=Remote(url).load)
        app.server.health.start()
        while len(calls) < 3:
            time.sleep(0.01)
        assert app.client.get("/readyz").json() == {"status": "loading"}
        up.set()
        while app.client.get("/readyz").json() == {"status": "loading"}:
            time.sleep(0.01)
        assert app.client.get("/readyz").status_code == 200
