"""A stand-in for Heroku: its API as the CLI asks it, and a git remote that builds.

It has the rules of Heroku's buildpack for Python and of its dynos that a project can break:
supported versions of Python, one file of requirements, the size of a slug, the variables of a
dyno. A new release ends the old one's dyno before its own starts.
"""

import contextlib
import json
import re
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from running import clean_environment, free_port, install

from ml_ui.sizing.project import is_ignored, lines

from .app import App

NAME, KEY = "my-app", "HRKU-test"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MANAGERS = ("requirements.txt", "Pipfile.lock", "poetry.lock", "uv.lock")
SLUG = 1_000_000_000  # bytes
HOOK = """#!/bin/sh
read old new ref
[ "$ref" = refs/heads/main ] || exit 1
tar=$(mktemp) && git archive "$new" > "$tar"
exec {python} - "$tar" <<'END'
import sys, urllib.request
data = open(sys.argv[1], "rb").read()
said = urllib.request.urlopen("{url}/build", data=data, timeout=300).read().decode()
print(said)
sys.exit("rejected" in said)
END
"""


class Heroku:
    """One app with releases."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app = App(free_port(), folder / "dyno.log")
        # Slugs and their programs; the first release has none.
        self.releases: list[tuple[Path, Path] | None] = [None]
        self.url = ""
        self.environment: dict[str, str] = {}  # of a client

    def build(self, archive: Path) -> str:
        """Build a slug, release it and start its dyno; return the build's log."""
        slug = self.folder / f"slug-{len(self.releases)}"
        with tarfile.open(archive) as tar:
            tar.extractall(slug, filter="data")
        if refused := self.refusal(slug):
            return f"-----> Building on the Heroku-24 stack\n !     {refused}\n ! Push rejected"
        patterns, programs = lines(slug / ".slugignore"), install(slug)
        for path in sorted(slug.rglob("*"), reverse=True):
            if path.is_file() and is_ignored(patterns, path.relative_to(slug).as_posix()):
                path.unlink()
        self.release(slug, programs)
        return f"-----> Launching... Released v{len(self.releases)}"

    @staticmethod
    def refusal(slug: Path) -> str:
        """Return why the buildpack refuses a project; "" if it builds."""
        wanted = (slug / ".python-version").read_text().strip()
        if not re.fullmatch(r"3\.\d+(\.\d+)?", wanted) or wanted[:4].rstrip(".") not in PYTHONS:
            return f"Error: The requested Python version isn't recognised: {wanted}."
        if [name for name in MANAGERS if (slug / name).exists()] != ["requirements.txt"]:
            return "Error: Multiple Python package manager files were found."
        size = sum(path.stat().st_size for path in slug.rglob("*") if path.is_file())
        return f"Compiled slug size: {size} is too large (max is 1000M)." if size > SLUG else ""

    def release(self, slug: Path, programs: Path) -> None:
        """Add a release, and start its dyno in place of the one that runs."""
        self.releases.append((slug, programs))
        procfile = (slug / "Procfile").read_text("utf-8")
        command = re.search(r"^web: (.+)$", procfile, re.MULTILINE)[1]
        dyno = clean_environment(programs, PORT=str(self.app.port), DYNO="web.1")
        self.app.start(["bash", "-c", command], slug, dyno)

    def described(self, number: int) -> dict:
        """Return a release as the API describes it."""
        return {
            "id": f"id-{number}", "version": number, "current": number == len(self.releases),
            "status": "succeeded", "eligible_for_rollback": bool(self.releases[number - 1]),
            "description": "Deploy", "user": {"email": "a@example.com"}, "slug": None,
            "created_at": "2026-11-30T12:00:00Z",
        }  # fmt: skip

    def answer(self, method: str, path: str, content: bytes) -> object:
        """Return what the API answers."""
        app = f"/apps/{NAME}"
        count = len(self.releases)
        if path == "/build":
            archive = self.folder / "pushed.tar"
            archive.write_bytes(content)
            return self.build(archive)
        if path == "/log":
            lines = self.app.log.read_text("utf-8", "replace").splitlines()
            return "".join(f"data: {line}\n\n" for line in lines)
        if path == app:
            return {"id": "1", "name": NAME, "web_url": f"{self.app.url}/",
                    "owner": {"email": "a@example.com"}, "region": {"name": "us"},
                    "stack": {"name": "heroku-24"}, "build_stack": {"name": "heroku-24"}}  # fmt: skip
        if path == f"{app}/releases" and method == "GET":
            return [self.described(number) for number in range(count, 0, -1)]
        if path == f"{app}/releases":
            number = int(json.loads(content)["release"].removeprefix("id-"))
            self.release(*self.releases[number - 1])
            return self.described(len(self.releases))
        if found := re.fullmatch(rf"{app}/releases/(\d+)", path):
            return self.described(int(found[1]))
        if path == f"{app}/log-sessions":
            return {"logplex_url": f"{self.url}/log"}
        return []


@contextlib.contextmanager
def heroku(folder: Path) -> Iterator[Heroku]:
    """Give a stand-in for Heroku with one app, to which a client's environment leads."""
    host = Heroku(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = self.rfile.read(int(self.headers["Content-Length"] or 0))
            is_ours = self.path in ("/build", "/log")
            if not is_ours and self.headers["Authorization"] != f"Bearer {KEY}":
                self.send_error(401)
                return
            answer = host.answer(self.command, self.path.partition("?")[0], content)
            self.send_response(200)
            kind = "text/event-stream" if is_ours else "application/json"
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write((answer if is_ours else json.dumps(answer)).encode())

        do_POST = do_GET

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host.url = f"http://127.0.0.1:{server.server_port}"
        remote = folder / f"{NAME}.git"
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", remote], check=True)
        hook = remote / "hooks" / "pre-receive"
        hook.write_text(HOOK.format(python=sys.executable, url=host.url))
        hook.chmod(0o755)
        host.environment = {
            "HEROKU_HOST": host.url.replace("127.0.0.1", "localhost"), "HEROKU_API_KEY": KEY,
            "HEROKU_SKIP_NEW_VERSION_CHECK": "true", "HEROKU_DISABLE_AUTOUPDATE": "true",
            "DISABLE_TELEMETRY": "true",
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{folder}/.insteadOf",
            "GIT_CONFIG_VALUE_0": f"https://heroku:{KEY}@git.heroku.com/",
        }  # fmt: skip
        try:
            yield host
        finally:
            host.app.stop()
            server.shutdown()
