# /// script
# requires-python = ">=3.11"
# dependencies = ["torch==2.13.0", "torchvision==0.28.0", "timm==1.0.31"]
#
# [tool.uv.sources]
# torch = { index = "pytorch-cpu" }
# torchvision = { index = "pytorch-cpu" }
#
# [[tool.uv.index]]
# name = "pytorch-cpu"
# url = "https://download.pytorch.org/whl/cpu"
# explicit = true
# ///
"""Write the digests of torchvision's classifiers, by which their weights are recognised.

A network is built for 2 and for 3 classes: tensors that differ are its head's. The size of
pictures is that of the weights that torchvision has for it. Two networks with one digest
would be an error: their weights could not be told apart.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
from torchvision.models import get_model, get_model_weights, list_models

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "local_extensions" / "model_files"))  # it needs cookiecutter
import networks

# torchvision's own weights switch it on, so nets that were trained from them have it, too.
INCEPTION = {"transform_input": True, "init_weights": False}
VARIANTS = {  # arguments that change the tensors or what is done with them
    "googlenet": ({"aux_logits": False, **INCEPTION}, {"aux_logits": True, **INCEPTION}),
    "inception_v3": ({"aux_logits": False, **INCEPTION}, {"aux_logits": True, **INCEPTION}),
    "vit_b_16": ({}, {"image_size": 384}),
    "vit_l_16": ({}, {"image_size": 512}),
    "vit_h_14": ({}, {"image_size": 518}),
}


def shapes(name: str, **arguments: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a network's tensors, by name."""
    network = get_model(name, weights=None, **arguments)
    return {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}


def size(name: str, arguments: dict[str, Any]) -> int:
    """Return the height of the pictures that torchvision's weights of a network take."""
    if name.startswith("vit_"):
        return arguments.get("image_size", 224)
    return next(iter(get_model_weights(name))).transforms().crop_size[0]


def entries(name: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the places of the heads, the digest and the entry of each variant of a network."""
    for arguments in VARIANTS.get(name, ({},)):
        two, three = (shapes(name, num_classes=n, **arguments) for n in (2, 3))
        of_classes = [key for key in two if two[key] != three[key]]
        last = next(key for key in reversed(of_classes) if key.endswith(".weight"))
        # The owner may replace a whole Sequential, as "classifier"; of others only the last layer.
        places = [last.partition(".")[0]]
        places += {key.rpartition(".")[0] for key in of_classes if not key.startswith(places[0])}
        heads = " ".join(sorted(places, key=lambda place: (place != places[0], place)))
        own = tuple(f"{head}." for head in heads.split())
        head = {
            key: [None if a != b else a for a, b in zip(two[key], three[key], strict=True)]
            for key in two
            if key.startswith(own)
        }
        head = dict(sorted(head.items(), key=lambda item: item[0].startswith(own[0])))
        entry = {"name": name, "size": size(name, arguments), "head": head}
        entry |= {"arguments": arguments} if arguments else {}
        yield heads, networks.digest(two, heads), entry


def main() -> None:
    """Build every classifier, and write the data."""
    nothing = ("normal_", "uniform_", "trunc_normal_", "constant_", "kaiming_normal_")
    for name in (*nothing, "kaiming_uniform_", "xavier_uniform_"):
        setattr(torch.nn.init, name, lambda tensor, *_, **__: tensor)
    found, places = {}, {}
    for name in list_models(module=torchvision.models):
        for heads, key, entry in entries(name):
            if key in found:
                sys.exit(f"{name} has the tensors of {found[key]['name']}")
            found[key], places[heads] = entry, None
    rows = ",\n".join(f"    {json.dumps(key)}: {json.dumps(found[key])}" for key in found)
    networks.DATA.write_text(
        "{\n"
        f'  "torchvision": "{torchvision.__version__.partition("+")[0]}",\n'
        f'  "heads": {json.dumps([*places])},\n'
        f'  "networks": {{\n{rows}\n  }},\n'
        f'  "timm": "{" ".join(timm.list_models())}"\n'
        "}\n",
        "utf-8",
    )


if __name__ == "__main__":
    main()
