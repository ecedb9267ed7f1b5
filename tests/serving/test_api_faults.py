"""Faults of one-request calls: forms, disks, bodies and answers that cost too much."""

import asyncio
import base64
import errno
import json
import threading
import time
from pathlib import Path

import gradio as gr
import pytest

from ml_ui import guard
from ml_ui.api import routes
from ml_ui.serving import held, uploads

from .conftest import until
from .pages import API, sse

PROBLEM = "application/problem+json"
FORM = {"Content-Type": "multipart/form-data; boundary=limit"}
PART = '--limit\r\nContent-Disposition: form-data; name="text"'
running, go_on = threading.Event(), threading.Event()


@guard
def answer(text):
    return text


@guard
def hold(text):
    running.set()
    go_on.wait(10)
    return text


@guard
def size(file):
    with open(file, "rb") as f:
        return len(f.read())


@guard
def many(text):
    while True:
        yield "x" * 100_000


@pytest.fixture(autouse=True)
def _events():
    running.clear()
    go_on.clear()
    yield
    go_on.set()


def files(function=size):
    return gr.Interface(function, gr.File(type="filepath"), "number", api_name="predict")


def left():
    """Return the files of visitors."""
    return [path for path in uploads.FOLDER.iterdir() if path.name.startswith("upload-")]


def is_problem(response, *statuses) -> bool:
    return response.status_code in statuses and response.headers["content-type"] == PROBLEM


@pytest.mark.parametrize(
    "body",
    [
        "", "{}", "--limit\r\n", "--limit--\r\n", "--other\r\n\r\n", f"{PART}\r\n\r\na",
        "--limit\r\nContent-Disposition: form-data\r\n\r\na\r\n--limit--\r\n",
        f"{PART}\r\n\r\n1\r\n" * 1000 + "--limit--\r\n", "--limit\r\n" + "a: b\r\n" * 1000,
        f"{PART}; filename=x\r\n\r\na\r\n" * 2 + "--limit--\r\n",
    ],
)  # fmt: skip
def test_a_malformed_form(serve, body):
    served = serve(answer)
    assert is_problem(served.client.post("/answer", content=body, headers=FORM), 422)


@pytest.mark.parametrize(
    "boundary", ["", "; boundary=", "; boundary=" + "b" * 9000, "; boundary=\xff"]
)
def test_a_form_without_a_usable_boundary(serve, boundary):
    headers = {"Content-Type": f"multipart/form-data{boundary}".encode("latin-1")}
    sent = serve(answer).client.post("/answer", content=b"x" * 1000, headers=headers)
    assert is_problem(sent, 422)


def test_a_form_of_a_thousand_fields(serve):
    served = serve(answer)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in ("a=1&" * 1000, "text=a&text=b", "=", "text=a&b=", "%"):
        assert is_problem(served.client.post("/answer", content=body, headers=headers), 422), body


# Disk ---------------------------------------------------------------------------------

WAYS = {
    "bytes": lambda content: {
        "content": content, "headers": {"Content-Type": "application/octet-stream"},
    },
    "multipart": lambda content: {"files": {"file": ("a.bin", content)}},
    "json": lambda content: {"json": {"file": base64.b64encode(content).decode()}},
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_disk_that_is_full(serve, way, monkeypatch, log):
    served = serve(demo=files())

    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        response = served.client.post("/predict", **WAYS[way](bytes(2_000_000)))
    assert is_problem(response, 503)
    assert response.headers["retry-after"] == "60"
    assert any(entry["level"] == "ERROR" and entry["error"] for entry in log())
    assert served.client.post("/predict", **WAYS[way](b"abc")).json() == 3
    assert not left()


def test_a_disk_that_is_full_for_a_tool(serve, monkeypatch):
    served = serve(demo=files(), MCP="1")
    arguments = {"file": base64.b64encode(b"abc").decode()}
    params = {"name": "predict", "arguments": arguments}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}

    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        result = served.client.post("/mcp", json=call).json()["result"]
    assert result["isError"]
    assert "No room for uploads" in result["content"][0]["text"]
    assert (
        served.client.post("/mcp", json=call).json()["result"]["structuredContent"]["result"] == 3
    )
    assert not left()


@pytest.mark.parametrize("way", WAYS)
def test_a_file_is_counted_while_it_comes_in_and_deleted_when_refused(serve, way):
    """Half of a body is sent, and nothing more."""
    served = serve(demo=files(), MAX_UPLOAD_MB="1")
    request = served.client.build_request("POST", "/predict", **WAYS[way](bytes(900_000)))
    counted = served.server.files._size
    half = _Half(request)
    task = served.client.portal.start_task_soon(served.app, half.scope, half.receive, half.send)
    if way != "json":  # which is a file once it is complete, and in memory until then
        until(lambda: served.server.files._size - counted > 600_000)
    else:
        until(lambda: held.Held.size > 600_000)
    half.leave.set()
    task.result(10)
    assert served.server.files._size == counted
    assert held.Held.size == 0
    assert not left()


class _Half:
    """A request whose body comes for the most part, until its client leaves."""

    def __init__(self, request):
        self.leave = threading.Event()
        self.status = None
        content = request.read()
        self._parts = [content[at : at + 50_000] for at in range(0, 700_000, 50_000)]
        self.scope = {
            "type": "http", "method": request.method, "path": request.url.path,
            "raw_path": request.url.raw_path, "query_string": b"", "scheme": "http",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "http_version": "1.1", "root_path": "", "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80), "state": {},
        }  # fmt: skip

    async def receive(self):
        if self._parts:
            return {"type": "http.request", "body": self._parts.pop(0), "more_body": True}
        while not self.leave.is_set():
            await asyncio.sleep(0.01)
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.status = message.get("status", self.status)


# Answers that are no JSON -------------------------------------------------------------

ODD = {"surrogate": "\ud800", "large": 2**70, "set": {1}, "bytes": b"x", "complex": 1j}


@guard
def odd(text):
    return ODD[text]


@guard
def odds(text):
    yield ODD[text]


@pytest.mark.parametrize("way", ["json", "list", "stream", "tool"])
@pytest.mark.parametrize("what", ODD)
def test_an_answer_that_is_no_json_is_a_failure_with_a_reference(serve, outcomes, what, way):
    function = odds if way == "stream" else odd
    demo = gr.Interface(function, "text", "number", api_name="predict")
    served, before = serve(demo=demo, MCP="1"), outcomes("predict")
    values = {"text": what}
    if way == "tool":
        params = {"name": "predict", "arguments": values}
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        text = served.client.post("/mcp", json=call).json()["result"]["content"][0]["text"]
    elif way == "stream":
        headers = {"Accept": "text/event-stream"}
        ((event, problem),) = sse(served.client.post("/predict", json=values, headers=headers).text)
        assert (event, problem["status"]) == ("error", 500)
        text = problem["detail"]
    else:
        response = served.client.post("/predict", json=[values] if way == "list" else values)
        assert is_problem(response, 500)
        text = response.json()["detail"]
    assert "not what the page shows (reference" in text
    assert outcomes("predict").get("failed", 0) == before.get("failed", 0) + 1


@pytest.mark.parametrize("text", ["hello", "{}"])
def test_a_chat_answers_with_its_text(serve, text):
    """Its output is JSON, which takes no text, and which Gradio does not convert."""

    @guard
    def say(message, history):
        yield "so far"
        yield message

    served = serve(demo=gr.ChatInterface(say, api_name="predict"))
    assert served.client.post("/predict", json={"message": text}).json() == text


# Memory -------------------------------------------------------------------------------


LONG = "a" * 2_000_000


@pytest.mark.parametrize(
    "sent",
    [
        {"json": {"file": "", "text": LONG}},
        {"json": [{"file": "", "text": LONG}]},
        {"files": {"text": ("a", LONG)}},
        {"content": LONG, "headers": {"Content-Type": "text/plain"}},
    ],
    ids=["json", "list", "file", "bytes"],
)
def test_a_text_beside_a_file_is_as_long_as_any(serve, sent):
    @guard
    def both(text, file=None):
        return len(text)

    served = serve(demo=gr.Interface(both, ["text", gr.File()], "number", api_name="predict"))
    assert is_problem(served.client.post("/predict", **sent), 413)
    encoded = base64.b64encode(bytes(2_000_000)).decode()
    fine = {"json": {"file": encoded, "text": LONG[:900_000]}}
    assert served.client.post("/predict", **fine).json() == 900_000
    assert left() == []


@pytest.mark.parametrize("where", ["id", "_meta", "text"])
def test_a_message_beside_a_file_is_as_long_as_any(serve, where):
    @guard
    def both(text, file=None):
        return len(text)

    demo = gr.Interface(both, ["text", gr.File()], "number", api_name="predict")
    served = serve(demo=demo, MCP="1")
    arguments = {"file": base64.b64encode(bytes(2_000_000)).decode(), "text": "a"}
    message = {"jsonrpc": "2.0", "id": "a", "method": "tools/call"}
    message["params"] = {"name": "predict", "arguments": arguments, "_meta": {}}
    assert served.client.post("/mcp", json=message).json()["result"]["content"]
    {"id": message, "_meta": message["params"]["_meta"], "text": arguments}[where][where] = LONG
    assert is_problem(served.client.post("/mcp", json=message), 413)
    assert left() == []


def test_a_table_of_too_many_cells(serve):
    @guard
    def shape(table):
        return str(table.shape)

    served = serve(demo=gr.Interface(shape, gr.Dataframe(), "text", api_name="predict"))
    for rows, status in (([{f"a{n}": n} for n in range(2000)], 413), ([{"a": 1}] * 2000, 200)):
        response = served.client.post("/predict", json={"table": rows})
        assert response.status_code == status
    assert response.json() == "(2000, 1)"


def test_very_many_mistakes_are_counted(serve):
    @guard
    def shape(table):
        return str(table.shape)

    served = serve(demo=gr.Interface(shape, gr.Dataframe(), "text", api_name="predict"))
    response = served.client.post("/predict", json={"table": [{"a": []}] * 10_000})
    assert is_problem(response, 422)
    assert "values are invalid" in response.json()["detail"]


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/answer", {"json": {"text": "x" * 900_000}}),
        ("/answer", {"data": {"text": "x" * 900_000}}),
        ("/answer", {"files": {"text": (None, "x" * 900_000)}}),
        (f"{API}/call/answer", {"json": {"text": "x" * 900_000}}),
    ],
    ids=["JSON", "form", "multipart", "Gradio"],
)
def test_bodies_in_memory_are_bounded_together(serve, path, sent, monkeypatch):
    """Clients that send most of a megabyte, and nothing more: others are told to retry."""
    served = serve(answer)
    monkeypatch.setattr(held, "MAX_HELD", 1)  # bytes; or two of the largest
    request = served.client.build_request("POST", path, **sent)
    clients = [_Half(request) for _ in range(8)]
    portal = served.client.portal
    tasks = [portal.start_task_soon(served.app, c.scope, c.receive, c.send) for c in clients]
    until(lambda: sum(client.status == 503 for client in clients) > 1)
    assert served.client.post("/answer", json={"text": "small"}).json() == "small"
    for client in clients:
        client.leave.set()
    for task in tasks:
        task.result(10)
    assert held.Held.size == 0
    assert served.client.post("/answer", json={"text": "x" * 900_000}).status_code == 200


def test_answers_of_a_list_are_bounded_together(serve, monkeypatch):
    monkeypatch.setattr(routes, "MAX_ANSWERS", 5000)
    served = serve(answer)
    rows = [{"text": "x" * 1000}] * 4
    assert served.client.post("/answer", json=rows).json() == ["x" * 1000] * 4
    assert is_problem(served.client.post("/answer", json=rows * 2), 413)
    monkeypatch.setattr(held, "MAX_HELD", 1)  # bytes of all calls; or two of the largest
    monkeypatch.setattr(held, "SMALL", 0)
    others = held.Held(1)
    others.add(8000)
    assert is_problem(served.client.post("/answer", json=rows), 503)
    others.release()
    assert served.client.post("/answer", json=rows).status_code == 200
    assert held.Held.size == 0


def test_a_list_has_a_time_limit(serve):
    @guard
    def slow(text):
        time.sleep(0.4)
        return text

    client = serve(slow, STREAM_TIMEOUT="1", WEB_CONCURRENCY="1").client
    assert client.post("/slow", json=[{"text": "a"}]).json() == ["a"]
    ended = client.post("/slow", json=[{"text": "a"}] * 5)
    assert is_problem(ended, 504) and "longer than 1 s in all" in ended.json()["detail"]
    assert client.post("/slow", json={"text": "a"}).json() == "a"


def test_lists_leave_places_to_calls_of_one_row(serve):
    served = serve(hold, answer, QUEUE_SIZE="2", WEB_CONCURRENCY="2")
    rows = [{"text": text} for text in "ab"]

    def post(name, given):
        return served.client.post(f"/{name}", json=given)

    lists = [served.threads.submit(post, "hold", rows) for _ in range(2)]
    until(lambda: served.server.api._lists == 2)
    assert is_problem(post("hold", rows), 503)
    one = served.threads.submit(post, "hold", rows[0])
    go_on.set()
    assert one.result(10).json() == "a"
    assert [each.result(10).json() for each in lists] == [["a", "b"]] * 2


@pytest.mark.parametrize("way", ["predict", "call", "call a path", "list"])
@pytest.mark.parametrize("kind", [gr.File, gr.Image])
def test_a_path_that_is_too_long_is_not_looked_at(serve, monkeypatch, kind, way):
    """Each of its folders would be, in the event loop: a megabyte takes minutes."""
    demo = gr.Interface(size, kind(type="filepath"), "number", api_name="predict")
    served, long = serve(demo=demo), "/a" * 3000
    resolve = Path.resolve

    def checked(self, *args, **kwargs):
        assert len(str(self)) <= uploads.LONGEST_PATH
        return resolve(self, *args, **kwargs)

    monkeypatch.setattr(Path, "resolve", checked)
    name = next(iter(served.server.api.operations["/predict"].parameters)).name
    if way.startswith("call"):
        given = {
            "path": long if way == "call" else "a" + long,
            "meta": {"_type": "gradio.FileData"},
        }
        assert "has expired" in str(served.events("predict", given))
    else:
        sent = {name: f"{API}/file={long * 3}"}
        response = served.client.post("/predict", json=[sent] if way == "list" else sent)
        assert is_problem(response, 422) and "expired" in response.json()["detail"]


def test_a_stream_that_is_not_read_ends(serve, monkeypatch):
    """Its worker is free again."""
    monkeypatch.setattr(routes, "WRITE_TIMEOUT", 0.1)
    served = serve(many, answer, WEB_CONCURRENCY="1")
    request = served.client.build_request(
        "POST", "/many", json={"text": ""}, headers={"Accept": "text/event-stream"}
    )
    reader = _Reader(request)
    task = served.client.portal.start_task_soon(
        served.app, reader.scope, reader.receive, reader.send
    )
    task.result(10)
    assert served.server.api.running == 0
    assert served.client.post("/answer", json={"text": "next"}).json() == "next"


class _Reader(_Half):
    """A client that reads three parts of an answer, and no more."""

    def __init__(self, request):
        super().__init__(request)
        self._parts = [request.read()]
        self._read = 0

    async def receive(self):
        if self._parts:
            return {"type": "http.request", "body": self._parts.pop(0), "more_body": False}
        await asyncio.Event().wait()

    async def send(self, message):
        self._read += 1
        if self._read > 3:
            await asyncio.Event().wait()


# Shutdown -----------------------------------------------------------------------------


def test_a_shutdown_waits_for_a_body_that_comes_in(serve):
    served = serve(answer)
    content = json.dumps({"text": "x" * 900_000}).encode()
    request = served.client.build_request(
        "POST", "/answer", content=content, headers={"Content-Type": "application/json"}
    )
    half = _Half(request)
    task = served.client.portal.start_task_soon(served.app, half.scope, half.receive, half.send)
    until(lambda: served.server._pending() == 1)
    assert served.server.api.running == 0  # it has no place of the queue's
    half.leave.set()
    task.result(10)
    assert served.server._pending() == 0
