"""Pixel scaling that a network does itself, and the range that it therefore takes."""

from typing import NamedTuple

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean and deviation of its pixels


class Pixels(NamedTuple):
    """How pixels go in: (pixel / 255 - mean) / std."""

    mean: float | tuple[float, ...]
    std: float | str | tuple[float, ...]
    source: str  # who says so
    crop: str | None = None  # the middle that is left, as a part of the shorter side
    blue_first: bool = False


# keras.applications, mode "caffe": less 103.939, 116.779 and 123.68, blue first.
CAFFE = Pixels(
    (0.4076, 0.45796, 0.48502),
    "1 / 255",
    "keras.applications for this network: 0 to 255 less ImageNet's mean, blue first",
    blue_first=True,
)


def ranged(most: int, source: str) -> Pixels:
    """Return the scaling to 0..1 or 0..255."""
    return Pixels(0.0, {1: 1.0, 255: "1 / 255"}[most], source)


class Affine(NamedTuple):
    """First layers of a network, as pixel * scale + offset; the means over the channels."""

    scale: float = 1.0
    offset: float = 0.0
    by: tuple[str, ...] = ()  # the layers

    def then(self, scale: float, offset: float, by: str) -> "Affine":
        """Return this, and another layer behind it."""
        return Affine(self.scale * scale, self.offset * scale + offset, (*self.by, by))

    @property
    def pixels(self) -> Pixels | None:
        """The range that it takes; None where it does not tell.

        1 / 255 and 1 / 127.5 stand for 0..255, as does 1 / (255 * 0.229), of ImageNet. Of
        0..1, 2 and 1 / 0.229 are usual. Where a mean alone is subtracted, its size tells.
        """
        centre = -self.offset / self.scale if self.scale else 0.0
        if 0 < self.scale < 0.05 or centre > 2:
            most = 255
        elif self.scale > 1.5 or 0 < centre < 1:
            most = 1
        else:
            return None
        return ranged(most, f"the network, which scales 0 to {most} itself ({', '.join(self.by)})")
