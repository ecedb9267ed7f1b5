"""Parse requirements.txt and weigh its packages, as recorded or installed here."""

import ast
import operator
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from .. import __version__
from .footprint import GZIP_OF_WHEELS, LARGE, PACKAGES, BadInput, Sizes, gzipped

# Size after zlib's level 6 relative to level 1, for the small files of installed
# packages: they are many, but only a tenth of the whole.
LEVEL_6_OF_LEVEL_1 = 0.88

PACKAGE = Path(__file__).resolve().parent.parent  # ml_ui

PIN = r"([\w.-]+)(?:\[.*\])? *== *([\w.!-]+)(?:\+[\w.]+)? *(?:;(.*))?"
URL = r"([\w.-]+)(?:\[.*\])? *@ *(https?://[^\s;]+)(?: +;(.*))?"
WHEEL = r"[\w.]+-([\w.!]+)(?:\+[\w.]+)?(?:-\d\w*)?-[\w.]+-[\w.]+-[\w.]+\.whl"

COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, other: one in other,
    ast.NotIn: lambda one, other: one not in other,
}

Pins = Mapping[str, list[str]]  # versions by name


def weigh(
    text: str, python: str, recorded: Mapping[str, Sizes]
) -> tuple[str, dict[str, Sizes | None]]:
    """Return the sizes of the packages in a requirements.txt.

    Args:
        text: its content.
        python: the version of Python that the project is for.
        recorded: sizes by name, each with the version that they are of.

    Returns:
        The version of Python that the sizes are for: this interpreter's, if only its
        packages are all known, else the project's; and the sizes by name, None where
        they are not known.

    Raises:
        BadInput: a line has neither a version nor the URL of a wheel.
    """
    weighed = {}
    for version in (python, f"{sys.version_info[0]}.{sys.version_info[1]}"):
        weighed[version] = _weighed(pins(text, version), recorded)
        if all(weighed[version].values()):
            return version, weighed[version]
    return python, weighed[python]


def pins(text: str, python: str) -> dict[str, list[str]]:
    """Return the versions of each package in a requirements.txt that Linux installs."""
    versions: dict[str, list[str]] = {}
    odd = []
    for line in text.replace("\\\n", " ").splitlines():
        line = re.sub(r"(^|\s)#.*|\s--hash.*", "", line).strip()
        if not line or re.match(r"--?[a-z-]*(index|find-links)", line):
            continue
        found = re.fullmatch(PIN, line) or re.fullmatch(URL, line)
        version = found and (found[2] if "://" not in found[2] else _of_wheel(found[2]))
        if not found or not version:
            odd.append(repr(line))
        elif not found[3] or _applies(found[3], python):
            versions.setdefault(_normalized(found[1]), []).append(version)
    if odd:
        raise BadInput(
            f"requirements.txt: {', '.join(odd)} is neither NAME==VERSION nor NAME @ "
            "URL of a wheel, so its size is not known: name it in requirements.in and "
            "lock that again, or install it from a wheel."
        )
    return versions


def _of_wheel(url: str) -> str | None:
    """Return the version in the URL of a wheel; None if it is not one."""
    name = url.partition("#")[0].partition("?")[0].rpartition("/")[2]
    found = re.fullmatch(WHEEL, name.replace("%2B", "+"))
    return found and found[1]


def _applies(marker: str, python: str) -> bool:
    """Return whether a marker holds on Linux x86-64 and a version of Python.

    A marker is an expression in Python's own grammar, with strings.
    """
    here = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
    try:
        return _holds(ast.parse(marker.strip(), mode="eval").body, here)
    except (SyntaxError, ValueError, KeyError, RecursionError, MemoryError):
        return True  # count it rather than miss it


def _holds(node: ast.expr, here: Mapping[str, str]) -> bool:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_holds(each, here) for each in values)
        case ast.BoolOp(op=ast.Or(), values=values):
            return any(_holds(each, here) for each in values)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            versions = "python" in getattr(left, "id", getattr(right, "id", ""))
            one, other = (_value(each, here) for each in (left, right))
            compare = COMPARISONS[type(op)]
            if versions and not isinstance(op, (ast.In, ast.NotIn)):
                return compare(_numbers(one), _numbers(other))
            return compare(one, other)
    raise ValueError(f"not a marker: {ast.unparse(node)}")


def _value(node: ast.expr, here: Mapping[str, str]) -> str:
    if isinstance(node, ast.Name):
        return here[node.id]
    if isinstance(node, ast.Constant):
        return str(node.value)
    raise ValueError(f"not a value: {ast.unparse(node)}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _weighed(pins: Pins, recorded: Mapping[str, Sizes]) -> dict[str, Sizes | None]:
    """Return the size of each package: as recorded, else as it is installed here.

    An installed package brings those that it requires, unless they are pinned.
    """
    weighed: dict[str, Sizes | None] = {}
    todo = dict(pins)
    while todo:
        name, versions = todo.popitem()
        sizes: Sizes | None = recorded.get(name)
        if not sizes or sizes["version"] not in versions:
            sizes, required = _installed(name, versions)
            todo |= {each: [] for each in required if each not in {*weighed, *pins}}
        if sizes or name in pins:
            weighed[name] = sizes
    return weighed


def _installed(name: str, versions: list[str]) -> tuple[Sizes | None, set[str]]:
    """Return the sizes of an installed package, and the names that it requires."""
    if name == "ml-ui" and versions == [__version__]:
        # This package itself, vendored or installed. The lock has what it requires.
        return _sizes(__version__, PACKAGE.rglob("*")), set()
    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None, set()
    if versions and package.version.partition("+")[0] not in versions:
        return None, set()
    files = {Path(str(package.locate_file(file))) for file in package.files or ()}
    needed = (
        line for line in package.requires or () if not re.search(r"extra *==", line)
    )
    names = {_normalized(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in needed}
    return _sizes(package.version, files), names


def _sizes(version: str, paths: Iterable[Path]) -> Sizes:
    """Return the sizes of a package with these files."""
    files = {p: p.stat().st_size for p in paths if p.suffix != ".pyc" and p.is_file()}
    sources = sum(count for path, count in files.items() if path.suffix == ".py")
    factor = PACKAGES["bytecode_per_source"][PACKAGES["python"]]
    left = sum(_deflated(path, count) for path, count in files.items())
    return {
        "version": version,
        "wheel": round(left / GZIP_OF_WHEELS),
        "installed": sum(files.values()),
        "bytecode": round(factor * sources),
    }


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _deflated(path: Path, count: int) -> float:
    """Return the size of a file after gzip; for a large one, from a sample."""
    if count >= LARGE:
        return count * gzipped(path, max(count >> 6, 1 << 19))
    return len(zlib.compress(path.read_bytes(), 1)) * LEVEL_6_OF_LEVEL_1
