"""Pickle reader: follows the opcodes, imports nothing and calls nothing."""

import os
import re
import struct
from collections import deque
from collections.abc import Callable, Iterator
from io import BytesIO
from math import prod

MOST = 2_000_000  # opcodes, which take two seconds
SMALL = 2**20  # bytes of an array that may hold names
WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
NUMBERS = {  # what numpy calls a number, and what the module struct does
    "b1": "?", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I",
    "u8": "Q", "f2": "e", "f4": "f", "f8": "d",
}  # fmt: skip


ARRAYS = ("numpy.ndarray", "numpy.matrix")  # called with a buffer, they make objects of numbers
ARRAY_MAKERS = re.compile(r"numpy\.(_?core\.multiarray\._reconstruct|ma\.(core\.)?_mareconstruct)")


class Odd(ValueError):
    """What no library writes, and loaders understand in another way than a reader might."""


class Stub(dict):
    """Placeholder for an object in a pickle; its class is only a name."""

    read: Callable[[], bytes] | None = None  # of an array in a file of its own, as .npy
    built = False  # whether its state is set

    def __init__(self, cls: str, args=()):
        self.cls = cls if isinstance(cls, str) else "object"
        self.args, self.state = args, {}


def follow(stream, arrays: bool = True) -> tuple[object, list[str], list]:
    """Return the object of a pickle as stubs, the names it imports, and its persistent ids.

    `stream` is bytes or an open file, which is left after the pickle. Persistent ids refer
    to data outside the pickle, such as PyTorch's storages. A name that is called is there a
    second time, with "()".

    joblib puts the bytes of an array behind its wrapper, unless `arrays` is false: what they
    are has to be as clear as it is to joblib, or code could hide in them.

    Raises:
        Odd: it is not as pickle, NumPy or joblib writes it.
    """
    from pickletools import genops, markobject

    stream = BytesIO(stream) if isinstance(stream, bytes) else stream
    stack, marks, memo, imported, ids = [], [], {}, {}, []
    frame_end = 0
    for count, (op, arg, _) in enumerate(genops(stream)):
        if count > MOST:
            raise OverflowError(f"a pickle of more than {MOST:,} opcodes")
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
        if WRAPPER in taken and op.name not in ("NEWOBJ", "MEMOIZE", "POP"):
            raise Odd(f"passes {WRAPPER} on")
        match op.name:
            case "STOP":
                return value, [*imported], ids
            case "MARK":
                marks.append(len(stack))
                continue
            case "FRAME":
                if stream.tell() < frame_end:
                    raise Odd("has a frame in a frame")
                frame_end = stream.tell() + arg
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
            case "PERSID" | "BINPERSID":
                if isinstance(value, tuple) and value[:1] == ("module",):
                    value = value[1]  # a class with its source, as PyTorch wrote it before 1.6
                else:
                    ids.append(value)
            case "EXT1" | "EXT2" | "EXT4" | "NEXT_BUFFER":
                raise Odd(f"needs what is not in it ({op.name})")
            case "GLOBAL" | "STACK_GLOBAL" | "INST":
                module, name = (arg or " ".join(taken)).split(" ")
                # A dotted name is an attribute's: it could reach what a module imports.
                name = f"{module}.{name.replace('.', ':')}"
                imported[name] = True
                value = _called(name, tuple(taken), imported) if op.name == "INST" else name
            case "OBJ":
                value = _called(taken[0], tuple(taken[1:]), imported)
            case "REDUCE" | "NEWOBJ" | "NEWOBJ_EX":
                value = _called(*taken[:2], imported)
            case "BUILD":
                if not isinstance(value, Stub) or value.built:
                    raise Odd("sets the state of what it has not just made")
                value.built = True
                if value.cls == WRAPPER:
                    if not arrays or stream.tell() < frame_end:
                        raise Odd("has an array where joblib writes none")
                    value, names = _array_behind(value, taken[1], stream)
                    imported |= dict.fromkeys(names, True)
                else:
                    _set_state(value, taken[1])
            case _ if isinstance(value, bytes) and len(value) >= SMALL:
                value = b""  # so large that it must be numbers
        stack += [value] * len(op.stack_after)  # none, one, or two
    raise ValueError("cut short")


def _called(cls, args, imported: dict[str, bool]):
    """Return what a call gives: a stub, or bytes."""
    if not isinstance(cls, str):
        raise Odd("calls what it has made")
    imported[f"{cls}()"] = True
    if re.fullmatch(r"copy_?reg\.(_reconstructor|__newobj__)", cls):
        made, *rest = args
        if cls.endswith("newobj__"):
            return _called(made, tuple(rest), imported)
        if not isinstance(made, str):
            raise Odd("makes an object of what it has made")
        imported[f"{made}()"] = True
        cls = made
    if cls == "_codecs.encode":
        return args[0].encode("latin1")
    if cls in ARRAYS or not ARRAY_MAKERS.fullmatch(cls) and any(a in ARRAYS for a in args if a):
        raise Odd(f"makes a numpy.ndarray by {cls}")
    if cls == "numpy.dtype" and not (args and re.fullmatch(r"[a-zA-Z]\d*", str(args[0]))):
        raise Odd(f"has a numpy.dtype of {args}")
    if cls == WRAPPER and args:
        raise Odd(f"calls {WRAPPER} with arguments")
    return Stub(cls, args)


def _by_text(items: list) -> dict:
    """Return a dict of alternating keys and values, with text keys only."""
    pairs = zip(items[::2], items[1::2], strict=True)
    return {key: value for key, value in pairs if isinstance(key, str)}


def _set_state(stub: Stub, state) -> None:
    """Set an object's state."""
    if isinstance(state, tuple) and len(state) == 2:  # the __dict__, and the slots
        state = (state[0] or {}) | (state[1] or {})
    if stub.cls == "numpy.dtype":
        _refuse_objects(stub, state)
    stub.state = state


def _refuse_objects(dtype: Stub, state: tuple) -> None:
    """Raise Odd for numbers that are objects by a dtype's state, or of another size.

    An array of objects is a pickle of its own; bytes taken for objects are addresses.
    """
    kind, size = dtype.args[0][0], int(dtype.args[0][1:] or 0)
    _, order, base, _, fields, itemsize, _, flags, *_ = state
    flags_of_objects = 0b111  # as NumPy numbers them: has, pickles as a list, or points to
    inner = [each[0] for each in (fields or {}).values()] if isinstance(fields, dict) else []
    inner += [base[0]] if base else []
    usual = flags & 1 if kind == "O" else not flags & flags_of_objects
    if not usual or any(each.args[0][0] == "O" for each in inner):
        raise Odd(f"has a numpy.dtype {dtype.args[0]} with objects inside")
    if itemsize not in (-1, size * (4 if kind == "U" else 1)) or order not in "<>=|":
        raise Odd(f"has a numpy.dtype {dtype.args[0]} of {itemsize} bytes")


def _array_behind(wrapper: Stub, state, stream) -> tuple[Stub, list[str]]:
    """Read the array that joblib writes after its wrapper; return it, and what it imports."""
    if type(state) is not dict or not isinstance(dtype := state.get("dtype"), Stub):
        raise Odd("has an array without a dtype")
    shape, align = state["shape"], state.get("numpy_array_alignment_bytes")
    plain = all(type(size) is int and size >= 0 for size in shape) and prod(shape) < 2**63
    if dtype.cls != "numpy.dtype" or not (type(shape) is tuple and plain):
        raise Odd("has an array of a shape that joblib does not write")
    if align is not None and not (type(align) is int and 0 < align < 256):
        raise Odd("has an array with an odd alignment")
    array, kind = Stub("numpy.ndarray"), dtype.args[0]
    if kind.startswith("O"):
        inner, imported, ids = follow(stream, arrays=False)
        if ids or WRAPPER in imported:
            raise Odd("has an array in an array")
        array.state = inner.state
        return array, imported
    if align:
        stream.seek(stream.read(1)[0], os.SEEK_CUR)
    size = prod(shape) * int(kind[1:]) * (4 if kind[0] == "U" else 1)
    content = stream.read(size) if size < SMALL else stream.seek(size, os.SEEK_CUR)
    array.state = 1, shape, dtype, False, content
    return array, []


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
