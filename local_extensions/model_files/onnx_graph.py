"""Graph of an ONNX model: its nodes, and what they say about inputs and outputs."""

import struct
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from .common import numbered
from .pixels import Affine
from .protobuf import Message, axes, integers

DTYPES = numbered(
    "float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 "
    "uint64 complex64 complex128 bfloat16"
)
MOST = 20_000  # nodes that are looked at; a large language model has some thousands
LONGEST = 4_096  # bytes of a constant that is looked at: a number for each channel
NUMBERS = {"float32": (4, "f"), "float64": (10, "d"), "float16": (5, "e")}  # field, format
# Attributes with the names of classes, and those with the categories of a column.
CLASSES = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")
CATEGORIES = {"string": ("cats_strings", "keys_strings"), "int64": ("cats_int64s", "keys_int64s")}
LOCALE = "en_US.UTF-8"  # ONNX Runtime's, where the operator names none


class Node(NamedTuple):
    """An operator."""

    op: str
    domain: str
    inputs: list[str]
    outputs: list[str]
    message: Message

    def attribute(self, *names: str) -> Message | None:
        """Return the first of some attributes."""
        found = {each.text(1): each for each in self.message.all(5)}
        return next((found[name] for name in names if name in found), None)


class Graph:
    """The nodes and tensors of a graph, by name."""

    def __init__(self, message: Message) -> None:
        fields = defaultdict(list)
        for number, value in message:
            fields[number].append(value)
        self._constants = {tensor.text(8): tensor for tensor in fields[5]}
        self.nodes = [_node(each) for each in islice(fields[1], MOST)]
        self.inputs = [
            (info.text(1), *_type(info)[:2])
            for info in fields[11]
            if info.text(1) not in self._constants  # old exporters list the weights too
        ]
        self._makers = {name: node for node in self.nodes for name in node.outputs}
        # A ZipMap's output has no type in some files of skl2onnx.
        maps = {name for name, node in self._makers.items() if node.op == "ZipMap"}
        self.outputs = [
            (info.text(1), *(("map", None) if info.text(1) in maps else _type(info)))
            for info in fields[12]
        ]
        self._users = defaultdict(list)
        for node in self.nodes:
            for name in {*node.inputs}:
                self._users[name].append(node)

    def before(self, name: str) -> Iterator[Node]:
        """Yield the node that makes a value, the one that makes its first input, and so on."""
        for _ in self.nodes:
            node = self._makers.get(name)
            if not node:
                return
            yield node
            name = node.inputs[0] if node.inputs else ""

    def is_float64(self, name: str) -> bool:
        """Return whether a value has the float64 of an input, which operators pass on."""
        for node in self.before(name):
            if node.op == "Cast":
                return DTYPES.get(node.attribute("to").get(3)) == "float64"
            if node.domain:  # scikit-learn's operators give float32
                return False
            name = node.inputs[0] if node.inputs else ""
        return any(each[:2] == (name, "float64") for each in self.inputs)

    def unmapped(self, name: str) -> str | None:
        """Return the tensor that a ZipMap maps by name, if its classes are in order."""
        node = self._makers.get(name)
        found = node.attribute(*CLASSES) if node and node.op == "ZipMap" else None
        names = found and (_texts(found, 9) or integers(found.all(8)))
        return node.inputs[0] if names and [*names] == sorted(names) else None

    def are_probabilities(self, name: str) -> bool:
        """Return whether a scikit-learn classifier's scores are not just decision values."""
        machines = [node for node in self.nodes if node.op == "SVMClassifier"]
        if not all(node.attribute("prob_a") for node in machines):
            return False
        for node in self.before(name):
            if node.op in ("Softmax", "Sigmoid", "Normalizer", "Div", "Exp"):
                break
            if node.op == "LinearClassifier":
                after = node.attribute("post_transform")
                return after is not None and after.text(4) != "NONE"
        return True

    def scaling(self, name: str, moves: set[str]) -> Affine:
        """Return what the first operators do to an input, as far as they only scale it."""
        found = Affine()
        for _ in self.nodes:
            users = [node for node in self._users[name] if node.op != "Shape"]
            if len(users) != 1:
                break
            (node,) = users
            if node.op not in moves:
                step = self._step(node, name)
                if not step:
                    break
                found = found.then(*step, node.op)
            name = node.outputs[0]
        return found

    def _step(self, node: Node, name: str) -> tuple[float, float] | None:
        """Return scale and offset of arithmetic with a constant."""
        first = node.inputs[:1] == [name]
        others = [self._mean(each) for each in node.inputs if each != name]
        if not others or None in others:
            return None
        value = others[0]
        if node.op == "BatchNormalization" and len(others) == 4:
            scale, shift, mean, variance = others
            factor = scale / (variance + 1e-5) ** 0.5
            return factor, shift - mean * factor
        return {
            "Add": (1.0, value),
            "Sub": (1.0, -value) if first else (-1.0, value),
            "Mul": (value, 0.0),
            "Div": (1 / value, 0.0) if first and value else None,
        }.get(node.op)

    def _mean(self, name: str) -> float | None:
        """Return the mean of a constant, a number or one for each channel."""
        tensor = self._constants.get(name)
        maker = self._makers.get(name)
        if not tensor and maker and maker.op in ("Constant", "DequantizeLinear", "Cast"):
            if maker.op != "Constant":
                return None
            given = maker.attribute("value", "value_float")
            if given and given.text(1) == "value_float":
                (value,) = struct.unpack("<f", given.get(2).bytes())
                return value
            tensor = given and given.get(5)
        field, form = NUMBERS.get(DTYPES.get(tensor.get(2)), (0, "")) if tensor else (0, "")
        if not form or tensor.get(14) == 1:
            return None
        raw = tensor.get(9)
        parts = [raw] if raw else [each for each in tensor.all(field) if isinstance(each, Message)]
        if not 0 < sum(part.size for part in parts) <= LONGEST:
            return None
        data = b"".join(part.bytes() for part in parts)
        values = struct.unpack(f"<{len(data) // struct.calcsize(form)}{form}", data)
        return sum(values) / len(values)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, as skl2onnx writes them.

        A ZipMap gives them sorted, which is the order of its scores in runtime.py.
        """
        nodes = sorted(self.nodes, key=lambda node: node.op != "ZipMap")
        for node in nodes:
            found = node.attribute(*CLASSES)
            names = found and (_texts(found, 9) or integers(found.all(8)))
            if names:
                return tuple(map(str, sorted(names) if node.op == "ZipMap" else names))
        for node in self.nodes:
            classes = self._constants.get("classes")
            if node.op == "ArrayFeatureExtractor" and classes and "classes" in node.inputs:
                return tuple(_texts(classes, 6)) or tuple(map(str, _integers(classes)))
        return ()

    def categories(self, name: str, dtype: str) -> tuple[str, ...] | tuple[int, ...]:
        """Return the categories of an input: all that its encoders know, if they alone take it."""
        known = {_categories(node, dtype) for node in self._users[name]}
        return known.pop() if len(known) == 1 else ()

    def category(self, name: str) -> str:
        """Return a text that an input's column may have."""
        for _ in self.nodes:
            users = self._users[name]
            if not users:
                break
            for node in users:
                if texts := _categories(node, "string"):
                    return texts[0]
            name = users[0].outputs[0]
        return "a text"

    @property
    def locales(self) -> tuple[str, ...]:
        """Locales that the system must have."""
        nodes = [node for node in self.nodes if node.op == "StringNormalizer"]
        given = [node.attribute("locale") for node in nodes]
        return tuple({each.text(4) if each else LOCALE: True for each in given})


def _node(message: Message) -> Node:
    fields = defaultdict(list)
    for number, value in message:
        if number < 5 or number == 7:
            fields[number].append(value.text())
    op, domain = (fields[number][0] if fields[number] else "" for number in (4, 7))
    return Node(op, domain, fields[1], fields[2], message)


def _categories(node: Node, dtype: str) -> tuple[str, ...] | tuple[int, ...]:
    """Return the categories that an encoder knows; none of another operator."""
    found = node.attribute(*CATEGORIES.get(dtype, ()))
    if not found:
        return ()
    return tuple(dict.fromkeys(_texts(found, 9) or integers(found.all(8))))


def _type(info: Message) -> tuple[str | None, tuple[int | None, ...] | None]:
    """Return the dtype and shape of an input or output; "map" for a class's score by its name."""
    tensor = info.get(2, 1)
    if tensor:
        return DTYPES.get(tensor.get(1)), axes(tensor.get(2), 1)
    return ("map" if info.get(2, 4, 1, 5) else None), None


def _texts(message: Message, number: int) -> list[str]:
    return [each.text() for each in message.all(number)]


def _integers(tensor: Message) -> list[int]:
    """Return the values of a tensor of integers."""
    raw = tensor.get(9)
    if not raw:
        return integers(tensor.all(7) or tensor.all(5))
    form = {"int64": "q", "int32": "i"}.get(DTYPES.get(tensor.get(2)))
    return [*struct.unpack(f"<{raw.size // struct.calcsize(form)}{form}", raw.bytes())]
