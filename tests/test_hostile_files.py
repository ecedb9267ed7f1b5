"""Model files made to exhaust recognition, or to put a command into what it advises."""

import json
import re
import struct
import time

import crafted
import pytest
from crafted import layer, made, refusal, torch_file
from test_transformers import BERT, PICTURE, TEXT, VIT, WEIGHTS
from test_transformers import write as folder

from local_extensions import model_files
from local_extensions.model_files import inspect, keras_layers, scikit_learn
from local_extensions.model_files.pickles import Stub

DAMAGED = "is damaged or cut short"
CODE = {"auto_map": {"AutoTokenizer": ["x.Y", None]}}
TIMM = {"architecture": "resnet18", "num_classes": 2, "pretrained_cfg": {}}
TIMM_FOLDER = {"model.safetensors": WEIGHTS}
EVIL = "$(touch PWN)`id`"
FLAVOR = "flavors:\n  sklearn:\n    pickled_model: model.pkl\n    loader: "


@pytest.fixture(autouse=True)
def quick():
    start = time.process_time()
    yield
    assert time.process_time() - start < 2, "too slow"


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


def test_header_of_safetensors(tmp_path):
    content = struct.pack("<Q", 20 * 2**20) + b"{" + b" " * 20 * 2**20
    assert "more than 16 MiB" in refusal(crafted.write(tmp_path, "a.safetensors", content))


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
    for number in range(21):
        (tmp_path / "in" / f"{number}.bin").touch()
    folder(tmp_path, TEXT)
    assert "has more than 20 files" in refusal(tmp_path)
