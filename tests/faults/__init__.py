"""The fault table: what goes wrong, what ideally happens then, and probes that look.

A row is told once. The suite holds our projects to it (`test_faults.py`), and
`scripts/faults.py` probes a plain app or template beside ours and writes docs/faults.md.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Seen:
    """What a probe saw, in a few words, and whether that is the ideal, or as good."""

    text: str
    good: bool


def both(*seen: Seen) -> Seen:
    """Join what was seen."""
    return Seen("; ".join(each.text for each in seen), all(each.good for each in seen))


@dataclass(frozen=True)
class Row:
    """A fault.

    Attributes:
        name: the row's name, such as R1.
        fault: what goes wrong.
        ideal: what should happen.
        probe: what is done to a target, and tells what was seen. A target is what a
            module's own `Target` classes stand for: a plain one, ours, a peer's.
    """

    name: str
    fault: str
    ideal: str
    probe: Callable[..., Seen]
