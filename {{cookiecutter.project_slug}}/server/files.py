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

KEPT = 10 * 60  # seconds; a tenth of it while the disk is nearly full
SWEPT = 60  # seconds between two looks

# Gradio reads this when a page is built. Our folder is deleted when Python ends.
_ours = tempfile.TemporaryDirectory(prefix="app-", ignore_cleanup_errors=True)
os.environ.setdefault("GRADIO_TEMP_DIR", _ours.name)
FOLDER = Path(os.environ["GRADIO_TEMP_DIR"])


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


def delete_old(own: set[str]) -> set[str]:
    """Delete what was last used too long ago, but for the page's own; return the files.

    Gradio has a folder for each file, and broken uploads lie beside these folders.
    """
    disk = shutil.disk_usage(FOLDER)
    kept = KEPT if disk.free > disk.total / 10 else KEPT / 10
    oldest, deleted = time.time() - kept, set()
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


async def _sweep(demo: gr.Blocks, own: set[str]) -> None:
    while True:
        await asyncio.sleep(SWEPT)
        deleted = await asyncio.to_thread(delete_old, own)
        for known in demo.temp_file_sets:  # Gradio would keep the names for ever
            known -= deleted
