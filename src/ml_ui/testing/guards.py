"""The guards of ml_ui are in force with the version of Gradio that is installed."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from . import served

APP = """
import sys, time
import gradio as gr
from ml_ui import guard, launch
from ml_ui.serving import uploads

uploads.KEPT = uploads.INTERVAL = 1  # seconds

@guard
def answer(text):
    if text == "exit":
        sys.exit()
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


def call(client: httpx.Client, text: str, **headers: str) -> httpx.Response:
    """Call the function without waiting for the answer."""
    return client.post(f"{API}/call/predict", json={"data": [text]}, headers=headers)


def answer(client: httpx.Client, text: str) -> str:
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
