"""A stand-in for the Hub: what `hf` asks of a Space, from the exchange of tokens to its logs.

A trusted publisher's token writes to its own Space alone, and no other token does. Each commit
builds the Space anew. Whether an old version answers on while its successor's build has failed
is documented nowhere, so here it does not: restoring has to work without.
"""

import base64
import contextlib
import hashlib
import json
import re
import shutil
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml
from running import clean_environment, free_port, install

from .app import App

SPACE = "user/iris"
CLAIMS = {"repository": "owner/iris", "branch": "main", "workflow": "deploy.yml"}
GRADIO = re.compile(r"6\.\d+\.\d+")
MEMORY = {"current": "cpu-basic", "requested": "cpu-basic"}
COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
ALLOWED = {
    "sdk": ("gradio", "docker", "static"), "colorFrom": COLOURS, "colorTo": COLOURS,
}  # fmt: skip
TIME = "2026-11-30T12:00:00.000Z"


class Space:
    """A Space: commits, a stage, logs and one container."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app = App(free_port(), folder / "container.log")
        self.commits: dict[str, dict[str, bytes]] = {}
        self.stage, self.build_log = "NO_APP_FILE", ""
        self.commit({"README.md": b"---\nsdk: gradio\n---\n", ".gitattributes": b"*.skops lfs\n"})

    @property
    def sha(self) -> str:
        return [*self.commits][-1]

    def commit(self, files: dict[str, bytes]) -> None:
        """Add a commit, and build it in the background."""
        digest = hashlib.sha1(repr((len(self.commits), sorted(files))).encode()).hexdigest()
        self.commits[digest] = files
        if "app.py" in files:
            self.stage = "RUNNING_BUILDING" if self.app.process else "BUILDING"
            threading.Thread(target=self.build, args=(files,), daemon=True).start()

    def build(self, files: dict[str, bytes]) -> None:
        """Build the container of a commit, and start it in place of the one that runs."""
        self.build_log = "===== Build Queued =====\n"
        front = yaml.safe_load(files["README.md"].decode().split("---\n")[1])
        if not GRADIO.fullmatch(str(front.get("sdk_version"))):
            self.build_log += (
                "ERROR: Could not find a version that satisfies the requirement "
                f"gradio[oauth,mcp]=={front.get('sdk_version')}\n"
            )
            self.app.stop()
            self.stage = "BUILD_ERROR"
            return
        folder = self.folder / f"commit-{len(self.commits)}"
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        environment = clean_environment(
            install(folder), SYSTEM="spaces", SPACE_ID=SPACE, SPACE_HOST="localhost",
            GRADIO_SERVER_NAME="0.0.0.0", GRADIO_SERVER_PORT=str(self.app.port),
            GRADIO_SSR_MODE="True",
        )  # fmt: skip
        self.stage = "APP_STARTING"
        self.app.start(["python", "app.py"], folder, environment)
        while not (self.app.listens or self.app.has_ended):
            time.sleep(0.3)
        self.stage = "RUNTIME_ERROR" if self.app.has_ended else "RUNNING"


class Hub:
    """Spaces, and the tokens that write to them."""

    def __init__(self, folder: Path, *spaces: str) -> None:
        self.spaces = {}
        for name in spaces:
            place = folder / name.replace("/", "-")
            place.mkdir()
            self.spaces[name] = Space(place)
        self.tokens: dict[str, str] = {}  # and the Space that each writes to
        self.objects: dict[str, bytes] = {}
        self.url = ""

    def exchange(self, asked: dict) -> dict | None:
        """Return a token for a job's identity, as a trusted publisher gets it."""
        claims = json.loads(base64.b64decode(asked["subject_token"]))
        if claims != CLAIMS | {"aud": self.url}:
            return None
        token = f"hf_jwt_{len(self.tokens)}"
        self.tokens[token] = asked["resource"].removeprefix("spaces/")
        return {"access_token": token, "token_type": "bearer", "expires_in": 3600}

    def commit(self, name: str, lines: list[dict]) -> dict:
        """Apply the operations of a commit."""
        space = self.spaces[name]
        files = dict(space.commits[space.sha])
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        space.commit(files)
        return {"commitUrl": f"{self.url}/spaces/{name}/commit/{space.sha}", "commitOid": space.sha}


class Handler(BaseHTTPRequestHandler):
    """Answers what `hf` asks."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_GET(self):
        content = self.rfile.read(int(self.headers["Content-Length"] or 0))
        path, _, query = self.path.partition("?")
        if path == "/id-token":
            audience = query.removeprefix("audience=").replace("%3A", ":").replace("%2F", "/")
            token = base64.b64encode(json.dumps(CLAIMS | {"aud": audience}).encode())
            return self.json({"value": token.decode()})
        if path == "/oauth/token":
            token = self.hub.exchange(json.loads(content))
            return self.json(token or {"error": "invalid_grant"}, 200 if token else 400)
        if path.startswith("/objects/"):
            self.hub.objects[path.rpartition("/")[2]] = content
            return self.send(b"", "text/plain")
        if path == "/api/validate-yaml":
            errors = [{"message": each} for each in refused(json.loads(content)["content"])]
            return self.json({"errors": errors, "warnings": []}, 400 if errors else 200)
        if path == "/api/repos/create":
            name = json.loads(content)
            full = f"{name.get('organization') or 'user'}/{name['name']}"
            return self.json(
                {"url": f"{self.hub.url}/spaces/{full}", "name": full, "id": full}, 409
            )
        found = re.fullmatch(r"(?:/api)?/spaces/([^/]+/[^/]+?)(?:\.git)?(?:/(.*))?", path)
        if not found or found[1] not in self.hub.spaces:
            return self.json({"error": f"no {path}"}, 404)
        name, rest = found[1], found[2] or ""
        if self.command == "POST":
            token = (self.headers["Authorization"] or "").removeprefix("Bearer ")
            if self.hub.tokens.get(token) != name:
                return self.json({"error": "Forbidden"}, 403)
            return self.json(self.post(name, rest, content))
        return self.get(name, rest)

    do_POST = do_PUT = do_HEAD = do_GET

    def post(self, name: str, rest: str, content: bytes) -> dict:
        """Return the answer to what writes to a Space."""
        if rest.startswith("preupload/"):
            files = json.loads(content)["files"]
            for file in files:
                is_binary = b"\0" in base64.b64decode(file["sample"])
                file |= {"uploadMode": "lfs" if is_binary else "regular", "shouldIgnore": False}
            return {"files": files}
        if rest.endswith("objects/batch"):
            objects = json.loads(content)["objects"]
            for each in objects:
                each["actions"] = {"upload": {"href": f"{self.hub.url}/objects/{each['oid']}"}}
            return {"transfer": "basic", "objects": objects}
        if rest.startswith("commit/"):
            return self.hub.commit(name, [json.loads(line) for line in content.splitlines()])
        return {}

    def get(self, name: str, rest: str) -> None:
        """Answer what reads a Space."""
        space = self.hub.spaces[name]
        kind, _, rest = rest.partition("/")
        if kind == "logs":
            text = space.build_log if rest == "build" else space.app.log.read_text("utf-8")
            events = ({"data": line, "timestamp": TIME} for line in text.splitlines())
            said = "".join(f"data: {json.dumps(each)}\n\n" for each in events)
            return self.send(said.encode(), "text/event-stream")
        if kind == "runtime":
            return self.json({"stage": space.stage, "hardware": MEMORY, "gcTimeout": 172800})
        revision, _, file = rest.partition("/")
        sha = space.sha if revision in ("", "main") else revision
        if sha not in space.commits:
            return self.json({"error": "no such revision"}, 404)
        files = space.commits[sha]
        if kind == "resolve":
            etag = hashlib.sha1(files[file]).hexdigest()
            headers = {"ETag": f'"{etag}"', "X-Repo-Commit": sha}
            return self.send(files[file], "application/octet-stream", headers)
        if kind == "tree":
            return self.json([
                {"type": "file", "path": path, "size": len(data),
                 "oid": hashlib.sha1(data).hexdigest()} for path, data in files.items()
            ])  # fmt: skip
        self.json({
            "id": name, "sha": sha, "private": False, "sdk": "gradio", "host": space.app.url,
            "siblings": [{"rfilename": path} for path in files],
        })  # fmt: skip

    def json(self, body: object, status: int = 200) -> None:
        self.send(json.dumps(body).encode(), "application/json", status=status)

    def send(
        self, body: bytes, kind: str, headers: dict[str, str] | None = None, status: int = 200
    ) -> None:
        self.send_response(status)
        lines = {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}
        for key, value in lines.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def refused(readme: str) -> Iterator[str]:
    """Yield why the Hub refuses the first lines of a Space's README.md."""
    front = yaml.safe_load(readme.split("---\n")[1])
    for key, allowed in ALLOWED.items():
        if key in front and front[key] not in allowed:
            yield f'"{key}" must be one of [{", ".join(allowed)}]'
    if len(front.get("short_description", "")) > 60:
        yield '"short_description" length must be less than or equal to 60 characters long'


@contextlib.contextmanager
def hub(folder: Path, *spaces: str) -> Iterator[Hub]:
    """Give a stand-in for the Hub with these Spaces."""
    state = Hub(folder, *spaces)
    handler = type("Handler", (Handler,), {"hub": state})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        state.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield state
        finally:
            for space in state.spaces.values():
                space.app.stop()
                shutil.rmtree(space.folder, ignore_errors=True)
            server.shutdown()
