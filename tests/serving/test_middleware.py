"""Middleware: hosts, origins, rate limits, body limits, closed routes, headers, access log."""

import asyncio
from urllib.parse import quote

import gradio as gr
import pytest
from starlette.responses import PlainTextResponse
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ml_ui import guard
from ml_ui.serving import rate_limit, uploads
from ml_ui.serving.middleware import MAX_BODY, GuardMiddleware, Traffic, app_path
from ml_ui.serving.rate_limit import RateLimit
from ml_ui.serving.settings import Settings

from .pages import API, page, serving

JSON = {"Content-Type": "application/json"}
ORIGIN = "https://example.com"


@guard
def predict(text):
    return text


def behind_proxy(app):
    """Return the app as uvicorn wraps it: a proxy on this machine is believed."""
    return ProxyHeadersMiddleware(app, "127.0.0.1")


@pytest.fixture(scope="module")
def app():
    """Serve a page that gives back a text, by default settings."""
    with serving(page(predict), Settings()) as served:
        yield served


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("app.example", 200), ("APP.EXAMPLE.:443", 200), ("a.apps.example:443", 200),
        ("localhost", 200), ("evil.example", 400), ("apps.example.evil", 400),
        ("apps.example", 400), ("xapps.example", 400), ("[::1]:443", 200), ("::1", 400),
        ("evil.example@localhost", 400), ("evil.example;@localhost", 400),
        ("evil.example\\@localhost", 400), ("localhost/", 400), ("localhost:", 400),
        ("localhost:x", 400), ("localhost?", 400), ("localhost#", 400), ("local\thost", 400),
        ("localhost, evil.example", 400), ("", 400),
    ],
)  # fmt: skip
@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host"])
def test_allowed_hosts(middleware, host, status, header):
    send = middleware(ALLOWED_HOSTS="app.example, *.apps.example")
    assert send("GET", "/", **{header: host})[0] == status


@pytest.mark.parametrize("hosts", [[], ["localhost", "localhost"], ["localhost", "evil.example"]])
def test_a_request_has_one_host(middleware, hosts):
    """A proxy might go by the other one."""
    headers = [("Host", host) for host in hosts]
    assert middleware()("GET", "/", headers)[0] == 400
    assert middleware()("GET", "/healthz", headers)[0] == 200


def test_every_forwarded_host_is_checked(middleware):
    send = middleware()
    for others, status in ((["localhost"], 200), (["localhost", "evil.example"], 400)):
        headers = [("Host", "localhost"), *(("X-Forwarded-Host", other) for other in others)]
        assert send("GET", "/", headers)[0] == status
        assert send("GET", "/", **{"X-Forwarded-Host": ", ".join(others)})[0] == status


def test_local_app_has_local_names_only(app):
    assert app.client.get("/", headers={"Host": "evil.example"}).status_code == 400
    assert app.client.get("/", headers={"Host": "127.0.0.1:7860"}).status_code == 200
    assert app.client.get("/healthz", headers={"Host": "10.0.0.1"}).status_code == 200


@pytest.mark.parametrize("hosts", ["", "app.example"])
def test_root_of_the_page_is_not_taken_from_a_gradio_server(serve, hosts):
    app = serve(predict, ALLOWED_HOSTS=hosts)
    sent = {"X-Gradio-Server": "http://evil.example"}
    assert app.client.get("/config", headers=sent).json()["root"] == "http://127.0.0.1"


def test_public_app_without_allowed_hosts_has_any_name(middleware):
    assert middleware(GRADIO_SERVER_NAME="0.0.0.0")("GET", "/", Host="any.example")[0] == 200


@pytest.mark.parametrize("name", ["[", "[::1", "a]b", "x" * 5000, "\u00e9", ""])
def test_malformed_host_and_origin_are_rejected(app, name):
    assert app.client.get("/", headers={"Host": name.encode()}).status_code == 400
    assert app.call("predict", Origin=b"https://" + name.encode()).status_code == 403


def test_allowed_origins(serve):
    app = serve(predict, ALLOWED_ORIGINS=f"{ORIGIN}, https://other.example")
    answer = app.call("predict", Origin=ORIGIN)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Origin" in answer.headers["Vary"]
    preflight = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    for path in ("upload", "call/predict"):
        assert app.client.options(f"{API}/{path}", headers=preflight).status_code == 200
    assert app.call("predict", Origin="http://127.0.0.1").status_code == 200


def test_foreign_origins_are_rejected(serve):
    app = serve(predict, ALLOWED_ORIGINS=ORIGIN)
    for origin in ("https://evil.example", "null", f"{ORIGIN}.evil.example"):
        headers = {"Origin": origin}
        preflight = headers | {"Access-Control-Request-Method": "POST"}
        answer = app.call("predict", **headers)
        assert answer.status_code == 403, origin
        read = app.client.get("/config", headers=headers)
        asked = app.client.options(f"{API}/upload", headers=preflight)
        for response in (answer, read, asked):
            assert "Access-Control-Allow-Origin" not in response.headers, origin
            assert "Access-Control-Allow-Credentials" not in response.headers, origin


def test_a_space_may_have_two_names(middleware):
    send = middleware(SPACE_HOST="user-app.hf.space,app.example.com")
    origins = ("https://user-app.hf.space", "https://app.example.com", "null", "https://")
    answers = [send("POST", API + "/call/predict", Origin=origin)[0] for origin in origins]
    assert answers == [200, 200, 403, 403]


def test_rate_limit_is_per_client(serve):
    app = serve(predict, wrap=behind_proxy, RATE_LIMIT="3")
    answers = [app.call("predict") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 21
    # What is before the proxy's own entry is what the client claims.
    for chains, expected in (
        ([f"198.51.100.{n}, 203.0.113.7" for n in range(5)], [200, 200, 200, 429, 429]),
        (["203.0.113.8"], [200]),
        ([f"2001:db8::{n}" for n in range(5)], [200, 200, 200, 429, 429]),  # one /64 network
        (["::ffff:203.0.113.8"] * 3, [200, 200, 429]),  # an IPv4 client on an IPv6 socket
        (["unknown"], [200]),
    ):
        answers = [app.call("predict", **{"X-Forwarded-For": chain}) for chain in chains]
        assert [answer.status_code for answer in answers] == expected, chains


@pytest.mark.parametrize(
    ("path", "prefix", "inside"),
    [("/p/predict", "/p", "/predict"), ("/predict", "/p", "/predict"), ("/a", "", "/a")],
)
def test_prefix_of_a_path_is_a_folder(path, prefix, inside):
    assert app_path({"path": path, "root_path": prefix}) == inside


def test_rate_limit_is_per_client_of_a_header(serve):
    """Where the proxy names the client in a header of its own."""
    app = serve(predict, wrap=behind_proxy, RATE_LIMIT="2", CLIENT_IP_HEADER="Fly-Client-IP")
    for client in ("203.0.113.7", "203.0.113.8"):
        headers = {"Fly-Client-IP": client, "X-Forwarded-For": f"{client}, 66.241.124.230"}
        answers = [app.call("predict", **headers).status_code for _ in range(3)]
        assert answers == [200, 200, 429]


def test_forged_client_address_is_not_believed(serve):
    app = serve(predict, wrap=lambda app: ProxyHeadersMiddleware(app, "192.0.2.1"), RATE_LIMIT="3")
    forged = [{"X-Forwarded-For": f"203.0.113.{n}"} for n in range(5)]
    answers = [app.call("predict", **header).status_code for header in forged]
    assert answers == [200, 200, 200, 429, 429]


def test_clients_with_a_full_bucket_are_forgotten(monkeypatch):
    monkeypatch.setattr(rate_limit, "REMEMBERED", 100)
    limit = rate_limit.RateLimit(60)
    clock = [0.0]
    monkeypatch.setattr(rate_limit.time, "monotonic", lambda: clock[0])
    for n in range(1000):
        assert not limit.acquire(f"10.0.0.{n}")
        clock[0] += 0.1  # a token comes back in a second
    assert len(limit._full_at) <= 102


def test_uploads_have_a_rate_limit_of_their_own(serve):
    app = serve(predict, RATE_LIMIT="2")
    sent = [app.client.post(f"{API}/upload", files={"files": b"x"}) for _ in range(3)]
    assert [answer.status_code for answer in sent] == [200, 200, 429]
    assert app.call("predict").status_code == 200


def test_login_attempts_are_limited(serve):
    app = serve(predict, APP_USERNAME="ann", APP_PASSWORD="pass")
    answers = [
        app.client.post("/login", data={"username": "ann", "password": guess})
        for guess in "abcdefghij"
    ]
    assert [answer.status_code for answer in answers] == [400] * 6 + [429] * 4
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 11


def test_login_closes_all_but_the_probes(serve):
    app = serve(predict, APP_USERNAME="ann", APP_PASSWORD="pass word", METRICS="1")
    assert app.client.get("/healthz").status_code == 200
    assert app.client.get("/metrics").status_code == 200
    assert app.client.get("/readyz").json() == {"status": "loading"}
    closed = ("/config", f"{API}/info", f"{API}/queue/status", f"{API}/file=x")
    assert {app.client.get(path).status_code for path in closed} == {401}
    assert app.call("predict").status_code == 401
    assert app.client.post(f"{API}/upload", files={"files": b"x"}).status_code == 401
    login = {"username": "ann", "password": "pass word"}
    app.client.base_url = "http://localhost"  # for its cookie
    assert app.client.post("/login", data=login).status_code == 200
    assert app.events("predict", "hello") == [("complete", ["hello"])]


def test_private_and_unknown_functions_are_closed(serve):
    with gr.Blocks() as demo:
        text = gr.Textbox()
        gr.on(None, predict, text, text, api_name="predict")
        gr.on(None, predict, text, text, api_name="hidden", api_visibility="private")
    app = serve(demo=demo)
    for name in ("hidden", "unknown", "v2/hidden", "hidden/"):
        assert app.call(name).status_code == 404, name
    for kind in ("run", "api"):
        answer = app.client.post(f"{API}/{kind}/hidden", json={"data": [""]})
        assert answer.is_client_error
    assert app.client.get("/metrics").status_code == 404
    assert app.call("predict").status_code == 200


@pytest.mark.parametrize("path", ["proxy=http://x", "process_recording", "component_server",
                                  "vibe-edit", "undo-vibe-edit", "dev/reload"])  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_routes_of_gradio_are_closed(middleware, method, path):
    status, body = middleware()(method, f"{API}/{path}")
    assert (status, b"closed" in body) == (404, True)


@pytest.mark.parametrize(
    ("size", "status"), [("1024", 200), ("1025", 404), ("9" * 5000, 404), ("x", 404)]
)
def test_icons_have_a_largest_size(middleware, size, status):
    assert middleware()("GET", f"/pwa_icon/{size}")[0] == status


def test_responses_have_security_headers(app):
    for path in ("/", "/healthz", "/config", "/missing"):
        headers = app.client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert "frame-ancestors 'self';" in headers["Content-Security-Policy"] + ";", path


def test_a_space_s_page_may_be_framed_by_the_hub(serve):
    headers = serve(predict, SPACE_ID="user/app").client.get("/healthz").headers
    assert "frame-ancestors 'self' https://huggingface.co" in headers["Content-Security-Policy"]


def test_log_lines_cannot_be_forged(app, log, capsys):
    forged = '0\n{"message": "forged"}'
    for path in (f"custom_component/{forged}/client/0/0", f"file={forged}", "x\x1b[2J", "x\x85"):
        assert app.client.get(f"{API}/{quote(path)}").status_code == 400
    assert all("forged" not in line["message"] for line in log())
    printed = capsys.readouterr()
    assert "forged" not in printed.out + printed.err


def test_requests_are_logged_without_assets_and_probes(app, log):
    app.call("predict")
    for path in ("/healthz", "/favicon.ico", "/assets/missing.js"):
        app.client.get(path)
    lines = [line for line in log() if line["message"] == "request"]
    assert [line["path"] for line in lines][-2:] == [f"{API}/call/predict", "/assets/missing.js"]
    called, missing = lines[-2:]
    assert (called["method"], called["status"], called["client"]) == ("POST", 200, "127.0.0.1")
    assert 0 < called["seconds"] < 60
    assert missing["status"] == 404
    assert not [line for line in lines if line["path"] in ("/healthz", "/favicon.ico")]


def test_large_bodies_are_rejected(app):
    body = b'{"data": [' + b"{}," * (MAX_BODY // 3) + b"{}]}"
    for path in ("call/predict", "queue/join", "cancel"):
        for content in (body, iter([body[: MAX_BODY // 2], body[MAX_BODY // 2 :]])):
            answer = app.client.post(f"{API}/{path}", content=content)
            assert answer.status_code == 413, path
    assert app.call("predict", "x" * (MAX_BODY - 1000)).status_code == 200


def test_large_uploads_are_rejected(serve):
    app = serve(predict, MAX_UPLOAD_MB="1")
    for size, status in ((900_000, 200), (2_100_000, 413)):
        sent = app.client.post(f"{API}/upload", files={"files": b"x" * size})
        assert sent.status_code == status


def test_session_names_are_short(app):
    assert app.join("x" * 64).status_code == 200
    assert app.join("x" * 65).status_code == 400


@pytest.mark.parametrize("path", ["upload", "upload_progress"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_upload_ids_are_short(app, method, path):
    answer = app.client.request(method, f"{API}/{path}?upload_id={'x' * 65}")
    assert answer.status_code == 404
    assert "Upload not found" in answer.text


def test_an_answer_is_given_once(app):
    path = f"{API}/call/predict/{app.call('predict', 'hello').json()['event_id']}"
    assert "hello" in app.client.get(path).text
    again = app.client.get(path)
    assert again.status_code == 404
    assert "answered" in again.text
    assert app.client.get(f"{API}/queue/data?session_hash=unknown").status_code == 404


def test_malformed_requests_are_client_errors(app, log):
    for body in (b"{", b"[]", b'{"data": 1}', b"\xff", b'{"data": [], "session_hash": {}}'):
        for path in ("call/predict", "queue/join", "cancel", "reset"):
            answer = app.client.post(f"{API}/{path}", content=body, headers=JSON)
            assert answer.status_code in (400, 422), (path, body)
    assert not [line for line in log() if line["level"] == "ERROR"]
    assert app.call("predict").status_code == 200


def test_checks_see_the_path_below_a_root_path(serve):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_ROOT_PATH", "/app")
        app = serve(demo=page(predict), RATE_LIMIT="2", wrap=under("/app"))
        assert app.client.post(f"/app{API}/call/hidden", json={"data": []}).status_code == 404
        assert app.client.get(f"/app{API}/proxy=http://x").status_code == 404
        calls = [app.client.post(f"/app{API}/call/predict", json={"data": [""]}) for _ in "ab"]
        assert [answer.status_code for answer in calls] == [200, 429]


def under(prefix):
    """Return a wrapper that sets the root path, as uvicorn does."""

    def wrap(app):
        async def wrapped(scope, receive, send):
            if scope["type"] == "http":
                scope = scope | {"root_path": prefix}
            await app(scope, receive, send)

        return wrapped

    return wrap


def test_new_calls_are_refused_while_shutting_down(app, monkeypatch):
    monkeypatch.setattr(app.server.traffic, "draining", True)
    refused = app.call("predict")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    assert app.join("s").status_code == 503
    assert app.client.get("/healthz").status_code == 200


def test_probes_do_not_delay_a_shutdown(app):
    app.client.get("/config")
    before = app.server.traffic.last_response_at
    for path in ("/healthz", "/readyz"):
        app.client.get(path)
    assert app.server.traffic.last_response_at == before > 0


def test_an_upload_that_breaks_off_is_no_failure(app, log):
    messages = iter([
        {"type": "http.request", "body": b"--b\r\n", "more_body": True},
        {"type": "http.disconnect"},
    ])  # fmt: skip

    async def receive():
        return next(messages)

    async def send(message):
        pass

    headers = [
        (b"host", b"127.0.0.1"), (b"content-length", b"1000"),
        (b"content-type", b"multipart/form-data; boundary=b"),
    ]  # fmt: skip
    scope = {
        "type": "http", "method": "POST", "path": f"{API}/upload", "query_string": b"",
        "raw_path": b"", "headers": headers, "scheme": "http", "http_version": "1.1",
        "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    app.client.portal.call(app.app, scope, receive, send)
    assert f"{API}/upload" in {line.get("path") for line in log()}
    assert not [line for line in log() if line["level"] == "ERROR"]
    assert app.call("predict").status_code == 200


def test_errors_of_gradio_have_a_reference_and_no_text(serve, log):
    with gr.Blocks() as demo:
        gr.Markdown()
    app = serve(demo=demo)

    async def broken(request):
        raise OSError("a secret of /srv/app")

    app.app.router.add_route("/broken", broken)
    app.app.router.routes.insert(0, app.app.router.routes.pop())
    answer = app.client.get("/broken")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    (line,) = [line for line in log() if line["level"] == "ERROR"]
    assert line["message"].rpartition(" ")[2] in answer.json()["detail"]
    assert "secret" in str(line["error"][1])


@pytest.fixture
def middleware(monkeypatch):
    """Return a function that puts the middleware with settings around an app that answers 200.

    That returns one that sends a request: its status and its body.
    """

    class Everything:
        def has_function(self, name):
            return True

        has_call = has_session = has_function

        def expect_call(self):
            pass

    class NoApi:
        def is_call(self, path):
            return False

        has = is_call

    def build(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        rate = Settings.from_environment().rate_limit
        inner = GuardMiddleware(
            PlainTextResponse("ok"), NoApi(), Settings.from_environment(), Everything(),
            Traffic(), uploads.TemporaryFiles(1), RateLimit(rate), RateLimit(6),
        )  # fmt: skip

        def send(method, path, pairs=None, **headers):
            given = ({"Host": "localhost"} | headers).items() if pairs is None else pairs
            sent = []
            scope = {
                "type": "http", "method": method, "path": path, "query_string": b"",
                "headers": [(k.lower().encode(), v.encode()) for k, v in given],
                "client": ("127.0.0.1", 1), "root_path": "",
            }  # fmt: skip

            async def receive():
                return {"type": "http.request", "body": b""}

            async def collect(message):
                sent.append(message)

            asyncio.run(inner(scope, receive, collect))
            return sent[0]["status"], b"".join(m.get("body", b"") for m in sent)

        return send

    return build
