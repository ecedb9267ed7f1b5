"""Remember what visitors wait for, and forget what nobody has come for."""

import asyncio

import gradio as gr
from gradio.server_messages import EstimationMessage
from gradio.utils import LRUCache

REMEMBERED = 2000  # sessions
UNREAD = 500  # messages of a session; no more estimates then, and four times it in all


class Messages(asyncio.Queue):
    """The messages of a session; one that never reads them does not fill the memory."""

    def _put(self, item: object) -> None:
        if isinstance(item, EstimationMessage) and self.qsize() >= UNREAD:
            return
        if self.qsize() >= 4 * UNREAD:
            self.get_nowait()
        super()._put(item)


class Sessions(LRUCache):
    """The messages that wait for each session, the latest used last.

    Gradio 6.31 forgets the oldest session even while its call waits, and its queue ends
    for good at the next message to it; and it never forgets which calls a session made.
    """

    def __init__(self, demo: gr.Blocks) -> None:
        super().__init__(REMEMBERED)
        self._calls = demo._queue.pending_event_ids_session

    def __getitem__(self, session: str) -> asyncio.Queue:
        """Return a session's messages; whoever waits reads them every few seconds."""
        if session not in self:
            self[session] = Messages()
        self.move_to_end(session)
        return super().__getitem__(session)

    def __setitem__(self, session: str, messages: asyncio.Queue) -> None:
        """Begin a session, with messages of our kind: Gradio's have no end."""
        super().__setitem__(session, Messages())

    def popitem(self, last: bool = True) -> tuple[str, asyncio.Queue]:
        """Forget a session and its calls."""
        session, messages = super().popitem(last)
        self._calls.pop(session, None)
        return session, messages
