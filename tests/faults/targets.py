"""Targets of the fault table: a plain Gradio app, ours, ours as on a Space, and LitServe."""

import contextlib
import functools
import json
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from scripts.runtimes import generate
from tests.running import clean_environment, free_port, install, install_packages

from .apps import API, App, GradioApp, LitApp, McpApp, RestApp
from .pages import BRIEFLY, PAGES, TEXT, WATCH, demo


class Target:
    """A server of a model, into which faults are injected.

    Attributes:
        app: the class of the running app.
        health: the path of the liveness probe.
        ready: the path that returns 200 once it serves.
        port: the environment variable that sets its port.
        hosts: the environment in which it checks Host headers.
        models: a page for each kind of model file that it loads, and the file's name.
    """

    app: type[App]
    health: str
    ready: str
    port: str
    hosts: ClassVar[dict[str, str]] = {}
    models: ClassVar[dict[str, str]] = {}
    predict = f"{API}/call/predict"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o755)  # for a user without rights

    def write(self, page: str, folder: Path) -> Path:
        """Write the app with a page into a folder; return its environment's programs."""
        raise NotImplementedError

    def environment(self, programs: Path, **variables: str) -> dict[str, str]:
        """Return the environment variables of its platform."""
        return clean_environment(programs, **variables)

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
            wrap: a command that runs the app's, such as `unshare`.
            files: more files of the project; None deletes one.
            ready: whether to wait until it serves.
            variables: environment variables; None removes one.
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
        given = self.environment(programs, TMPDIR=str(temporary), **{self.port: str(port)})
        given = {name: value for name, value in (given | variables).items() if value is not None}
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*wrap, "python", "app.py"], cwd=folder / "app", env=given,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        app = self.app(self, process, folder)
        app.port, app.parameter = port, PAGES[page].parameter if page in PAGES else "text"
        try:
            yield app.until_ready() if ready else app
        finally:
            app.kill()
            shutil.rmtree(folder, ignore_errors=True)


class Plain(Target):
    """An app.py as a beginner writes it."""

    app, health, ready, port = GradioApp, "/", "/", "GRADIO_SERVER_PORT"
    models: ClassVar = {"pickle": "model.pkl"}
    pickle = 'import pickle\n\nmodel = pickle.load(open("model.pkl", "rb"))\n'

    def write(self, name: str, folder: Path) -> Path:
        """Write the app with a page into a folder; return its environment's programs."""
        folder.mkdir()
        page = PAGES.get(name, PAGES["text"])
        parts = [WATCH, self.pickle if name == "pickle" else "", page.model, page.define_load]
        if page.load:
            parts.append("\n\nasyncio.run(load())\n" if "await" in page.load else "\n\nload()\n")
        parts += ["\n\nimport gradio as gr\n", demo(page), "demo.launch()\n"]
        (folder / "app.py").write_text("".join(parts))
        return environment("python")


class Ours(Target):
    """A project of this template, with the owner's function in its model.py."""

    app, health, ready, port = GradioApp, "/healthz", "/readyz", "PORT"
    models: ClassVar = {"onnx": "model/iris.onnx", "scikit-learn": "model/iris.skops",
              "pytorch": "model/weights.safetensors"}  # fmt: skip
    platform = "local"
    options = ', api_name="predict", flagging_mode="never"'

    def write(self, name: str, folder: Path) -> Path:
        """Write the app with a page into a folder; return its environment's programs."""
        framework = name if name in self.models else "python"
        shutil.copytree(project(framework, self.platform), folder)
        app = folder / "app.py"
        if page := PAGES.get(name):
            load = page.define_load or "\n\ndef load():\n    pass\n"
            (folder / "model.py").write_text(page.model + load)
            if name != "picture":  # the project's own page
                app.write_text(self.page(name))
        app.write_text(WATCH + BRIEFLY + app.read_text())
        return environment(framework, self.platform)

    def page(self, name: str) -> str:
        """Return the source of a page."""
        page = PAGES[name]
        built = demo(page, "guard({})" if page.guarded else "{}", self.options)
        return (
            "import gradio as gr\n\nfrom ml_ui import guard, launch\n"
            f"from model import load, predict\n\n{built}\n"
            'if __name__ == "__main__":\n    launch(demo, load)\n'
        )


class Rest(Ours):
    """The same project, called by POST /predict."""

    app, predict = RestApp, "/predict"


class Mcp(Ours):
    """The same project, called as a tool of its MCP server."""

    app, predict = McpApp, "/mcp"

    def environment(self, programs: Path, **variables: str) -> dict[str, str]:
        """Return the environment variables of its platform."""
        return super().environment(programs, MCP="1", **variables)


class Space(Ours):
    """The same project on a Space: its variables, and Node.js installed."""

    platform = "huggingface"
    # A Space's proxy decides which host names reach the app.
    hosts: ClassVar = {"ALLOWED_HOSTS": "127.0.0.1"}

    def environment(self, programs: Path, **variables: str) -> dict[str, str]:
        """Return the environment variables of a Space on a CPU."""
        node = shutil.which("node")
        if not node:
            raise LookupError("Node.js is not installed: apt-get install nodejs")
        space = {
            "SPACE_ID": "user/app", "SYSTEM": "spaces", "SPACE_HOST": "localhost",
            "GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SSR_MODE": "True",
        }  # fmt: skip
        given = super().environment(programs, **space | variables)
        return given | {"PATH": f"{given['PATH']}:{Path(node).parent}"}


class LitServe(Target):
    """LitServe, a model server, as its README shows it."""

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
    """Yield a target with a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
        yield kind(Path(folder))


@functools.cache
def project(framework: str, platform: str = "local") -> Path:
    """Return a generated project; it is shared, so callers copy it."""
    folder = Path(_kept.enter_context(tempfile.TemporaryDirectory(prefix="project-")))
    answers = {"task": "image-to-image" if framework == "python" else "tabular"}
    if framework == "pytorch":  # the demo is a whole network; this file, weights alone
        weights = folder / "weights.safetensors"
        header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
        weights.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
        answers |= {"model_path": str(weights)}
    if platform == "huggingface":
        answers |= {"hardware": "cpu-basic"}  # no service of ZeroGPU's is needed
    return generate(folder, framework=framework, platform=platform, **answers)


@functools.cache
def environment(framework: str, platform: str = "local") -> Path:
    """Return the programs of a project's environment."""
    return install(project(framework, platform))


_kept = contextlib.ExitStack()


@functools.cache
def litserve() -> Path:
    """Return the programs of an environment with LitServe."""
    return install_packages("litserve", "litserve")
