"""Processes for visitors' jobs: few at a time, each with a limit of time."""

import asyncio
import json
import multiprocessing
import os
import signal
import threading
import time
from contextlib import suppress
from typing import Any

from . import work

AT_ONCE = max(2, os.cpu_count() or 2)  # a generation takes a second of one core
WAITING = 8 * AT_ONCE  # the next one gets 503: it would wait longer than people do
SECONDS = 30.0  # of a job


class Busy(Exception):
    """Too many jobs wait."""


class Failed(Exception):
    """A job ended without a result."""


class Processes:
    """Runs jobs, each in a process forked from one that has imported the template."""

    def __init__(
        self, at_once: int = AT_ONCE, waiting: int = WAITING, seconds: float = SECONDS
    ) -> None:
        self._slots, self._room = asyncio.Semaphore(at_once), at_once + waiting
        self._seconds = seconds
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([work.__name__])

    async def run(self, job: work.Job) -> dict[str, Any]:
        """Return the result of a job; end its process when this is cancelled.

        Raises:
            Busy: too many wait.
            Failed: it took too long, or too much memory.
        """
        if not self._room:
            raise Busy
        self._room -= 1
        try:
            async with self._slots:
                stopped = threading.Event()
                thread = asyncio.create_task(asyncio.to_thread(self._run, job, stopped))
                try:
                    return await asyncio.shield(thread)
                finally:
                    stopped.set()
                    await asyncio.gather(thread, return_exceptions=True)
        finally:
            self._room += 1

    def _run(self, job: work.Job, stopped: threading.Event) -> dict[str, Any]:
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(target=work.run, args=(job, sender), daemon=True)
        process.start()
        sender.close()
        try:
            deadline = time.monotonic() + self._seconds
            while not receiver.poll(min(0.05, self._seconds)):
                if stopped.is_set() or time.monotonic() > deadline:
                    raise Failed
            return json.loads(receiver.recv_bytes())
        except EOFError:
            raise Failed from None
        finally:
            receiver.close()
            if process.is_alive():
                with suppress(ProcessLookupError):  # it has no group yet
                    os.killpg(process.pid, signal.SIGKILL)  # with the hook
                process.kill()
            process.join()
            process.close()
