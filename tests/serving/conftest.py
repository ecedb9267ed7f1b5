"""Fixtures: settings of an app that is served in this process, and what it counts."""

import contextlib
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from types import SimpleNamespace

import pytest
import uvicorn.config
from prometheus_client import REGISTRY
from running import free_port

from ml_ui.serving import Server, health
from ml_ui.serving.runner import get_runner
from ml_ui.serving.settings import Settings

from .pages import page, serving

RUNNER = sys.modules["ml_ui.serving.runner"]  # the package has a function of this name
ENVIRONMENT = (
    "GRADIO_SERVER_NAME",
    "GRADIO_SERVER_PORT",
    "GRADIO_ROOT_PATH",
    "SPACE_HOST",
    "SPACE_ID",
)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Take every setting out of the environment, and have a new runner for each test."""
    # Half a second each time, of all that the tests have loaded.
    monkeypatch.setattr(health, "gc", SimpleNamespace(collect=lambda: 0, freeze=lambda: None))
    for name in (*ENVIRONMENT, *(field.name.upper() for field in fields(Settings))):
        monkeypatch.delenv(name, raising=False)
    get_runner.cache_clear()
    yield
    get_runner.cache_clear()


@pytest.fixture
def serve(monkeypatch):
    """Return a function that serves functions, or a page, with settings."""
    with contextlib.ExitStack() as stack:

        def start(*functions, demo=None, load=lambda: None, wrap=lambda app: app, **settings):
            for name, value in settings.items():
                monkeypatch.setenv(name, value)
            demo = demo or page(*functions)
            read = Settings.from_environment()
            return stack.enter_context(serving(demo, read, load, wrap))

        yield start


@pytest.fixture(scope="module")
def launched(request):
    """Launch the module's `predict` on a port of this computer; return the server."""
    patch = pytest.MonkeyPatch()
    patch.setitem(uvicorn.config.HTTP_PROTOCOLS, "auto", uvicorn.config.HTTP_PROTOCOLS["auto"])
    demo = page(request.module.predict)
    server = Server(demo, lambda: None, Settings(port=free_port()))
    demo.launch(**server.prepare(), quiet=True)
    yield server
    demo.close(verbose=False)
    patch.undo()


@pytest.fixture
def log(caplog):
    """Return a function that returns the messages that ml_ui has logged, with their fields."""
    caplog.set_level(logging.INFO, "ml_ui")

    def read() -> list[dict]:
        return [
            {"message": r.getMessage(), "level": r.levelname, "error": r.exc_info}
            | getattr(r, "fields", {})
            for r in caplog.records
            if r.name.startswith("ml_ui")
        ]

    return read


@pytest.fixture
def outcomes():
    """Return a function that returns how predictions of a name have ended since its start."""

    def count(name: str) -> dict[str, int]:
        samples = next(m for m in REGISTRY.collect() if m.name == "app_predictions").samples
        return {
            s.labels["outcome"]: int(s.value)
            for s in samples
            if s.name.endswith("_total") and s.labels["name"] == name
        }

    return count


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait until something is so, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)
