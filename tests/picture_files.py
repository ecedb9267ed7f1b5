"""Picture files of every kind that people have, by Pillow, and by hand what it does not write."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
# First column and row of Adam7's passes, and the steps.
ADAM7 = [
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
]  # fmt: skip
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
MASKS = [  # of red, green, blue and alpha in 32 bits
    (0xFF0000, 0xFF00, 0xFF, 0), (0xFF000000, 0xFF0000, 0xFF00, 0), (0xFF000000, 0xFF00, 0xFF, 0),
    (0xFF000000, 0xFF0000, 0xFF00, 0xFF), (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
    (0xFF0000, 0xFF00, 0xFF, 0xFF000000), (0xFF000000, 0xFF00, 0xFF, 0xFF0000), (0, 0, 0, 0),
    (1, 2, 3, 4),
]  # fmt: skip


class Maker:
    """Write files into a folder, of a random but fixed content."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rng, self.files = folder, np.random.default_rng(0), []

    def bytes(self, size: int) -> bytes:
        """Return random bytes."""
        return self.rng.integers(0, 256, size, np.uint8).tobytes()

    def photo(self, width: int, height: int, channels: int = 3) -> np.ndarray:
        """Return smooth colours with noise, as a photograph has them."""
        small = self.rng.integers(0, 256, (height // 16 + 2, width // 16 + 2, channels), np.uint8)
        large = Image.fromarray(small.squeeze()).resize((width, height), Image.Resampling.BICUBIC)
        noise = self.rng.integers(-12, 13, np.shape(large))
        return (np.asarray(large).astype(int) + noise).clip(0, 255).astype(np.uint8)

    def save(self, name: str, picture: Image.Image, **options) -> None:
        """Write a picture by Pillow."""
        self.files.append(self.folder / name)
        picture.save(self.files[-1], **options)

    def write(self, name: str, content: bytes) -> None:
        """Write a file."""
        self.files.append(self.folder / name)
        self.files[-1].write_bytes(content)


def by_pillow(folder: Path, sizes=((1, 1), (2, 3), (5, 5), (17, 33), (64, 48), (101, 203))):
    """Write files of all formats and modes that Pillow writes; return their paths."""
    maker = Maker(folder)
    for width, height in sizes:
        _of_size(maker, width, height)
    return maker.files


def _of_size(maker: Maker, width: int, height: int) -> None:
    size, save = f"{width}x{height}", maker.save
    rgb = Image.fromarray(maker.photo(width, height))
    grey, alpha = (Image.fromarray(maker.photo(width, height, 1)) for _ in range(2))
    rgba = rgb.copy()
    rgba.putalpha(alpha)
    for kind in SUBSAMPLINGS:
        for progressive in (False, True):
            name = f"{size}-{kind.replace(':', '')}-{progressive}.jpg"
            quality = int(maker.rng.integers(20, 99))
            save(name, rgb, subsampling=kind, progressive=progressive, quality=quality)
    inks = [Image.fromarray(maker.photo(width, height, 1)) for _ in range(4)]
    save(f"{size}-restart.jpg", rgb, restart_marker_blocks=3)
    save(f"{size}-best.jpg", rgb, quality=100, optimize=True)
    save(f"{size}-grey.jpg", grey, progressive=True)
    save(f"{size}-cmyk.jpg", Image.merge("CMYK", inks))
    save(f"{size}-rgb.jpg", rgb, keep_rgb=True)
    for mode in ("1", "L", "P", "RGB", "RGBA", "LA"):
        picture = {"RGBA": rgba, "LA": rgba.convert("LA")}.get(mode) or rgb.convert(mode)
        save(f"{size}-{mode}.png", picture)
        if mode != "LA":
            save(f"{size}-{mode}.gif", picture)
            save(f"{size}-{mode}.bmp", picture)
        if mode.startswith("RGB"):
            save(f"{size}-{mode}.webp", picture)
            save(f"{size}-{mode}-exact.webp", picture, lossless=True)
    save(f"{size}-16.png", Image.fromarray(maker.rng.integers(0, 65536, (height, width), "uint16")))
    few = rgb.quantize(20)
    save(f"{size}-hole.png", few, transparency=3)
    save(f"{size}-hole.gif", few, transparency=3)
    save(f"{size}-holes.png", few, transparency=bytes(range(0, 200, 10)))
    save(f"{size}-key.png", rgb, transparency=rgb.getpixel((0, 0)))
    save(f"{size}-grey-key.png", grey, transparency=grey.getpixel((0, 0)))
    for bits in (1, 2, 4):
        save(f"{size}-{bits}.png", rgb.quantize(2**bits), bits=bits)
    save(f"{size}-moves.gif", rgb.convert("P"), save_all=True, append_images=[grey.convert("P")])
    for name, first in (("moves", rgb), ("ghost", rgba)):
        save(f"{size}-{name}.webp", first, save_all=True, append_images=[rgba.rotate(180)])
    for orientation in range(1, 9) if width < 20 else ():
        exif = Image.Exif()
        exif[0x0112] = orientation
        for ending in ("jpg", "png", "webp"):
            save(f"{size}-turned-{orientation}.{ending}", rgb, exif=exif)


def by_hand(folder: Path) -> list[Path]:
    """Write files of the kinds that Pillow only reads; return their paths."""
    maker = Maker(folder)
    for number in range(12):
        width, height = (16 * int(n) for n in maker.rng.integers(1, 8, 2))
        for kind, factors, sides in (
            ("4:2:2", 0x12, (height, width)),
            ("4:2:0", 0x41, (2 * width, height // 2)),
            ("4:2:0", 0x14, (width // 2, 2 * height)),
        ):
            picture = Image.fromarray(maker.photo(width, height))
            picture.save(file := io.BytesIO(), "JPEG", subsampling=kind, progressive=number % 2)
            name = f"{number}-{factors:x}.jpg"
            maker.write(name, _resampled(file.getvalue(), factors, *sides))
    for width, height in ((1, 1), (3, 5), (13, 7)):
        for interlaced in (0, 1):
            for colour, depths in DEPTHS.items():
                for depth in depths:
                    for n, key in enumerate(_keys(colour, depth)):
                        name = f"{width}x{height}-{interlaced}-{colour}-{depth}-{n}.png"
                        content = _png(maker, width, height, depth, colour, interlaced, key)
                        maker.write(name, content)
        for number, content in enumerate(_bitmaps(maker, width, height)):
            maker.write(f"{width}x{height}-{number}.bmp", content)
    for number in range(20):
        for n, content in enumerate(_gifs(maker, interlaced=number % 2)):
            maker.write(f"{number}-{n}.gif", content)
    return maker.files


def _resampled(content: bytes, factors: int, width: int, height: int) -> bytes:
    """Return a JPEG with the same blocks in another order: of other sampling factors."""
    at = next(n for n in range(len(content)) if content[n : n + 2] in (b"\xff\xc0", b"\xff\xc2"))
    head = struct.pack(">HH", height, width)
    return (
        content[: at + 5] + head + content[at + 9 : at + 11] + bytes([factors]) + content[at + 12 :]
    )


def _keys(colour: int, depth: int) -> list[bytes | None]:
    """Return what is transparent: nothing, and some values."""
    if colour == 0:
        return [None, *(struct.pack(">H", n) for n in (0, 1, 2**depth - 1))]
    return [None] + {2: [struct.pack(">HHH", 1, 2, 3)], 3: [b"\xff\0", b"\7\0"]}.get(colour, [])


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum


def _png(maker, width, height, depth, colour, interlaced, key) -> bytes:
    rows = b""
    for x, y, dx, dy in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        across, down = -(-(width - x) // dx), -(-(height - y) // dy)
        length = -(-across * CHANNELS[colour] * depth // 8)
        for _ in range(down if across > 0 else 0):
            rows += bytes([int(maker.rng.integers(0, 5))]) + maker.bytes(length)
    packed = zlib.compress(rows)
    middle = len(packed) // 2
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    chunks = [(b"IHDR", head)]
    if colour == 3:
        chunks += [(b"PLTE", maker.bytes(3 * min(2**depth, 200)))]
    if key is not None:
        chunks += [(b"tRNS", key)]
    chunks += [(b"IDAT", packed[:middle]), (b"IDAT", packed[middle:]), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks)


def _bitmaps(maker: Maker, width: int, height: int) -> Iterator[bytes]:
    for down in (False, True):
        for bits in (16, 24, 32):
            yield _bmp(maker, width, height, bits, down=down)
        for bits in (1, 4, 8):
            for colours in (2**bits, 2**bits - 1):
                table = maker.bytes(4 * colours)
                yield _bmp(maker, width, height, bits, down=down, table=table, colours=colours)
        for size in (40, 52, 56, 108):
            for masks in MASKS:
                yield _bmp(maker, width, height, 32, 3, size, masks, down)
            for masks in ((0xF800, 0x7E0, 0x1F), (0x7C00, 0x3E0, 0x1F), (1, 2, 3)):
                yield _bmp(maker, width, height, 16, 3, size, masks, down)
    yield _bmp(maker, width, height, 8, table=b"".join(bytes([n, n, n, 0]) for n in range(256)))
    yield _bmp(maker, width, height, 8, size=12, table=maker.bytes(768))
    for half in (False, True):
        table = maker.bytes(64 if half else 1024)
        body = b"".join(_run(maker, width, half) for _ in range(height)) + b"\0\1"
        yield _bmp(maker, width, height, 4 if half else 8, 2 if half else 1, table=table, body=body)


def _bmp(
    maker, width, height, bits, kind=0, size=40, masks=(), down=False, table=b"", body=None,
    colours=0,
) -> bytes:  # fmt: skip
    stride = ((width * bits + 31) >> 3) & ~3
    body = maker.bytes(stride * height) if body is None else body
    if size == 12:
        head = struct.pack("<IHHHH", size, width, height, 1, bits)
    else:
        length = -height if down else height
        head = struct.pack("<IiiHHI", size, width, length, 1, bits, kind)
        head += struct.pack("<IiiII", len(body), 2835, 2835, colours, 0)
        packed = b"".join(struct.pack("<I", mask) for mask in masks[: 3 if size == 40 else 4])
        head += packed if size == 40 else packed.ljust(size - 40, b"\0")
    head += table
    start = 14 + len(head)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + head + body


def _run(maker: Maker, width: int, half: bool) -> bytes:
    """Return a row in run lengths, with and without repeated values."""
    line, left = b"", width
    while left:
        count = int(maker.rng.integers(1, min(left, 9) + 1))
        if count < 3 or maker.rng.random() < 0.5:
            line += bytes([count]) + maker.bytes(1)
        else:
            count -= count % 2
            length = count // 2 if half else count
            line += bytes([0, count]) + maker.bytes(length) + b"\0" * (length % 2)
        left -= count
    return line + b"\0\0"


def _gifs(maker: Maker, interlaced: bool) -> Iterator[bytes]:
    """Yield a GIF, the same on a larger screen, and on one that is too small."""
    width, height = (int(n) for n in maker.rng.integers(1, 60, 2))
    few = Image.fromarray(maker.photo(width, height)).quantize(int(maker.rng.integers(2, 256)))
    file = io.BytesIO()
    few.save(file, "GIF", interlace=interlaced)
    content = bytearray(file.getvalue())
    yield bytes(content)
    at = 13 + (6 << (content[10] & 7) if content[10] & 128 else 0)
    while content[at] != 0x2C:  # the picture
        at += 2
        while content[at]:
            at += 1 + content[at]
        at += 1
    content[at + 1 : at + 5] = struct.pack("<HH", 3, 2)
    for screen in ((width + 7, height + 5), (1, 1)):
        content[6:10] = struct.pack("<HH", *screen)
        yield bytes(content)


def refused(folder: Path) -> list[Path]:
    """Write files that are cut off, too large or no pictures; return their paths."""
    maker = Maker(folder)
    picture = Image.fromarray(maker.photo(64, 48))
    for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP"):
        file = io.BytesIO()
        picture.save(file, kind)
        content = file.getvalue()
        for cut in (100, len(content) // 2, len(content) - 20, len(content) - 2):
            maker.write(f"cut-{cut}.{kind.lower()}", content[:-cut])
    picture.save(file := io.BytesIO(), "JPEG", progressive=True)
    maker.write("cut.jpg", file.getvalue()[: len(file.getvalue()) // 2])
    maker.save("picture.tiff", picture)
    maker.write("text.jpg", b"hello")
    maker.write("empty.png", b"")
    maker.save("large.png", Image.new("1", (6000, 5000)))
    maker.save("large.webp", Image.new("L", (4000, 4000)))
    maker.save("wide.png", Image.new("L", (65_501, 1)))
    return maker.files


def bombs(folder: Path) -> list[Path]:
    """Write small files that would take much memory or time; return their paths."""
    maker = Maker(folder)
    Image.new("L", (16_000, 8_000)).save(file := io.BytesIO(), "WEBP", lossless=True, method=0)
    large = file.getvalue()[12:]
    small = _riff(b"VP8X", bytes(10))
    frame = _riff(b"ANMF", bytes(6) + b"\x7f\x3e\0\x3f\x1f\0" + bytes(4) + large)
    animated = _riff(b"VP8X", b"\2" + bytes(9))
    for n, parts in enumerate([(large, small), (animated, frame), (b"JUNK\0\0\0\0", large)]):
        maker.write(f"{n}.webp", _riff(b"RIFF", b"WEBP" + b"".join(parts)))
    size = struct.pack("<2H", 10, 10)
    lzw = b"\x2c\0\0\0\0" + size + b"\0\x1e\xff" + b"\x55" * 255 + b"\0\x3b"
    maker.write("codes.gif", b"GIF89a" + size + b"\0\0\0" + lzw)
    table = b"\1" + bytes(16)  # of Huffman codes: a single one
    start = b"\xff\xd8" + _segment(0xDB, b"\0" + b"\1" * 64)
    start += _segment(0xC4, b"\0" + table) + _segment(0xC4, b"\x10" + table)
    size = b"\x08" + struct.pack(">2H", 4000, 4000)
    each = [bytes([n, 0x11, 0]) for n in range(255)]
    many = start + _segment(0xC0, size + b"\xff" + b"".join(each))
    many += b"".join(_segment(0xDA, bytes([1, n, 0, 0, 63, 0])) for n in range(255))
    maker.write("components.jpg", many + b"\xff\xd9")
    one = start + _segment(0xC2, size + b"\1" + each[0])
    maker.write("scans.jpg", one + _segment(0xDA, bytes([1, 0, 0, 0, 0, 0])) * 2000 + b"\xff\xd9")
    scan = _segment(0xDA, b"\xff" + bytes(2 * 255) + b"\0\0\0")
    maker.write("scan.jpg", one + scan * 20 + b"\xff\xd9")
    return maker.files


def _riff(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _segment(marker: int, content: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content
