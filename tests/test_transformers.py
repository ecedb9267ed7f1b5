"""Folders of Hugging Face transformers and its relatives: used, or refused for what they are."""

import ast
import json
import os
import shutil
import subprocess

import crafted
import model_hub
import pytest
from conftest import ROOT
from crafted import (
    made,
    number,
    plain_pipeline,
    safetensors,
    state_dict,
    torch_file,
)
from running import MODEL_TESTS, install, own_tests

from local_extensions.model_files import inspect, transformers

BERT = {
    "architectures": ["BertForSequenceClassification"],
    "model_type": "bert",
    "id2label": {"10": "ten", "2": "two", "0": "zero"},
}
VIT = {"architectures": ["ViTForImageClassification"], "model_type": "vit"}
WEIGHTS = safetensors(weight=30)
TEXT = {"config.json": BERT, "model.safetensors": WEIGHTS, "tokenizer.json": {}}
PICTURE = {"config.json": VIT, "model.safetensors": WEIGHTS, "preprocessor_config.json": {}}


def write(folder, files):
    """Write files from bytes, or from what their JSON says; return the folder."""
    for path, content in files.items():
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def refusal(path):
    said = crafted.refusal(path)
    assert "..." not in said, "too long: the command would be cut"
    return said


def test_text(tmp_path):
    found = inspect(write(tmp_path, TEXT))
    assert (found.format, found.dtype) == ("transformers-text", "float16")
    assert found.labels == ("zero", "two", "ten")
    assert (found.inputs[0].dtype, found.outputs[0].shape) == ("string", (None, 3))
    assert (found.size, found.path, found.notes) == (
        sum(path.stat().st_size for path in tmp_path.iterdir()), tmp_path, ()
    )  # fmt: skip


def test_picture(tmp_path):
    """Unnamed classes are no labels, but counted."""
    labels = {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}
    found = inspect(write(tmp_path, PICTURE | {"config.json": VIT | labels}))
    assert (found.format, found.input_shape) == ("transformers-picture", (None, None, None, 3))
    assert (found.labels, found.n_outputs) == ((), 2)


def test_only_the_model_comes_along(bake, tmp_path):
    more = {"optimizer.pt": b"x", "training_args.bin": b"x", ".cache/x": b"x", "README.md": b"x"}
    more |= {"checkpoint-5/model.safetensors": WEIGHTS, "model.onnx": b"x", "tf_model.h5": b"x"}
    folder = write(tmp_path / "bert", TEXT | more | {"pytorch_model.bin": b"older"})
    assert {path.name for path in inspect(folder).files} == TEXT.keys()
    project = bake(model_path=str(folder), platform="heroku")
    files = {path.relative_to(project / "model").as_posix()
             for path in project.glob("model/**/*") if path.is_file()}  # fmt: skip
    assert files == {f"bert/{part}" for part in TEXT} | {"labels.txt"}
    assert (project / "model" / "labels.txt").read_text() == "zero\ntwo\nten\n"
    assert 'MODEL = Path(__file__).parent / "model" / "bert"' in (project / "model.py").read_text()


def test_weights_in_parts(tmp_path):
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    files = TEXT | {"model.safetensors.index.json": index}
    del files["model.safetensors"]
    lacking = refusal(write(tmp_path, files))
    assert "lacks model-00001-of-00002.safetensors, a part of its weights" in lacking
    write(tmp_path, {"model-00001-of-00002.safetensors": WEIGHTS})
    assert len(inspect(tmp_path).files) == 4


def test_newest_checkpoint_of_a_trainer(tmp_path):
    for step in (20, 100, 9):
        write(tmp_path / f"checkpoint-{step}", TEXT)
    assert inspect(tmp_path).path == tmp_path / "checkpoint-100"


def test_pickled_weights_that_only_hold_tensors(tmp_path):
    files = {key: value for key, value in TEXT.items() if key != "model.safetensors"}
    tensors = state_dict(weight=number(1))
    write(tmp_path, files | {"pytorch_model.bin": torch_file(tensors)})
    assert inspect(tmp_path).format == "transformers-text"
    write(tmp_path, {"pytorch_model.bin": torch_file(made("os.system"))})
    assert "contains Python objects (os.system)" in refusal(tmp_path)


def test_model_in_a_folder_of_mlflow(tmp_path):
    flavors = {"python_function": {"data": "x"}, "sklearn": {"pickled_model": "model.pkl"}}
    write(tmp_path, {"MLmodel": {"flavors": flavors}})
    assert "is a model of MLflow (python_function, sklearn)" in refusal(tmp_path)
    write(tmp_path, {"model.pkl": plain_pipeline()})
    assert inspect(tmp_path).path == tmp_path / "model.pkl"
    for flavors in ["x", None, {"keras": {"data": ".."}}, {"keras": {"data": "/etc/hostname"}}]:
        write(tmp_path, {"MLmodel": {"flavors": flavors}})
        assert "is a model of MLflow" in refusal(tmp_path)
    write(tmp_path, {"MLmodel": b"\xff{{{"})
    assert "is a model of MLflow (damaged)" in refusal(tmp_path)


def without(files, *names):
    return {key: value for key, value in files.items() if key not in names}


def text(**config):
    return TEXT | {"config.json": BERT | config}


REFUSED = {
    "no tokenizer": (
        without(text(_name_or_path="bert-base-cased"), "tokenizer.json"),
        "T.from_pretrained('bert-base-cased').save_pretrained('",
    ),
    "sentencepiece": (
        without(TEXT, "tokenizer.json") | {"spiece.model": b"x"}, "only spiece.model of its token"
    ),
    "no image processor": (without(PICTURE, "preprocessor_config.json"), "preprocessor_config"),
    "no weights": (without(TEXT, "model.safetensors"), "has no weights (model.safetensors)"),
    "exported": (
        without(TEXT, "model.safetensors") | {"onnx/model.onnx": b"x"}, "onnx/model.onnx."
    ),
    "weights of TensorFlow": (
        without(TEXT, "model.safetensors") | {"tf_model.h5": b"x"}, "save it again with from_tf=True"
    ),
    "cut short": (TEXT | {"model.safetensors": WEIGHTS[:-1]}, "damaged or cut short"),
    "no JSON": (TEXT | {"config.json": b"{"}, "without a config.json that names an architecture"),
    "own code": (text(auto_map={"AutoModel": "x.Y"}), "code of its own (auto_map"),
    "own code of the tokenizer": (
        TEXT | {"tokenizer_config.json": {"auto_map": {"AutoTokenizer": ["x.Y", None]}}},
        "code of its own (auto_map",
    ),
    "unknown architecture": (text(model_type="retribert"), "(model_type retribert), which this"),
    "no architecture": (text(architectures=None), "names no architecture"),
    "numbers": (text(problem_type="regression"), "numbers (regression), and the page"),
    "one number": (text(id2label={"0": "LABEL_0"}), "gives one number (one output)"),
    "language model": (text(architectures=["LlamaForCausalLM"]), "LlamaForCausalLM, a language"),
    "translator": (text(architectures=["MarianMTModel"]), "and no page here shows that yet"),
    "speech": (text(architectures=["WhisperForConditionalGeneration"]), "from text or sound"),
    "detector": (text(architectures=["DetrForObjectDetection"]), "a detector"),
    "embeddings": (TEXT | {"modules.json": b"[]"}, "is a sentence-transformers model"),
    "diffusers": ({"model_index.json": {}}, "is a diffusers pipeline"),
    "Core ML": ({"Manifest.json": {}, "Data/x": b"x"}, "export the original model to ONNX"),
    "adapter": (
        {"adapter_config.json": {"task_type": "SEQ_CLS", "base_model_name_or_path": "bert"}},
        "is a PEFT adapter of bert, not a whole model",
    ),
    "timm": (
        {
            "config.json": {"architecture": "resnet1", "num_classes": 3},
            "model.safetensors": WEIGHTS,
        },
        "resnet1, which this version of timm does not have",
    ),
    "timm without classes": (
        {
            "config.json": {"architecture": "resnet18", "num_classes": 0},
            "model.safetensors": WEIGHTS,
        },
        "resnet18 without classes, an embedding model",
    ),
    "timm of grey pictures": (
        {
            "config.json": {"architecture": "resnet18", "num_classes": 3,
                            "pretrained_cfg": {"input_size": [1, 28, 28]}},
            "model.safetensors": WEIGHTS,
        },
        "takes 1 channels and a picture here has 3",
    ),
    "GGUF": ({"model.gguf": b"GGUF"}, "is a folder without saved_model.pb"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusal(case, tmp_path):
    files, reason = REFUSED[case]
    assert reason in refusal(write(tmp_path, files))


def test_timm_folder(tmp_path):
    """Labels are the words of config.json; its scaling is left to timm."""
    config = {
        "architecture": "resnet18", "num_classes": 2, "label_names": ["n01", "n02"],
        "label_descriptions": {"n01": "tench", "n02": "shark"},
    }  # fmt: skip
    found = inspect(write(tmp_path, {"config.json": config, "model.safetensors": WEIGHTS}))
    assert (found.format, found.name, found.packages) == ("timm", "resnet18", ("timm",))
    assert found.labels == ("tench", "shark")
    assert found.outputs[0].shape == (None, 2)
    assert sorted(file.name for file in found.files) == ["config.json", "model.safetensors"]


def test_framework_needs_a_model(ask):
    result = ask("framework=transformers", "task=text-classification")
    assert result.exit_code == 1
    assert "transformers has no demo model. Give the folder of your own" in result.output


def test_links_out_of_the_folder(tmp_path):
    folder = write(tmp_path / "bert", TEXT)
    (tmp_path / "secret").write_bytes(b"{}")
    (folder / "vocab.json").symlink_to(tmp_path / "secret")
    assert "outside the model's folder" in refusal(folder)


MAKE = (ROOT / "scripts" / "zoo" / "transformers_models.py").read_text("utf-8")
ASK = """
import json
import sys

import numpy as np
from PIL import Image
from model import predict

for given in sys.argv[1:]:
    is_file = given.endswith(".png")
    print(predict(np.asarray(Image.open(given).convert("RGB")) if is_file else given))
"""


@pytest.fixture(scope="module")
def environment(bake, tmp_path_factory):
    """Return the Python of a project with transformers."""
    folder = write(tmp_path_factory.mktemp("any") / "bert", TEXT)
    return install(bake(model_path=str(folder), platform="local")) / "python"


@pytest.fixture(scope="module")
def zoo(environment, tmp_path_factory):
    """Return a folder of small models, and what the library's own pipeline says of inputs."""
    folder = tmp_path_factory.mktemp("zoo")
    run = subprocess.run(
        [environment, "-c", MAKE], cwd=folder, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return folder, json.loads((folder / "truth.json").read_text("utf-8"))


@pytest.mark.sample("bert", "vit")
@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["bert", "bert-of-4", "several-labels", "roberta", "distilbert-half", "vit", "swin"],
)
def test_answers_are_the_pipeline_s(bake, environment, zoo, name):
    folder, truth = zoo
    asked = [entry for entry in truth if entry["file"] == name]
    assert len(asked) > 2
    project = bake(model_path=str(folder / name), platform="local")
    inputs = [e["input"] if name in ("bert-of-4",) or not e["input"].endswith(".png")
              else str(folder / e["input"]) for e in asked]  # fmt: skip
    run = subprocess.run(
        [environment, "-W", "ignore", "-c", ASK, *inputs], cwd=project,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    answers = [ast.literal_eval(line) for line in run.stdout.splitlines()]
    for entry, answer in zip(asked, answers, strict=True):
        assert max(answer, key=answer.get) == entry["answer"]
        assert answer[entry["answer"]] == pytest.approx(entry["probability"], abs=1e-5)


@pytest.mark.every
@pytest.mark.slow
def test_folder_on_the_hub(bake, environment, zoo, tmp_path, monkeypatch):
    """Its files in the cache are links; the second time there is no Hub."""
    folder, truth = zoo
    (entry, *_) = [each for each in truth if each["file"] == "bert"]
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "mine"))
    with model_hub.served() as (url, state):
        state.add(
            "you/bert", {each.name: each.read_bytes() for each in (folder / "bert").iterdir()}
        )
        model_hub.download(url, tmp_path / "mine", "you/bert")
        project = bake(model_path="you/bert", platform="local")
        for endpoint in (url, "http://127.0.0.1:9"):
            theirs = {"HF_ENDPOINT": endpoint, "HF_HUB_CACHE": str(tmp_path / "theirs")}
            run = subprocess.run(
                [environment, "-W", "ignore", "-c", ASK, entry["input"]], cwd=project,
                env=os.environ | theirs, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert run.returncode == 0, run.stderr[-3000:]
            answer = ast.literal_eval(run.stdout)
            assert answer[entry["answer"]] == pytest.approx(entry["probability"], abs=1e-5)


@pytest.mark.sample("vit")
@pytest.mark.slow
@pytest.mark.parametrize("name", ["bert", "several-labels", "vit"])
def test_project_passes_its_own_tests(bake, zoo, name):
    run = own_tests(bake(model_path=str(zoo[0] / name), platform="local"), MODEL_TESTS)
    assert run.returncode == 0, run.stdout[-3000:]


@pytest.mark.every
@pytest.mark.slow
def test_missing_weights_are_an_error(bake, environment, zoo, tmp_path):
    """transformers would fill them with random numbers, and only warn."""
    folder = shutil.copytree(zoo[0] / "masked", tmp_path / "masked")
    config = json.loads((folder / "config.json").read_text())
    write(folder, {"config.json": config | {"architectures": BERT["architectures"]}})
    project = bake(model_path=str(folder), platform="local")
    run = subprocess.run(
        [environment, "-c", "import model; model.load()"], cwd=project,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "the file has no ['bert.pooler" in run.stderr


@pytest.mark.slow
def test_known_architectures_are_those_of_the_lock(environment):
    """All that classify, but for those that need other inputs or packages."""
    code = """
from transformers.models.auto import modeling_auto as auto

print(sorted(auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES))
print(sorted(auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES))
"""
    out = subprocess.check_output([environment, "-c", code], text=True).splitlines()
    left = [
        {*ast.literal_eval(line)} - {*known.split()}
        for line, known in zip(out, transformers.KNOWN.values(), strict=True)
    ]
    boxes = {"layoutlm", "layoutlmv2", "layoutlmv3", "lilt", "markuplm", "tapas"}  # with a layout
    assert left[0] == boxes | {"perceiver", "canine", "modernvbert"}  # bytes; pictures
    assert left[1] == {"timm_wrapper", "dinat", "shieldgemma2", "imagegpt"}


@pytest.mark.parametrize(
    ("readme", "comes_along"),
    [(b"---\nlicense: mit\n---\n# BERT {{ x }}\n", True), (b"# Notes\n", False)],
)
def test_the_folders_model_card_comes_along(bake, tmp_path, readme, comes_along):
    source = write(tmp_path / "bert", TEXT | {"README.md": readme})
    project = bake(model_path=str(source), platform="local")
    card = (project / "MODEL_CARD.md").read_bytes()
    assert (card == readme) is comes_along
    assert not (project / "model" / "bert" / "README.md").exists()
