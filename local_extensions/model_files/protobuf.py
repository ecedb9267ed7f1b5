"""Protobuf reader without a schema: a field is a number and a value."""

import re
from collections.abc import Iterator
from functools import cache

# Steps of reading a file: each field, and each 128 bytes of fields that are passed over. A
# graph of 2,000 nodes takes some 70,000, a forest of 12 MB 100,000.
MOST = 250_000
WINDOW = 2**20  # bytes that are passed over at once


class Message:
    """A message or text, parsed lazily."""

    def __init__(self, data, start: int, end: int, steps: list[int] | None = None):
        self.data, self.start, self.end = data, start, end
        self._steps = steps or [MOST]  # that are left; all parts of a file share them

    def __iter__(self):
        """Yield the number and the value of each field; integers are values."""
        return self.fields()

    def fields(self, *wanted: int) -> Iterator[tuple]:
        """Yield the number and the value of each field, or of those with some numbers."""
        at = self.start
        while at < self.end:
            start, (key, at) = at, self._varint(at)
            number, kind = key >> 3, key & 7
            self._step(1)
            if number == 0:  # no field has it: those of a sparse file
                raise ValueError("cut short")
            if wanted and number not in wanted and key < 128 and kind in (0, 1, 2, 5):
                run = _run(key).match(self.data, start, min(self.end, start + WINDOW))
                if run:
                    at = run.end()
                    self._step((at - start) // 128)
                    continue
            if kind == 0:
                value, at = self._varint(at)
            else:
                size, at = self._varint(at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
                value = Message(self.data, at, at + size, self._steps)
                at += size
            if at > self.end:
                raise ValueError("cut short")
            if not wanted or number in wanted:
                yield number, value

    def _step(self, count: int) -> None:
        self._steps[0] -= count
        if self._steps[0] < 0:
            raise OverflowError("more fields than a model of this size has")

    def _varint(self, at: int) -> tuple[int, int]:
        value = shift = 0
        while shift < 64:
            byte = self.data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value, at
            shift += 7
        raise ValueError("not protobuf")

    @property
    def size(self) -> int:
        """Bytes of this field."""
        return self.end - self.start

    def bytes(self) -> bytes:
        """Return this field's content."""
        return bytes(self.data[self.start : self.end])

    def varints(self) -> list[int]:
        """Return the integers packed in this field."""
        found, at = [], self.start
        while at < self.end:
            value, at = self._varint(at)
            self._step(1)
            found.append(value)
        return found

    def all(self, number: int, *inner: int) -> list:
        """Return all values of a field, or of one at the end of a path of fields."""
        found = [value for _, value in self.fields(number)]
        return (found[0].all(*inner) if found else []) if inner else found

    def get(self, *numbers: int):
        """Return the first value at the end of a path of fields, or None."""
        value = self
        for number in numbers:
            value = next((each for _, each in value.fields(number)), None)
            if value is None:
                return None
        return value

    def text(self, *numbers: int) -> str:
        """Return this text, or the one at the end of a path of fields; '' without one."""
        place = self.get(*numbers) if numbers else self
        return place.data[place.start : place.end].decode() if place else ""


@cache
def _run(key: int) -> re.Pattern:
    """Return a pattern of neighbouring fields with one key: numbers, or texts of 31 bytes at most."""
    texts = b"|".join(re.escape(bytes([size])) + b".{%d}" % size for size in range(32))
    value = {0: rb"[\x80-\xff]{0,9}[\0-\x7f]", 1: b".{8}", 2: texts, 5: b".{4}"}[key & 7]
    return re.compile(b"(?>%b(?:%b))++" % (re.escape(bytes([key])), value), re.DOTALL)


def axes(shape: Message | None, dim: int) -> tuple[int | None, ...] | None:
    """Read a shape; an axis is free if it has no size, or -1, written as 2**64 - 1."""
    if not shape or shape.get(3):  # 3: unknown_rank, in a SavedModel
        return None
    sizes = (axis.get(1) for axis in shape.all(dim))
    return tuple(n if n and n < 2**63 else None for n in sizes)


def integers(values: list) -> list[int]:
    """Return the values of a repeated field of signed integers, packed or not."""
    found = []
    for value in values:
        found += [value] if isinstance(value, int) else value.varints()
    return [n - 2**64 if n >= 2**63 else n for n in found]
