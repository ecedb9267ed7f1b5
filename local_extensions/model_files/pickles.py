"""Pickle reader: follows the opcodes, imports nothing and calls nothing."""

import gc
import os
import re
import struct
from collections import deque
from collections.abc import Callable, Iterator
from functools import cache, lru_cache, partial
from io import BytesIO
from itertools import repeat
from math import prod
from sys import getsizeof

MOST = 1_700_000  # opcodes; a vocabulary of 500,000 words has 1,500,000, 1000 trees 200,000
NAMES = 1000  # that are imported or called; a pipeline has some dozens
ARGUMENTS = 100  # of a call
KEPT = 64 * 2**20  # bytes of memory for texts, small arrays, containers and objects
AXES = 64  # of an array, at most
LONGEST = 10**6  # end of a range
SMALL = 2**20  # bytes of an array that may hold names
NO_STATE: dict = {}  # one for all objects
UNSET = object()  # a place of a memo
LATER = {True: 4096, False: 256}  # bytes of a text, or not, that are read only where needed
SIZED = {  # arguments that begin with their size: its bytes, and whether they are a text
    "bytes4": (4, False), "bytes8": (8, False), "bytearray8": (8, False),
    "unicodestring4": (4, True), "unicodestring8": (8, True),
}  # fmt: skip
WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
NUMBERS = {  # what numpy calls a number, and what the module struct does
    "b1": "?", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I",
    "u8": "Q", "f2": "e", "f4": "f", "f8": "d",
}  # fmt: skip
ARRAYS = ("numpy.ndarray", "numpy.matrix")  # called with a buffer, they make objects of numbers
ARRAY_MAKERS = re.compile(r"numpy\.(_?core\.multiarray\._reconstruct|ma\.(core\.)?_mareconstruct)")
RECONSTRUCTORS = re.compile(r"copy_?reg\.(_reconstructor|__newobj__)")
# Calls that take as much memory as their arguments say, by the types of what they may get.
CONTENT = (str, bytes, list, tuple, dict)
GREEDY = {
    r"(builtins|__builtin__)\.(bytes|bytearray)": lambda args: _are(args, CONTENT),
    r"(builtins|__builtin__)\.(list|tuple|set|frozenset|dict)|collections\.(?!defaultdict)\w+":
        lambda args: _are(args, (*CONTENT, int)),
    r"(builtins|__builtin__)\.x?range": lambda args: all(
        type(each) is int and abs(each) <= LONGEST for each in args),
    r"numpy\._?core\.multiarray\.scalar": lambda args: len(args) == 2,
    ARRAY_MAKERS.pattern: lambda args: (0,) in args,
    r"scipy\.sparse\..*": lambda args: not any(isinstance(each, tuple) for each in args),
}  # fmt: skip
GREEDY = {re.compile(pattern): fits for pattern, fits in GREEDY.items()}


class Odd(ValueError):
    """What no library writes, and loaders understand in another way than a reader might.

    Attributes:
        imported: names in the pickle, up to there.
    """

    imported: tuple[str, ...] = ()


class Stub(dict):
    """Placeholder for an object in a pickle; its class is only a name."""

    __slots__ = ("args", "built", "cls", "read", "state")

    def __init__(self, cls: str, args=()):
        self.cls = cls if isinstance(cls, str) else "object"
        self.args, self.state = args, NO_STATE
        self.built = False  # whether its state is set
        self.read: Callable[[], bytes] | None = None  # of an array in a file of its own, as .npy


class Later:
    """Bytes in a stream, as most arrays have them: read only if they are needed."""

    def __init__(self, stream, size: int, is_text: bool = False):
        self._stream, self._size, self._is_text = stream, size, is_text
        self._at = stream.tell()
        if size >= 2**48:
            raise ValueError("cut short")
        stream.seek(size, os.SEEK_CUR)

    def read(self) -> bytes:
        """Return the bytes; none if they are so many that they must be numbers."""
        if self._size >= SMALL:
            return b""
        back = self._stream.tell()
        self._stream.seek(self._at)
        content = self._stream.read(self._size)
        self._stream.seek(back)
        return content.decode().encode("latin1") if self._is_text else content


class Source:
    """A stream of pickles, and how much more of it is looked into."""

    def __init__(self, stream):
        self.stream = BytesIO(stream) if isinstance(stream, bytes) else stream
        self.steps = iter(range(MOST))
        self._left = KEPT

    def keep(self, value):
        """Return a value that stays in memory; raise OverflowError if there are too many."""
        self._left -= getsizeof(value)
        if self._left < 0:
            raise OverflowError(f"a pickle that takes more than {KEPT // 2**20} MiB of memory")
        return value

    def read(self, size: int) -> bytes:
        """Return the bytes of an argument."""
        return self.stream.read(size) if size <= SMALL else b""

    def readline(self) -> bytes:
        """Return the line of an argument, which takes as long as two opcodes."""
        next(self.steps, None)
        line = self.stream.readline(SMALL)
        return self.keep(line) if len(line) > LATER[False] else line

    def sized(self, width: int, is_text: bool):
        """Return bytes or a text after their size, an integer of `width` bytes."""
        size = int.from_bytes(self.stream.read(width), "little")
        if size > LATER[is_text]:
            return Later(self.stream, size, is_text)
        content = self.stream.read(size)
        return self.keep(content.decode("utf-8", "surrogatepass") if is_text else content)


def follow(stream, arrays: bool = True) -> tuple[object, list[str], list]:
    """Return the object of a pickle as stubs, the names it imports, and its persistent ids.

    `stream` is bytes, an open file, which is left after the pickle, or the Source of several.
    Persistent ids refer to data outside the pickle, such as PyTorch's storages. A name that is
    called is there a second time, with "()".

    joblib puts the bytes of an array behind its wrapper, unless `arrays` is false: what they
    are has to be as clear as it is to joblib, or code could hide in them.

    Raises:
        Odd: it is not as pickle, NumPy or joblib writes it.
        OverflowError: it has more in it than any model.
    """
    source = stream if isinstance(stream, Source) else Source(stream)
    machine = _Machine(source, arrays)
    was_enabled = gc.isenabled()
    gc.disable()  # it would look at a million objects again and again
    try:
        return machine.run(), [*machine.imported], machine.ids
    except Odd as odd:
        odd.imported = (*machine.imported,)
        raise
    finally:
        if was_enabled:
            gc.enable()


class _Machine:
    """Pickle's machine of a stack and a memo, with a method for an opcode that does more than push.

    A method gets what the opcode takes from the stack, and its argument; it returns what to push.
    """

    def __init__(self, source: Source, arrays: bool):
        self.source, self.stream, self.arrays = source, source.stream, arrays
        self.stack, self.marks, self.memo, self.memoized = [], [], [], 0
        self.imported, self.ids = {}, []
        self.frame_end = 0

    def run(self):
        """Return the pickle's object."""
        stack, marks, source, read = self.stack, self.marks, self.source, self.stream.read
        opcodes = _opcodes()
        for _ in source.steps:
            name, reader, method, marked, before, pushes = opcodes[read(1)]
            arg = reader(source) if reader else None
            if method is None and not before and pushes:
                stack.append(arg)
                continue
            start = (marks.pop() if marked else len(stack)) - before
            taken = stack[start:]
            del stack[start:]
            if WRAPPER in taken and name not in ("NEWOBJ", "MEMOIZE", "POP"):
                raise Odd(f"passes {WRAPPER} on")
            if name == "STOP":
                return taken[0]
            value = method(self, taken, arg) if method else taken[0] if taken else arg
            if pushes:
                stack.append(value)
        raise OverflowError(f"a pickle of more than {MOST:,} opcodes")

    def do_mark(self, taken, arg):
        self.marks.append(len(self.stack))

    def do_pop(self, taken, arg):
        if self.marks[-1:] == [len(self.stack) + len(taken)]:  # it is the mark that goes
            self.marks.pop()
            self.stack += taken

    def do_dup(self, taken, arg):
        self.stack += taken
        return taken[0]

    def do_frame(self, taken, arg):
        if self.stream.tell() < self.frame_end:
            raise Odd("has a frame in a frame")
        self.frame_end = self.stream.tell() + arg

    def do_put(self, taken, arg):
        self._remember(arg, self.stack[-1])

    do_binput = do_long_binput = do_put

    def do_memoize(self, taken, arg):
        self._remember(self.memoized, taken[0])
        return taken[0]

    def _remember(self, at, value):
        if not 0 <= at < MOST:
            raise Odd(f"has a memo of {at} values")
        memo = self.memo
        if at >= len(memo):
            memo.extend(repeat(UNSET, at + 1 - len(memo)))
        self.memoized += memo[at] is UNSET
        memo[at] = value

    def do_get(self, taken, arg):
        if arg < 0 or self.memo[arg] is UNSET:
            raise ValueError("no such value")
        return self.memo[arg]

    do_binget = do_long_binget = do_get

    def do_newtrue(self, taken, arg):
        return True

    def do_newfalse(self, taken, arg):
        return False

    def do_tuple(self, taken, arg):
        return self.source.keep(tuple(taken))

    do_empty_tuple = do_tuple1 = do_tuple2 = do_tuple3 = do_tuple

    def do_list(self, taken, arg):
        return self.source.keep(taken)

    do_empty_list = do_list

    def do_dict(self, taken, arg):
        return self.source.keep(_by_text(taken))

    do_empty_dict = do_dict

    def do_append(self, taken, arg):
        if isinstance(taken[0], list):
            taken[0].extend(taken[1:])
        return taken[0]

    do_appends = do_append

    def do_setitem(self, taken, arg):
        taken[0].update(_by_text(taken[1:]))
        return taken[0]

    do_setitems = do_setitem

    def do_persid(self, taken, arg):
        value = taken[0] if taken else arg
        if isinstance(value, tuple) and value[:1] == ("module",):
            return value[1]  # a class with its source, as PyTorch wrote it before 1.6
        self.ids.append(value)
        return value

    do_binpersid = do_persid

    def do_next_buffer(self, taken, arg):
        raise Odd("needs what is not in it (EXT1, EXT2, EXT4 or NEXT_BUFFER)")

    do_ext1 = do_ext2 = do_ext4 = do_next_buffer

    def do_global(self, taken, arg):
        module, name = (arg or " ".join(taken)).split(" ")
        # A dotted name is an attribute's: it could reach what a module imports.
        name = f"{module}.{name.replace('.', ':')}"
        self.imported[name] = True
        if len(self.imported) > NAMES:
            raise OverflowError(f"a pickle that names more than {NAMES:,} things")
        return name

    do_stack_global = do_global

    def do_inst(self, taken, arg):
        return self._call(self.do_global((), arg), tuple(taken))

    def do_obj(self, taken, arg):
        return self._call(taken[0], tuple(taken[1:]))

    def do_reduce(self, taken, arg):
        return self._call(*taken[:2])

    do_newobj = do_reduce

    def do_newobj_ex(self, taken, arg):
        cls, args, named = taken
        return self._call(cls, (*args, *named.values()))

    def _call(self, cls, args):
        next(self.source.steps, None)  # it takes as long as two
        return self.source.keep(_called(cls, args, self.imported))

    def do_build(self, taken, arg):
        value, state = taken
        if not isinstance(value, Stub) or value.built:
            raise Odd("sets the state of what it has not just made")
        value.built = True
        if value.cls != WRAPPER:
            if isinstance(state, tuple) and len(state) == 2:  # the __dict__, and the slots
                own, slots = state
                state = self.source.keep(own | slots) if own and slots else own or slots or {}
            if value.cls == "numpy.dtype":
                _refuse_objects(value, state)
            value.state = state
            return value
        if not self.arrays or self.stream.tell() < self.frame_end:
            raise Odd("has an array where joblib writes none")
        array, names = _array_behind(state, self.source)
        self.imported |= dict.fromkeys(names, True)
        return array


@cache
def _opcodes() -> dict[bytes, tuple]:
    """Return by its byte each opcode's name, reader of its argument, and method.

    And whether it takes all above a mark, how many values below that, and whether it pushes one.
    """
    from pickletools import markobject, opcodes

    found = {}
    for op in opcodes:
        marked, reader = markobject in op.stack_before, op.arg and op.arg.reader
        if op.arg and op.arg.name in SIZED:
            width, is_text = SIZED[op.arg.name]
            reader = partial(Source.sized, width=width, is_text=is_text)
        before = op.stack_before.index(markobject) if marked else len(op.stack_before)
        pushes = op.stack_after not in ([], [markobject])
        method = getattr(_Machine, f"do_{op.name.lower()}", None)
        found[op.code.encode("latin1")] = op.name, reader, method, marked, before, pushes
    return found


def _called(cls, args, imported: dict[str, bool]):
    """Return what a call gives: a stub, or bytes."""
    if not isinstance(cls, str):
        raise Odd("calls what it has made")
    imported[f"{cls}()"] = True
    if len(args) > ARGUMENTS:
        raise OverflowError(f"a call with more than {ARGUMENTS} arguments")
    if cls.startswith("copy") and RECONSTRUCTORS.fullmatch(cls):
        made, *rest = args
        if cls.endswith("newobj__"):
            return _called(made, tuple(rest), imported)
        if not isinstance(made, str):
            raise Odd("makes an object of what it has made")
        imported[f"{made}()"] = True
        cls = made
    if cls == "_codecs.encode":
        return args[0] if isinstance(args[0], Later) else args[0].encode("latin1")
    has_array = cls in ARRAYS or args and any(a in ARRAYS for a in args if a)
    if has_array and not ARRAY_MAKERS.fullmatch(cls):
        raise Odd(f"makes a numpy.ndarray by {cls}")
    if cls == "numpy.dtype" and not re.fullmatch(r"[a-zA-Z]\d*", _text(args[:1])):
        raise Odd(f"has a numpy.dtype of {_text(args[:1]) or 'no text'}")
    if (fits := _rule(cls)) and not fits(args):
        raise Odd(f"calls {cls} with what could take all memory")
    if cls == WRAPPER and args:
        raise Odd(f"calls {WRAPPER} with arguments")
    return Stub(cls, args)


@lru_cache(maxsize=NAMES)
def _rule(cls: str) -> Callable[[tuple], bool] | None:
    """Return what tells whether the arguments of a call are modest; None if all are."""
    return next((fits for name, fits in GREEDY.items() if name.fullmatch(cls)), None)


def _are(args: tuple, types: tuple) -> bool:
    """Return whether all arguments are of some types, and none is an object."""
    return all(isinstance(each, (*types, Later)) and not isinstance(each, Stub) for each in args)


def _text(args: tuple) -> str:
    """Return an only argument that is a text, or else none: a repr could take for ever."""
    return args[0] if args and isinstance(args[0], str) else ""


def _by_text(items: list) -> dict:
    """Return a dict of alternating keys and values, with text keys only."""
    pairs = zip(items[::2], items[1::2], strict=True)
    return {key: value for key, value in pairs if isinstance(key, str)}


def _refuse_objects(dtype: Stub, state: tuple) -> None:
    """Raise Odd for numbers that are objects by a dtype's state, or of another size.

    An array of objects is a pickle of its own; bytes taken for objects are addresses.
    """
    kind, size = dtype.args[0][0], int(dtype.args[0][1:] or 0)
    _, order, base, _, fields, itemsize, _, flags, *_ = state
    flags_of_objects = 0b111  # as NumPy numbers them: has, pickles as a list, or points to
    if isinstance(fields, dict) and len(fields) > ARGUMENTS:
        raise OverflowError(f"a numpy.dtype with more than {ARGUMENTS} fields")
    inner = [each[0] for each in (fields or {}).values()] if isinstance(fields, dict) else []
    inner += [base[0]] if base else []
    usual = flags & 1 if kind == "O" else not flags & flags_of_objects
    if not usual or any(each.args[0][0] == "O" for each in inner):
        raise Odd(f"has a numpy.dtype {dtype.args[0]} with objects inside")
    if itemsize not in (-1, size * (4 if kind == "U" else 1)) or order not in "<>=|":
        raise Odd(f"has a numpy.dtype {dtype.args[0]} of {itemsize} bytes")


def _array_behind(state, source: Source) -> tuple[Stub, list[str]]:
    """Read the array that joblib writes after its wrapper; return it, and what it imports."""
    if type(state) is not dict or not isinstance(dtype := state.get("dtype"), Stub):
        raise Odd("has an array without a dtype")
    shape, align = state["shape"], state.get("numpy_array_alignment_bytes")
    plain = type(shape) is tuple and len(shape) <= AXES and all(type(n) is int for n in shape)
    if dtype.cls != "numpy.dtype" or not plain or min(shape, default=0) < 0:
        raise Odd("has an array of a shape that joblib does not write")
    if align is not None and not (type(align) is int and 0 < align < 256):
        raise Odd("has an array with an odd alignment")
    array, kind = Stub("numpy.ndarray"), dtype.args[0]
    if kind.startswith("O"):
        inner, imported, ids = follow(source, arrays=False)
        if ids or WRAPPER in imported:
            raise Odd("has an array in an array")
        array.state = inner.state
        return array, imported
    if align:
        source.stream.seek(source.stream.read(1)[0], os.SEEK_CUR)
    size = prod(shape) * int(kind[1:]) * (4 if kind[0] == "U" else 1)
    array.state = 1, shape, dtype, False, Later(source.stream, size)
    return array, []


def parts(value) -> Iterator[Stub]:
    """Yield every object in an object, itself first."""
    seen, rest = set(), deque([value])
    while rest:
        value = rest.popleft()
        if not isinstance(value, dict | list | tuple) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Stub):
            yield value
            rest += (value.state, value.args)
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
            content = content.read() if isinstance(content, Later) else content
            if isinstance(content, bytes) and dtype.args and ">" not in dtype.state:
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
        case (Stub() as dtype, bytes() | Later() as content) if dtype.args:
            content = content.read() if isinstance(content, Later) else content
            return (_decoded(content, dtype.args[0]) or [stub])[0]
    return stub
