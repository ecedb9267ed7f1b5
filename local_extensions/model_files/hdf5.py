"""HDF5: the attributes of a file's root, by the format's specification, versions 0 to 3."""

from collections.abc import Iterator

MOST = 10_000  # messages of a header, or objects of a heap: Keras writes some dozens
LONGEST = 8 * 2**20  # bytes of a text; the architecture of NASNetLarge has 1.0 MB
ATTRIBUTE, CONTINUED = 12, 16  # types of messages in a header
TEXT, OF_ANY_LENGTH = 3, 9  # classes of a datatype


def attribute(data, name: str) -> bytes | None:
    """Return the text of an attribute of the root; None if there is none of that name.

    Raises:
        ValueError: the file is damaged, or written in a way in which Keras does not.
    """
    found = [each for kind, *place in _messages(data, _root(data)) if kind == ATTRIBUTE
             if (each := _attribute(data, *place, name.encode())) is not None]  # fmt: skip
    if len(found) > 1:
        raise ValueError(f"several attributes {name}")
    return found[0] if found else None


def _number(data, at: int, width: int) -> int:
    if len(content := data[at : at + width]) < width:
        raise ValueError("cut short")
    return int.from_bytes(content, "little")


def _root(data) -> int:
    """Return where the header of the root is; refuse a file that is cut short."""
    version = data[8]
    widths, base, end, root = {
        0: (13, 24, 40, 64), 1: (13, 28, 44, 68), 2: (9, 12, 28, 36), 3: (9, 12, 28, 36),
    }[version]  # fmt: skip
    if data[widths : widths + 2] != b"\x08\x08" or _number(data, base, 8):
        raise ValueError("addresses that Keras does not write")
    if len(data) < _number(data, end, 8):
        raise ValueError("cut short")
    return _number(data, root, 8)


def _messages(data, at: int) -> Iterator[tuple[int, int, int]]:
    """Yield the type, start and size of each message in an object's header."""
    is_new = data[at : at + 4] == b"OHDR"
    if is_new:
        flags = data[at + 5]
        at += 6 + (16 if flags & 32 else 0) + (4 if flags & 16 else 0)
        width = 1 << (flags & 3)
        blocks = [(at + width, _number(data, at, width))]
        head = 6 if flags & 4 else 4
    elif data[at : at + 2] != b"\1\0":
        raise ValueError("no header")
    else:
        blocks, head = [(at + 16, _number(data, at + 8, 4))], 8
    count = 0
    for at, length in blocks:
        end = at + length
        while at + head <= end:
            kind, size = (
                (data[at], _number(data, at + 1, 2)) if is_new
                else (_number(data, at, 2), _number(data, at + 2, 2))
            )  # fmt: skip
            at += head
            if (count := count + 1) > MOST:
                raise OverflowError(f"a header of more than {MOST:,} messages")
            if kind == CONTINUED:
                place, length = _number(data, at, 8), _number(data, at + 8, 8)
                # In the newer version there are a signature and a checksum around it.
                blocks.append((place + 4, length - 8) if is_new else (place, length))
            yield kind, at, size
            at += size


def _attribute(data, at: int, size: int, name: bytes) -> bytes | None:
    """Return the text of an attribute's message; None if it has another name."""
    version, sizes = data[at], [_number(data, at + n, 2) for n in (2, 4, 6)]
    start = at + (9 if version == 3 else 8)
    if data[start : start + sizes[0]].rstrip(b"\0") != name:
        return None
    if version == 1:  # each part ends at a multiple of eight bytes
        sizes = [-(-each // 8) * 8 for each in sizes]
    kind, value = data[start + sizes[0]] & 15, start + sum(sizes)
    if kind == TEXT:
        return data[value : at + size].rstrip(b"\0")
    if kind != OF_ANY_LENGTH:
        raise ValueError("an attribute that is no text")
    return _of_heap(data, _number(data, value + 4, 8), _number(data, value + 12, 4))


def _of_heap(data, at: int, wanted: int) -> bytes:
    """Return an object of a heap, by its number."""
    if data[at : at + 4] != b"GCOL":
        raise ValueError("no heap")
    at += 16
    for _ in range(MOST):
        number, size = _number(data, at, 2), _number(data, at + 8, 8)
        if number == wanted and number:
            if size > LONGEST:
                raise OverflowError(f"a text of more than {LONGEST // 2**20} MiB")
            return data[at + 16 : at + 16 + size]
        at += 16 + -(-size // 8) * 8
    raise OverflowError(f"a heap of more than {MOST:,} objects")
