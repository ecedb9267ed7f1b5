"""MCP server: tools, both kinds of clients, errors for models, and every limit of other calls."""

import asyncio
import base64
import io
import json
import sys
import threading
import time

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ml_ui import guard
from ml_ui.serving import uploads

from .conftest import until
from .pages import sse, without_spare_apps

MODERN, LEGACY = "2026-07-28", "2025-11-25"
META = "io.modelcontextprotocol/"


@guard
def shout(text: str) -> str:
    """Return a text in capitals.

    Args:
        text: what to write in capitals.
    """
    if text == "refuse":
        raise gr.Error("Write another text.")
    if text == "fail":
        raise ValueError("a secret")
    return text.upper()


@guard
def count(text: str):
    """Count to three."""
    for number in range(1, 4):
        yield str(number)


def post(served, message, **headers):
    return served.client.post("/mcp", json={"jsonrpc": "2.0", **message}, headers=headers)


def rpc(served, method, params=None, **headers):
    """Return the response to a request of a client with a handshake."""
    return post(served, {"id": 1, "method": method, "params": params or {}}, **headers)


def call(served, name="shout", headers=None, **arguments):
    """Return the result of a call."""
    params = {"name": name, "arguments": arguments or {"text": "a"}}
    response = rpc(served, "tools/call", params, **(headers or {}))
    assert response.status_code == 200, response.text
    return response.json()["result"]


def texts(result) -> list[str]:
    return [each["text"] for each in result["content"] if each["type"] == "text"]


def modern(served, method, params=None, meta=None, **headers):
    """Return the response to a request without a handshake."""
    version = {f"{META}protocolVersion": MODERN, f"{META}clientCapabilities": {}}
    given = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
    if method == "tools/call":
        given["Mcp-Name"] = params["name"]
    message = {"id": "a", "method": method}
    params = (params or {}) | {"_meta": version | (meta or {})}
    return post(served, message | {"params": params}, **(given | headers))


# The switch -----------------------------------------------------------------------------


@pytest.mark.parametrize("variables", [{}, {"MCP": "0"}, {"GRADIO_MCP_SERVER": "True"}])
def test_closed_without_the_switch(serve, log, monkeypatch, variables):
    monkeypatch.delitem(sys.modules, "ml_ui.api.mcp", raising=False)
    served = serve(shout, **variables)
    assert rpc(served, "ping").status_code in (404, 405)
    for path in ("mcp", "mcp/", "mcp/schema", "mcp/http", "mcp/sse"):
        for method in ("GET", "POST"):
            response = served.client.request(method, f"/gradio_api/{path}")
            assert response.status_code == 404, path
    assert served.client.get("/config").json()["mcp_server"] is False
    assert "ml_ui.api.mcp" not in sys.modules
    ignored = [each for each in log() if "GRADIO_MCP_SERVER is ignored" in each["message"]]
    assert len(ignored) == ("GRADIO_MCP_SERVER" in variables)


def test_gradio_s_server_stays_closed_with_it(serve):
    served = serve(shout, MCP="1", GRADIO_MCP_SERVER="True")
    assert served.client.get("/gradio_api/mcp/schema").status_code == 404
    assert rpc(served, "ping").json()["result"] == {}


# Tools ----------------------------------------------------------------------------------


@pytest.fixture
def flowers():
    """Return a page with a tool of every kind of field."""

    @guard
    def classify(length: float, colour: str, size: float, note: str = "none") -> dict:
        """Return the species.

        Args:
            length: of the petal, in cm.
        """
        return {"setosa": 0.75, "virginica": 0.25}

    with without_spare_apps(), gr.Blocks(title="Irises") as demo:
        fields = [
            gr.Number(label="Length", minimum=0, maximum=9, value=4.5),
            gr.Dropdown([("Red", "r"), ("Blue", "b")], label="Colour", value="r"),
            gr.Slider(1, 3, label="Size", info="of the leaf, in mm", value=2),
            gr.Textbox(label="Note", max_length=10),
        ]
        shown = gr.Label(label="Species")
        gr.on(None, classify, fields, shown, api_name="predict")
        gr.on(None, shout, gr.Textbox(), gr.Textbox(), api_visibility="private")
    return demo


class Model:
    labels = ("setosa", "virginica")


def test_tool_is_described(serve, flowers):
    served = serve(demo=flowers, load=Model, MCP="1")
    served.server.health._run()
    (tool,) = rpc(served, "tools/list").json()["result"]["tools"]
    assert tool["name"] == "predict"
    assert "Return the species." in tool["description"]
    assert "Irises" in tool["description"]
    assert "setosa, virginica" in tool["description"]
    fields = tool["inputSchema"]["properties"]
    assert fields["length"]["description"] == "of the petal, in cm."
    assert (fields["length"]["minimum"], fields["length"]["maximum"]) == (0, 9)
    assert tool["inputSchema"]["examples"][0]["length"] == 4.5
    assert fields["colour"]["enum"] == ["r", "b"]
    assert fields["colour"]["description"] == "Colour. r: Red, b: Blue"
    assert fields["size"]["description"] == "Size. of the leaf, in mm"
    assert fields["note"]["default"] == "none"
    assert fields["note"]["maxLength"] == 10
    assert tool["inputSchema"]["required"] == ["length", "colour", "size"]
    assert tool["annotations"]["readOnlyHint"] is True
    assert tool["annotations"]["openWorldHint"] is False


def test_answer_is_that_of_the_rest_api(serve, flowers):
    served = serve(demo=flowers, MCP="1")
    row = {"length": 4, "colour": "b", "size": 1}
    result = call(served, "predict", **row)
    answer = served.client.post("/predict", json=row).json()
    assert answer["label"] == "setosa"
    assert result["structuredContent"] == {"result": answer}
    assert json.loads(result["content"][0]["text"]) == {"result": answer}
    assert not result.get("isError")


def files() -> set:
    return {path for path in uploads.FOLDER.rglob("*") if path.is_file()}


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_pictures_go_in_and_out(serve, prefix):
    @guard
    def turn(image: str):
        """Turn a picture."""
        return Image.open(image).rotate(180)

    with without_spare_apps(), gr.Blocks() as demo:
        picture = gr.Image(label="Picture", type="filepath", image_mode=None)
        shown = [gr.Image(format="png")]
        gr.on(None, turn, picture, shown, api_name="turn")
    served = serve(demo=demo, MCP="1")
    file = io.BytesIO()
    Image.fromarray(np.arange(12, dtype="uint8").reshape(3, 4)).save(file, "png")
    before = files()
    result = call(served, "turn", image=prefix + base64.b64encode(file.getvalue()).decode())
    (content,) = result["content"]
    assert (content["type"], content["mimeType"]) == ("image", "image/png")
    found = Image.open(io.BytesIO(base64.b64decode(content["data"]))).convert("L")
    assert np.asarray(found).ravel().tolist() == [*range(11, -1, -1)]
    assert "structuredContent" not in result
    assert files() == before  # what the call needed is deleted


def test_sounds_go_out_beside_a_text(serve):
    @guard
    def say(text: str):
        """Return silence, and its name."""
        return (8000, np.zeros(800, "int16")), "silence"

    with without_spare_apps(), gr.Blocks() as demo:
        gr.on(None, say, gr.Textbox(), [gr.Audio(), gr.Textbox()], api_name="say")
    served = serve(demo=demo, MCP="1")
    result = call(served, "say")
    assert [each["type"] for each in result["content"]] == ["audio", "text"]
    assert result["content"][0]["mimeType"].startswith("audio/")
    assert result["structuredContent"] == {"result": "silence"}


def test_stream_sends_progress_to_whom_asks(serve):
    served = serve(count, MCP="1")
    assert call(served, "count")["structuredContent"] == {"result": "3"}
    params = {"name": "count", "arguments": {"text": ""}, "_meta": {"progressToken": 7}}
    response = rpc(served, "tools/call", params, Accept="application/json, text/event-stream")
    *steps, last = [data for _, data in sse(response.text)]
    assert [step["params"]["message"] for step in steps] == ["1", "2", "3"]
    assert [step["params"]["progress"] for step in steps] == [1, 2, 3]
    assert {step["params"]["progressToken"] for step in steps} == {7}
    assert last["id"] == 1
    assert last["result"]["structuredContent"] == {"result": "3"}


# Errors ---------------------------------------------------------------------------------


def test_mistakes_are_for_the_model(serve, flowers):
    served = serve(demo=flowers, MCP="1")
    result = call(served, "predict", length=10, colour="green", sizes=2)
    assert result["isError"] is True
    (text,) = texts(result)
    assert "length: Input should be less than or equal to 9." in text
    assert "colour: Input should be 'r' or 'b'." in text
    assert "size: Field required." in text
    assert "sizes: Extra inputs are not permitted." in text
    assert "The parameters are length, colour, size, note." in text


def test_refusal_and_failure(serve, log):
    served = serve(shout, MCP="1")
    refused, failed = call(served, text="refuse"), call(served, text="fail")
    assert (refused["isError"], texts(refused)) == (True, ["Write another text."])
    assert failed["isError"] is True
    assert "secret" not in json.dumps(failed)
    (entry,) = [each for each in log() if each["error"]]
    reference = entry["message"].split()[-1]
    assert reference in texts(failed)[0]


def test_mistake_is_in_the_caller_s_language(serve):
    served = serve(shout, MCP="1", RATE_LIMIT="1")
    call(served)
    assert "Anfragen" in texts(call(served, headers={"Accept-Language": "de"}))[0]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, -32700),
        (b"\xff", 400, -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": NaN}', 400, -32700),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', 400, -32600),
        (b'{"id": 1, "method": "ping"}', 400, -32600),
        (b'{"jsonrpc": "2.0", "id": 1}', 400, -32600),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', 400, -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}', 400, -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "x"}', 200, -32601),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call"}', 200, -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}', 200, None),
        (b'{"jsonrpc": "2.0", "method": "notifications/initialized"}', 202, None),
    ],
)
def test_messages_of_json_rpc(serve, body, status, code):
    served = serve(shout, MCP="1")
    headers = {"Content-Type": "application/json"}
    response = served.client.post("/mcp", content=body, headers=headers)
    assert response.status_code == status
    if status != 202:
        assert response.json().get("error", {}).get("code") == code
    else:
        assert response.content == b""


@pytest.mark.parametrize(
    ("message", "headers", "code"),
    [
        ({}, {}, None),
        ({"meta": {f"{META}protocolVersion": "1900-01-01"}}, {}, -32022),
        ({"meta": {f"{META}protocolVersion": None}}, {}, None),  # of a handshake
        ({"meta": {f"{META}clientCapabilities": None}}, {}, None),
        ({}, {"Mcp-Method": "tools/call"}, -32020),
        ({}, {"MCP-Protocol-Version": LEGACY}, -32020),
        ({"method": "x"}, {}, -32601),
    ],
)
def test_requests_without_a_handshake(serve, message, headers, code):
    served = serve(shout, MCP="1")
    response = modern(served, **{"method": "tools/list"} | message, **headers)
    status = {None: 200, -32601: 404}.get(code, 400)
    assert response.status_code == status, response.text
    found = response.json()
    assert found["id"] == "a"
    assert found.get("error", {}).get("code") == code
    if code == -32022:
        assert MODERN in found["error"]["data"]["supported"]


def test_call_without_a_handshake(serve):
    served = serve(shout, MCP="1")
    found = modern(served, "server/discover").json()["result"]
    assert {MODERN, LEGACY} <= {*found["supportedVersions"]}
    assert found["resultType"] == "complete"
    params = {"name": "shout", "arguments": {"text": "a"}}
    for name in ("shout", "=?base64?c2hvdXQ=?="):
        result = modern(served, "tools/call", params, **{"Mcp-Name": name}).json()["result"]
        assert result["structuredContent"] == {"result": "A"}
    response = modern(served, "tools/call", params, **{"Mcp-Name": "count"})
    assert response.json()["error"]["code"] == -32020


@pytest.mark.parametrize(
    ("wanted", "spoken"),
    [("2025-03-26", "2025-03-26"), (LEGACY, LEGACY), (MODERN, LEGACY), ("1.0", LEGACY)],
)
def test_handshake(serve, wanted, spoken):
    served = serve(shout, MCP="1")
    result = rpc(served, "initialize", {"protocolVersion": wanted}).json()["result"]
    assert result["protocolVersion"] == spoken
    assert result["capabilities"] == {"tools": {}}


# Limits ---------------------------------------------------------------------------------


def behind(trusted: str):
    """Return what wraps an app as uvicorn does, behind a proxy of this address."""
    return lambda app: ProxyHeadersMiddleware(app, trusted)


def test_callers_behind_a_proxy_do_not_starve_one_another(serve):
    served = serve(shout, MCP="1", RATE_LIMIT="2", wrap=behind("127.0.0.1"))
    ends = {}
    for _ in range(4):
        for client in ("198.51.100.1", "198.51.100.2"):
            rpc(served, "tools/list", **{"X-Forwarded-For": client})  # takes no token
            result = call(served, headers={"X-Forwarded-For": f"6.6.6.6, {client}"})
            ends.setdefault(client, []).append(result.get("isError", False))
    assert [*ends.values()] == [[False, False, True, True]] * 2


def test_forged_addresses_are_not_believed(serve):
    served = serve(shout, MCP="1", RATE_LIMIT="2", wrap=behind("10.0.0.1"))
    results = [call(served, headers={"X-Forwarded-For": f"6.6.6.{n}"}) for n in range(4)]
    assert [each.get("isError", False) for each in results] == [False, False, True, True]
    assert texts(results[-1])[0].startswith("Rate limit exceeded. Retry in ")


def test_calls_of_both_apis_share_a_bucket(serve):
    served = serve(shout, MCP="1", RATE_LIMIT="2")
    served.client.post("/shout", json={"text": "a"})
    assert [call(served).get("isError", False) for _ in range(2)] == [False, True]
    assert served.client.post("/shout", json={"text": "a"}).status_code == 429


def test_login(serve):
    served = serve(shout, MCP="1", APP_USERNAME="ann", APP_PASSWORD="secret")
    response = rpc(served, "initialize")
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Basic ")
    for password, status in {"wrong": 401, "secret": 200}.items():
        given = base64.b64encode(f"ann:{password}".encode()).decode()
        response = rpc(served, "tools/list", Authorization=f"Basic {given}")
        assert response.status_code == status
    served.client.post("/login", data={"username": "ann", "password": "secret"})
    assert call(served)["structuredContent"] == {"result": "A"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 400),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://good.example"}, 200),
        ({"Content-Type": "text/plain"}, 415),
        ({"X-Forwarded-Host": "evil.example"}, 400),
    ],
)
def test_other_sites_are_refused(serve, headers, status):
    served = serve(shout, MCP="1", ALLOWED_ORIGINS="https://good.example")
    assert rpc(served, "ping", **headers).status_code == status


def test_other_methods_are_refused(serve):
    served = serve(shout, MCP="1")
    for method in ("GET", "PUT", "DELETE"):
        response = served.client.request(method, "/mcp")
        assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_long_body_is_refused(serve):
    served = serve(shout, MCP="1")
    assert rpc(served, "ping", {"x": "a" * 1_000_100}).status_code == 413


def test_full_queue_is_for_the_model(serve):
    release = threading.Event()

    @guard
    def wait(text: str) -> str:
        """Wait."""
        release.wait(20)
        return text

    served = serve(wait, MCP="1", WEB_CONCURRENCY="1", QUEUE_SIZE="1")
    waiting = [served.threads.submit(call, served, "wait") for _ in range(2)]
    until(lambda: served.server.api.running == 2)
    result = call(served, "wait")
    assert (result["isError"], "Queue is full" in texts(result)[0]) == (True, True)
    release.set()
    assert [each.result().get("isError") for each in waiting] == [None, None]


def test_shutdown_waits_for_calls_and_refuses_new_ones(serve):
    release = threading.Event()

    @guard
    def wait(text: str) -> str:
        """Wait."""
        release.wait(20)
        return text

    served = serve(wait, MCP="1")
    waiting = served.threads.submit(call, served, "wait")
    until(lambda: served.server.api.running)
    served.server.traffic.draining = True
    assert served.server._pending()
    response = rpc(served, "ping")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "10"
    release.set()
    assert waiting.result()["structuredContent"] == {"result": "a"}
    until(lambda: not served.server._pending())


def test_waiting_client_that_leaves_frees_its_place(serve, outcomes):
    release = threading.Event()
    called = []

    @guard
    def wait(text: str) -> str:
        """Wait."""
        called.append(text)
        release.wait(20)
        return text

    served = serve(wait, MCP="1", WEB_CONCURRENCY="1", QUEUE_SIZE="1")
    before = outcomes("wait").get("cancelled", 0)
    running = served.threads.submit(call, served, "wait")
    until(lambda: called)
    served.client.portal.call(_leave, served.app)
    assert served.server.api.running == 1
    assert outcomes("wait")["cancelled"] == before + 1
    waiting = served.threads.submit(call, served, "wait", text="next")
    release.set()
    assert running.result()["structuredContent"] == {"result": "a"}
    assert waiting.result()["structuredContent"] == {"result": "next"}
    assert called == ["a", "next"]


async def _leave(app):
    """Call a tool, and disconnect after a moment."""
    params = {"name": "wait", "arguments": {"text": "left"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    body = json.dumps(message).encode()
    received = asyncio.Queue()
    received.put_nowait({"type": "http.request", "body": body, "more_body": False})
    asyncio.get_running_loop().call_later(0.3, received.put_nowait, {"type": "http.disconnect"})
    headers = {"host": "127.0.0.1", "content-type": "application/json"}
    headers["content-length"] = str(len(body))
    scope = {
        "type": "http", "method": "POST", "path": "/mcp", "raw_path": b"/mcp",
        "query_string": b"", "scheme": "http", "http_version": "1.1", "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    sent = []

    async def send(part):
        sent.append(part)

    started = time.monotonic()
    await app(scope, received.get, send)
    assert time.monotonic() - started < 10
    assert not sent


def test_calls_are_counted_and_logged(serve, outcomes, log):
    served = serve(shout, MCP="1")
    before = outcomes("shout")
    call(served)
    call(served, text="fail")
    after = outcomes("shout")
    assert after["ok"] == before.get("ok", 0) + 1
    assert after["failed"] == before.get("failed", 0) + 1
    logged = [each for each in log() if each.get("path") == "/mcp"]
    assert [each["client"] for each in logged] == ["127.0.0.1"] * 2


def test_behind_a_path(serve, monkeypatch):
    monkeypatch.setenv("GRADIO_ROOT_PATH", "/app")
    served = serve(shout, MCP="1")
    client = TestClient(served.app, "http://127.0.0.1", root_path="/app")
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert client.post("/app/mcp", json=message).json()["result"] == {}
