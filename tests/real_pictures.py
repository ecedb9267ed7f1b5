"""Hooks of schemathesis: bodies of the media types of pictures are pictures."""

import io

import numpy as np
import schemathesis
from hypothesis import strategies
from PIL import Image


def picture(seed: int, format: str) -> bytes:
    """Return a picture of a few pixels."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (1 + seed % 9, 1 + seed % 7, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


for name in ("BMP", "GIF", "JPEG", "PNG", "WEBP"):
    made = strategies.builds(picture, strategies.integers(0, 99), strategies.just(name))
    schemathesis.openapi.media_type(f"image/{name.lower()}", made)
