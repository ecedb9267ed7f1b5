"""HTTP/1.1 protocol with limits on headers, slow clients and open connections."""

import asyncio
from collections.abc import Callable
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADER_BYTES = 64 * 1024  # of the headers, and of the trailers after a body
READ_TIMEOUT = 20  # seconds for the headers, and between two parts of a body
MIN_BODY_RATE = 1000  # bytes per second of a body, on average after READ_TIMEOUT
SHARE = 0.8  # of the files that may be open: the rest is for the app


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol with what it lacks: limits of headers and reading.

    Protection against slow clients (slowloris). At the limit of connections, a new one
    replaces the one that has been without a request for longest. Answers that clients
    do not read are in memory: at the limit, the oldest of them is given up.
    """

    max_connections: ClassVar[int] = 50_000
    max_unread: ClassVar[int] = 64_000_000  # bytes of all answers
    return_memory: ClassVar[Callable[[], None]] = lambda: None  # that is free now
    unread: ClassVar[dict["LimitedProtocol", None]] = {}  # clients, the oldest first
    _open: ClassVar[dict["LimitedProtocol", None]] = {}  # all, the oldest first
    _idle: ClassVar[dict["LimitedProtocol", None]] = {}  # without a complete request

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: float | None = None  # for the client, by the loop's time
        self._messages = 0
        self._reset_counts()
        if len(self._open) >= self.max_connections:
            oldest = next(iter(self._idle), self)
            oldest.transport.abort()
            self._idle.pop(oldest, None)
        self._open[self] = None
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline = None
        if self._timer:
            self._timer.cancel()
        self._open.pop(self, None)
        self._idle.pop(self, None)
        self.unread.pop(self, None)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.unread[self] = None
        sizes = {each: each.transport.get_write_buffer_size() for each in self.unread}
        excess = sum(sizes.values()) - self.max_unread
        del sizes[self]  # a large answer alone is not too much
        for oldest, size in sizes.items():
            if excess > 0:
                oldest.transport.abort()
                excess -= size
                # Parts of answers are below the size that malloc returns by itself.
                self.loop.call_soon(type(self).return_memory)

    def resume_writing(self) -> None:
        self.unread.pop(self, None)
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        messages = self._messages
        super().data_received(data)
        if self._deadline is None and self in self._idle and not self._kept_alive():
            self._wait_for_request()  # bytes that begin no request, such as blank lines
        if messages != self._messages:
            return  # a request began with these bytes, and others may have ended
        self._bytes += len(data)
        # Besides the body, as much again for the sizes of its chunks.
        if self._bytes - 2 * self._body_bytes > MAX_HEADER_BYTES:
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._messages += 1
        self._in_body = False
        self._reset_counts()
        self._restart_timeout()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES:
            self.transport.close()
        elif not self._in_body:  # uvicorn would add trailers to the request's headers
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_body = True
        self._header_bytes = 0  # of the trailers, from here on
        self._body_began = self.loop.time()
        self._restart_timeout()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._restart_timeout()
        self._body_bytes += len(body)
        elapsed = self.loop.time() - self._body_began
        if elapsed > READ_TIMEOUT and self._body_bytes < MIN_BODY_RATE * elapsed:
            self.transport.close()
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self.cycle and self.cycle.response_complete:
            self._wait_for_request()  # the response did not wait for the body
        else:
            self._deadline = None  # from here on the time is the app's
            self._idle.pop(self, None)

    def on_response_complete(self) -> None:
        if not self.pipeline:
            self._idle[self] = None
        super().on_response_complete()

    def _should_upgrade(self) -> bool:
        return False  # the app has no WebSocket

    def _kept_alive(self) -> bool:
        """Return whether uvicorn's own timeout between two requests runs."""
        return self.timeout_keep_alive_task is not None

    def _wait_for_request(self) -> None:
        self._idle[self] = None
        self._restart_timeout()

    def _reset_counts(self) -> None:
        self._bytes = self._header_bytes = self._body_bytes = 0

    def _restart_timeout(self) -> None:
        self._deadline = self.loop.time() + READ_TIMEOUT
        if not self._timer:
            self._timer = self.loop.call_at(self._deadline, self._check_deadline)

    def _check_deadline(self) -> None:
        """Close the connection at its deadline; a timer for each would cost more."""
        self._timer = None
        if self._deadline and self._deadline > self.loop.time():
            self._timer = self.loop.call_at(self._deadline, self._check_deadline)
        elif self._deadline:
            self.transport.close()
