"""PyTorch: files of torch.export.save, torch.jit.save and torch.save, and safetensors."""

import json
import re
from math import prod
from pathlib import Path

from .common import Archive, Unusable, numbered
from .pickles import Stub, follow

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
PLAIN = re.compile(  # what torch.load allows with weights_only=True
    r"collections\.(OrderedDict|Counter)|_codecs\.encode"
    r"|(builtins|__builtin__)\.(set|bytearray|complex)"
    r"|torch\._utils\._rebuild_\w+|torch\._tensor\._rebuild_from_type_v2"
    r"|torch\.serialization\._get_layout|torch\.nn\.parameter\.Parameter"
    r"|torch\.(storage\.)?\w*Storage|torch\.(Size|Tensor|device|bool|per_\w+)"
    r"|torch\.(q?u?int|b?float|complex)\d\w*"
)
WEIGHTS = ("model", "state_dict", "model_state_dict", "net", "weights", "params")


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
        arg = given.get("arg", {})
        name = arg.get("as_tensor", arg).get("name")
        if name in tensors:
            dtype = DTYPES.get(tensors[name]["dtype"])
            axes = tuple(size.get("as_int") for size in tensors[name]["sizes"])
            if kind == "user_input":
                inputs.append((name, dtype, axes))
            else:
                weights.append((dtype, prod(axis or 1 for axis in axes)))
    return {"inputs": inputs, "weights": weights}


def script(members: Archive, path: Path) -> dict:
    """Read the module's class; TorchScript does not declare an input's shape."""
    module, _, storages = follow(members.read("data.pkl"))
    name = module.cls.rpartition(".")[2]
    return {"weights": _weights(storages), "name": None if name == "Sequential" else name}


def state_dict(members: Archive, path: Path) -> dict:
    """Read a file of torch.save; only a dict of tensors is accepted."""
    root, imported, storages = follow(members.read("data.pkl"))
    other = sorted({name for name in imported if not PLAIN.fullmatch(name)})
    if isinstance(root, Stub) and root.cls in other:
        wrong = f"a whole pickled object ({root.cls}), and loading it runs code"
    elif other:
        wrong = f"Python objects ({', '.join(other[:3])}), and loading those runs code"
    elif not isinstance(root, dict) or not root:
        wrong = "no tensors with names"
    elif not any("_rebuild_" in getattr(value, "cls", "") for value in root.values()):
        inner = next((key for key, value in root.items() if value and key in WEIGHTS), "")
        wrong = f"a checkpoint ({', '.join([*root][:5])}) and not just weights"
        wrong += f", which may be its {inner!r}" if inner else ""
    else:
        return {"weights": _weights(storages)}
    raise Unusable(f"{path.name} contains {wrong}: {SAVE}.")


def _weights(storages: list) -> list[tuple]:
    """Return the dtypes and sizes of storages: ("storage", class, key, device, size)."""
    return [(STORED.get(kind.rpartition(".")[2]), size) for _, kind, _, _, size in storages]


def safetensors(data, path: Path) -> dict:
    """Read the JSON header, after its length; all tensors must follow it."""
    end = 8 + int.from_bytes(data[:8], "little")
    if not end <= len(data) or end > 8 + 100_000_000:  # the format's own limit
        raise ValueError("cut short")
    header = json.loads(data[8:end])
    header.pop("__metadata__", None)
    if not header:
        raise Unusable(f"{path.name} contains no tensors: save the model's weights in it.")
    if end + max(tensor["data_offsets"][1] for tensor in header.values()) != len(data):
        raise ValueError("cut short")
    words = {"F": "float", "BF": "bfloat", "I": "int", "U": "uint", "BOOL": "bool"}
    weights = []
    for tensor in header.values():
        kind, bits = re.fullmatch(r"([A-Z]+)(.*)", tensor["dtype"]).groups()
        weights.append((words.get(kind, kind) + bits.lower(), prod(tensor["shape"])))
    return {"weights": weights}
