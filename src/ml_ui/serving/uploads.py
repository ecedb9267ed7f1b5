"""Temporary files: what visitors upload and get, deleted after a while."""

import asyncio
import contextlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from .settings import MB

logger = logging.getLogger(__name__)

KEPT = 10 * 60  # seconds; a tenth of it while space is short
INTERVAL = 60  # seconds between two sweeps
FREE = 0.1  # of the disk, to be left free; of a large one, as much as UPLOADS
LONGEST_PATH = 4096  # characters; Linux takes no longer one
BLOCK = 4096  # bytes of a disk: a file takes whole ones, and its folder one
SMALLEST = 2 * BLOCK  # bytes of an upload of a byte
UPLOADS = 50  # of the largest size, all together: 1 GB by default

# Gradio reads this when a page is built. Our folder is deleted when Python ends; it is
# within what the owner has set, where there may be other files.
_within = os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()
os.makedirs(_within, exist_ok=True)
_ours = tempfile.TemporaryDirectory("", "app-", _within, ignore_cleanup_errors=True)
os.environ["GRADIO_TEMP_DIR"] = _ours.name
FOLDER = Path(_ours.name).resolve()


def find(path: str) -> Path | None:
    """Return the file of a path that a client names, if it is one in the folder.

    A path of a megabyte would take minutes to be resolved.
    """
    if len(path) > LONGEST_PATH:
        return None
    try:
        found = Path(path).resolve()
    except (OSError, ValueError):
        return None
    return found if FOLDER in found.parents and found.is_file() else None


class TemporaryFiles:
    """The folder of temporary files, with a cap on its size and a sweep of what is old.

    Gradio has a folder for each file, and broken uploads lie beside these folders.
    """

    def __init__(self, max_upload_mb: int) -> None:
        self._cap = UPLOADS * max_upload_mb * MB
        self._size = 0  # bytes at the last sweep, and of uploads since
        self._own: set[str] = set()  # such as the page's examples, which stay

    def has_room(self, size: int) -> bool:
        """Return whether this many bytes more may be stored."""
        return not self._short(size)

    def add(self, size: int) -> None:
        """Count bytes of an upload, until the next sweep measures the folder."""
        self._size += size

    def _short(self, size: int = 0) -> bool:
        disk = shutil.disk_usage(FOLDER)
        reserve = min(FREE * disk.total, self._cap)
        return self._size + size > self._cap or disk.free - size < reserve

    def sweep(self, waiting: float) -> set[str]:
        """Delete the files that were last used too long ago; return their paths.

        Args:
            waiting: seconds for which the oldest call has been waiting: what it needs
                is kept for as much longer.
        """
        kept = KEPT / 10 if self._short() else KEPT
        oldest, deleted = time.time() - kept - waiting, set[str]()
        before, size = self._size, 0
        with os.scandir(FOLDER) as entries:  # one by one: there may be very many
            for entry in entries:
                with contextlib.suppress(OSError):  # gone, or in use again
                    if entry.name in self._own or entry.stat().st_ctime >= oldest:
                        size += _size(entry.path)
                    else:
                        deleted |= _delete(Path(entry))
        self._size += size - before  # what came in meanwhile counts on
        return deleted

    @contextlib.asynccontextmanager
    async def swept(
        self, waiting: Callable[[], float], forget: Callable[[set[str]], None]
    ) -> AsyncIterator[None]:
        """Sweep at intervals while the app is served.

        Args:
            waiting: returns for how many seconds the oldest call has been waiting.
            forget: called after each sweep with the paths of the deleted files.
        """
        self._own = set(os.listdir(FOLDER))
        task = asyncio.create_task(self._sweep_at_intervals(waiting, forget))
        try:
            yield
        finally:
            task.cancel()

    async def _sweep_at_intervals(
        self, waiting: Callable[[], float], forget: Callable[[set[str]], None]
    ) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            deleted: set[str] = set()
            # Each by itself: deleting goes on whatever becomes of Gradio's bookkeeping.
            try:
                deleted = await asyncio.to_thread(self.sweep, waiting())
            except Exception:
                logger.exception("Old files could not be deleted")
            try:
                forget(deleted)
            except Exception:
                logger.exception("Gradio's records of old files could not be deleted")


def delete_all() -> None:
    """Delete the folder, where Python does not live to delete it."""
    _ours.cleanup()


def _size(path: str) -> int:
    """Return the bytes that a file takes on the disk, or a folder with its files."""
    if not os.path.isdir(path):
        return _blocks(os.stat(path).st_size)
    with os.scandir(path) as entries:
        files = (entry.stat().st_size for entry in entries if entry.is_file())
        return BLOCK + sum(map(_blocks, files))


def _blocks(size: int) -> int:
    """Return the bytes of the blocks of a file; the system may tell them late."""
    return -(-size // BLOCK) * BLOCK


def _delete(path: Path) -> set[str]:
    if not path.is_dir():
        path.unlink()
        return {str(path)}
    files = {str(file) for file in path.iterdir()}
    shutil.rmtree(path)
    return files
