"""Helpers of the probes: pictures, listeners, namespaces, exit statuses."""

import contextlib
import functools
import io
import os
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from .. import Seen
from ..targets import Target

MB = 1_000_000
ROOMY = 256 * MB  # of memory, on a host with 512
ENDED = (0, -signal.SIGTERM, 128 + signal.SIGTERM)


def ended(status: int | None) -> str:
    """Return the text for an exit status after SIGTERM."""
    return "keeps running" if status is None else f"exit status {status}"


def many(function: Callable, values: Iterable, at_once: int = 16) -> list:
    """Return the results of a function for values, in threads."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(function, values))


def png(size: tuple[int, int] = (8, 8), mode: str = "RGB") -> bytes:
    """Return a picture of one colour."""
    return saved(Image.new(mode, size))


def noise(side: int) -> bytes:
    """Return a picture that cannot be compressed: three bytes for each pixel."""
    return saved(Image.frombytes("RGB", (side, side), os.urandom(3 * side**2)), compress_level=1)


def saved(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """Return a picture as a file."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


@contextlib.contextmanager
def listener() -> Iterator[tuple[int, list]]:
    """Listen on a local port; yield it, and the addresses of its clients."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        callers = []

        def accept() -> None:
            with contextlib.suppress(OSError):  # closed at the end
                while True:
                    connection, address = server.accept()
                    callers.append(address)
                    connection.close()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], callers
        server.shutdown(socket.SHUT_RDWR)


def as_root(probe: Callable[[Target], Seen]) -> Callable[[Target], Seen]:
    """Skip a probe that needs namespaces where they cannot be made."""

    @functools.wraps(probe)
    def run(target: Target) -> Seen:
        if os.geteuid() or not shutil.which("unshare"):
            return Seen("skipped: needs root and unshare", True)
        return probe(target)

    return run


PID_1 = ("unshare", "-pf")
OFFLINE = ("unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
# It can read everything, since the interpreter may be in root's home, but write nothing.
READ_ONLY = (
    "unshare", "-m", "sh", "-c",
    """mount --bind "$TMPDIR" "$TMPDIR" && mount -o remount,ro,bind / &&
    exec setpriv --reuid 1000 --regid 1000 --clear-groups \\
        --inh-caps +dac_read_search --ambient-caps +dac_read_search "$@" """, "sh",
)  # fmt: skip


# A soft limit of 120 open files, which an app can raise to 240.
FEW_FILES = ("prlimit", "--nofile=120:240")


def small_disk(megabytes: int) -> tuple[str, ...]:
    """Return a command that runs another with a small file system as TMPDIR."""
    mount = f'mount -t tmpfs -o size={megabytes}m,mode=1777 small "$TMPDIR"'
    return ("unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh")
