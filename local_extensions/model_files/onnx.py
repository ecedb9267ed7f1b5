"""ONNX: a protobuf message, with large weights in external data files."""

import ast
import re
from math import prod
from pathlib import Path

from .common import Unusable, refuse_pointer
from .onnx_graph import DTYPES, Graph
from .pixels import IMAGENET, Pixels, ranged
from .protobuf import Message
from .unserved import INSTEAD, is_column

# What ONNX Runtime reads, in the version of templates/requirements/onnx-*.txt: the file's own
# version, and the sets of operators by domain.
NEWEST_IR = 14
NEWEST = {"": 28, "ai.onnx": 28, "ai.onnx.ml": 5}
OLDEST = 7  # of the operators without a domain
DOMAINS = {*NEWEST, "com.microsoft", "com.microsoft.nchwc", "ai.onnx.preview.training"}
# What onnxruntime-web reads, in the version of the page without a server (vendor/*/source.json).
NEWEST_IR_ON_WEB = 13
NEWEST_ON_WEB = {"": 26, "ai.onnx": 26, "ai.onnx.ml": 5}
FLOATS = ("float16", "float32", "float64")
ARRAYS = {*FLOATS, "bool", "string", "uint8", "int8", "uint16", "int16", "uint32", "int32"} | {
    "uint64",
    "int64",
}
LIMITED = "export it without, for example with torch.onnx.export or tf2onnx"
TENSORS = {  # paths to all tensors: message, field number, message in it
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 10: "tensor", 6: "graph", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
TASKS = {  # of Ultralytics
    "detect": "a detector of objects",
    "segment": "a detector of objects with their outlines",
    "pose": "a detector of poses",
    "obb": "a detector of rotated objects",
}
CLASSES = ("string", "int64", "int32")  # types of an output that is the class, by name or number
SCORES = {  # by the operator that makes them
    r"Softmax": "probabilities",
    r"Sigmoid|HardSigmoid": "independent",
    r"LogSoftmax": "class logits",
    r"(Q?Gemm|(QLinear|FusedM)?M?atMul(Integer)?|Add|(QLinear)?Conv|.*Pool|ReduceMean)": "logits",
    r".*Regressor": "numbers",
}
# Operators that move numbers and do not change them, but for rounding.
MOVES = {
    "Cast", "Identity", "Transpose", "QuantizeLinear", "DequantizeLinear", "Reshape", "Flatten",
    "Squeeze", "Unsqueeze", "Resize", "Upsample", "Pad", "Dropout",
}  # fmt: skip
LITERAL = 150_000  # characters of metadata; the names of 1000 classes take 20,000
PHOTOGRAPH = 128  # pixels; networks of smaller ones are rarely trained from ImageNet's
NAMES_OF_MEAN = ("mean", "image_mean", "normalize_mean", "norm_mean")
NAMES_OF_STD = ("std", "image_std", "normalize_std", "norm_std")


def model(data, path: Path) -> dict | None:
    """Read inputs, outputs, class names and scaling, and each tensor's type and location."""
    whole = Message(data, 0, len(data))
    if not whole.get(7):
        return None
    graph = Graph(whole.get(7))
    _refuse_versions(path, whole, graph)
    metadata = {entry.text(1): entry.text(2) for entry in whole.all(14)}
    labels = _labels(metadata, graph)
    inputs, outputs = graph.inputs, _outputs(graph, labels)
    if metadata.get("task") in TASKS:
        raise Unusable(
            f"{path.name} is {TASKS[metadata['task']]} (task={metadata['task']} in its metadata), "
            f"{INSTEAD}."
        )
    _refuse_tensors(path, inputs, outputs)
    _refuse_float64(path, graph)
    weights, companions = _weights(path, whole)
    found = {
        "inputs": [_free(each, metadata) for each in inputs],
        "outputs": outputs,
        "weights": weights,
        "labels": labels,
        "n_outputs": _classes(outputs, labels),
        "scores": _scores(graph, outputs),
        "tensor": graph.unmapped(outputs[0][0]) if outputs else None,
        "pixels": _pixels(metadata, graph, inputs) or _convention(whole, inputs, outputs),
        "needs": graph.locales,
        "unfit": {"browser": reason} if (reason := _off_web(whole, graph, outputs)) else {},
        "companions": companions,
    }
    return found | _columns(graph, inputs)


def _refuse_versions(path: Path, whole: Message, graph: Graph) -> None:
    """Refuse a file or operators that the locked ONNX Runtime does not read."""
    if (version := whole.get(1) or 0) > NEWEST_IR:
        raise Unusable(
            f"{path.name} is in IR version {version} of ONNX, and ONNX Runtime reads up to "
            f"{NEWEST_IR}: save it again by an older onnx, or set model.ir_version = {NEWEST_IR} "
            "with onnx.load and onnx.save."
        )
    for entry in whole.all(8):
        domain, version = entry.text(1), entry.get(2) or 0
        if version > NEWEST.get(domain, version):
            raise Unusable(
                f"{path.name} uses version {version} of the operators {domain or 'ai.onnx'}, and "
                f"ONNX Runtime has up to {NEWEST[domain]}: export it with "
                f"opset_version={NEWEST['']} or lower (target_opset in skl2onnx)."
            )
        # skl2onnx writes the oldest version that has its operators: of Identity, the first.
        plain = {node.op for node in graph.nodes if not node.domain} == {"Identity"}
        if domain in ("", "ai.onnx") and version < OLDEST and not plain:
            raise Unusable(
                f"{path.name} uses version {version} of ONNX's operators, and ONNX Runtime "
                f"supports {OLDEST} and later: convert it with "
                "onnx.version_converter.convert_version(model, 17)."
            )
    own = {function.text(10) for function in whole.all(25)}
    if others := {node.domain for node in graph.nodes} - DOMAINS - own:
        raise Unusable(
            f"{path.name} needs operators of {', '.join(sorted(others))}, which ONNX Runtime does "
            f"not have: {LIMITED}."
        )


def _off_web(whole: Message, graph: Graph, outputs: list[tuple]) -> str:
    """Return why onnxruntime-web does not run a model, and what to do; "" if it does."""
    if (version := whole.get(1) or 0) > NEWEST_IR_ON_WEB:
        return (
            f"is in IR version {version} of ONNX, and onnxruntime-web reads up to "
            f"{NEWEST_IR_ON_WEB}: set model.ir_version = {NEWEST_IR_ON_WEB} with onnx.load and "
            "onnx.save"
        )
    for entry in whole.all(8):
        domain, version = entry.text(1), entry.get(2) or 0
        if version > (newest := NEWEST_ON_WEB.get(domain, version)):
            return (
                f"uses version {version} of the operators {domain or 'ai.onnx'}, and "
                f"onnxruntime-web has up to {newest}: export it with opset_version={newest} or "
                f"lower (target_opset in skl2onnx)"
            )
    if any(node.domain == "com.microsoft.nchwc" for node in graph.nodes):
        return (
            "was optimized for one kind of processor (com.microsoft.nchwc): give the file as it "
            "was exported"
        )
    if outputs and outputs[0][1] == "map" and not graph.unmapped(outputs[0][0]):
        return (
            "gives its scores by name, which onnxruntime-web does not: export it with "
            'options={"zipmap": False}'
        )
    return ""


def _refuse_tensors(path: Path, inputs: list[tuple], outputs: list[tuple]) -> None:
    """Refuse inputs of types and sizes that nothing here makes."""
    for name, dtype, shape in inputs:
        if dtype not in ARRAYS:
            raise Unusable(
                f"{path.name} takes {dtype or 'something else than a tensor'} ({name}), which "
                "NumPy does not have: export it with a float32 input."
            )
        if len(shape or ()) == 4 and dtype == "int8":
            raise Unusable(
                f"{path.name} takes int8 pixels ({name}), and their zero point is not known: "
                "quantize it with a float32 or uint8 input."
            )
        if len(shape or ()) == 2 and dtype in FLOATS and shape[1] is None and len(inputs) == 1:
            raise Unusable(
                f"{path.name} does not say how many columns it takes: export it with their number, "
                "as FloatTensorType([None, 4]) says it for skl2onnx and onnxmltools."
            )
    batch = inputs[0][2][0] if inputs and inputs[0][2] else None
    made = outputs[0][2][0] if outputs and outputs[0][2] else None
    if batch and batch > 1 and made not in (None, batch):
        raise Unusable(
            f"{path.name} takes a batch of {batch} and gives {made} answers, so which belongs to "
            "which is not known: export it with a free batch axis."
        )


def _refuse_float64(path: Path, graph: Graph) -> None:
    """Refuse operators that ONNX Runtime does not have for float64 on a CPU."""
    declared = {name: dtype for name, dtype, _ in graph.outputs}
    if all(dtype != "float64" for _, dtype, _ in graph.inputs):
        return
    for node in graph.nodes:
        if node.op == "Conv":
            raise Unusable(
                f"{path.name} computes convolutions in float64, which ONNX Runtime does not on a "
                "CPU: export it in float32, after model.float() in PyTorch."
            )
        # skl2onnx declares them so for a model of float64 rows.
        maps = node.op == "ZipMap" and graph.is_float64(node.inputs[0])
        if maps or (node.op.endswith("Regressor") and declared.get(node.outputs[0]) == "float64"):
            raise Unusable(
                f"{path.name} has a {node.op} of float64, which ONNX Runtime has for float32 "
                'alone: export it with float32 rows, to_onnx(model, X[:1].astype("float32")) of '
                "skl2onnx."
            )


def _free(tensor: tuple, metadata: dict[str, str]) -> tuple:
    """Return an input with a free batch axis, and the sizes that metadata names.

    The runtime fills a fixed batch with copies.
    """
    name, dtype, shape = tensor
    size = _parsed(metadata.get("imgsz", ""))
    if shape and len(shape) == 4 and isinstance(size, list) and len(size) == 2:
        shape = (*shape[:2], *(n or int(m) for n, m in zip(shape[2:], size, strict=True)))
    return name, dtype, (None, *shape[1:]) if shape else shape


def _outputs(graph: Graph, labels: tuple[str, ...]) -> list[tuple]:
    """Return the outputs, that first which the app uses: of scores, or else the first.

    A scikit-learn classifier gives the class first, and then the probabilities. The class is
    used if they are none: skl2onnx has the scores of a support vector machine of two classes
    the wrong way round. So it is for a clustering and a detector of outliers, whose second
    output is called "scores".
    """
    outputs = [
        (name, dtype, (None, len(labels) or None) if dtype == "map" else shape)
        for name, dtype, shape in graph.outputs
    ]
    scores = [each for each in outputs if each[1] in (*FLOATS, "map")]
    if len(outputs) > 1 and outputs[0] not in scores:
        columns = len(scores) > 1 and all(len(shape or (0, 0)) == 1 for *_, shape in scores)
        is_probability = scores and not columns and graph.are_probabilities(scores[0][0])
        others = [name for name, *_ in outputs[1:]] == ["scores"] and not labels
        if others or (labels and not is_probability):
            return outputs
    used = next(iter(scores), None)
    return [used, *(each for each in outputs if each is not used)] if used else outputs


def _classes(outputs: list[tuple], labels: tuple[str, ...]) -> int | None:
    """Return the number of scores per item, if the output declares it."""
    _, dtype, shape = outputs[0] if outputs else ("", None, None)
    several = [n for n in (shape or (None,))[1:] if n != 1]
    if dtype not in FLOATS and labels:  # by name, or the class itself
        return len(labels)
    if dtype not in FLOATS or not shape or len(shape) < 2 or len(several) > 1:
        return None
    return several[0] if several else 1


def _columns(graph: Graph, inputs: list[tuple]) -> dict:
    """Return the columns of a model that takes each as an input, or all as texts."""
    if len(inputs) > 1 and all(is_column(shape) for *_, shape in inputs):
        names = tuple(name for name, *_ in inputs)
        values = [_value(graph, name, dtype) for name, dtype, _ in inputs]
        return {"features": names, "n_features": len(names), "values": values}
    if len(inputs) == 1 and inputs[0][1] == "string":
        width = (inputs[0][2] or (None,))[-1] or 1
        value = graph.categories(inputs[0][0], "string") or "a text"
        return {"values": [value] * width} if width > 1 else {}
    return {}


def _value(graph: Graph, name: str, dtype: str) -> float | str | tuple:
    """Return the categories of a column, or a value that it may have."""
    other = graph.category(name) if dtype == "string" else 0.0
    return graph.categories(name, dtype) or other


def _scores(graph: Graph, outputs: list[tuple]) -> str | None:
    """Return what the output's last operator makes, behind those that only move numbers."""
    name, dtype, _ = outputs[0] if outputs else ("", "", None)
    if dtype in CLASSES:
        return "class"
    for node in graph.before(name):
        for pattern, kind in SCORES.items():
            if re.fullmatch(pattern, node.op):
                return kind
        if node.op not in MOVES:
            break
    return None


def _pixels(metadata: dict[str, str], graph: Graph, inputs: list[tuple]) -> Pixels | None:
    """Return how pixels go in: by metadata, by the input's type, by the first operators."""
    if len(inputs) != 1:
        return None
    name, dtype, _ = inputs[0]
    if dtype == "uint8":
        return ranged(255, "the model's input, which is uint8")
    mean, std = (
        next((_parsed(metadata[key]) for key in keys if key in metadata), None)
        for keys in (NAMES_OF_MEAN, NAMES_OF_STD)
    )
    if _is_scaling(mean) and _is_scaling(std):
        mean, std = ([n] if isinstance(n, int | float) else n for n in (mean, std))
        most = 255 if max(mean) > 2 else 1
        return Pixels(*(tuple(n / most for n in part) for part in (mean, std)), "its metadata")
    if "Ultralytics" in metadata.get("author", metadata.get("description", "")):
        return ranged(1, "Ultralytics: 0 to 1")
    return graph.scaling(name, MOVES).pixels


def _convention(whole: Message, inputs: list[tuple], outputs: list[tuple]) -> Pixels | None:
    """Return the scaling that classifiers of PyTorch usually have, where the file tells none."""
    *_, shape = inputs[0] if inputs else ((),)
    *_, scores = outputs[0] if outputs else ((),)
    if whole.text(2) != "pytorch" or len(shape or ()) != 4 or len(scores or ()) != 2:
        return None
    if shape[1] != 3 or None in shape[2:] or min(shape[2:]) < PHOTOGRAPH or scores[1] == 1:
        return None
    return Pixels(*IMAGENET, "torchvision's convention, a guess, since PyTorch exported the file")


def _is_scaling(value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    return len(values) in (1, 3) and all(type(n) in (int, float) for n in values)


def _parsed(text: str) -> object:
    """Read a Python literal, in metadata that others wrote.

    Raises:
        OverflowError: it is long: a literal takes 500 bytes of memory for each of its own.
    """
    if len(text) > LITERAL:
        raise OverflowError(f"metadata of more than {LITERAL:,} characters")
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _labels(metadata: dict[str, str], graph: Graph) -> tuple[str, ...]:
    """Read class names where Ultralytics and PaddleX (metadata) and skl2onnx (a node) put them."""
    for key in ("names", "labels", "classes"):
        names = _parsed(metadata.get(key, ""))
        if isinstance(names, dict) and all(type(index) is int for index in names):
            names = [names[index] for index in sorted(names)]
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return tuple(names)
    names = tuple(metadata.get("character", "").splitlines())
    shape = graph.outputs[0][2] if graph.outputs else None
    return names if names and shape and shape[-1] == len(names) else graph.labels


def _weights(path: Path, whole: Message) -> tuple[list, tuple[Path, ...]]:
    """Return the type and size of each tensor, and the files that some are in."""
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
    return weights, tuple(companions)


def _tensors(message: Message, kind: str = "model"):
    """Yield all tensors, including those in nodes and subgraphs."""
    for number, value in message.fields(*TENSORS[kind]):
        inner = TENSORS[kind][number]
        if inner == "tensor":
            yield value
        else:
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
