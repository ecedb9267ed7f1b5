"""The process: its exit, its children, its open files and its memory."""

import contextlib
import ctypes
import logging
import multiprocessing
import os
import signal
import sys
import threading
from pathlib import Path

from . import uploads

OPEN_FILES = 65_536  # connections and files; the default is often 1,024


def exit_now(status: int) -> None:
    """End the process and its children, without waiting for threads."""
    uploads.delete_all()
    for child in children():
        with contextlib.suppress(OSError):  # it has ended
            os.kill(child, signal.SIGKILL)
    logging.shutdown()
    with contextlib.suppress(OSError, ValueError):  # closed
        sys.stdout.flush()
    os._exit(status)


def exit_soon(status: int, seconds: float) -> None:
    """Exit timeout: end the process if threads of the app keep Python from exiting."""
    timer = threading.Timer(seconds, exit_now, [status])
    timer.daemon = True
    timer.start()


def children() -> set[int]:
    """Return the ids of child processes: a pool's workers hold our port open."""
    found = {child.pid for child in multiprocessing.active_children() if child.pid}
    for path in Path("/proc/self/task").glob("*/children"):  # Linux
        with contextlib.suppress(OSError):  # a thread that has ended
            found |= {int(pid) for pid in path.read_text().split()}
    return found


def raise_open_file_limit() -> int:
    """Raise the limit of open files as far as possible; return what is left."""
    try:
        import resource
    except ImportError:  # Windows
        return OPEN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):  # forbidden
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    if soft == resource.RLIM_INFINITY:
        return OPEN_FILES
    with contextlib.suppress(OSError):
        return max(0, soft - len(os.listdir("/dev/fd")))
    return soft


def return_freed_memory() -> None:
    """Set glibc's malloc to return large blocks when they are freed.

    By default its threshold rises, and they are kept: twice the weights, once a model
    is loaded.
    """
    _set_malloc(mmap_threshold=128 * 1024)


def reuse_freed_memory() -> None:
    """Return what is free now, and set glibc's malloc to keep what one request needs.

    A picture's arrays, taken from the kernel each time, cost more than the picture.
    With an arena for each thread, each would keep as much. What loading a forest frees
    lies between its trees, and only malloc_trim returns it.
    """
    trim()
    _set_malloc(mmap_threshold=8 << 20, trim_threshold=16 << 20, arena_max=2)


def trim() -> None:
    """Return what glibc's malloc has free, wherever it lies."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


def _set_malloc(**options: int) -> None:
    numbers = {"trim_threshold": -1, "mmap_threshold": -3, "arena_max": -8}  # malloc.h
    with contextlib.suppress(AttributeError, OSError, TypeError):  # not glibc
        for name, value in options.items():
            ctypes.CDLL(None).mallopt(numbers[name], value)
