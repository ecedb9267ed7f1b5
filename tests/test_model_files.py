"""Model files are recognised by their content, and what cannot be used is refused in a sentence.

The files are built here byte by byte, as small as their formats allow: no framework is needed.
"""

import bz2
import gzip
import lzma
import os
import pickle
import random
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from crafted import (
    HALF,
    IMAGE,
    LEGACY,
    NUMBERS,
    SKLEARN,
    WEIGHTS,
    archive,
    by_joblib,
    exported,
    field,
    fields,
    hdf5,
    items,
    joblib_pipeline,
    keras,
    keras_config,
    layer,
    made,
    number,
    objects,
    onnx,
    onnx_input,
    onnx_tensor,
    pickled,
    plain_pipeline,
    refusal,
    safetensors,
    saved_model,
    skops,
    skops_model,
    state_dict,
    torch_file,
    torch_tensor,
    write,
)

from local_extensions import model_files
from local_extensions.catalog import FRAMEWORKS
from local_extensions.model_files import FORMATS, Unusable, inspect

ROOT = Path(__file__).resolve().parent.parent
DEMOS = sorted(
    file
    for file in (ROOT / "demos").rglob("*")
    if file.suffix in model_files.ENDINGS and file.name not in ("card.json", "labels.txt")
)

# A file's name and content, and what it is found to be.
MODELS = {
    "onnx": (
        "model.onnx",
        onnx(IMAGE, weights=[onnx_tensor("w", 30, 3, dtype=10), onnx_tensor("i", 4, dtype=7)]),
        {"format": "onnx", "input_shape": (None, 3, 224, 224), "input_dtype": "float32"}
        | {"dtype": "float16", "detail": "ONNX model, 94 bytes, input float32 3x224x224"},
    ),
    "onnx-weights-among-inputs": (
        "model.onnx",
        onnx(onnx_input("w", 1, 3, 3), IMAGE, weights=[onnx_tensor("w", 3, 3)]),
        {"input_shape": (None, 3, 224, 224), "notes": ()},
    ),
    "onnx-ultralytics": (
        "model.onnx",
        onnx(IMAGE, metadata=[("task", "classify"), ("names", "{0: 'cat', 1: 'bird'}")]),
        {"labels": ("cat", "bird")},
    ),
    "onnx-hostile-metadata": (
        "model.onnx",
        onnx(IMAGE, metadata=[("names", "__import__('os').getcwd()")]),
        {"labels": ()},
    ),
    "onnx-skl2onnx": (
        "model.onnx",
        onnx(
            onnx_input("x", 1, "n", 4),
            nodes=[field(5, field(1, "classlabels_strings") + fields(9, ["cat", "bird"]))],
        ),
        {"labels": ("cat", "bird"), "input_shape": (None, 4)},
    ),
    "onnx-text": (
        "model.onnx",
        onnx(onnx_input("x", 8, "n")),
        {"input_dtype": "string", "input_shape": (None,)},
    ),
    "keras": (
        "model.keras",
        keras(keras_config()),
        {"format": "keras", "name": "inception_v3", "input_shape": (None, 299, 299, 3)}
        | {"dtype": "float32", "notes": (), "runs_code": False},
    ),
    "keras-sequential": (
        "model.keras",
        keras(keras_config(name="sequential_3", shape=[None], dtype="string")),
        {"name": None, "input_dtype": "string", "input_shape": (None,)},
    ),
    "keras-half": ("model.keras", keras(keras_config(HALF, HALF)), {"dtype": "float16"}),
    "hdf5": (
        "model.h5",
        hdf5(keras_config()),
        {"format": "hdf5", "name": "inception_v3", "input_shape": (None, 299, 299, 3)},
    ),
    "torchscript": (
        "model.pt",
        torch_file(made("__torch__.nets.ResNet", **WEIGHTS), constants_DOT_pkl=pickled(b")")),
        {"format": "torchscript", "name": "ResNet", "dtype": "float16", "runs_code": False},
    ),
    "state-dict": (
        "model.pt",
        torch_file(state_dict(**WEIGHTS), data__0=bytes(4)),
        {"format": "state-dict", "dtype": "float16", "runs_code": False},
    ),
    "state-dict-plain": ("model.pth", torch_file(items(**WEIGHTS)), {"format": "state-dict"}),
    "torch-export": (
        "model.pt2",
        exported("s0", 1, 8, 8),
        {"format": "torch-export", "input_shape": (None, 1, 8, 8), "input_dtype": "float32"}
        | {"dtype": "float16"},
    ),
    "safetensors": (
        "model.safetensors",
        safetensors(weight=30, bias=3),
        {"format": "safetensors", "dtype": "float16"},
    ),
    "skops": (
        "model.skops",
        skops(skops_model()),
        SKLEARN | {"format": "skops", "runs_code": False},
    ),
    "pickle": ("model.pkl", plain_pipeline(), SKLEARN | {"format": "pickle", "runs_code": True}),
    "joblib": (
        "model.joblib",
        joblib_pipeline(),
        SKLEARN | {"format": "joblib", "runs_code": True},
    ),
    "joblib-in-pkl": ("model.pkl", joblib_pipeline(), SKLEARN | {"format": "joblib"}),
    "pickle-in-joblib": ("model.joblib", plain_pipeline(), SKLEARN | {"format": "joblib"}),
} | {
    f"joblib-{pack.__module__}-{number}": (
        "model.joblib",
        pack(joblib_pipeline()),
        SKLEARN | {"format": "joblib", "runs_code": True},
    )
    for number, pack in enumerate(
        [zlib.compress, gzip.compress, bz2.compress, lzma.compress]
        + [lambda content: lzma.compress(content, format=lzma.FORMAT_ALONE)]
    )
}


@pytest.mark.parametrize("case", MODELS)
def test_model_is_recognised(case, tmp_path):
    filename, content, expected = MODELS[case]
    found = inspect(write(tmp_path, filename, content))
    assert {key: getattr(found, key) for key in expected} == expected
    assert found.path == tmp_path / filename
    assert found.size == len(content)
    assert found.detail.startswith(FORMATS[found.format].title)


@pytest.mark.parametrize("head", [b"\x08\1", b"x\1", b"\x80\2"], ids=["onnx", "zlib", "pickle"])
def test_longest_mark_wins(head, tmp_path):
    content = safetensors(length=int.from_bytes(head, "little"), weight=30)
    assert content.startswith(head)
    assert inspect(write(tmp_path, "m.safetensors", content)).format == "safetensors"


def test_savedmodel_is_recognised(tmp_path):
    write(tmp_path, "saved_model.pb", saved_model(-1, 8, 8, 1))
    (tmp_path / "variables").mkdir()
    write(tmp_path / "variables", "variables.index", bytes(1000))
    found = inspect(tmp_path)
    assert (found.format, found.input_shape) == ("savedmodel", (None, 8, 8, 1))
    assert (found.input_dtype, found.size) == ("float32", 1000 + len(saved_model(-1, 8, 8, 1)))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (
            "model.onnx",
            onnx(onnx_input("a", 1, "n", 4), onnx_input("b", 1, "n", 5)),
            "takes 2 inputs (a, b)",
        ),
        ("model.pt2", exported(2, 1, 8, 8), "fixed batch of 2"),
        ("model.keras", keras(keras_config(layer("Lambda"))), "safe mode"),
        ("model.keras", keras(keras_config(layer("Twice", None, "mine>Twice"))), "mine>Twice"),
    ],
)
def test_model_that_a_page_cannot_serve_is_refused(name, content, reason, tmp_path):
    assert reason in refusal(write(tmp_path, name, content))


def test_external_weights_are_companions(tmp_path):
    weights = [onnx_tensor(name, 3, location="model.onnx.data") for name in "ab"]
    path = write(tmp_path, "model.onnx", onnx(IMAGE, weights=weights))
    assert "model.onnx.data, which is missing" in refusal(path)
    write(tmp_path, "model.onnx.data", bytes(500))
    found = inspect(path)
    assert found.companions == (tmp_path / "model.onnx.data",)
    assert found.size == path.stat().st_size + 500


def test_truncated_external_weights_are_refused(tmp_path):
    extra = [("offset", "64"), ("length", "100")]
    model = onnx(IMAGE, weights=[onnx_tensor("a", 3, location="w.data", extra=extra)])
    path = write(tmp_path, "model.onnx", model)
    write(tmp_path, "w.data", bytes(163))
    assert refusal(path).startswith("w.data is cut short")
    write(tmp_path, "w.data", bytes(164))
    assert inspect(path).size == len(model) + 164


def test_external_weights_in_a_download_cache(tmp_path):
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshot").mkdir()
    model = onnx(IMAGE, weights=[onnx_tensor("a", 3, location="w.data")])
    for link, target, content in [("m.onnx", "0a", model), ("w.data", "0b", bytes(500))]:
        write(tmp_path / "blobs", target, content)
        (tmp_path / "snapshot" / link).symlink_to(f"../blobs/{target}")
    assert inspect(tmp_path / "snapshot" / "m.onnx").size == len(model) + 500


@pytest.mark.parametrize("where", ["initializer", "attribute", "function"])
@pytest.mark.parametrize("location", ["../secret", "/etc/hostname", "", "link", "a/../../secret"])
def test_external_weights_outside_the_folder_are_refused(where, location, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    write(tmp_path, "secret", b"not yours")
    (folder / "link").symlink_to(tmp_path / "secret")
    tensor = onnx_tensor("a", 3, location=location)
    node = field(5, field(1, "value") + field(5, tensor))
    content = {
        "initializer": onnx(IMAGE, weights=[tensor]),
        "attribute": onnx(IMAGE, nodes=[node]),
        "function": onnx(IMAGE) + field(25, field(7, node)),
    }[where]
    assert "outside its own folder" in refusal(write(folder, "model.onnx", content))


LINEAR = "sklearn.linear_model._logistic.LogisticRegression"
REFUSED = {
    "empty": ("model.onnx", b"", "is empty (0 bytes)"),
    "pointer": (
        "model.onnx",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 97000000\n",
        "Git LFS pointer, not the model of 97 MB that it stands for: run `git lfs pull`",
    ),
    "web page": ("model.onnx", b"\n<!DOCTYPE html><html>", "is a web page"),
    "noise": ("model.onnx", b"\xff" * 99, "is not a valid ONNX model"),
    "other protobuf": ("model.onnx", field(1, 1) + field(2, "x"), "is not a valid ONNX model"),
    "noise with two meanings": (
        "model.pt",
        b"\xff" * 99,
        "TorchScript model or PyTorch state dict",
    ),
    "unknown": ("notes.md", b"hello", "Known: .onnx, .skops, .joblib"),
    "no ending": ("model", b"hello", "Known: "),
    ".pb": ("graph.pb", b"\n\x05hello", "folder of a SavedModel"),
    ".tflite": ("model.tflite", b"\x1c\0\0\0TFL3" + bytes(50), "TensorFlow Lite"),
    ".mlmodel": ("model.mlmodel", b"\xff" * 50, "Core ML"),
    ".gguf": ("model.gguf", b"GGUF" + bytes(50), "llama-server"),
    ".bin": ("model.bin", b"\xff" * 50, "torch.save(model.state_dict()"),
    ".ckpt": ("model.ckpt", b"\xff" * 50, "torch.save(model.state_dict()"),
    "zip": ("model.keras", archive(readme_DOT_txt="hello"), "unpack it"),
    "packed text": ("model.joblib", gzip.compress(b"hello"), "unpack it"),
    "huge header": ("model.safetensors", b"\xff\xff\xff\x7f\0\0\0\0{" + bytes(99), "cut short"),
    "nothing in it": ("model.safetensors", safetensors(), "contains no tensors"),
    "weights alone": ("model.h5", hdf5(), "model.save('model.keras')"),
    "legacy": ("model.pt", LEGACY, "is damaged or cut short"),
    "whole module": (
        "model.pt",
        torch_file(made("nets.ResNet", **WEIGHTS)),
        "whole pickled nets.ResNet, and loading it runs code",
    ),
    "more than tensors": (
        "model.pt",
        torch_file(items(args=made("argparse.Namespace"), **WEIGHTS)),
        "Python objects (argparse.Namespace)",
    ),
    "checkpoint": (
        "model.pt",
        torch_file(items(generator=state_dict(**WEIGHTS), epoch=number(3))),
        "a checkpoint (generator, epoch) without weights in state_dict, model_state_dict",
    ),
    "one tensor": ("model.pt", torch_file(torch_tensor("0", 3)), "no tensors with names"),
    "old export": (
        "model.pt2",
        archive(serialized_exported_program_DOT_json={}),
        "torch.export.save of a current PyTorch",
    ),
    "dict": (
        "model.joblib",
        pickled(items(a=number(1))),
        "contains dict, not a scikit-learn model",
    ),
    "array": ("model.joblib", pickled(by_joblib("f8", NUMBERS, 8)), "contains numpy.ndarray"),
    "frame": (
        "model.pkl",
        pickled(made("pandas.DataFrame", _mgr=b"N")),
        "contains pandas.DataFrame",
    ),
    "untrained": (
        "model.pkl",
        pickled(made(LINEAR, C=number(1))),
        "unfitted LogisticRegression: call fit",
    ),
    "torch pickled": ("model.pkl", pickled(made("torch.nn.Linear", a=b"N")), "torch.export.save"),
    "wrong ending": (
        "model.onnx",
        keras(keras_config()),
        "is a Keras model (.keras) by its content: rename it to model.keras, or give the right file.",
    ),
    "endless": ("model.joblib", pickled(by_joblib("f8", NUMBERS, -40)), "shape"),
    "control characters": ("model.pkl", pickled(made("a.\x1b[31mb")), "a.?[31mb"),
} | {
    f"{case} as {other}": (
        f"model{other}",
        content,
        f"rename it to model{FORMATS[kind].endings[0]}",
    )
    for case, (_, content, _) in MODELS.items()
    if (kind := case) in FORMATS
    for other in [".onnx", ".keras", ".pt", ".txt", ".bin", ".ONNX"]
    if other not in FORMATS[kind].endings
    if not (FORMATS[kind].runs_code and other in (".txt", ".bin"))  # no other format's
}


@pytest.mark.parametrize("case", REFUSED)
def test_unusable_file_is_refused(case, tmp_path):
    filename, content, reason = REFUSED[case]
    said = refusal(write(tmp_path, filename, content))
    assert said.startswith(filename)
    assert reason in said


def test_missing_file_suggests_a_similar_name(tmp_path):
    write(tmp_path, "digits.onnx", onnx(IMAGE))
    assert refusal(tmp_path / "digit.onnx").endswith("does not exist. Did you mean digits.onnx?")
    assert refusal(tmp_path / "other").endswith("does not exist. Check the path.")
    assert f"there is no folder {tmp_path / 'no'}" in refusal(tmp_path / "no" / "digits.onnx")
    assert "there is no folder" in refusal(tmp_path / "digits.onnx" / "digits.onnx")


def test_folder_must_be_a_savedmodel(tmp_path):
    assert "give the model file itself" in refusal(tmp_path)
    path = write(tmp_path, "digits.onnx", onnx(IMAGE))
    assert f"give {path}." in refusal(tmp_path)
    write(tmp_path, "saved_model.pb", b"\xff" * 50)
    assert "damaged" in refusal(tmp_path)


def test_links_are_followed_and_broken_ones_refused(tmp_path):
    path = write(tmp_path, "digits.onnx", onnx(IMAGE))
    for link, target in [("good.onnx", path), ("lost.onnx", "gone"), ("loop.onnx", "loop.onnx")]:
        (tmp_path / link).symlink_to(target)
    assert inspect(tmp_path / "good.onnx").path == tmp_path / "good.onnx"
    assert "symbolic link to gone, which does not exist" in refusal(tmp_path / "lost.onnx")
    assert "loop of symbolic links" in refusal(tmp_path / "loop.onnx")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_special_files_and_invalid_paths_are_refused(tmp_path):
    os.mkfifo(tmp_path / "model.onnx")
    assert "neither a file nor a folder" in refusal(tmp_path / "model.onnx")
    assert "is not a valid path" in refusal(Path("a\0b"))
    assert "cannot be read" in refusal(Path("a" * 5000))


def test_unreadable_file_is_refused(tmp_path, monkeypatch):
    path = write(tmp_path, "digits.onnx", onnx(IMAGE))

    def denied(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert "is not readable: change its permissions" in refusal(path)


@pytest.mark.parametrize("case", MODELS)
def test_truncated_model_is_refused(case, tmp_path):
    filename, content, _ = MODELS[case]
    for size in range(1, len(content) - 1, len(content) // 20):
        refusal(write(tmp_path, filename, content[:size]))


def test_damaged_model_is_refused_or_harmless(tmp_path):
    chance = random.Random(0)
    for filename, content, _ in MODELS.values():
        for _ in range(40):
            damaged = bytearray(content)
            for _ in range(chance.choice([1, 3, 20])):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            path = write(tmp_path, filename, damaged)
            try:
                assert inspect(path).detail.isprintable()
            except Unusable as error:
                assert str(error).isprintable()


class Canary:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_code_in_a_file_never_runs(protocol, tmp_path):
    canary = tmp_path / "canary"
    content = pickle.dumps(Canary(canary), protocol)
    for filename, whole in {
        "model.pkl": content,
        "model.joblib": zlib.compress(content),
        "whole.pt": archive("m/", data_DOT_pkl=content),
        "script.pt": archive("m/", data_DOT_pkl=content, constants_DOT_pkl=content),
        "model.skops": skops(skops_model("posix", "system")),
        "inside.joblib": pickled(made(LINEAR, coef_=content[:-1], classes_=b"N")),
        "array.joblib": pickled(made(LINEAR, coef_=objects(content), classes_=b"N")),
    }.items():
        path = write(tmp_path, filename, whole)
        if filename == "script.pt":
            inspect(path)  # PyTorch's own reader imports nothing
        else:
            assert "system" in refusal(path)
    assert not canary.exists()
    pickle.loads(content)
    assert canary.exists(), "the canary does not sing"


def test_formats_match_the_catalog():
    offered = [kind for framework in FRAMEWORKS.values() for kind in framework.formats]
    assert sorted(offered) == sorted(FORMATS)


def test_imports_little_and_only_the_standard_library():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import model_files; "
        "print({'zipfile', 'pickletools', 'lzma', 'difflib'} & sys.modules.keys())"
    )
    folder = Path(model_files.__file__).parent.parent
    run = [sys.executable, "-I", "-S", "-c", code, folder]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize("path", DEMOS, ids=lambda path: path.name)
def test_demo_is_recognised(path):
    found = inspect(path)
    assert path.suffix == FORMATS[found.format].endings[0]
    assert all("scaling" in note for note in found.notes)  # which no file tells
    assert not found.runs_code
    if found.format == "skops":
        assert found.n_features or found.input_dtype == "string"
    else:
        assert found.input_shape[0] in (None, 1)
        dtypes = ("string",) if "text" in path.parent.name else ("float32", "float64")
        assert found.input_dtype in dtypes


def test_demos_exist():
    assert DEMOS
