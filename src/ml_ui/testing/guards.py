"""The guards of ml_ui are in force with the version of Gradio that is installed."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from . import served

APP = """
import asyncio, sys, time
import gradio as gr
from ml_ui import gradio_fixes, guard, launch
from ml_ui.serving import uploads

uploads.KEPT = uploads.INTERVAL = 1  # seconds
gradio_fixes.AWAKE = 0.1
gradio_fixes.trusted_hosts().append("127.0.0.1")  # in place of a public site
sleep, naps = asyncio.sleep, []

def nap(*args):
    naps.append(args)
    return sleep(*args)

asyncio.sleep = nap

@guard
def answer(text):
    if text == "exit":
        sys.exit()
    if text == "count":
        time.sleep(0.2)
        before = len(naps)
        time.sleep(1)
        return f"{len(naps) - before} naps"
    time.sleep({"slow": 1, "hang": 600}.get(text, 0))
    return text

text = gr.Textbox(label="Text")  # which the page translates
launch(gr.Interface(answer, text, "text", api_name="predict"), load=lambda: None)
"""
SETTINGS = "PREDICT_TIMEOUT=2 WEB_CONCURRENCY=2 QUEUE_SIZE=3 MAX_UPLOAD_MB=1"
API = "/gradio_api"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the app's log."""
    return tmp_path_factory.mktemp("guards") / "log"


@pytest.fixture(scope="module")
def client(project: Path, log: Path) -> Iterator[httpx.Client]:
    """Return a client of an app whose predictions exit or hang when asked to."""
    settings = dict(pair.split("=") for pair in SETTINGS.split())
    with (
        log.open("w") as file,
        served(["-c", APP], project, settings, file.fileno()) as address,
        httpx.Client(base_url=address, timeout=20) as client,
    ):
        yield client


def call(client: httpx.Client, text: object, **headers: str) -> httpx.Response:
    """Call the function without waiting for the answer."""
    return client.post(f"{API}/call/predict", json={"data": [text]}, headers=headers)


def answer(client: httpx.Client, text: object) -> str:
    """Return the events of a prediction, as the API sends them."""
    event = call(client, text).json()["event_id"]
    return client.get(f"{API}/call/predict/{event}").text


def test_page_and_health(url: str) -> None:
    assert "gradio" in httpx.get(url).text
    assert httpx.get(f"{url}/healthz").status_code == 200
    assert httpx.get(f"{url}/readyz").json()["status"] == "ready"


def test_exit_ends_a_prediction_and_not_the_app(client: httpx.Client) -> None:
    assert "reference" in answer(client, "exit")
    assert "complete" in answer(client, "hello")
    assert client.get("/healthz").status_code == 200


def test_a_prediction_has_a_time_limit(client: httpx.Client) -> None:
    assert "longer than 2 s" in answer(client, "hang")


def test_a_large_body_is_refused(client: httpx.Client) -> None:
    assert call(client, "x" * 2_000_000).status_code == 413


def test_foreign_hosts_and_origins_are_refused(client: httpx.Client) -> None:
    assert call(client, "hello", Host="evil.example").status_code == 400
    assert call(client, "hello", Origin="https://evil.example").status_code == 403


def test_endless_headers_are_cut_off(client: httpx.Client) -> None:
    with socket.create_connection(
        (client.base_url.host, client.base_url.port)
    ) as sender:
        sender.settimeout(5)
        with contextlib.suppress(ConnectionError):
            sender.sendall(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 1_000_000)
            assert not sender.recv(1).startswith(b"H")  # no answer: the end


def test_uploads_are_deleted(client: httpx.Client) -> None:
    sent = client.post(f"{API}/upload", files={"files": ("a.txt", b"hello")})
    upload, deadline = Path(sent.json()[0]), time.monotonic() + 10
    while upload.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not upload.exists()


def test_an_idle_queue_seldom_looks_for_calls(client: httpx.Client) -> None:
    (count,) = re.findall(r"(\d+) naps", answer(client, "count"))
    assert int(count) < 200  # in a second; Gradio's looks a thousand times


class Site(BaseHTTPRequestHandler):
    """A site of a file of 3 MB."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(bytes(3_000_000))


def test_a_large_download_is_given_up(client: httpx.Client) -> None:
    with HTTPServer(("127.0.0.1", 0), Site) as site:
        threading.Thread(target=site.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{site.server_port}/large"
        file = {"path": url, "meta": {"_type": "gradio.FileData"}}
        assert "no file of up to 1 MB" in answer(client, file)


def test_labels_in_the_description_of_the_api_are_texts(client: httpx.Client) -> None:
    (parameter,) = client.get(f"{API}/info").json()["named_endpoints"]["/predict"][
        "parameters"
    ]
    assert parameter["label"] == "Text"


def test_a_long_session_name_is_refused(client: httpx.Client) -> None:
    call = {"data": ["hello"], "fn_index": 0, "session_hash": "x" * 100}
    assert client.post(f"{API}/queue/join", json=call).status_code == 400


def test_a_full_queue_is_refused(client: httpx.Client) -> None:
    codes = [call(client, "slow").status_code for _ in range(8)]
    assert set(codes) == {200, 503}


def test_every_guard_is_in_force(client: httpx.Client, log: Path) -> None:
    # Last: the app checks itself once it serves.
    assert "not in force" not in log.read_text("utf-8", "replace")
