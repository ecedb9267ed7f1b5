"""Graceful shutdown: refuse new calls, finish running ones, exit."""

import time
from collections.abc import Callable
from types import FrameType

from . import process
from .health import Health
from .middleware import Traffic

QUIET = 1.0  # seconds without a request: time to fetch an announced answer
EXIT = 2.0  # seconds for the app's own threads and exit handlers


class Shutdown:
    """Signal handler that drains calls: Gradio's own cuts off every running one.

    Args:
        grace: seconds for running calls.
        health: becomes unready.
        traffic: new calls are refused, answers in progress are waited for.
        pending: returns the number of predictions that run or wait, and of answers
            that are not read yet.
    """

    def __init__(
        self,
        grace: float,
        health: Health,
        traffic: Traffic,
        pending: Callable[[], int],
    ) -> None:
        self._grace = grace
        self._health = health
        self._traffic = traffic
        self._pending = pending

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """Wait for running calls, then interrupt the main thread."""
        if self._health.loading:  # no calls to lose, and loading cannot be stopped
            process.exit_now(128 + signum)
        if not self._traffic.draining:  # the second signal does not wait
            self._traffic.draining = True
            self._health.stop()
            deadline = time.monotonic() + self._grace
            while self._busy() and time.monotonic() < deadline:
                time.sleep(0.05)
        process.exit_soon(0, EXIT)  # even if the exception is caught
        raise KeyboardInterrupt

    def _busy(self) -> bool:
        quiet_for = time.monotonic() - self._traffic.last_response_at
        return bool(self._pending() or self._traffic.in_flight) or quiet_for < QUIET
