"""Liveness and readiness probes, and the loading of the model."""

import contextlib
import gc
import inspect
import threading
import time
from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse

from ..version import version
from . import metrics, process
from .runner import PredictionRunner, log_error, submit


class Health:
    """Probes of an app: live while it can work, and ready once its model is loaded.

    Args:
        load: loads the model; it is called in a thread, or awaited if it is async.
        runner: the workers, which may all hang.
        queue_stopped: returns whether Gradio's queue has ended.

    Attributes:
        model: what `load` has returned.
    """

    def __init__(
        self,
        load: Callable[[], object],
        runner: PredictionRunner,
        queue_stopped: Callable[[], bool],
    ) -> None:
        self._load = load
        self._runner = runner
        self._queue_stopped = queue_stopped
        self.model: object = None
        self._state = {"status": "loading"}
        self._version: dict[str, str] = {}

    def start(self) -> None:
        """Load the model in the background."""
        threading.Thread(target=self._run, name="load", daemon=True).start()

    def _run(self) -> None:
        start = time.monotonic()
        process.return_freed_memory()
        # No file of the project may keep the app from loading its model.
        with contextlib.suppress(OSError, ValueError):
            if digest := version(Path.cwd()):  # reading the weights warms the cache
                self._version = {"version": digest}
        try:
            loaded = self._load()
            if inspect.iscoroutine(loaded):
                loaded = submit(loaded).result()
            self.model = loaded
        except BaseException as error:  # noqa: BLE001, sys.exit ends only this thread
            reference = log_error("Loading the model failed", error)
            # Without its text, which may hold a password or a path.
            self._state = {"status": "failed", "reference": reference}
        else:
            self._state = {"status": "ready"}
            metrics.loaded.set(time.monotonic() - start)
        gc.collect()
        gc.freeze()  # what exists now stays: later collections skip it
        process.reuse_freed_memory()

    @property
    def loading(self) -> bool:
        """Whether the model is still being loaded."""
        return self._state["status"] == "loading"

    def version(self) -> str:
        """Return the version of the project; "" while it is not known."""
        return self._version.get("version", "")

    def stop(self) -> None:
        """Become unready: the app takes no more calls."""
        self._state = {"status": "stopping"}

    async def healthz(self, request: Request) -> JSONResponse:
        """Liveness probe: 200, or 503 if the app has to be restarted."""
        if self._runner.exhausted:
            stuck = self._runner.stuck
            return JSONResponse({"status": "stuck", "predictions": stuck}, 503)
        if self._queue_stopped():
            return JSONResponse({"status": "the queue has ended"}, 503)
        return JSONResponse({"status": "ok"})

    async def readyz(self, request: Request) -> JSONResponse:
        """Readiness probe: 200 while the app can answer, else 503; status, version."""
        state = self._state  # replaced as a whole by the thread that loads
        if state["status"] == "ready" and self._runner.exhausted:
            state = {"status": "stuck"}
        status = 200 if state["status"] == "ready" else 503
        return JSONResponse(state | self._version, status)
