"""Serve a page in this process, and call it as its API's clients do."""

import asyncio
import contextlib
import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import gradio as gr
import gradio.blocks
import numpy as np
import pytest
from gradio.routes import App
from PIL import Image
from starlette.testclient import TestClient

from ml_ui.serving import Server
from ml_ui.serving.settings import Settings

API = "/gradio_api"


def page(*functions: Callable, inputs: Any = "text", outputs: Any = "text") -> gr.Blocks:
    """Return a page that offers each function by its name."""
    with without_spare_apps(), gr.Blocks() as demo:
        given, shown = (gr.components.get_component_instance(c) for c in (inputs, outputs))
        for function in functions:
            gr.on(None, function, given, shown, api_name=function.__name__)
    return demo


@dataclass
class Served:
    """A page that is served, its server, and a client of it."""

    demo: gr.Blocks
    server: Server
    app: App
    client: TestClient
    threads: ThreadPoolExecutor

    def call(self, name: str, value: Any = "", **headers: str | bytes) -> Any:
        """Return the response to a call, which has an `event_id`; its answer is not read."""
        path = f"{API}/call/{name}"
        return self.client.post(path, json={"data": [value]}, headers=headers)

    def events(self, name: str, value: Any = "") -> list[tuple[str, Any]]:
        """Call a function; return the name and the data of each event of its answer."""
        return self.answer(name, self.call(name, value).json()["event_id"])

    def answer(self, name: str, event_id: str) -> list[tuple[str, Any]]:
        """Return the events of a call."""
        response = self.client.get(f"{API}/call/{name}/{event_id}")
        assert response.status_code == 200, response.text
        return sse(response.text)

    def start(self, name: str, value: Any = "") -> tuple[str, Future]:
        """Call a function; return the id of its event, and its events in the future."""
        event_id = self.call(name, value).json()["event_id"]
        return event_id, self.threads.submit(self.answer, name, event_id)

    def join(self, session: str, value: Any = "", fn_index: int = 0) -> Any:
        """Return the response to a call of a page in a browser."""
        body = {"data": [value], "fn_index": fn_index, "session_hash": session}
        return self.client.post(f"{API}/queue/join", json=body)

    def leave(self, name: str, event_id: str, seconds: float) -> None:
        """Read the answer of a call for some seconds, and disconnect."""
        path = f"{API}/call/{name}/{event_id}"
        self.client.portal.call(_leave, self.app, path, seconds)


async def _leave(app: App, path: str, seconds: float) -> None:
    received: asyncio.Queue = asyncio.Queue()
    received.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    asyncio.get_running_loop().call_later(seconds, received.put_nowait, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        pass

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [(b"host", b"127.0.0.1")], "scheme": "http",
        "http_version": "1.1", "root_path": "", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    await app(scope, received.get, send)


def sse(text: str) -> list[tuple[str, Any]]:
    """Parse server-sent events, the data as the strict JSON that browsers take."""
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.strip().splitlines())
        if fields["event"] != "heartbeat":
            found.append((fields["event"], strict(fields["data"])))
    return found


def strict(text: str) -> Any:
    """Parse JSON, which has no NaN.

    Raises:
        ValueError: there is one.
    """

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@contextlib.contextmanager
def without_spare_apps() -> Iterator[None]:
    """Skip the apps that Gradio makes of a page before that of `launch`: most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradio.blocks, "App", SimpleNamespace(create_app=lambda *_, **__: None))
        yield


@contextlib.contextmanager
def serving(
    demo: gr.Blocks,
    settings: Settings,
    load: Callable[[], object] = lambda: None,
    wrap: Callable[[Any], Any] = lambda app: app,
    **options: Any,
) -> Iterator[Served]:
    """Serve a page in this process as `launch` does, without a socket."""
    server = Server(demo, load, settings)
    with without_spare_apps():
        prepared = server.prepare(**options)
    # What else `gr.Blocks.launch` sets before it makes the app.
    demo.run_history, demo.max_file_size = False, prepared["max_file_size"]
    auth = prepared.get("auth")
    demo.auth = auth if auth is None or callable(auth) else [auth]
    demo.auth_message = None
    demo.theme = gr.themes.Default()
    demo.theme_css, demo.stylesheets, demo.css, demo.js, demo.head = "", [], "", "", ""
    demo.allowed_paths, demo.blocked_paths, demo.has_launched = [], [], True
    demo.validate_queue_settings()
    demo.config = demo.get_config_file()
    app = App.create_app(demo, app=prepared["_app"], app_kwargs=prepared["app_kwargs"])
    app.root_path = prepared.get("root_path") or ""
    with (
        ThreadPoolExecutor(8) as threads,
        TestClient(
            wrap(app), "http://127.0.0.1", raise_server_exceptions=False, client=("127.0.0.1", 1)
        ) as client,
    ):
        demo._queue.set_server_app(app)
        client.get(f"{API}/startup-events")
        yield Served(demo, server, app, client, threads)


def picture(format="PNG", size=(8, 6)) -> bytes:
    """Return a picture of many colours."""
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


def form(function, inputs, outputs, **options):
    """Return a page with a function of components."""
    return gr.Interface(function, inputs, outputs, api_name="predict", **options)
