"""Weigh what a requirements.txt installs: as it is recorded, or as it is installed here."""

import ast
import operator
import re
import sys
import zlib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from .footprint import GZIP_OF_WHEELS, LARGE, PACKAGES, BadInput, gzipped

# What the usual level of compression leaves of what the fastest leaves, in installed
# packages: small files are many, and a tenth of the whole.
LEVEL_6_OF_LEVEL_1 = 0.88

COMPARISONS = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.In: lambda one, other: one in other,
    ast.NotIn: lambda one, other: one not in other,
}  # fmt: skip


def weigh(
    text: str, python: str, recorded: Mapping
) -> tuple[str, dict[str, dict | None]]:
    """Weigh the packages of a requirements.txt.

    Args:
        text: what is in it.
        python: the version of Python that the project is for.
        recorded: sizes by name, each with the version that they are of.

    Returns:
        The version of Python that the sizes are for, another only if its packages are
        installed here and those of the project's are not; and the sizes in bytes, by
        name, None where they are not known.

    Raises:
        BadInput: a line does not pin a version.
    """
    weighed = {}
    for version in (python, f"{sys.version_info[0]}.{sys.version_info[1]}"):
        weighed[version] = _weighed(_pins(text, version), recorded)
        if all(weighed[version].values()):
            return version, weighed[version]
    return python, weighed[python]


def _pins(text: str, python: str) -> dict[str, list[str]]:
    """Return the versions of each package in a requirements.txt that Linux takes."""
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
        if not marker or _applies(marker, python):
            pins.setdefault(_normalized(name), []).append(version)
    if odd:
        raise BadInput(
            f"requirements.txt: {', '.join(odd)} is not NAME==VERSION, so what it weighs "
            "cannot be told: name it in requirements.in and lock that again."
        )
    return pins


def _applies(marker: str, python: str) -> bool:
    """Tell whether an environment marker holds on Linux x86-64 and a version of Python.

    A marker is an expression of Python's own grammar, in strings.
    """
    here = {
        "implementation_name": "cpython", "os_name": "posix", "platform_machine": "x86_64",
        "platform_python_implementation": "CPython", "platform_system": "Linux",
        "python_full_version": f"{python}.0", "python_version": python,
        "sys_platform": "linux",
    }  # fmt: skip
    try:
        return _holds(ast.parse(marker.strip(), mode="eval").body, here)
    except (SyntaxError, ValueError, KeyError):
        return True  # rather counted than forgotten


def _holds(node: ast.expr, here: Mapping[str, str]) -> bool:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_holds(each, here) for each in values)
        case ast.BoolOp(op=ast.Or(), values=values):
            return any(_holds(each, here) for each in values)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            versions = "python" in getattr(left, "id", getattr(right, "id", ""))
            one, other = (
                each.value if isinstance(each, ast.Constant) else here[each.id]
                for each in (left, right)
            )
            if versions and not isinstance(op, (ast.In, ast.NotIn)):
                one, other = (tuple(map(int, each.split("."))) for each in (one, other))
            return COMPARISONS[type(op)](one, other)
    raise ValueError(f"no marker: {ast.unparse(node)}")


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
    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None, set()
    if versions and package.version.partition("+")[0] not in versions:
        return None, set()
    paths = {Path(package.locate_file(file)) for file in package.files or ()}
    files = {p: p.stat().st_size for p in paths if p.suffix != ".pyc" and p.is_file()}
    sources = sum(count for path, count in files.items() if path.suffix == ".py")
    left = sum(_deflated(path, count) for path, count in files.items())
    factor = PACKAGES["bytecode_per_source"][PACKAGES["python"]]
    sizes = {
        "version": package.version,
        "wheel": round(left / GZIP_OF_WHEELS),
        "installed": sum(files.values()),
        "bytecode": round(factor * sources),
    }
    needed = (
        line for line in package.requires or () if not re.search(r"extra *==", line)
    )
    return sizes, {_normalized(re.match(r"[\w.-]+", line)[0]) for line in needed}


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _deflated(path: Path, count: int) -> float:
    """Return what gzip leaves of a file: of a large one, from a sample of it."""
    if count >= LARGE:
        return count * gzipped(path, max(count >> 6, 1 << 19))
    return len(zlib.compress(path.read_bytes(), 1)) * LEVEL_6_OF_LEVEL_1
