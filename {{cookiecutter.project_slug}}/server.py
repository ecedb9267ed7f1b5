"""Serve the app: its address, its health and the share link.

The address comes from the environment: GRADIO_SERVER_NAME (127.0.0.1),
GRADIO_SERVER_PORT or PORT (7860).
"""

import argparse
import contextlib
import ctypes
import logging
import os
import sys
import threading
from collections.abc import Callable

import gradio as gr
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

logger = logging.getLogger(__name__)


class Readiness:
    """Load the model in the background and tell how that goes."""

    def __init__(self, load: Callable[[], object]) -> None:
        self._load = load
        self._state = {"status": "loading"}
        threading.Thread(target=self._run, name="load", daemon=True).start()

    def _run(self) -> None:
        return_freed_memory()
        try:
            self._load()
        except Exception as error:
            logger.exception("The model could not be loaded")
            reason = f"{type(error).__name__}: {error}"
            self._state = {"status": "failed", "reason": reason}
        else:
            self._state = {"status": "ready"}

    def healthz(self, request: Request) -> JSONResponse:
        """Answer 200 while the process lives."""
        return JSONResponse({"status": "ok"})

    def readyz(self, request: Request) -> JSONResponse:
        """Answer 200 once the model is loaded, before that 503, with the reason."""
        state = self._state  # replaced as a whole by the thread that loads
        return JSONResponse(state, 200 if state["status"] == "ready" else 503)


def return_freed_memory() -> None:
    """Have glibc return large blocks when they are freed.

    By default it comes to keep them: twice the weights, once a model is loaded.
    """
    m_mmap_threshold = -3  # of malloc.h
    with contextlib.suppress(AttributeError, OSError, TypeError):  # not glibc
        ctypes.CDLL(None).mallopt(m_mmap_threshold, 128 * 1024)


def port() -> int:
    """Return the port to serve on; a ValueError names a variable that is not one."""
    for name in ("GRADIO_SERVER_PORT", "PORT"):
        if value := os.environ.get(name):
            if not (value.isdecimal() and 0 < int(value) < 65536):
                raise ValueError(f"{name}={value!r} is not a port: use 1 to 65535")
            return int(value)
    return 7860


def launch(demo: gr.Blocks, load: Callable[[], object]) -> None:
    """Serve the demo until it is interrupted; `load` runs in the background."""
    parser = argparse.ArgumentParser(description="Serve the app.")
    parser.add_argument(
        "--share",
        action="store_true",
        help="also give a temporary public link (it lasts a week at best)",
    )
    args = parser.parse_args()
    try:
        server_port = port()
    except ValueError as error:
        sys.exit(f"The app cannot be served: {error}")
    readiness = Readiness(load)
    try:
        demo.launch(
            server_port=server_port,
            share=args.share,
            enable_monitoring=False,
            max_file_size="20mb",
            app_kwargs={
                "routes": [
                    Route("/healthz", readiness.healthz),
                    Route("/readyz", readiness.readyz),
                ]
            },
        )
    except OSError:
        sys.exit(f"Port {server_port} is taken or cannot be had: set PORT to another.")
