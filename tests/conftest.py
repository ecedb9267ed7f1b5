"""Generate projects for the tests, each combination of answers once."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner
from cookiecutter.cli import main
from cookiecutter.main import cookiecutter
from filelock import FileLock
from running import BUILD, photograph

ROOT = Path(__file__).parent.parent
AXE = "4.14.1"
QUESTIONS = json.loads((ROOT / "cookiecutter.json").read_text("utf-8"))
PUBLIC = {name for name in QUESTIONS if not name.startswith("_")}


def pytest_addoption(parser):
    parser.addoption("--every", action="store_true", help="run every test and case, not a sample")


def pytest_collection_modifyitems(config, items):
    """Begin with the files that have slow tests: a process takes a whole file at a time.

    Without `--every`, a test marked `every` is not run, and of one marked `sample` only the
    cases whose ids match its patterns.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
    if not config.option.every:
        kept = [item for item in items if in_sample(item)]
        sampled = {item.function for item in items if item.get_closest_marker("sample")}
        if unknown := sampled - {item.function for item in kept}:
            names = ", ".join(sorted(function.__name__ for function in unknown))
            raise pytest.UsageError(f"no case of {names} is in its sample: give --every")
        if items and not kept:
            raise pytest.UsageError("nothing of it is run without --every")
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept


def in_sample(item) -> bool:
    if item.get_closest_marker("every"):
        return False
    sample = item.get_closest_marker("sample")
    return not sample or any(fnmatch(item.callspec.id, pattern) for pattern in sample.args)


def pytest_sessionfinish(session):
    """In CI, a test that was skipped because something installable is missing is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    missing = [r for r in reporter.stats.get("skipped", []) if "apt-get install" in str(r.longrepr)]
    if os.environ.get("CI") and missing:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def ruff(*arguments) -> None:
    """Fail with what ruff says of the files."""
    run = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory):
    """Keep the user's settings and replay files out of the tests."""
    home = tmp_path_factory.mktemp("home")
    # In this process, cookiecutter has looked at HOME by now.
    (home / "config.yaml").write_text(f"replay_dir: {home}/replay\ncookiecutters_dir: {home}/git\n")
    os.environ |= {"HOME": str(home), "COOKIECUTTER_CONFIG": str(home / "config.yaml")}


@pytest.fixture(scope="session")
def bake(tmp_path_factory):
    """Return a function that generates a project, once for the same answers."""

    @cache
    def generate(**answers) -> Path:
        assert answers.keys() <= PUBLIC, f"no such question: {answers.keys() - PUBLIC}"
        folder = tmp_path_factory.mktemp("baked")
        return Path(
            cookiecutter(str(ROOT), no_input=True, output_dir=str(folder), extra_context=answers)
        )

    return generate


@pytest.fixture
def here(tmp_path, tmp_path_factory, monkeypatch):
    """Stand in an empty folder with nothing beside it, and with no answers kept from before."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    config = tmp_path_factory.mktemp("config") / "config.yaml"
    config.write_text(f"replay_dir: {config.parent}\n")
    monkeypatch.setenv("COOKIECUTTER_CONFIG", str(config))
    return folder


@pytest.fixture
def ask(here):
    """Return a function that runs the command line in this process; typed answers, or none."""

    def run(*arguments: str, typed: str | None = None):
        mode = [] if typed else ["--no-input"]
        return CliRunner().invoke(main, [*mode, str(ROOT), *arguments], input=typed)

    return run


@pytest.fixture(scope="module")  # while it runs, its thread has an event loop
def browser():
    """Return a browser without a window, which asks nothing of the outside."""
    with chromium() as browser:
        yield browser


@contextmanager
def chromium():
    """Run a browser, or skip the test if there is none."""
    sync_api = pytest.importorskip("playwright.sync_api")
    command = shutil.which("chromium") or shutil.which("google-chrome")
    if not command:
        pytest.skip("needs a browser: apt-get install chromium")
    quiet = "no-sandbox disable-gpu disable-quic no-first-run disable-sync"
    quiet += " disable-background-networking disable-component-update"
    options = [f"--{option}" for option in quiet.split()]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=command, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the source of axe-core, which finds what people with disabilities cannot use."""
    folder = BUILD / f"axe-{AXE}"
    with FileLock(f"{folder}.lock"):
        source = folder / "node_modules" / "axe-core" / "axe.min.js"
        if not source.exists():
            command = ["npm", "install", "--silent", "--prefix", folder, f"axe-core@{AXE}"]
            subprocess.run(command, check=True)
    return source.read_text("utf-8")


@pytest.fixture(scope="session")
def photo(tmp_path_factory) -> Path:
    """Return story A's photograph, 1280x853."""
    path = tmp_path_factory.mktemp("photo") / "photo.jpg"
    path.write_bytes(photograph())
    return path
