"""PyTorch's files: what their tensors tell, and what is said of those that run code."""

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
    state_dict,
    text,
    torch_file,
)

from local_extensions.model_files import Unusable, inspect


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


def write(folder, filename, content):
    path = folder / filename
    path.write_bytes(content)
    return path


def refusal(path):
    with pytest.raises(Unusable) as caught:
        inspect(path)
    return str(caught.value)


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
    (note,) = found.notes
    assert "INPUT_SHAPE, MEAN and STD in model.py are a guess (224x224; ImageNet's" in note


# Of tensors: the input, the number of outputs, and words of a note.
NETS = {
    "grey": (net(channels=1), (None, 1, None, None), 10, "(224x224; 0 to 1)"),
    "one filter a channel": ({"a.weight": tensor(3, 1, 3, 3)} | net(), None, 10, "224x224"),
    "one output": (net(classes=1), (None, 3, None, None), 1, "torch.sigmoid"),
    "columns": (
        {"0.weight": tensor(16, 4), "0.bias": tensor(16), "2.weight": tensor(3, 16)},
        (None, 4), 3, "scaling of columns",
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
    assert any(note in each for each in found.notes)


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
        "yolo export model=model.pt format=onnx",
    ),
    "fastai": (torch_file(made("fastai.learner.Learner")), "is a fastai Learner"),
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
