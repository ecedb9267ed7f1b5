"""Protobuf reader without a schema: a field is a number and a value."""

MOST = 200_000  # fields of a message; the graphs of language models have some 10,000 nodes


class Message:
    """A message or text, parsed lazily."""

    def __init__(self, data, start: int, end: int):
        self.data, self.start, self.end = data, start, end

    def __iter__(self):
        """Yield the number and the value of each field; integers are values."""
        at, left = self.start, MOST
        while at < self.end:
            if not (left := left - 1):
                raise OverflowError(f"a message of more than {MOST:,} fields")
            key, at = self._varint(at)
            if key & 7 == 0:
                value, at = self._varint(at)
            else:
                size, at = self._varint(at) if key & 7 == 2 else ({1: 8, 5: 4}[key & 7], at)
                value = Message(self.data, at, at + size)
                at += size
            if at > self.end or key < 8:  # no field has the number 0: those of a sparse file
                raise ValueError("cut short")
            yield key >> 3, value

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
            found.append(value)
        return found

    def all(self, number: int, *inner: int) -> list:
        """Return all values of a field, or of one at the end of a path of fields."""
        found = [value for n, value in self if n == number]
        return (found[0].all(*inner) if found else []) if inner else found

    def get(self, *numbers: int):
        """Return the first value at the end of a path of fields, or None."""
        return next(iter(self.all(*numbers)), None)

    def text(self, *numbers: int) -> str:
        """Return this text, or the one at the end of a path of fields; '' without one."""
        place = self.get(*numbers) if numbers else self
        return place.data[place.start : place.end].decode() if place else ""


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
