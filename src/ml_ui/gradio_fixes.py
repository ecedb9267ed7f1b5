"""Remember what visitors wait for, and forget what nobody has come for."""

import asyncio

import gradio as gr
from gradio.server_messages import EstimationMessage
from gradio.utils import LRUCache

REMEMBERED = 2000  # sessions
NAME = 64  # characters of a session's; Gradio's have 36 at most
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
        self._waiting = demo._queue.event_ids_to_events

    def __getitem__(self, session: str) -> asyncio.Queue:
        """Return a session's messages; whoever waits reads them every few seconds."""
        if session not in self:
            self[session] = Messages()
        self.move_to_end(session)
        return super().__getitem__(session)

    def __setitem__(self, session: str, messages: asyncio.Queue) -> None:
        """Begin a session, with messages of our kind: Gradio's have no end.

        Raises:
            ValueError: its name is too long to be remembered.
        """
        if len(session) > NAME:
            raise ValueError("the name of the session is too long")
        super().__setitem__(session, Messages())

    def popitem(self, last: bool = True) -> tuple[str, asyncio.Queue]:
        """Forget the oldest session that waits for nothing, and its calls."""
        waiting = {event.session_hash for event in self._waiting.values()}
        session = next((one for one in self if one not in waiting), next(iter(self)))
        messages = self.pop(session)
        self._calls.pop(session, None)
        return session, messages
