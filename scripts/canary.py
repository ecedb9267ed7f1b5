"""Canary: do the guards hold with the newest Gradio, and which fixes does it still need?

    python -m scripts.canary [--gradio VERSION] [--only NAME ...]

Three parts, each with a line of progress and one of its result:
- tests/test_guards.py of a project, with the newest Gradio;
- each fix of gradio_fixes.py taken out: it is needed if a guard's test, or a row of the
  fault table, fails without it;
- each change that Gradio could make to a private name, made in a copy of its package: the
  log or a test must say so.

Exits 1 if the guards fail, or a change is silent.
"""

import argparse
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from scripts.runtimes import generate
from tests.faults import served
from tests.faults.targets import Ours, target
from tests.running import BUILD, clean_environment

ENVIRONMENT = BUILD / "canary"
FIXES = "ml_ui/gradio_fixes.py"
REMOVE = "FIXES[:] = [fix for fix in FIXES if fix.name != {name!r}]"
NOTHING = "lambda *args, **options: None"


@dataclass(frozen=True)
class Removal:
    """Removal of a fix, and the failures it causes.

    Attributes:
        name: its name in `FIXES`.
        rows: the rows of the fault table that need it, beside the guards' tests.
        code: what is appended to gradio_fixes.py; by default it leaves the registry.
    """

    name: str
    rows: tuple[str, ...]
    code: str = ""


REMOVALS = [
    Removal("intervals", ()),
    Removal("sessions", ("R6",)),
    Removal("states", ("R50",), "States.__getitem__ = StateHolder.__getitem__"),
    Removal("calls", ("R37", "R38", "R11")),
    Removal("labels", ()),
    Removal("protocol", ("R41", "R42")),
    Removal("upload-records", ("R34",), f"UploadRecords.forget = {NOTHING}"),
    Removal("downloads", (), f"limit_downloads = {NOTHING}"),
    Removal("uploads", (), f"limit_uploads = {NOTHING}"),
    Removal(
        "middleware",
        ("R16", "R14"),
        "GuardedApp.build_middleware_stack = App.build_middleware_stack",
    ),
]
# They look at Gradio, and fix nothing.
CHECKS = ("routes", "users", "queue")


@dataclass(frozen=True)
class Change:
    """A change that Gradio or Starlette could make.

    Attributes:
        name: the change, in a few words.
        package: what is changed.
        pattern: what is replaced in its source, everywhere.
        replacement: by what.
    """

    name: str
    package: str
    pattern: str
    replacement: str


def renamed(name: str, package: str = "gradio") -> Change:
    """Return the change of a private name."""
    return Change(f"{name} is renamed", package, rf"\b{name}\b", f"{name}_new")


CHANGES = [
    Change("the function is kept elsewhere than .fn", "gradio", r"\.fn\b", ".function"),
    Change(
        "Queue.start() makes pending_messages_per_session",
        "gradio",
        r"(    def start\(self\):\n)(        self\.active_jobs)",
        r"\1        self.pending_messages_per_session = LRUCache(2000)\n\2",
    ),
    Change("FileUploadProgress renames its dicts", "gradio", r"\._(statuses|signals)\b", r".\1"),
    Change("uvicorn runs with h11", "gradio", r"(uvicorn\.Config\(\n)", r'\1http="h11",\n'),
    Change(
        "a new route for calls",
        "gradio",
        r'(        )(@router\.post\("/queue/join")',
        r'\1@router.post("/v3/join", dependencies=[Depends(login_check)])\n\1\2',
    ),
    Change("the stack of middleware is built elsewhere", "fastapi",
           r"\bbuild_middleware_stack\b", "make_middleware_stack"),
    Change("max_body_size is ignored", "starlette", r"if self\.max_body_size is not None", "if 0"),
    *map(renamed, ("temp_file_sets", "process_api", "enqueue_time", "_queue",
                   "event_ids_to_events", "pending_event_ids_session", "sleep_when_free",
                   "async_transport", "cookie_id", "GradioMultiPartParser")),
]  # fmt: skip


def install(version: str) -> Path:
    """Install what a project needs with the newest Gradio; return its programs."""
    uv = [Path(sys.executable).with_name("uv")]
    programs = ENVIRONMENT / "bin"
    subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
    lines = (project() / "requirements.in").read_text("utf-8").splitlines()
    packages = [line for line in lines if line and not re.match(r"gradio\b|#", line)]
    gradio = f"gradio=={version}" if version else "gradio"
    command = [*uv, "pip", "install", "--quiet", "--python", programs / "python"]
    subprocess.run([*command, gradio, "pytest", "httpx", *packages], check=True)
    return programs


@functools.cache
def project() -> Path:
    """Return a project whose function needs no model."""
    folder = Path(tempfile.mkdtemp(prefix="canary-"))
    return generate(folder, framework="python", task="image-to-image")


@dataclass(frozen=True)
class Result:
    """Failed tests of the guards, and guards that the log reports as not in force."""

    failed: tuple[str, ...]
    warned: tuple[str, ...]

    def __str__(self) -> str:
        tests = ", ".join(self.failed) or "no test fails"
        log = ", ".join(self.warned)
        return f"{tests}; the log warns of {log}" if log else tests


def guards(programs: Path, folder: Path, **variables: str) -> Result:
    """Run the guards' tests of a project."""
    temporary = Path(tempfile.mkdtemp(prefix="canary-"))
    command = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_guards.py"]
    run = subprocess.run(
        [*command, f"--basetemp={temporary / 'pytest'}"], cwd=folder,
        env=clean_environment(programs, **variables), capture_output=True, text=True, check=False,
    )  # fmt: skip
    failed = re.findall(
        r"^(?:FAILED|ERROR) tests/test_guards.py::(?:test_)?(\w+)", run.stdout, re.MULTILINE
    )
    if run.returncode and not failed:
        ends = re.findall(
            r"^(?:!+ |E +)?(.*(?:Error|Exit|ended with).*?)!*$", run.stdout, re.MULTILINE
        )
        failed = [f"the app does not start ({ends[-1].strip() if ends else run.returncode})"]
    log = "".join(path.read_text("utf-8", "replace") for path in temporary.rglob("log"))
    warned = re.findall(r"[Gg]uard not in force: ([\w-]+)", log)
    shutil.rmtree(temporary, ignore_errors=True)
    return Result(tuple(dict.fromkeys(failed)), tuple(dict.fromkeys(warned)))


class Candidate(Ours):
    """A project with the newest Gradio, and without a fix."""

    def __init__(self, folder: Path, programs: Path, code: str) -> None:
        super().__init__(folder)
        self.programs, self.code = programs, code

    def write(self, name: str, folder: Path) -> Path:
        """Write the app with a page into a folder; return its environment's programs."""
        super().write(name, folder)
        append(folder, self.code)
        return self.programs


def append(folder: Path, code: str) -> None:
    """Append code to a project's fixes."""
    with (folder / FIXES).open("a", encoding="utf-8") as file:
        file.write(f"\n{code}\n")


def without(removal: Removal, programs: Path) -> str:
    """Return the evidence that a fix is needed; empty if all tests pass without it."""
    code = removal.code or REMOVE.format(name=removal.name)
    with tempfile.TemporaryDirectory(prefix="canary-") as folder:
        copied = Path(shutil.copytree(project(), Path(folder, "app")))
        append(copied, code)
        # The test that looks at the log would only see that the fix is gone.
        failed = [name for name in guards(programs, copied).failed if "in_force" not in name]
    if failed:
        return f"test_guards.py: {', '.join(failed)}"
    for name in removal.rows:
        row = next(row for row in served.ROWS if row.name == name)
        candidate = functools.partial(Candidate, programs=programs, code=code)
        with target(candidate) as made:
            seen = row.probe(made)
        if not seen.good:
            return f"{name}, {row.fault}: {seen.text[:200]}"
    return ""


def changed(change: Change, programs: Path) -> Result:
    """Run the guards' tests with a package changed in a copy."""
    (installed,) = programs.parent.glob(f"lib/python*/site-packages/{change.package}")
    with tempfile.TemporaryDirectory(prefix="canary-") as folder:
        copied = Path(folder, change.package)
        ignore = shutil.ignore_patterns("__pycache__")
        # What is not replaced is linked: Gradio's files for browsers are large.
        shutil.copytree(installed, copied, ignore=ignore, copy_function=_linked)
        found = 0
        for path in copied.rglob("*.py"):
            text, count = re.subn(change.pattern, change.replacement, path.read_text("utf-8"))
            if count:
                path.unlink()
                path.write_text(text, "utf-8")
                found += count
        if not found:
            return Result(("the change cannot be made: nothing is like that now",), ())
        return guards(programs, project(), PYTHONPATH=folder)


def _linked(source: str, destination: str) -> None:
    os.symlink(Path(source).resolve(), destination)


def main() -> None:
    """Run the three parts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gradio", default="", metavar="VERSION", help="instead of the newest")
    parser.add_argument("--only", metavar="NAME", nargs="+", help="fixes or changes")
    args = parser.parse_args()
    start, bad = time.monotonic(), 0

    def say(text: str) -> None:
        print(f"[{time.monotonic() - start:4.0f} s] {text}", flush=True)

    def chosen(names: list) -> list:
        return [one for one in names if not args.only or one.name in args.only]

    say("Installing the newest Gradio")
    programs = install(args.gradio)
    code = "import gradio; print(gradio.__version__)"
    version = subprocess.check_output([programs / "python", "-c", code], text=True).strip()
    say(f"Gradio {version}: the guards' tests")
    if not args.only:
        result = guards(programs, project())
        bad += bool(result.failed or result.warned)
        say(f"  {result}")
    for number, removal in enumerate(todo := chosen(REMOVALS), 1):
        say(f"Without a fix, {number} of {len(todo)}: {removal.name}")
        needed = without(removal, programs)
        say(f"  still needed: {needed}" if needed else "  NOT NEEDED: all holds without it")
    for number, change in enumerate(todo := chosen(CHANGES), 1):
        say(f"A change, {number} of {len(todo)}: {change.name}")
        result = changed(change, programs)
        silent = not result.failed and not result.warned
        bad += silent and change.name != "max_body_size is ignored"  # our own limit holds
        say(f"  {result}{' SILENT' if silent else ''}")
    say("Done." if not bad else f"Done: {bad} to look at.")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
