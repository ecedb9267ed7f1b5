"""Stop in order: answer those who were let in, then end."""

import os
import time
from types import FrameType

import gradio as gr

from . import uploads
from .health import Health
from .middleware import Doors
from .runner import Predictions

QUIET = 1.0  # seconds without a request: time to fetch an answer once it is told


class Shutdown:
    """What a signal starts: Gradio's own way cuts off every call that runs."""

    def __init__(
        self, demo: gr.Blocks, gate: Doors, health: Health, predictions: Predictions
    ) -> None:
        self._demo = demo
        self._gate = gate
        self._health = health
        self._predictions = predictions
        self._grace = gate.settings.shutdown_grace

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """Wait for the calls that run, and interrupt the main thread."""
        if self._health.loading:  # nothing to lose, and nothing that can be stopped
            self.end(128 + signum)
        if not self._gate.closed:  # the second signal does not wait
            self._gate.closed = True
            self._health.stop()
            deadline = time.monotonic() + self._grace
            while self._busy() and time.monotonic() < deadline:
                time.sleep(0.05)
        if self._demo.is_running:  # else the server is not up yet
            self._gate.release()
        raise KeyboardInterrupt

    def _busy(self) -> bool:
        waiting = self._predictions.running or len(self._demo._queue) or self._gate.open
        return bool(waiting) or time.monotonic() - self._gate.last < QUIET

    def end(self, status: int) -> None:
        """End now, without the threads that Python would wait for."""
        uploads.delete_all()
        os._exit(status)
