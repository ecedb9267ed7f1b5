"""PyTorch's files: what their tensors tell, and what is said of those that run code."""

import ast
import json
import re
import shutil
import subprocess
import zipfile
from io import BytesIO

import pytest
from crafted import (
    LEGACY,
    call,
    group,
    items,
    made,
    name,
    number,
    pickled,
    refusal,
    state_dict,
    text,
    torch_file,
    write,
)
from running import install

from local_extensions.model_files import inspect, networks


def tensor(*shape, old=False):
    """Push a tensor of floats as PyTorch pickles it; before 1.6 with the view of its storage."""
    place = [text("storage"), name("torch.FloatStorage"), text("0"), text("cpu"), number(9)]
    hooks = name("collections.OrderedDict") + b")R"
    sizes = group(*map(number, shape))
    place = group(*place, *([b"N"] if old else []))
    return call(
        "torch._utils._rebuild_tensor_v2", place + b"Q", b"K\0", sizes, sizes, b"\x89", hooks
    )


def net(channels=3, classes=10, prefix="", **options):
    """The items of a small convolutional net's state dict."""
    return {
        f"{prefix}conv.weight": tensor(8, channels, 3, 3, **options),
        f"{prefix}conv.bias": tensor(8, **options),
        f"{prefix}squeeze.weight": tensor(2, 8, 1, 1, **options),
        f"{prefix}fc.weight": tensor(classes, 8, **options),
        f"{prefix}fc.bias": tensor(classes, **options),
    }


def old(body):
    """A file of torch.save before 1.6: four pickles before the storages."""
    return LEGACY + pickled(items(little_endian=b"\x88")) + pickled(body) + pickled(b"]")


def script(returns="Tensor", inputs="x: Tensor"):
    """A TorchScript file of a grey net, with the source of its forward()."""
    source = (
        f"class Net(Module):\n  def forward(self: __torch__.Net,\n    {inputs}) -> {returns}:\n"
    )
    module = made("__torch__.Net", conv=made("__torch__.Conv2d", weight=tensor(8, 1, 3, 3)))
    content = torch_file(module, constants_DOT_pkl=pickled(b")"))
    with zipfile.ZipFile(file := BytesIO(content), "a") as zipped:
        zipped.writestr("model/code/__torch__.py", source)
    return file.getvalue()


WRAPPED = {
    "plain": torch_file(state_dict(**net())),
    "DataParallel": torch_file(state_dict(**net(prefix="module."))),
    "checkpoint": torch_file(items(state_dict=state_dict(**net()), epoch=number(3))),
    "model of a checkpoint": torch_file(items(epoch=number(3), model=state_dict(**net()))),
    "Lightning": torch_file(
        items(state_dict=state_dict(**net(prefix="model._orig_mod.")), loops=items())
    ),
    "before 1.6": old(state_dict(**net(old=True))),
}


@pytest.mark.parametrize("ending", [".pth", ".ckpt", ".bin", ".tar"])
@pytest.mark.parametrize("case", WRAPPED)
def test_channels_and_classes(case, ending, tmp_path):
    found = inspect(write(tmp_path, f"model{ending}", WRAPPED[case]))
    assert (found.format, found.dtype) == ("state-dict", "float32")
    assert found.input_shape == (None, 3, None, None)
    assert (found.outputs[0].shape, found.n_outputs) == ((None, 10), 10)
    assert found.notes == ()  # the scaling of pictures is the kind's to tell


NAMES = ["cat", "dog", "eel"]
NAMED = {  # what a checkpoint of three classes has beside its weights
    "class_to_idx": items(dog=number(1), eel=number(2), cat=number(0)),
    "classes": b"](" + b"".join(map(text, NAMES)) + b"e",
}


@pytest.mark.parametrize("key", NAMED)
def test_names_of_classes_in_a_checkpoint(key, tmp_path):
    weights = {"model_state_dict": state_dict(**net(classes=3)), key: NAMED[key]}
    found = inspect(write(tmp_path, "model.pth", torch_file(items(**weights))))
    assert found.labels == ("cat", "dog", "eel")
    weights["model_state_dict"] = state_dict(**net(classes=4))
    assert inspect(write(tmp_path, "model.pth", torch_file(items(**weights)))).labels == ()


# Of tensors: the input, the number of outputs, and words of a note, if there is one.
NETS = {
    "grey": (net(channels=1), (None, 1, None, None), 10, ""),
    "one filter a channel": ({"a.weight": tensor(3, 1, 3, 3)} | net(), None, 10, ""),
    "one output": (net(classes=1), (None, 3, None, None), 1, "torch.sigmoid"),
    "columns": (
        {"0.weight": tensor(16, 4), "0.bias": tensor(16), "2.weight": tensor(3, 16)},
        (None, 4), 3, "scaling of columns",
    ),
    "all of 28x28 grey pixels": (
        {"a.weight": tensor(8, 1, 3, 3), "b.weight": tensor(16, 8, 3, 3),
         "c.weight": tensor(9, 16 * 12 * 12), "d.weight": tensor(3, 9)},
        (None, 1, 28, 28), 3, "Pictures of 28x28, INPUT_SHAPE in model.py, are a guess",
    ),
    "all of 32x32 pixels": (
        {"a.weight": tensor(6, 3, 5, 5), "b.weight": tensor(16, 6, 5, 5),
         "c.weight": tensor(120, 400), "d.weight": tensor(3, 120)},
        (None, 3, 32, 32), 3, "Pictures of 32x32",
    ),
    "halved in six convolutions": (
        {f"{n}.weight": tensor(8 << n // 2, 3 if n == 0 else 8 << (n - 1) // 2, 3, 3) for n in range(6)}
        | {"fc.weight": tensor(10, 32 * 4 * 4)},
        (None, 3, 32, 32), 10, "Pictures of 32x32",
    ),
    "convolutions": (
        {"a.weight": tensor(8, 3, 3, 3), "b.weight": tensor(3, 8, 3, 3)},
        (None, 3, None, None), None, "does not tell its output",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NETS)
def test_what_tensors_tell(case, tmp_path):
    tensors, shape, outputs, note = NETS[case]
    found = inspect(write(tmp_path, "model.pt", torch_file(state_dict(**tensors))))
    assert (found.input_shape, found.n_outputs) == (shape, outputs)
    assert note in " ".join(found.notes) and bool(note) == bool(found.notes)


def test_script(tmp_path):
    found = inspect(write(tmp_path, "model.pt", script()))
    assert (found.format, found.input_shape) == ("torchscript", (None, 1, None, None))
    said = refusal(write(tmp_path, "model.pt", script("Dict[str, Tensor]")))
    assert "gives a Dict[str, Tensor], and a page here shows one" in said
    said = refusal(write(tmp_path, "model.pt", script(inputs="x: Tensor,\n    mask: Tensor")))
    assert "takes 2 inputs (x, mask)" in said


REFUSED = {
    "12 channels": (torch_file(state_dict(**net(12))), "takes 12 channels"),
    "films": (torch_file(state_dict(**{"w.weight": tensor(8, 3, 3, 3, 3)})), "volumes or films"),
    "sounds": (torch_file(state_dict(**{"w.weight": tensor(8, 1, 9)})), "sounds or series"),
    "LSTM": (torch_file(state_dict(**{"a.weight_ih_l0": tensor(8, 2), "fc.weight": tensor(2, 8)})), "series"),
    "BERT": (torch_file(state_dict(**{"word_embeddings.weight": tensor(99, 8)})), "tokenizer"),
    "torchvision": (
        torch_file(made("torchvision.models.resnet.ResNet", a=tensor(8, 1, 3, 3))),
        ("a whole pickled torchvision ResNet, and loading it runs code: run, where it was trained, "
        "python -c \"import torch; m = torch.load('model.pt', map_location='cpu', "
        "weights_only=False); torch.export.save(torch.export.export(m.eval(), (torch.zeros(1, 1,"),
    ),
    "notebook": (torch_file(made("__main__.Net")), "in the script or notebook that defines Net"),
    "in a checkpoint": (torch_file(items(model=made("nets.Net"))), "weights_only=False)['model']"),
    "before 1.6": (
        old(
            group(text("module"), name("timm.models.vgg.VGG"), text("vgg.py"), text("")) + b"Q"
            + b")\x81" + items() + b"b"
        ),
        "a whole pickled timm VGG",
    ),
    "detector": (
        torch_file(items(model=made("ultralytics.nn.tasks.DetectionModel"))),
        "YOLO model of Ultralytics for detection",
    ),
    "classifier": (
        torch_file(items(model=made("ultralytics.nn.tasks.ClassificationModel"))),
        "yolo export 'model=model.pt' format=onnx",
    ),
    "fastai": (torch_file(made("fastai.learner.Learner")), "is a fastai Learner"),
    "fastai, with a method as its parts call it": (
        torch_file(made("fastai.learner.Learner") + b"0" + made("fastcore.basics.L") + b")R"),
        "is a fastai Learner",
    ),
    "fastai of tables": (
        torch_file(made("fastai.tabular.learner.TabularLearner")), "learner of tables or texts"
    ),
    "arguments": (
        torch_file(items(state_dict=state_dict(**net()), args=made("argparse.Namespace"))),
        "(argparse.Namespace) beside its 'state_dict', and loading those runs code: run,",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusal(case, tmp_path):
    content, reason = REFUSED[case]
    assert reason in refusal(write(tmp_path, "model.pt", content))


def test_part_of_a_folder(tmp_path):
    (tmp_path / "config.json").write_text('{"architectures": ["BertModel"]}')
    path = write(tmp_path, "pytorch_model.bin", WRAPPED["plain"])
    assert (
        f"is a part of the model in its folder, with config.json: give the folder {tmp_path}."
        in (refusal(path))
    )


def test_tensors_that_contain_each_other(tmp_path):
    """Each dict holds the one before twice: 2 ** 60 paths, and a moment to read."""
    body = items(a=tensor(2, 2)) + b"q\0"
    for _ in range(60):
        body = b"}(" + text("a") + body + text("b") + b"h\0uq\0"
    content = torch_file(items(state_dict=items(a=tensor(2, 2), b=body)))
    assert inspect(write(tmp_path, "model.pt", content)).format == "state-dict"


NETS_PY = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 8, 3), nn.Linear(8, 3)

    def forward(self, x):
        return self.fc(self.conv(x).relu().mean((2, 3)))


def build():
    return Net()
"""
MAKE = """
import numpy as np
import torch
from torch import nn
from nets import Net

torch.manual_seed(0)
net = Net().eval()
weights = net.state_dict()
torch.save(nn.DataParallel(net).state_dict(), "parallel.pth")
torch.save(weights, "old.pth", _use_new_zipfile_serialization=False)
lightning = {f"model.{name}": weight for name, weight in weights.items()}
torch.save({"epoch": 3, "state_dict": lightning, "optimizer_states": [{0: 1}]}, "lightning.ckpt")
torch.jit.trace(net, torch.zeros(1, 1, 28, 28)).save("traced.pt")
torch.save(net, "whole.pt")
torch.save(net, "old_whole.pt", _use_new_zipfile_serialization=False)
torch.save({"epoch": 3, "model": net}, "trainer.pt")
picture = np.arange(28 * 28, dtype=np.uint8).reshape(28, 28)
print(net((torch.tensor(picture) / 255)[None, None]).softmax(1)[0].tolist())
"""
PREDICT = """
import numpy as np
from model import predict

picture = np.arange(28 * 28, dtype=np.uint8).reshape(28, 28)
print(list(predict(np.stack([picture] * 3, 2)).values()))
"""


@pytest.fixture(scope="module")
def made_by_torch(bake, tmp_path_factory):
    """Return a folder of files that PyTorch wrote, its Python, and the net's own answer."""
    folder = tmp_path_factory.mktemp("nets")
    (folder / "nets.py").write_text(NETS_PY)
    python = install(bake(framework="pytorch", platform="local")) / "python"
    return folder, python, run(python, folder, MAKE)


def run(python, folder, code):
    """Return the last line that Python prints in a folder, as a value."""
    command = [python, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return ast.literal_eval(done.stdout.strip().rpartition("\n")[2] or "None")


@pytest.mark.sample("parallel.pth", "traced.pt")
@pytest.mark.slow
@pytest.mark.parametrize("name", ["parallel.pth", "old.pth", "lightning.ckpt", "traced.pt"])
def test_answers_are_the_net_s(bake, made_by_torch, tmp_path, name):
    folder, python, truth = made_by_torch
    (folder / "labels.txt").write_text("a\nb\nc\n")
    made = bake(model_path=str(folder / name), platform="local", task="image-classification")
    project = shutil.copytree(made, tmp_path / "project")
    if (project / "architecture.py").exists():
        (project / "architecture.py").write_text(NETS_PY)
    code = (project / "model.py").read_text("utf-8")
    assert "MEAN = 0.0\nSTD = 1.0" in code  # grey: ImageNet's three values would not fit
    (project / "model.py").write_text(code.replace("224, 224", "28, 28"))
    assert run(python, project, PREDICT) == pytest.approx(truth, abs=1e-5)


@pytest.mark.sample("whole.pt")
@pytest.mark.slow
@pytest.mark.parametrize("name", ["whole.pt", "old_whole.pt", "trainer.pt"])
def test_command_of_a_refusal_converts(bake, made_by_torch, tmp_path, name):
    folder, python, truth = made_by_torch
    found = re.search(r'python -c "(.*)" with your input', refusal(folder / name))
    run(python, folder, found[1].replace("224, 224", "28, 28"))
    shutil.copy(folder / "model.pt2", tmp_path)
    project = bake(model_path=str(tmp_path / "model.pt2"), platform="local")
    assert run(python, project, PREDICT) == pytest.approx(truth, abs=1e-5)


@pytest.mark.slow
def test_labels_are_compared_with_the_classes(bake, made_by_torch):
    folder, _, _ = made_by_torch
    (folder / "labels.txt").write_text("a\nb\n")
    with pytest.raises(Exception, match="has 2 classes, the model 3"):
        bake(model_path=str(folder / "old.pth"), platform="local")


def test_torchvision_data_is_theirs():
    """Each digest names one network, with a head whose last layer has the classes."""
    data = json.loads(networks.DATA.read_text("utf-8"))
    assert len(data["networks"]) == 85
    assert len({entry["name"] for entry in data["networks"].values()}) == 80
    for entry in data["networks"].values():
        shapes = [shape for key, shape in entry["head"].items() if key.endswith(".weight")]
        assert shapes[-1][0] is None


SQUEEZENET = {"0": (64, 3, 3), "3": (16, 64), "4": (16, 128), "6": (32, 128), "7": (32, 256),
              "9": (48, 256), "10": (48, 384), "11": (64, 384), "12": (64, 512)}  # fmt: skip


def squeezenet(classes=7, prefix="", **head):
    """The shapes of squeezenet1_1, as its paper and source have them."""
    shapes = {"features.0.weight": (64, 3, 3, 3), "features.0.bias": (64,)}
    for place, (squeeze, given) in list(SQUEEZENET.items())[1:]:
        wide = 4 * squeeze
        for part, shape in {
            "squeeze": (squeeze, given, 1, 1),
            "expand1x1": (wide, squeeze, 1, 1),
            "expand3x3": (wide, squeeze, 3, 3),
        }.items():
            shapes[f"features.{place}.{part}.weight"] = shape
            shapes[f"features.{place}.{part}.bias"] = shape[:1]
    head = head or {"classifier.1.weight": (classes, 512, 1, 1), "classifier.1.bias": (classes,)}
    return {f"{prefix}{key}": shape for key, shape in (shapes | head).items()}


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "model.net.", "module.model."])
def test_squeezenet_is_recognised(prefix, tmp_path):
    """By names and shapes, not by the file's name; wrappers put a prefix before each name."""
    body = {key: tensor(*shape) for key, shape in squeezenet(prefix=prefix).items()}
    path = tmp_path / "resnet50.pt"
    path.write_bytes(torch_file(state_dict(**body)))
    found = inspect(path)
    assert found.network[:4] == ("squeezenet1_1", {"num_classes": 7}, 224, 7)
    assert found.packages == ("torchvision",)
    assert (found.scores, found.outputs[0].shape) == ("logits", (None, 7))


@pytest.mark.parametrize(
    ("head", "place", "layers", "guessed"),
    [
        ({"classifier.weight": (3, 512), "classifier.bias": (3,)}, "classifier",
         ["nn.Linear(512, 3)"], False),
        ({"classifier.1.0.weight": (3, 512)}, "classifier[1]",
         ["nn.Linear(512, 3, bias=False)"], False),
        ({"classifier.1.weight": (64, 512), "classifier.1.bias": (64,),
          "classifier.4.weight": (3, 64), "classifier.4.bias": (3,)}, "classifier",
         ["nn.Dropout()", "nn.Linear(512, 64)", "nn.ReLU()", "nn.Dropout()", "nn.Linear(64, 3)"],
         True),
    ],
)  # fmt: skip
def test_head_of_the_owners(head, place, layers, guessed):
    found = networks.recognised(squeezenet(**head))
    assert (found.place, [*found.layers], found.guessed) == (place, layers, guessed)
    assert found.classes == 3


@pytest.mark.parametrize(
    "change",
    [
        {"features.0.weight": (64, 1, 3, 3)},
        {"extra.weight": (3, 3)},
        {"classifier.4.conv.weight": (3, 3)},
        {"classifier.1.weight": (7, 513, 1, 1)},
    ],
)
def test_another_network_is_not_recognised(change):
    assert networks.recognised(squeezenet() | change) is None


@pytest.mark.parametrize(
    ("key", "shape", "what"),
    [
        ("roi_heads.box_predictor.cls_score.weight", (91, 1024), "Faster R-CNN, a detector"),
        ("head.classification_head.cls_logits.weight", (819, 256, 3, 3), "RetinaNet, a detector"),
        ("model.classifier.0.convs.0.0.weight", (256, 2048, 1, 1), "DeepLabV3, a segmenter"),
        ("classifier.4.weight", (21, 512, 1, 1), "FCN, a segmenter"),
    ],
)
def test_detectors_of_torchvision(key, shape, what, tmp_path):
    (tmp_path / "x.pth").write_bytes(torch_file(state_dict(**{key: tensor(*shape)})))
    assert what in refusal(tmp_path / "x.pth")
