"""Load the model, and tell whether the app lives and is ready."""

import contextlib
import ctypes
import gc
import logging
import threading
import time
from collections.abc import Callable

import gradio as gr
from starlette.requests import Request
from starlette.responses import JSONResponse

from . import metrics
from .runner import Predictions

logger = logging.getLogger(__name__)


class Health:
    """Load the model in the background, and answer those who ask how it goes."""

    def __init__(
        self, demo: gr.Blocks, load: Callable[[], object], predictions: Predictions
    ) -> None:
        self._demo = demo
        self._load = load
        self._predictions = predictions
        self._state = {"status": "loading"}
        threading.Thread(target=self._run, name="load", daemon=True).start()

    def _run(self) -> None:
        start = time.monotonic()
        return_freed_memory()
        try:
            self._load()
        except BaseException as error:  # sys.exit would end only this thread
            logger.error("The model could not be loaded", exc_info=error)
            reason = f"{type(error).__name__}: {error}"
            self._state = {"status": "failed", "reason": reason}
        else:
            self._state = {"status": "ready"}
            metrics.loaded.set(time.monotonic() - start)
        reuse_freed_memory()
        gc.collect()
        gc.freeze()  # what is there now stays: no collection looks through it again

    @property
    def loading(self) -> bool:
        """Whether the model is not there yet."""
        return self._state["status"] == "loading"

    def stop(self) -> None:
        """Be ready for no more calls."""
        self._state = {"status": "stopping"}

    async def healthz(self, request: Request) -> JSONResponse:
        """Answer 200 while the app can work; 503 once it has to be restarted."""
        if self._predictions.exhausted:
            stuck = self._predictions.stuck
            return JSONResponse({"status": "stuck", "predictions": stuck}, 503)
        if self._demo._queue.stopped:
            return JSONResponse({"status": "the queue has ended"}, 503)
        return JSONResponse({"status": "ok"})

    async def readyz(self, request: Request) -> JSONResponse:
        """Answer 200 once the model is loaded, before that 503, with the reason."""
        state = self._state  # replaced as a whole by the thread that loads
        return JSONResponse(state, 200 if state["status"] == "ready" else 503)


def return_freed_memory() -> None:
    """Have glibc return large blocks when they are freed.

    By default it comes to keep them: twice the weights, once a model is loaded.
    """
    _set_malloc(mmap_threshold=128 * 1024)


def reuse_freed_memory() -> None:
    """Have glibc keep what a request needs for the next.

    A picture's arrays, taken from the kernel each time, cost more than the picture; an
    arena for each thread would keep them as often as there are threads.
    """
    _set_malloc(mmap_threshold=8 << 20, trim_threshold=16 << 20, arena_max=2)


def _set_malloc(**options: int) -> None:
    numbers = {"trim_threshold": -1, "mmap_threshold": -3, "arena_max": -8}  # malloc.h
    with contextlib.suppress(AttributeError, OSError, TypeError):  # not glibc
        for name, value in options.items():
            ctypes.CDLL(None).mallopt(numbers[name], value)
