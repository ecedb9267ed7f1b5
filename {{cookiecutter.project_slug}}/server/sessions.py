"""Remember what visitors wait for, and forget what nobody has come for."""

from asyncio import Queue as Messages

import gradio as gr
from gradio.utils import LRUCache

REMEMBERED = 2000  # sessions


class Sessions(LRUCache):
    """The messages that wait for each session, the latest used last.

    Gradio 6.31 forgets the oldest session even while its call waits, and its queue ends
    for good at the next message to it; and it never forgets which calls a session made.
    """

    def __init__(self, demo: gr.Blocks) -> None:
        super().__init__(REMEMBERED)
        self._calls = demo._queue.pending_event_ids_session

    def __getitem__(self, session: str) -> Messages:
        """Return a session's messages: who waits is told something now and then."""
        if session not in self:
            self[session] = Messages()
        self.move_to_end(session)
        return super().__getitem__(session)

    def popitem(self, last: bool = True) -> tuple[str, Messages]:
        """Forget a session and its calls."""
        session, messages = super().popitem(last)
        self._calls.pop(session, None)
        return session, messages
