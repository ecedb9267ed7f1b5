# /// script
# requires-python = ">=3.11"
# dependencies = ["packaging>=26.3", "remotezip", "uv"]
# ///
"""Lock the packages of every framework and hardware class in catalog.json.

Writes `<framework>-<class>.txt`, the locked requirements, and `<framework>-<class>.json`,
what they weigh, into templates/requirements/, and `dev.txt` for the tests of a project.
From these and LIGHTER comes tools/fit/packages.json, which every project has: the sums of
the sets, and the packages that could be replaced by a lighter build.
"""

import argparse
import datetime
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit
from urllib.request import url2pathname
from zipfile import ZipFile

import requests
from packaging.pylock import PackageWheel, Pylock, PylockSelectError
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.version import Version
from remotezip import RemoteZip

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "templates" / "requirements"
PACKAGES = ROOT / "{{cookiecutter.project_slug}}" / "tools" / "fit" / "packages.json"
QUESTIONS = json.loads((ROOT / "cookiecutter.json").read_text("utf-8"))
PYTHONS = QUESTIONS["python_version"]  # sizes are taken on the first that has every wheel
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"

# What the builder of Hugging Face Spaces installs together with requirements.txt
# (its Python is in PYTHONS). `{}` is the version of Gradio.
SPACES = ["gradio[oauth,mcp]=={}", "uvicorn>=0.14.0", "websockets>=10.4", "spaces"]

# Bytes of .pyc that pip writes for a byte of .py, by the version of Python. Measured in
# November 2026 on installs of gradio with opencv and with scikit-learn: 1.357 to 1.367 on
# 3.11, 1.239 to 1.247 on 3.12, 1.219 to 1.234 on 3.13. Other sets lie a little off: 1.40
# with torch on 3.11, 1.20 with tensorflow-cpu on 3.12.
# Recorded sizes are for the first of PYTHONS.
BYTECODE_PER_SOURCE = {"3.11": 1.36, "3.12": 1.24, "3.13": 1.23}

# Packages with another build that does the same on a CPU and weighs less on Linux x86-64:
# the name of that build, and a pattern (of whole names) for what only the heavy one requires.
LIGHTER = {
    "tensorflow": ("tensorflow-cpu", "nvidia-.*"),
    "torch": ("torch", "cuda-.*|nvidia-.*|triton"),  # the same name, from TORCH_INDEX
    "onnxruntime-gpu": ("onnxruntime", "nvidia-.*"),
    "xgboost": ("xgboost-cpu", "nvidia-nccl-.*"),
    "faiss-gpu": ("faiss-cpu", "nvidia-.*"),
    "faiss-gpu-cu12": ("faiss-cpu", "nvidia-.*"),
    "opencv-python": ("opencv-python-headless", ""),
    "opencv-contrib-python": ("opencv-contrib-python-headless", ""),
}

HEADER = """\
# Locked versions of the packages in requirements.in, for Python {oldest} to {newest} on
# {platforms}.
# To refresh them: pip install uv
# uv pip compile --universal --python-version {oldest} --annotation-style line --upgrade \
{options}requirements.in -o requirements.txt
"""

Row = tuple[str, str, PackageWheel]  # name, version and wheel of a package


@dataclass(frozen=True)
class Platform:
    """An operating system and processor that the locked sets are meant for."""

    sys_platform: str
    system: str
    machine: str
    wheel_tags: tuple[str, ...]

    def environment(self, python: str) -> dict[str, str]:
        """Return what environment markers see there, on that version of Python."""
        return {
            "implementation_name": "cpython",
            "os_name": "nt" if self.sys_platform == "win32" else "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_system": self.system,
            "python_full_version": f"{python}.0",
            "python_version": python,
            "sys_platform": self.sys_platform,
        }

    def tags(self, python: str) -> list[Tag]:
        """Return the tags of the wheels that install there, the best first."""
        version = tuple(map(int, python.split(".")))
        interpreter = f"cp{python.replace('.', '')}"
        return [
            *cpython_tags(version, platforms=self.wheel_tags),
            *compatible_tags(version, interpreter, platforms=self.wheel_tags),
        ]


def manylinux(machine: str) -> tuple[str, ...]:
    """Return the wheel tags of a Linux with glibc 2.28 or newer."""
    modern = [f"manylinux_2_{minor}_{machine}" for minor in range(28, 4, -1)]
    legacy = [f"manylinux{year}_{machine}" for year in (2014, 2010, 1)]
    return *modern, *legacy, f"linux_{machine}"


def macos(machine: str) -> tuple[str, ...]:
    """Return the wheel tags of macOS 14."""
    versions = [f"{major}_0" for major in range(14, 10, -1)]
    versions += [f"10_{minor}" for minor in range(16, 3, -1)]
    archs = (machine, "universal2")
    return tuple(f"macosx_{v}_{arch}" for v, arch in product(versions, archs))


LINUX = "Linux x86-64"
PLATFORMS = {
    LINUX: Platform("linux", "Linux", "x86_64", manylinux("x86_64")),
    "Linux Arm": Platform("linux", "Linux", "aarch64", manylinux("aarch64")),
    "macOS Arm": Platform("darwin", "Darwin", "arm64", macos("arm64")),
    "Windows x86-64": Platform("win32", "Windows", "AMD64", ("win_amd64",)),
}


def uv_compile(folder: Path, *arguments: str) -> str:
    """Run `uv pip compile` in a folder and return what it prints."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--universal"]
    command += ["--python-version", min(PYTHONS, key=Version), "--no-header"]
    command += ["--fork-strategy", "fewest", "--only-binary", ":all:"]
    command += ["--annotation-style", "line", *arguments]
    run = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{folder.name}: uv could not resolve it.\n{run.stderr}")
    return run.stdout


def write_lines(path: Path, lines: list[str]) -> None:
    """Write a text file of these lines."""
    path.write_text("".join(f"{line}\n" for line in lines))


def newest(folder: Path, package: str, *arguments: str) -> str:
    """Return the newest version of a package that uv finds, without a local part."""
    write_lines(folder / "newest.in", [package])
    lines = uv_compile(folder, "newest.in", "--no-annotate", *arguments).splitlines()
    pins = dict(line.split(";")[0].strip().split("==") for line in lines)
    return Version(pins[package]).public


def lock(folder: Path, packages: list[str], company: list[str], *source: str) -> str:
    """Lock packages in versions that can be installed in the company of others."""
    write_lines(folder / "requirements.in", packages)
    write_lines(folder / "company.in", company)
    output = ("-o", "requirements.txt", *source)
    uv_compile(folder, "requirements.in", "company.in", *output)
    # uv keeps the versions that it finds in the output file, and drops the company.
    return uv_compile(folder, "requirements.in", *output)


def wheels_of(folder: Path, text: str, *source: str) -> Pylock:
    """Return every wheel of a locked set, for all platforms."""
    (folder / "locked.txt").write_text(text)
    arguments = ("--no-deps", "--format", "pylock.toml", "-o", "pylock.toml", *source)
    return Pylock.from_dict(tomllib.loads(uv_compile(folder, "locked.txt", *arguments)))


def select(wheels: Pylock, platform: Platform, python: str) -> Iterator[Row]:
    """Yield name, version and wheel of each package that a platform installs."""
    chosen = wheels.select(environment=platform.environment(python), tags=platform.tags(python))
    for package, wheel in chosen:
        if not isinstance(wheel, PackageWheel):
            raise PylockSelectError(f"No wheel for package {package.name!r}")
        yield package.name, str(package.version), wheel


def supports(wheels: Pylock, platform: Platform) -> bool:
    """Tell whether there is a wheel of everything for a platform, on every Python."""
    try:
        for python in PYTHONS:
            list(select(wheels, platform, python))
    except PylockSelectError:
        return False
    return True


def choose(wheels: Pylock) -> tuple[str, list[Row]]:
    """Return a version of Python and the wheels that Linux x86-64 installs on it.

    Behind them come those of packages that only another version needs.
    """
    for python in PYTHONS:
        try:
            rows = list(select(wheels, PLATFORMS[LINUX], python))
            break
        except PylockSelectError as error:
            reason = error
    else:
        sys.exit(str(reason))
    for other in PYTHONS:
        names = {name for name, *_ in rows}
        rest = [package for package in wheels.packages if package.name not in names]
        rows += select(replace(wheels, packages=rest), PLATFORMS[LINUX], other)
    return python, rows


def weigh(wheel: PackageWheel) -> dict[str, int]:
    """Return the bytes of a wheel, packed and installed, from its table of contents."""
    if wheel.url.startswith("file:"):
        path = Path(url2pathname(urlsplit(wheel.url).path))
        size, archive = path.stat().st_size, ZipFile(path)
    else:
        size, archive = wheel.size or remote_size(wheel.url), RemoteZip(wheel.url)
    with archive:
        files = archive.infolist()
    source = sum(file.file_size for file in files if file.filename.endswith(".py"))
    return {
        "wheel": size,
        "installed": sum(file.file_size for file in files),
        "bytecode": round(source * BYTECODE_PER_SOURCE[PYTHONS[0]]),
    }


def remote_size(url: str) -> int:
    """Return the size of a file whose index does not tell it."""
    response = requests.head(url, allow_redirects=True, timeout=60)
    response.raise_for_status()
    return int(response.headers["Content-Length"])


def weigh_all(rows: Iterable[Row]) -> dict[str, dict[str, int]]:
    """Return what weigh() says of each wheel, by its address."""
    wheels = {wheel.url: wheel for *_, wheel in rows}
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(wheels, pool.map(weigh, wheels.values())))


def with_sizes(rows: list[Row], weights: dict[str, dict]) -> dict[str, dict]:
    """Return version and sizes of each package, by its name."""
    return {
        package: {"version": Version(version).public, **weights[wheel.url]}
        for package, version, wheel in rows
    }


def header(platforms: list[str], index: str) -> str:
    """Return what stands above a locked set, with the line for an extra index."""
    options = index and f"--index-strategy unsafe-best-match --emit-index-url {index} "
    text = HEADER.format(
        oldest=min(PYTHONS, key=Version),
        newest=max(PYTHONS, key=Version),
        platforms=", ".join(platforms),
        options=options,
    )
    return text + (index and f"{index}\n")


def lock_all(work: Path, links: str | None) -> tuple[dict[str, str], dict[str, tuple]]:
    """Lock and check every set; return the files, and for each set what choose() says."""
    catalog = json.loads((ROOT / "catalog.json").read_text())
    torch_source = ["--index", TORCH_INDEX, "--index-strategy", "unsafe-best-match"]
    only_torch = ["--default-index", TORCH_INDEX]
    if links:
        torch_source = ["--find-links", str(Path(links).resolve())]
        only_torch = ["--no-index", *torch_source]
    gradio = newest(work, "gradio")
    torch = f"torch=={newest(work, 'torch', '--no-deps', *only_torch)}"
    company = [line.format(gradio) for line in SPACES]

    files, chosen, constraints = {}, {}, []
    for framework, data in catalog["frameworks"].items():
        for hardware, packages in data["requirements"].items():
            name = f"{framework}-{hardware}"
            folder = work / name
            folder.mkdir()
            index, source, pin = "", [], torch  # one version of torch for every class
            if "torch" in packages and hardware == "cpu":
                index, source = f"--extra-index-url {TORCH_INDEX}", torch_source
                pin = f"{torch}+cpu"
            wanted = [pin if package == "torch" else package for package in packages]
            text = lock(folder, [*catalog["requirements"], *wanted], company, *source)
            chosen[name] = choose(wheels_of(folder, text, *source))
            # Where a CPU build exists pip prefers it, for a local version ranks higher;
            # macOS has none, so the local part must not be asked for.
            text = text.replace(pin, torch.ljust(len(pin)))
            wheels = wheels_of(folder, text)
            fit = [title for title, p in PLATFORMS.items() if supports(wheels, p)]
            print(f"{name}: {', '.join(fit)}", file=sys.stderr)
            if LINUX not in fit:
                sys.exit(f"{name}: a wheel for {LINUX} is missing")
            files[f"{name}.txt"] = header(fit, index) + text
            constraints += ["-c", str(folder / "locked.txt")]
    write_lines(work / "dev.in", ["pytest"])
    files["dev.txt"] = uv_compile(work, "dev.in", "--no-annotate", *constraints)
    return files, chosen


def write_locks(work: Path, links: str | None) -> None:
    """Lock every set, weigh it, and write the files."""
    files, chosen = lock_all(work, links)
    weights = weigh_all(row for _, rows in chosen.values() for row in rows)
    for name, (python, rows) in chosen.items():
        sizes = {
            "python": python,
            "platform": LINUX.lower(),
            "as_of": datetime.date.today().isoformat(),
            "packages": with_sizes(rows, weights),
        }
        files[f"{name}.json"] = json.dumps(sizes, indent=2) + "\n"

    TARGET.mkdir(parents=True, exist_ok=True)
    for old in TARGET.iterdir():
        old.unlink()
    for file, text in files.items():
        (TARGET / file).write_text(text)


def total(packages: dict[str, dict]) -> dict[str, int]:
    """Return the sums of what packages weigh."""
    rows = packages.values()
    return {part: sum(row[part] for row in rows) for part in ("wheel", "installed", "bytecode")}


def lighter(work: Path, sets: dict[str, dict]) -> dict[str, dict]:
    """Return the lighter builds with their sizes: as they are locked, or the newest."""
    sizes = {}
    for name, locked in sets.items():
        if name.endswith("-cpu"):
            sizes |= locked["packages"]
    missing = sorted({use for use, _ in LIGHTER.values()} - sizes.keys())
    # Without the marker uv would take versions that the oldest Python has, too.
    text = "".join(f"{use} ; python_version >= '{PYTHONS[0]}'\n" for use in missing)
    _, rows = choose(wheels_of(work, text))
    sizes |= with_sizes(rows, weigh_all(rows))
    return {
        name: {"drop": drop, "packages": {use: sizes[use]}} for name, (use, drop) in LIGHTER.items()
    }


def write_packages(work: Path) -> None:
    """Write what every project is told about packages."""
    sets = {path.stem: json.loads(path.read_text()) for path in sorted(TARGET.glob("*.json"))}
    facts = {
        "as_of": min(locked["as_of"] for locked in sets.values()),
        "python": PYTHONS[0],
        "platform": LINUX.lower(),
        "bytecode_per_source": BYTECODE_PER_SOURCE,
        "sets": {name: total(locked["packages"]) for name, locked in sets.items()},
        "lighter": lighter(work, sets),
    }
    PACKAGES.write_text(json.dumps(facts, indent=2) + "\n")


def main() -> None:
    """Lock every set and write what it weighs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--find-links",
        metavar="DIR",
        help=f"a folder with PyTorch's CPU wheels, instead of {TORCH_INDEX}",
    )
    parser.add_argument(
        "--sizes-only",
        action="store_true",
        help=f"keep the locked sets, and write only {PACKAGES.name} from them",
    )
    arguments = parser.parse_args()
    with TemporaryDirectory() as temporary:
        if not arguments.sizes_only:
            write_locks(Path(temporary), arguments.find_links)
        write_packages(Path(temporary))


if __name__ == "__main__":
    main()
