"""Compare the predicted memory and slug of real architectures with their projects'.

    python -m scripts.architectures [TEXT]

Networks of torchvision, timm, keras.applications and transformers, and a forest, as their
users save them, with random weights. Each project classifies a photograph of 4 megapixels,
or its example. None is among those that scripts/runtimes.py takes the figures from, except
where a format has no others. Writes the last part of docs/footprint.md.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from local_extensions.catalog import ROOT
from ml_ui.sizing import limits
from ml_ui.sizing.measure import measure
from scripts import make_models
from scripts.runtimes import generate, measured, progress
from scripts.verify_footprint import REAL, environment, preflight
from tests.running import install

PAGE = ROOT / "docs" / "footprint.md"
INTRODUCTION = """\
`make architectures` writes this part. Each project answers a request, for pictures a photograph
of 4 megapixels; **memory** is what it holds then, which is what platforms bill.

| model | quantity | predicted | measured | error | eco's 512 MB: verdict, and truth |
|---|---|--:|--:|--:|---|
"""
CASES = {
    "torchvision": [
        "convnext_tiny.pt2", "efficientnet_b0.pt2", "efficientnet_b0.pt", "vit_b_16.pt",
        "densenet121.pth", "efficientnet_b0.safetensors", "efficientnet_b0.onnx",
        "convnext_tiny.onnx", "vit_b_16.onnx",
    ],
    "timm": ["efficientnet_b0"],
    "keras.applications": ["EfficientNetB0.keras", "MobileNetV3Large.keras", "InceptionV3.h5"],
    "transformers": ["distilbert", "vit-small"],
    "scikit-learn": ["digits.joblib"],
}  # fmt: skip
SHOWN = ("memory", "slug")
ECO = 512_000_000  # bytes of memory


class Row(NamedTuple):
    """A quantity of a project, in bytes."""

    name: str
    quantity: str
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """Error of the prediction in per cent."""
        return 100 * (self.predicted / self.measured - 1)

    def __str__(self) -> str:
        said, real = (
            "fits" if count <= ECO else "does not fit" for count in (self.predicted, self.measured)
        )
        verdict = "" if self.quantity != "memory" else said if said == real else f"{said}, {real}"
        sizes = (limits.written(count, "bytes") for count in (self.predicted, self.measured))
        return (
            f"| {self.name} | {self.quantity} | {' | '.join(sizes)} | {self.error:+.1f} % "
            f"| {verdict} |\n"
        )


def verify(library: str, name: str) -> Iterator[Row]:
    """Build and serve the project of a real architecture; yield its quantities."""
    with TemporaryDirectory() as folder:
        path = make_models.real(library, Path(folder), name)
        project = generate(
            Path(folder, "made"), model_path=str(path), platform="heroku", hardware="performance-l",
            ci="no",
        )  # fmt: skip
        checks = preflight(project)
        found = measured(project, install(project).parent)
        home = environment(project / "requirements.txt")  # with the bytecode that pip writes
        found |= measure(project, ("slug",), lambda line: None, home)
        for quantity in SHOWN:
            title = f"{library}, {name}"
            yield Row(title, quantity, checks[quantity]["predicted"], found[quantity])


def main() -> None:
    """Verify the architectures with a text in their name, or all; of all, write the page."""
    only, rows = "".join(sys.argv[1:]), []
    for library, names in CASES.items():
        for name in names:
            if only in f"{library} {name}":
                for row in verify(library, name):
                    progress(str(row).rstrip())
                    rows.append(row)
    if not only:
        page, *_ = PAGE.read_text("utf-8").partition(REAL)
        text = "".join(map(str, rows))
        PAGE.write_text(f"{page.rstrip()}\n\n{REAL}\n{INTRODUCTION}{text}", "utf-8")


if __name__ == "__main__":
    main()
