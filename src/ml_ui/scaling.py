"""Scaling of a picture's pixels: the usual ways, and how model.py says them."""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

# Mean and deviation of the colours of ImageNet's pictures, 0 to 1; torchvision's models.
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Scaling(NamedTuple):
    """How pixels become numbers, (pixel / 255 - MEAN) / STD, and the order of channels."""

    title: str
    mean: float | tuple[float, ...]
    std: float | tuple[float, ...]
    std_source: str = ""  # source code of STD, if it says more than the value
    reverse: bool = False  # blue, green, red


SCALINGS = [
    Scaling("0..1", 0.0, 1.0),
    Scaling("0..255", 0.0, 1 / 255, "1 / 255"),
    Scaling("-1..1", 0.5, 0.5),
    Scaling("ImageNet's mean and deviation", *IMAGENET),
    Scaling("0..16", 0.0, 1 / 16, "1 / 16"),
    Scaling("1..0, dark for light", 1.0, -1.0),
    # keras.applications, mode "caffe", with blue first.
    Scaling("0..255 minus ImageNet's mean", IMAGENET[0], 1 / 255, "1 / 255"),
]
BLUE_FIRST = "    image = image[:, :, ::-1]  # blue first, as in training"


def is_grey(model: Any) -> bool:
    """Return whether the pictures of a model.py have one channel."""
    return 1 in model.INPUT_SHAPE[1:]


def usual(model: Any) -> list[Scaling]:
    """Return the scalings to try with a model.py: each with both orders of the colours."""
    if is_grey(model):
        return [
            each._replace(mean=float(np.mean(each.mean)), std=float(np.mean(each.std)))
            for each in SCALINGS
        ]
    return SCALINGS + [
        each._replace(title=f"{each.title}, blue first", reverse=True)
        for each in SCALINGS
    ]


@contextmanager
def applied(model: Any, scaling: Scaling) -> Iterator[None]:
    """Scale pictures in another way within the block."""
    before = model.MEAN, model.STD, model.prepare

    def prepare(image: np.ndarray, *more: Any) -> Any:
        return before[2](image[:, :, ::-1], *more)

    model.MEAN, model.STD = scaling.mean, scaling.std
    model.prepare = prepare if scaling.reverse else before[2]
    try:
        yield
    finally:
        model.MEAN, model.STD, model.prepare = before


def rewritten(source: str, scaling: Scaling) -> str:
    """Return the source of model.py with another scaling; the rest is left as it is."""
    lines = source.split("\n")  # as ast counts them; str.splitlines knows more breaks
    texts = {"MEAN": str(scaling.mean), "STD": scaling.std_source or str(scaling.std)}
    edits = []  # first and last line, and the new one
    for node in ast.parse(source).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="MEAN" | "STD" as name)]):
                last = node.end_lineno or node.lineno
                edits.append((node.lineno - 1, last, f"{name} = {texts[name]}"))
            case ast.FunctionDef(name="prepare", body=body) if scaling.reverse:
                first = body[1 if ast.get_docstring(node) else 0].lineno - 1
                edits.append((first, first, BLUE_FIRST))
    for start, end, text in sorted(edits, reverse=True):
        lines[start:end] = [text]
    return "\n".join(lines)
