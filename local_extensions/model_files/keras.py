"""Keras: the architecture as JSON, in .keras and .h5; and TensorFlow's SavedModel."""

import json
import re
from pathlib import Path

from .common import Archive, Unusable, numbered
from .protobuf import Message, axes

LIMIT = 16 * 2**20  # bytes of an architecture
SAVE = "save the whole model with model.save('model.keras')"
DTYPES = numbered(  # TensorFlow's
    "float32 float64 int32 uint8 int16 int8 string complex64 int64 bool qint8 quint8 "
    "qint32 bfloat16 qint16 quint16 uint16 complex128 float16"
)


def archive(members: Archive, path: Path) -> dict:
    """Read a .keras file."""
    version = json.loads(members.read("metadata.json")).get("keras_version")
    return _model(json.loads(members.read("config.json")), version)


def hdf5(data, path: Path) -> dict:
    """Read a .h5 file: find the architecture, which Keras writes as one piece of JSON."""
    end = {0: 40, 1: 44}.get(data[8], 28)  # the file's own length, by the format's version
    if len(data) < int.from_bytes(data[end : end + 8], "little"):
        raise ValueError("cut short")
    if data.find(b"model_config") < 0:
        raise Unusable(f"{path.name} contains weights or other data but no architecture: {SAVE}.")
    for start in re.finditer(rb'\{"(module|class_name|config)": ', data):
        text = data[start.start() : start.start() + LIMIT].decode(errors="replace")
        try:
            config, _ = json.JSONDecoder().raw_decode(text)
        except json.JSONDecodeError:
            continue
        if config.keys() >= {"class_name", "config"}:
            return _model(config, None)
    raise ValueError("cut short")


def saved_model(data, path: Path) -> dict:
    """Read the serving signature, Keras's own or TensorFlow's default."""
    signatures = Message(data, 0, len(data)).all(2, 5)
    signatures = {signature.text(1): signature.get(2) for signature in signatures}
    served = signatures.get("serve") or signatures.get("serving_default")
    inputs = [
        (entry.text(1), DTYPES.get(entry.get(2, 2)), axes(entry.get(2, 3), 2))
        for entry in (served.all(1) if served else [])
    ]
    return {"inputs": inputs}


def _model(model: dict, version: str | None) -> dict:
    """Read a model's configuration, of any version and from either format."""
    layers, custom, code = [], set(), set()
    todo = [model | {"compile_config": None}]  # not needed here
    while todo:
        item = todo.pop()
        if isinstance(item, list):
            todo += item
        if not isinstance(item, dict):
            continue
        todo += item.values()
        kind, config = item.get("class_name"), item.get("config")
        if kind == "function":
            custom.add(str(config))
        elif isinstance(config, dict) and ("module" in item or "name" in config):
            layers.append(config)
            if ">" in kind or not str(item.get("module", "keras")).startswith("keras"):
                custom.add(item.get("registered_name") or kind)
            elif "Lambda" in kind:
                code.add(kind)
    notes = []
    if code:
        notes.append(
            f"It has layers that contain code ({', '.join(sorted(code))}), and Keras refuses "
            "them in safe mode: replace them by built-in layers."
        )
    if custom:
        notes.append(
            f"It has custom parts ({', '.join(sorted(custom))}): they must be defined, "
            "with keras.saving.register_keras_serializable, before it is loaded."
        )
    if (version or "").startswith("2.") or any("batch_input_shape" in c for c in layers):
        notes.append("It was saved by Keras 2: load and save it again with Keras 3.")
    name = model["config"].get("name") if isinstance(model["config"], dict) else None
    made_up = re.fullmatch(r"(sequential|functional|model)(_\d+)?", name or "")
    return {
        "inputs": _inputs(model),
        "weights": [(_dtype(config), 1) for config in layers if "trainable" in config],
        "name": None if made_up else name,
        "notes": notes,
    }


def _dtype(layer: dict) -> str:
    policy = layer.get("dtype") or "float32"
    name = policy["config"]["name"] if isinstance(policy, dict) else policy
    return "float32" if name.startswith("mixed_") else name


def _inputs(model: dict) -> list[tuple]:
    """Return the input layers, or the shape the model was built with."""
    config = model["config"]
    layers = config if isinstance(config, list) else config.get("layers") or []
    inputs = [layer["config"] for layer in layers if layer["class_name"] == "InputLayer"]
    if layers and not inputs:  # Keras 2: the first layer or nested model has it
        first = layers[0]["config"]
        if "layers" in first:
            return _inputs(layers[0])
        inputs = [first] if "batch_input_shape" in first else []
    built = (model.get("build_config") or {}).get("input_shape")
    if built and not inputs:
        inputs = [{"name": "input", "batch_shape": built}]
    for each in inputs:
        each.setdefault("batch_shape", each.get("batch_input_shape"))
    return [(each["name"], each.get("dtype"), tuple(each["batch_shape"])) for each in inputs]
