"""Model files made to exhaust recognition, or to put a command into what it advises."""

import json
import re
import shlex
import struct
import time
import tracemalloc

import crafted
import pytest
from crafted import (
    call,
    group,
    items,
    layer,
    made,
    name,
    number,
    pickled,
    refusal,
    text,
    torch_file,
)
from test_model_files import LINEAR
from test_transformers import BERT, PICTURE, TEXT, VIT, WEIGHTS
from test_transformers import write as folder

from local_extensions import model_files
from local_extensions.kinds import fitting, unfit
from local_extensions.model_files import inspect, keras_layers, pickles, scikit_learn, torch
from local_extensions.model_files.pickles import Stub

DAMAGED = "is damaged or cut short"
CODE = {"auto_map": {"AutoTokenizer": ["x.Y", None]}}
TIMM = {"architecture": "resnet18", "num_classes": 2, "pretrained_cfg": {}}
TIMM_FOLDER = {"model.safetensors": WEIGHTS}
EVIL = "$(touch PWN)`id`"
FLAVOR = "flavors:\n  sklearn:\n    pickled_model: model.pkl\n    loader: "


@pytest.fixture(autouse=True)
def bounded():
    """Quadratic time takes minutes here; how fast it is, `make recognise` measures."""
    start = time.process_time()
    yield
    assert time.process_time() - start < 30, "takes too long"


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (TEXT | {"config.json": BERT | {"id2label": {}, "num_labels": 10**8}}, "100000000 classes"),
        (TEXT | {"config.json": BERT | {"id2label": {}, "num_labels": "2"}}, "2 classes"),
        (TEXT | {"tokenizer_config.json": CODE | {"pad": "a" * 1_500_000}}, "code of its own"),
        (TEXT | {"tokenizer_config.json": CODE | {"pad": "a" * 3_000_000}}, "has more in it than is looked into"),
        (TEXT | {"tokenizer_config.json": b"["}, DAMAGED),
        (PICTURE | {"preprocessor_config.json": CODE}, "code of its own"),
        (PICTURE | {"processor_config.json": {"image_processor": CODE}}, "code of its own"),
        (TEXT | {"config.json": b"[" * 10**5}, DAMAGED),
        (PICTURE | {"config.json": VIT | {"a": [[]] * 510_000}}, "more in it than is looked into"),
        (TIMM_FOLDER | {"config.json": TIMM | {"num_classes": "2); import os #"}}, "correct its"),
        (TIMM_FOLDER | {"config.json": TIMM | {"num_classes": 10**30}}, "correct its"),
        (TIMM_FOLDER | {"config.json": TIMM | {"model_args": {"a": {"b": 1}}}}, 'a={"b": 1}'),
        (TIMM_FOLDER | {"config.json": TIMM | {"model_args": {"in_chans": 1}}}, "in_chans=1"),
        (TIMM_FOLDER | {"config.json": TIMM | {"model_args": {"checkpoint_path": "/x"}}}, "/x"),
    ],
)  # fmt: skip
def test_folder(files, reason, tmp_path):
    assert reason in refusal(folder(tmp_path, files))


def test_arguments_of_timm(tmp_path):
    arguments = {"img_size": [224, 224], "act_layer": "gelu", "num_classes": 2}
    files = TIMM_FOLDER | {"config.json": TIMM | {"model_args": arguments}}
    assert inspect(folder(tmp_path, files)).format == "timm"


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (FLAVOR + "x", "sklearn"),
        ("a: &a [x]\n" + FLAVOR + "*a", "damaged"),
        ("[" * 60_000, "damaged"),
        ("- " * 30_000, "damaged"),
        (FLAVOR + "x" * 64_000, "damaged"),
    ],
)
def test_mlflow(text, known, tmp_path):
    assert f"a model of MLflow ({known})" in refusal(folder(tmp_path, {"MLmodel": text.encode()}))


def test_keras_architecture_is_small(tmp_path):
    for config in (b" " * 9 * 2**20, b"[" * 600_000):
        content = crafted.archive(config_DOT_json=config, metadata_DOT_json=b"{}")
        assert "more in it than is looked into" in refusal(
            crafted.write(tmp_path, "a.keras", content)
        )


def test_keras_chain_takes_linear_time():
    def after(n):
        tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": [f"d{n}", 0, 0]}}
        return [{"args": [tensor], "kwargs": {}}]

    chain = [
        layer("Dropout", name=f"d{n}") | {"inbound_nodes": after(n - 1) if n else []}
        for n in range(20_000)
    ]
    model = {"class_name": "Functional", "config": {"layers": chain}}
    assert len(list(keras_layers.forward(model))) == len(chain)
    plain = {
        "class_name": "Sequential",
        "config": [layer("Dropout", name=f"{n}") for n in range(5000)],
    }
    assert len(list(keras_layers.backward(plain))) == 5000


def test_text_of_hdf5_that_is_not_the_attribute(tmp_path):
    """An architecture somewhere else in the file is not what Keras loads."""
    decoy = json.dumps(crafted.keras_config(shape=(None, 7))).encode().ljust(8000)
    path = crafted.write(tmp_path, "a.h5", crafted.hdf5(crafted.keras_config(), ahead=decoy))
    assert inspect(path).input_shape == (None, 299, 299, 3)
    path.write_bytes(crafted.hdf5(ahead=b"model_config\0" + decoy))
    assert "no architecture" in refusal(path)


@pytest.mark.parametrize("old", [b"GCOL", b"\1\0\1\0\1\0\0\0", b"\x08\x08"])
def test_damaged_hdf5(old, tmp_path):
    content = crafted.hdf5(crafted.keras_config())
    assert old in content
    assert DAMAGED in refusal(
        crafted.write(tmp_path, "a.h5", content.replace(old, b"A" * len(old)))
    )


def test_shared_parts_of_a_pickle():
    part = Stub("sklearn.preprocessing._data.StandardScaler")
    part.state = {"mean_": None}
    for _ in range(40):
        outer = Stub("sklearn.pipeline.FeatureUnion")
        outer.state = {"transformer_list": [("a", part), ("b", part)]}
        part = outer
    assert scikit_learn._columns(part, 3) == {}


@pytest.mark.parametrize("size", [float("nan"), -1, 2.5, True, 10**30, "2"])
def test_size_of_a_tensor(size, tmp_path):
    tensor = {"dtype": "F16", "shape": [size], "data_offsets": [0, 4]}
    header = json.dumps({"fc.weight": tensor}).encode()
    content = struct.pack("<Q", len(header)) + header + bytes(4)
    assert DAMAGED in refusal(crafted.write(tmp_path, "a.safetensors", content))


def test_convolutions_of_many_sizes(tmp_path):
    """Which size of pictures they leave is not a matter of trying all."""
    shapes = {f"{n}.weight": [8, 8 if n else 3, 7**n + 3, 7**n + 3] for n in range(14)}
    tensors = {
        name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}
        for name, shape in (shapes | {"fc.weight": [10, 8 * 49]}).items()
    }
    header = json.dumps(tensors).encode()
    content = len(header).to_bytes(8, "little") + header
    assert inspect(crafted.write(tmp_path, "a.safetensors", content)).format == "safetensors"


def test_layers_are_compared_in_linear_time():
    convolutions = [(8, 8 if n else 3, 2 + n % 40, 2 + n % 40) for n in range(20_000)]
    assert torch._side(convolutions + [(n, 8 * 49) for n in range(20_000)]) is None


def test_header_of_safetensors(tmp_path):
    content = struct.pack("<Q", 20 * 2**20) + b"{" + b" " * 20 * 2**20
    assert "more than 16 MiB" in refusal(crafted.write(tmp_path, "a.safetensors", content))


OBJECT = name("sklearn.linear_model._logistic.LogisticRegression")
FIELDS = items(**{f"{n}": b"N" for n in range(10**5)})
DOUBLED = b"}q\1" + b"".join(b"0" + items(a=b"h\1", b=b"h\1") + b"q\1" for _ in range(60))


def model(**state):
    """A pickle of a fitted model."""
    known = {"n_features_in_": number(4), "classes_": b"](" + text("a") + text("b") + b"e"}
    return b"\x80\x02" + OBJECT + b")R" + items(**known | state) + b"b."


@pytest.mark.sample("pickle[02456]")
@pytest.mark.parametrize(
    "pickle",
    [
        b"N0" * 10**6 + b"N.",
        b"]" * 10**6 + b"a" * (10**6 - 1) + b".",
        b"}" + b"".join(b"c%d\na\n0" % n for n in range(10**5)) + b".",
        b"".join(b"X\6\0\0\0%06d" % n for n in range(1_250_000)) + b".",
        OBJECT + b"q\0(" + text("x") + b"2" * 10**5 + b"tq\1" + b"0h\0h\1R" * 10**4 + b".",
        OBJECT + b"q\0(" + b"N" * 10**6 + b"tq\1" + b"0h\0h\1R" * 10**4 + b".",
        crafted.dtype("V8") + group(number(3), text("|"), b"N", b"N", FIELDS) + b"b.",
    ],
)  # fmt: skip
def test_large_pickle(pickle, tmp_path):
    path = crafted.write(tmp_path, "a.pkl", b"\x80\x02" + pickle)
    assert re.search("more in it than is looked into|damaged", refusal(path))


def test_pickles_in_a_file_share_a_limit(monkeypatch):
    monkeypatch.setattr(pickles, "MOST", 100)
    source = pickles.Source(b"\x80\x02" + b"N0" * 40 + b"N." + b"\x80\x02" + b"N0" * 20 + b"N.")
    pickles.follow(source)
    with pytest.raises(OverflowError, match="more than 100 opcodes"):
        pickles.follow(source)


@pytest.mark.parametrize("start", [
    b"c", b"V", b"L", b"F", b"P", b"\x8e" + struct.pack("<Q", 2**31), b"\x8d" + struct.pack("<Q", 2**31),
    b"B" + struct.pack("<I", 2**31), b"X" + struct.pack("<I", 2**31), b"T" + struct.pack("<i", 2**30),
    b"\x8b" + struct.pack("<i", 2**30), b"\x8e" + b"\xff" * 8,
])  # fmt: skip
def test_pickle_of_gigabytes_is_not_read(start, tmp_path):
    path = crafted.write(tmp_path, "a.pkl", b"\x80\x02" + start)
    with path.open("r+b") as file:
        file.truncate(2**31 + 2**20)
    tracemalloc.start()
    try:
        assert DAMAGED in refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


def test_large_arrays_are_read_where_they_are_needed(tmp_path):
    words = [f"{n:0100}" for n in range(2)]
    content = "".join(words).encode("utf-32-le")
    array = crafted.array("U100", b"B" + struct.pack("<I", len(content)) + content, 2)
    path = crafted.write(tmp_path, "a.pkl", model(classes_=array).replace(b"\x80\x02", b"\x80\x04"))
    assert inspect(path).labels == (*words,)


@pytest.mark.parametrize(("called", "args"), [
    ("builtins.bytearray", [number(4)]), ("__builtin__.bytes", [b"\x8a\5\0\0\0\0\1"]),
    ("builtins.list", [call("builtins.range", number(9))]), ("builtins.range", [number(2 * 10**9)]),
    ("numpy.core.multiarray.scalar", [crafted.dtype("V9")]),
    ("numpy.core.multiarray._reconstruct", [name("numpy.ndarray"), number(9) + b"\x85", text("b")]),
    ("scipy.sparse._csr.csr_matrix", [number(9) + number(9) + b"\x86"]),
    ("copyreg.__newobj__", [name("builtins.bytes"), number(9)]),
    ("copyreg._reconstructor", [name("builtins.bytearray"), name("builtins.bytearray"), number(9)]),
])  # fmt: skip
def test_call_that_could_take_all_memory(called, args, tmp_path):
    path = crafted.write(tmp_path, "a.pkl", model(coef_=call(called, *args)))
    assert "what could take all memory" in refusal(path)


def test_call_by_name_that_could_take_all_memory(tmp_path):
    evil = name("builtins.bytes") + b")" + items(source=number(9)) + b"\x92"
    path = crafted.write(tmp_path, "a.pkl", model(coef_=evil).replace(b"\x80\x02", b"\x80\x04"))
    assert "what could take all memory" in refusal(path)


@pytest.mark.parametrize("content", [b"B\3\0\0\0abc", b"C\3abc", text("abc") + text("latin-1")])
def test_bytes_of_a_booster(content, tmp_path):
    """As Python writes them in older protocols."""
    path = crafted.write(tmp_path, "a.pkl", model(coef_=call("builtins.bytearray", content)))
    assert inspect(path).labels == ("a", "b")


@pytest.mark.parametrize(("state", "said"), [
    ({"classes_": b"](" + DOUBLED + b"h\1e"}, "neither texts nor numbers"),
    ({"classes_": b"](" + call("datetime.date", number(1)) + b"e"}, "neither texts nor numbers"),
    ({"classes_": b"](" + b"N" * 200_000 + b"e"}, "more than 100,000 classes"),
    ({"coef_": call("numpy.dtype", DOUBLED)}, "numpy.dtype of no text"),
    ({"n_features_in_": b"\x8b" + struct.pack("<i", 10**5) + b"7" * 10**5}, "how many columns"),
    ({"n_features_in_": number(2**30), "feature_names_in_": b"](" + text("a") + b"e"}, DAMAGED),
])  # fmt: skip
def test_state_of_a_model(state, said, tmp_path):
    assert said in refusal(crafted.write(tmp_path, "a.pkl", model(**state)))


def test_columns_without_end(tmp_path):
    """As many as the pixels of a large picture, with what a scaler knows of them."""
    columns = number(30_000**2)
    scaler = made(
        "sklearn.preprocessing._data.StandardScaler",
        n_features_in_=columns,
        mean_=b"](G" + struct.pack(">d", 1.5) + b"e",
    )
    classes = b"](" + text("a") + text("b") + b"e"
    last = made(LINEAR, coef_=b"N", classes_=classes, n_features_in_=columns)
    steps = b"](" + group(text("scale"), scaler) + group(text("model"), last) + b"e"
    pipeline = made("sklearn.pipeline.Pipeline", steps=steps, memory=b"N")
    found = inspect(crafted.write(tmp_path, "a.pkl", pickled(pipeline)))
    assert found.values == () and fitting(found) == []
    assert "takes 900000000 columns" in unfit(found)


@pytest.mark.parametrize("state", ["_sklearn_version", "y_type_", "input", "loss"])
def test_state_that_cannot_be_printed(state, tmp_path):
    found = inspect(crafted.write(tmp_path, "a.pkl", model(**{state: DOUBLED})))
    assert found.version is None


def test_tensors_that_share_a_long_shape(tmp_path):
    make = name("torch._utils._rebuild_tensor_v2") + b"q\0"
    shape = group(b"N", b"N", group(b"K\1" * 10**5), b"N", b"N", b"t"[:0]) + b"q\1"
    weights = {f"{n}w": b"h\0h\1R" for n in range(10_000)}
    path = crafted.write(tmp_path, "a.pt", torch_file(make + shape + items(**weights)))
    assert "long names or shapes" in refusal(path)


@pytest.mark.parametrize("schema", [b"[" + b"[]," * 1_200_000 + b"[]]", b" " * 17 * 2**20,
                                    b"[" + b"1," * 1_300_000 + b"1]"])  # fmt: skip
def test_schema_of_skops_is_bounded(schema, tmp_path):
    path = crafted.write(tmp_path, "a.skops", crafted.archive(schema_DOT_json=schema))
    assert "has a schema.json with too much to look into" in refusal(path)


@pytest.mark.parametrize(("file", "content", "program"), [
    ("my model.pt", torch_file(made("ultralytics.nn.tasks.ClassificationModel")), "yolo export"),
    ("my model.pt", torch_file(made("ultralytics.nn.tasks.DetectionModel")), "yolo export"),
    ("my model.txt", b"tree\r\nversion=v4\r\n", "dos2unix"),
])  # fmt: skip
def test_name_with_a_space_in_a_command(file, content, program, tmp_path):
    said = refusal(crafted.write(tmp_path, file, content))
    words = shlex.split(re.search(f"{program} [^`,]*", said)[0])
    assert file in [word.removeprefix("model=") for word in words]


def commands(said):
    return "".join(re.findall(r"python -c .*|yolo .*|[\w.]+\(.*", said))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("{}.pt", torch_file(made("torch.nn.modules.container.Sequential"))),
        ("{}.pt", torch_file(made("ultralytics.nn.tasks.ClassificationModel"))),
        ("{}.keras", crafted.keras(crafted.keras_config(), version="2.12.0")),
        ("{}.joblib", b"\x04\x22\x4d\x18" + bytes(40)),
    ],
)
def test_name_in_a_command(name, content, tmp_path):
    evil, plain = (
        commands(refusal(crafted.write(tmp_path, name.format(stem), content)))
        for stem in (EVIL, "my-model")
    )
    assert "my-model" in plain, "shows a command with the name"
    assert "touch" not in evil and "FILE" in evil


def test_foreign_name_in_a_command(tmp_path):
    config = BERT | {"_name_or_path": f"x').y;{EVIL}"}
    files = {"config.json": config, "model.safetensors": WEIGHTS}
    assert "from_pretrained('MODEL')" in refusal(folder(tmp_path, files))


def test_many_files_are_counted_before_a_walk(tmp_path, monkeypatch):
    monkeypatch.setattr(model_files, "MOST", 20)
    (tmp_path / "in").mkdir()
    for count in range(21):
        (tmp_path / "in" / f"{count}.bin").touch()
    folder(tmp_path, TEXT)
    assert "has more than 20 files" in refusal(tmp_path)
