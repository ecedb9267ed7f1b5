"""Have a connection say what it wants, briefly and soon."""

import asyncio
import contextlib

from uvicorn.config import HTTP_PROTOCOLS
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD = 64 * 1024  # bytes of a request before its body
SECONDS = 20  # until the head is there, and then without any more of the body
OPEN = 65_536  # connections and files; by default it is often 1,024


class Connection(HttpToolsProtocol):
    """uvicorn's, which by itself reads a head without end, and waits for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._in_head, self._read = True, 0
        self._late = self.loop.call_later(SECONDS, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._late.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Wait for the rest of a request's head."""
        super().on_message_begin()
        if not self._in_head:
            self._in_head, self._read = True, 0
            self._wait()

    def on_headers_complete(self) -> None:
        """Wait for the body."""
        self._in_head = False
        self._wait()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Wait for more of the body."""
        self._wait()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for nothing: the answer is the app's affair."""
        self._late.cancel()
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head is too long."""
        in_head = self._in_head  # else a body came first, which does not count
        super().data_received(data)
        if in_head and self._in_head:
            self._read += len(data)
            if self._read > HEAD:
                self.transport.close()

    def _wait(self) -> None:
        self._late.cancel()
        self._late = self.loop.call_later(SECONDS, self.transport.close)


def prepare() -> None:
    """Have uvicorn make such connections, and as many as the system allows."""
    HTTP_PROTOCOLS["auto"] = f"{__name__}:Connection"  # Gradio passes nothing on to it
    with contextlib.suppress(ImportError, OSError, ValueError):  # Windows; forbidden
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = OPEN if hard == resource.RLIM_INFINITY else min(OPEN, hard)
        if soft != resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
