"""Will the project fit its platform? Computed before anything is pushed.

Exit status: 0 it fits, 1 it does not, 2 bad input or it cannot be told.

Limits and prices are in platforms.json, each with its source and date; what the
packages weigh in sizes.json; the project's platform in project.json. A new check is one
limit in platforms.json and one function of the same name in QUANTITIES.
"""

import argparse
import json
import os
import re
import sys
import textwrap
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

TOOLS = Path(__file__).resolve().parent
FACTS = json.loads((TOOLS / "platforms.json").read_text("utf-8"))
PLATFORMS, GITHUB = FACTS["platforms"], FACTS["repositories"]["github"]

# Of installed packages, gzip leaves 0.97 of what their wheels weigh and 0.355 of the
# bytecode (within 1.1 % of five sets that were measured); of Python 30 MB. Weights
# hardly compress at all.
GZIP_OF_WHEELS, GZIP_OF_BYTECODE, GZIP_OF_PYTHON = 0.97, 0.355, 30_000_000

# Bytes of bytecode for a byte of source, in five installed sets (Python 3.12).
BYTECODE_OF_SOURCES = 1.24

HALVABLE = {".onnx", ".pt", ".pt2", ".pth", ".safetensors", ".keras", ".h5"}


class BadInput(ValueError):
    """A question without an answer; its text is one sentence for the user."""


class Footprint(NamedTuple):
    """What a project weighs, in bytes.

    `packages` has for each name the bytes of "wheel", "installed" and "bytecode", or
    None if they are not recorded. `fetched` are weights downloaded at start, `pointers`
    are Git LFS pointers, which count as the files that they stand for.
    """

    weights: int = 0
    sources: int = 0
    largest_file: tuple[str, int] = ("", 0)
    packages: Mapping[str, dict | None] = {}
    fetched: int = 0
    pointers: tuple[str, ...] = ()
    on_github: bool = False

    def total(self, part: str) -> int:
        """Return the bytes of one part of all packages."""
        if missing := [name for name, sizes in self.packages.items() if not sizes]:
            raise BadInput(
                f"It cannot be told whether this fits: {', '.join(missing)} not in the "
                "recorded sizes (tools/sizes.json) in this version, nor installed here: "
                "run pip install -r requirements.txt first."
            )
        return sum(sizes[part] for sizes in self.packages.values())


def checkout(project: Footprint) -> dict[str, int]:
    """Return what is in the repository."""
    return {"weights": project.weights, "sources": project.sources}


def slug(project: Footprint) -> dict[str, int]:
    """Return what is in a compressed archive of the installed project."""
    wheels, bytecode = project.total("wheel"), project.total("bytecode")
    packages = round(GZIP_OF_WHEELS * wheels + GZIP_OF_BYTECODE * bytecode)
    return checkout(project) | {"packages": packages, "Python": GZIP_OF_PYTHON}


def installed(project: Footprint) -> dict[str, int]:
    """Return what the installed project adds to a machine that has Python."""
    packages = project.total("installed") + project.total("bytecode")
    return checkout(project) | {"packages": packages}


# What is compared with each limit, by its name: the parts of a sum.
QUANTITIES: dict[str, Callable[[Footprint], dict[str, int]]] = {
    "slug": slug,
    "checkout": checkout,
    "repository": checkout,
    "image": installed,
    "disk": installed,
}


class Check(NamedTuple):
    """One prediction, the sum of its parts, beside its limit; None is no limit."""

    name: str
    predicted: int
    limit: int | None
    unit: str
    fits: bool
    source: str
    as_of: str
    verified: bool
    written: str | None
    disputed: dict | None
    parts: dict[str, int]

    def as_lines(self, width: int) -> Iterator[str]:
        """Yield a bar, then the parts if they are too much, then the source."""
        if self.limit is None:
            yield f"{self.name:10} {size(self.predicted)}, no limit"
            return
        cells = width - 50
        used = min(cells, -(-cells * self.predicted // max(self.limit, 1)))
        total = f"{size(self.predicted)} of {size(self.limit)}"
        spare = size(abs(self.limit - self.predicted))
        spare = f"{spare} {'free' if self.fits else 'too much'}"
        yield f"{self.name:10} [{'#' * used:.<{cells}}] {total}, {spare}"
        if not self.fits:
            parts = sorted(self.parts.items(), key=lambda part: -part[1])
            sizes = (f"{name} {size(count)}" for name, count in parts if count)
            yield f"  = {' + '.join(sizes)}"
        days = (date.today() - date.fromisoformat(self.as_of)).days
        age = "over a year old" if days > 365 else f"{days} days old"
        doubt = "" if self.verified else ", UNVERIFIED"
        yield f"  {self.written}: {self.source} {self.as_of}, {age}{doubt}"
        if other := self.disputed:
            then = "fits too" if self.predicted <= other["bytes"] else "would not fit"
            yield f"  {self.written} is disputed: with {other['written']} it {then}"


class Report(NamedTuple):
    """The answer for one platform and hardware."""

    platform: str
    hardware: str
    fits: bool
    checks: tuple[Check, ...]
    ways_out: tuple[str, ...]
    notes: tuple[str, ...]

    def as_json(self) -> str:
        """Return the report as one JSON object."""
        checks = [check._asdict() for check in self.checks]
        return json.dumps(self._asdict() | {"checks": checks}, indent=2)

    def as_text(self, width: int = 80, colour: bool = False) -> str:
        """Return the report for a person, in at most 20 lines."""
        verdict = "it fits" if self.fits else "it does not fit"
        if colour:
            verdict = f"\x1b[{32 if self.fits else 31}m{verdict}\x1b[0m"
        lines = [f"{where(self.platform, self.hardware)}: {verdict}."]
        for check in self.checks:
            lines += check.as_lines(width)
        lines += ["What would fit:"] if self.ways_out else []
        for way in self.ways_out:
            lines += textwrap.wrap(f"- {way}", width, subsequent_indent="  ")
        for note in self.notes:
            lines += textwrap.wrap(f"Note: {note}", width)
        return "\n".join(lines if len(lines) <= 20 else [*lines[:19], "... (--json)"])


def size(count: int) -> str:
    """Write bytes for a person, 198 MB: M is 10^6."""
    power = next((p for p in range(4) if count < 999.5 * 1000**p), 4)
    return f"{count / 1000**power:.3g} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def parse_size(text: str) -> int:
    """Read 500M, 1GB or 1.5GiB as bytes: M and MB are 10^6, MiB is 2^20."""
    pattern = r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?(?:([KMGT])(I?)B?|B)"
    found = re.fullmatch(pattern, text.strip().upper())
    if not found:
        raise BadInput(f"{text!r} is not a size; write 500M, 1GB or 1.5GiB.")
    number, prefix, binary = found.groups()
    power = " KMGT".index(prefix or " ")
    return int(float(number) * (1024 if binary else 1000) ** power)


def price(tier: Mapping) -> str:
    """Write what a tier costs: free, $5/month, or what is noted where that is open."""
    if tier["price_usd"] is None:
        return tier["note"]
    dollars = f"${tier['price_usd']:.2f}/{tier['per']}".replace(".00/", "/")
    return dollars if tier["price_usd"] else "free"


def where(platform: str, hardware: str) -> str:
    """Name a platform and a tier with its price: Heroku, eco ($5/month)."""
    tier = PLATFORMS[platform]["hardware"][hardware]
    doubt = "" if tier["verified"] else ", UNVERIFIED"
    return f"{PLATFORMS[platform]['title']}, {hardware} ({price(tier)}{doubt})"


def pick(kind: str, value: str, known: Iterable[str]) -> str:
    """Return a value that is known, or say which are and which may be meant."""
    if value in (known := list(known)):
        return value
    import difflib  # not needed by those who spell well

    near = difflib.get_close_matches(value, known, 1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    raise BadInput(f"Unknown {kind} {value!r}{meant}; known: {', '.join(known)}.")


def check(
    platform: str, hardware: str | None, project: Footprint, limits: Mapping = {}
) -> Report:
    """Compare a project with a platform's limits, some of them replaced by name."""
    tiers = PLATFORMS[pick("platform", platform, PLATFORMS)]["hardware"]
    hardware = pick(f"{platform} hardware", hardware or next(iter(tiers)), tiers)
    checks = tuple(_checks(platform, project, limits))
    fits = all(check.fits for check in checks)
    ways = () if fits else tuple(_ways_out(platform, hardware, project, limits))
    notes = tuple(_notes(platform, hardware, project))
    return Report(platform, hardware, fits, checks, ways, notes)


def _limits(platform: str, kind: str) -> dict[str, dict]:
    """Return the limits of a kind that something is predicted for, by name."""
    limits = [x for x in PLATFORMS[platform]["limits"] if x["kind"] == kind]
    return {x["name"]: x for x in limits if x["name"] in QUANTITIES}


def _checks(platform: str, project: Footprint, own: Mapping) -> Iterator[Check]:
    limits = _limits(platform, "refuse")
    for name, count in own.items():
        told = {"bytes": count, "written": size(count), "source": f"--limit {name}"}
        told |= {"as_of": date.today().isoformat(), "verified": True}
        limits[pick(f"{platform} limit", name, limits)] = told
    for name, facts in limits.items():
        parts, limit = QUANTITIES[name](project), facts["bytes"]
        predicted = sum(parts.values())
        fits = limit is None or predicted <= limit
        keys = ("source", "as_of", "verified", "written", "disputed")
        told = {key: facts.get(key) for key in keys}
        yield Check(name, predicted, limit, "bytes", fits, parts=parts, **told)


def _ways_out(
    asked: str, hardware: str, project: Footprint, own: Mapping
) -> Iterator[str]:
    """Yield what would fit: other ways to carry the weights, then other platforms."""
    gpu = PLATFORMS[asked]["hardware"][hardware]["class"] == "gpu"
    for place in sorted(PLATFORMS, key=lambda place: place != asked):
        if place != asked and not PLATFORMS[place]["public"]:
            continue
        tiers = PLATFORMS[place]["hardware"]
        for change, variant in _variants(project):
            # Wherever weights come from, they are loaded into memory.
            need = variant.weights + variant.fetched
            able = [
                name
                for name in sorted(tiers, key=lambda name: name != hardware)
                if need <= (tiers[name]["ram_bytes"] or need)
                and (tiers[name]["class"] == "gpu" or not gpu)
            ]
            if able and _fits(place, variant, own if place == asked else {}):
                yield f"Use {where(place, able[0])}{change}."
                if place != asked:
                    break


def _fits(platform: str, project: Footprint, own: Mapping) -> bool:
    try:
        return all(check.fits for check in _checks(platform, project, own))
    except BadInput:  # it cannot be told
        return False


def _variants(project: Footprint) -> Iterator[tuple[str, Footprint]]:
    """Yield ways to carry the weights, and what the project weighs then."""
    yield "", project
    if Path(project.largest_file[0]).suffix in HALVABLE:
        half = project._replace(weights=project.weights // 2)
        yield ", with the weights in half precision, if they are float32 now", half
    hub = project._replace(weights=0, fetched=project.weights)
    yield ", with the weights in a model repository on the Hub, fetched at start", hub


def _notes(platform: str, hardware: str, project: Footprint) -> Iterator[str]:
    """Yield what to know beside the checks."""
    tier = PLATFORMS[platform]["hardware"][hardware]
    rules = PLATFORMS[platform]["rules"]
    if tier["note"] and tier["note"] not in where(platform, hardware):
        yield f"{hardware}: {tier['note']}."
    lfs = "".join(f" {rule['what']}" for rule in rules if rule["name"] == "lfs")
    for name in project.pointers:
        yield f"{name} is a Git LFS pointer, counted as what it stands for.{lfs}"
    hards = _limits(platform, "refuse")
    for name, limit in _limits(platform, "warn").items():
        predicted, hard = sum(QUANTITIES[name](project).values()), hards[name]["bytes"]
        if limit["bytes"] < predicted <= hard:
            doubt = "" if limit["verified"] else " (unverified)"
            yield f"{name} is over {limit['written']}{doubt}: {limit['what']}."
    name, largest = project.largest_file
    passed = [limit for limit in GITHUB["limits"] if limit["bytes"] < largest]
    if passed and project.on_github and name not in project.pointers:
        yield f"{name} is over {passed[0]['written']}: {passed[0]['what']}.{lfs}"


def footprint(folder: Path) -> Footprint:
    """Weigh the project in a folder: all that would be pushed, and its packages."""
    weights, sources, largest, pointers = 0, 0, ("", 0), []
    for path in _pushed(folder):
        name, (count, is_pointer) = path.relative_to(folder).as_posix(), _weigh(path)
        pointers += [name] if is_pointer else []
        largest = max(largest, (name, count), key=lambda file: file[1])
        if name.startswith("model/"):
            weights += count
        else:
            sources += count
    sizes = _read(folder / "tools" / "sizes.json")["packages"]
    pins = _pins((folder / "requirements.txt").read_text("utf-8"), sizes)
    github = (folder / ".github").is_dir()
    packages = _weighed(pins, sizes)
    return Footprint(weights, sources, largest, packages, 0, tuple(pointers), github)


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
    sizes = {
        "version": package.version,
        "wheel": sum(_deflated(path, count) for path, count in files.items()),
        "installed": sum(files.values()),
        "bytecode": round(BYTECODE_OF_SOURCES * sources),
    }
    needed = (
        line for line in package.requires or () if not re.search(r"extra *==", line)
    )
    return sizes, {_normalized(re.match(r"[\w.-]+", line)[0]) for line in needed}


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _deflated(path: Path, count: int) -> int:
    """Return what a file weighs in a wheel; of a large one, from a sample of it."""
    block, blocks = 1 << 16, 64
    with open(path, "rb") as file:
        if count <= block * blocks:
            return len(zlib.compress(file.read()))
        sample = 0
        for n in range(blocks):
            file.seek((count - block) * n // (blocks - 1))
            sample += len(zlib.compress(file.read(block)))
        return count * sample // (block * blocks)


def _pushed(folder: Path) -> Iterator[Path]:
    """Yield the files that git would take, or all but hidden folders and caches."""
    if (folder / ".git").exists():
        import subprocess  # slow to import, and not needed before there is a repository

        command = ["git", "ls-files", "-zco", "--exclude-standard"]
        git = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        if git.returncode == 0:
            names = os.fsdecode(git.stdout).split("\0")
            paths = {folder / name for name in names if name}
            yield from (path for path in paths if path.is_file() or path.is_symlink())
            return
    for root, folders, names in os.walk(folder):
        skipped = ("__pycache__", "venv", "node_modules")
        folders[:] = [n for n in folders if n not in skipped and not n.startswith(".")]
        yield from (Path(root, name) for name in names)


def _weigh(path: Path) -> tuple[int, bool]:
    """Return the bytes of a file, and whether it is a Git LFS pointer to them."""
    count = path.stat().st_size
    pattern = rb"version https://git-lfs.github.com/spec/.*^size (\d+)"
    text = path.read_bytes() if count < 1024 else b""
    pointer = re.match(pattern, text, re.DOTALL | re.MULTILINE)
    return (int(pointer[1]), True) if pointer else (count, False)


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: {error}.") from None


def main(arguments: list[str] | None = None) -> int:
    """Answer on the terminal; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--platform", help=", ".join(PLATFORMS))
    parser.add_argument("--hardware", help="a tier of the platform, such as cpu-basic")
    limit = {"metavar": "NAME=SIZE", "action": "append", "default": []}
    parser.add_argument("--limit", help="such as slug=500M", **limit)
    parser.add_argument("--json", help="print one JSON object", action="store_true")
    options = parser.parse_args(arguments)
    try:
        own = _read(TOOLS / "project.json")
        platform = options.platform or own.get("platform", "")
        hardware = options.hardware
        if platform == own.get("platform"):
            hardware = hardware or own.get("hardware")
        given = (limit.partition("=") for limit in options.limit)
        limits = {name: parse_size(text) for name, _, text in given}
        report = check(platform, hardware, footprint(TOOLS.parent), limits)
    except (BadInput, OSError) as error:
        print(f"preflight: {error}", file=sys.stderr)
        return 2
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(report.as_json() if options.json else report.as_text(colour=colour))
    return 0 if report.fits else 1


if __name__ == "__main__":
    sys.exit(main())
