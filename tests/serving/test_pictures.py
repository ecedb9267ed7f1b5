"""Pictures: read as they look, refused by what decoding them costs, and their memory."""

import os
import subprocess
import sys
import time
import zlib

import gradio as gr
import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from ml_ui import pictures
from ml_ui.serving.settings import MB, PREDICTION_MEMORY

PEAK = """
import os, re, sys
from PIL import Image
from ml_ui import pictures

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1000

Image.init()
for path in sys.argv[1:]:
    child = os.fork()  # its peak begins anew
    if not child:
        before = peak()
        pictures.write(pictures.read(path))
        print(peak() - before, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""
COSTLIEST = [
    ("JPEG", "CMYK", (5000, 5000), {"quality": 20}),
    ("PNG", "RGBA", (5000, 5000), {"compress_level": 1}),
    ("PNG", "LA", (5000, 5000), {"compress_level": 1}),
    ("PNG", "I;16", (5000, 5000), {"compress_level": 1}),
    ("GIF", "P", (5000, 5000), {}),
    ("BMP", "RGB", (5000, 5000), {}),
    ("WEBP", "RGB", (5000, 3000), {"lossless": True, "method": 0}),
    ("WEBP", "RGBA", (5000, 3000), {"lossless": True, "method": 0}),
]


def peaks_of_reading(folder, names):
    """Return the MB by which reading each of the files, and writing it, raises the peak."""
    run = subprocess.run(
        [sys.executable, "-c", PEAK, *names],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return list(map(float, run.stdout.split()))


on_linux = pytest.mark.skipif(
    not os.path.exists("/proc/self/status"), reason="reads Linux's own figure"
)


@pytest.mark.slow
@on_linux
def test_costliest_picture_of_each_format_fits_its_worker(tmp_path):
    names = [f"{kind}-{mode}" for kind, mode, _, _ in COSTLIEST]
    for name, (kind, mode, size, options) in zip(names, COSTLIEST, strict=True):
        Image.new(mode, size).save(tmp_path / name, kind, **options)
    peaks = dict(zip(names, peaks_of_reading(tmp_path, names), strict=True))
    print(peaks)
    assert all(100 < peak < PREDICTION_MEMORY / MB for peak in peaks.values()), peaks


@pytest.mark.parametrize(
    ("kind", "size", "message"),
    [
        ("PNG", (5000, 5001), "at most 25 megapixels"),
        ("WEBP", (5000, 3001), "at most 15 megapixels"),
        ("PNG", (1, 65_501), "sides of 65500"),
    ],
)
def test_large_picture_is_refused(tmp_path, kind, size, message):
    Image.new("L", size).save(tmp_path / "picture", kind)
    with pytest.raises(gr.Error, match=message) as raised:
        pictures.read(str(tmp_path / "picture"))
    assert f"{size[0]} x {size[1]}" in str(raised.value)


def test_16_bits_are_scaled_to_8(tmp_path):
    path = str(tmp_path / "16.png")
    Image.fromarray(np.arange(65536, dtype=np.uint16).reshape(256, 256)).save(path)
    assert pictures.read(path)[..., 0].mean(1).tolist() == list(range(256))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_transparent_is_white(tmp_path, mode):
    logo = Image.new("RGBA", (20, 20))
    logo.paste("black", (0, 0, 10, 20))
    path = str(tmp_path / "logo.png")
    (logo.convert("LA") if mode == "LA" else logo.quantize() if mode[0] == "P" else logo).save(path)
    assert pictures.read(path)[0, ::10].tolist() == [[0] * 3, [255] * 3]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, orientation):
    turns = {3: 2, 6: 3, 8: 1}  # quarter turns, counterclockwise, of those that cameras write
    shape = np.zeros((8, 16, 3), np.uint8)
    shape[:4, :4] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = str(tmp_path / "photo.png")
    Image.fromarray(shape).save(path, exif=exif)
    found = pictures.read(path)
    assert found.shape == ((16, 8, 3) if orientation > 4 else (8, 16, 3))
    if orientation in turns:
        assert (found == np.rot90(shape, turns[orientation])).all()


def test_progressive_jpeg_may_have_few_scans(tmp_path):
    slope = np.arange(6912, dtype=np.uint8).reshape(48, 48, 3)
    path = tmp_path / "scans.jpg"
    Image.fromarray(slope).save(path, progressive=True)
    head, *scans = path.read_bytes().split(b"\xff\xda")
    assert len(scans) > 5
    assert pictures.read(str(path)).shape == (48, 48, 3)
    many = [head, *scans[:-1], *scans[-2:-1] * 500, scans[-1]]
    path.write_bytes(b"\xff\xda".join(many))
    with pytest.raises(gr.Error, match="too many parts"):
        pictures.read(str(path))


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "TIFF"])
def test_what_is_no_picture_is_refused(tmp_path, content):
    path = tmp_path / "picture"
    if content == "TIFF":
        Image.new("L", (9, 9)).save(path, content)
    else:
        path.write_bytes(content)
    with pytest.raises(gr.Error, match="not a picture in one of BMP, GIF, JPEG"):
        pictures.read(str(path))


def test_missing_picture_is_asked_for():
    with pytest.raises(gr.Error, match="Choose a picture first"):
        pictures.read(None)


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_written_pixels_are_kept(tmp_path, monkeypatch, format):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    assert np.array_equal(pictures.read(pictures.write(pixels, format)), pixels)


def test_written_pictures_have_names_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    grey = np.full((5, 7), 128, np.uint8)
    first, second = pictures.write(grey), pictures.write(grey)
    assert first != second
    assert first.startswith(str(tmp_path))
    assert pictures.read(first).shape == (5, 7, 3)


def exif_bomb(size, tags):
    """Return EXIF data of so many tags that all point at the same bytes."""
    entries = b"".join(
        (1000 + n).to_bytes(2, "little") + b"\7\0" + size.to_bytes(4, "little") + b"\10\0\0\0"
        for n in range(tags)
    )
    head = b"II*\0\x08\0\0\0" + tags.to_bytes(2, "little")
    return head + entries + bytes(4) + bytes(size)


def segment(marker, content):
    return b"\xff" + bytes([marker]) + (2 + len(content)).to_bytes(2, "big") + content


def rationals(tags, count):
    """Return MPF data whose tags are all the same fractions."""
    entry = b"\5\0" + count.to_bytes(4, "little") + b"\10\0\0\0"
    entries = b"".join((1000 + n).to_bytes(2, "little") + entry for n in range(tags))
    return b"MPF\0II*\0\x08\0\0\0" + tags.to_bytes(2, "little") + entries + bytes(4)


def chunk(kind, content=b""):
    return (
        len(content).to_bytes(4, "big")
        + kind
        + content
        + zlib.crc32(kind + content).to_bytes(4, "big")
    )


def costly(folder):
    """Write pictures that cost GB of memory or minutes to open with Pillow; yield their names."""
    small = {}
    for kind in ("JPEG", "PNG", "WEBP", "GIF"):
        Image.new("RGB", (8, 8)).save(folder / "small", kind)
        small[kind] = (folder / "small").read_bytes()
    bomb = b"Exif\0\0" + exif_bomb(1000, 2000)
    exif = segment(0xE1, bomb)
    for name, hidden in {
        "exif": exif,
        "exif in two parts": segment(0xE1, bomb[:100]) + segment(0xE1, b"Exif\0\0" + bomb[100:]),
        "exif after fill bytes": b"\xff\xff\xff" + exif,
        "exif after a marker without length": b"\xff\xd0\xff\x01" + exif,
        "exif after junk": b"junk" + exif,
        "exif with two prefixes": segment(0xE1, b"Exif\0\0" + bomb),
        "exif of segments": segment(0xE1, b"Exif\0\0" + bytes(60_000)) * 9,
        "mpf": segment(0xE2, rationals(5000, 700)),
        "segments": segment(0xE3, b"") * 100_000,
    }.items():
        (folder / name).write_bytes(small["JPEG"][:2] + hidden + small["JPEG"][2:])
        yield name
    for kind in ("PNG", "WEBP"):
        Image.new("RGB", (8, 8)).save(
            folder / f"exif of {kind}", kind, exif=exif_bomb(500_000, 2000)
        )
        yield f"exif of {kind}"
    text = "\nexif\n      9\n" + exif_bomb(500, 2000).hex()
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", text)
    Image.new("RGB", (8, 8)).save(folder / "exif as text", "PNG", pnginfo=info)
    yield "exif as text"
    end = small["PNG"].index(b"IDAT") - 4
    (folder / "chunks").write_bytes(
        small["PNG"][:end] + chunk(b"abCd") * 50_000 + small["PNG"][end:]
    )
    yield "chunks"
    end = small["GIF"].index(b",")
    comment = b"!\xfe" + b"\1a" * 200_000 + b"\0"
    (folder / "comments").write_bytes(small["GIF"][:end] + comment + small["GIF"][end:])
    yield "comments"


def test_costly_structure_is_refused(tmp_path):
    for name in costly(tmp_path):
        start = time.process_time()
        with pytest.raises(gr.Error, match="too many parts or too much metadata"):
            pictures.check((tmp_path / name).read_bytes())
        assert time.process_time() - start < 20, name  # minutes, were it opened first


@pytest.mark.parametrize("fill", [b"", b"\xff" * 9])
def test_usual_metadata_is_accepted(tmp_path, fill):
    """A camera's tags, a panorama's and an editor's segments."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "maker", 6
    exif.get_ifd(0x8769)[0x927C] = bytes(40_000)  # a maker's note
    exif.get_ifd(0x8825)[2] = (1.0, 2.0, 3.0)
    path = tmp_path / "a.jpg"
    Image.new("RGB", (11, 7)).save(path, exif=exif, comment="x" * 1000, icc_profile=b"x" * 200_000)
    data = path.read_bytes()
    panorama = segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(60_000)) * 200
    path.write_bytes(data[:2] + fill + panorama + segment(0xE2, rationals(3, 1)) + data[2:])
    assert pictures.read(str(path)).shape == (11, 7, 3)


def test_transparent_colour_is_white(tmp_path):
    path = str(tmp_path / "a.png")
    Image.new("RGB", (3, 3), (1, 2, 3)).save(path, transparency=(1, 2, 3))
    assert (pictures.read(path) == 255).all()


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_orientation_is_as_pillow_has_it(tmp_path, kind, orientation):
    path, exif = tmp_path / f"a.{kind.lower()}", Image.Exif()
    exif[0x010F], exif[0x0112] = "maker", orientation
    pixels = np.random.default_rng(0).integers(0, 255, (7, 11, 3), np.uint8)
    options = {"lossless": True} if kind == "WEBP" else {}
    Image.fromarray(pixels).save(path, exif=exif, **options)
    with Image.open(path) as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    assert np.array_equal(pictures.read(str(path)), expected)
