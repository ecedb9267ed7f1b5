"""scikit-learn: fitted models in pickle, joblib and skops files."""

import json
import re
import sys
from pathlib import Path

from . import keras, torch
from .common import LIMIT, Archive, Unusable
from .pickles import WRAPPER, Stub, follow, texts

PICKLE = rb"\x80[\x02-\x05]|c[\w.]+\n[\w.]+\n"  # protocols 2 to 5, and 0 or 1
PACKED = rb"\x1f\x8b|x[\x01\x5e\x9c\xda]|BZh|\xfd7zXZ\0|]\0\0|\x04\x22M\x18"
UNWANTED = re.compile(  # catches obvious cases only, not malice
    r"(os|posix|nt|sys|subprocess|pty|socket|shutil|runpy|importlib|ctypes)\."
    r"|(builtins|__builtin__)\.(eval|exec|compile|open|__import__)$"
)


def pickle(data, path: Path) -> dict:
    """Read a pickle, written by Python's own module or by joblib."""
    root, imported, _ = follow(data)
    by_joblib = path.suffix == ".joblib" or WRAPPER in imported
    return _estimator(path, root, imported) | ({"format": "joblib"} if by_joblib else {})


def joblib(data, path: Path) -> dict:
    """Read a file compressed by joblib, up to LIMIT."""
    if data[:2] == b"\x04\x22":  # lz4, which Python cannot unpack
        return {"notes": ["It is compressed with lz4: loading it needs the package lz4."]}
    import bz2
    import io
    import lzma
    import zlib

    unpacker = {
        b"BZ": bz2.BZ2Decompressor,
        b"\xfd7": lzma.LZMADecompressor,
        b"]\0": lzma.LZMADecompressor,
    }.get(data[:2], lambda: zlib.decompressobj(47))()  # 47: zlib or gzip
    content = unpacker.decompress(data[:LIMIT], LIMIT)
    if not re.match(PICKLE, content):
        raise Unusable(
            f"{path.name} is a compressed file, not in a known model format: unpack it "
            "and give the model in it."
        )
    if LIMIT in (len(content), len(data[:LIMIT])):
        return {}
    if not unpacker.eof:
        raise ValueError("cut short")
    root, imported, _ = follow(io.BytesIO(content))
    return _estimator(path, root, imported)


def skops(members: Archive, path: Path) -> dict:
    """Read a skops schema: a pickle's tree as JSON, with the arrays in separate files."""
    imported = []

    def build(node: dict, key: str = ""):
        kind, content = node["__loader__"], node.get("content")
        if kind == "JsonNode":
            return json.loads(content)
        if kind == "DictNode":
            return {key: build(item, key) for key, item in content.items()}
        if isinstance(content, list):
            return [build(item) for item in content]
        imported.append(f"{node['__module__']}.{node['__class__']}")
        stub = Stub(imported[-1])
        if kind == "ObjectNode" and content:
            stub.state = build(content)
        elif key in ("classes_", "feature_names_in_") and node.get("type") == "numpy":
            content = members.read(node["file"])
            if text := re.match(rb"\x93NUMPY\x01.(..)\{'descr': '<(U\d+)'", content, re.DOTALL):
                start = 10 + int.from_bytes(text[1], "little")
                stub.args = content[start:], Stub("numpy.dtype", [text[2].decode()])
        return stub

    try:
        root = build(json.loads(members.read("schema.json")))
    except OverflowError:  # probably a vocabulary
        return {}
    return _estimator(path, root, imported)


def _estimator(path: Path, root, imported: list[str]) -> dict:
    """Read a fitted scikit-learn model."""
    _refuse(path, root, imported)
    first, last = _part(root, 0, "n_features_in_"), _part(root, -1, "classes_")
    if last.cls.startswith("sklearn.") and not any(key.endswith("_") for key in last.state):
        raise Unusable(
            f"{path.name} contains an unfitted {last.cls.rpartition('.')[2]}: call fit and "
            "save it again."
        )
    features = texts(first.state.get("feature_names_in_"))
    count = first.state.get("n_features_in_")
    count = count if isinstance(count, int) else len(features) or None
    notes = []
    if own := sorted({name for name in imported if name.startswith("__main__.")}):
        notes.append(
            f"It uses {', '.join(own)}, from the script that saved it: move that code "
            "into a module of its own and save the model again."
        )
    known = sys.stdlib_module_names | {"sklearn", "numpy", "scipy", "joblib", "copy_reg"}
    packages = {name.partition(".")[0] for name in imported} - known
    if packages := sorted(package for package in packages if package[0] != "_"):
        notes.append(f"Loading it needs {', '.join(packages)} as well.")
    takes_text = first.cls.startswith("sklearn.feature_extraction.text.")
    return {
        "inputs": [("X", "string" if takes_text else None, count and (None, count))],
        "labels": texts(last.state.get("classes_")),
        "features": features,
        "n_features": count,
        "name": last.cls.rpartition(".")[2],
        "notes": notes,
    }


def _refuse(path: Path, root, imported: list[str]) -> None:
    """Raise Unusable unless it is a scikit-learn model."""
    if unwanted := sorted(filter(UNWANTED.match, imported)):
        raise Unusable(
            f"{path.name} runs {unwanted[0]} when it is loaded, which no model needs: do not "
            "load it, and get the model from its maker again."
        )
    if foreign := sorted(filter(re.compile(r"(torch|keras|tensorflow)\.").match, imported)):
        raise Unusable(
            f"{path.name} contains a pickled {foreign[0]}, and loading it runs code: for PyTorch, "
            f"{torch.SAVE}; for Keras, {keras.SAVE}."
        )
    kind = root.cls if isinstance(root, Stub) else type(root).__name__
    state = getattr(root, "state", None)
    if not isinstance(state, dict) or not state or re.match(r"(numpy|pandas|scipy)\.", kind):
        raise Unusable(
            f"{path.name} contains {kind}, not a scikit-learn model: save the fitted model or the "
            "whole pipeline."
        )


def _part(model: Stub, which: int, attribute: str) -> Stub:
    """Return the part of a model that has an attribute, by scikit-learn's rule.

    A pipeline takes it from its first or last step, a search from its best model.
    """
    for _ in range(9):
        if attribute in model.state:
            break
        steps = model.state.get("steps") or model.state.get("transformer_list")
        part = steps[which][1] if steps else model.state.get("best_estimator_")
        if not isinstance(getattr(part, "state", None), dict):
            break
        model = part
    return model
