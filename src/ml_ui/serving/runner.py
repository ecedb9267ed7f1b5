"""Run predictions so that none can take the app with it."""

import asyncio
import functools
import inspect
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

import anyio
import gradio as gr
from PIL import Image

from . import metrics, uploads

logger = logging.getLogger(__name__)

RESTART_AFTER = 30  # seconds: time for a health check to see why
# What a visitor can do something about, found before the app's own function is asked.
MISTAKES = {
    FileNotFoundError: "The file has been deleted meanwhile: choose it again.",
    Image.UnidentifiedImageError: "This is not a picture that can be read.",
    Image.DecompressionBombError: "This picture is too large.",
}


class Failure(gr.Error):
    """What the app could not do; other errors are the visitor's mistakes."""


class Predictions:
    """The workers: how many there are, how many run, how many hang.

    A prediction that outlasts its time cannot be killed, since it is a thread; its
    caller is told, its worker is replaced, and it counts as stuck until it returns.
    """

    def __init__(self, workers: int, timeout: float) -> None:
        self.timeout = timeout
        self._limit = max(2, workers)
        self._slots = asyncio.Semaphore(workers)
        # Of their own: Gradio needs the threads that all share, for files and logins.
        self._threads = anyio.CapacityLimiter(2 * workers + 2)
        self._lock = threading.Lock()
        self._running: set[object] = set()
        self._stuck: set[object] = set()

    @property
    def running(self) -> int:
        """How many predictions run or hang."""
        return len(self._running)

    @property
    def stuck(self) -> int:
        """How many predictions hang."""
        return len(self._stuck)

    @property
    def exhausted(self) -> bool:
        """Whether so many hang that only a new process helps."""
        return self.stuck >= self._limit

    def guard(self, demo: gr.Blocks) -> None:
        """Have all of the page's functions run here."""
        for event in demo.fns.values():
            if event.fn and not _runs_in_the_loop(event.fn):
                event.fn = self._guarded(event.fn)
        demo.process_api = self._answered(demo, demo.process_api)

    def _guarded(self, function: Callable) -> Callable:
        """Return a coroutine function that runs a function in a thread, for a time."""

        @functools.wraps(function)
        async def call(*values: Any) -> Any:
            if self.exhausted:
                raise Failure("The app has to restart. Try again in a minute.")
            await self._slots.acquire()
            # Shielded: who cancels a call that runs must not get its worker twice.
            return await asyncio.shield(asyncio.ensure_future(run(values)))

        async def run(values: tuple) -> Any:
            job = object()
            try:
                with anyio.move_on_after(self.timeout):
                    return await anyio.to_thread.run_sync(
                        functools.partial(self._run, job, function, values),
                        abandon_on_cancel=True,
                        limiter=self._threads,
                    )
            finally:
                self._slots.release()
            with self._lock:
                self._stuck |= {job} & self._running
            logger.error("A prediction did not end within %s s", self.timeout)
            if self.exhausted:
                asyncio.get_running_loop().call_later(RESTART_AFTER, self._give_up)
            raise Failure(f"This took longer than {self.timeout} s, and was given up.")

        return call

    def _give_up(self) -> None:
        """End the process, which every platform starts again, if it is of no use."""
        if self.exhausted:
            logger.critical("All workers hang: the app ends, to be started again")
            uploads.delete_all()
            os._exit(1)

    def _run(self, job: object, function: Callable, values: tuple) -> Any:
        self._running.add(job)
        try:
            return function(*values)
        except gr.Error:  # for the visitor
            raise
        except BaseException as error:  # sys.exit would end the event loop
            raise failed("The prediction failed", error) from error
        finally:
            with self._lock:
                self._running.discard(job)
                self._stuck.discard(job)

    def _answered(self, demo: gr.Blocks, process: Callable) -> Callable:
        """Return a coroutine function that answers a call, and counts how it went."""

        @functools.wraps(process)
        async def answer(block_fn: Any, *args: Any, **kwargs: Any) -> dict:
            start = time.monotonic()
            outcome = "failed"
            try:
                output = await process(block_fn, *args, **kwargs)
                outcome = "ok"
            except gr.Error as error:
                outcome = "failed" if isinstance(error, Failure) else "refused"
                error.print_exception = False  # the log has what it needs
                raise
            except Exception as error:
                outcome = "refused"
                if mistake := MISTAKES.get(type(error.__cause__)):
                    raise gr.Error(mistake, print_exception=False) from None
                raise failed("The input is not what the app takes", error) from error
            else:
                return output
            finally:
                name = getattr(block_fn, "api_name", None)
                if name:
                    event = demo._queue.event_ids_to_events.get(kwargs.get("event_id"))
                    wait = start - event.enqueue_time if event else 0.0
                    metrics.prediction(name, outcome, wait, time.monotonic() - start)

        return answer


def failed(what: str, error: BaseException) -> Failure:
    """Log an error under a reference, and return what its caller may know of it."""
    reference = secrets.token_hex(4)
    logger.error("%s, reference %s", what, reference, exc_info=error)
    return Failure(f"{what} (reference {reference}).", print_exception=False)


def _runs_in_the_loop(function: Callable) -> bool:
    """Tell a coroutine or a generator, which is not one call in one thread."""
    return any(
        test(function)
        for test in (
            inspect.iscoroutinefunction,
            inspect.isgeneratorfunction,
            inspect.isasyncgenfunction,
        )
    )
