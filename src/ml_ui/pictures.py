"""Read pictures that visitors upload, and write those that they get."""

import os
import secrets
from pathlib import Path

import gradio as gr
import numpy as np
from PIL import Image, ImageOps

MEGAPIXELS = 25  # more are refused: each takes several bytes of memory
SIDE = 65_500  # pixels, as in a JPEG; each row takes memory too
SCANS = 500  # of a JPEG, which has ten; a decoder looks at every pixel for each
# Not TIFF: its tiles may be far larger than the picture.
READ = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
# JPEG takes a fiftieth of the time of WebP, Gradio's default.
WRITTEN, OPTIONS = "JPEG", {"quality": 90}


def read(path: str | None) -> np.ndarray:
    """Return the pixels of a picture, the way up that its camera was held.

    Args:
        path: a file that a visitor has sent, or None for none.

    Returns:
        RGB, shape (height, width, 3), uint8, 0 to 255.

    Raises:
        gr.Error: tells the visitor what is wrong with the file.
    """
    if path is None:
        raise gr.Error("Choose a picture first.")
    try:
        with Image.open(path, formats=READ) as picture:
            width, height = picture.size
            large = width * height > MEGAPIXELS * 1e6 or max(width, height) > SIDE
            if not large and _scans(path, picture.format) <= SCANS:
                ImageOps.exif_transpose(picture, in_place=True)
                return np.asarray(_opaque(picture))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        formats = ", ".join(READ)
        raise gr.Error(f"This is not a picture in one of {formats}.") from None
    if large:
        limits = f"{MEGAPIXELS} megapixels and sides of {SIDE} are taken"
        raise gr.Error(f"The picture has {width} x {height} pixels; up to {limits}.")
    raise gr.Error("This picture is stored in too many parts: save it anew.")


def _scans(path: str, kind: str | None) -> int:
    """Return how many scans a JPEG has, those that a thumbnail in it may have included."""
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


def write(pixels: np.ndarray) -> str:
    """Return a new file with a picture; it is deleted after a while.

    Args:
        pixels: RGB, shape (height, width, 3), or grey, shape (height, width);
            uint8, 0 to 255.
    """
    # Its name is its own: of two same answers in one file, one could be cut off.
    folder = Path(os.environ["GRADIO_TEMP_DIR"], secrets.token_hex(16))
    folder.mkdir(parents=True)
    path = folder / f"result.{WRITTEN.lower()}"
    Image.fromarray(pixels).save(path, WRITTEN, **OPTIONS)
    return str(path)
