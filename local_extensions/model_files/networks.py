"""Networks of torchvision, recognised by the names and shapes of their tensors; names of timm's.

scripts/networks.py writes the data, and imports this module: it uses the standard library alone.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

CLASSES = 100_000  # more than any classifier has
DATA = Path(__file__).parents[2] / "templates" / "frameworks" / "pytorch" / "networks.json"

Shapes = Mapping[str, tuple[int, ...]]  # of tensors, by name


class Network(NamedTuple):
    """A network of torchvision, with the head that a file has."""

    name: str  # of its function in torchvision.models
    arguments: Mapping[str, Any]  # of that, beside `weights`
    size: int  # height and width of the pictures that torchvision's own weights take
    classes: int
    # A head of the owner's, which replaces that of torchvision: where, and what.
    place: str = ""  # "fc", "classifier[6]"
    layers: tuple[str, ...] = ()  # "nn.Linear(512, 2)"
    guessed: bool = False  # whether some have no tensors, and are what is usual there


def digest(tensors: Shapes, heads: str) -> str:
    """Return a digest of names and shapes without those of the heads, "fc AuxLogits.fc".

    Files of before PyTorch 0.4.1 have no num_batches_tracked.
    """
    left_out = tuple(f"{head}." for head in heads.split())
    rows = sorted(
        (name, *shape)
        for name, shape in tensors.items()
        if not name.startswith(left_out) and not name.endswith("num_batches_tracked")
    )
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def recognised(tensors: Shapes) -> Network | None:
    """Return the network that tensors belong to; None if it is not one of torchvision's."""
    known = json.loads(DATA.read_text("utf-8"))
    tensors = {**tensors}
    while tensors:
        for heads in known["heads"]:
            if found := known["networks"].get(digest(tensors, heads)):
                return _with_head(found, tensors, heads)
        # Lightning and others put the name of an attribute before each.
        (first, *others) = {name.partition(".")[0] for name in tensors}
        if others or first in tensors:
            return None
        tensors = {name.partition(".")[2]: shape for name, shape in tensors.items()}
    return None


def of_timm() -> list[str]:
    """Return the names of timm's networks."""
    return json.loads(DATA.read_text("utf-8"))["timm"].split()


def _with_head(found: dict, tensors: Shapes, heads: str) -> Network | None:
    """Return a network with torchvision's head, or the owner's; None if that is not known.

    Args:
        found: its entry; a shape in `head` has null for the number of classes.
        tensors: all in the file.
        heads: where its heads are; the owner may replace the first.
    """
    own = tuple(f"{head}." for head in heads.split())
    given = {name: [*shape] for name, shape in tensors.items() if name.startswith(own)}
    facts = {"name": found["name"], "size": found["size"]}
    arguments = found.get("arguments", {})
    last = next(name for name in reversed(found["head"]) if name.endswith(".weight"))
    for classes in given.get(last, [])[:1]:
        if not 0 < classes <= CLASSES:
            return None
        usual = {n: [axis or classes for axis in shape] for n, shape in found["head"].items()}
        if given == usual:
            return Network(arguments=arguments | {"num_classes": classes}, classes=classes, **facts)
    usual = {n: [axis or 1000 for axis in shape] for n, shape in found["head"].items()}
    for place in (last.removesuffix(".weight"), heads.split()[0]):
        rest, inner = _split(given, place)
        layers, guessed = _layers(inner)
        if layers and rest == _split(usual, place)[0]:
            classes = int(re.search(r", (\d+)", layers[-1])[1])
            place = re.sub(r"\.(\d+)", r"[\1]", place)
            return Network(
                **facts, arguments=arguments, classes=classes, place=place, layers=layers,
                guessed=guessed,
            )  # fmt: skip
    return None


def _split(tensors: Mapping[str, list], place: str) -> tuple[dict, dict]:
    """Return the tensors outside of a module, and those of it, by the names inside."""
    start = f"{place}."
    rest = {name: shape for name, shape in tensors.items() if not name.startswith(start)}
    inner = {n.removeprefix(start): shape for n, shape in tensors.items() if n not in rest}
    return rest, inner


def _layers(tensors: Mapping[str, list]) -> tuple[tuple[str, ...], bool]:
    """Return the layers of a head, and whether some are guessed; none if they are not known.

    A linear layer, or a Sequential of those and of batch normalizations. Others have no
    tensors: the first behind each hidden layer is taken for a ReLU, the rest for dropout,
    which does nothing here.
    """
    one = set(tensors) <= {"weight", "bias"}
    named = {f"0.{name}" if one else name: shape for name, shape in tensors.items()}
    by_place: dict[int, dict[str, list]] = {}
    for name, shape in named.items():
        place, _, part = name.partition(".")
        if not place.isdecimal() or int(place) > 99:
            return (), False
        by_place.setdefault(int(place), {})[part] = shape
    layers, guessed, hidden = [], False, False
    for place in range(max(by_place, default=-1) + 1):
        parts = by_place.get(place, {})
        weight = parts.get("weight", [])
        if len(weight) == 2 and set(parts) <= {"weight", "bias"}:
            bias = "" if "bias" in parts else ", bias=False"
            layers.append(f"nn.Linear({weight[1]}, {weight[0]}{bias})")
            hidden = True
        elif len(weight) == 1 and "running_mean" in parts and "bias" in parts:
            layers.append(f"nn.BatchNorm1d({weight[0]})")
        elif parts:
            return (), False
        else:
            layers.append("nn.ReLU()" if hidden else "nn.Dropout()")
            guessed, hidden = True, False
    if not layers or not layers[-1].startswith("nn.Linear"):
        return (), False
    return tuple(layers), guessed
