"""What faults are done to: an app that serves, plain, ours or a peer's, and its reach.

An app is a process of its own on a free port. Memory is what Linux tells of a process.
"""

import contextlib
import ctypes
import functools
import http.client
import itertools
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from scripts.runtimes import generate
from tests.running import BUILD, clean_environment, free_port, install

SECRET = "the-owner-keeps-this"
MB = 1_000_000
ROOMY = 256 * MB  # of memory, on a host with 512
API = "/gradio_api"
FILE = {"meta": {"_type": "gradio.FileData"}}
LIBC = ctypes.CDLL(None, use_errno=True)

# The model --------------------------------------------------------------------------------

# What a visitor writes says what goes wrong, and the log tells that it was asked.
TEXT = f'''
import os
import signal
import sys
import threading
import time
from pathlib import Path


def predict(text):
    print("called", text, flush=True)
    what, _, argument = text.partition(" ")
    if what == "raise":
        raise RuntimeError("{SECRET}")
    if what == "exit":
        sys.exit(3)
    if what == "interrupt":
        raise KeyboardInterrupt
    if what == "die":
        os._exit(7)
    if what == "starve":  # as the kernel ends what takes too much memory
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "hang":
        threading.Event().wait()
    if what == "sleep":
        time.sleep(float(argument))
    while what == "wait" and not Path(argument).exists():
        time.sleep(0.01)
    return text
'''
GREY = """
import os
import time

import cv2


def predict(image):
    print("called picture", flush=True)
    time.sleep(float(os.environ.get("SLOW", 0)))
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
"""
HIDDEN = """
import gradio as gr


def hidden(text):
    print("called hidden", flush=True)
    return "opened"


with gr.Blocks() as demo:
    text = gr.Textbox()
    gr.Button().click(predict, text, text, api_name="predict")
    gr.Button().click(hidden, text, text, api_name="hidden", api_visibility="private")
"""
NO_LOAD = "\n\ndef load():\n    pass\n"
SLOW_LOAD = """
    print("loading", flush=True)
    threading.Event().wait()
"""

# The targets ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What came of a request; its status is 0 if nothing did."""

    status: int
    text: str = ""
    ok: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.status:
            return f"no answer ({self.text})"
        if self.ok:
            return "answered"
        told = re.search(r'"(?:error|detail)": ?"(.*?)"[,}]', self.text)
        text = re.sub(r"\s+", " ", told[1] if told else self.text).strip()
        return f"{self.status} `{text[:80]}`".replace("|", "/")


class App:
    """A server that runs, as its visitors and its platform see it."""

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
        """Send one request, its path as it is; the whole answer has to come in time."""
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
        options["headers"] = {"Content-Type": "application/json"} | options.get("headers", {})
        return self.ask("POST", path, json.dumps(value).encode(), **options)

    def call(self, value: object, timeout: float = 20) -> Answer:
        """Have the model predict; after the time the client goes away."""
        raise NotImplementedError

    def health(self) -> Answer:
        """Ask what a platform can ask to know whether the app lives."""
        return self.ask("GET", self.target.health, timeout=5)

    def log(self) -> str:
        """Return what the process has written."""
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
        """Wait until the model has been called with a text; tell whether it was."""
        return until(lambda: f"called {text}" in self.log(), 20)

    @property
    def pid(self) -> int:
        """The process that serves, behind the one that made its namespace."""
        pid = self.process.pid
        if "-pf" in self.process.args:
            children = Path(f"/proc/{pid}/task/{pid}/children")
            until(lambda: self.process.poll() is not None or children.read_text().strip(), 5)
            with contextlib.suppress(OSError, ValueError):
                pid = int(children.read_text())
        return pid

    def memory(self, figure: str = "VmRSS") -> int:
        """Return the bytes that the process and its children hold; `VmHWM`: at most."""
        total, waiting = 0, [self.process.pid]
        while waiting:
            pid = waiting.pop()
            with contextlib.suppress(OSError, StopIteration):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                total += 1024 * int(next(line for line in lines if figure in line).split()[1])
                waiting += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return total

    def listening(self) -> set[int]:
        """Return the ports on which the process waits for connections."""
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
        for path in self.folder.joinpath("tmp").rglob("*"):
            with contextlib.suppress(OSError):  # gone by now
                total += path.stat().st_size * path.is_file()
        return total

    def stop(self, seconds: float = 10) -> int | None:
        """Send SIGTERM; return the exit status, or None if it runs on."""
        os.kill(self.pid, signal.SIGTERM)
        return self.status(seconds)

    def status(self, seconds: float) -> int | None:
        """Wait for the end; return the exit status, or None if there is no end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(seconds)
        return None

    def kill(self) -> None:
        """End what is left of the processes, which have a group of their own."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


class GradioApp(App):
    """Gradio's API: a call is sent in one request, its answer read in another."""

    def call(self, value: object, timeout: float = 20) -> Answer:
        """Have the model predict; after the time the client goes away."""
        start = time.monotonic()
        joined = self.post(f"{API}/call/predict", {"data": [value]}, timeout=timeout)
        if not joined.ok:
            return joined
        event = json.loads(joined.text)["event_id"]
        return self.answer(event, max(0.1, timeout - (time.monotonic() - start)))

    def answer(self, event: str, timeout: float = 20) -> Answer:
        """Read the answer of a call."""
        told = self.ask("GET", f"{API}/call/predict/{event}", timeout=timeout)
        ends = re.search(r"event: (complete|error)\ndata: (.*)", told.text)
        if not ends:
            return told if told.status not in (0, 200) else Answer(0, told.text or "cut off")
        return Answer(200, ends[2], ends[1] == "complete")

    def upload(self, *files: tuple[str, bytes], timeout: float = 60) -> Answer:
        """Send files, as a page does."""
        body, headers = multipart(files)
        return self.ask("POST", f"{API}/upload", body, headers, timeout)

    def call_with_file(self, name: str, content: bytes, timeout: float = 20) -> Answer:
        """Send a file, and have the model predict from it."""
        sent = self.upload((name, content))
        return self.call({"path": json.loads(sent.text)[0]} | FILE, timeout) if sent.ok else sent


class LitApp(App):
    """LitServe's API: one request for a prediction."""

    def call(self, value: object, timeout: float = 20) -> Answer:
        """Have the model predict; after the time the client goes away."""
        return self.post("/predict", {"input": value}, timeout=timeout)


class Target:
    """Something that serves a model, to which faults can be done.

    Attributes:
        app: what stands for it when it runs.
        health: the path that tells whether it lives.
        ready: the path that answers 200 once it serves.
        port: the environment variable that sets its port.
        models: a page for each kind of model file that it loads, and the file's name.
    """

    app: type[App]
    health: str
    ready: str
    port: str
    models: ClassVar[dict[str, str]] = {}
    predict = f"{API}/call/predict"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o755)  # for a user without rights

    def write(self, page: str, folder: Path) -> Path:
        """Write the app with a page into a folder; return its environment's programs."""
        raise NotImplementedError

    @contextlib.contextmanager
    def start(
        self,
        page: str = "text",
        wrap: tuple[str, ...] = (),
        files: dict[str, bytes | None] | None = None,
        ready: bool = True,
        **variables: str | None,
    ) -> Iterator[App]:
        """Start the app, and end it with the block.

        Args:
            page: what the app shows.
            wrap: a command that runs the app's in other circumstances.
            files: more files of the project; None deletes one.
            ready: whether to wait until it serves.
            variables: its environment; None takes one out of it.
        """
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        programs = self.write(page, folder / "app")
        for name, content in (files or {}).items():
            if content is None:
                (folder / "app" / name).unlink(missing_ok=True)
            else:
                (folder / "app" / name).write_bytes(content)
        temporary = folder / "tmp"
        temporary.mkdir()
        folder.chmod(0o755)
        temporary.chmod(0o1777)
        port = free_port()
        given = clean_environment(programs, TMPDIR=str(temporary), **{self.port: str(port)})
        given = {name: value for name, value in (given | variables).items() if value is not None}
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*wrap, "python", "app.py"], cwd=folder / "app", env=given,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        app = self.app(self, process, folder)
        app.port = port
        try:
            yield app.until_ready() if ready else app
        finally:
            app.kill()
            shutil.rmtree(folder, ignore_errors=True)


TEXT_PAGE = """
import gradio as gr

gr.Interface(fn=predict, inputs="textbox", outputs="textbox").launch()
"""


class Plain(Target):
    """An app.py as a beginner writes it."""

    app, health, ready, port = GradioApp, "/", "/", "GRADIO_SERVER_PORT"
    models: ClassVar = {"pickle": "model.pkl"}
    pages: ClassVar = {
        "text": TEXT + TEXT_PAGE,
        "picture": GREY + "\n\nimport gradio as gr\n\n"
        'gr.Interface(fn=predict, inputs="image", outputs="image").launch()\n',
        "hidden": f"{TEXT}\n{HIDDEN}\ndemo.launch()\n",
        "loading": f"import threading\n\nif True:{SLOW_LOAD}",
        "pickle": 'import pickle\n\nmodel = pickle.load(open("model.pkl", "rb"))\n'
        + TEXT
        + TEXT_PAGE,
    }

    def write(self, page: str, folder: Path) -> Path:
        """Write the app with a page into a folder; return its environment's programs."""
        folder.mkdir()
        (folder / "app.py").write_text(self.pages[page])
        return environment("python")


class Ours(Target):
    """A project of this template, with the owner's function in its model.py."""

    app, health, ready, port = GradioApp, "/healthz", "/readyz", "PORT"
    models: ClassVar = {"onnx": "model/iris.onnx", "scikit-learn": "model/iris.skops",
              "pytorch": "model/weights.safetensors"}  # fmt: skip
    served = "\n\nserver.launch(demo, load)\n"
    text = (
        "import gradio as gr\n\nimport server\nfrom model import load, predict\n\n"
        'demo = gr.Interface(predict, gr.Textbox(), gr.Textbox(), api_name="predict",'
        ' flagging_mode="never")' + served
    )
    pages: ClassVar = {
        "text": {"model.py": TEXT + NO_LOAD, "app.py": text},
        "picture": {"model.py": GREY + NO_LOAD},  # the project's own page
        "hidden": {
            "model.py": TEXT + NO_LOAD,
            "app.py": f"import server\nfrom model import load, predict\n{HIDDEN}{served}",
        },
        "loading": {"model.py": f"{TEXT}\n\ndef load():{SLOW_LOAD}", "app.py": text},
    }

    def write(self, page: str, folder: Path) -> Path:
        """Write the app with a page into a folder; return its environment's programs."""
        framework = page if page in self.models else "python"
        shutil.copytree(project(framework), folder)
        for name, text in self.pages.get(page, {}).items():
            (folder / name).write_text(text)
        # What visitors send is deleted after a while: here as soon as that can be seen.
        app = folder / "app.py"
        brief = "import os\nimport server.files\n\nif 'BRIEFLY' in os.environ:\n"
        brief += "    server.files.KEPT = server.files.SWEPT = 1\n\n"
        app.write_text(brief + app.read_text())
        return environment(framework)


class LitServe(Target):
    """LitServe, a server of models, as its README shows it."""

    app, health, ready, port = LitApp, "/health", "/health", "PORT"
    predict = "/predict"
    served = """

import litserve


class Api(litserve.LitAPI):
    def setup(self, device):
        pass

    def decode_request(self, request):
        return request["input"]

    def predict(self, text):
        return predict(text)

    def encode_response(self, output):
        return {"output": output}


if __name__ == "__main__":
    timeout = float(os.environ.get("PREDICT_TIMEOUT", 30))
    server = litserve.LitServer(Api(), accelerator="cpu", timeout=timeout)
    server.run(port=int(os.environ["PORT"]), num_api_servers=1, generate_client_file=False)
"""

    def write(self, page: str, folder: Path) -> Path:
        """Write the app into a folder; return its environment's programs."""
        folder.mkdir()
        (folder / "app.py").write_text(TEXT + self.served)
        return litserve()


@contextlib.contextmanager
def target(kind: type[Target]) -> Iterator[Target]:
    """Give a target with a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
        yield kind(Path(folder))


@functools.cache
def project(framework: str) -> Path:
    """Return a generated project, which is not to be changed."""
    folder = Path(_kept.enter_context(tempfile.TemporaryDirectory(prefix="project-")))
    answers = {"task": "image-to-image" if framework == "python" else "tabular"}
    if framework == "pytorch":  # the demo is a whole network; this file, weights alone
        weights = folder / "weights.safetensors"
        header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
        weights.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
        answers |= {"model_path": str(weights)}
    return generate(folder, framework=framework, **answers)


@functools.cache
def environment(framework: str) -> Path:
    """Return the programs of a project's environment."""
    return install(project(framework))


_kept = contextlib.ExitStack()


@functools.cache
def litserve() -> Path:
    """Return the programs of an environment with LitServe."""
    environment = BUILD / "venvs" / "litserve"
    if not (environment / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
        subprocess.run([environment / "bin" / "pip", "install", "-q", "litserve"], check=True)
        (environment / "installed").touch()
    return environment / "bin"


# What they are made with -----------------------------------------------------------------


def until(condition: Callable[[], object], seconds: float) -> bool:
    """Wait for a condition; tell whether it came in time."""
    deadline = time.monotonic() + seconds
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(held)


def multipart(files: Iterable[tuple[str, bytes]]) -> tuple[bytes, dict[str, str]]:
    """Return the body of a form with files, and its headers."""
    part = '--limit\r\nContent-Disposition: form-data; name="files"; filename="{}"\r\n\r\n'
    body = b"".join(part.format(name).encode() + content + b"\r\n" for name, content in files)
    return body + b"--limit--\r\n", {"Content-Type": "multipart/form-data; boundary=limit"}


def _until_answered(sock: socket.socket, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Give chunks until the other side has answered."""
    return itertools.takewhile(lambda _: not select.select([sock], [], [], 0)[0], chunks)


@contextlib.contextmanager
def network_of(pid: int) -> Iterator[None]:
    """Have this thread's new sockets be in the network of a process."""
    with open("/proc/thread-self/ns/net") as here, open(f"/proc/{pid}/ns/net") as there:
        if os.path.sameopenfile(here.fileno(), there.fileno()):
            yield
            return
        LIBC.setns(there.fileno(), 0)
        try:
            yield
        finally:
            LIBC.setns(here.fileno(), 0)
