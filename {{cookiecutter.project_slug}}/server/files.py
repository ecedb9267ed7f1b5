"""Keep what visitors send, and what is made of it, for a while only."""

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import gradio as gr

KEPT = 30 * 60  # seconds
SWEPT = 60  # seconds between two looks

# Gradio reads this when a page is built. Our folder is deleted when Python ends.
_ours = tempfile.TemporaryDirectory(prefix="app-", ignore_cleanup_errors=True)
os.environ.setdefault("GRADIO_TEMP_DIR", _ours.name)
FOLDER = Path(os.environ["GRADIO_TEMP_DIR"])


@contextlib.asynccontextmanager
async def swept(demo: gr.Blocks) -> AsyncIterator[None]:
    """Delete files once they are old, those of an upload that broke off too."""
    # The page's own, such as its examples, are there before the first visitor.
    own = set(FOLDER.rglob("*"))
    task = asyncio.create_task(_sweep(demo, own))
    try:
        yield
    finally:
        task.cancel()


def delete_all() -> None:
    """Delete our folder, where Python is not left to do that when it ends."""
    _ours.cleanup()


def delete_old(own: set[Path]) -> set[str]:
    """Delete the files that were last used too long ago, but for the page's own."""
    oldest, deleted = time.time() - KEPT, set()
    for path in set(FOLDER.rglob("*")) - own:
        with contextlib.suppress(OSError):  # gone, or a folder that is not empty
            if path.stat().st_ctime < oldest:
                path.rmdir() if path.is_dir() else path.unlink()
                deleted.add(str(path))
    return deleted


async def _sweep(demo: gr.Blocks, own: set[Path]) -> None:
    while True:
        await asyncio.sleep(SWEPT)
        deleted = await asyncio.to_thread(delete_old, own)
        for known in demo.temp_file_sets:  # Gradio would keep the names for ever
            known -= deleted
