"""Apps under test, as their visitors and their platform see them: HTTP client, log, memory.

An app is a process of its own on a free port. Memory is what Linux reports of a process.
"""

import base64
import contextlib
import ctypes
import functools
import http.client
import itertools
import json
import mimetypes
import os
import re
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .targets import Target

MB = 1_000_000
API = "/gradio_api"
JSON = {"Content-Type": "application/json"}
PROBLEM = "application/problem+json"
FILE = {"meta": {"_type": "gradio.FileData"}}
LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Answer:
    """Response to a request; its status is 0 if there was none."""

    status: int
    text: str = ""
    ok: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.status:
            return f"no answer ({self.text})"
        if self.ok:
            return "answered"
        error = re.search(r'"(?:error|detail)": ?"(.*?)"[,}]', self.text)
        text = re.sub(r"\s+", " ", error[1] if error else self.text).strip()
        return f"{self.status} `{text[:80]}`".replace("|", "/")


class App:
    """A server that runs, as its visitors and its platform see it.

    Subclasses know how a call is made.

    Attributes:
        uploads: the path that takes the files of a call, in a form.
        field: the name of a file in it.
        parameter: the name of the function's parameter.
    """

    uploads, field, parameter = f"{API}/upload", "files", "text"

    def __init__(self, target: "Target", process: subprocess.Popen, folder: Path) -> None:
        self.target = target
        self.process = process
        self.folder = folder
        self.port = 0

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 20,
    ) -> Answer:
        """Send one request, its path unchanged; the timeout is for the whole response."""
        deadline = time.monotonic() + timeout
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            with network_of(self.pid):
                connection.connect()
            sock, chunked = connection.sock, not isinstance(body, bytes | None)
            if chunked:
                body = _until_answered(sock, body)
                headers = {**(headers or {}), "Transfer-Encoding": "chunked"}
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, headers or {}, encode_chunked=chunked)
            response = connection.getresponse()
            parts = []
            while part := response.read1(1 << 16):
                parts.append(part)
                sock.settimeout(max(0.01, deadline - time.monotonic()))
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, type(error).__name__)
        finally:
            connection.close()
        text = b"".join(parts).decode(errors="replace")
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, text, response.status == 200, found)

    def post(self, path: str, value: object, **options) -> Answer:
        """Send a value as JSON."""
        options["headers"] = JSON | options.get("headers", {})
        return self.ask("POST", path, json.dumps(value).encode(), **options)

    # How a call is made ------------------------------------------------------------------

    def body(self, value: object) -> dict:
        """Return the body of a call: what the target's `predict` path takes as JSON."""
        raise NotImplementedError

    def read(self, answer: Answer) -> Answer:
        """Return what the answer to a call says."""
        return answer

    def call(self, value: object, timeout: float = 20) -> Answer:
        """Call the model; the client disconnects after the timeout."""
        return self.read(self.post(self.target.predict, self.body(value), timeout=timeout))

    def leave(self, value: object) -> bool:
        """Call the model and do not wait for the answer; return whether it was taken."""
        try:
            self.begin(value).close()
        except OSError:
            return False
        return True

    def begin(self, value: object) -> socket.socket:
        """Call the model; return the connection from which its answer can be read."""
        return self.open(self.target.predict, json.dumps(self.body(value)).encode())

    def open(self, path: str, body: bytes = b"", size: int = 0, kind: str = "") -> socket.socket:
        """Send a request of some size and a part of its body; return the connection."""
        method = "POST" if body else "GET"
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        head += f"Content-Type: {kind or 'application/json'}\r\n"
        head += f"Content-Length: {size or len(body)}\r\n\r\n"
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(60)
        client.connect(("127.0.0.1", self.port))
        client.sendall(head.encode() + body)
        return client

    def around(self) -> tuple[bytes, bytes, dict[str, str]]:
        """Return what is before and after a file's bytes in an upload, and its headers."""
        body, headers = self.form(("large.bin", b"@"))
        head, _, tail = body.partition(b"@")
        return head, tail, headers

    def form(self, *files: tuple[str, bytes]) -> tuple[bytes, dict[str, str]]:
        """Return the body of a form with files, and its headers."""
        return multipart(files, self.field)

    def upload(self, *files: tuple[str, bytes], timeout: float = 60) -> Answer:
        """Send files, whatever they are, to where the app takes those of a call."""
        return self.ask("POST", self.uploads, *self.form(*files), timeout)

    def call_with_file(self, name: str, content: bytes, timeout: float = 20) -> Answer:
        """Call the model with a file."""
        raise NotImplementedError

    def file(self, answer: Answer) -> Answer:
        """Return the response with the file that an answer names, or is."""
        return answer

    def values(self, path: str) -> list[object]:
        """Return the values that name a file of the server's, or of another's."""
        raise NotImplementedError

    def refused(self, answer: Answer, *statuses: int) -> bool:
        """Return whether a call was answered with an error, with one of these if it has a status."""
        return bool(answer.status and not answer.ok)

    def health(self) -> Answer:
        """Request the liveness probe, as a platform does."""
        return self.ask("GET", self.target.health, timeout=5)

    def log(self) -> str:
        """Return the output of the process."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def until_ready(self) -> "App":
        """Wait until the app serves.

        Raises:
            AssertionError: it does not.
        """
        ready = functools.partial(self.ask, "GET", self.target.ready, timeout=5)
        if not until(lambda: self.process.poll() is not None or ready().ok, 120):
            raise AssertionError(f"not ready after two minutes: {self.log()[-2000:]}")
        if self.process.poll() is not None:
            raise AssertionError(f"ended with {self.process.returncode}: {self.log()[-2000:]}")
        return self

    def has_called(self, text: str) -> bool:
        """Wait until the model is called with a text; return whether it was."""
        return until(lambda: f"called {text}" in self.log(), 20)

    @property
    def pid(self) -> int:
        """Id of the process that serves, which may be a child of the one that made its namespace."""
        pid = self.process.pid
        if "-pf" in self.process.args:
            children = Path(f"/proc/{pid}/task/{pid}/children")
            until(lambda: self.process.poll() is not None or children.read_text().strip(), 5)
            with contextlib.suppress(OSError, ValueError):
                pid = int(children.read_text())
        return pid

    def children(self) -> set[int]:
        """Return the ids of all descendant processes."""
        found, waiting = set(), [self.process.pid]
        while waiting:
            for path in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
                with contextlib.suppress(OSError):  # a thread that has ended
                    new = set(map(int, path.read_text().split())) - found
                    found |= new
                    waiting += new
        return found

    def memory(self, figure: str = "VmRSS") -> int:
        """Return the memory of the process and its children in bytes; `VmHWM`: the peak."""
        total = 0
        for pid in {self.process.pid} | self.children():
            with contextlib.suppress(OSError, StopIteration):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                total += 1024 * int(next(line for line in lines if figure in line).split()[1])
        return total

    def listening(self) -> set[int]:
        """Return the ports on which the process listens."""
        with contextlib.suppress(OSError):
            sockets = {os.readlink(fd) for fd in Path(f"/proc/{self.pid}/fd").iterdir()}
            rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
            return {
                int(row[1].rpartition(":")[2], 16)
                for row in rows
                if row[3] == "0A" and f"socket:[{row[9]}]" in sockets
            }
        return set()

    def stored(self) -> int:
        """Return the bytes of the files in the folder for temporary ones."""
        total = 0
        for folder, _, names in os.walk(self.folder / "tmp"):  # skips what is gone
            for name in names:
                with contextlib.suppress(OSError):
                    total += os.stat(os.path.join(folder, name)).st_size
        return total

    def stop(self, seconds: float = 10) -> int | None:
        """Send SIGTERM; return the exit status, or None if it keeps running."""
        os.kill(self.pid, signal.SIGTERM)
        return self.status(seconds)

    def status(self, seconds: float) -> int | None:
        """Wait for the exit; return its status, or None if there is none in time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(seconds)
        return None

    def kill(self) -> None:
        """Kill the remaining processes, which have a group of their own."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


class GradioApp(App):
    """Client of Gradio's API: a call is sent in one request, its answer read in another."""

    def body(self, value: object) -> dict:
        return {"data": [value]}

    def call(self, value: object, timeout: float = 20) -> Answer:
        start = time.monotonic()
        joined = self.post(self.target.predict, self.body(value), timeout=timeout)
        if not joined.ok:
            return joined
        event = json.loads(joined.text)["event_id"]
        return self.answer(event, max(0.1, timeout - (time.monotonic() - start)))

    def answer(self, event: str, timeout: float = 20) -> Answer:
        """Read the answer of a call."""
        response = self.ask("GET", f"{API}/call/predict/{event}", timeout=timeout)
        end = re.search(r"event: (complete|error)\ndata: (.*)", response.text)
        if not end:
            failed = response.status not in (0, 200)
            return response if failed else Answer(0, response.text or "cut off")
        return Answer(200, end[2], end[1] == "complete")

    def call_with_file(self, name: str, content: bytes, timeout: float = 20) -> Answer:
        sent = self.upload((name, content))
        return self.call({"path": json.loads(sent.text)[0]} | FILE, timeout) if sent.ok else sent

    def leave(self, value: object) -> bool:
        return self.post(self.target.predict, self.body(value), timeout=60).ok

    def begin(self, value: object) -> socket.socket:
        joined = self.post(self.target.predict, self.body(value))
        event = json.loads(joined.text)["event_id"] if joined.ok else ""
        return self.open(f"{self.target.predict}/{event}")

    def file(self, answer: Answer) -> Answer:
        if not answer.ok:
            return answer
        return self.ask("GET", f"{API}/file={json.loads(answer.text)[0]['path']}")

    def values(self, path: str) -> list[object]:
        return [{"path": path} | FILE, {"path": "a.png", "url": path} | FILE]


class RestApp(App):
    """Client of POST /predict: one request for a call, its errors with a status of HTTP."""

    uploads = "/predict"

    @property
    def field(self) -> str:  # type: ignore[override]
        return self.parameter

    def body(self, value: object) -> dict:
        return {self.parameter: value}

    def call(self, value: object, timeout: float = 20) -> Answer:
        # A stream is read as one; a function that is none answers with its JSON.
        headers = {"Accept": "application/json, text/event-stream"}
        path, body = self.target.predict, self.body(value)
        return self.read(self.post(path, body, headers=headers, timeout=timeout))

    def read(self, answer: Answer) -> Answer:
        if "event-stream" not in answer.headers.get("content-type", ""):
            return answer
        end = re.search(r"event: (complete|error)\ndata: (.*)", answer.text)
        if not end:
            return Answer(0, "cut off")
        if end[1] == "complete":
            return Answer(200, answer.text, True, answer.headers)
        return Answer(json.loads(end[2])["status"], end[2], headers={"content-type": PROBLEM})

    def call_with_file(self, name: str, content: bytes, timeout: float = 20) -> Answer:
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = {"Content-Type": media_type, "Accept": "image/*"}
        return self.ask("POST", self.target.predict, content, headers, timeout)

    def values(self, path: str) -> list[object]:
        return [path, f"{API}/file={path}", {"path": path} | FILE]

    def refused(self, answer: Answer, *statuses: int) -> bool:
        media_type = answer.headers.get("content-type", "")
        return answer.status in statuses and media_type == PROBLEM


class McpApp(RestApp):
    """Client of MCP: a call of a tool in JSON-RPC over HTTP, files as base64.

    An error of the model or its values is a result, for the language model to read.
    """

    uploads = "/mcp"

    def body(self, value: object, tool: str = "predict") -> dict:
        arguments = {self.parameter: value}
        # With a token, a stream is read as one.
        params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": 1}}
        return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}

    def read(self, answer: Answer) -> Answer:
        if not answer.ok:
            return answer
        lines = re.findall("^data: (.*)", answer.text, re.MULTILINE) or [answer.text]
        try:
            result = json.loads(lines[-1]).get("result", {})
        except ValueError:
            return Answer(0, "cut off")
        ok = bool(result.get("content")) and not result.get("isError")
        text = lines[-1] if ok or not result else result["content"][0]["text"]
        return Answer(200, text, ok, answer.headers)

    def form(self, *files: tuple[str, bytes]) -> tuple[bytes, dict[str, str]]:
        content = base64.b64encode(b"".join(content for _, content in files)).decode()
        return json.dumps(self.body(content)).encode(), JSON

    def around(self) -> tuple[bytes, bytes, dict[str, str]]:
        head, _, tail = json.dumps(self.body("@")).encode().partition(b"@")
        return head, tail, JSON

    def upload(self, *files: tuple[str, bytes], timeout: float = 60) -> Answer:
        return self.read(super().upload(*files, timeout=timeout))

    def call_with_file(self, name: str, content: bytes, timeout: float = 20) -> Answer:
        return self.call(base64.b64encode(content).decode(), timeout)

    def refused(self, answer: Answer, *statuses: int) -> bool:
        is_result = answer.status == 200 and not answer.ok
        return is_result or super().refused(answer, *statuses)


class LitApp(App):
    """Client of LitServe's API: one request for a prediction."""

    def body(self, value: object) -> dict:
        return {"input": value}


def until(condition: Callable[[], object], seconds: float) -> bool:
    """Wait for a condition; return whether it held in time."""
    deadline = time.monotonic() + seconds
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(held)


def multipart(
    files: Iterable[tuple[str, bytes]], field: str = "files"
) -> tuple[bytes, dict[str, str]]:
    """Return the body of a form with files, and its headers."""
    part = f'--limit\r\nContent-Disposition: form-data; name="{field}"; '
    part += 'filename="{}"\r\n\r\n'
    body = b"".join(part.format(name).encode() + content + b"\r\n" for name, content in files)
    return body + b"--limit--\r\n", {"Content-Type": "multipart/form-data; boundary=limit"}


def _until_answered(sock: socket.socket, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield chunks until the server has responded."""
    return itertools.takewhile(lambda _: not select.select([sock], [], [], 0)[0], chunks)


@contextlib.contextmanager
def network_of(pid: int) -> Iterator[None]:
    """Open this thread's new sockets in the network namespace of a process."""
    with open("/proc/thread-self/ns/net") as here, open(f"/proc/{pid}/ns/net") as there:
        if os.path.sameopenfile(here.fileno(), there.fileno()):
            yield
            return
        LIBC.setns(there.fileno(), 0)
        try:
            yield
        finally:
            LIBC.setns(here.fileno(), 0)
