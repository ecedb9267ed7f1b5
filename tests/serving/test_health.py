"""Health: probes, the loading of the model, graceful shutdown, log format."""

import asyncio
import json
import logging
import signal
import sys
import threading
import time

import pytest

from ml_ui import guard
from ml_ui.serving import health, logs, process, shutdown
from ml_ui.serving.health import Health
from ml_ui.serving.middleware import Traffic
from ml_ui.serving.runner import get_runner

from .conftest import until


@guard
def predict(text):
    return text


@pytest.fixture(autouse=True)
def no_freeze(monkeypatch):
    """Leave the garbage collector of the tests as it is."""
    monkeypatch.setattr(health.gc, "freeze", lambda: None)


def test_a_log_is_not_as_long_as_what_was_sent():
    try:
        raise FileNotFoundError("a" * 1_000_000)
    except FileNotFoundError:
        info = sys.exc_info()
    record = logging.LogRecord("a", logging.ERROR, "", 1, "b" * 1_000_000, (), info)
    line = logs.JSONFormatter().format(record)
    assert len(line) < 3 * logs.LONGEST
    assert "Traceback" in line and "characters ..." in line


def test_app_is_ready_once_its_model_is_loaded(serve):
    loaded = threading.Event()
    app = serve(predict, load=lambda: loaded.wait(10))
    assert app.client.get("/readyz").status_code == 503
    app.server.health.start()
    assert app.client.get("/readyz").json() == {"status": "loading"}
    assert app.client.get("/healthz").status_code == 200
    loaded.set()
    until(lambda: app.client.get("/readyz").status_code == 200)
    for path in ("/readyz", "/ready"):  # Cloud Run keeps names in z to itself
        assert app.client.get(path).json() == {"status": "ready"}


def test_app_without_a_version_gets_ready(tmp_path, monkeypatch):
    """An ignore file in another encoding than UTF-8 only costs the version."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text("")
    (tmp_path / ".dockerignore").write_bytes("# Données\n".encode("latin-1"))
    state = Health(lambda: None, get_runner(), lambda: False)
    state._run()
    answer = asyncio.run(state.readyz(None))
    assert (answer.status_code, json.loads(answer.body)) == (200, {"status": "ready"})


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("is_async", [False, True])
def test_error_of_loading_is_logged_and_not_shown(log, error, is_async):
    def load():
        raise error("https://user:secret@host?token=x")

    async def async_load():
        load()

    state = Health(async_load if is_async else load, get_runner(), lambda: False)
    state._run()
    answer = asyncio.run(state.readyz(None))
    body = json.loads(answer.body)
    assert (answer.status_code, body["status"]) == (503, "failed")
    assert body.keys() == {"status", "reference"}
    (line,) = [line for line in log() if line["level"] == "ERROR"]
    assert body["reference"] in line["message"]
    assert "secret" in str(line["error"][1])
    assert not state.loading


def test_async_load_is_awaited():
    steps = []

    async def load():
        await asyncio.sleep(0.05)
        steps.append("loaded")

    state = Health(load, get_runner(), lambda: False)
    state._run()
    assert steps == ["loaded"]
    assert asyncio.run(state.readyz(None)).status_code == 200


def test_app_is_not_live_while_all_workers_hang(serve):
    release = threading.Event()

    @guard
    def hang(text):
        release.wait(10)

    app = serve(hang, WEB_CONCURRENCY="2")
    app.server.health.start()
    until(lambda: app.client.get("/readyz").status_code == 200)
    get_runner().timeout = 0.2
    answers = [app.start("hang")[1] for _ in range(2)]
    assert all("longer than 0.2 s" in str(answer.result(10)) for answer in answers)
    probe = app.client.get("/healthz")
    assert (probe.status_code, probe.json()) == (503, {"status": "stuck", "predictions": 2})
    assert app.client.get("/readyz").status_code == 503
    release.set()
    until(lambda: app.client.get("/healthz").status_code == 200)
    assert app.client.get("/readyz").status_code == 200


def test_app_is_not_live_once_its_queue_has_ended(serve):
    app = serve(predict)
    app.demo._queue.stopped = True
    assert app.client.get("/healthz").status_code == 503


class Stopping:
    """A shutdown whose predictions end when it is asked for the third time."""

    def __init__(self, monkeypatch, grace=8, pending=(1, 1, 0)):
        monkeypatch.setattr(shutdown, "QUIET", 0.05)
        self.pending = list(pending)
        monkeypatch.setattr(process, "exit_now", self.exit_now)
        monkeypatch.setattr(process, "exit_soon", lambda status, seconds: None)
        self.health = Health(lambda: None, get_runner(), lambda: False)
        self.traffic = Traffic()
        self.handler = shutdown.Shutdown(grace, self.health, self.traffic, self.next)

    def exit_now(self, status):
        raise SystemExit(status)

    def next(self):
        return self.pending.pop(0) if len(self.pending) > 1 else self.pending[0]


def test_shutdown_waits_for_calls(monkeypatch):
    stopping = Stopping(monkeypatch)
    stopping.health._run()
    with pytest.raises(KeyboardInterrupt):
        stopping.handler(signal.SIGTERM, None)
    assert stopping.pending == [0]
    assert stopping.traffic.draining
    assert asyncio.run(stopping.health.readyz(None)).status_code == 503


def test_shutdown_ends_after_its_grace(monkeypatch):
    stopping = Stopping(monkeypatch, grace=0.2, pending=[1])
    stopping.health._run()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        stopping.handler(signal.SIGTERM, None)
    assert 0.2 <= time.monotonic() - start < 5
    with pytest.raises(KeyboardInterrupt):  # the second signal does not wait
        stopping.handler(signal.SIGTERM, None)


def test_shutdown_while_loading_is_immediate(monkeypatch):
    stopping = Stopping(monkeypatch)
    with pytest.raises(SystemExit) as raised:
        stopping.handler(signal.SIGTERM, None)
    assert raised.value.code == 128 + signal.SIGTERM


def test_log_line_is_json():
    try:
        raise ValueError('two\n"lines"')
    except ValueError as error:
        record = logging.LogRecord(
            "ml_ui", logging.ERROR, "", 1, "It %s", ("failed",), (ValueError, error, None)
        )
    record.fields = {"path": "/a\nb", "status": 500}
    line = logs.JSONFormatter().format(record)
    assert "\n" not in line
    read = json.loads(line)
    assert (read["level"], read["message"], read["path"]) == ("error", "It failed", "/a\nb")
    assert read["time"].endswith("+00:00")
    assert "two" in read["trace"]
