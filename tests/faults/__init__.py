"""Fault table: faults, the ideal behaviour, and probes that inject a fault and check.

Each row is defined once. The suite checks our projects against it (`test_faults.py`), and
`scripts/faults.py` probes a plain app or template beside ours and writes docs/faults.md.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Seen:
    """Result of a probe: what it saw, in a few words, and whether that is ideal or as good."""

    text: str
    good: bool


def both(*seen: Seen) -> Seen:
    """Join several results."""
    return Seen("; ".join(each.text for each in seen), all(each.good for each in seen))


@dataclass(frozen=True)
class Row:
    """A fault.

    Attributes:
        name: the row's name, such as R1.
        fault: what goes wrong.
        ideal: what should happen.
        probe: injects the fault into a target and returns the result. The targets are
            the module's own: a plain one, ours, a peer's.
    """

    name: str
    fault: str
    ideal: str
    probe: Callable[..., Seen]
