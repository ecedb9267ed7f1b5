"""Make small PyTorch nets in the ways that people save them."""
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "torch==2.13.0", "torchvision==0.28.0", "timm==1.0.31", "safetensors", "pillow<13", "numpy",
# ]
# ///

import inspect
import json
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_model_data_config
from torch import nn
from torchvision import models, transforms

IMAGENET = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
truth = []


class Colours(nn.Module):
    """A classifier of colour pictures."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 8, 3, 2), nn.Linear(8, 3)

    def forward(self, x):
        return self.fc(self.conv(x).relu().mean((2, 3)))


class Grey(Colours):
    """A classifier of grey pictures."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, 2)


class Row(nn.Module):
    """A regression on four columns."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x):
        return self.layers(x)


class Pair(Colours):
    """A net with two outputs."""

    def forward(self, x):
        y = super().forward(x)
        return y, y.softmax(1)


class Flat(nn.Module):
    """The fully connected net of PyTorch's quickstart: 28x28 pixels in a row."""

    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.layers = nn.Sequential(nn.Linear(28 * 28, 64), nn.ReLU(), nn.Linear(64, 3))

    def forward(self, x):
        return self.layers(self.flatten(x))


class Valid(nn.Module):
    """The net of PyTorch's tutorial on CIFAR: it takes 32x32 pixels, and no others."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 3)
        self.pool = nn.MaxPool2d(2, 2)

    def forward(self, x):
        x = self.pool(self.conv2(self.pool(self.conv1(x).relu())).relu()).flatten(1)
        return self.fc3(self.fc2(self.fc1(x).relu()).relu())


class Digits(nn.Module):
    """The net of PyTorch's example on MNIST: 28x28 grey pixels, logarithms of probabilities."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 8, 3, 1), nn.Conv2d(8, 16, 3, 1)
        self.pool = nn.MaxPool2d(2)
        self.fc1, self.fc2 = nn.Linear(2304, 16), nn.Linear(16, 3)

    def forward(self, x):
        x = self.pool(self.conv2(self.conv1(x).relu()).relu()).flatten(1)
        return self.fc2(self.fc1(x).relu()).log_softmax(1)


def source(cls: type) -> str:
    """Return an architecture.py with a class."""
    bases = [base for base in cls.__mro__[1:-1] if base.__module__ == "__main__"][::-1]
    classes = "\n\n".join(inspect.getsource(each) for each in [*bases, cls])
    return f"from torch import nn\n\n\n{classes}\n\ndef build():\n    return {cls.__name__}()\n"


def answers(file: str, net: nn.Module, grey: bool = False, transform=None, **more) -> None:
    """Add an entry for each picture, prepared as the net's author would."""
    for name in ("0.png", "1.png"):
        picture = Image.open(name).convert("L" if grey else "RGB")
        if transform:
            batch = transform(picture)[None]
        else:
            pixels = np.asarray(picture.resize((224, 224), 2), np.float32).reshape(224, 224, -1)
            mean, std = (np.float32(0), np.float32(1)) if grey else IMAGENET
            batch = torch.tensor(((pixels / 255 - mean) / std).transpose(2, 0, 1)[None])
        with torch.inference_mode():
            scores = net(batch)[0].softmax(0)
        best = int(scores.argmax())
        entry = {"file": file, "input": name, "answer": f"class {best}", "expect": "right"}
        truth.append(entry | {"probability": float(scores[best]), **more})


def libraries() -> None:
    """Save weights alone of torchvision's nets with heads of one's own, and a folder of timm."""
    resnet, mobile, second, google = (
        models.resnet18(), models.mobilenet_v3_small(num_classes=3), models.mobilenet_v2(),
        models.googlenet(transform_input=True, init_weights=False),
    )  # fmt: skip
    resnet.fc = nn.Linear(512, 2)
    hidden = [nn.Dropout(), nn.Linear(1280, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 5)]
    second.classifier = nn.Sequential(*hidden)
    google.fc = nn.Linear(1024, 3)
    for net, name in (
        (resnet, "resnet18.pt"),
        (mobile, "a-misleading-resnet50.ckpt"),
        (second, "mobilenet_v2.safetensors"),
        (google, "googlenet.pth"),
    ):
        sharpened(net)
        if net is second:
            net.classifier.append(nn.LogSoftmax(1))
        if name.endswith(".safetensors"):
            save_file(net.state_dict(), name)
        elif name.endswith(".ckpt"):  # Lightning's
            weights = {f"net.{key}": weight for key, weight in net.state_dict().items()}
            torch.save({"state_dict": weights, "epoch": 1}, name)
        else:
            torch.save(net.state_dict(), name)
        transform = transforms.Compose([
            transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(),
            transforms.Normalize(*map(np.ndarray.tolist, IMAGENET)),
        ])  # fmt: skip
        answers(name, net, transform=transform)
    for net, name, why in (
        (models.detection.ssdlite320_mobilenet_v3_large, "ssd.pth", "SSD, a detector"),
        (models.segmentation.lraspp_mobilenet_v3_large, "lraspp.pth", "LR-ASPP, a segmenter"),
    ):
        torch.save(net(weights=None, weights_backbone=None).state_dict(), name)
        refuse(name, why)
    for name in ("test_efficientnet", "test_vit"):
        net = timm.create_model(name, num_classes=3)
        sharpened(net, 160)
        timm.models.save_for_hf(net, name, safe_serialization="both" if "vit" in name else False)
        answers(name, net, transform=create_transform(**resolve_model_data_config(net)))


def sharpened(net: nn.Module, size: int = 224, transform=None) -> None:
    """Make a last layer by which the two pictures differ."""
    net.eval()
    pictures = [Image.open(name) for name in ("0.png", "1.png")]
    if transform:
        batch = torch.stack([transform(each) for each in pictures])
    else:
        small = [np.asarray(each.resize((size, size), 2)) for each in pictures]
        batch = torch.tensor(np.float32(small) / 128 - 1).permute(0, 3, 1, 2)
    *_, last = (each for each in net.modules() if isinstance(each, nn.Linear))
    with torch.no_grad():
        last.weight.data, last.bias.data = torch.randn_like(last.weight), last.bias.data * 0
        scores = net(batch)
        scale = 1 / (scores - scores.mean(0)).abs().max()
        last.weight.data, last.bias.data = last.weight * scale, -scores.mean(0) * scale


def tutorials() -> None:
    """Save nets of PyTorch's tutorials, which take one size of pictures and do not tell it."""
    resized = [transforms.Resize((28, 28)), transforms.ToTensor()]
    grey = transforms.Compose([transforms.Grayscale(), *resized])
    lines = transforms.Compose([grey, lambda picture: picture[0]])  # no axis of channels
    coloured = transforms.Compose([
        transforms.Resize((32, 32)), transforms.ToTensor(),
        transforms.Normalize(*map(np.ndarray.tolist, IMAGENET)),
    ])  # fmt: skip
    for net, transform, stem in (
        (Flat(), lines, "quickstart"),
        (Valid(), coloured, "cifar"),
        (Digits(), grey, "mnist"),
    ):
        sharpened(net, transform=transform)
        zeros = transform(Image.open("0.png"))[None] * 0
        torch.save(net.state_dict(), f"{stem}.pth")
        save_file(net.state_dict(), f"{stem}.safetensors")
        torch.jit.trace(net, zeros).save(f"{stem}-traced.pt")
        torch.jit.script(net).save(f"{stem}-scripted.pt")
        torch.export.save(torch.export.export(net, (zeros,)), f"{stem}.pt2")
        for end in (".pth", ".safetensors"):
            answers(f"{stem}{end}", net, transform=transform, architecture=source(type(net)))
        for end in ("-traced.pt", "-scripted.pt", ".pt2"):
            answers(f"{stem}{end}", net, transform=transform)


def refuse(file: str, why: str) -> None:
    """Add an entry for a file that has to be refused."""
    truth.append({"file": file, "input": "", "answer": None, "expect": "refused", "why": why})


def main() -> None:
    """Write the files and truth.json."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    for n, shape in enumerate([(9, 6, 3), (5, 12, 3)]):
        small = Image.fromarray(rng.integers(0, 255, shape).astype(np.uint8))
        small.resize((200, 150), Image.Resampling.BICUBIC).save(f"{n}.png")
    for net, stem in ((Colours().eval(), "colours"), (Grey().eval(), "grey")):
        grey = stem == "grey"
        zeros = torch.zeros(1, 1 if grey else 3, 224, 224)
        weights, own = net.state_dict(), {"architecture": source(type(net))}
        torch.export.save(torch.export.export(net, (zeros,)), f"{stem}.pt2")
        torch.jit.trace(net, zeros).save(f"{stem}-traced.pt")
        torch.jit.script(net).save(f"{stem}-scripted.pt")
        for name in (f"{stem}.pt2", f"{stem}-traced.pt", f"{stem}-scripted.pt"):
            answers(name, net, grey)
        torch.save(weights, f"{stem}.pth")
        torch.save(weights, f"{stem}-old.pth", _use_new_zipfile_serialization=False)
        torch.save(nn.DataParallel(net).state_dict(), f"{stem}-parallel.pth")
        torch.save({"epoch": 1, "model_state_dict": weights}, f"{stem}-checkpoint.tar")
        lightning = {f"model.{name}": weight for name, weight in weights.items()}
        torch.save({"state_dict": lightning, "epoch": 1}, f"{stem}.ckpt")
        save_file(weights, f"{stem}.safetensors")
        for end in (
            ".pth",
            "-old.pth",
            "-parallel.pth",
            "-checkpoint.tar",
            ".ckpt",
            ".safetensors",
        ):
            answers(f"{stem}{end}", net, grey, **own)
        torch.save(net, f"{stem}-whole.pt")
        refuse(f"{stem}-whole.pt", "whole pickled __main__.")
        torch.save(net, f"{stem}-whole-old.pt", _use_new_zipfile_serialization=False)
        refuse(f"{stem}-whole-old.pt", "whole pickled __main__.")
    half = Colours().half().eval()
    torch.jit.script(half).save("half-scripted.pt")
    answers("half-scripted.pt", half.float())

    libraries()
    tutorials()

    row = Row().eval()
    values = [5.1, 3.5, 1.4, 0.2]
    with torch.inference_mode():
        numbers = row(torch.tensor([values]))[0].tolist()
    torch.export.save(torch.export.export(row, (torch.zeros(1, 4),)), "row.pt2")
    torch.jit.script(row).save("row-scripted.pt")
    torch.save(row.state_dict(), "row.pth")
    for name in ("row.pt2", "row-scripted.pt", "row.pth"):
        more = {"architecture": source(Row)} if name == "row.pth" else {}
        names = {"answer": numbers, "expect": "right", **more}
        truth.append({"file": name, "input": values, **names})

    pair = Pair().eval()
    torch.jit.trace(pair, torch.zeros(1, 3, 64, 64)).save("pair-traced.pt")
    torch.export.save(torch.export.export(pair, (torch.zeros(1, 3, 64, 64),)), "pair.pt2")
    refuse("pair-traced.pt", "Tuple[Tensor, Tensor]")
    refuse("pair.pt2", "a tuple, list or dict of 2")
    others = {
        "twelve.pth": (nn.Conv2d(12, 8, 3), "takes 12 channels"),
        "sound.pth": (nn.Conv1d(1, 8, 9), "sounds or series"),
        "film.pth": (nn.Conv3d(3, 8, 3), "volumes or films"),
        "lstm.pth": (nn.LSTM(8, 4), "texts or series"),
    }
    for name, (net, why) in others.items():
        torch.save(net.state_dict(), name)
        refuse(name, why)
    Path("truth.json").write_text(json.dumps(truth, indent=1))


if __name__ == "__main__":
    main()
