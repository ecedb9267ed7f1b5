"""Read pictures that visitors upload, and write those that they get."""

import contextlib
import io
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, PngImagePlugin

from .languages import Text

EXIF, MPF = b"Exif\0\0", b"MPF\0"
DIRECTORIES = {0x8769, 0x8825, 0xA005}  # tags with the offset of more tags
TAG_SIZES = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), 1))  # by type
TOO_MUCH = "This picture has too many parts or too much metadata: save it again."
# More is refused: decoding takes up to 340 MB, which the number of workers counts on.
MEGAPIXELS = 25
# libwebp takes twice the memory of other decoders: 534 MB for 25 megapixels with alpha.
MEGAPIXELS_OF = {"WEBP": 15}
SIDE = 65_500  # pixels, as in a JPEG; each row takes memory too
METADATA = 2_000_000  # bytes; a decoder may keep it several times over
TAG_BYTES = 131_072  # of a JPEG's EXIF or MPF tags together; the data has 64 kB at most
SEGMENTS = 500  # of a JPEG
READS = 2_000  # of a file to open it: a few for each part of it
READS_TO_DECODE = 50_000
SCANS = 500  # of a JPEG, which has ten; a decoder looks at every pixel for each
# Not TIFF: its tiles may be far larger than the picture.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
NO_PICTURE = Text(
    "This is not a picture in one of {formats}.", formats=", ".join(FORMATS)
)
# Of Pillow, for a file that it cannot read.
ERRORS = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
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
    with _errors_for_visitors():
        data = Path(path).read_bytes()
        check(data)
        with Image.open(_Reader(data, READS_TO_DECODE), formats=FORMATS) as picture:
            rgb = _to_rgb(picture)
            method = TRANSPOSE.get(_orientation(picture.info.get("exif", b"")))
            return np.asarray(rgb if method is None else rgb.transpose(method))


def check(data: bytes) -> None:
    """Refuse a picture that costs too much to open or to decode, and what is none.

    Raises:
        gr.Error: what is wrong with the file, for the visitor.
    """
    if data[:2] == b"\xff\xd8":
        _check_jpeg(data)
    with (
        _errors_for_visitors(),
        Image.open(_Reader(data, READS), formats=FORMATS) as picture,
    ):
        width, height = picture.size
        most = MEGAPIXELS_OF.get(picture.format or "", MEGAPIXELS)
        if width * height > most * 1e6 or max(width, height) > SIDE:
            raise gr.Error(
                Text(
                    "The picture has {width} x {height} pixels: at most {most} "
                    "megapixels and sides of {side} are accepted.",
                    width=width,
                    height=height,
                    most=most,
                    side=SIDE,
                )
            )
        if sum(map(len, _metadata(picture))) > METADATA:
            raise gr.Error(TOO_MUCH)
        if _has_many_tags(*_exif(picture)):
            raise gr.Error(TOO_MUCH)


@contextlib.contextmanager
def _errors_for_visitors() -> Iterator[None]:
    """Raise a gr.Error for an error of Pillow."""
    try:
        yield
    except gr.Error:  # which is a ValueError
        raise
    except ERRORS:
        raise gr.Error(NO_PICTURE) from None


class _Reader(io.BytesIO):
    """Bytes of a file that is not read more often than its parts should need.

    Pillow's parsers take their time for each part: 20 MB of empty ones took minutes.
    """

    def __init__(self, data: bytes, reads: int) -> None:
        super().__init__(data)
        self._left = reads

    def read(self, size: int | None = -1) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise gr.Error(TOO_MUCH)
        return super().read(size)


def _check_jpeg(data: bytes) -> None:
    """Refuse a JPEG with metadata or scans that would cost too much.

    Pillow reads all EXIF and MPF tags when it opens a file, and they may all point at
    the same bytes: 60 kB took 2 GB. A decoder looks at every pixel for each scan. What
    Pillow would skip between segments, and a writer does not put there, is refused.
    """
    exif, mpf, at = b"", b"", 2
    for _ in range(SEGMENTS):
        start, marker = data[at : at + 1], data[at + 1 : at + 2]
        if not marker:
            return  # it ends here, which Pillow finds too
        if start + marker == b"\xff\xff":  # a fill byte
            at += 1
            continue
        kind = JpegImagePlugin.MARKER.get(int.from_bytes(start + marker, "big"))
        if not kind or not kind[2]:  # which has no length
            break
        if marker == b"\xda":
            if data.count(b"\xff\xda", at) > SCANS or _has_many_tags(exif, mpf):
                break
            return
        size = max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
        content = data[at + 4 : at + 2 + size]
        if marker == b"\xe1" and content.startswith(EXIF):
            exif += content[len(EXIF) :]
        elif marker == b"\xe2" and content.startswith(MPF):
            mpf = content[len(MPF) :]
        at += 2 + size
    raise gr.Error(TOO_MUCH)


def _metadata(picture: Image.Image) -> list[bytes | str]:
    """Return a picture's metadata, of which decoding may read more."""
    return [v for v in picture.info.values() if isinstance(v, (bytes, str))]


def _exif(picture: Image.Image) -> Iterator[bytes]:
    """Yield a picture's EXIF data, and what ImageMagick writes into a PNG's text."""
    if exif := picture.info.get("exif"):
        yield exif
    if text := picture.info.get("Raw profile type exif"):
        yield bytes.fromhex("".join(text.split("\n")[3:]))


def _orientation(exif: bytes) -> int:
    """Return the EXIF orientation, 1 to 8; 1 if there is none."""
    exif = _without_prefix(exif)
    order = _order(exif)
    start = int.from_bytes(exif[4:8], order)
    for tag, _, _, value in _entries(exif, start):
        if tag == 0x0112:
            return int.from_bytes(value[:2], order)
    return 1


def _has_many_tags(*parts: bytes) -> bool:
    """Return whether EXIF or MPF data is too long, or its tags claim too many bytes."""
    return any(len(part) > TAG_BYTES or _tag_bytes(part) > TAG_BYTES for part in parts)


def _tag_bytes(tiff: bytes) -> int:
    """Return how many bytes the tags of EXIF or MPF data claim, in all directories."""
    tiff = _without_prefix(tiff)
    order, total = _order(tiff), 0
    waiting, seen = [int.from_bytes(tiff[4:8], order)], set[int]()
    while waiting and total <= TAG_BYTES:
        start = waiting.pop()
        if start in seen:
            continue
        seen.add(start)
        for tag, kind, count, value in _entries(tiff, start):
            total += 12 + count * TAG_SIZES.get(kind, 8)
            if tag in DIRECTORIES:
                waiting.append(int.from_bytes(value[: TAG_SIZES.get(kind, 4)], order))
    return total


def _entries(tiff: bytes, start: int) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield the tags of a directory: number, type, count and value or its offset."""
    order = _order(tiff)
    count = int.from_bytes(tiff[start : start + 2], order)
    for at in range(start + 2, min(start + 2 + 12 * count, len(tiff)), 12):
        tag, kind = (int.from_bytes(tiff[n : n + 2], order) for n in (at, at + 2))
        yield (
            tag,
            kind,
            int.from_bytes(tiff[at + 4 : at + 8], order),
            tiff[at + 8 : at + 12],
        )


def _without_prefix(exif: bytes) -> bytes:
    at = 0
    while exif.startswith(EXIF, at):  # Pillow takes several
        at += len(EXIF)
    return exif[at:]


def _order(exif: bytes) -> Literal["little", "big"]:
    return "little" if exif[:2] == b"II" else "big"


def _to_rgb(picture: Image.Image) -> Image.Image:
    """Return a picture in RGB, on white where it is transparent."""
    if picture.mode == "RGB" and not picture.has_transparency_data:
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
        format: of the file. PNG keeps every pixel as it is, for masks and the like;
            JPEG, which does not, is written in a small part of the time.
    """
    # A name of its own: of two equal answers in one file, one could be cut off. A
    # folder of its own takes some disks milliseconds.
    folder = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir())
    path = folder / f"result-{secrets.token_hex(16)}.{format.lower()}"
    Image.fromarray(pixels).save(path, format, **OPTIONS[format])
    return str(path)
