"""Deployments that succeed, and that fail in three ways; and what is live after each."""

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
import yaml
from filelock import FileLock
from gradio_client import Client
from running import BUILD, clean_environment, install

from .runner import Run, Runner

HEROKU = "11.10.0"  # the version that the workflow installs
EXAMPLE, RIGHT = (5.1, 3.5, 1.4, 0.2), "setosa"  # Fisher's first flower
WAIT = "180"  # seconds, in place of the minutes of a workflow
ON_HOST = "\n\nimport os\n\nif os.environ.keys() & {'DYNO', 'SPACE_ID', 'K_SERVICE'}:\n"
HANGS = "    def load():\n        import time\n        time.sleep(3600)\n"
WRONG = (
    "    right = predict\n\n    def predict(*row):\n"
    "        return {name: (1 - share) / 2 for name, share in right(*row).items()}\n"
)
GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]


def edit(name: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    """Return an edit of a project's file."""

    def apply(project: Path) -> None:
        path = project / name
        old = path.read_text("utf-8")
        path.write_text(change(old), "utf-8")
        assert path.read_text("utf-8") != old

    return apply


GOOD = edit("app.py", lambda text: text.replace("title=", "title='New: ' + ", 1))
HANG = edit("model.py", lambda text: text + ON_HOST + HANGS)
LIE = edit("model.py", lambda text: text + ON_HOST + WRONG)
UNBUILT = {  # what the host alone refuses
    "heroku": edit(".python-version", lambda text: "3.8\n"),
    "cloud-run": edit("Dockerfile", lambda text: text.replace("FROM python:3", "FROM python:9")),
    "huggingface": edit("README.md", lambda text: re.sub(r"(sdk_version: ).*", r'\1"99.0"', text)),
}


@dataclass
class After:
    """A deployment, and what is live after it."""

    case: str
    run: Run
    version: str  # that /readyz says
    answer: str  # to EXAMPLE
    seconds: float

    @property
    def is_right(self) -> bool:
        return self.answer == RIGHT


class Addressed(Protocol):
    """What has an address."""

    url: str


class Rehearsal:
    """An owner's repository, the runner of its workflow, and a host."""

    def __init__(
        self, platform: str, project: Path, folder: Path, app: Addressed,
        environment: dict[str, str], contexts: dict[str, Any],
    ) -> None:  # fmt: skip
        self.app, self.contexts = app, contexts
        self.checkout = shutil.copytree(project, folder / "repository")
        self.unbuilt = UNBUILT[platform]
        programs = install(project)
        path = os.pathsep.join([environment.pop("PATH"), str(programs), "/usr/bin", "/bin"])
        machine = clean_environment(programs) | {
            "PATH": path, "HOME": str(folder), "CI": "true", "GITHUB_ACTIONS": "true",
            "PIP_QUIET": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environment,
        }  # fmt: skip
        self.runner = Runner(self.checkout, machine, WAIT)
        self.git("init", "-q", "-b", "main")
        self.commit("First version")

    def git(self, *arguments: str) -> None:
        subprocess.run([*GIT, *arguments], cwd=self.checkout, check=True, capture_output=True)

    def commit(self, subject: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", subject)

    def deploy(self, case: str, change: Callable[[Path], None] | None = None) -> After:
        """Commit a change, run the workflow, and look at what is live then."""
        if change:
            change(self.checkout)
            self.commit(case)
        start = time.monotonic()
        done = self.runner.run("deploy", **self.contexts)
        seconds = time.monotonic() - start
        after = After(case, done, *self.live(), seconds)
        if change and not done.succeeded:
            self.git("revert", "--no-edit", "HEAD")  # the owner does, too
        return after

    def live(self) -> tuple[str, str]:
        """Return the version that is live, and its answer."""
        try:
            said = httpx.get(f"{self.app.url}/readyz", timeout=10).json()
            if said["status"] != "ready":
                return said["version"], said["status"]
            client = Client(self.app.url, verbose=False)
            return said["version"], client.predict(*EXAMPLE, api_name="/predict")["label"]
        except (httpx.HTTPError, ValueError) as error:
            return "", type(error).__name__

    def cases(self) -> Iterator[After]:
        """Deploy for the first time, then in each of the four ways."""
        yield self.deploy("the first deployment")
        yield self.deploy("success", GOOD)
        yield self.deploy("a build that fails", self.unbuilt)
        yield self.deploy("an app that never gets ready", HANG)
        yield self.deploy("a wrong answer", LIE)


def heroku_cli() -> Path:
    """Return the folder with the command `heroku`, and with an `npm` that installs nothing."""
    folder = BUILD / f"heroku-{HEROKU}"
    with FileLock(f"{folder}.lock"):
        programs = folder / "bin"
        if not programs.exists():
            install = ["npm", "install", "--silent", "--prefix", folder, f"heroku@{HEROKU}"]
            subprocess.run(install, check=True, env=os.environ | {"DISABLE_TELEMETRY": "true"})
            programs.mkdir()
            (programs / "npm").write_text("#!/bin/sh\n")
            (programs / "npm").chmod(0o755)
            (programs / "heroku").symlink_to("../node_modules/.bin/heroku")
    return programs


@contextlib.contextmanager
def on_heroku(project: Path, folder: Path, programs: Path) -> Iterator[Rehearsal]:
    """Give a rehearsal on a stand-in for Heroku.

    Args:
        project: a generated one.
        folder: an empty one.
        programs: the folder with the command `heroku`.
    """
    from .heroku import KEY, NAME, heroku

    with heroku(folder) as host:
        contexts = {"vars": {"HEROKU_APP": NAME}, "secrets": {"HEROKU_API_KEY": KEY}}
        environment = host.environment | {"PATH": str(programs), "PYTHONPATH": ""}
        environment.pop("HEROKU_API_KEY")
        yield Rehearsal("heroku", project, folder, host.app, environment, contexts)


@contextlib.contextmanager
def on_the_hub(project: Path, folder: Path) -> Iterator[Rehearsal]:
    """Give a rehearsal on a stand-in for the Hub, with one Space."""
    from .hub import SPACE, hub

    quick = folder / "bin"
    quick.mkdir()
    (quick / "sleep").write_text("#!/bin/sh\n")  # this Hub knows of a commit at once
    (quick / "sleep").chmod(0o755)
    with hub(folder, SPACE) as host:
        environment = {
            "PATH": str(quick), "HF_ENDPOINT": host.url, "HF_HUB_DISABLE_XET": "1",
            "HF_HOME": str(folder / "hf"), "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{host.url}/id-token",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret",
        }  # fmt: skip
        contexts = {"vars": {"SPACES": f'["{SPACE}"]'}, "matrix": {"space": SPACE}}
        app = host.spaces[SPACE].app
        yield Rehearsal("huggingface", project, folder, app, environment, contexts)


@contextlib.contextmanager
def on_cloud_run(project: Path, folder: Path) -> Iterator[Rehearsal]:
    """Give a rehearsal on a stand-in for Cloud Run, where a first version is live."""
    from .cloud_run import cloud_run

    with cloud_run(folder) as (host, address):
        host.submit("by hand", project)
        service = yaml.safe_load((project / "service.yaml").read_text("utf-8"))
        service["spec"]["template"]["spec"]["containers"][0]["image"] = "by hand"
        host.replace(service)
        contexts = {"vars": {"GOOGLE_PROJECT": "project"}, "github": {"sha": "0123abc"}}
        environment = {"PATH": str(folder / "bin")}
        yield Rehearsal("cloud-run", project, folder, address, environment, contexts)
