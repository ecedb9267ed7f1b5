"""The guards of ml_ui are in force with the version of Gradio that is installed."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from conftest import ROOT, wait_until_ready

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

launch(gr.Interface(answer, "text", "text", api_name="predict"), load=lambda: None)
"""
SETTINGS = "PREDICT_TIMEOUT=2 WEB_CONCURRENCY=2 QUEUE_SIZE=3 MAX_UPLOAD_MB=1"
API = "/gradio_api"


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("guards") / "log"


@pytest.fixture(scope="module")
def client(log):
    """Return a client of an app whose predictions exit or hang when asked to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("APP_")}
    environment |= dict(pair.split("=") for pair in SETTINGS.split())
    environment |= {"GRADIO_SERVER_PORT": str(port)}
    command = [sys.executable, "-c", APP]
    with (
        log.open("w") as file,
        subprocess.Popen(command, cwd=ROOT, env=environment, stderr=file) as app,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client,
    ):
        try:
            wait_until_ready(app, str(client.base_url).rstrip("/"))
            yield client
        finally:
            app.terminate()


def call(client, text, **headers):
    return client.post(f"{API}/call/predict", json={"data": [text]}, headers=headers)


def answer(client, text):
    """Return the events of a prediction, as the API sends them."""
    event = call(client, text).json()["event_id"]
    return client.get(f"{API}/call/predict/{event}").text


def test_every_guard_is_in_force(client, log):
    assert "not in force" not in log.read_text("utf-8", "replace")


def test_exit_ends_a_prediction_and_not_the_app(client):
    assert "reference" in answer(client, "exit")
    assert "complete" in answer(client, "hello")
    assert client.get("/healthz").status_code == 200


def test_a_prediction_has_a_time_limit(client):
    assert "longer than 2 s" in answer(client, "hang")


def test_a_large_body_is_refused(client):
    assert call(client, "x" * 2_000_000).status_code == 413


def test_foreign_hosts_and_origins_are_refused(client):
    assert call(client, "hello", Host="evil.example").status_code == 400
    assert call(client, "hello", Origin="https://evil.example").status_code == 403


def test_endless_headers_are_cut_off(client):
    with socket.create_connection((client.base_url.host, client.base_url.port)) as sender:
        sender.settimeout(5)
        with contextlib.suppress(ConnectionError):
            sender.sendall(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 1_000_000)
            assert not sender.recv(1).startswith(b"H")  # no answer: the end


def test_uploads_are_deleted(client):
    sent = client.post(f"{API}/upload", files={"files": ("a.txt", b"hello")})
    upload, deadline = Path(sent.json()[0]), time.monotonic() + 10
    while upload.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not upload.exists()


def test_a_long_session_name_is_refused(client):
    call = {"data": ["hello"], "fn_index": 0, "session_hash": "x" * 100}
    assert client.post(f"{API}/queue/join", json=call).status_code == 400


def test_a_full_queue_is_refused(client):
    codes = [call(client, "slow").status_code for _ in range(8)]
    assert set(codes) == {200, 503}
