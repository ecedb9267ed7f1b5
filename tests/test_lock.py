"""The locked sets and their sizes agree with each other and with the catalog."""

import json
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "templates" / "requirements"
TOOLS = ROOT / "{{cookiecutter.project_slug}}" / "tools"
PACKAGES = json.loads((TOOLS / "fit" / "packages.json").read_text())
PYTHONS = json.loads((ROOT / "cookiecutter.json").read_text("utf-8"))["python_version"]
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
CATALOG = json.loads((ROOT / "catalog.json").read_text())
SETS = {
    f"{framework}-{hardware}": packages
    for framework, data in CATALOG["frameworks"].items()
    for hardware, packages in data["requirements"].items()
}


def environment(python):
    """What environment markers see on Linux x86-64."""
    return {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }


def locked(name):
    """The requirements in a locked file."""
    lines = (FOLDER / f"{name}.txt").read_text().splitlines()
    lines = [line.split("#")[0].strip() for line in lines if line[:2] != "--"]
    return [Requirement(line) for line in lines if line]


def installed(name, python):
    """Name and version of each package that Linux x86-64 installs."""
    versions = {}
    for line in locked(name):
        if line.marker is None or line.marker.evaluate(environment(python)):
            assert line.name not in versions, "locked twice"
            versions[line.name] = str(line.specifier).removeprefix("==")
    return versions


def sizes(name):
    """The sizes that go with a locked file."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def test_files():
    expected = {f"{name}{suffix}" for name in SETS for suffix in (".txt", ".json")}
    assert {path.name for path in FOLDER.iterdir()} == expected | {"dev.txt"}


@pytest.mark.parametrize("name", [*SETS, "dev"])
def test_every_version_is_pinned(name):
    assert locked(name)
    for line in locked(name):
        (pin,) = line.specifier
        assert (pin.operator, line.url, "*" in pin.version) == ("==", None, False)
        assert "+" not in pin.version, "a local version is not on every platform"


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_holds_what_the_catalog_asks_for(name, python):
    asked = map(Requirement, [*CATALOG["requirements"], *SETS[name]])
    env = environment(python)
    needed = {r.name for r in asked if r.marker is None or r.marker.evaluate(env)}
    assert needed <= installed(name, python).keys()


@pytest.mark.parametrize("name", SETS)
def test_sizes(name):
    data = sizes(name)
    versions = {package: row["version"] for package, row in data["packages"].items()}
    needed = {}
    for python in (*PYTHONS, data["python"]):  # the sizes are of the last one's versions
        needed |= installed(name, python)
    assert versions == needed
    assert data["platform"] == "linux x86-64"
    for package, row in data["packages"].items():
        assert row["wheel"] > 0, package
        assert row["installed"] > 0, package
        assert row["bytecode"] >= 0, package
    assert sum(row["bytecode"] for row in data["packages"].values()) > 0


def test_one_version_of_gradio_and_of_torch():
    versions = [installed(name, "3.12") for name in SETS]
    for package in ("gradio", "torch"):
        assert len({v[package] for v in versions if package in v}) == 1


@pytest.mark.parametrize("name", [name for name in SETS if name.endswith("-cpu")])
def test_no_cuda_on_a_cpu(name):
    names = {line.name for line in locked(name)}
    assert not [n for n in names if n.startswith(("nvidia", "triton", "cuda"))]


@pytest.mark.parametrize("name", [name for name in SETS if name.endswith("-gpu")])
def test_cuda_comes_along_for_a_gpu(name):
    """The base image has none, and ONNX Runtime would fall back to the CPU in silence."""
    names = installed(name, "3.12").keys()
    assert [n for n in names if n.startswith("nvidia-cudnn")]
    assert [n for n in names if n.startswith("nvidia-cublas")]


@pytest.mark.parametrize("name", SETS)
def test_dev_agrees(name):
    both = installed("dev", "3.12").items() | installed(name, "3.12").items()
    assert len(both) == len(dict(both))


def total(packages):
    """The sums of what packages weigh."""
    rows = packages.values()
    return {part: sum(row[part] for row in rows) for part in ("wheel", "installed", "bytecode")}


def test_sums_in_every_project():
    assert PACKAGES["sets"] == {name: total(sizes(name)["packages"]) for name in SETS}
    assert {sizes(name)["as_of"] for name in SETS} == {PACKAGES["as_of"]}
    assert {sizes(name)["platform"] for name in SETS} == {PACKAGES["platform"]}
    assert PACKAGES["python"] == PYTHONS[0]
    assert PACKAGES["bytecode_per_source"].keys() == set(PYTHONS)


@pytest.mark.parametrize("heavy", PACKAGES["lighter"])
def test_lighter_build(heavy):
    ((name, row),) = PACKAGES["lighter"][heavy]["packages"].items()
    assert 0 < row["wheel"] < row["installed"]
    locked = {n for n in SETS if n.endswith("-cpu") and name in sizes(n)["packages"]}
    assert all(sizes(n)["packages"][name] == row for n in locked)
    for packages in (sizes(n)["packages"] for n in SETS):
        if packages.get(heavy, row) != row:
            assert row["wheel"] < packages[heavy]["wheel"]
            assert row["installed"] < packages[heavy]["installed"]


@pytest.mark.parametrize("framework", [name[:-4] for name in SETS if name.endswith("-gpu")])
def test_lighter_build_of_a_gpu_set_is_the_cpu_set(framework):
    on_gpu, on_cpu = (sizes(f"{framework}-{hardware}")["packages"] for hardware in ("gpu", "cpu"))
    (heavy,) = on_gpu.keys() & PACKAGES["lighter"].keys()
    lighter = PACKAGES["lighter"][heavy]
    gone = {n for n in on_gpu if n == heavy or re.fullmatch(lighter["drop"], n)}
    packages = {n: row for n, row in on_gpu.items() if n not in gone} | lighter["packages"]
    assert packages.keys() == on_cpu.keys()
    assert total(packages) == pytest.approx(total(on_cpu), rel=0.01)


def test_no_host_in_every_project():
    assert "://" not in json.dumps(PACKAGES)


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda p: p.name)
def test_no_host_but_the_index_of_pytorch(path):
    text = path.read_text()
    assert "://" not in text.replace(TORCH_INDEX, "")
    assert (f"\n--extra-index-url {TORCH_INDEX}\n" in text) == (path.name == "pytorch-cpu.txt")
