"""What a project weighs: its files, its packages, and both in memory."""

import json
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

FIT = Path(__file__).resolve().parent
PACKAGES = json.loads((FIT / "packages.json").read_text("utf-8"))
FORMATS = json.loads((FIT / "runtimes.json").read_text("utf-8"))["formats"]
BASE_IMAGE = json.loads((FIT / "platforms.json").read_text("utf-8"))["base_image"]

# Of installed packages, gzip leaves 0.97 of what their wheels weigh and 0.355 of Python
# 3.12's bytecode (within 1.1 % of five sets that were measured; other versions write
# more or less bytecode, and gzip leaves the same of it); of Python 30 MB.
GZIP_OF_WHEELS, GZIP_OF_BYTECODE, GZIP_OF_PYTHON = 0.97, 0.355, 30_000_000

CUDA_CONTEXT = 500_000_000  # an estimate: no GPU was at hand to measure it on

ON_GPU = {"onnx", "torch-export", "torchscript", "state-dict", "safetensors", "keras"}
LARGE = 1_000_000  # bytes of a file that is looked at on its own


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
    are older versions in git, and `kept_out` what an ignore file keeps out, by its name.
    """

    weights: int = 0
    sources: int = 0
    packages: Mapping[str, dict | None] = {}
    files: tuple[File, ...] = ()
    gzip: float = 1.0  # what it leaves of the weights
    format: str | None = None  # of the model, a key of FORMATS
    dtype: str | None = None  # of most of its weights
    framework: str | None = None
    lock: str | None = None  # the set of packages it began with, a key of PACKAGES
    python: str = "3.12"
    fetched: int = 0
    history: int = 0
    kept_out: Mapping[str, int] = {}
    pointers: tuple[str, ...] = ()
    on_github: bool = False

    def total(self, part: str) -> int:
        """Return the bytes of one part of all packages."""
        if missing := [name for name, sizes in self.packages.items() if not sizes]:
            raise BadInput(
                f"It cannot be told whether this fits: {', '.join(missing)} not in the "
                "recorded sizes (tools/fit/sizes.json) in this version, nor installed "
                "here: run pip install -r requirements.txt first."
            )
        return sum(sizes[part] for sizes in self.packages.values())

    @property
    def installed(self) -> int:
        """Bytes of all packages as they are installed, with their bytecode."""
        factors = PACKAGES["bytecode_per_source"]
        factor = factors[self.python] / factors[PACKAGES["python"]]
        return self.total("installed") + round(factor * self.total("bytecode"))

    @property
    def loaded(self) -> int:
        """Bytes of the weights that are loaded, wherever they come from."""
        return self.weights + self.fetched


# Quantities that a platform limits: each the parts of a sum, or nothing if it plays no
# part in this project.


def checkout(project: Footprint) -> dict[str, int]:
    """Return what is in the commit that is pushed."""
    return {"weights": project.weights, "sources": project.sources}


def repository(project: Footprint) -> dict[str, int]:
    """Return what is in the repository, with all versions of its files."""
    return checkout(project) | {"earlier versions": project.history}


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
    if project.format not in FORMATS:
        return {}
    facts = FORMATS[project.format]
    held = round(facts["held"] * project.loaded)
    return {"Python and packages": facts["base"], "weights": held}


def peak(project: Footprint) -> dict[str, int]:
    """Return the most anonymous memory: while the model loads, or under a request."""
    if project.format not in FORMATS:
        return {}
    facts = FORMATS[project.format]
    loading = round(facts["loading"] * project.loaded)
    moments = (
        {"Python and packages": facts["base"], "weights while loading": loading},
        memory(project) | {"a request": facts["request"]},
    )
    return max(moments, key=lambda parts: sum(parts.values()))


def gpu(project: Footprint) -> dict[str, int]:
    """Return the memory of a GPU that the model takes."""
    if project.format not in ON_GPU:
        return {}
    return {"CUDA": CUDA_CONTEXT, "weights": project.loaded}


def boot(project: Footprint) -> dict[str, float]:
    """Return the seconds until the port is bound; the model loads after that."""
    if project.format not in FORMATS:
        return {}
    return {"imports": FORMATS[project.format]["boot"]}


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


# Weighing what is in a folder.


def of(folder: Path, fetched: int = 0) -> Footprint:
    """Weigh the project in a folder: all that would be pushed, and its packages."""
    own = read(folder / "tools" / "fit" / "project.json")
    sizes = read(folder / "tools" / "fit" / "sizes.json")["packages"]
    pins = _pins((folder / "requirements.txt").read_text("utf-8"), sizes)
    attributes = _lines(folder / ".gitattributes")
    ignored = {name: _lines(folder / name) for name in (".slugignore", ".dockerignore")}
    weights, packed, sources, files, pointers = 0, 0.0, 0, [], []
    kept_out = dict.fromkeys(ignored, 0)
    for path in _pushed(folder):
        name, (count, is_pointer) = path.relative_to(folder).as_posix(), _weigh(path)
        if is_pointer:
            pointers.append(name)
        if count >= LARGE:
            in_lfs = is_pointer or takes_to_lfs(attributes, name)
            files.append(File(name, count, in_lfs))
        if name.startswith("model/"):
            weights += count
            packed += count * (1 if is_pointer else gzipped(path))
            continue
        sources += count
        for ignore, patterns in ignored.items():
            kept_out[ignore] += count if is_ignored(patterns, name) else 0
    return Footprint(
        weights=weights,
        sources=sources,
        packages=_weighed(pins, sizes),
        files=tuple(files),
        gzip=packed / weights if weights else 1.0,
        format=own.get("format"),
        dtype=own.get("dtype"),
        framework=own.get("framework"),
        lock=own.get("lock"),
        python=own.get("python_version", PACKAGES["python"]),
        fetched=fetched,
        history=_history(folder),
        kept_out=kept_out,
        pointers=tuple(pointers),
        on_github=(folder / ".github").is_dir() or _pushes_to(folder, "github.com"),
    )


def gzipped(path: Path, sample: int = 1 << 18) -> float:
    """Return what gzip leaves of a large file, 0 to 1, from a sample of it."""
    size = path.stat().st_size
    if size < LARGE:
        return 1.0
    blocks, left = 16, 0
    block = sample // blocks
    with open(path, "rb") as file:
        for n in range(blocks):
            file.seek((size - block) * n // (blocks - 1))
            left += len(zlib.compress(file.read(block), 6))
    return min(left / sample, 1.0)


def is_ignored(patterns: Iterable[str], name: str) -> bool:
    """Tell whether an ignore file keeps a file out, by its path or that of a folder."""
    parts = name.split("/")
    paths = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    for pattern in patterns:
        pattern = pattern.removeprefix("**/").strip("/")
        if any(fnmatch(each, pattern) for each in (paths if "/" in pattern else parts)):
            return True
    return False


def takes_to_lfs(attributes: Iterable[str], name: str) -> bool:
    """Tell whether .gitattributes gives a file to Git LFS; the last line that fits does."""
    answer = False
    for line in attributes:
        pattern, *given = line.split()
        base = name if "/" in pattern else name.rpartition("/")[2]
        if fnmatch(base, pattern.lstrip("/")):
            for attribute in given:
                if attribute.lstrip("-!").partition("=")[0] == "filter":
                    answer = attribute == "filter=lfs"
    return answer


def _lines(path: Path) -> list[str]:
    """Return the lines of a file that say something; none if there is no such file."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [line.strip() for line in lines if line.strip() and line[0] != "#"]


def _pushed(folder: Path) -> Iterator[Path]:
    """Yield the files that git would take, or all but hidden folders and caches."""
    listed = _git(folder, "ls-files", "-zco", "--exclude-standard")
    if listed is not None:
        paths = {folder / name for name in listed.split("\0") if name}
        yield from (path for path in paths if path.is_file() or path.is_symlink())
        return
    for root, folders, names in os.walk(folder):
        skipped = ("__pycache__", "venv", "node_modules")
        folders[:] = [
            n
            for n in folders
            if n not in skipped and (n == ".github" or not n.startswith("."))
        ]
        yield from (Path(root, name) for name in names)


def _weigh(path: Path) -> tuple[int, bool]:
    """Return the bytes of a file, and whether it is a Git LFS pointer to them."""
    try:
        count = path.stat().st_size
        text = path.read_bytes() if count < 1024 else b""
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {_why(path, error)}.") from None
    pointed = pointer(text)
    return (count, False) if pointed is None else (pointed, True)


def _why(path: Path, error: OSError) -> str:
    if path.is_symlink():
        return f"it is a link to {os.readlink(path)}, which leads nowhere; mend it"
    return f"{error.strerror}"


def pointer(text: bytes) -> int | None:
    """Return the bytes that a Git LFS pointer stands for; None if it is none."""
    pattern = rb"version https://git-lfs.github.com/spec/.*^size (\d+)"
    found = re.match(pattern, text, re.DOTALL | re.MULTILINE)
    return int(found[1]) if found else None


def _git(folder: Path, *arguments: str, given: str = "") -> str | None:
    """Return what git prints; None if there is no git or no repository here."""
    if not (folder / ".git").exists():
        return None
    import subprocess  # slow to import, and not needed before there is a repository

    try:
        git = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            input=os.fsencode(given),
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    return os.fsdecode(git.stdout) if git.returncode == 0 else None


def _pushes_to(folder: Path, host: str) -> bool:
    return host in (_git(folder, "remote", "--verbose") or "")


def _history(folder: Path) -> int:
    """Return the bytes of versions that are in git and no longer in the folder."""
    objects = _git(folder, "rev-list", "--objects", "--all")
    if not objects:
        return 0
    staged = (_git(folder, "ls-files", "-s", "-z") or "").split("\0")
    changed = {*(_git(folder, "diff-files", "--name-only", "-z") or "").split("\0")}
    entries = (entry.partition("\t") for entry in staged if entry)
    current = {what.split()[1] for what, _, name in entries if name not in changed}
    older = {line.split()[0] for line in objects.splitlines()} - current
    asked = "".join(f"{each}\n" for each in older)
    facts = _git(folder, "cat-file", "--batch-check", given=asked) or ""
    total, small = 0, []
    for name, kind, size in (line.split() for line in facts.splitlines()):
        if kind == "blob":
            total += int(size)
            small += [name] if 100 < int(size) < 300 else []
    for name in small:  # a pointer stands for more than it weighs
        text = _git(folder, "cat-file", "blob", name) or ""
        total += pointer(os.fsencode(text)) or 0
    return total


# Weighing packages.


def _pins(text: str, recorded: Iterable[str]) -> dict[str, list[str]]:
    """Return the versions of each package in a requirements.txt, for Linux."""
    pins: dict[str, list[str]] = {}
    odd = []
    for line in text.replace("\\\n", " ").splitlines():
        line = re.sub(r"(^|\s)#.*|\s--hash.*", "", line).strip()
        pin = r"([\w.-]+)(?:\[.*\])? *== *([\w.!-]+)(?:\+[\w.]+)? *(?:;(.*))?"
        if not line or re.match(r"--?[a-z-]*(index|find-links)", line):
            continue
        if not (found := re.fullmatch(pin, line)):
            odd.append(repr(line))
            continue
        name, version, marker = found.groups()
        name = _normalized(name)
        # Not recorded, a pin with a condition is for a system other than Linux.
        if name in recorded or not marker or "== 'linux'" in marker:
            pins.setdefault(name, []).append(version)
    if odd:
        raise BadInput(
            f"requirements.txt: {', '.join(odd)} is not NAME==VERSION, so what it weighs "
            "cannot be told: name it in requirements.in and lock that again."
        )
    return pins


def _weighed(pins: Mapping, recorded: Mapping) -> dict[str, dict | None]:
    """Return what each package weighs: as recorded, else as it is installed here.

    An installed package brings those that it requires, if nobody pinned them.
    """
    weighed: dict[str, dict | None] = {}
    todo = dict(pins)
    while todo:
        name, versions = todo.popitem()
        sizes = recorded.get(name)
        if not sizes or sizes["version"] not in versions:
            sizes, required = _installed(name, versions)
            todo |= {each: [] for each in required if each not in weighed | pins}
        if sizes or name in pins:
            weighed[name] = sizes
    return weighed


def _installed(name: str, versions: list[str]) -> tuple[dict | None, set[str]]:
    """Weigh an installed package; return its sizes and the names that it requires."""
    from importlib import metadata  # slow to import, and seldom needed

    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None, set()
    if versions and package.version.partition("+")[0] not in versions:
        return None, set()
    paths = {Path(package.locate_file(file)) for file in package.files or ()}
    files = {p: p.stat().st_size for p in paths if p.suffix != ".pyc" and p.is_file()}
    sources = sum(count for path, count in files.items() if path.suffix == ".py")
    factor = PACKAGES["bytecode_per_source"][PACKAGES["python"]]
    sizes = {
        "version": package.version,
        "wheel": sum(_deflated(path, count) for path, count in files.items()),
        "installed": sum(files.values()),
        "bytecode": round(factor * sources),
    }
    needed = (
        line for line in package.requires or () if not re.search(r"extra *==", line)
    )
    return sizes, {_normalized(re.match(r"[\w.-]+", line)[0]) for line in needed}


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _deflated(path: Path, count: int) -> int:
    """Return what a file weighs in a wheel; of a large one, from a sample of it."""
    if count >= LARGE:
        return round(count * gzipped(path, 1 << 20))
    return len(zlib.compress(path.read_bytes()))


def read(path: Path) -> dict:
    """Return what is in a JSON file."""
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: {error}.") from None
