"""Downloads of URLs by the server: limits of size, time and number for a call's own."""

import asyncio
import ipaddress
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import gradio as gr
import httpx

from ..languages import Text
from .middleware import NO_ROOM, Files
from .runner import BUSY, Busy, Call, current_call
from .settings import MB

AT_ONCE = 2  # of all visitors: others get an error, and calls with uploads go on
SECONDS = 10  # for those of a call
UNREACHED = "The address gives no file of up to {most} MB within {seconds} s."
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # whose addresses lead to IPv4's


@dataclass
class Budget:
    """What is left to the downloads of a call."""

    size: float = math.inf  # bytes
    deadline: float | None = None  # by the event loop's clock


class Downloads(httpx.AsyncBaseTransport):
    """HTTP transport of Gradio's downloads, with limits for the URLs in a call's input.

    What the app itself downloads has none, such as a file that a function returns. A
    compressed body is refused to a call: a small one may fill the memory.

    Args:
        connect: returns a transport to a host, which has to be public.
        most: bytes of all downloads of a call.
        files: the space for uploads, where they are stored.
    """

    def __init__(
        self,
        connect: Callable[[str], Awaitable[httpx.AsyncBaseTransport]],
        most: int,
        files: Files,
    ) -> None:
        self._connect = connect
        self._most = most
        self._files = files
        self._budgets: WeakKeyDictionary[Call, Budget] = WeakKeyDictionary()
        self._running = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response to a request, which is read.

        Raises:
            gr.Error: for the caller, at a limit.
            ValueError: the host is not public.
        """
        call = current_call.get()
        if call is None or call.returned:
            return await self._fetch(request, Budget())
        if self._running >= AT_ONCE:
            raise Busy(BUSY, print_exception=False)
        if not self._files.has_room(self._most):
            raise Busy(NO_ROOM, print_exception=False)
        deadline = asyncio.get_running_loop().time() + SECONDS
        budget = self._budgets.setdefault(call, Budget(self._most, deadline))
        self._running += 1
        try:
            response = await self._fetch(request, budget)
        except (TimeoutError, httpx.HTTPError) as error:
            text = Text(UNREACHED, most=self._most // MB, seconds=SECONDS)
            raise gr.Error(text, print_exception=False) from error
        finally:
            self._running -= 1
        self._files.add(len(response.content))
        return response

    async def _fetch(self, request: httpx.Request, budget: Budget) -> httpx.Response:
        """Return a response that is read, within a budget.

        Raises:
            httpx.HTTPError, TimeoutError: it takes too much, or does not come.
        """
        parts = []
        request.headers["Accept-Encoding"] = "identity"
        async with asyncio.timeout_at(budget.deadline):
            transport = await self._connect(request.url.host)
            async with transport:
                response = await transport.handle_async_request(request)
                encoding = response.headers.get("content-encoding", "identity")
                try:
                    if encoding != "identity" and budget.deadline is not None:
                        raise httpx.DecodingError(f"compressed by {encoding}")
                    async for part in response.aiter_raw():
                        budget.size -= len(part)
                        if budget.size < 0:
                            raise httpx.ReadError("too large")
                        parts.append(part)
                finally:
                    await response.aclose()
        status, headers = response.status_code, response.headers
        return httpx.Response(status, headers=headers, content=b"".join(parts))


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the internet, and leads to no other."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address) and (
        found.ipv4_mapped or found.sixtofour or found.teredo or found in NAT64
    ):
        return False
    return found.is_global and not found.is_multicast
