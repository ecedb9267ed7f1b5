"""PyTorch: files of torch.export.save, torch.jit.save and torch.save, and safetensors."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from math import isqrt, prod
from pathlib import Path

from .common import CALL, FORM, Archive, Unusable, in_command, numbered, parsed
from .networks import Network, recognised
from .pickles import AXES, Odd, Source, Stub, follow
from .pixels import IMAGENET, Pixels

SAVE = (
    "save its weights with torch.save(model.state_dict(), 'model.pt'), or the whole "
    "program with torch.export.save"
)
DTYPES = numbered(
    "uint8 int8 int16 int32 int64 float16 float32 float64 complex32 complex64 complex128 "
    "bool bfloat16"
)
STORAGES = numbered(  # of the same
    "Byte Char Short Int Long Half Float Double ComplexHalf ComplexFloat ComplexDouble Bool "
    "BFloat16"
)
STORED = {f"{name}Storage": DTYPES[number] for number, name in STORAGES.items()}
HEADER = 16 * 2**20  # bytes; 10,000 tensors take 1 MB
TENSORS = 20_000
NAME = 1000  # characters of a tensor's
MOST = 2**40  # elements along an axis, bytes of a file
PLAIN = re.compile(  # what torch.load allows with weights_only=True
    r"collections\.(OrderedDict|Counter)|_codecs\.encode"
    r"|(builtins|__builtin__)\.(set|bytearray|complex)"
    r"|torch\._utils\._rebuild_\w+|torch\._tensor\._rebuild_from_type_v2"
    r"|torch\.serialization\._get_layout|torch\.nn\.parameter\.Parameter"
    r"|torch\.(storage\.)?\w*Storage|torch\.(Size|Tensor|device|bool|per_\w+)"
    r"|torch\.(q?u?int|b?float|complex)\d\w*"
)
OLD = rb"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"  # begins a file of torch.save before 1.6
# Keys of a checkpoint's weights; state_dict.py has them in the same order.
WEIGHTS = ("state_dict", "model_state_dict", "model", "net", "weights", "params")
# Keys of its classes: torchvision's names with their numbers, or names in order.
CLASSES = ("class_to_idx", "classes", "class_names", "labels")
WRAPPED = re.compile(r"(module\.|_orig_mod\.)+")  # DataParallel's and torch.compile's
# Usual sides of pictures, the likeliest first: ImageNet's, CIFAR's, and MNIST's.
SIDES = (224, 32, 64, 128, 256, 28, 96, 48, 150, 299, 384, 512)
DEEPEST = 500  # convolutions; the deepest networks end in a mean of each channel anyway
GREY_SIDES = (28, 32, 64, 48, 128, 224, 256)
CROP = "224 / 256"  # Resize(256) and CenterCrop(224), as torchvision's tutorials have it
ONE = (
    "Its one output is taken as a probability where labels.txt names two classes: if it is a logit, "
    "end forward() with torch.sigmoid."
)
# Networks of torchvision that classify no pictures, by a pattern of a tensor's name and rank.
SHOWS_NO_CLASS = {
    r"(^|\.)roi_heads\.mask_predictor\.": "Mask R-CNN, a segmenter",
    r"(^|\.)roi_heads\.keypoint_predictor\.": "Keypoint R-CNN, a detector",
    r"(^|\.)roi_heads\.box_predictor\.": "Faster R-CNN, a detector",
    r"(^|\.)head\.regression_head\.bbox_ctrness\.": "FCOS, a detector",
    r"(^|\.)head\.classification_head\.cls_logits\.": "RetinaNet, a detector",
    r"(^|\.)head\.classification_head\.module_list\.": "SSD, a detector",
    r"(^|\.)classifier\.0\.convs\.\d": "DeepLabV3, a segmenter",
    r"(^|\.)classifier\.cbr\.": "LR-ASPP, a segmenter",
    r"(^|\.)classifier\.4\.weight 4": "FCN, a segmenter",
    r"(^|\.)update_block\.recurrent_block\.": "RAFT, an estimator of motion,",
}
PYTHON = "run, where it was trained, python -c"
# Of a module in memory, `m`: a file that needs none of its code. {shape} is of a picture.
EXPORT = "torch.export.save(torch.export.export(m.eval(), (torch.zeros({shape}),)), 'model.pt2')"
LOAD = "torch.load('{file}', map_location='cpu', weights_only=False)"
# Libraries whose objects are pickled, by a pattern of the imported names.
LIBRARIES = {
    r"ultralytics\.nn\.tasks\.ClassificationModel": (
        "is an Ultralytics classifier, which needs their library: run "
        "`yolo export 'model={file}' format=onnx`, and give the .onnx file"
    ),
    r"ultralytics\.nn\.tasks\..*|models\.yolo\..*": (
        "is a YOLO model of Ultralytics for detection or the like, and no page here shows boxes "
        f"yet: {CALL}, as it is or by `yolo export 'model={{file}}' format=onnx`"
    ),
    r"torchvision\.models\.detection\..*": (
        f"is a detector of torchvision, and no page here shows boxes yet: {CALL}"
    ),
    r"fastai\.(tabular|text|collab)\..*Learner": (
        f"is a fastai learner of tables or texts, which needs their library: {CALL}"
    ),
    r"fastai\.learner\.Learner": (
        f'is a fastai Learner, and loading it runs code: {PYTHON} "import torch; from fastai.'
        f"learner import load_learner; l = load_learner('{{file}}'); m = l.model; {EXPORT}; "
        "open('labels.txt', 'w').write('\\n'.join(map(str, l.dls.vocab)))\" with your pictures' "
        "size, and give model.pt2"
    ),
    r"transformers\.models\..*": (
        "is a whole pickled model of transformers: save it with model.save_pretrained('model') "
        "and its tokenizer or image processor too, and give that folder"
    ),
}


def export(members: Archive, path: Path) -> dict:
    """Read the exported graph, whose signature separates inputs from weights."""
    program = next((n for n in members.names if re.fullmatch(r"models/[^/]+\.json", n)), None)
    if not program:
        raise Unusable(
            f"{path.name} contains only a compiled program for one machine: save it with "
            "torch.export.save."
        )
    module = json.loads(members.read(program))["graph_module"]
    tensors, inputs, weights = module["graph"]["tensor_values"], [], []
    for spec in module["signature"]["input_specs"]:
        ((kind, given),) = spec.items()
        name, dtype, axes = _declared(given, tensors)
        if axes is not None and kind == "user_input":
            inputs.append((name, dtype, axes))
        elif axes is not None:
            weights.append((dtype, prod(axis or 1 for axis in axes)))
    specs = module["signature"].get("output_specs", ())
    outputs = [_declared(spec["user_output"], tensors) for spec in specs if "user_output" in spec]
    whole = next((call["signature"] for call in module.get("module_call_graph", ())), None)
    if len(outputs) > 1 or whole and json.loads(whole["out_spec"])[1]["type"]:
        raise Unusable(_several(path, f"a tuple, list or dict of {len(outputs)}"))
    return {"inputs": inputs, "outputs": outputs, "weights": weights} | _untold(inputs, outputs)


def _declared(spec: dict, tensors: dict) -> tuple[str | None, str | None, tuple | None]:
    """Return name, dtype and axes of an input or output; no axes if it is no tensor."""
    arg = spec.get("arg", {})
    name = arg.get("as_tensor", arg).get("name")
    if name not in tensors:
        return name, None, None
    axes = tuple(size.get("as_int") for size in tensors[name]["sizes"])
    return name, DTYPES.get(tensors[name]["dtype"]), axes


def _several(path: Path, outputs: str) -> str:
    return (
        f"{path.name} gives {outputs}, and a page here shows one: return that tensor from "
        "forward(), and save it again."
    )


def script(members: Archive, path: Path) -> dict:
    """Read the module's class and the types of its forward(); no shapes are declared."""
    module, _, storages = follow(members.read("data.pkl"))
    inputs, output = _signature(members, module.cls)
    if len(inputs) > 1:
        raise Unusable(
            f"{path.name} takes {len(inputs)} inputs ({', '.join(inputs)}), and a page here gives "
            "one: trace it with one input."
        )
    if output != "Tensor":
        raise Unusable(_several(path, f"a {output}"))
    name = module.cls.rpartition(".")[2]
    return {
        "weights": _weights(storages),
        "name": None if name == "Sequential" else name,
        **_network(_tensors(module), path),
    }


def _signature(members: Archive, cls: str) -> tuple[list[str], str]:
    """Return the inputs' names and the output's type of forward() in TorchScript's source."""
    folder, _, name = cls.rpartition(".")
    file = f"code/{folder.replace('.', '/')}.py"
    source = members.read(file).decode() if file in members.names else ""
    _, _, body = source.partition(f"class {name}(")
    found = re.search(r"^  def forward\(([^)]*)\) -> ([^\n]+):$", body, re.MULTILINE)
    if not found:
        return [], "Tensor"
    return re.findall(r"(\w+): ", found[1])[1:], found[2]


def state_dict(content: Archive | bytes, path: Path) -> dict:
    """Read a file of torch.save, of any version: a dict of tensors, or a checkpoint with one."""
    try:
        root, imported, storages = _objects(content, path)
    except Odd as odd:  # what is pickled by a function of its own, as fastai's
        known = _other(odd.imported)
        raise Unusable(f"{path.name} {_runs_code(None, known, path) if known else odd}.") from None
    _refuse_part(path)
    if other := _other(imported):
        raise Unusable(f"{path.name} {_runs_code(root, other, path)}.")
    if not isinstance(root, dict) or not root:
        raise Unusable(f"{path.name} contains no tensors with names: {SAVE}.")
    weights = root
    if not _has_tensors(root):
        key = next((key for key in WEIGHTS if _has_tensors(root.get(key))), None)
        if key is None:
            raise Unusable(
                f"{path.name} contains a checkpoint ({', '.join([*root][:5])}) without weights "
                f"in {', '.join(WEIGHTS)}: {SAVE}."
            )
        weights = root[key]
    found = _alone([*_tensors(weights)], path)
    labels = () if weights is root else _class_names(root, found.get("n_outputs"))
    return {"weights": _weights(storages), **found, "labels": labels}


def _objects(content: Archive | bytes, path: Path) -> tuple[object, list[str], list]:
    """Return the pickled objects, the names that they import, and their storages."""
    if isinstance(content, Archive):
        return follow(content.read("data.pkl"))
    with path.open("rb") as file:  # a number, a version, the machine, the objects, keys
        source = Source(file)
        for _ in range(3):
            follow(source)
        return follow(source)


def _class_names(checkpoint: dict, count: int | None) -> tuple[str, ...]:
    """Return the names of `count` classes that a checkpoint has beside its weights."""
    for key in CLASSES:
        names = checkpoint.get(key)
        if isinstance(names, dict):
            by_number = {n: name for name, n in names.items() if type(n) is int}
            names = [by_number.get(n) for n in range(len(names))]
        ordered = isinstance(names, list | tuple) and len(names) == count
        if ordered and all(isinstance(name, str) and name for name in names):
            return tuple(names)
    return ()


def _other(imported: Iterable[str]) -> list[str]:
    """Return the imported names that torch.load refuses with weights_only=True."""
    return sorted({name for name in imported if name[-2:] != "()" and not PLAIN.fullmatch(name)})


def storages(content: Archive, path: Path) -> list[tuple[str, int]]:
    """Return dtypes and sizes in a file of torch.save; refuse one that would run code."""
    _, imported, storages = follow(content.read("data.pkl"))
    if other := _other(imported):
        raise Unusable(f"{path.name} contains Python objects ({', '.join(other[:3])}): {SAVE}.")
    return _weights(storages)


def _has_tensors(value: object) -> bool:
    return isinstance(value, dict) and any(
        "_rebuild_" in getattr(each, "cls", "") for each in value.values()
    )


def _runs_code(root: object, other: list[str], path: Path) -> str:
    """Return what a file with pickled objects is, and how to convert it."""
    channels = next((s[1] for _, s in _tensors(root) if len(s) == 4), 3)
    shape = f"1, {channels}, 224, 224"
    for pattern, text in LIBRARIES.items():
        if any(re.fullmatch(pattern, name) for name in other):
            return text.format(file=in_command(path.name), shape=shape)
    load = LOAD.format(file=in_command(path.name))
    key = ""
    if not isinstance(root, Stub) or root.cls not in other:
        inner = [k for k in WEIGHTS if isinstance(root, dict) and k in root]
        module = next((k for k in inner if getattr(root[k], "cls", "") in other), None)
        if module is None and inner and _has_tensors(root[inner[0]]):
            return (
                f"contains Python objects ({', '.join(other[:3])}) beside its {inner[0]!r}, and "
                f'loading those runs code: {PYTHON} "import torch; torch.save({load}'
                f"['{inner[0]}'], 'weights.pt')\", and give weights.pt"
            )
        if module is None:
            return (
                f"contains Python objects ({', '.join(other[:3])}), and loading those runs "
                f"code: {SAVE}"
            )
        root, key = root[module], f"['{module}']"
    library, _, cls = root.cls.rpartition(".")
    library = library.partition(".")[0]
    what = f"{library} {cls}" if library in ("torchvision", "timm", "torch") else root.cls
    convert = f"import torch; m = {load}{key}; {EXPORT.format(shape=shape)}"
    where = f'{PYTHON} "{convert}"'
    if library == "__main__":  # which is another program's, so python -c would not find it
        where = f"run in the script or notebook that defines {cls}: {convert}"
    return (
        f"contains a whole pickled {what}, and loading it runs code: {where} with your input's "
        "size, and give model.pt2"
    )


def _refuse_part(path: Path) -> None:
    """Refuse one file of a folder whose config.json names the network."""
    config = path.with_name("config.json")
    if config.is_file() and config.stat().st_size < 2**20:
        text = config.read_text("utf-8", "replace")
        if re.search(r'"(architectures?|model_type)"\s*:', text):
            raise Unusable(
                f"{path.name} is a part of the model in its folder, with config.json: give "
                f"the folder {path.parent}."
            )


def _weights(storages: list) -> list[tuple]:
    """Return the dtypes and sizes of storages: ("storage", class, key, device, size, ...)."""
    return [(STORED.get(kind.rpartition(".")[2]), size) for _, kind, _, _, size, *_ in storages]


def _tensors(value: object) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the name and shape of each tensor in unpickled stubs, in their order."""
    seen, parts, found = set(), [("", value)], 0
    while parts:
        name, each = parts.pop()
        cls = getattr(each, "cls", "")
        if cls.startswith("torch._utils._rebuild_tensor"):
            sizes, found = each.args[2], found + 1
            if found > TENSORS or len(name) > NAME or len(sizes) > AXES:
                raise OverflowError(f"more than {TENSORS:,} tensors, or long names or shapes")
            if all(_is_size(size) for size in sizes):
                yield name, sizes
        elif cls.startswith("torch._utils._rebuild_parameter"):
            parts.append((name, each.args[0]))
        elif isinstance(each, dict) and id(each) not in seen and len(name) <= NAME:
            seen.add(id(each))  # once, or a small file could take for ever
            if len(each) > TENSORS:
                raise OverflowError(f"more than {TENSORS:,} tensors")
            inner = [*each.items()]
            if isinstance(each, Stub) and isinstance(each.state, dict):
                inner += each.state.items()
            for key, part in reversed(inner):
                own = key in ("_parameters", "_buffers", "_modules")
                parts.append((name if own else f"{name}.{key}".lstrip("."), part))


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < MOST


def _alone(
    tensors: list[tuple[str, tuple[int, ...]]], path: Path, in_order: Callable[[list], list] = list
) -> dict:
    """Return what weights alone tell: of a network of torchvision, or of any other.

    Args:
        tensors: names and shapes.
        path: of the file.
        in_order: puts the input's first and the output's last.
    """
    shapes = {WRAPPED.sub("", name): shape for name, shape in tensors}
    for pattern, what in SHOWS_NO_CLASS.items():
        if any(re.search(pattern, f"{name} {len(shape)}") for name, shape in shapes.items()):
            raise Unusable(
                f"{path.name} has the tensors of {what} of torchvision, and no page here shows "
                f"what that gives: {CALL}."
            )
    if not (network := recognised(shapes)):
        return _network(in_order(tensors), path)
    return {
        "network": network,
        "packages": ("torchvision",),
        "name": network.name,
        "pixels": Pixels(
            *IMAGENET, f"torchvision's convention for {network.name} (ImageNet's)", CROP
        ),
        "inputs": [("input", None, (None, 3, network.size, network.size))],
        "outputs": [("output", None, (None, network.classes))],
        "n_outputs": network.classes,
        "scores": None if network.layers else "logits",
        "notes": [*_of_torchvision(network)],
    }


def _of_torchvision(network: Network) -> Iterator[str]:
    """Yield notes on what the weights of a network of torchvision do not tell."""
    yield (
        f"By its tensors' names and shapes it is torchvision's {network.name}, which "
        "architecture.py builds: if yours is a variant with the same tensors, put that there. If it "
        f"was trained on pictures of another size than {network.size}x{network.size}, not on their "
        "middle, or scaled otherwise, edit INPUT_SHAPE, CROP, MEAN and STD in model.py."
    )
    if network.guessed:
        yield (
            f"Its head is not torchvision's, and layers without tensors are not in the file: "
            f"{', '.join(network.layers)} in architecture.py is a guess. Make it yours."
        )
    if network.classes == 1:
        yield ONE
    if network.arguments.get("transform_input"):
        yield (
            "architecture.py has transform_input=True, as in every network that was trained from "
            "torchvision's weights: make it False if yours was trained from nothing."
        )


def _network(tensors: Iterable[tuple[str, tuple[int, ...]]], path: Path) -> dict:
    """Return the input and output that the first and last weights imply, with notes.

    A convolution's weight has the shape (out, in, height, width), a linear layer's (out, in).
    """
    names = [(WRAPPED.sub("", name), shape) for name, shape in tensors]
    layers = [(name, shape) for name, shape in names if name.endswith("weight") and len(shape) > 1]
    ranks = {len(shape) for _, shape in layers}
    recurrent = any(re.search(r"weight_[ih]h_l\d", name) for name, _ in names)
    if 5 in ranks or 3 in ranks and 4 not in ranks:
        kind = "volumes or films" if 5 in ranks else "sounds or series"
        raise Unusable(f"{path.name} has convolutions over {kind}, which no page here asks for.")
    if recurrent and 4 not in ranks or any("word_embeddings" in name for name, _ in layers):
        raise Unusable(
            f"{path.name} is a network of texts or series, whose tokenizer is not in it: "
            f"{CALL}, or give a transformers folder with its tokenizer."
        )
    if not layers:
        return _untold((), ())
    inputs: list[tuple] = []
    notes: list[str] = []
    first = next((shape for _, shape in layers if len(shape) == 4), layers[0][1])
    if len(first) == 2:
        inputs = [("input", None, (None, first[1]))]
    elif first[:2] != (3, 1):  # else three grey filters, or one for each of three colours
        side = _side([shape for _, shape in layers])
        inputs = [("input", None, (None, first[1], side, side))]
        if side:
            notes.append(
                f"Pictures of {side}x{side}, INPUT_SHAPE in model.py, are a guess by the first fully "
                "connected layer."
            )
        if first[1] not in (1, 3):
            raise Unusable(
                f"{path.name} takes {first[1]} channels in its first convolution, and a picture "
                f"here has 1 or 3: {CALL}."
            )
    outputs = []
    if len(layers[-1][1]) == 2 and not recurrent:
        outputs = [("output", None, (None, layers[-1][1][0]))]
    told = _untold(inputs, outputs)
    return {"inputs": inputs, "outputs": outputs} | told | {"notes": notes + told["notes"]}


def _side(shapes: list[tuple[int, ...]]) -> int | None:
    """Return the likeliest side of a network's pictures, in pixels, if its layers tell one.

    A linear layer after convolutions that takes more than a value of each channel takes the
    whole map that they leave. Each convolution keeps the map's size or cuts its kernel's off,
    and halves it or not: of the usual sides, the first that leaves such a map, before all one
    of the two usual ones that is only halved.
    """
    convolutions, linear = ([each for each in shapes if len(each) == rank] for rank in (4, 2))
    if len(convolutions) > DEEPEST:
        return None
    # The last and the first, whose sizes no other has: safetensors sorts them by name.
    taken, given = {each[1] for each in convolutions}, {each[0] for each in linear}
    last = [each for each in convolutions if each[0] not in taken]
    first = [each for each in linear if each[1] not in given]
    channels = (last or convolutions)[-1][0]
    values = first[0][1] if first else 0
    left = isqrt(values // channels)
    if left < 2 or left**2 * channels != values:
        return None
    sides = GREY_SIDES if convolutions[0][1] == 1 else SIDES
    halved = {left * 2**times for times in range(len(convolutions) + 1)}
    if side := next((side for side in sides[:2] if side in halved), None):
        return side
    for side in sides:
        sizes = {side}
        for *_, kernel in convolutions:
            whole = sizes | {size - kernel + 1 for size in sizes}
            sizes = {size for size in whole | {size // 2 for size in whole} if size >= left}
        if left in sizes:
            return side
    return None


def _untold(inputs: Iterable[tuple], outputs: Iterable[tuple]) -> dict:
    """Return the number of outputs, and notes on what only the network's owner knows.

    Args:
        inputs, outputs: names, dtypes and shapes.
    """
    notes, found = [], {}
    for _, _, axes in inputs:
        if axes and len(axes) == 2 and (axes[1] or 0) <= FORM:
            notes.append(
                "The file does not tell the scaling of columns. If the network was trained with "
                "scaled ones, scale them in predict() of model.py."
            )
    for _, _, axes in outputs or [("", None, None)]:
        if axes and len(axes) == 2:
            found["n_outputs"] = axes[1]
            if axes[1] == 1:
                notes.append(ONE)
        elif not axes:
            notes.append(
                "The file does not tell its output: the app expects one score for each class, or in "
                "image to image a picture."
            )
    return {**found, "notes": notes}


def safetensors(data, path: Path) -> dict:
    """Read the names and shapes of the tensors."""
    tensors = header(data)
    if not tensors:
        raise Unusable(f"{path.name} contains no tensors: save the model's weights in it.")
    _refuse_part(path)
    shapes = [(name, tuple(tensor["shape"])) for name, tensor in tensors.items()]
    return {"weights": stored(data), **_alone(shapes, path, _in_order)}


def stored(data) -> list[tuple[str, int]]:
    """Return dtypes and sizes of the tensors in safetensors."""
    words = {"F": "float", "BF": "bfloat", "I": "int", "U": "uint", "BOOL": "bool"}
    found = []
    for tensor in header(data).values():
        kind, bits = re.fullmatch(r"([A-Z]+)(.*)", tensor["dtype"]).groups()
        found.append((words.get(kind, kind) + bits.lower(), prod(tensor["shape"])))
    return found


def header(data) -> dict[str, dict]:
    """Read the JSON header of safetensors, after its length; all tensors must follow it."""
    end = 8 + int.from_bytes(data[:8], "little")
    if not end <= len(data) or end > 8 + 100_000_000:  # the format's own limit
        raise ValueError("cut short")
    if end > HEADER:
        raise OverflowError(f"a header of more than {HEADER // 2**20} MiB")
    tensors = parsed(data[8:end])
    tensors.pop("__metadata__", None)
    for tensor in tensors.values():
        if not all(map(_is_size, [*tensor["shape"], *tensor["data_offsets"]])):
            raise ValueError("no size")
    if len(tensors) > TENSORS:
        raise OverflowError(f"more than {TENSORS:,} tensors")
    last = max((tensor["data_offsets"][1] for tensor in tensors.values()), default=0)
    if tensors and end + last != len(data):
        raise ValueError("cut short")
    return tensors


def _in_order(tensors: list[tuple[str, tuple[int, ...]]]) -> list[tuple[str, tuple[int, ...]]]:
    """Return tensors with the input's first and the output's last, where their sizes tell.

    safetensors sorts them by name. An input's size is no layer's output, and reversed.
    """
    tensors = sorted(tensors, key=lambda each: [int(part) for part in re.findall(r"\d+", each[0])])
    layers = [each for each in tensors if each[0].endswith("weight")]
    linear, pictures = ([e for e in layers if len(e[1]) == rank] for rank in (2, 4))
    taken, given = (Counter(shape[axis] for _, shape in linear) for axis in (1, 0))
    first = sorted(pictures, key=lambda each: (each[1][1] != 3, each[1][1]))[:1]
    if not pictures:
        first = [each for each in linear if each[1][1] not in given]
    last = [each for each in linear if each[1][0] not in taken and given[each[1][0]] == 1]
    if len(last) != 1 and pictures:
        tensors = linear + pictures  # so the last one is not taken for the output
        last = []
    ends = [*first[:1], *last[:1]]
    return [*first[:1], *(each for each in tensors if each not in ends), *last[:1]]
