"""A stand-in for Cloud Run: the commands of gcloud that the workflow runs, on this machine.

A revision whose startup probe does not succeed gets no visitors, and fails the command that
made it. The service's address leads to the revision that has the traffic.
"""

import contextlib
import json
import re
import shutil
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import yaml
from running import clean_environment, free_port, install

from ml_ui.sizing.project import is_ignored, lines

from .app import App

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PROBE = 240.0  # seconds that a revision has to get ready, as in service.yaml
GCLOUD = """#!{python}
import json, os, sys, urllib.request
asked = json.dumps({{"arguments": sys.argv[1:], "folder": os.getcwd()}}).encode()
answer = json.load(urllib.request.urlopen("{url}", data=asked, timeout=300))
print(answer["said"], file=sys.stderr if answer["status"] else sys.stdout)
sys.exit(answer["status"])
"""


class Failed(Exception):
    """A command of gcloud's that fails, with what it says."""


class CloudRun:
    """One service: images, revisions, and which of them has the traffic."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.images: dict[str, tuple[Path, Path]] = {}  # and their programs
        self.revisions: dict[str, App] = {}
        self.serving = ""
        self.tagged = ""
        self.url = ""

    def submit(self, image: str, source: Path) -> str:
        """Build an image of a folder, without what its ignore file lists."""
        recipe = (source / "Dockerfile").read_text("utf-8")
        python = re.search(r"^FROM python:([\d.]+)-slim", recipe, re.MULTILINE)
        if not python or python[1] not in PYTHONS:
            raise Failed(f"Step 1: manifest for python:{python and python[1]}-slim not found")
        patterns = [*lines(source / ".dockerignore"), ".git"]
        target = self.folder / f"image-{len([*self.folder.glob('image-*')])}"
        shutil.copytree(source, target)
        programs = install(target)
        for path in sorted(target.rglob("*"), reverse=True):
            if path.is_file() and is_ignored(patterns, path.relative_to(target).as_posix()):
                path.unlink()
        self.images[image] = target, programs
        return "SUCCESS"

    def replace(self, service: dict) -> str:
        """Start a revision; give it traffic as the file says, once its probe succeeds."""
        image = service["spec"]["template"]["spec"]["containers"][0]["image"]
        folder, programs = self.images[image]
        name = f"app-{len(self.revisions) + 1:05}"
        app = App(free_port(), self.folder / f"{name}.log")
        self.revisions[name] = app
        environment = clean_environment(
            programs, PORT=str(app.port), GRADIO_SERVER_NAME="0.0.0.0", K_SERVICE="app"
        )
        app.start(["python", "app.py"], folder, environment)
        deadline = time.monotonic() + PROBE
        while not self.probe(app):
            if time.monotonic() > deadline or app.has_ended:
                app.stop()
                raise Failed(f"Revision '{name}' is not ready and cannot serve traffic.")
            time.sleep(0.5)
        traffic = service["spec"].get("traffic") or [{"latestRevision": True, "percent": 100}]
        for each in traffic:
            if each["percent"]:
                self.serving = each.get("revisionName", name)
            if "tag" in each:
                self.tagged = name
        return f"Service [app] revision [{name}] has been deployed"

    @staticmethod
    def probe(app: App) -> bool:
        with contextlib.suppress(URLError, OSError):
            return urlopen(f"{app.url}/readyz", timeout=5).status == 200
        return False

    def described(self) -> str:
        """Return the service, as JSON."""
        traffic = [{"revisionName": self.serving, "percent": 100}]
        if self.tagged:
            traffic.append({"revisionName": self.tagged, "tag": "next",
                            "url": self.revisions[self.tagged].url})  # fmt: skip
        return json.dumps({"status": {"url": self.url, "traffic": traffic}})

    def run(self, arguments: list[str], folder: Path) -> str:
        """Run a command of gcloud's; return what it prints."""
        match arguments:
            case ["builds", "submit", "--tag", image]:
                return self.submit(image, folder)
            case ["run", "services", "replace", file, *_]:
                return self.replace(yaml.safe_load(Path(file).read_text()))
            case ["run", "services", "describe", _, "--format", "json"]:
                return self.described()
            case ["run", "services", "update-traffic", _, "--to-latest"]:
                self.serving = [*self.revisions][-1]
                return "Traffic: 100% LATEST"
            case ["run", "services", "update-traffic", _, "--to-revisions", which]:
                self.serving = which.removesuffix("=100")
                return f"Traffic: 100% {self.serving}"
            case ["run", "services", "logs", "read", _, "--limit", _]:
                return [*self.revisions.values()][-1].log.read_text("utf-8", "replace")[-5000:]
        raise Failed(f"no such command here: {arguments}")


class Address:
    """The service's address: each connection goes to the revision with the traffic."""

    def __init__(self, host: CloudRun) -> None:
        class Forward(socketserver.BaseRequestHandler):
            def handle(self):
                if not host.serving:
                    return
                port = host.revisions[host.serving].port
                with socket.create_connection(("127.0.0.1", port)) as other:
                    back = threading.Thread(target=pump, args=(other, self.request), daemon=True)
                    back.start()
                    pump(self.request, other)
                    back.join()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = allow_reuse_address = True

        self.server = Server(("127.0.0.1", 0), Forward)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def pump(source: socket.socket, target: socket.socket) -> None:
    """Copy what comes in until it ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def cloud_run(folder: Path) -> Iterator[tuple[CloudRun, Address]]:
    """Give a stand-in for Cloud Run, with a command gcloud in the folder's bin/."""
    host = CloudRun(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                said, status = host.run(asked["arguments"], Path(asked["folder"])), 0
            except Failed as error:
                said, status = f"ERROR: {error}", 1
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"said": said, "status": status}).encode())

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = Address(host)
        host.url = address.url
        programs = folder / "bin"
        programs.mkdir()
        url = f"http://127.0.0.1:{server.server_port}"
        (programs / "gcloud").write_text(GCLOUD.format(python=sys.executable, url=url))
        (programs / "gcloud").chmod(0o755)
        try:
            yield host, address
        finally:
            for app in host.revisions.values():
                app.stop()
            address.server.shutdown()
            server.shutdown()
