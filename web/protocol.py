"""HTTP/1.1 protocol of the form: slow readers are cut off, as slow senders are."""

import asyncio
import socket

from .app import serving

STALLED = 20.0  # seconds in which a client has to take some of what is written
MIN_RATE = 1000  # bytes per second of it
SENT_AHEAD = 2**18  # bytes that the system holds for a client


class Protocol(serving("protocol").LimitedProtocol):  # type: ignore[misc]
    """A project's protocol, with a limit of time on what a client has yet to read."""

    _taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        # Paused is: not all is taken. So one chunk of a response is in memory.
        transport.set_write_buffer_limits(0)
        connection = transport.get_extra_info("socket")  # whose own buffer grows to megabytes
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENT_AHEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        self._stop_watching()
        super().resume_writing()

    def _watch(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._taking = self.loop.call_later(STALLED, self._look, left)

    def _look(self, before: int) -> None:
        if before - self.transport.get_write_buffer_size() < MIN_RATE * STALLED:
            self.transport.abort()
        else:
            self._watch()

    def _stop_watching(self) -> None:
        if self._taking:
            self._taking.cancel()
        self._taking = None
