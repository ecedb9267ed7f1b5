"""Read uploaded pictures, and write pictures for download."""

import os
import secrets
import tempfile
from pathlib import Path

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

# More is rejected: decoding takes up to 340 MB, as the number of workers assumes.
MEGAPIXELS = 25
# libwebp takes twice the memory of other decoders: 534 MB for 25 megapixels with alpha.
MEGAPIXELS_OF = {"WEBP": 15}
SIDE = 65_500  # pixels, as in a JPEG; each row takes memory too
SCANS = 500  # of a JPEG, which has ten; a decoder looks at every pixel for each
# Not TIFF: its tiles may be far larger than the picture.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
# JPEG takes a fiftieth of the time of WebP, Gradio's default.
FORMAT, OPTIONS = "JPEG", {"quality": 90}


def read(path: str | None) -> NDArray[np.uint8]:
    """Return the pixels of a picture, rotated as its EXIF orientation says.

    Args:
        path: an uploaded file, or None for none.

    Returns:
        RGB, shape (height, width, 3), uint8, 0 to 255; white where it is transparent.

    Raises:
        gr.Error: what is wrong with the file, for the visitor.
    """
    if path is None:
        raise gr.Error("Choose a picture first.")
    try:
        with Image.open(path, formats=FORMATS) as picture:
            width, height = picture.size
            most = MEGAPIXELS_OF.get(picture.format or "", MEGAPIXELS)
            large = width * height > most * 1e6 or max(width, height) > SIDE
            if not large and _scans(path, picture.format) <= SCANS:
                ImageOps.exif_transpose(picture, in_place=True)
                return np.asarray(_opaque(picture))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        formats = ", ".join(FORMATS)
        raise gr.Error(f"This is not a picture in one of {formats}.") from None
    if large:
        raise gr.Error(
            f"The picture has {width} x {height} pixels: at most {most} megapixels and "
            f"sides of {SIDE} are accepted."
        )
    raise gr.Error("This picture is stored in too many parts: save it again.")


def _scans(path: str, kind: str | None) -> int:
    """Return the number of scans of a JPEG, including an embedded thumbnail's."""
    is_jpeg = kind in ("JPEG", "MPO")
    return Path(path).read_bytes().count(b"\xff\xda") if is_jpeg else 1


def _opaque(picture: Image.Image) -> Image.Image:
    """Return a picture in RGB, on white where it is transparent."""
    if picture.mode == "RGB":
        return picture
    if picture.mode.startswith("I;16"):  # convert() would cut it off at 255
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.has_transparency_data:
        rgba = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        picture = Image.new("RGB", rgba.size, "white")
        picture.paste(rgba, mask=rgba)
        return picture
    return picture.convert("RGB")


def write(pixels: NDArray[np.uint8]) -> str:
    """Return the path of a new picture file; it is deleted after ten minutes.

    Args:
        pixels: RGB, shape (height, width, 3), or grey, shape (height, width);
            uint8, 0 to 255.
    """
    # A unique name: two equal answers in one file could cut each other off.
    within = os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()
    folder = Path(within, secrets.token_hex(16))
    folder.mkdir(parents=True)
    path = folder / f"result.{FORMAT.lower()}"
    Image.fromarray(pixels).save(path, FORMAT, **OPTIONS)
    return str(path)
