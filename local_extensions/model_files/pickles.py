"""Pickle reader: follows the opcodes, imports nothing and calls nothing."""

import os
import re
import struct
from collections import deque
from collections.abc import Callable, Iterator
from math import prod

SMALL = 2**20  # bytes of an array that may hold names
WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
NUMBERS = {  # what numpy calls a number, and what the module struct does
    "b1": "?", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I",
    "u8": "Q", "f2": "e", "f4": "f", "f8": "d",
}  # fmt: skip


class Stub(dict):
    """Placeholder for an object in a pickle; its class is only a name."""

    read: Callable[[], bytes] | None = None  # of an array in a file of its own, as .npy

    def __init__(self, cls: str, args=()):
        self.cls = cls if isinstance(cls, str) else "object"
        self.args, self.state = args, {}


def follow(stream) -> tuple[object, list[str], list]:
    """Return the object of a pickle as stubs, the names it imports, and its persistent ids.

    `stream` is bytes or an open file, which is left after the pickle. Persistent ids refer
    to data outside the pickle, such as PyTorch's storages.
    """
    from pickletools import genops, markobject

    stack, marks, memo, imported, ids = [], [], {}, [], []
    for op, arg, _ in genops(stream):
        if op.name == "POP" and marks[-1:] == [len(stack)]:
            marks.pop()
            continue
        start = len(stack) - len(op.stack_before)
        if markobject in op.stack_before:
            start = marks.pop()
        if op.name in ("APPENDS", "SETITEMS", "ADDITEMS"):
            start -= 1  # the container lies below the mark
        taken = stack[start:]
        del stack[start:]
        value = taken[0] if taken else arg
        match op.name:
            case "STOP":
                return value, imported, ids
            case "MARK":
                marks.append(len(stack))
                continue
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                memo[arg] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = value
            case "GET" | "BINGET" | "LONG_BINGET":
                value = memo[arg]
            case "NEWTRUE" | "NEWFALSE":
                value = op.name == "NEWTRUE"
            case "EMPTY_TUPLE" | "TUPLE" | "TUPLE1" | "TUPLE2" | "TUPLE3":
                value = tuple(taken)
            case "EMPTY_LIST" | "LIST":
                value = taken
            case "EMPTY_DICT" | "DICT":
                value = _by_text(taken)
            case "APPEND" | "APPENDS" if isinstance(value, list):
                value += taken[1:]
            case "SETITEM" | "SETITEMS":
                value.update(_by_text(taken[1:]))
            case "BINPERSID":
                if isinstance(value, tuple) and value[:1] == ("module",):
                    value = value[1]  # a class with its source, as PyTorch wrote it before 1.6
                else:
                    ids.append(value)
            case "GLOBAL" | "STACK_GLOBAL" | "INST":
                module, name = (arg or " ".join(taken)).split(" ")
                # A dotted name is an attribute's: it could reach what a module imports.
                value = f"{module}.{name.replace('.', ':')}"
                imported.append(value)
            case "REDUCE" | "NEWOBJ" | "NEWOBJ_EX":
                cls, args = taken[:2]
                if cls in ("copyreg._reconstructor", "copy_reg._reconstructor"):
                    cls = args[0]
                value = args[0].encode("latin1") if cls == "_codecs.encode" else Stub(cls, args)
            case "BUILD" if isinstance(value, Stub):
                imported += _set_state(value, taken[1], stream)
            case _ if isinstance(value, bytes) and len(value) >= SMALL:
                value = b""  # so large that it must be numbers
        stack += [value] * len(op.stack_after)  # none, one, or two
    raise ValueError("cut short")


def _by_text(items: list) -> dict:
    """Return a dict of alternating keys and values, with text keys only."""
    pairs = zip(items[::2], items[1::2], strict=True)
    return {key: value for key, value in pairs if isinstance(key, str)}


def _set_state(stub: Stub, state, stream) -> list[str]:
    """Set an object's state, or read the array that joblib writes after its wrapper.

    Return the names that the array imports.
    """
    if isinstance(state, tuple) and len(state) == 2:  # the __dict__, and the slots
        state = (state[0] or {}) | (state[1] or {})
    stub.state = state
    if stub.cls != WRAPPER:
        return []
    stub.cls = "numpy.ndarray"
    dtype, shape = state["dtype"].args[0], state["shape"]
    if dtype.startswith("O"):
        array, imported, _ = follow(stream)
        stub.state = array.state
        return imported
    if state.get("numpy_array_alignment_bytes"):
        stream.seek(stream.read(1)[0], os.SEEK_CUR)
    size = prod(shape) * int(dtype[1:]) * (4 if dtype[0] == "U" else 1)
    if size < 0:
        raise ValueError("a loop")
    content = stream.read(size) if size < SMALL else stream.seek(size, os.SEEK_CUR)
    stub.state = 1, shape, state["dtype"], False, content
    return []


def parts(value) -> Iterator[Stub]:
    """Yield every object in an object, itself first."""
    seen, rest = set(), deque([value])
    while rest:
        value = rest.popleft()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Stub):
            yield value
            rest += (value.state, value.args)
        if isinstance(value, dict | list | tuple):
            rest += value.values() if isinstance(value, dict) else value


def values(value) -> list | None:
    """Return the items of a list or of a flat array; None if it is something else."""
    if isinstance(value, Stub):
        value = _array(value)
    if not isinstance(value, (list, tuple)):
        return None
    return [_scalar(item) if isinstance(item, Stub) else item for item in value]


def texts(value) -> tuple[str, ...]:
    """Return the strings of a list or an array; none if it contains other types."""
    found = values(value) or []
    return tuple(found) if all(isinstance(item, str) for item in found) else ()


def _array(stub: Stub) -> list | None:
    """Return the items of a flat numpy array."""
    if stub.read:
        content = stub.read()
        head = re.match(rb"\x93NUMPY\x01.(..)\{'descr': '[<|](\w+)'", content, re.DOTALL)
        start = 10 + int.from_bytes(head[1], "little") if head else 0
        return _decoded(content[start:], head[2].decode()) if head else None
    match stub.state or stub.args:  # in older protocols, or in the newest
        case (_, _, Stub() as dtype, _, content) | (content, Stub() as dtype, *_):
            if isinstance(content, list):
                return content
            if isinstance(content, (bytes, bytearray)) and dtype.args and ">" not in dtype.state:
                return _decoded(content, dtype.args[0])
    return None


def _decoded(content: bytes, dtype: str) -> list | None:
    """Return the items of an array in memory."""
    if dtype[0] == "U" and (width := 4 * int(dtype[1:])):  # U10: ten characters, four bytes each
        items = [content[at : at + width] for at in range(0, len(content), width)]
        return [item.decode("utf-32-le").rstrip("\0") for item in items]
    if dtype in NUMBERS:
        return [item for (item,) in struct.iter_unpack(f"<{NUMBERS[dtype]}", content)]
    return None


def _scalar(stub: Stub):
    """Return a numpy scalar as Python's own; another object unchanged."""
    match stub.args:
        case (Stub() as dtype, bytes() as content) if dtype.args:
            return (_decoded(content, dtype.args[0]) or [stub])[0]
    return stub
