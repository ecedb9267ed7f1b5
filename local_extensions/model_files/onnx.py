"""ONNX: a protobuf message, with large weights in external data files."""

import ast
from math import prod
from pathlib import Path

from .common import Unusable, numbered, refuse_pointer
from .protobuf import Message, axes

DTYPES = numbered(
    "float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 "
    "uint64 complex64 complex128 bfloat16"
)
TENSORS = {  # paths to all tensors: message, field number, message in it
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 10: "tensor", 6: "graph", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}


def model(data, path: Path) -> dict | None:
    """Read the graph's inputs, and each tensor's type and location."""
    whole = Message(data, 0, len(data))
    graph = whole.get(7)
    if not graph:
        return None
    initial = {tensor.text(8) for tensor in graph.all(5)}
    inputs = [
        (info.text(1), DTYPES.get(info.get(2, 1, 1)), axes(info.get(2, 1, 2), 1))
        for info in graph.all(11)
        if info.text(1) not in initial  # old exporters list the weights too
    ]
    weights, companions = [], {}
    for tensor in _tensors(whole):
        sizes = [n for n in tensor.all(1) if isinstance(n, int)]  # rarely packed
        weights.append((DTYPES.get(tensor.get(2)), prod(sizes)))
        if tensor.get(14) == 1:
            place = {entry.text(1): entry.text(2) for entry in tensor.all(13)}
            file = _beside(path, place.get("location", ""))
            companions[file] = True
            if int(place.get("offset", 0)) + int(place.get("length", 0)) > file.stat().st_size:
                raise Unusable(f"{file.name} is cut short: copy or export it again.")
    return {
        "inputs": inputs,
        "weights": weights,
        "labels": _labels(whole),
        "n_outputs": _outputs(graph),
        "companions": tuple(companions),
    }


def _tensors(message: Message, kind: str = "model"):
    """Yield all tensors, including those in nodes and subgraphs."""
    for number, value in message:
        inner = TENSORS[kind].get(number)
        if inner == "tensor":
            yield value
        elif inner:
            yield from _tensors(value, inner)


def _beside(path: Path, location: str) -> Path:
    """Return the path of an external data file; it must be in the model's folder.

    If the model is a link into a download cache, its target's folder is accepted too.
    """
    file = path.parent / location
    homes = path.parent.resolve(), path.resolve().parent
    inside = any(file.resolve().is_relative_to(home) for home in homes)
    if not location or not inside or ".." in file.relative_to(path.parent).parts:
        raise Unusable(
            f"{path.name} refers to weights in {location or 'an unnamed file'}, outside its "
            "own folder: save it with the weights inside, or in a file beside it."
        )
    if not file.is_file():
        raise Unusable(
            f"{path.name} keeps its weights in {location}, which is missing: copy that "
            "file into the same folder."
        )
    refuse_pointer(file)
    return file


def _outputs(graph: Message) -> int | None:
    """Return the number of scores per item, if the first output of floats declares it."""
    for info in graph.all(12):
        if DTYPES.get(info.get(2, 1, 1)) in ("float16", "float32", "float64"):
            shape = axes(info.get(2, 1, 2), 1) or ()
            return shape[1] if len(shape) == 2 else None
    return None


def _labels(whole: Message) -> tuple[str, ...]:
    """Read class names where Ultralytics (metadata) and skl2onnx (a node) put them."""
    metadata = {entry.text(1): entry.text(2) for entry in whole.all(14)}
    for key in ("names", "labels", "classes"):
        try:
            names = ast.literal_eval(metadata.get(key, ""))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(names, dict) and all(type(index) is int for index in names):
            names = [names[index] for index in sorted(names)]
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return tuple(names)
    for node in whole.all(7, 1):
        for attribute in node.all(5):
            if attribute.text(1) == "classlabels_strings":
                return tuple(text.text() for text in attribute.all(9))
    return ()
