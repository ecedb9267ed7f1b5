"""The running app that the tests call."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """Serve the app on a free port of this machine, with its model loaded."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    # A login of yours is not for the tests.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("APP_")}
    environment["GRADIO_SERVER_PORT"] = address.rpartition(":")[2]
    with subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment) as app:
        try:
            wait_until_ready(app, address)
            yield address
        finally:
            app.terminate()


def wait_until_ready(app: subprocess.Popen, address: str, seconds: int = 120) -> None:
    """Return when /readyz answers 200; fail with what it says when it does not."""
    said = "nothing"
    for _ in range(seconds * 5):
        if app.poll() is not None:
            pytest.exit(f"app.py ended with status {app.returncode}", 1)
        try:
            answer = httpx.get(f"{address}/readyz")
        except httpx.TransportError:
            pass
        else:
            said = answer.text
            if answer.status_code == 200:
                return
            if answer.json()["status"] == "failed":
                break
        time.sleep(0.2)
    pytest.exit(f"the app is not ready, /readyz says: {said}", 1)
