"""A stand-in for the Hub's downloads: repositories with commits, served on loopback."""

import contextlib
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from huggingface_hub import snapshot_download

LFS = 1000  # bytes; smaller files are in plain git
RESOLVE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
API = re.compile(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/?]+))?")


@dataclass
class Repository:
    """Commits of a model repository, the newest last."""

    commits: dict[str, dict[str, bytes]]
    token: str | None = None  # a private one shows itself to this alone
    gated: bool = False

    def commit(self, revision: str) -> str | None:
        newest = [*self.commits][-1]
        return newest if revision == "main" else revision if revision in self.commits else None


@dataclass
class State:
    """What the stand-in has and does, and what it was asked for."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # method and path
    ranges: list[str] = field(default_factory=list)
    cut: int | None = None  # bytes after which one answer's connection is cut
    pause: float = 0.0  # seconds between two parts of a file
    broken: int | None = None  # a status for every request

    def add(self, name: str, *commits: dict[str, bytes], **options) -> list[str]:
        """Add a repository; return the hashes of its commits."""
        hashes = [hashlib.sha1(f"{name} {n}".encode()).hexdigest() for n in range(len(commits))]
        found = dict(zip(hashes, commits, strict=True))
        self.repositories[name] = Repository(found, **options)
        return hashes


def etag(content: bytes) -> str:
    """Return the hash by which the Hub names a file: git's, or sha256 in LFS."""
    if len(content) < LFS:
        return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()
    return hashlib.sha256(content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Answers as the Hub's endpoints do, as far as downloads need them."""

    protocol_version = "HTTP/1.1"
    state: State

    def do_GET(self):
        self.state.asked.append(f"{self.command} {self.path}")
        if self.state.broken:
            return self.fail(self.state.broken, "")
        found = RESOLVE.fullmatch(self.path.partition("?")[0]) or API.match(self.path)
        repository = self.state.repositories.get(found[1]) if found else None
        given = self.headers.get("Authorization")
        if not repository:
            return self.fail(401, "RepoNotFound")
        if repository.token and given != f"Bearer {repository.token}":
            if not repository.gated:  # the Hub does not say that there is one
                return self.fail(404 if given else 401, "RepoNotFound")
            if found.re is RESOLVE:
                return self.fail(403 if given else 401, "GatedRepo")
        revision = (found[2] if found.re is RESOLVE else found[3]) or "main"
        commit = repository.commit(revision)
        if not commit:
            return self.fail(404, "RevisionNotFound")
        files = repository.commits[commit]
        if found.re is RESOLVE:
            if found[3] not in files:
                return self.fail(404, "EntryNotFound")
            return self.file(commit, files[found[3]])
        if found[2] == "tree":
            return self.json([
                {"type": "file", "path": name, "size": len(content), "oid": etag(content)}
                | ({"lfs": {"oid": etag(content), "size": len(content), "pointerSize": 130}}
                   if len(content) >= LFS else {})
                for name, content in files.items()
            ])  # fmt: skip
        return self.json({
            "_id": "0", "id": found[1], "modelId": found[1], "sha": commit, "private": False,
            "siblings": [{"rfilename": name} for name in files], "tags": [], "downloads": 0,
            "likes": 0, "createdAt": "2026-01-01T00:00:00.000Z",
        })  # fmt: skip

    do_HEAD = do_GET

    def json(self, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def file(self, commit: str, content: bytes) -> None:
        first = 0
        if asked := self.headers.get("Range"):
            self.state.ranges.append(asked)
            first = int(re.fullmatch(r"bytes=(\d+)-\d*", asked)[1])
        self.send_response(206 if asked else 200)
        self.send_header("ETag", f'"{etag(content)}"')
        self.send_header("X-Repo-Commit", commit)
        if len(content) >= LFS:
            self.send_header("X-Linked-Size", str(len(content)))
            self.send_header("X-Linked-ETag", f'"{etag(content)}"')
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        if self.command == "HEAD":
            return
        cut, self.state.cut = self.state.cut, None
        if cut is not None:
            self.wfile.write(content[first : first + cut])
            self.wfile.flush()
            self.connection.shutdown(2)
            self.close_connection = True
            return
        for start in range(first, len(content), 4096 if self.state.pause else 1 << 20):
            self.wfile.write(content[start : start + (4096 if self.state.pause else 1 << 20)])
            time.sleep(self.state.pause)

    def fail(self, status: int, code: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def served() -> Iterator[tuple[str, State]]:
    """Yield the address of a stand-in, and its state."""
    state = State()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Hub", (Handler,), {"state": state}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", state
    finally:
        server.shutdown()
        server.server_close()


def download(url: str, cache: Path, repo: str, *files: str, **options) -> Path:
    """Download a repository into a cache, as `hf download` does; return the snapshot."""
    found = snapshot_download(
        repo, cache_dir=cache, endpoint=url, allow_patterns=files or None, **options
    )
    return Path(found)
