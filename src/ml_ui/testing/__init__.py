"""Fixtures for the tests of a project: its running app."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

pytest.register_assert_rewrite("ml_ui.testing.guards")

READY = 120  # seconds until the model has to be loaded


@pytest.fixture(scope="session")
def project(request: pytest.FixtureRequest) -> Path:
    """Return the folder of the project: the one above the tests with an app.py."""
    tests: Path = request.session.items[0].path
    return next(folder for folder in tests.parents if (folder / "app.py").is_file())


@pytest.fixture(scope="session")
def url(project: Path) -> Iterator[str]:
    """Serve the app on a free port of this machine; return its address."""
    with served(["app.py"], project) as address:
        yield address


@contextmanager
def served(
    arguments: Sequence[str],
    project: Path,
    settings: Mapping[str, str] = {},
    log: int | None = None,
) -> Iterator[str]:
    """Run Python with arguments in a project; return the address once it is ready.

    Args:
        arguments: a script, or `-c` and code, that calls `ml_ui.launch`.
        project: the current folder of the process.
        settings: environment variables, added to those that are set but for a login.
        log: a file descriptor for its log, instead of ours.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("APP_")}
    environment |= {**settings, "GRADIO_SERVER_PORT": str(port)}
    command = [sys.executable, *arguments]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, cwd=project, env=environment, stderr=log) as app:
        try:
            _wait_until_ready(app, address)
            yield address
        finally:
            app.terminate()


def _wait_until_ready(app: "subprocess.Popen[bytes]", address: str) -> None:
    """Return when /readyz answers 200; otherwise fail with its last answer.

    What the app wrote, its traceback included, is what pytest captured.
    """
    last = "nothing"
    for _ in range(READY * 5):
        if app.poll() is not None:
            pytest.fail(
                f"the app ended with status {app.returncode}: see its log below",
                pytrace=False,
            )
        try:
            answer = httpx.get(f"{address}/readyz")
        except httpx.TransportError:
            pass
        else:
            last = answer.text
            if answer.status_code == 200:
                return
            if answer.json()["status"] == "failed":
                break
        time.sleep(0.2)
    pytest.fail(f"the app is not ready, /readyz answers {last}: see its log", False)
