"""Logging: text on a terminal, JSON lines elsewhere."""

import json
import logging
import sys
import time
from datetime import UTC, datetime

LONGEST = 20_000  # characters of a message, or of a trace


class JSONFormatter(logging.Formatter):
    """A line of JSON for each record; `extra={"fields": {...}}` adds to it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        created = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": created.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": shortened(record.getMessage()),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["trace"] = shortened(self.formatException(record.exc_info))
        return json.dumps(line)


def shortened(text: str) -> str:
    """Return a text that is not too long for a log; what a client sent may be in it."""
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    return f"{text[:half]} [... {len(text) - LONGEST} characters ...] {text[-half:]}"


class AcceptErrorFilter(logging.Filter):
    """Rate limit of asyncio's error when no more files may be open.

    It is logged for each connection of the backlog, thousands of times a second.
    """

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record: of these errors, one every ten seconds."""
        if "out of system resource" not in record.getMessage():
            return True
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + 10
        return True


def configure() -> None:
    """Log warnings to a terminal; to anything else also a line for each request."""
    handler = logging.StreamHandler(sys.stderr)
    if not sys.stderr.isatty():
        handler.setFormatter(JSONFormatter())
        logging.getLogger("ml_ui").setLevel(logging.INFO)
    logging.getLogger().addHandler(handler)
    logging.getLogger("asyncio").addFilter(AcceptErrorFilter())
