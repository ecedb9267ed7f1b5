"""Scaling and size of a picture: the usual ones, and how model.py says them."""

import ast
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

# Mean and deviation of colours in ImageNet's pictures, 0 to 1; torchvision's models.
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Scaling(NamedTuple):
    """How pixels become numbers, (pixel / 255 - MEAN) / STD, for each channel."""

    title: str
    mean: float | tuple[float, ...]
    std: float | tuple[float, ...]
    std_source: str = ""  # source code of STD, if it says more than the value
    blue_first: bool = False

    @property
    def size(self) -> float:
        """How many times larger than 0 to 1 a step of the colours is."""
        return 1 / float(np.abs(self.std).min())

    def reversed(self) -> "Scaling":
        """Return the same with blue first: picture, mean and deviation."""
        mean, std = (
            each[::-1] if isinstance(each, tuple) else each
            for each in (self.mean, self.std)
        )
        title = f"{self.title}, blue first"
        return self._replace(title=title, mean=mean, std=std, blue_first=True)

    def constants(self) -> dict[str, str]:
        """Return the constants of model.py for this scaling, as source code."""
        return {"MEAN": str(self.mean), "STD": self.std_source or str(self.std)}


SCALINGS = [
    Scaling("0..1", 0.0, 1.0),
    Scaling("0..255", 0.0, 1 / 255, "1 / 255"),
    Scaling("-1..1", 0.5, 0.5),
    Scaling("ImageNet's mean and deviation", *IMAGENET),
    Scaling("0..16", 0.0, 1 / 16, "1 / 16"),
    Scaling("1..0, dark for light", 1.0, -1.0),
    # keras.applications, mode "caffe", with blue first: 123.68, 116.779, 103.939.
    Scaling(
        "0..255 minus ImageNet's mean", (0.48502, 0.45796, 0.4076), 1 / 255, "1 / 255"
    ),
]
# Sides of pictures that networks are trained with, in pixels: MNIST's and CIFAR's,
# ImageNet's crops, and those of torchvision's, timm's and Keras' networks.
SIDES = (
    224, 256, 32, 28, 64, 128, 299, 384, 512, 96, 48, 160, 192, 240, 227, 112, 150, 300,
    320, 180, 200, 448, 100, 260, 336, 380, 456, 480, 528, 600, 640, 40, 50, 80, 120,
    16,
)  # fmt: skip
BRACKETS = str.maketrans("()", "[]")
# Of model.js: where the picture is made, what is before it, and the import of that.
PICTURE = "  const picture = "
BLUE_FIRST_SCRIPT = "  image = swapped(image); // blue first, as in training\n"
IMPORT = ' } from "./browser/pictures.js";'
IMPORT_SWAPPED = f", swapped{IMPORT}"
BLUE_FIRST = "    image = image[:, :, ::-1]  # blue first, as in training"


def is_grey(model: Any) -> bool:
    """Return whether the pictures of a model.py have one channel."""
    return 1 in model.INPUT_SHAPE[1:]


def usual(model: Any) -> list[Scaling]:
    """Return the scalings to try with a model.py, with both orders of the colours."""
    if is_grey(model):
        return [
            each._replace(mean=float(np.mean(each.mean)), std=float(np.mean(each.std)))
            for each in SCALINGS
        ]
    return SCALINGS + [each.reversed() for each in SCALINGS]


@contextmanager
def applied(model: Any, scaling: Scaling) -> Iterator[None]:
    """Scale pictures in another way within the block."""
    before = model.MEAN, model.STD, model.prepare
    is_blue_first = BLUE_FIRST in Path(model.__file__).read_text("utf-8").split("\n")

    def prepare(image: np.ndarray, *more: Any) -> Any:
        return before[2](image[:, :, ::-1], *more)

    model.MEAN, model.STD = scaling.mean, scaling.std
    if scaling.blue_first != is_blue_first:
        model.prepare = prepare
    try:
        yield
    finally:
        model.MEAN, model.STD, model.prepare = before


def with_side(model: Any, side: int) -> tuple[int, ...]:
    """Return the INPUT_SHAPE of a model.py with another height and width, in pixels."""
    batch, *axes = model.INPUT_SHAPE
    channel = 0 if axes[0] in (1, 3) else 2
    return (batch, *(n if at == channel else side for at, n in enumerate(axes)))


def rewritten(
    source: str, constants: Mapping[str, str], blue_first: bool | None = None
) -> str:
    """Return the source of model.py with other constants; the rest is left as it is.

    Args:
        source: of model.py.
        constants: names and their new values, as source code.
        blue_first: put blue first in prepare(), or no more; None leaves the order.
    """
    lines = source.split("\n")  # as ast counts them; str.splitlines knows more breaks
    is_other = blue_first not in (None, BLUE_FIRST in lines)
    edits = []  # first and last line, and the new ones
    for node in ast.parse(source).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) if name in constants:
                last = node.end_lineno or node.lineno
                edits.append((node.lineno - 1, last, [f"{name} = {constants[name]}"]))
            case ast.FunctionDef(name="prepare", body=body) if is_other and blue_first:
                first = body[1 if ast.get_docstring(node) else 0].lineno - 1
                edits.append((first, first, [BLUE_FIRST]))
    if is_other and not blue_first:
        at = lines.index(BLUE_FIRST)
        edits.append((at, at + 1, []))
    for start, end, new in sorted(edits, reverse=True):
        lines[start:end] = new
    return "\n".join(lines)


def rewritten_script(
    source: str, constants: Mapping[str, str], blue_first: bool | None = None
) -> str | None:
    """Return the source of model.js with the same edits as `rewritten` makes.

    None, if a place of one is not found.
    """
    for name, value in constants.items():
        literal = value.translate(BRACKETS).replace("None", "null")
        constant = re.compile(rf"^const {name} = [^;]*;", re.MULTILINE)
        source, count = constant.subn(f"const {name} = {literal};", source)
        if count != 1:
            return None
    has_blue_first = BLUE_FIRST_SCRIPT in source
    if blue_first in (None, has_blue_first):
        return source
    edits = (IMPORT, IMPORT_SWAPPED), (PICTURE, BLUE_FIRST_SCRIPT + PICTURE)
    for old, new in edits if blue_first else [each[::-1] for each in edits]:
        if source.count(old) != 1:
            return None
        source = source.replace(old, new)
    return source
