"""Memory of bodies and answers: a limit on what all of them hold together."""

from typing import ClassVar, Self

from .settings import MB

MAX_HELD = 64 * MB  # bytes of all bodies, or as much as two of the largest
SMALL = 64 * 1024  # bytes of a body that are not counted: any app takes as much


class Held:
    """Bytes of one body, or of a list's answers, counted among those of all.

    A client may send most of a body and then wait: with many connections it would
    take all memory, whatever the limit of a body.

    Args:
        largest: bytes of the largest body that is accepted.

    Attributes:
        size: bytes of all bodies.
    """

    size: ClassVar[int] = 0

    def __init__(self, largest: int) -> None:
        self._most = max(MAX_HELD, 2 * largest)
        self._read = self._counted = 0

    def add(self, size: int) -> bool:
        """Count more bytes of the body; return whether there is memory for them."""
        self._read += size
        if self._read > SMALL:
            Held.size += self._read - self._counted
            self._counted = self._read
        return Held.size <= self._most

    def __enter__(self) -> Self:
        """Return the count; it ends with the block."""
        return self

    def __exit__(self, *error: object) -> None:
        """Forget the body."""
        self.release()

    def release(self) -> None:
        """Forget the body."""
        Held.size -= self._counted
        self._read = self._counted = 0
