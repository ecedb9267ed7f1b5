"""The lock files and their sizes agree with each other and with what the frameworks require."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from local_extensions import locks

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "templates" / "requirements"
PACKAGES = json.loads((ROOT / "src" / "ml_ui" / "sizing" / "packages.json").read_text())
PYTHONS = locks.PYTHONS
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
COMMON = json.loads((ROOT / "templates" / "common.json").read_text())["requirements"]
FACTS = {
    path.parent.name: json.loads(path.read_text())
    for path in ROOT.glob("templates/frameworks/*/framework.json")
}
OLDER = ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8"]  # of scikit-learn
FRAMEWORKS = {name: facts["requirements"] for name, facts in FACTS.items()} | {
    f"scikit-learn-{version}": {
        hardware: [f"scikit-learn=={version}.*", *rest]
        for hardware, (_, *rest) in FACTS["scikit-learn"]["requirements"].items()
    }
    for version in OLDER
}
BASES = {  # the requirements of each
    f"{framework}-{hardware}": packages
    for framework, requirements in FRAMEWORKS.items()
    for hardware, packages in requirements.items()
    if hardware not in ("zero", "browser")
}
ON_ZERO = {  # the base of each set for ZeroGPU, to which the package spaces is added
    "python": "cpu", "onnx": "cpu", "scikit-learn": "cpu", "pytorch": "gpu", "keras": "cpu",
    "xgboost": "cpu", "lightgbm": "cpu", "catboost": "cpu", "transformers": "gpu",
    **{f"scikit-learn-{version}": "cpu" for version in OLDER},
}  # fmt: skip
SETS = BASES | {f"{framework}-zero": FRAMEWORKS[framework]["zero"] for framework in ON_ZERO}
MORE = {  # with what some models need besides
    f"{name} {extra}": [*packages, extra]
    for name, packages in SETS.items()
    for extra in FACTS.get(name.rpartition("-")[0], {}).get("extras", ())
}
RAY = {  # with what platform ray needs besides
    f"{name} ray[serve]": [*packages, "ray[serve]"]
    for name, packages in (BASES | MORE).items()
    if "-zero" not in name
}
MORE |= RAY

# What uv writes: for httpx, for httpx and requests, and the difference.
ALONE = """\
# Locked.
anyio==4.16.0             # via httpx
certifi==2026.10.19.post1  # via httpcore, httpx
h11==0.16.0               # via httpcore
httpcore==1.0.9           # via httpx
httpx==0.28.1             # via -r requirements.in
idna==3.20                # via anyio, httpx
typing-extensions==4.16.0 ; python_full_version < '3.15'  # via anyio
"""
TOGETHER = """\
# Locked.
anyio==4.16.0             # via httpx
certifi==2026.10.19.post1  # via httpcore, httpx, requests
charset-normalizer==3.5.3  # via requests
h11==0.16.0               # via httpcore
httpcore==1.0.9           # via httpx
httpx==0.28.1             # via -r requirements.in
idna==3.20                # via anyio, httpx, requests
requests==2.34.2          # via -r requirements.in
typing-extensions==4.16.0 ; python_full_version < '3.15'  # via anyio
urllib3==2.8.0            # via requests
"""
ADDED = """\
certifi==2026.10.19.post1  # via requests
charset-normalizer==3.5.3  # via requests
idna==3.20                # via requests
requests==2.34.2          # via -r requirements.in
urllib3==2.8.0            # via requests
"""


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


def parts(name):
    """The base of a set, and its extras."""
    base, *extras = name.split()
    framework, _, hardware = base.rpartition("-")
    if hardware == "zero":
        return framework, ON_ZERO[framework], ["spaces", *extras]
    return framework, hardware, extras


def locked(name):
    """The requirements in a lock file, or in several, merged."""
    text = (FOLDER / "dev.txt").read_text() if name == "dev" else locks.requirements(*parts(name))
    lines = [line.split("#")[0].strip() for line in text.splitlines() if line[:2] != "--"]
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
    """The sizes that go with a lock file."""
    return locks.sizes(*parts(name))


def test_files():
    """One full set for each base; of an extra what it adds, once or for a base."""
    files = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.*")}
    own = {f"extras/spaces.{framework}-{base}" for framework, base in ON_ZERO.items()}
    own |= {f"extras/ray.{base}" for base in BASES}
    extras = {"spaces", "ray"}.union(*(facts.get("extras", ()) for facts in FACTS.values()))
    names = (*BASES, *(f"extras/{extra}" for extra in extras))
    required = {f"{name}{end}" for name in names for end in (".txt", ".json")}
    optional = {f"{name}{end}" for name in own for end in (".txt", ".json")}
    assert required | {"dev.txt"} <= files <= required | {"dev.txt"} | optional


def test_versions():
    """Every minor version from the oldest to the newest has a lock, and Pythons that run it."""
    versions = FACTS["scikit-learn"]["versions"]
    newest = int(sizes("scikit-learn-cpu")["packages"]["scikit-learn"]["version"].split(".")[1])
    assert [*versions] == OLDER == [f"1.{minor}" for minor in range(2, newest)]
    for version, facts in versions.items():
        assert {*facts.get("python", PYTHONS)} <= {*PYTHONS}
        text = (FOLDER / f"scikit-learn-{version}-cpu.txt").read_text()
        pythons = sorted(facts.get("python", PYTHONS), key=lambda v: int(v[2:]))
        assert f"for Python {' to '.join(dict.fromkeys([pythons[0], pythons[-1]]))} on" in text


def test_merge_matches_uv():
    assert locks.merge(ALONE, ADDED) == TOGETHER
    assert locks.merge(TOGETHER, ADDED) == TOGETHER
    assert locks.merge(ALONE) == ALONE


@pytest.mark.parametrize("name", BASES)
def test_base_alone_is_its_file(name):
    assert locks.requirements(*parts(name)).encode() == (FOLDER / f"{name}.txt").read_bytes()
    assert sizes(name) == json.loads((FOLDER / f"{name}.json").read_text())


def test_own_file_of_an_extra_comes_first(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "LOCKS", tmp_path)
    (tmp_path / "extras").mkdir()
    for name, text in {
        "a-cpu": ALONE,
        "b-cpu": ALONE,
        "extras/x": ADDED,
        "extras/x.b-cpu": "",
    }.items():
        (tmp_path / f"{name}.txt").write_text(text)
    assert locks.requirements("a", "cpu", ["x"]) == TOGETHER
    assert locks.requirements("b", "cpu", ["x"]) == ALONE


def test_sizes_have_the_oldest_date(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "LOCKS", tmp_path)
    (tmp_path / "extras").mkdir()
    for name, day, package in (("a-cpu", 24, "anyio"), ("extras/x", 23, "requests")):
        facts = {"python": "3.12", "as_of": f"2026-11-{day}", "packages": {package: {"wheel": day}}}
        (tmp_path / f"{name}.json").write_text(json.dumps(facts))
    packages = {"anyio": {"wheel": 24}, "requests": {"wheel": 23}}
    merged = {"python": "3.12", "as_of": "2026-11-23", "packages": packages}
    assert locks.sizes("a", "cpu", ["x"]) == merged


@pytest.mark.parametrize(("framework", "base"), ON_ZERO.items())
def test_split(framework, base):
    assert locks.split(FRAMEWORKS[framework], "zero") == (base, ["spaces"])
    assert locks.split(FRAMEWORKS[framework], "cpu") == ("cpu", [])


@pytest.mark.parametrize("framework", ["onnx", "python"])
def test_page_without_a_server_has_the_packages_of_a_cpu(framework):
    """Of the app in Python beside it."""
    assert FRAMEWORKS[framework]["browser"] == FRAMEWORKS[framework]["cpu"]
    assert locks.split(FRAMEWORKS[framework], "browser") == ("cpu", [])


def test_distinct_class_has_its_own_set():
    requirements = {"cpu": ["torch"], "zero": ["torchaudio", "spaces"]}
    assert locks.split(requirements, "zero") == ("zero", ["spaces"])


@pytest.mark.parametrize("name", [*SETS, *MORE, "dev"])
def test_every_version_is_pinned(name):
    assert locked(name)
    for line in locked(name):
        (pin,) = line.specifier
        assert (pin.operator, line.url, "*" in pin.version) == ("==", None, False)
        assert "+" not in pin.version, "a local version is not on every platform"


@pytest.mark.parametrize("name", [*SETS, *MORE])
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_contains_the_requirements(name, python):
    env, versions = environment(python), installed(name, python)
    for required in map(Requirement, [*COMMON, *(SETS | MORE)[name]]):
        if required.marker is None or required.marker.evaluate(env):
            assert required.specifier.contains(versions[required.name])


@pytest.mark.parametrize("name", [*SETS, *MORE])
def test_sizes(name):
    data = sizes(name)
    versions = {package: row["version"] for package, row in data["packages"].items()}
    needed = {}
    older = FACTS["scikit-learn"]["versions"].get(name.removeprefix("scikit-learn-")[:3], {})
    for python in (*older.get("python", PYTHONS), data["python"]):  # sizes are of the last one's
        needed |= installed(name, python)
    assert versions == needed
    assert data["platform"] == "linux x86-64"
    for package, row in data["packages"].items():
        assert row["wheel"] > 0, package
        assert row["installed"] > 0, package
        assert row["bytecode"] >= 0, package
    assert sum(row["bytecode"] for row in data["packages"].values()) > 0


def test_bounds_match_the_package():
    """A project lists what ml_ui needs besides what comes with Gradio."""
    package = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(COMMON) <= set(package["dependencies"])


def test_one_version_of_gradio_and_of_torch():
    versions = [installed(name, "3.12") for name in SETS]
    for package in ("gradio", "torch"):
        assert len({v[package] for v in versions if package in v}) == 1


@pytest.mark.parametrize("name", [name for name in SETS if name.endswith("-cpu")])
def test_no_cuda_on_a_cpu(name):
    names = {line.name for line in locked(name)}
    assert not [n for n in names if n.startswith(("nvidia", "triton", "cuda"))]


@pytest.mark.parametrize("name", [name for name in SETS if name.endswith("-gpu")])
def test_cuda_is_included_for_a_gpu(name):
    """The base image has none, and ONNX Runtime would fall back to the CPU in silence."""
    names = installed(name, "3.12").keys()
    assert [n for n in names if n.startswith("nvidia-cudnn")]
    assert [n for n in names if n.startswith("nvidia-cublas")]


@pytest.mark.parametrize("name", [*SETS, *MORE])
def test_dev_agrees(name):
    both = installed("dev", "3.12").items() | installed(name, "3.12").items()
    assert len(both) == len(dict(both))


def total(packages):
    """The sums of what packages weigh."""
    rows = packages.values()
    return {part: sum(row[part] for row in rows) for part in ("wheel", "installed", "bytecode")}


def test_sums_in_every_project():
    assert PACKAGES["sets"] == {name: total(sizes(name)["packages"]) for name in SETS}
    assert min(sizes(name)["as_of"] for name in SETS) == PACKAGES["as_of"]
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


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.*")), ids=lambda p: p.name)
def test_no_host_but_the_index_of_pytorch(path):
    text = path.read_text()
    assert "://" not in text.replace(TORCH_INDEX, "")
    assert (f"\n--extra-index-url {TORCH_INDEX}\n" in text) == (
        path.name in ("pytorch-cpu.txt", "transformers-cpu.txt")
    )


def lock(folder, name):
    """Lock the sets of one name in a copy of the repository."""
    names = (
        "templates/common.json",
        "cookiecutter.json",
        "local_extensions/locks.py",
        "scripts/lock.py",
    )
    for path in (*map(ROOT.joinpath, names), *ROOT.glob("templates/frameworks/*/framework.json")):
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    for path in (FOLDER, ROOT / "src" / "ml_ui" / "sizing"):
        shutil.copytree(path, folder / path.relative_to(ROOT))
    target = folder / FOLDER.relative_to(ROOT)
    for path in target.glob("xgboost*"):
        path.unlink()
    command = [sys.executable, "-m", "uv", "run", "--quiet", "scripts/lock.py", "--only", name]
    return target, subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.every
@pytest.mark.slow
def test_only_locks_one_set(tmp_path):
    target, run = lock(tmp_path, "xgboost")
    assert run.returncode == 0, run.stderr
    for path in FOLDER.rglob("*.*"):
        if "xgboost" not in path.name:
            assert (target / path.relative_to(FOLDER)).read_bytes() == path.read_bytes()
    assert json.loads((target / "xgboost-cpu.json").read_text())["as_of"] == str(date.today())
    old, new = (
        {line.split("  # via")[0].strip() for path in paths for line in path.open() if "==" in line}
        for paths in (FOLDER.glob("[!x]*-*.txt"), [target / "xgboost-cpu.txt"])
    )
    assert {pin.partition("==")[0] for pin in new - old} == {"xgboost", "xgboost-cpu"}


@pytest.mark.slow
def test_unknown_set(tmp_path):
    target, run = lock(tmp_path, "xgbost")
    assert run.returncode == 1
    assert run.stderr.startswith("ONLY=xgbost is not among catboost, catboost-cpu, keras,")
    assert not list(target.glob("xgboost*"))


TORCH_ON_ZERO = ["2.8.0", "2.9.1", "2.10.0", "2.11.0", "2.12.1", "2.13.0"]  # hub-docs#2763


def test_zero_gpu_takes_the_locked_versions():
    """Another PyTorch or Python is a configuration error there."""
    record = ROOT / "src" / "ml_ui" / "sizing" / "platforms" / "huggingface.json"
    tier = json.loads(record.read_text())["hardware"]["zero-a10g"]
    assert tier["takes"]["torch"]["versions"] == TORCH_ON_ZERO
    assert tier["python"] == {"3.12": "3.12.12", "3.10": "3.10.13"}
    with_torch = [name for name in SETS if "torch" in sizes(name)["packages"]]
    assert len([name for name in with_torch if name.endswith("-zero")]) >= 2
    for name in with_torch:  # one version for every hardware class
        assert sizes(name)["packages"]["torch"]["version"] in TORCH_ON_ZERO, name
