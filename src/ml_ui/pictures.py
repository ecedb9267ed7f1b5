"""Read pictures that visitors upload, and write those that they get."""

import io
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any, Literal

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

EXIF = b"Exif\0\0"
TOO_MUCH = "This picture has too many parts or too much metadata: save it again."
# More is refused: decoding takes up to 340 MB, which the number of workers counts on.
MEGAPIXELS = 25
# libwebp takes twice the memory of other decoders: 534 MB for 25 megapixels with alpha.
MEGAPIXELS_OF = {"WEBP": 15}
SIDE = 65_500  # pixels, as in a JPEG; each row takes memory too
METADATA = 2_000_000  # bytes; a decoder may keep it several times over
TAGS = 200  # of EXIF; cameras write some twenty for the main image
# JPEG markers without a length, and segments of metadata: all APPn but JFIF's and Adobe's,
# which say how colours are stored, and comments.
NO_LENGTH = {0x00, 0x01, *range(0xD0, 0xDA)}
METADATA_SEGMENTS = {*range(0xE1, 0xEE), 0xEF, 0xFE}
SCANS = 500  # of a JPEG, which has ten; a decoder looks at every pixel for each
# Not TIFF: its tiles may be far larger than the picture.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
PngImagePlugin.MAX_TEXT_MEMORY = METADATA  # of a PNG's texts, 64 MB by default
TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# To write. JPEG takes a fiftieth of the time of WebP, Gradio's default.
OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 90},
    "PNG": {"compress_level": 1},
    "WEBP": {"lossless": True, "method": 0},
}


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
        data, exif = Path(path).read_bytes(), b""
        if data[:2] == b"\xff\xd8":
            data, exif = _without_metadata(data)
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
            most = MEGAPIXELS_OF.get(picture.format or "", MEGAPIXELS)
            if width * height > most * 1e6 or max(width, height) > SIDE:
                raise gr.Error(
                    f"The picture has {width} x {height} pixels: at most {most} "
                    f"megapixels and sides of {SIDE} are accepted."
                )
            if sum(map(len, _metadata(picture))) > METADATA:
                raise gr.Error(TOO_MUCH)
            rgb = _to_rgb(picture)
            orientation = _orientation(exif or picture.info.get("exif", b""))
            method = TRANSPOSE.get(orientation)
            return np.asarray(rgb if method is None else rgb.transpose(method))
    except gr.Error:  # which is a ValueError
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        formats = ", ".join(FORMATS)
        raise gr.Error(f"This is not a picture in one of {formats}.") from None


def _without_metadata(data: bytes) -> tuple[bytes, bytes]:
    """Return a JPEG without its metadata segments, and its EXIF data.

    Pillow parses all tags of EXIF and MPF data when it opens a JPEG, and those of a small
    file may all point at the same bytes: 600 kB took 1.6 GB.

    Raises:
        gr.Error: it has too many scans; a decoder looks at every pixel for each.
    """
    kept, exif, at = [data[:2]], b"", data.find(b"\xff", 2)
    while 0 <= at < len(data) - 1 and data[at + 1] != 0xDA:  # start of a scan
        marker, end = data[at + 1], at + 2
        if marker == 0xFF:  # a fill byte
            end = at + 1
        elif marker not in NO_LENGTH:
            end += max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
            segment = data[at:end]
            if marker not in METADATA_SEGMENTS:
                kept.append(segment)
            elif segment[4:10] == EXIF:
                exif += segment[10:]
        at = data.find(b"\xff", end)  # Pillow skips what is between segments, too
    scans = data[at:] if at > 0 else b""
    if scans.count(b"\xff\xda") > SCANS:
        raise gr.Error(TOO_MUCH)
    return b"".join([*kept, scans]), exif


def _metadata(picture: Image.Image) -> list[bytes | str]:
    """Return a picture's metadata, of which decoding may read more."""
    return [v for v in picture.info.values() if isinstance(v, (bytes, str))]


def _orientation(exif: bytes) -> int:
    """Return the EXIF orientation, 1 to 8; 1 if there is none."""
    exif = exif.removeprefix(EXIF)
    order = _order(exif)
    start, count = _tags(exif)
    for at in range(start, start + 12 * min(count, TAGS), 12):
        if int.from_bytes(exif[at : at + 2], order) == 0x0112:
            return int.from_bytes(exif[at + 8 : at + 10], order)
    return 1


def _tags(exif: bytes) -> tuple[int, int]:
    """Return where the tags of the main image begin, and how many there are."""
    start = int.from_bytes(exif[4:8], _order(exif))
    return start + 2, int.from_bytes(exif[start : start + 2], _order(exif))


def _order(exif: bytes) -> Literal["little", "big"]:
    return "little" if exif[:2] == b"II" else "big"


def _to_rgb(picture: Image.Image) -> Image.Image:
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


def write(
    pixels: NDArray[np.uint8], format: Literal["JPEG", "PNG", "WEBP"] = "JPEG"
) -> str:
    """Return the path of a new picture file; it is deleted after ten minutes.

    Args:
        pixels: RGB, shape (height, width, 3), or grey, shape (height, width);
            uint8, 0 to 255.
        format: of the file. PNG keeps every pixel as it is, for masks and the like; JPEG,
            which does not, is written in a small part of the time.
    """
    # A name of its own: of two equal answers in one file, one could be cut off.
    within = os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()
    folder = Path(within, secrets.token_hex(16))
    folder.mkdir(parents=True)
    path = folder / f"result.{format.lower()}"
    Image.fromarray(pixels).save(path, format, **OPTIONS[format])
    return str(path)
