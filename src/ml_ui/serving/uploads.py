"""Keep what visitors send, and what is made of it, for a while only."""

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import gradio as gr
from gradio.queueing import Queue
from gradio.routes import file_upload_statuses as uploads

KEPT = 10 * 60  # seconds; a tenth of it while the disk is nearly full
SWEPT = 60  # seconds between two looks

# Gradio reads this when a page is built. Our folder is deleted when Python ends; it is
# within what the owner has set, where there may be other files.
_within = os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()
os.makedirs(_within, exist_ok=True)
_ours = tempfile.TemporaryDirectory("", "app-", _within, ignore_cleanup_errors=True)
os.environ["GRADIO_TEMP_DIR"] = _ours.name
FOLDER = Path(_ours.name)


@contextlib.asynccontextmanager
async def swept(demo: gr.Blocks) -> AsyncIterator[None]:
    """Delete files once they are old, those of an upload that broke off too."""
    # The page's own, such as its examples, are there before the first visitor.
    own = set(os.listdir(FOLDER))
    task = asyncio.create_task(_sweep(demo, own))
    try:
        yield
    finally:
        task.cancel()


def delete_all() -> None:
    """Delete our folder, where Python is not left to do that when it ends."""
    _ours.cleanup()


def delete_old(own: set[str], waiting: float) -> set[str]:
    """Delete what was last used too long ago, but for the page's own; return the files.

    What a call needs that has been `waiting` so many seconds is kept for longer.

    Gradio has a folder for each file, and broken uploads lie beside these folders.
    """
    disk = shutil.disk_usage(FOLDER)
    kept = KEPT if disk.free > disk.total / 10 else KEPT / 10
    oldest, deleted = time.time() - kept - waiting, set()
    with os.scandir(FOLDER) as entries:  # one by one: there may be very many
        for entry in entries:
            with contextlib.suppress(OSError):  # gone, or in use again
                if entry.name not in own and entry.stat().st_ctime < oldest:
                    deleted |= _delete(Path(entry))
    return deleted


def _delete(path: Path) -> set[str]:
    if not path.is_dir():
        path.unlink()
        return {str(path)}
    files = {str(file) for file in path.iterdir()}
    shutil.rmtree(path)
    return files


def forget_uploads(known: set[str]) -> set[str]:
    """Forget how far the uploads that were known are; return the ids of the others.

    Gradio keeps that until a page has asked; one that goes on begins anew.
    """
    for upload in known:
        uploads.stop_tracking(upload)
        uploads._signals.pop(upload, None)
    return {*uploads._statuses, *uploads._signals}


async def _sweep(demo: gr.Blocks, own: set[str]) -> None:
    known: set[str] = set()
    while True:
        await asyncio.sleep(SWEPT)
        known = forget_uploads(known)
        deleted = set()
        with contextlib.suppress(OSError):  # the folder itself may come back
            deleted = await asyncio.to_thread(delete_old, own, _waiting(demo._queue))
        for known in demo.temp_file_sets:  # Gradio would keep the names for ever
            known -= deleted


def _waiting(queue: Queue) -> float:
    """Return for how many seconds the oldest of the calls waits, or runs."""
    now, calls = time.monotonic(), queue.event_ids_to_events.values()
    return max((now - call.enqueue_time for call in calls), default=0.0)
