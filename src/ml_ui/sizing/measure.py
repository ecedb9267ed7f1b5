"""Build and boot the project here, and measure its size, memory and boot time.

Everything is made in one temporary folder, which is removed; every process is ended.
"""

import gzip
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
import tarfile
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, NamedTuple, Self, cast

from .footprint import GZIP_OF_PYTHON

# Replace a file by its Git LFS pointer, as `git lfs clean` does.
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
POINTER = rb"^version https://git-lfs\S+\noid (\S+)\nsize (\d+)$"

# Send the app its own example.
REQUEST = """\
import sys
from ml_ui.call import connect, reason

try:
    app = connect(sys.argv[1])
    app.predict(app.example())
except Exception as error:
    sys.exit(reason(error))
"""

PATIENCE = 600  # seconds until the model has to be loaded
PAUSE = 0.02  # seconds between two samples

Progress = Callable[[str], None]  # called with a line of progress
Command = Sequence[str | Path]
Process = subprocess.Popen[bytes]


class CannotMeasure(RuntimeError):
    """The project does not install, build or boot; the text is the reason."""


class Site(NamedTuple):
    """A temporary folder in which a project is checked out, built and run."""

    project: Path
    folder: Path
    progress: Progress
    given: Path | None  # a virtual environment with the requirements, if there is one

    def run(self, command: Command, text: bytes = b"", **options: Any) -> bytes:
        """Return the output of a command; raise CannotMeasure if it fails."""
        with self.started(command, stdin=subprocess.PIPE, **options) as process:
            output, errors = process.communicate(text)
        if process.returncode:
            said = errors.decode(errors="replace").strip()[-2000:]
            raise CannotMeasure(f"{shlex.join(map(str, command))} failed:\n{said}")
        return output

    @contextmanager
    def started(self, command: Command, **options: Any) -> Iterator[Process]:
        """Yield a process that ends with the block."""
        defaults: dict[str, Any] = {
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "env": self.variables(),
            "start_new_session": True,
        }
        try:
            process: Process = subprocess.Popen(command, **(defaults | options))
        except FileNotFoundError:
            raise CannotMeasure(f"{command[0]} is not installed") from None
        with process:
            try:
                yield process
            finally:
                _end(process)

    def variables(self, **more: str) -> dict[str, str]:
        """Return environment variables that keep programs inside the folder."""
        # A git hook has variables that name the project's own repository.
        dropped = ("GIT_", "GRADIO_SERVER_", "PYTHONDONTWRITEBYTECODE")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
        # Podman keeps all layers of a build unless this is false.
        return {"BUILDAH_LAYERS": "false", **kept, "TMPDIR": str(self.folder), **more}

    def checkout(self) -> Path:
        """Return a folder with the files that git would push."""
        target = self.folder / "checkout"
        if target.exists():
            return target
        if (self.project / ".git").exists():
            command = ["git", "ls-files", "-zco", "--exclude-standard"]
            names = _names(self.run(command, cwd=self.project))
        else:
            names = self.files(self.project, "--exclude-standard")
        for name in names:
            if os.path.lexists(self.project / name):  # not deleted since the commit
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.project / name, target / name, follow_symlinks=False)
        return target

    def files(self, folder: Path, exclude: str) -> list[str]:
        """Return the names of a folder's files that git does not exclude."""
        with TemporaryDirectory(dir=self.folder) as fresh:
            git = ["git", f"--git-dir={fresh}", f"--work-tree={folder}"]
            self.run([*git, "init", "-q"])
            return _names(self.run([*git, "ls-files", "-zo", exclude], cwd=folder))

    def environment(self) -> Path:
        """Return a virtual environment with the requirements."""
        environment = self.given or self.folder / "venv"
        if not environment.exists():
            self.progress("Installing requirements.txt ...")
            # Without pip and what comes with it: the platform has its own.
            self.run([sys.executable, "-m", "venv", "--without-pip", environment])
            pip: list[str | Path] = [sys.executable, "-m", "pip", "--python"]
            pip += [_python(environment), "install", "-q", "-r"]
            self.run([*pip, self.checkout() / "requirements.txt"])
        return environment


def measure(
    project: Path,
    names: Iterable[str],
    progress: Progress,
    environment: Path | None = None,
) -> dict[str, float]:
    """Return measured quantities by name, in bytes and seconds.

    Args:
        project: its folder.
        names: quantities in MEASURES; others are left out.
        progress: called with lines of progress.
        environment: a virtual environment with the requirements, if there is one.

    Raises:
        CannotMeasure: the project does not install, build or boot.
    """
    names = {*names}
    measured: dict[str, float] = {}
    temporary = TemporaryDirectory(prefix="measure-", ignore_cleanup_errors=True)
    with _interruptible(), temporary as folder:
        site = Site(project.resolve(), Path(folder).resolve(), progress, environment)
        for quantities, function in MEASURES.items():
            if names & {*quantities}:
                measured |= function(site)
    return {name: value for name, value in measured.items() if name in names}


@contextmanager
def _interruptible() -> Iterator[None]:
    """Handle SIGTERM and SIGHUP as Ctrl-C, so that everything is cleaned up."""
    numbers = {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _checkout(site: Site) -> dict[str, float]:
    """Return the bytes of the files of a commit."""
    files = (path for path in site.checkout().rglob("*") if path.is_file())
    return {"checkout": sum(path.stat().st_size for path in files)}


def _repository(site: Site) -> dict[str, float]:
    """Return the bytes of git's objects, packed, and of all files in Git LFS."""
    site.progress("Packing the repository ...")
    store, clean = site.folder / "repository", site.folder / "clean.py"
    clean.write_text(CLEAN)
    settings = {
        "filter.lfs.clean": shlex.join([sys.executable, str(clean)]),
        "user.name": "measure",
        "user.email": "measure",
    }

    # Git LFS may be installed, and would store a copy of each file.
    env = site.variables(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1")

    def git(*arguments: str | Path, text: bytes = b"") -> bytes:
        command = ["git", f"--git-dir={store}", f"--work-tree={site.checkout()}"]
        return site.run([*command, *arguments], text, cwd=site.checkout(), env=env)

    git("init", "-q")
    for name, value in settings.items():
        git("config", name, value)
    if (site.project / ".git").exists():
        with suppress(CannotMeasure):  # there is no commit yet
            git("fetch", "-q", "--update-shallow", site.project, "HEAD")
            git("update-ref", "HEAD", "FETCH_HEAD")
            git("read-tree", "HEAD")
    git("add", "-A", "-f")
    git("commit", "-qm", "all", "--allow-empty", "--no-verify", "--no-gpg-sign")
    git("repack", "-adq")
    packed = sum(path.stat().st_size for path in store.glob("objects/pack/*.pack"))
    listing = git("cat-file", "--batch-all-objects", "--batch-check").splitlines()
    objects = (line.split() for line in listing)
    small = b"\n".join(name for name, _, size in objects if int(size) < 300)
    texts = git("cat-file", "--batch", text=small)
    in_lfs = dict(re.findall(POINTER, texts, re.MULTILINE))
    return {"repository": packed + sum(map(int, in_lfs.values()))}


def _slug(site: Site) -> dict[str, float]:
    """Return the bytes of a compressed archive of the installed project."""
    ignore = site.checkout() / ".slugignore"
    exclude = f"--exclude-from={ignore if ignore.exists() else os.devnull}"
    files = [site.checkout() / name for name in site.files(site.checkout(), exclude)]
    environment = site.environment()
    if environment not in _compressed:
        _compressed[environment] = _archived([environment], site.progress)
    sources = _archived(files, site.progress)
    # Heroku's Python is not available here.
    return {"slug": sources + _compressed[environment] + GZIP_OF_PYTHON}


_compressed: dict[Path, int] = {}  # of environments, which projects may share


def _archived(paths: Iterable[Path], progress: Progress) -> int:
    """Return the bytes of a compressed archive; gzip's outputs may be joined."""
    counted = Compressed(progress)
    target = cast(IO[bytes], counted)  # only written to
    with tarfile.open(fileobj=target, mode="w|", bufsize=1 << 20) as archive:
        for path in paths:
            archive.add(path)
    return counted.finish()


class Compressed:
    """A file object that counts the bytes written, and their size after gzip."""

    def __init__(self, progress: Progress) -> None:
        self.size, self.written = 0, 0
        self._gzip, self._progress = zlib.compressobj(6, wbits=31), progress
        self._shown = time.monotonic()

    def write(self, data: bytes) -> int:
        """Count bytes."""
        self.written += len(data)
        self.size += len(self._gzip.compress(data))
        if time.monotonic() > self._shown + 1:
            self._shown = time.monotonic()
            self._progress(f"Compressing ... {self.size / 1e6:.0f} MB")
        return len(data)

    def finish(self) -> int:
        """Return the compressed size of everything written."""
        self.size += len(self._gzip.flush())
        return self.size


def _image(site: Site) -> dict[str, float]:
    """Return the bytes of the image, and of its layers as they are pulled."""
    if not (site.checkout() / "Dockerfile").exists():
        site.progress("No image: there is no Dockerfile.")
        return {}
    for engine in ("docker", "podman"):
        with suppress(CannotMeasure):
            site.run([engine, "info"])
            break
    else:
        site.progress("No image: neither docker nor podman answers.")
        return {}
    site.progress(f"Building the image with {engine} ...")
    tag, unpacked, pulled = f"measure:{site.folder.name}", 0, 0
    try:
        _build(site, engine, tag)
        save = site.started([engine, "save", tag], stderr=subprocess.DEVNULL)
        with save as process, tarfile.open(fileobj=process.stdout, mode="r|") as saved:
            for member in saved:
                if not member.isfile():
                    continue
                layer = cast(BufferedReader, saved.extractfile(member))
                start = layer.peek(512)
                is_packed = start.startswith(b"\x1f\x8b")
                if not is_packed and start[257:262] != b"ustar":
                    continue  # it describes the image
                content = gzip.GzipFile(fileobj=layer) if is_packed else layer
                counted = Compressed(site.progress)
                shutil.copyfileobj(content, counted, 1 << 20)
                unpacked += counted.written
                pulled += member.size if is_packed else counted.finish()
    finally:
        with suppress(CannotMeasure):  # the build failed
            site.run([engine, "rmi", "-f", tag])
    return {"image": unpacked, "pull": pulled}


def _build(site: Site, engine: str, tag: str) -> None:
    """Build the image and leave no container, even if the build is interrupted.

    Podman builds in a container of Buildah's, and leaves it behind then.
    """

    def builders() -> set[str]:
        if engine != "podman":
            return set()
        listing = [engine, "ps", "--all", "--quiet"]
        own = {*site.run(listing).decode().split()}
        return {*site.run([*listing, "--external"]).decode().split()} - own

    before = builders()
    try:
        site.run([engine, "build", "--tag", tag, site.checkout()])
    except BaseException:
        for container in builders() - before:
            site.run([engine, "rm", "--force", container])
        raise


def _boot(site: Site) -> dict[str, float]:
    """Return the seconds until the app answers, and its anonymous memory in bytes.

    Platforms count anonymous memory: the kernel cannot drop it, as it can pages that
    are mapped from files.
    """
    python, log = _python(site.environment()), site.folder / "app.log"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site.progress("Starting app.py ...")
    start = time.monotonic()
    with (
        log.open("wb") as output,
        site.started(
            [python, "app.py"],
            env=site.variables(PORT=str(port)),
            cwd=site.checkout(),
            stdout=output,
            stderr=output,
        ) as app,
        Memory(app.pid) as memory,
    ):

        def failure(what: str) -> CannotMeasure:
            said = log.read_text("utf-8", "replace").strip()[-2000:]
            return CannotMeasure(f"{what}:\n{said}")

        def wait_for(page: str) -> float:
            while (answer := _answer(port, page))[0] != 200:
                if app.poll() is not None:
                    raise failure("app.py ended")
                if answer[1].get("status") == "failed":
                    raise failure("the model cannot be loaded")
                if time.monotonic() > start + PATIENCE:
                    raise failure(f"{page} did not answer within {PATIENCE} s")
                time.sleep(PAUSE)
            return time.monotonic() - start

        measured: dict[str, float] = {"boot": wait_for("/healthz")}
        site.progress("Loading the model ...")
        wait_for("/readyz")
        if sys.platform != "linux":
            site.progress("No memory: it can only be measured on Linux.")
            return measured
        memory.settled()
        measured["loading"], memory.highest = memory.highest, 0
        site.progress("Sending a request ...")
        url = f"http://127.0.0.1:{port}"
        try:
            site.run([python, "-", url], REQUEST.encode(), cwd=site.checkout())
        except CannotMeasure:
            raise failure("the app fails on its own example") from None
        measured["serving"] = memory.highest
        measured["peak"] = max(measured["loading"], measured["serving"])
        measured["memory"] = memory.settled()  # libraries set up more at the first call
    return measured


class Memory(threading.Thread):
    """Sample the anonymous memory of a process and its children."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.highest, self._pid, self._ended = 0, pid, threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def run(self) -> None:
        """Keep the highest sample."""
        while not self._ended.wait(PAUSE):
            if (now := _anonymous(self._pid)) > self.highest:
                self.highest = now

    def settled(self) -> int:
        """Return a sample once it is within 1 % of the one a second before."""
        before, now = 0, _anonymous(self._pid)
        while abs(now - before) > now / 100:
            time.sleep(1)
            before, now = now, _anonymous(self._pid)
        return now


def _anonymous(pid: int | str) -> int:
    """Return the bytes of anonymous memory and swap of a process and its children."""
    total, process = 0, Path("/proc", str(pid))
    with suppress(OSError):  # it has ended
        lines = (process / "status").read_text()
        held = re.findall(r"^(?:RssAnon|VmSwap):\s+(\d+)", lines, re.MULTILINE)
        total += 1024 * sum(map(int, held))
        for children in process.glob("task/*/children"):
            total += sum(map(_anonymous, children.read_text().split()))
    return total


def _answer(port: int, page: str) -> tuple[int, dict[str, Any]]:
    """Return the status and JSON of a page; status 0 if nothing answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", page)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError):
        return 0, {}
    finally:
        connection.close()


def _python(environment: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    windows = environment / "Scripts" / "python.exe"
    return windows if windows.exists() else environment / "bin" / "python"


def _names(listing: bytes) -> list[str]:
    return [name for name in os.fsdecode(listing).split("\0") if name]


def _end(process: Process) -> None:
    """Terminate a process and its children; kill them if that takes too long."""
    if not hasattr(os, "killpg"):
        process.terminate()
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(OSError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(10)


# By the quantities that they measure.
MEASURES: Mapping[tuple[str, ...], Callable[[Site], dict[str, float]]] = {
    ("checkout",): _checkout,
    ("repository",): _repository,
    ("slug",): _slug,
    ("image", "pull"): _image,
    ("boot", "memory", "loading", "serving", "peak"): _boot,
}
