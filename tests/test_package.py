"""The package ml-ui: its metadata, its wheel, and a project that has it installed."""

import ast
import functools
import hashlib
import re
import shutil
import subprocess
import sys
import threading
import tomllib
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from running import MODEL_TESTS, clean_environment, install

from ml_ui.gradio_fixes import TESTED

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "ml_ui"
METADATA = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DISTRIBUTIONS = {"PIL": "pillow", "yaml": "pyyaml"}  # where an import has another name
STORY_A = {"task": "image-to-image", "framework": "python", "platform": "local"}
slow = pytest.mark.slow


def test_metadata_lists_what_the_modules_import():
    imported = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module)
    names = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names - {"ml_ui"}
    lines = METADATA["dependencies"] + METADATA["optional-dependencies"]["testing"]
    listed = {re.match(r"[\w-]+", line)[0] for line in lines}
    names = {DISTRIBUTIONS.get(name, name).replace("_", "-") for name in names}
    assert names | {"httptools"} == listed, "httptools is what uvicorn's protocol imports"


def test_bounds_of_gradio_are_the_tested_versions():
    """The log names them; test_lock.py compares templates/common.json with pyproject.toml."""
    first, _, last = TESTED.partition(" to ")
    major, minor = map(int, last.split("."))
    assert f"gradio>={first},<{major}.{minor + 1}" in METADATA["dependencies"]


def test_command_line_and_sizing_need_no_package():
    """What generation and preflight import is the standard library alone."""
    code = "import ml_ui.cli, ml_ui.preflight, ml_ui.update, ml_ui.record"
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, '.'); {code}"]
    run = subprocess.run(command, cwd=ROOT / "src", capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_each_module_can_be_imported_first():
    """Each in a process of its own, a fork of one that has what they need."""
    names = [
        ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in SOURCE.rglob("*.py")
        if path.name != "__main__.py"
    ]
    code = """
import importlib, os, sys
import gradio, httptools, prometheus_client, pytest, uvicorn
failed = []
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        importlib.import_module(name)
        os._exit(0)
    failed += [name] if os.waitpid(child, 0)[1] else []
sys.exit(" ".join(failed) or 0)
"""
    command = [sys.executable, "-c", code, *names]
    run = subprocess.run(command, cwd=ROOT / "src", capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Return the package's wheel, as `make wheel` builds it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


def test_wheel_holds_the_package_and_its_metadata(wheel):
    source = {
        path.relative_to(ROOT / "src").as_posix(): path.read_bytes()
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    version = re.search(r'__version__ = "(.+)"', (SOURCE / "__init__.py").read_text("utf-8"))[1]
    about = f"ml_ui-{version}.dist-info"
    assert {name: held[name] for name in held if not name.startswith(about)} == source
    assert "ml_ui/py.typed" in held and any(name.endswith(".json") for name in source)
    metadata = held[f"{about}/METADATA"].decode()
    assert f"Name: ml-ui\nVersion: {version}\n" in metadata
    assert re.search(r"Requires-Dist: gradio<\S+,>=\S+\n", metadata)


@pytest.fixture
def environment(bake, tmp_path) -> Path:
    """Return the Python of an environment with a project's requirements, to install into."""
    requirements = install(bake(**STORY_A)).parent
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    (packages,) = (tmp_path / "venv").glob("lib/*/site-packages")
    (shared,) = requirements.glob("lib/*/site-packages")
    (packages / "requirements.pth").write_text(f"{shared}\n")
    return tmp_path / "venv" / "bin" / "python"


def pip_install(python: Path, *arguments: object) -> subprocess.CompletedProcess:
    """Install without an index: what is missing of the package's requirements is an error."""
    command = [python, "-m", "pip", "install", "--no-index", "--disable-pip-version-check"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


@slow
def test_project_runs_with_the_folder_and_with_the_wheel(bake, wheel, environment, tmp_path):
    project = shutil.copytree(bake(**STORY_A), tmp_path / "project")
    place = "import ml_ui; print(ml_ui.__file__)"

    def check(where: Path, tests: str) -> None:
        found = subprocess.check_output([environment, "-c", place], cwd=project, text=True)
        assert Path(found.strip()).is_relative_to(where)
        run = subprocess.run(
            [environment, "-m", "pytest", "-q", tests],
            cwd=project, env=clean_environment(environment.parent),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout[-3000:]
        command = [environment, "-m", "ml_ui", "preflight"]
        run = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr

    check(project, MODEL_TESTS)
    shutil.rmtree(project / "ml_ui")
    run = pip_install(environment, wheel)
    assert run.returncode == 0, run.stderr
    check(tmp_path / "venv", "tests")


@slow
def test_wheel_from_an_address_with_its_hash(wheel, environment, tmp_path):
    handler = functools.partial(SimpleHTTPRequestHandler, directory=wheel.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/{wheel.name}"
            right = hashlib.sha256(wheel.read_bytes()).hexdigest()
            for digest, status in ((right[::-1], 1), (right, 0)):
                (tmp_path / "requirements.txt").write_text(f"ml-ui @ {url}#sha256={digest}\n")
                run = pip_install(environment, "-r", tmp_path / "requirements.txt")
                assert run.returncode == status, run.stderr
                assert ("DO NOT MATCH THE HASHES" in run.stderr) == bool(status)
        finally:
            server.shutdown()
    version = subprocess.check_output(
        [environment, "-m", "ml_ui", "--version"], cwd=tmp_path, text=True
    )
    assert wheel.name.split("-")[1] in version
