"""Rate limits: a token bucket for each client."""

import functools
import ipaddress
import re
import time

from starlette.datastructures import Headers
from starlette.types import Scope

REMEMBERED = 10_000  # clients at least, before those with a full bucket are dropped


class RateLimit:
    """Token bucket per client: `per_minute` requests, and bursts of the same size."""

    def __init__(self, per_minute: int) -> None:
        self._size = per_minute
        self._full_at: dict[str, float] = {}  # when the bucket of a client is full
        self._most = REMEMBERED

    def wait(self, client: str) -> float:
        """Return the seconds until a token can be taken, 0 if there is one."""
        if not self._size:
            return 0
        now, refill = time.monotonic(), 60 / self._size
        over = max(self._full_at.get(client, now), now) + refill - now - 60
        return over if over > 1e-6 else 0

    def acquire(self, client: str) -> float:
        """Take a token; return the seconds to wait, 0 if the request is allowed."""
        if not self._size:
            return 0
        if wait := self.wait(client):
            return wait
        now = time.monotonic()
        full_at = max(self._full_at.get(client, now), now) + 60 / self._size
        if len(self._full_at) > self._most:
            self._full_at = {k: t for k, t in self._full_at.items() if t > now}
            self._most = max(REMEMBERED, 2 * len(self._full_at))  # not each time
        self._full_at[client] = full_at
        return 0


def client_of(scope: Scope, header: str = "") -> str:
    """Return the client's address, or the /64 network of an IPv6 host.

    uvicorn reads X-Forwarded-For from the proxies in FORWARDED_ALLOW_IPS, and from no
    other: what clients say of their own address is not believed.

    Args:
        scope: of the request.
        header: the platform's proxy, which alone can connect, sets it to the address.
    """
    host: str = scope["client"][0] if scope.get("client") else "unknown"
    if header:
        # Of a list the proxy wrote the last; the client may have sent others.
        given = ",".join(Headers(scope=scope).getlist(header))
        host = given.rpartition(",")[2].strip() or host
    return _client(host)


# What some proxies add to an address; an IPv6 address has brackets then.
WITH_PORT = re.compile(r"\[(.+)\](?::\d+)?|([\d.]+):\d+", re.ASCII)


@functools.lru_cache(1024)
def _client(host: str) -> str:
    if found := WITH_PORT.fullmatch(host):
        host = found[1] or found[2]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:  # a proxy's own name for it
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))
