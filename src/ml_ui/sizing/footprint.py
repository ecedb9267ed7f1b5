"""Footprint of a project: the size of its files and packages, on disk and in memory."""

import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypedDict

FOLDER = Path(__file__).resolve().parent
PACKAGES = json.loads((FOLDER / "packages.json").read_text("utf-8"))
FORMATS = json.loads((FOLDER / "runtimes.json").read_text("utf-8"))["formats"]
FACTS = json.loads((FOLDER / "facts.json").read_text("utf-8"))
BASE_IMAGE = FACTS["base_image"]

# gzip's output for installed packages: 0.97 of their wheels, and 0.355 of Python 3.12's
# bytecode (within 1.1 % on five measured sets; other versions write more or less
# bytecode, which gzip compresses alike); for Heroku's Python 30 MB
# (CPython 3.11, 3.12 and 3.13, built from source without tests: 28, 31 and 33 MB).
GZIP_OF_WHEELS, GZIP_OF_BYTECODE, GZIP_OF_PYTHON = 0.97, 0.355, 30_000_000

CUDA_CONTEXT = 500_000_000  # bytes; an estimate, not measured on a GPU
CUDA_RUNTIME = "nvidia-cuda-runtime"  # required by every package that computes on a GPU

LARGE = 1_000_000  # bytes; files of this size and larger are sampled one by one
HEAD = 4 * LARGE  # bytes of a packed file that are unpacked to estimate the ratio


class Unpacker(Protocol):
    """A decompressor of the standard library."""

    def decompress(self, data: bytes, /) -> bytes:
        """Return the content of a part of a packed file."""


# Decompressors of the formats that joblib writes, by the first bytes.
UNPACKERS: dict[bytes, Callable[[], Unpacker]] = {
    **dict.fromkeys(
        (b"\x1f\x8b", b"x\x01", b"x\x5e", b"x\x9c", b"x\xda"),
        lambda: zlib.decompressobj(47),
    ),
    b"BZ": lambda: import_module("bz2").BZ2Decompressor(),
    b"\xfd7": lambda: import_module("lzma").LZMADecompressor(),
    b"]\0": lambda: import_module("lzma").LZMADecompressor(),
}


class BadInput(ValueError):
    """Invalid input; the text is one sentence for the user."""


class NotKnown(BadInput):
    """A quantity cannot be computed; the text says why, and what to do."""


class Sizes(TypedDict):
    """Sizes of a package in bytes."""

    version: str
    wheel: int  # compressed, as it is downloaded
    installed: int  # without bytecode
    bytecode: int


Part = Literal["wheel", "installed", "bytecode"]


class File(NamedTuple):
    """A large file of the project."""

    name: str  # its path in the project
    size: int  # bytes; for a Git LFS pointer, of the file it stands for
    in_lfs: bool = False


class Footprint(NamedTuple):
    """Sizes of a project, in bytes, and what they depend on.

    A field that is None is not known.
    """

    weights: int = 0
    sources: int = 0
    packages: Mapping[str, Sizes | None] = {}
    stored: int = 0  # of the sources, packed by git or whole in Git LFS
    files: tuple[File, ...] = ()
    gzip: float = 1.0  # share of the weights that is left by gzip
    unpacked: float = 1.0  # weights in memory, as a multiple of their files
    format: str | None = None  # of the model, a key of FORMATS
    dtype: str | None = None  # of most weights
    layers: int = 0  # of a Keras network
    lock: str | None = None  # set of packages at generation, a key of PACKAGES["sets"]
    python: str = "3.12"
    fetched: int = 0  # weights that the app downloads at start
    on_hub: int = 0  # weights that model/hub.json names; a build of an image has them
    history: int = 0  # earlier versions of files in git
    kept_out: Mapping[str, int] = {}  # sources left out by an ignore file, by its name
    pointers: tuple[str, ...] = ()  # files of which only the Git LFS pointer is here
    binaries: tuple[str, ...] = ()  # binary files in plain git
    on_github: bool = False
    shallow: bool = False  # the clone lacks a part of the history

    def total(self, part: Part) -> int:
        """Return the bytes of one part of all packages.

        Raises:
            NotKnown: a package has no recorded size and is not installed here.
        """
        known = [sizes for sizes in self.packages.values() if sizes]
        if len(known) < len(self.packages):
            missing = (name for name, sizes in self.packages.items() if not sizes)
            raise NotKnown(
                f"The size of {', '.join(missing)} is not known: neither recorded in "
                ".ml-ui.json in this version, nor installed here. Run pip install -r "
                "requirements.txt first."
            )
        return sum(sizes[part] for sizes in known)

    @property
    def installed(self) -> int:
        """Bytes of all installed packages, with their bytecode."""
        factors = PACKAGES["bytecode_per_source"]
        recorded = factors[PACKAGES["python"]]
        factor: float = factors.get(self.python, recorded) / recorded
        return self.total("installed") + round(factor * self.total("bytecode"))

    @property
    def loaded(self) -> int:
        """Bytes of the weights in memory, wherever they come from."""
        return round(self.unpacked * (self.weights + self.fetched + self.on_hub))

    @property
    def uses_gpu(self) -> bool:
        """Whether the packages are builds for a GPU."""
        return any(name.startswith(CUDA_RUNTIME) for name in self.packages)


# Quantities that platforms limit. Each function returns the parts of a sum, {} if the
# quantity does not apply to the project, and raises NotKnown if it cannot be computed.
Parts = Mapping[str, float]


def checkout(project: Footprint) -> Parts:
    """Return the sizes of the files in the commit that is pushed."""
    return {"weights": project.weights, "sources": project.sources}


def repository(project: Footprint) -> Parts:
    """Return the sizes of the repository's files, with all their versions."""
    return {
        "weights": project.weights,
        "sources": project.stored,
        "earlier versions": project.history,
    }


def pack(project: Footprint) -> Parts:
    """Return the sizes of a first push, if that is more than the checkout."""
    return repository(project) if project.history else {}


def slug(project: Footprint) -> Parts:
    """Return the compressed sizes of the installed project (a Heroku slug)."""
    return {
        "weights": round(project.gzip * project.weights),
        "packages": _packed(project),
        "Python": GZIP_OF_PYTHON,
        "sources": project.sources - project.kept_out.get(".slugignore", 0),
    }


def image(project: Footprint) -> Parts:
    """Return the uncompressed sizes of the container image."""
    return {
        "weights": project.weights + project.on_hub,
        "packages": project.installed,
        "base image": BASE_IMAGE["bytes"],
        "sources": project.sources - project.kept_out.get(".dockerignore", 0),
    }


def pull(project: Footprint) -> Parts:
    """Return the compressed sizes of the container image's layers, as pulled."""
    return {
        "weights": round(project.gzip * (project.weights + project.on_hub)),
        "packages": _packed(project),
        "base image": BASE_IMAGE["pull_bytes"],
        "sources": project.sources - project.kept_out.get(".dockerignore", 0),
    }


def disk(project: Footprint) -> Parts:
    """Return the sizes of the installed project on the disk of its host."""
    return {
        "weights": project.loaded,
        "packages": project.installed,
        "sources": project.sources,
    }


def memory(project: Footprint) -> Parts:
    """Return the anonymous memory that the app holds after a first request."""
    facts = _runtime(project)
    held = round(facts["held"] * project.loaded)
    return _base(facts, project) | {"weights": held}


def peak(project: Footprint) -> Parts:
    """Return the most anonymous memory: while the model loads, or during a request."""
    facts = _runtime(project)
    loading = round(facts["loading"] * project.loaded)
    serving = round(facts["serving"] * project.loaded) + facts["request"]
    base = _base(facts, project)
    if loading >= serving:
        return base | {"weights while loading": loading}
    return base | {"weights and a request": serving}


def _base(facts: Mapping[str, Any], project: Footprint) -> dict[str, float]:
    """Return the memory that does not depend on the weights' size."""
    imported = facts.get("imports", {})
    more = sum(count for name, count in imported.items() if name in project.packages)
    base: dict[str, float] = {"Python and packages": facts["base"] + more}
    if layers := facts.get("layer", 0) * project.layers:
        base["layers"] = layers
    return base


def precision(project: Footprint) -> str:
    """Return the precision that the memory was measured for, as FORMATS names it."""
    dtype = project.dtype or "float32"
    dtype = {"bfloat16": "float16", "uint8": "int8"}.get(dtype, dtype)
    return dtype if dtype in (FORMATS.get(project.format or "") or {}) else "float32"


def _runtime(project: Footprint) -> dict[str, Any]:
    """Return the memory and boot time of the model's format, in its precision.

    Raises:
        NotKnown: they have not been measured.
    """
    if not (facts := FORMATS.get(project.format or "")):
        why = f"the format {project.format!r} has not been measured"
        why = why if project.format else ".ml-ui.json does not name the model's format"
        raise NotKnown(
            f"Memory and boot time are not known: {why}. Run python -m ml_ui preflight "
            "--measure, which builds and boots the project here."
        )
    own: dict[str, Any] = facts | facts.get(precision(project), {})
    return own


def tab(project: Footprint) -> Parts:
    """Return the most memory that the model takes in a visitor's browser."""
    facts = _in_browser(project)
    weights = round(facts["weights"] * project.loaded)
    return {"runtime and a request": facts["base"], "weights": weights}


def download(project: Footprint) -> Parts:
    """Return what a visitor downloads before the first answer."""
    facts = _in_browser(project)
    return {"weights": project.weights, "page and runtime": facts["download"]}


def onnx_export(format: str | None) -> str:
    """Return the call that makes an ONNX file of a model in a format; "" if none does.

    `converts` has those that keep the weights as they are, `exports` the others.
    """
    measured = FORMATS.get(format or "") or {}
    how: str = measured.get("converts", {}).get("onnx") or measured.get("exports", "")
    return how


def _in_browser(project: Footprint) -> dict[str, Any]:
    """Return the memory and size of what runs the model's format in a browser.

    Raises:
        NotKnown: nothing does.
    """
    measured = FORMATS.get(project.format or "") or {}
    if not (facts := measured.get("browser")):
        how = onnx_export(project.format)
        raise NotKnown(
            f"A browser does not run the format {project.format!r}: export the model "
            f"to ONNX{f' ({how})' if how else ''}."
        )
    own: dict[str, Any] = facts
    return own


def on_hub(project: Footprint) -> Parts:
    """Return the size of weights that stay on the Hub, if they do."""
    return {"weights": project.on_hub} if project.on_hub else {}


def gpu(project: Footprint) -> Parts:
    """Return the GPU memory of the model; it applies to packages built for a GPU."""
    if not project.uses_gpu:
        return {}
    return {"CUDA": CUDA_CONTEXT, "weights": project.loaded}


def boot(project: Footprint) -> Parts:
    """Return the seconds until the port is bound; the model loads after that."""
    return {"imports": _runtime(project)["boot"]}


def file(project: Footprint) -> Parts:
    """Return the size of the largest file in plain git, if there are large ones."""
    return _largest(file for file in project.files if not file.in_lfs)


def lfs_file(project: Footprint) -> Parts:
    """Return the size of the largest file in Git LFS, if there is any."""
    return _largest(file for file in project.files if file.in_lfs)


def lfs(project: Footprint) -> Parts:
    """Return the sizes of all files in Git LFS, if there are any."""
    stored = sum(file.size for file in project.files if file.in_lfs)
    return {"files": stored, "earlier versions": project.history} if stored else {}


def _largest(files: Iterable[File]) -> Parts:
    largest = max(files, key=lambda file: file.size, default=None)
    return {largest.name: largest.size} if largest else {}


def _packed(project: Footprint) -> int:
    """Return the bytes of the packages, compressed."""
    wheels, bytecode = project.total("wheel"), project.total("bytecode")
    return round(GZIP_OF_WHEELS * wheels + GZIP_OF_BYTECODE * bytecode)


# By the name of the limit that they are compared with.
QUANTITIES: dict[str, Callable[[Footprint], Parts]] = {
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
    "tab": tab,
    "download": download,
    "hub": on_hub,
    "boot": boot,
    "file": file,
    "lfs-file": lfs_file,
    "lfs": lfs,
}


def gzipped(path: Path, sample: int = 1 << 18) -> float:
    """Return the share of a large file that gzip leaves, estimated from a sample.

    Args:
        path: a file; below LARGE the answer is 1.
        sample: bytes to compress.
    """
    size = path.stat().st_size
    if size < LARGE:
        return 1.0
    block, left = 1 << 16, 0  # smaller blocks would be compressed less
    blocks = max(sample // block, 1)
    with open(path, "rb") as file:
        for n in range(blocks):
            file.seek((size - block) * (2 * n + 1) // (2 * blocks))  # not a header
            left += len(zlib.compress(file.read(block), 6))
    return min(left / (blocks * block), 1.0)


def unpacked(path: Path) -> float:
    """Return the unpacked size of a large file as a multiple of it; 1 if not packed."""
    size = path.stat().st_size
    if size < LARGE:
        return 1.0
    with open(path, "rb") as file:
        head = file.read(HEAD)
    try:
        if head.startswith(b"PK\3\4"):
            from zipfile import ZipFile  # slow to import, and only needed for archives

            with ZipFile(path) as archive:
                return sum(each.file_size for each in archive.infolist()) / size
        if unpacker := UNPACKERS.get(head[:2]):
            return len(unpacker().decompress(head)) / len(head)
    except Exception:  # noqa: BLE001, not really packed
        return 1.0
    return 1.0
