# /// script
# requires-python = ">=3.11"
# dependencies = ["packaging>=26.3", "remotezip", "uv"]
# ///
"""Lock the requirements of every framework and hardware class, and of the extras beside them.

Writes `<framework>-<class>.txt`, the lock file, and `<framework>-<class>.json`, the sizes of
its packages, into templates/requirements/; into extras/ the same for what an extra adds; and
`dev.txt` for the tests of a project. local_extensions/locks.py merges them for a project.

From the sizes and LIGHTER comes sizing/packages.json in the package ml_ui: the sums of each
set, and the packages that could be replaced by a lighter build.
"""

import argparse
import datetime
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit
from urllib.request import url2pathname
from zipfile import ZipFile

import requests
from packaging.pylock import PackageWheel, Pylock, PylockSelectError
from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.version import Version
from remotezip import RemoteZip

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "local_extensions"))  # the package itself needs cookiecutter
import locks
from locks import Pins

TARGET = locks.LOCKS
PACKAGES = ROOT / "src" / "ml_ui" / "sizing" / "packages.json"
COMMON = json.loads((ROOT / "templates" / "common.json").read_text("utf-8"))["requirements"]
PYTHONS = (
    "3.12",
    "3.13",
    "3.11",
)  # of local_extensions/host.py; sizes are taken on the first that has every wheel
FACTS = {
    path.parent.name: json.loads(path.read_text("utf-8"))
    for path in sorted(ROOT.glob("templates/frameworks/*/framework.json"))
}
HOSTS = [  # records of the platforms
    json.loads(path.read_text("utf-8"))
    for path in sorted(ROOT.glob("src/ml_ui/sizing/platforms/*.json"))
]


def variants(name: str, facts: dict) -> dict[str, locks.Classes]:
    """Return the requirements of a framework and of its older versions, by name of the lock."""
    return locks.variants(name, facts["requirements"], facts.get("versions", {}))


FRAMEWORKS = {  # their requirements by hardware class; of their older versions, too
    variant: requirements
    for name, facts in FACTS.items()
    for variant, requirements in variants(name, facts).items()
}
OLDER = {  # the versions of Python that run an older version of a framework
    f"{name}-{version}": older.get("python", PYTHONS)
    for name, facts in FACTS.items()
    for version, older in facts.get("versions", {}).items()
}
# Versions of packages that a hardware class takes, by the platforms' records: ZeroGPU's.
TAKEN = {
    package: taken["versions"]
    for path in sorted(ROOT.glob("src/ml_ui/sizing/platforms/*.json"))
    for tier in json.loads(path.read_text("utf-8"))["hardware"].values()
    for package, taken in tier.get("takes", {}).items()
}
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
# Locked versions of the packages in requirements.in, for Python {pythons} on
# {platforms}.
# To lock them again, with --upgrade in newer versions: pip install uv
# uv pip compile --universal --python-version {oldest} --annotation-style line \
{options}requirements.in -o requirements.txt
"""

Row = tuple[str, str, PackageWheel]  # name, version and wheel of a package


@dataclass(frozen=True)
class Platform:
    """An operating system and processor that the locked sets support."""

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


def newest(folder: Path, package: str, requirements: list[str], *arguments: str) -> str:
    """Return the newest version of a package that requirements allow, without a local part."""
    write_lines(folder / "newest.in", requirements)
    pins = uv_compile(folder, "newest.in", "--no-annotate", *arguments).splitlines()
    return next(version(pin) for pin in pins if Requirement(pin).name == package)


def version(pin: str) -> str:
    """Return the version in a pin, without a local part."""
    return Version(str(Requirement(pin).specifier).removeprefix("==")).public


def lock(
    folder: Path, packages: list[str], company: list[str], base: Pins, kept: Pins, *source: str
) -> str:
    """Lock packages in versions that are compatible with other packages.

    Args:
        folder: an empty one, to work in.
        packages: the requirements.
        company: requirements of the other packages.
        base: pins to which they are added.
        kept: pins that stay where they can: uv keeps the versions in its output file.
        source: options of uv.
    """
    write_lines(folder / "requirements.in", packages)
    write_lines(folder / "company.in", company)
    write_lines(folder / "base.txt", list(base))
    write_lines(folder / "requirements.txt", list(kept))
    options = ("-c", "base.txt", "-o", "requirements.txt", *source)
    uv_compile(folder, "requirements.in", "company.in", *options)
    text = uv_compile(folder, "requirements.in", *options)  # again, without the others
    return re.sub("-c base.txt, |, -c base.txt", "", text)


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


def supports(wheels: Pylock, platform: Platform, pythons: list[str]) -> bool:
    """Return whether all packages have a wheel for a platform, on every Python."""
    try:
        for python in pythons:
            list(select(wheels, platform, python))
    except PylockSelectError:
        return False
    return True


def choose(wheels: Pylock, pythons: list[str] = PYTHONS) -> tuple[str, list[Row]]:
    """Return a version of Python and the wheels that Linux x86-64 installs on it.

    Wheels that only another Python needs follow.
    """
    for python in pythons:
        try:
            rows = list(select(wheels, PLATFORMS[LINUX], python))
            break
        except PylockSelectError as error:
            reason = error
    else:
        sys.exit(str(reason))
    for other in pythons:
        names = {name for name, *_ in rows}
        rest = [package for package in wheels.packages if package.name not in names]
        rows += select(replace(wheels, packages=rest), PLATFORMS[LINUX], other)
    return python, rows


def weigh(wheel: PackageWheel) -> dict[str, int]:
    """Return the compressed and installed size of a wheel, from its zip directory."""
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
    """Return the size of a file that its index does not give."""
    response = requests.head(url, allow_redirects=True, timeout=60)
    response.raise_for_status()
    return int(response.headers["Content-Length"])


def weigh_all(rows: Iterable[Row]) -> dict[str, dict[str, int]]:
    """Return the sizes of each wheel, by URL."""
    wheels = {wheel.url: wheel for *_, wheel in rows}
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(wheels, pool.map(weigh, wheels.values())))


def with_sizes(rows: list[Row], weights: dict[str, dict]) -> dict[str, dict]:
    """Return version and sizes of each package, by its name."""
    return {
        package: {"version": Version(version).public, **weights[wheel.url]}
        for package, version, wheel in rows
    }


def header(platforms: list[str], pythons: list[str], index: str) -> str:
    """Return the header of a lock, with the line for an extra index."""
    options = index and f"--index-strategy unsafe-best-match --emit-index-url {index} "
    oldest = min(pythons, key=Version)
    text = HEADER.format(
        pythons=" to ".join(dict.fromkeys([oldest, max(pythons, key=Version)])),
        oldest=oldest,
        platforms=", ".join(platforms),
        options=options,
    )
    return text + (index and f"{index}\n")


@dataclass(frozen=True)
class Locked:
    """A lock file, and the wheels in it that Linux x86-64 installs on a version of Python."""

    text: str
    python: str
    rows: list[Row]

    def sizes(self, weights: dict[str, dict]) -> str:
        """Return the JSON with the sizes of the packages."""
        facts = {
            "python": self.python,
            "platform": LINUX.lower(),
            "as_of": datetime.date.today().isoformat(),
            "packages": with_sizes(self.rows, weights),
        }
        return json.dumps(facts, indent=2) + "\n"


@dataclass(frozen=True)
class Locker:
    """Locks sets of packages that have one version of Gradio and of PyTorch.

    kept: the pins of the sets that are not locked again, which the others follow.
    """

    work: Path
    links: str | None
    kept: Pins

    @cached_property
    def company(self) -> list[str]:
        """Requirements that a Space adds to a set."""
        requirements = COMMON
        return [line.format(self._version("gradio", requirements)) for line in SPACES]

    @cached_property
    def torch_source(self) -> list[str]:
        """The options of uv for PyTorch's CPU wheels."""
        if self.links:
            return ["--find-links", str(Path(self.links).resolve())]
        return ["--index", TORCH_INDEX, "--index-strategy", "unsafe-best-match"]

    @cached_property
    def torch(self) -> str:
        """The pin of PyTorch, one for every hardware class: the newest that all take."""
        source = ["--default-index", TORCH_INDEX]
        if self.links:
            source = ["--no-index", *self.torch_source]
        last = max(TAKEN["torch"], key=Version)
        found = self._version("torch", [f"torch<={last}"], "--no-deps", *source)
        if found not in TAKEN["torch"]:
            sys.exit(f"torch {found}: ZeroGPU takes {', '.join(TAKEN['torch'])}")
        return f"torch=={found}"

    def _version(self, package: str, requirements: list[str], *source: str) -> str:
        kept = (version(pin) for pin in self.kept if Requirement(pin).name == package)
        return next(kept, None) or newest(self.work, package, requirements, *source)

    def lock(self, name: str, packages: list[str], base: str, beside: str = "") -> Locked:
        """Lock packages in one set with what every project requires.

        Args:
            name: what to call it in messages.
            packages: the requirements.
            base: the framework and hardware class that they are for.
            beside: the lock file of that base, if they are to be added to it.
        """
        folder = self.work / name
        folder.mkdir()
        index, source, pin = "", [], ""
        if "torch" in packages:
            pin = self.torch
            if base.endswith("-cpu"):
                index, source = f"--extra-index-url {TORCH_INDEX}", self.torch_source
                pin = f"{self.torch}+cpu"
        wanted = [pin if package == "torch" else package for package in packages]
        wanted = [*COMMON, *wanted]
        text = lock(folder, wanted, self.company, locks.parse(beside), self.kept, *source)
        pythons = OLDER.get(base.rpartition("-")[0], PYTHONS)
        python, rows = choose(wheels_of(folder, text, *source), pythons)
        if source:
            # Where a CPU build exists pip prefers it, for a local version ranks higher;
            # macOS has none, so the local part must not be asked for; torchvision has one too.
            text = re.sub(r"(==[\d.]+)\+cpu", r"\1    ", text)
        wheels = wheels_of(folder, text)
        fit = [title for title, p in PLATFORMS.items() if supports(wheels, p, pythons)]
        print(f"{name}: {', '.join(fit)}", file=sys.stderr)
        if LINUX not in fit:
            sys.exit(f"{name}: a wheel for {LINUX} is missing")
        return Locked(header(fit, pythons, index) + text, python, rows)

    def lock_extra(self, extra: str, packages: list[str], base: str, text: str) -> Locked:
        """Lock an extra together with a base; return what it adds."""
        full = self.lock(f"{extra}.{base}", [*packages, extra], base, text)
        pins = locks.parse(text)
        more = {pin: via - pins.get(pin, set()) for pin, via in locks.parse(full.text).items()}
        added = locks.render({pin: via for pin, via in more.items() if via})
        if locks.merge(text, added) != full.text:
            sys.exit(
                f"{extra} beside {base} needs other markers or platforms, and an extra can only "
                "add packages. Take it out of EXTRAS in local_extensions/locks.py: what requires "
                "it is then locked as a set of its own."
            )
        names = {Requirement(pin).name for pin in locks.parse(added)}  # other bases lack more
        rows = [row for row in full.rows if row[0] in names]
        return Locked(added, full.python, rows)


def plan() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the requirements of each base, and the bases that each extra is for."""
    bases: dict[str, list[str]] = {}
    extras: dict[str, list[str]] = {}
    for framework, requirements in FRAMEWORKS.items():
        for hardware, packages in requirements.items():
            base, more = locks.split(requirements, hardware)
            name = f"{framework}-{base}"
            bases[name] = [package for package in packages if package not in more]
            for extra in more:
                extras.setdefault(extra, []).append(name)
    for framework, facts in FACTS.items():  # what some of its models need
        beside = [name for name in bases if name.rpartition("-")[0] == framework]
        extras |= dict.fromkeys(facts.get("extras", ()), beside)
    for host in HOSTS:  # what some platforms need
        extras |= {package: [*bases] for package in host.get("requirements", ())}
    return bases, extras


def lock_all(work: Path, links: str | None, only: str | None) -> dict[str, Locked | None]:
    """Lock every set, or those of one name; return them, and None for locks to delete."""
    bases, extras = plan()
    groups = {  # a framework has the locks of its older versions, too
        base: {base, variant, name}
        for name, facts in FACTS.items()
        for variant in variants(name, facts)
        for base in bases
        if base.rpartition("-")[0] == variant
    }
    again = [base for base in bases if only in (None, *groups[base])]
    if not again and only not in map(locks.package, extras):
        names = sorted({*map(locks.package, extras)}.union(*groups.values()))
        sys.exit(f"ONLY={only} is not among {', '.join(names)}.")
    old = {path: path.read_text("utf-8") for path in TARGET.rglob("*.txt")} if only else {}
    stay = [path for path in old if {*again, only}.isdisjoint(path.stem.split("."))]
    locker = Locker(work, links, locks.parse("".join(old[path] for path in stay)))

    new: dict[str, Locked | None] = {}
    for base in again:
        new[base] = locker.lock(base, bases[base], base)
    for extra, beside in extras.items():
        package = locks.package(extra)
        texts = {
            base: new[base].text if base in new else old[TARGET / f"{base}.txt"]
            for base in beside
            if base in again or package == only
        }
        own = {b: locker.lock_extra(extra, bases[b], b, text) for b, text in texts.items()}
        name = f"extras/{package}"
        if only in (None, package):
            new[name] = max(own.values(), key=lambda added: len(added.text))
        shared = new[name].text if name in new else old.get(TARGET / f"{name}.txt", "")
        for base, added in own.items():
            same = locks.merge(texts[base], shared) == locks.merge(texts[base], added.text)
            new[f"{name}.{base}"] = None if same else added
    return new


def write_locks(work: Path, links: str | None, only: str | None) -> None:
    """Lock the sets, weigh them, and write the files."""
    new = lock_all(work, links, only)
    weights = weigh_all(row for locked in new.values() if locked for row in locked.rows)
    files = {}
    for name, locked in new.items():
        files[f"{name}.txt"] = locked and locked.text
        files[f"{name}.json"] = locked and locked.sizes(weights)
    if not only:
        write_lines(work / "dev.in", ["pytest"])
        constraints = [f"--constraint={path}" for path in sorted(work.glob("*/locked.txt"))]
        files["dev.txt"] = uv_compile(work, "dev.in", "--no-annotate", *constraints)
        shutil.rmtree(TARGET, ignore_errors=True)
    (TARGET / "extras").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if text:
            (TARGET / name).write_text(text)
        else:
            (TARGET / name).unlink(missing_ok=True)


def total(packages: dict[str, dict]) -> dict[str, int]:
    """Return the total sizes of packages."""
    rows = packages.values()
    return {part: sum(row[part] for row in rows) for part in ("wheel", "installed", "bytecode")}


def lighter(work: Path, sets: dict[str, dict], known: dict[str, dict]) -> dict[str, dict]:
    """Return the lighter builds with their sizes: as locked, as known, or the newest."""
    sizes = dict(known)
    for name, locked in sets.items():
        if name.endswith("-cpu"):
            sizes |= locked["packages"]
    missing = sorted({use for use, _ in LIGHTER.values()} - sizes.keys())
    if missing:
        # Without the marker uv would take versions that the oldest Python has, too.
        text = "".join(f"{use} ; python_version >= '{PYTHONS[0]}'\n" for use in missing)
        _, rows = choose(wheels_of(work, text))
        sizes |= with_sizes(rows, weigh_all(rows))
    return {
        name: {"drop": drop, "packages": {use: sizes[use]}} for name, (use, drop) in LIGHTER.items()
    }


def write_packages(work: Path, only: str | None) -> None:
    """Write what the package ml_ui knows about sizes; after one set, keep the other builds."""
    sets = {
        f"{framework}-{hardware}": locks.sizes(framework, *locks.split(requirements, hardware))
        for framework, requirements in FRAMEWORKS.items()
        for hardware in requirements
        if hardware not in locks.LIKE
    }
    known: dict[str, dict] = {}
    if only:
        for build in json.loads(PACKAGES.read_text("utf-8"))["lighter"].values():
            known |= build["packages"]
    facts = {
        "as_of": min(locked["as_of"] for locked in sets.values()),
        "python": PYTHONS[0],
        "platform": LINUX.lower(),
        "bytecode_per_source": BYTECODE_PER_SOURCE,
        "sets": {name: total(locked["packages"]) for name, locked in sorted(sets.items())},
        "lighter": lighter(work, sets, known),
    }
    PACKAGES.write_text(json.dumps(facts, indent=2) + "\n")


def main() -> None:
    """Lock the sets and write their sizes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only",
        metavar="NAME",
        help="a framework, a base (framework and hardware class) or an extra; others stay",
    )
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
            write_locks(Path(temporary), arguments.find_links, arguments.only)
        write_packages(Path(temporary), arguments.only)


if __name__ == "__main__":
    main()
