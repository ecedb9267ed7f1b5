"""Locked requirements and their sizes: a base for each framework and hardware class, and extras.

`requirements/<framework>-<hardware>` is a base, with the framework's newest version; a file
that an older one saved may need that one, in `<framework>-<version>-<hardware>`. `requirements/extras/<name>` has only the pins
that an extra adds to any base, `requirements/extras/<name>.<framework>-<hardware>` the pins for
one base, where they differ. Both are written by scripts/lock.py, which imports this module
too: it must use only the standard library.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

LOCKS = Path(__file__).resolve().parent.parent / "templates" / "requirements"
PYTHONS = ("3.12", "3.13", "3.11")  # that projects can be generated for, the default first
# The requirements that are locked as extras.
EXTRAS = {"spaces", "torchvision", "timm", "ray[serve]"}

# A class with the locks of another: beside a page without a server is the app in Python.
LIKE = {"browser": "cpu"}

Classes = Mapping[str, list[str]]  # requirements, by class of hardware
Pins = dict[str, set[str]]  # a pinned requirement with its marker: what requires it


def variants(
    name: str, requirements: Classes, versions: Mapping[str, Mapping[str, Any]]
) -> dict[str, Classes]:
    """Return the requirements of a framework and of its older versions, by name of the lock.

    Args:
        name: of the framework.
        requirements: of its newest version, its own package first.
        versions: the older ones, each "with" further requirements.
    """
    older = {
        f"{name}-{version}": {
            hardware: [f"{package}=={version}.*", *facts.get("with", ()), *rest]
            for hardware, (package, *rest) in requirements.items()
        }
        for version, facts in versions.items()
    }
    return {name: requirements, **older}


def split(requirements: Classes, hardware: str) -> tuple[str, list[str]]:
    """Split the requirements of a hardware class into the class of its base, and extras.

    Args:
        requirements: of a framework, by hardware class.
        hardware: the class.
    """
    hardware = LIKE.get(hardware, hardware)
    extras = [each for each in requirements[hardware] if each in EXTRAS]
    rest = [each for each in requirements[hardware] if each not in EXTRAS]
    alike = [name for name, packages in requirements.items() if packages == rest]
    same = [name for name in alike if name not in LIKE]
    # The last: PyTorch's are the same for CPU and GPU, and ZeroGPU has a GPU.
    return (same[-1] if extras and same else hardware), extras


def requirements(framework: str, hardware: str, extras: Iterable[str] = ()) -> str:
    """Return the requirements.txt of a base and extras: their pins, sorted by name."""
    return merge(*(path.read_text("utf-8") for path in _files(framework, hardware, extras, "txt")))


def sizes(framework: str, hardware: str, extras: Iterable[str] = ()) -> dict[str, Any]:
    """Return the package sizes of a base and extras, with the oldest date."""
    paths = _files(framework, hardware, extras, "json")
    base, *more = (json.loads(path.read_text("utf-8")) for path in paths)
    for added in more:
        base["as_of"] = min(base["as_of"], added["as_of"])
        base["packages"] |= added["packages"]
    return base


def _files(framework: str, hardware: str, extras: Iterable[str], suffix: str) -> Iterator[Path]:
    base = f"{framework}-{hardware}"
    yield LOCKS / f"{base}.{suffix}"
    for extra in map(package, extras):
        own = LOCKS / "extras" / f"{extra}.{base}.{suffix}"
        yield own if own.exists() else LOCKS / "extras" / f"{extra}.{suffix}"


def package(requirement: str) -> str:
    """Return the package of a requirement: ray of ray[serve]."""
    return requirement.partition("[")[0]


def merge(base: str, *extras: str) -> str:
    """Merge the lock file of a base with those of extras."""
    pins = parse(base)
    for extra in extras:
        for pin, sources in parse(extra).items():
            pins.setdefault(pin, set()).update(sources)
    header = [line for line in base.splitlines() if line.startswith(("#", "--"))]
    return "".join(f"{line}\n" for line in header) + render(pins)


def parse(text: str) -> Pins:
    """Return the pins of a lock file, without its header."""
    pins = {}
    for line in text.splitlines():
        if not line.startswith(("#", "--")):
            pin, _, sources = line.partition(" # via ")
            pins[pin.rstrip()] = set(sources.split(", "))
    return pins


def render(pins: Pins) -> str:
    """Return the lines of a lock file for these pins, as uv writes them."""
    lines = []
    for pin in sorted(pins, key=lambda pin: pin.partition("==")[0]):
        sources = sorted(pins[pin], key=lambda source: (source.startswith("-r"), source))
        lines.append(f"{pin:24}  # via {', '.join(sources)}\n")
    return "".join(lines)
