"""XGBoost's models: recognised by their content, and answered as XGBoost itself answers."""

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path

import httpx
import pytest
from conftest import ROOT, ruff
from crafted import refusal
from gradio_client import Client
from running import MODEL_TESTS, clean_environment, free_port, install, own_tests, served

from local_extensions.model_files import FORMATS, Unusable, inspect
from local_extensions.model_files.xgboost import LOCKED

FILES = Path(__file__).parent / "xgboost_files"  # written by make.py there
MODELS = sorted(path for path in FILES.glob("*/*") if path.name[:4] not in ("said", "make"))


def name(path: Path) -> str:
    return f"{path.parent.name}-{path.name}"


# Reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MODELS, ids=name)
def test_model_of_each_version(path):
    found = inspect(path)
    assert FORMATS[found.format].endings == [path.suffix]
    assert (found.n_features, found.input_shape) == (3, (None, 3))
    assert found.n_outputs == {"number": None, "binary": 1}.get(path.stem, 3)
    assert not found.runs_code
    assert not found.notes


def ubj(value) -> bytes:
    """Write a value in UBJSON as XGBoost does, lists of small numbers with their type."""
    if isinstance(value, dict):
        return b"{" + b"".join(ubj(key)[1:] + ubj(each) for key, each in value.items()) + b"}"
    if isinstance(value, list) and value and all(isinstance(each, int) for each in value):
        return b"[$i#" + ubj(len(value)) + bytes(each % 256 for each in value)
    if isinstance(value, list):
        return b"[#" + ubj(len(value)) + b"".join(map(ubj, value))
    if isinstance(value, int):
        return b"L" + struct.pack(">q", value)
    return b"S" + ubj(len(value.encode())) + value.encode()


def booster(objective="binary:logistic", version=(3, 2, 0), sizes=(), model=(), **learner):
    """Return a booster without trees."""
    content = {
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": "4"},
        "iteration_indptr": [0, 1, 2, 3, 4],
        "trees": [],
    }
    sized = {"num_class": "0", "num_feature": "2", "num_target": "1"} | dict(sizes)
    return {
        "learner": {
            "attributes": {},
            "feature_names": [],
            "feature_types": [],
            "gradient_booster": {"model": content | dict(model), "name": "gbtree"},
            "learner_model_param": sized,
            "objective": {"name": objective},
        }
        | learner,
        "version": list(version),
    }


def write(folder: Path, model: dict, ending: str = ".ubj") -> Path:
    text = json.dumps(model, sort_keys=True, default=list)  # as XGBoost sorts them
    path = folder / f"model{ending}"
    path.write_bytes(ubj(json.loads(text)) if ending == ".ubj" else text.encode())
    return path


WRAPPED = {"scikit_learn": '{"_estimator_type": "classifier"}'}
TEXTS = {"offsets": [0, 3, 7], "values": list(b"redblue")}


@pytest.mark.parametrize("ending", [".ubj", ".json"])
def test_columns_and_their_types(tmp_path, ending):
    model = booster(
        model={"cats": {"enc": [{"offsets": [], "values": []}, TEXTS]}},
        feature_names=['"trees":[', "größe"],
        feature_types=["float", "c"],
    )
    found = inspect(write(tmp_path, model, ending))
    assert found.features == ('"trees":[', "größe")
    assert found.values == (0.0, ("red", "blue"))
    assert found.name == "binary:logistic"


def test_encoder_of_old_versions(tmp_path):
    encoder = {"scikit_learn": '{"type": "XGBClassifier", "_le": {"classes_": ["no", "yes"]}}'}
    model = booster(version=(1, 3, 3), attributes=encoder)
    assert inspect(write(tmp_path, model, ".json")).labels == ("no", "yes")


NOTES = {
    "rank": (booster("rank:ndcg"), "mean nothing by themselves"),
    "logitraw": (booster("binary:logitraw"), "the score before the logistic function"),
    "cox": (booster("survival:cox"), "hazard ratio"),
    "labels": (booster(sizes={"num_target": "3"}, model={"iteration_indptr": [0, 1]}), "3 labels"),
    "codes": (booster(feature_types=["c", "float"]), "enter their codes"),
    "stopped": (booster(attributes={"best_iteration": "1"}), "the best 2 of 4 rounds"),
}


@pytest.mark.parametrize("case", NOTES)
def test_notes_for_the_owner(tmp_path, case):
    model, note = NOTES[case]
    (said,) = inspect(write(tmp_path, model)).notes
    assert note in said


UTF_8 = {"cats": {"enc": [{"offsets": [0, 4], "values": [103, 114, -61, -68]}]}}
REFUSED = {
    "objective": (booster("reg:expectileerror"), "3.2, the app's version, does not support"),
    "classifier": (booster("reg:squarederror", attributes=WRAPPED), "binary:logistic or multi"),
    "several outputs": (booster(version=(3, 0, 5), sizes={"num_class": "3"}), "multi_output_tree"),
    "dart": (booster(version=(3, 4, 1), model={"weight_drop": [1]}), "booster=dart"),
    "categories": (booster(model=UTF_8), "not ASCII"),
    "newer": (booster(version=(9, 0, 0)), "train it with 3.2"),
    "configuration": (booster(gradient_booster={"name": "gbtree"}), "not its trees"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_unsupported_model_is_refused(tmp_path, case):
    model, reason = REFUSED[case]
    assert reason in refusal(write(tmp_path, model))


OTHERS = {
    "model.json": b'{"name": "app", "version": "1.0.0"}',
    "dump.json": b'[\n  { "nodeid": 0, "depth": 0}]',
    "old.model": b"binf" + bytes(136) + struct.pack("<q", 15) + b"binary:logistic\6" + bytes(99),
    "old.bin": bytes(136) + struct.pack("<q", 16) + b"reg:squarederror\6" + bytes(99),
    "new.model": b"\xff" * 99,
}


def test_other_files_are_refused(tmp_path):
    for filename, content in OTHERS.items():
        (tmp_path / filename).write_bytes(content)
    for path in [*(ROOT / "demos").glob("*/card.json"), tmp_path / "model.json"]:
        assert "is not a valid XGBoost model, despite its extension" in refusal(path)
    assert "is a dump" in refusal(tmp_path / "dump.json")
    for filename in ("old.model", "old.bin"):
        said = refusal(tmp_path / filename)
        assert "old binary format" in said
        assert "xgboost.Booster(model_file='old.model').save_model('model.ubj')" in said
    assert "save_model('model.ubj')" in refusal(tmp_path / "new.model")
    renamed = shutil.copy(FILES / "3.2.0" / "number.ubj", tmp_path / "number.json")
    assert "is an XGBoost model (.ubj) by its content" in refusal(Path(renamed))


def test_folder_suggests_other_models_first(tmp_path):
    for filename in ("config.json", "weights.onnx"):
        (tmp_path / filename).touch()
    assert f"give {tmp_path / 'weights.onnx'}." in refusal(tmp_path)


@pytest.mark.parametrize("ending", [".ubj", ".json"])
def test_truncated_file_is_refused(tmp_path, ending):
    content = (FILES / "3.2.0" / f"stopped{ending}").read_bytes()
    path = tmp_path / f"model{ending}"
    for size in range(1, len(content) - 1, len(content) // 30):
        path.write_bytes(content[:size])
        refusal(path)


def test_hostile_sizes_are_refused(tmp_path):
    """Neither memory nor time is spent on what a size claims."""
    content, path = ubj(booster()), tmp_path / "model.ubj"
    for at in re.finditer(rb"L(?=.{8})", content, re.DOTALL):
        for size in (-9, -1, 2**62):
            path.write_bytes(content[: at.start()] + ubj(size) + content[at.end() + 8 :])
            try:
                assert inspect(path).detail.isprintable()
            except Unusable as error:
                assert str(error).isprintable()


KEY, NAME = ubj("trees")[1:] + b"[#", ubj("name")[1:]


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".ubj", ".json"])
def test_trees_are_skipped(tmp_path, ending):
    code = (
        "import resource, sys; from pathlib import Path; from local_extensions import model_files;"
        "before = resource.getrusage(resource.RUSAGE_SELF);"
        "found = model_files.inspect(Path(sys.argv[1]));"
        "after = resource.getrusage(resource.RUSAGE_SELF);"
        "print(found.n_features, after.ru_utime - before.ru_utime, found.size, found.notes)"
    )
    whole = (FILES / "3.2.0" / f"stopped{ending}").read_bytes()
    first, last = (b'"trees":[', b']},"name"') if ending == ".json" else (KEY, b"}" + NAME)
    head, _, rest = whole.partition(first)
    trees, _, tail = rest.rpartition(last)
    path, copies = tmp_path / f"model{ending}", 2**27 // len(trees)
    with path.open("wb") as file:
        file.write(head + first)
        for _ in range(copies):
            file.write(trees)
        file.write(last + tail)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = [sys.executable, "-c", code, path]
    said = subprocess.check_output(run, env=environment, cwd=ROOT, text=True).split(" ", 3)
    assert said[0] == "3"
    assert float(said[1]) < 5
    assert int(said[2]) > 2**26
    assert ("Saved as .ubj" in said[3]) is (ending == ".json")


def test_locked_version_is_current():
    lock = (ROOT / "templates" / "requirements" / "xgboost-cpu.txt").read_text("utf-8")
    assert f"xgboost-cpu=={'.'.join(map(str, LOCKED))}." in lock


# Answering --------------------------------------------------------------------------------

# Both formats hold the same.
ANSWERED = [path for path in MODELS if path.suffix == ".json" or path.parent.name == "3.2.0"]
MAKE = """
import json
import numpy as np
import pandas as pd
import xgboost

rng = np.random.default_rng(0)
size, colour = rng.normal(size=300).round(2), np.array(["red", "blue"])[rng.integers(0, 2, 300)]
table = pd.DataFrame({"size": size, "colour": pd.Categorical(colour, ["red", "blue"])})
table.loc[:20:5, "size"] = np.nan
wanted = ((table["size"] > 0) ^ (colour == "red")).astype(int)
data = xgboost.DMatrix(table, label=wanted, enable_categorical=True)
model = xgboost.train({"objective": "binary:logistic"}, data, 9)
model.save_model("fruit.ubj")
model.save_model("fruit.json")
second = model.predict(data)[:12]
said = {
    "fruit": [table[:12].astype(object).values.tolist(), np.stack([1 - second, second], 1).tolist()]
}
rows = rng.normal(size=(200, 3)).round(2)
for name, kind, label in (
    ("two", "reg:squarederror", rows[:, :2] * 5), ("labels", "binary:logistic", rows > 0)
):
    data = xgboost.DMatrix(rows, label=label)
    model = xgboost.train({"objective": kind}, data, 9)
    model.save_model(f"{name}.ubj")
    said[name] = [rows[:5].tolist(), model.predict(data)[:5].tolist()]
for kind in ("count:poisson", "reg:gamma", "binary:logitraw", "rank:pairwise"):
    data = xgboost.DMatrix(rows, label=rows[:, 0] > 0 if kind[0] != "r" else abs(rows[:, 0]) + 0.1)
    if kind[:4] == "rank":
        data = xgboost.DMatrix(rows, label=rows[:, 0] > 0, qid=np.repeat(range(20), 10))
    model = xgboost.train({"objective": kind}, data, 5)
    name = kind.replace(":", "-")
    model.save_model(f"{name}.ubj")
    said[name] = [rows[:5].tolist(), model.predict(xgboost.DMatrix(rows[:5])).tolist()]
print(json.dumps(said))
"""
ANSWER = """
import json, sys
import model

rows = json.load(sys.stdin)
print(json.dumps([model.predict(*[float("nan") if x is None else x for x in r]) for r in rows]))
"""


@pytest.fixture(scope="session")
def python(bake) -> Path:
    """The interpreter of the environment that xgboost's lock makes."""
    return install(bake(task="tabular", framework="xgboost", platform="local")) / "python"


@pytest.fixture(scope="session")
def made(python, tmp_path_factory):
    """A folder of models, and what xgboost says of some rows."""
    folder = tmp_path_factory.mktemp("xgboost")
    run = subprocess.run([python, "-c", MAKE], cwd=folder, stdout=subprocess.PIPE, check=True)
    return folder, json.loads(run.stdout)


@cache
def project_of(bake, path: Path) -> Path:
    return bake(task="tabular", model_path=str(path), platform="local")


def answers(python: Path, project: Path, rows: list) -> list:
    """Return the answers of a project's model.py."""
    given = json.dumps(rows).encode()
    run = [python, "-W", "error", "-c", ANSWER]
    return json.loads(subprocess.run(run, cwd=project, input=given, stdout=-1, check=True).stdout)


def same(answer, said) -> None:
    """Compare an answer of model.py with what XGBoost said."""
    if isinstance(answer, dict):
        said = said if isinstance(said, list) else [float(n == said) for n in range(len(answer))]
        assert [*answer.values()] == pytest.approx(said, abs=1e-6)
    else:
        said = said if isinstance(said, list) else [said]
        assert [*map(float, str(answer).split(", "))] == pytest.approx(said, rel=1e-5)


@pytest.mark.sample("3.4.1-softmax*", "1.3.3-softmax*")
@pytest.mark.slow
@pytest.mark.parametrize("path", ANSWERED, ids=name)
def test_answers_match_the_saving_version(bake, python, path):
    said = json.loads((path.parent / "said.json").read_text("utf-8"))
    for answer, truth in zip(
        answers(python, project_of(bake, path), said["rows"]), said[path.stem], strict=True
    ):
        if path.stem == "softmax":  # which says the class alone
            assert max(answer, key=answer.get) == str(int(truth))
        else:
            same(answer, truth)


KINDS = ["fruit.ubj", "fruit.json", "two.ubj", "labels.ubj"]
KINDS += [
    f"{kind}.ubj" for kind in ["count-poisson", "reg-gamma", "binary-logitraw", "rank-pairwise"]
]


@pytest.mark.sample("fruit.ubj", "two.ubj", "count-poisson.ubj")
@pytest.mark.slow
@pytest.mark.parametrize("filename", KINDS)
def test_answers_match_xgboost(bake, python, made, filename):
    folder, said = made
    rows, truths = said[filename.partition(".")[0]]
    project = project_of(bake, folder / filename)
    for answer, truth in zip(answers(python, project, rows), truths, strict=True):
        same(answer, truth)


@pytest.mark.slow
def test_labels_beside_numbers_make_no_classes(bake, python, made, tmp_path):
    folder, said = made
    path = shutil.copy(folder / "labels.ubj", tmp_path)
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    rows, truths = said["labels"]
    for answer, truth in zip(
        answers(python, project_of(bake, Path(path)), rows), truths, strict=True
    ):
        same(answer, truth)


@pytest.mark.slow
def test_categories_over_http(bake, python, made):
    folder, said = made
    project = project_of(bake, folder / "fruit.ubj")
    assert '"colour": ["red", "blue"]' in (project / "model.py").read_text("utf-8")
    ruff("format", "--isolated", "--no-cache", "--check", project)
    run = own_tests(project, MODEL_TESTS)
    assert run.returncode == 0, run.stdout[-3000:]
    port = free_port()
    environment = clean_environment(python.parent, PORT=str(port))
    with served(project, [python, "app.py"], environment, port) as url:
        client = Client(url, verbose=False)
        for row, truth in zip(*said["fruit"], strict=True):
            if row[0] == row[0]:  # the page wants all fields
                answer = client.predict(*row, api_name="/predict")
                found = {each["label"]: each["confidence"] for each in answer["confidences"]}
                same({label: found[label] for label in "01"}, truth)
        with pytest.raises(ValueError):
            client.predict(0.5, "green", api_name="/predict")
        said = httpx.post(f"{url}/predict", json={"size": 0.5, "colour": "green"})
        assert (said.status_code, "'red' or 'blue'" in said.text) == (422, True), said.text
