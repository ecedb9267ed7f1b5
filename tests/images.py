"""Build and run images with Docker, or with podman where no Docker engine answers.

Podman gets a stand-in for `python:<version>-slim`, so it needs no image registry.
"""

import json
import os
import platform
import shlex
import shutil
import ssl
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.running import install_packages

CACHE = Path(__file__).parent.parent / "build" / "images"
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
WHEELS = "/wheels"
COMPOSE = "podman-compose==1.6.0"
INSTALL = "apt-get install podman buildah runc catatonit mmdebstrap"
# crun cannot run under hybrid cgroups, and the default limits may exceed the host's.
SETTINGS = {
    "CONTAINERS_STORAGE_CONF": """\
[storage]
driver = "overlay"
graphroot = "{cache}/store"
runroot = "{cache}/run"
[storage.options.overlay]
skip_mount_home = "true"  # a mount there would outlive the tests
""",
    "CONTAINERS_CONF": """\
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
[engine]
runtime = "runc"
""",
}
# What the official slim image holds and CPython is linked with.
DEBIAN = (
    "ca-certificates,libbz2-1.0,libexpat1,libffi8,liblzma5,libncursesw6,libreadline8,"
    "libsqlite3-0,libssl3,libuuid1,netbase,tzdata,zlib1g"
)
STAND_IN = f"""\
FROM scratch
ADD debian.tar /
ADD python.tar /usr/local
ENV PIP_CERT={CA_BUNDLE} PIP_RETRIES=0
RUN ldconfig && cd /usr/local/bin && ln -s python3.* python3 && ln -s python3 python \\
    && python -m ensurepip --default-pip
"""


class Container:
    """A container that runs, or ran."""

    def __init__(self, command: str, name: str) -> None:
        self._command, self._name = command, name

    def __call__(self, *command: str) -> str:
        """Run a command inside and return what it printed."""
        return _run(self._command, "exec", self._name, *command).stdout

    def state(self) -> dict:
        """Return what the engine tells of it: Running, ExitCode, Health."""
        inspect = _run(self._command, "inspect", "--format={{json .State}}", self._name)
        return json.loads(inspect.stdout)

    def wait_until_ready(self, url: str, seconds: float = 90) -> None:
        """Return once the app is ready; if it is not in time, show what it printed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.state()["Running"]:
            try:
                if httpx.get(f"{url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.5)
        log = _run(self._command, "logs", self._name)
        raise AssertionError(f"not ready within {seconds} s:\n{log.stdout}{log.stderr}")

    def health(self, seconds: float = 40) -> str:
        """Return "healthy" once it is, or what it still is in the end."""
        deadline = time.monotonic() + seconds
        while True:
            if self._command == "podman":  # it has no timers without systemd
                _run("podman", "healthcheck", "run", self._name, check=False)
            status = self.state()["Health"]["Status"]
            if status == "healthy" or time.monotonic() > deadline:
                return status
            time.sleep(1)

    def stop(self, seconds: int) -> int:
        """Stop it, by force after `seconds`, and return its exit status."""
        _run(self._command, "stop", "-t", str(seconds), self._name)
        return self.state()["ExitCode"]


class Engine:
    """The container engine at hand; without one the test is skipped."""

    def __init__(self, python: str = "3.12") -> None:
        self.command, self.python_version, self._options = "docker", python, []
        if shutil.which("docker") and _run("docker", "info", check=False).returncode == 0:
            return
        if not all(map(shutil.which, INSTALL.split()[2:])):
            pytest.skip(f"no container engine: start Docker, or {INSTALL}")
        # Only Docker's format has health checks.
        self._options = ["--format=docker", "--isolation=chroot", "--pull=never"]
        paths = ssl.get_default_verify_paths()
        if bundle := os.environ.get(paths.openssl_cafile_env) or paths.cafile:
            self._options.append(f"--volume={bundle}:{CA_BUNDLE}:ro")
        CACHE.mkdir(parents=True, exist_ok=True)
        for variable, text in SETTINGS.items():
            path = CACHE / f"{variable.lower()}.toml"
            path.write_text(text.format(cache=CACHE))
            os.environ[variable] = str(path)
        self.command = "podman"
        wheels = os.environ.get("PIP_FIND_LINKS", "")
        self._has_wheels = os.path.isdir(wheels)
        if self._has_wheels:
            self._options.append(f"--volume={wheels}:{WHEELS}:ro")
        self.python_version, prefix = _installed_python(python)
        if _run("podman", "image", "exists", self.base, check=False).returncode:
            self._make_stand_in(self.base, prefix)

    @property
    def base(self) -> str:
        """The image that the generated Dockerfile begins with."""
        return f"docker.io/library/python:{self.python_version}-slim"

    def _make_stand_in(self, tag: str, prefix: Path) -> None:
        """Make an image of this release of Debian and the CPython in `prefix`."""
        context = CACHE / "context"
        context.mkdir(exist_ok=True)
        release = platform.freedesktop_os_release()["VERSION_CODENAME"]
        include = f"--include={DEBIAN}"
        _run("mmdebstrap", "--variant=minbase", include, release, str(context / "debian.tar"))
        with tarfile.open(context / "python.tar", "w") as tar:
            for name in ("bin/python{}", "lib/python{}", "lib/libpython{}.so.1.0"):
                path = prefix / name.format(self.python_version)
                if path.exists():
                    tar.add(path, path.relative_to(prefix), filter=_of_slim)
        links = f"ENV PIP_FIND_LINKS={WHEELS}\n" if self._has_wheels else ""
        (context / "Dockerfile").write_text(STAND_IN + links)
        self.build(context, tag)
        shutil.rmtree(context)

    def build(self, context: Path, tag: str, *options: str) -> str:
        """Build the image and return what the build printed."""
        done = _run(self.command, "build", *self._options, *options, "--tag", tag, str(context))
        return done.stdout + done.stderr

    def compose(self) -> str:
        """Return what a shell needs for `docker compose`: podman-compose, or nothing."""
        if self.command == "docker":
            return ""
        programs = install_packages("podman-compose", COMPOSE)
        options = shlex.quote(f"--podman-build-args={' '.join(self._options)}")
        return f'docker() {{ {programs}/python {programs}/podman-compose {options} "${{@:2}}"; }}\n'

    def layers(self, tag: str) -> list[str]:
        """Return the names of an image's layers."""
        inspect = _run(self.command, "image", "inspect", "--format={{json .RootFS.Layers}}", tag)
        return json.loads(inspect.stdout)

    def save(self, tag: str, archive: Path) -> None:
        """Write an image to a file, layer by layer."""
        _run(self.command, "save", "--output", str(archive), tag)

    def remove(self, tag: str) -> None:
        """Remove an image; its layers stay for the next build."""
        _run(self.command, "image", "rm", "--force", tag)

    @contextmanager
    def run(self, tag: str, *options: str) -> Iterator[Container]:
        """Run the image in the background; in the end the container is removed."""
        name = _run(self.command, "run", "--detach", *options, tag).stdout.strip()
        try:
            yield Container(self.command, name)
        finally:
            _run(self.command, "rm", "--force", name)


def _installed_python(wanted: str) -> tuple[str, Path]:
    """Find a CPython that has a folder of its own: its version and the folder."""
    prefixes = [Path(sys.base_prefix), *PYENV.glob("versions/*")]
    for version in (wanted, "3.12", "3.13", "3.11"):
        on_path = shutil.which(f"python{version}") or ""
        for prefix in [*prefixes, Path(on_path).resolve().parent.parent]:
            if prefix != Path("/usr") and (prefix / "bin" / f"python{version}").is_file():
                return version, prefix
    pytest.skip("no CPython 3.11 to 3.13 to put into an image: install one with pyenv or uv")


def _of_slim(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out what a slim image does not have."""
    folders = {"__pycache__", "site-packages", "test", "idlelib", "tkinter"}
    return None if folders & {*Path(member.name).parts} or member.name.endswith(".a") else member


def _run(*command: str, check: bool = True) -> subprocess.CompletedProcess:
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done
