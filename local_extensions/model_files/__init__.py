"""Recognise a model file by its content, without running it and without its framework.

Loading a pickle runs code, and a framework weighs gigabytes: so the formats are read
here as what they are, JSON, protobuf fields and pickle opcodes.

A format is an entry in FORMATS, and a function in the module of its family.
"""

import contextlib
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain, repeat
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple

from . import catboost, keras, lightgbm, onnx, scikit_learn, torch, transformers, xgboost
from .common import (
    CALL,
    Archive,
    Unusable,
    human,
    one_line,
    refuse_pointer,
    refuse_special,
    unreachable,
)
from .networks import Network
from .pixels import Pixels
from .unserved import refuse_unserved


@dataclass(frozen=True)
class Format:
    """A model file format: how to recognise and to read it."""

    title: str
    endings: list[str]  # the usual one first
    # Takes the content (the file's bytes, or its Archive) and its path. Returns fields of
    # ModelFile, with "inputs" and "outputs" as (name, dtype, shape), and "weights" as
    # (dtype, elements) in place of `dtype`; or None if the content is of another format.
    read: Callable[[bytes | Archive, Path], dict | None]
    # A pattern of the first bytes, or names of an archive's members. The longest match
    # decides: a safetensors file can begin like a pickle.
    mark: bytes | str
    runs_code: bool = False  # when it is loaded
    folder: str = ""  # what a folder of it is called


FORMATS = {
    "onnx": Format("ONNX model", [".onnx"], onnx.model, rb"\x08"),
    "skops": Format("skops model", [".skops"], scikit_learn.skops, "schema.json"),
    "joblib": Format(
        "joblib model",
        [".joblib", ".pkl", ".pickle"],
        scikit_learn.joblib,
        scikit_learn.PACKED,
        runs_code=True,
    ),
    "pickle": Format(
        "pickled model",
        [".pkl", ".pickle"],
        scikit_learn.pickle,
        scikit_learn.PICKLE,
        runs_code=True,
    ),
    "torch-export": Format("PyTorch exported program", [".pt2"], torch.export, "archive_format"),
    "torchscript": Format(
        "TorchScript model", [".pt", ".pth"], torch.script, "constants.pkl data.pkl"
    ),
    "state-dict": Format(
        "PyTorch state dict", [".pt", ".pth", ".ckpt", ".bin", ".tar"], torch.state_dict, "data.pkl"
    ),
    "safetensors": Format("safetensors file", [".safetensors"], torch.safetensors, rb".{4}\0{4}\{"),
    "keras": Format("Keras model", [".keras"], keras.archive, "config.json metadata.json"),
    "hdf5": Format("Keras HDF5 model", [".h5", ".hdf5"], keras.hdf5, rb"\x89HDF\r\n\x1a\n"),
    "ubj": Format("XGBoost model", [".ubj"], xgboost.binary, rb"\{L.{8}learner\{"),
    "xgboost-json": Format(
        "XGBoost model", [".json"], xgboost.text, rb'\s*\{\s*"learner"\s*:\s*\{'
    ),
    "lightgbm": Format(
        "LightGBM model", [".txt", ".lgb", ".model"], lightgbm.text, rb"tree\r?\nversion="
    ),
    "cbm": Format("CatBoost model", [".cbm"], catboost.cbm, rb"CBM1"),
    # Folders, with the file in FOLDERS.
    "savedmodel": Format("TensorFlow SavedModel", [""], keras.saved_model, "", folder="SavedModel"),
    "transformers-text": Format(
        "transformers text classifier", [""], transformers.model, "", folder="folders"
    ),
    "transformers-picture": Format(
        "transformers picture classifier", [""], transformers.model, "", folder="folders"
    ),
    "timm": Format("timm model", [""], transformers.model, "", folder="folders"),
}
MOST = 10_000  # files of a folder
FOLDERS = {
    "saved_model.pb": "savedmodel",
    "config.json": "transformers-text",  # or -picture, or timm
}
ENDINGS = [end for format in FORMATS.values() for end in format.endings if end]
NOT_FLOAT = re.compile(r"u?int\d+|bool")  # dtypes
RARELY = (".json", ".txt")  # endings of models, and more often of other files
# The usual ending of each format; pickles have any other, and their loader looks at none.
CLAIMED = {f.endings[0] for f in FORMATS.values() if not f.runs_code and f.endings[0]}
INSTEAD = {  # advice for formats that no framework here loads
    ".py": f"for a plain function, {CALL}",
    ".pb": "give the folder of a SavedModel, or convert the graph to ONNX with tf2onnx",
    ".mlmodel": "Core ML needs an Apple device: export the original model to ONNX",
    ".bin": f"for PyTorch, {torch.SAVE}",
    ".model": f"for XGBoost, {xgboost.SAVE}; for LightGBM, {lightgbm.SAVE}",
    ".ckpt": f"for PyTorch, {torch.SAVE}; for Keras, {keras.SAVE}",
}
REFUSED = {  # content that is not a usable model, by its mark
    "serialized_exported_program.json": (
        "is a program exported by an old PyTorch: save it with torch.export.save of a current "
        "PyTorch"
    ),
    rb".{4}TFL3": (
        "is a TensorFlow Lite model: give the original Keras model, or convert it with tf2onnx"
    ),
    rb"GGUF": "is a GGUF model, a language model for llama.cpp: serve it with llama-server",
    rb"(binf)?.{136}.{8}(reg|binary|multi|count|rank|survival):": (
        f"is in XGBoost's old binary format, which 3.1 and later do not read: {xgboost.OLD}"
    ),
    rb'(booster\[|\[\s*\{\s*"nodeid")': (
        f"is a dump of an XGBoost model, for reading: {xgboost.SAVE}"
    ),
    rb'\s*\{\s*"name"\s*:\s*"tree"': (
        f"is a dump of a LightGBM model, for reading: save it with {lightgbm.SAVE}"
    ),
    rb'\s*\{\s*"(ctr_data|features_info|model_info|oblivious_trees|scale_and_bias|trees)"': (
        f"is a CatBoost model in JSON: run {catboost.CONVERT}"
    ),
    rb"\s*<(!DOCTYPE|!doctype|html)": "is a web page: download the model itself",
}
MARKS = REFUSED | {format.mark: kind for kind, format in FORMATS.items()}
MARKS[torch.OLD] = "state-dict"


class NoModel(Unusable):
    """A folder that is no model itself, but may hold one."""


class Tensor(NamedTuple):
    """A declared input or output of a model."""

    name: str
    dtype: str | None  # None where the file does not declare it
    shape: tuple[int | None, ...] | None  # batch axis first; None for an axis of any length


@dataclass(frozen=True)
class ModelFile:
    """Metadata read from a model file."""

    path: Path  # absolute
    format: str  # a key of FORMATS
    size: int  # bytes, with its companions; of all files, for a folder
    inputs: tuple[Tensor, ...] = ()  # as declared
    outputs: tuple[Tensor, ...] = ()  # as declared; the app uses the first
    dtype: str | None = None  # of most of the weights
    layers: int = 0  # of a Keras network: each takes memory of its own
    labels: tuple[str, ...] = ()  # class names
    features: tuple[str, ...] = ()  # column names
    values: tuple[float | str | tuple, ...] = ()  # an example per column, or its categories
    n_features: int | None = None
    n_outputs: int | None = None  # scores or other numbers per item
    # What the scores are: "probabilities", "independent" ones (a sigmoid each), "logits",
    # "class logits" if the file tells that they are of classes, "class" if only that of the
    # predicted class is 1, "classes" of several targets, or "numbers" of no class.
    scores: str | None = None
    tensor: str | None = None  # that the first output maps by name, as skl2onnx has it
    pixels: Pixels | None = None  # how they go in, if the file tells
    needs: tuple[str, ...] = ()  # locales of the system, to load it
    packages: tuple[str, ...] = ()  # beside the framework's, to load it
    unfit: Mapping[str, str] = field(default_factory=dict)  # by class of hardware: why not there
    network: Network | None = None  # that weights alone belong to, if they tell
    runs_code: bool = False  # loading such a file can run code
    version: str | None = None  # of the framework that saved it
    name: str | None = None  # the architecture's own
    notes: tuple[str, ...] = ()  # sentences that the owner should read
    companions: tuple[Path, ...] = ()  # other files that belong to it
    files: tuple[Path, ...] = ()  # of a folder, those that belong to the model; () is all

    @property
    def input_shape(self) -> tuple[int | None, ...] | None:
        """Declared shape of the first input, batch axis first."""
        return self.inputs[0].shape if self.inputs else None

    @property
    def input_dtype(self) -> str | None:
        """Declared dtype of the first input."""
        return self.inputs[0].dtype if self.inputs else None

    @property
    def detail(self) -> str:
        """A summary in one line."""
        shape = self.input_shape or ()
        axes = shape[1:] if shape[:1] == (None,) else shape
        given = f"{self.input_dtype or ''} {'x'.join(str(axis or '?') for axis in axes)}".strip()
        if self.n_features:
            given = f"{self.n_features} columns"
        parts = [f"{FORMATS[self.format].title} {self.name or ''}".strip(), human(self.size)]
        parts += [f"input {given}"] if given else []
        parts += [f"{len(self.labels)} labels"] if self.labels else []
        return one_line(", ".join(parts))


def inspect(path: Path) -> ModelFile:
    """Recognise the model at `path`, a file or a folder; raise Unusable otherwise."""
    try:
        path = path.expanduser().absolute()
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return _folder(path)
        if stat.S_ISREG(mode):
            return _file(path)
    except OSError as error:
        raise Unusable(unreachable(path, error)) from None
    except (ValueError, RuntimeError) as error:  # a null character, an unknown ~user
        raise Unusable(f"{path} is not a valid path ({error}): check it.") from None
    raise Unusable(f"{path} is neither a file nor a folder: give the model's file.")


def _folder(path: Path) -> ModelFile:
    """Read a folder with a model: of transformers, a SavedModel, or one that holds another."""
    files = _files(path)
    if inner := transformers.inside(path):
        return inspect(inner)
    mark = next((name for name in FOLDERS if (path / name).is_file()), None)
    if mark is None or mark == "config.json" and not transformers.is_folder(path):
        inside = [file.name for file in path.iterdir() if file.suffix in ENDINGS]
        inside.sort(key=lambda name: (name.endswith(RARELY), name))
        raise NoModel(
            f"{path} is a folder without saved_model.pb, so not a SavedModel, and without a "
            "config.json that names an architecture, so not of transformers: give "
            f"{path / inside[0] if inside else 'the model file itself'}."
        )
    if mark == "config.json":
        files = transformers.parts(path)
    for each in files:
        refuse_special(each, path)
    return _read(path, path / mark, files, FOLDERS[mark])


def _files(folder: Path) -> list[Path]:
    """Return the files in a folder and its folders, and links; refuse too many before a walk."""
    files, todo = [], [folder]
    while todo:
        with contextlib.suppress(OSError), os.scandir(todo.pop()) as entries:
            for entry in entries:
                # Linked folders are refused later: their files would be neither weighed nor
                # the model's.
                inner = entry.is_dir(follow_symlinks=False)
                (todo if inner else files).append(Path(entry.path))
                if len(files) + len(todo) > MOST:
                    raise Unusable(
                        f"{folder} has more than {MOST:,} files, and a model a few: give a folder "
                        "with the model alone."
                    )
    return files


def _file(path: Path) -> ModelFile:
    """Read a file; its extension must match its content."""
    found = _read(path, path, [path])
    title, endings = FORMATS[found.format].title, FORMATS[found.format].endings
    free = found.runs_code and path.suffix.lower() not in CLAIMED
    if path.suffix not in endings and not free:
        raise Unusable(
            f"{path.name} is {'an' if title[0] in 'AOX' else 'a'} {title} ({endings[0]}) by its "
            f"content: rename it to {path.stem}{endings[0]}, or give the right file."
        )
    return found


def _read(path: Path, file: Path, files: list[Path], kind: str | None = None) -> ModelFile:
    """Read `file`, one of the model's; any error there is reported as a damaged file."""
    for each in files:
        refuse_pointer(each)
    size = sum(each.stat().st_size for each in files)
    if size == 0:
        raise Unusable(f"{path.name} is empty (0 bytes): copy or download it again.")
    try:
        with file.open("rb") as f, mmap(f.fileno(), 0, access=ACCESS_READ) as data:
            content = Archive(f) if data[:4] == b"PK\x03\x04" else data
            kind = kind or _kind(content, path)
            found = FORMATS[kind].read(content, path)
            if found is None:
                raise Unusable(_unknown(path))
            found["values"] = _values(found)
            weights = Counter()
            for dtype, count in found.pop("weights", []):
                weights[dtype] += count
    except Unusable:
        raise
    except OverflowError as error:
        raise Unusable(
            f"{path.name} ({human(size)}) has more in it than is looked into before a project is "
            f"made ({error}): give a smaller model, or {CALL}."
        ) from None
    except Exception as error:  # the content is untrusted
        if getattr(error, "errno", None):
            raise
        raise Unusable(
            f"{path.name} ({human(size)}) is damaged or cut short: copy, download or "
            "export it again."
        ) from None
    notes = found.pop("notes", ())
    inputs, outputs = (
        tuple(Tensor(*each) for each in found.pop(name, ())) for name in ("inputs", "outputs")
    )
    refuse_unserved(path, inputs, outputs)
    if len(inputs) not in (0, 1, found.get("n_features")):  # one a column is fine
        names = ", ".join(each.name for each in inputs)
        raise Unusable(
            f"{path.name} takes {len(inputs)} inputs ({names}), and a page here gives one: export "
            "it with one input."
        )
    shape = inputs[0].shape if inputs else None
    if shape and shape[0] not in (None, 1):
        raise Unusable(
            f"{path.name} has a fixed batch of {shape[0]}, and a page sends one item: export it "
            "with a free batch axis."
        )
    return ModelFile(
        **{"format": kind} | found,
        path=path,
        size=size + sum(each.stat().st_size for each in found.get("companions", [])),
        inputs=inputs,
        outputs=outputs,
        dtype=max(weights, key=weights.get, default=None),
        runs_code=FORMATS[kind].runs_code,
        notes=tuple(map(one_line, notes)),
    )


def _values(found: dict) -> tuple[float | str | tuple, ...]:
    """Return an example of each column, or its categories; an int where the input takes integers.

    Nothing, if the file tells neither.
    """
    inputs = [Tensor(*each) for each in found.get("inputs", ())]
    dtypes = [each.dtype or "" for each in inputs]
    if len(inputs) == 1 and len(shape := inputs[0].shape or ()) == 2:
        count = found.get("n_features") or shape[1] or 0
        dtypes *= count if count <= scikit_learn.PIXELS else 0
    values = found.get("values") or [0] * len(dtypes) * any(map(NOT_FLOAT.match, dtypes))
    return tuple(map(_value, values, chain(dtypes, repeat(""))))


def _value(value: float | str | tuple, dtype: str) -> float | str | tuple:
    if isinstance(value, tuple) and not 0 < len(value) <= scikit_learn.CHOICES:
        value = value[0]  # more are typed
    if type(value) not in (int, float):
        return value
    if dtype == "bool":
        return (False, True)
    return int(value) if NOT_FLOAT.match(dtype) else float(value)


def _kind(content, path: Path) -> str:
    """Return the format with the longest matching mark."""
    packed = isinstance(content, Archive)
    head, members = (b"", content.names.keys()) if packed else (content[:256], set())

    def fit(mark: bytes | str) -> int:
        if isinstance(mark, str):
            return len(mark) if members >= {*mark.split()} else 0
        found = re.match(mark, head, re.DOTALL)
        return found.end() if found else 0

    mark = max(MARKS, key=fit)
    if not fit(mark):
        raise Unusable(_unknown(path, packed))
    if MARKS[mark] not in FORMATS:
        raise Unusable(f"{path.name} {MARKS[mark]}.")
    return MARKS[mark]


def _unknown(path: Path, packed: bool = False) -> str:
    """Return the error for content of no known format."""
    if packed:
        return (
            f"{path.name} is a zip archive, not in a known model format: unpack it and give "
            "the model in it."
        )
    if path.suffix in INSTEAD:
        return f"{path.name} cannot be used: {INSTEAD[path.suffix]}."
    claimed = [format.title for format in FORMATS.values() if path.suffix in format.endings]
    if path.suffix and claimed:
        return (
            f"{path.name} is not a valid {' or '.join(claimed)}, despite its extension: it is "
            "damaged or another kind of file. Export the model again."
        )
    return (
        f"{path.name} is not in a known model format. Known: "
        f"{', '.join(dict.fromkeys(ENDINGS))} and SavedModel folders."
    )
