"""Tell clients apart, and how often each may call."""

import ipaddress
import time

from starlette.types import Scope


class Rate:
    """So many a minute for each client, and as many at once: a bucket that refills."""

    def __init__(self, a_minute: int) -> None:
        self._size = a_minute
        self._full_at: dict[str, float] = {}  # when the bucket of a client is full

    def wait(self, who: str) -> float:
        """Count one more of a client; return the seconds it is too early, or 0."""
        if not self._size:
            return 0
        now, each = time.monotonic(), 60 / self._size
        full_at = max(self._full_at.get(who, now), now) + each
        if full_at - now > 60 + 1e-6:
            return full_at - now - 60
        if len(self._full_at) > 10_000:  # forget those whose buckets are full
            self._full_at = {k: t for k, t in self._full_at.items() if t > now}
        self._full_at[who] = full_at
        return 0


def client(scope: Scope) -> str:
    """Return who asks: an address, or the /64 network that an IPv6 host has for itself.

    uvicorn has looked behind the proxies it was told to trust, FORWARDED_ALLOW_IPS,
    and behind no other: what a client itself says of its address is not believed.
    """
    host = scope["client"][0] if scope.get("client") else "unknown"
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:  # a proxy's own name for it
        return host
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))
