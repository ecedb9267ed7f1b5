"""HTTP/1.1 protocol with limits on headers, slow clients and open connections."""

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADER_BYTES = 64 * 1024
READ_TIMEOUT = 20  # seconds for the headers, and between two parts of a body
MIN_BODY_RATE = 1000  # bytes a second of a body, on average after READ_TIMEOUT
SHARE = 0.8  # of the files that may be open: the rest is for the app


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol with a header limit and read timeouts, which it lacks.

    Protection against slow clients (slowloris). Where connections are at their limit, the
    one that has been without a request for longest is closed for a new one.
    """

    max_connections: ClassVar[int] = 50_000
    _open: ClassVar[dict["LimitedProtocol", None]] = {}  # all, the oldest first
    _idle: ClassVar[dict["LimitedProtocol", None]] = {}  # without a complete request

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._in_headers, self._header_bytes, self._body_bytes = True, 0, 0
        self._timeout = self.loop.call_later(READ_TIMEOUT, transport.close)
        if len(self._open) >= self.max_connections:
            oldest = next(iter(self._idle), self)
            oldest.transport.abort()
            self._idle.pop(oldest, None)
        self._open[self] = self._idle[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._timeout.cancel()
        self._open.pop(self, None)
        self._idle.pop(self, None)
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._in_headers:
            self._in_headers, self._header_bytes = True, 0
            self._restart_timeout()

    def on_headers_complete(self) -> None:
        self._in_headers, self._body_bytes = False, 0
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
        self._timeout.cancel()  # from here on the time is the app's
        self._idle.pop(self, None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._idle[self] = None
        super().on_response_complete()

    def data_received(self, data: bytes) -> None:
        in_headers = self._in_headers  # else a body came first, which does not count
        super().data_received(data)
        if in_headers and self._in_headers:
            self._header_bytes += len(data)
            if self._header_bytes > MAX_HEADER_BYTES:
                self.transport.close()

    def _restart_timeout(self) -> None:
        self._timeout.cancel()
        self._timeout = self.loop.call_later(READ_TIMEOUT, self.transport.close)
