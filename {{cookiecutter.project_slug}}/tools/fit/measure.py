"""Build and boot the project here, and measure what it takes.

Nothing stays behind: all is made in one temporary folder, and what is started is ended.
"""

import functools
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

# Heroku's Python is not here. CPython 3.11, 3.12 and 3.13, built from source and
# without their tests, compress to 28, 31 and 33 MB; a distribution splits its own up.
GZIP_OF_PYTHON = 30_000_000

# Makes of a file the pointer that Git LFS stores in its place, as `git lfs clean` does.
CLEAN = """\
import hashlib, sys

digest, size, read = hashlib.sha256(), 0, sys.stdin.buffer.read
first = block = read(1 << 20)
while block:
    digest.update(block)
    size += len(block)
    block = read(1 << 20)
version = b"version https://git-lfs.github.com/spec/v1\\n"
if not first.startswith(version):
    first = version + f"oid sha256:{digest.hexdigest()}\\nsize {size}\\n".encode()
sys.stdout.buffer.write(first)
"""
POINTER = rb"^version https://git-lfs\S+\noid sha256:(\w{64})\nsize (\d+)$"

REQUEST = """\
import sys
from client import arguments, call, connect

client = connect(sys.argv[1])
call(client, arguments(client))
"""
MINUTES_TO_BOOT = 10
SAMPLES = 0.02  # seconds between two looks at the memory

Tell = Callable[[str], None]


class CannotMeasure(RuntimeError):
    """The project does not install, build or boot; the text says why."""


class Site:
    """A temporary folder in which the project is checked out and installed."""

    def __init__(
        self, project: Path, folder: Path, tell: Tell, environment: Path | None
    ) -> None:
        self.project, self.folder, self.tell = project, folder, tell
        self._environment = environment

    @functools.cached_property
    def checkout(self) -> Path:
        """The files that git would push, as they arrive on the platform."""
        target = self.folder / "checkout"
        if (self.project / ".git").exists():
            command = ["git", "ls-files", "-zco", "--exclude-standard"]
            names = _names(self.run(command, cwd=self.project))
        else:
            names = self.files(self.project, "--exclude-standard")
        for name in names:
            if os.path.lexists(self.project / name):  # else deleted, and not committed
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.project / name, target / name, follow_symlinks=False)
        return target

    @functools.cached_property
    def python(self) -> Path:
        """The interpreter of an environment with the requirements."""
        if self._environment is None:
            self.tell("Installing requirements.txt ...")
            self._environment = self.folder / "venv"
            self.run([sys.executable, "-m", "venv", self._environment])
            install = [self.python_of(self._environment), "-m", "pip", "install", "-q"]
            self.run([*install, "-r", self.checkout / "requirements.txt"])
        return self.python_of(self._environment)

    @staticmethod
    def python_of(environment: Path) -> Path:
        """Return the interpreter of a virtual environment."""
        windows = environment / "Scripts" / "python.exe"
        return windows if windows.exists() else environment / "bin" / "python"

    def files(self, folder: Path, exclude: str) -> list[str]:
        """Return the names of the files that git does not exclude from a folder."""
        with TemporaryDirectory(dir=self.folder) as fresh:
            git = ["git", f"--git-dir={fresh}", f"--work-tree={folder}"]
            self.run([*git, "init", "-q"])
            return _names(self.run([*git, "ls-files", "-zo", exclude], cwd=folder))

    def run(self, command: list, **options) -> bytes:
        """Run a command to its end and return what it printed; raise if it fails."""
        with self.started(command, **options) as process:
            output, errors = process.communicate()
        if process.returncode:
            said = errors.decode(errors="replace").strip()[-2000:]
            raise CannotMeasure(f"{shlex.join(map(str, command))} failed:\n{said}")
        return output

    @contextmanager
    def started(
        self, command: list, variables: dict = {}, **options
    ) -> Iterator[subprocess.Popen]:
        """Give a process that does not outlive the block."""
        # In a hook of git's, variables name the project's own repository.
        own = ("GIT_", "GRADIO_SERVER_", "PYTHONDONTWRITEBYTECODE")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(own)}
        # Podman keeps the layers of a build unless it is told not to.
        env = {"BUILDAH_LAYERS": "false"} | kept | {"TMPDIR": str(self.folder)}
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        try:
            process = subprocess.Popen(
                command, env=env | variables, start_new_session=True, **options
            )
        except FileNotFoundError:
            raise CannotMeasure(f"{command[0]} is not installed") from None
        with process:
            try:
                yield process
            finally:
                _end(process)


def measure(
    project: Path,
    names: Iterable[str],
    tell: Tell,
    environment: Path | None = None,
) -> dict[str, float]:
    """Measure the quantities that are named, in bytes and seconds.

    Args:
        project: its folder.
        names: of MEASURES.
        tell: called with a line of progress.
        environment: a virtual environment with the requirements, if there is one.

    Returns:
        What was measured, by name; what cannot be measured here is left out, and told.

    Raises:
        CannotMeasure: the project does not install, build or boot.
    """
    names, measured = {*names}, {}
    with TemporaryDirectory(prefix="measure-", ignore_cleanup_errors=True) as folder:
        site = Site(project.resolve(), Path(folder).resolve(), tell, environment)
        for quantities, function in MEASURES.items():
            if names & {*quantities}:
                measured |= function(site)
    return {name: value for name, value in measured.items() if name in names}


def _checkout(site: Site) -> dict[str, float]:
    """Return the bytes of the files of a commit."""
    files = (path for path in site.checkout.rglob("*") if path.is_file())
    return {"checkout": sum(path.stat().st_size for path in files)}


def _repository(site: Site) -> dict[str, float]:
    """Return the bytes of git's objects, packed, and of all files in Git LFS."""
    site.tell("Packing the repository ...")
    store, clean = site.folder / "repository", site.folder / "clean.py"
    clean.write_text(CLEAN)
    to_pointer = f"{shlex.quote(sys.executable)} {shlex.quote(str(clean))}"
    settings = {"clean": to_pointer, "process": "", "required": "false"}

    def git(*arguments: str | Path) -> bytes:
        options = [f"-cfilter.lfs.{key}={value}" for key, value in settings.items()]
        options += ["-cuser.name=measure", "-cuser.email=measure", "-cgc.auto=0"]
        places = f"--git-dir={store}", f"--work-tree={site.checkout}"
        return site.run(["git", *places, *options, *arguments], cwd=site.checkout)

    git("init", "-q")
    if (site.project / ".git").exists():
        with suppress(CannotMeasure):  # nothing is committed yet
            git("fetch", "-q", "--update-shallow", site.project, "HEAD")
            git("update-ref", "HEAD", "FETCH_HEAD")
            git("read-tree", "HEAD")
    git("add", "-A", "-f")
    git("commit", "-q", "--allow-empty", "--no-verify", "--no-gpg-sign", "-m", "all")
    git("repack", "-adq")
    packed = sum(path.stat().st_size for path in store.glob("objects/pack/*.pack"))
    small = git(
        "cat-file",
        "--batch-all-objects",
        "--batch-check=%(objecttype) %(objectsize) %(objectname)",
    )
    return {"repository": packed}


def _slug(site: Site) -> dict[str, float]:
    """Return the bytes of a compressed archive of the installed project."""
    ignore = site.checkout / ".slugignore"
    exclude = f"--exclude-from={ignore if ignore.exists() else os.devnull}"
    files = [site.checkout / name for name in site.files(site.checkout, exclude)]
    packages = _compressed_packages(site.python, site.tell)
    sources = _compressed(files, lambda size: site.tell(f"... {size}"))
    return {"slug": packages + sources + GZIP_OF_PYTHON}


@functools.cache
def _compressed_packages(python: Path, tell: Tell) -> int:
    return 0


def _compressed(files: Iterable[Path], tell: Tell) -> int:
    return 0


def _image(site: Site) -> dict[str, float]:
    return {}


def _boot(site: Site) -> dict[str, float]:
    """Return the seconds to the first answer, and the bytes of anonymous memory.

    Anonymous memory is what a platform counts and cannot take back: code that is mapped
    from files can be read again from there.
    """
    site.tell("Starting app.py ...")
    port, log = _free_port(), site.folder / "app.log"
    variables = {"PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False"}
    with (
        log.open("wb") as output,
        site.started(
            [site.python, "app.py"],
            variables,
            cwd=site.checkout,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as app,
        Memory(app.pid) as memory,
    ):
        start = time.monotonic()

        def wait(path: str) -> None:
            while (answer := _answer(port, path)) is None or answer[0] != 200:
                if app.poll() is not None:
                    raise CannotMeasure(
                        "app.py ended:\n" + log.read_text("utf-8", "replace")[-2000:]
                    )
                if answer and answer[1].get("status") == "failed":
                    raise CannotMeasure(
                        f"the model cannot be loaded: {answer[1]['reason']}"
                    )
                if time.monotonic() > start + 60 * MINUTES_TO_BOOT:
                    raise CannotMeasure(f"no answer in {MINUTES_TO_BOOT} minutes")
                time.sleep(SAMPLES)

        wait("/healthz")
        measured = {"boot": time.monotonic() - start}
        site.tell("Loading the model ...")
        wait("/readyz")
        measured["ready"] = time.monotonic() - start
        if memory.supported:
            measured["memory"] = memory.settled()
            measured["loading"] = memory.highest
            memory.highest = 0
            site.tell("Sending a request ...")
            site.run(
                [site.python, "-c", REQUEST, f"http://127.0.0.1:{port}"],
                cwd=site.checkout / "tools",
            )
            measured["serving"] = memory.highest
            measured["after"] = memory.settled()
            measured["peak"] = max(measured["loading"], measured["serving"])
    return measured


class Memory(threading.Thread):
    """Watches the anonymous memory of a process and of its children; Linux only."""

    supported = sys.platform == "linux"

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._ended, self.highest = pid, threading.Event(), 0

    def __enter__(self) -> "Memory":
        if self.supported:
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def run(self) -> None:
        """Keep the highest of what is seen."""
        while not self._ended.wait(SAMPLES):
            self.highest = max(self.highest, _anonymous(self._pid))

    def settled(self) -> int:
        """Return the memory once two samples are alike."""
        before, now = 0, _anonymous(self._pid)
        while abs(now - before) > now / 100:
            time.sleep(1)
            before, now = now, _anonymous(self._pid)
        return now


def _anonymous(pid: int | str) -> int:
    """Return the bytes of anonymous memory, swapped or not, of a process and its heirs."""
    total = 0
    with suppress(OSError):  # it has ended
        process = Path("/proc", str(pid))
        counts = re.findall(
            r"^(?:RssAnon|VmSwap):\s+(\d+)", (process / "status").read_text(), re.M
        )
        total = 1024 * sum(map(int, counts))
        for children in process.glob("task/*/children"):
            total += sum(map(_anonymous, children.read_text().split()))
    return total


def _answer(port: int, path: str) -> tuple[int, dict] | None:
    """Return status and content of a page that is JSON; None if nothing answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with suppress(OSError, http.client.HTTPException, ValueError):
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    return None


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _names(listing: bytes) -> list[str]:
    return [name for name in os.fsdecode(listing).split("\0") if name]


def _end(process: subprocess.Popen) -> None:
    """End a process and all that it has started."""
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, number)
            else:
                process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)


# The names of what each function measures.
MEASURES = {
    ("checkout",): _checkout,
    ("repository",): _repository,
    ("slug",): _slug,
    ("image", "pull"): _image,
    ("boot", "ready", "memory", "loading", "serving", "after", "peak"): _boot,
}
