"""What a project weighs: its files, its packages, and both in memory."""

import json
import zlib
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

FIT = Path(__file__).resolve().parent
PACKAGES = json.loads((FIT / "packages.json").read_text("utf-8"))
FORMATS = json.loads((FIT / "runtimes.json").read_text("utf-8"))["formats"]
FACTS = json.loads((FIT / "platforms.json").read_text("utf-8"))
BASE_IMAGE = FACTS["base_image"]

# Of installed packages, gzip leaves 0.97 of what their wheels weigh and 0.355 of Python
# 3.12's bytecode (within 1.1 % of five sets that were measured; other versions write
# more or less bytecode, and gzip leaves the same of it); of Heroku's Python 30 MB
# (CPython 3.11, 3.12 and 3.13, built from source without tests: 28, 31 and 33 MB).
GZIP_OF_WHEELS, GZIP_OF_BYTECODE, GZIP_OF_PYTHON = 0.97, 0.355, 30_000_000

CUDA_CONTEXT = 500_000_000  # an estimate: no GPU was at hand to measure it on

ON_GPU = {"keras-gpu", "onnx-gpu", "pytorch-gpu", "pytorch-zero"}  # sets of packages
LARGE = 1_000_000  # bytes of a file that is looked at on its own
UNPACKERS = {  # of what joblib writes, by how the file begins
    **dict.fromkeys(
        (b"\x1f\x8b", b"x\x01", b"x\x5e", b"x\x9c", b"x\xda"),
        lambda: zlib.decompressobj(47),
    ),
    b"BZ": lambda: import_module("bz2").BZ2Decompressor(),
    b"\xfd7": lambda: import_module("lzma").LZMADecompressor(),
    b"]\0": lambda: import_module("lzma").LZMADecompressor(),
}


class BadInput(ValueError):
    """A question without an answer; its text is one sentence for the user."""


class File(NamedTuple):
    """A large file of the project."""

    name: str
    size: int  # bytes; of a Git LFS pointer, those that it stands for
    in_lfs: bool = False


class Footprint(NamedTuple):
    """What a project weighs, in bytes.

    `packages` has for each name the bytes of "wheel", "installed" and "bytecode", or
    None if they are not recorded. `fetched` are weights downloaded at start, `history`
    older versions in git, and `kept_out` what an ignore file keeps out, by its name.
    """

    weights: int = 0
    sources: int = 0
    packages: Mapping[str, dict | None] = {}
    stored: int = 0  # of the sources, packed by git or whole in Git LFS
    files: tuple[File, ...] = ()
    gzip: float = 1.0  # what it leaves of the weights
    unpacked: float = 1.0  # what they are once they are read, of what their files are
    format: str | None = None  # of the model, a key of FORMATS
    dtype: str | None = None  # of most of its weights
    framework: str | None = None
    lock: str | None = None  # the set of packages it began with, a key of PACKAGES
    python: str = "3.12"
    fetched: int = 0
    history: int = 0
    kept_out: Mapping[str, int] = {}
    pointers: tuple[str, ...] = ()
    binaries: tuple[str, ...] = ()  # in plain git
    on_github: bool = False

    def total(self, part: str) -> int:
        """Return the bytes of one part of all packages."""
        if missing := [name for name, sizes in self.packages.items() if not sizes]:
            raise BadInput(
                f"It cannot be told whether this fits: {', '.join(missing)} not in the "
                "recorded sizes (.ml-ui.json) in this version, nor installed "
                "here: run pip install -r requirements.txt first."
            )
        return sum(sizes[part] for sizes in self.packages.values())

    @property
    def installed(self) -> int:
        """Bytes of all packages as they are installed, with their bytecode."""
        factors = PACKAGES["bytecode_per_source"]
        recorded = factors[PACKAGES["python"]]
        factor = factors.get(self.python, recorded) / recorded
        return self.total("installed") + round(factor * self.total("bytecode"))

    @property
    def loaded(self) -> int:
        """Bytes of the weights once they are read, wherever they come from."""
        return round(self.unpacked * (self.weights + self.fetched))


# Quantities that a platform limits: each the parts of a sum, or nothing if it plays no
# part in this project.


def checkout(project: Footprint) -> dict[str, int]:
    """Return what is in the commit that is pushed."""
    return {"weights": project.weights, "sources": project.sources}


def repository(project: Footprint) -> dict[str, int]:
    """Return what is in the repository, with all versions of its files."""
    return {
        "weights": project.weights,
        "sources": project.stored,
        "earlier versions": project.history,
    }


def pack(project: Footprint) -> dict[str, int]:
    """Return what a first push sends, if that is more than the checkout."""
    return repository(project) if project.history else {}


def slug(project: Footprint) -> dict[str, int]:
    """Return what is in a compressed archive of the installed project."""
    return {
        "weights": round(project.gzip * project.weights),
        "packages": _packed(project),
        "Python": GZIP_OF_PYTHON,
        "sources": project.sources - project.kept_out.get(".slugignore", 0),
    }


def image(project: Footprint) -> dict[str, int]:
    """Return what is in the image, uncompressed."""
    return {
        "weights": project.weights,
        "packages": project.installed,
        "base image": BASE_IMAGE["bytes"],
        "sources": project.sources - project.kept_out.get(".dockerignore", 0),
    }


def pull(project: Footprint) -> dict[str, int]:
    """Return what is in the image's layers, each compressed, as a registry sends it."""
    return {
        "weights": round(project.gzip * project.weights),
        "packages": _packed(project),
        "base image": BASE_IMAGE["pull_bytes"],
        "sources": project.sources - project.kept_out.get(".dockerignore", 0),
    }


def disk(project: Footprint) -> dict[str, int]:
    """Return what the installed project takes on the disk of its host."""
    return {
        "weights": project.loaded,
        "packages": project.installed,
        "sources": project.sources,
    }


def memory(project: Footprint) -> dict[str, int]:
    """Return the anonymous memory that the app holds once its model is loaded."""
    if not (facts := _runtime(project)):
        return {}
    held = round(facts["held"] * project.loaded)
    return {"Python and packages": facts["base"], "weights": held}


def peak(project: Footprint) -> dict[str, int]:
    """Return the most anonymous memory: while the model loads, or under a request."""
    if not (facts := _runtime(project)):
        return {}
    shares = {"weights while loading": "loading", "weights and a request": "serving"}
    weights = {
        name: round(facts[share] * project.loaded) for name, share in shares.items()
    }
    weights["weights and a request"] += facts["request"]
    most = max(weights, key=weights.get)
    return {"Python and packages": facts["base"], most: weights[most]}


def _runtime(project: Footprint) -> dict:
    """Return what the model's format takes, in the precision of its weights."""
    facts = FORMATS.get(project.format or "", {})
    alike = {"bfloat16": "float16", "uint8": "int8"}
    return facts | facts.get(alike.get(project.dtype, project.dtype), {})


def gpu(project: Footprint) -> dict[str, int]:
    """Return the memory of a GPU that the model takes."""
    if project.lock not in ON_GPU:
        return {}
    return {"CUDA": CUDA_CONTEXT, "weights": project.loaded}


def boot(project: Footprint) -> dict[str, float]:
    """Return the seconds until the port is bound; the model loads after that."""
    facts = _runtime(project)
    return {"imports": facts["boot"]} if facts else {}


def file(project: Footprint) -> dict[str, int]:
    """Return the largest file in plain git."""
    plain = [file for file in project.files if not file.in_lfs]
    return _largest(plain)


def lfs_file(project: Footprint) -> dict[str, int]:
    """Return the largest file in Git LFS."""
    return _largest([file for file in project.files if file.in_lfs])


def lfs(project: Footprint) -> dict[str, int]:
    """Return all files in Git LFS."""
    stored = sum(file.size for file in project.files if file.in_lfs)
    return {"files": stored, "earlier versions": project.history} if stored else {}


def _largest(files: list[File]) -> dict[str, int]:
    largest = max(files, key=lambda file: file.size, default=None)
    return {largest.name: largest.size} if largest else {}


def _packed(project: Footprint) -> int:
    wheels, bytecode = project.total("wheel"), project.total("bytecode")
    return round(GZIP_OF_WHEELS * wheels + GZIP_OF_BYTECODE * bytecode)


# What is compared with each limit, by its name.
QUANTITIES: dict[str, Callable[[Footprint], dict[str, float]]] = {
    "slug": slug,
    "checkout": checkout,
    "repository": repository,
    "pack": pack,
    "image": image,
    "pull": pull,
    "disk": disk,
    "memory": memory,
    "peak": peak,
    "gpu": gpu,
    "boot": boot,
    "file": file,
    "lfs-file": lfs_file,
    "lfs": lfs,
}


def gzipped(path: Path, sample: int = 1 << 18) -> float:
    """Return what gzip leaves of a large file, 0 to 1, from a sample of so many bytes."""
    size = path.stat().st_size
    if size < LARGE:
        return 1.0
    block, left = 1 << 16, 0  # smaller ones would be compressed less
    blocks = max(sample // block, 1)
    with open(path, "rb") as file:
        for n in range(blocks):
            file.seek((size - block) * (2 * n + 1) // (2 * blocks))  # not a header
            left += len(zlib.compress(file.read(block), 6))
    return min(left / (blocks * block), 1.0)


def unpacked(path: Path) -> float:
    """Return what a large file is once it is read, of its size: 1 unless it is packed."""
    size = path.stat().st_size
    if size < LARGE:
        return 1.0
    with open(path, "rb") as file:
        head = file.read(4 * LARGE)
    try:
        if head.startswith(b"PK\3\4"):
            from zipfile import ZipFile  # slow to import, and for archives alone

            with ZipFile(path) as archive:
                return sum(each.file_size for each in archive.infolist()) / size
        if unpacker := UNPACKERS.get(head[:2]):
            return len(unpacker().decompress(head)) / len(head)
    except Exception:  # it only looks packed
        return 1.0
    return 1.0


def read(path: Path) -> dict:
    """Return what is in a JSON file."""
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: {error}.") from None
