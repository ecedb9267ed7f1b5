"""The page without a server in a browser: served as a static host does, visited and asked."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Page, expect


class Files(SimpleHTTPRequestHandler):
    """Answer from a folder, as slowly as a network does, if at all."""

    pause = 0.0  # seconds for 256 kB

    def copyfile(self, source, outputfile) -> None:
        """Send a file in parts."""
        while part := source.read(1 << 18):
            time.sleep(self.pause)
            outputfile.write(part)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Host:
    """A static host: serves a project in a folder of its site, as GitHub Pages does."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start the server, at the same address again."""
        handler = partial(Files, directory=self.root)
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop the server: the network is cut off."""
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self.port}/repo/"


@contextmanager
def hosted(project: Path, folder: Path) -> Iterator[Host]:
    """Serve a project, by a link from the folder of a site."""
    (folder / "repo").symlink_to(project)
    host = Host(folder)
    try:
        yield host
    finally:
        host.stop()


class Visit:
    """A visitor's first visit, with what the page asked for and complained of."""

    def __init__(self, browser, url: str, width: int = 1280, **options) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 800}, service_workers="allow", **options
        )
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.page: Page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._read)
        self.url = url
        self.open()

    def _read(self, message) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self) -> None:
        """Open the page, or load it again."""
        self.page.goto(self.url)
        expect(self.page.locator("html[data-ready]")).to_be_attached(timeout=15_000)

    @property
    def answer(self):
        """What is shown of an answer."""
        return self.page.locator(".answer > *").first

    @property
    def problem(self):
        """What is shown of an error."""
        return self.page.get_by_role("alert")

    def choose_example(self) -> None:
        """Take the first example, if it is one of several, with the keyboard."""
        self.page.locator("#examples button").first.focus()
        self.page.keyboard.press("Enter")
        if (picture := self.page.locator("#input img")).count():
            expect(picture).to_be_visible()

    def submit(self) -> None:
        """Press the first button of the form, with the keyboard."""
        self.page.locator("button[type=submit]").focus()
        self.page.keyboard.press("Enter")

    def ask(self) -> str:
        """Submit the first example; return what is announced."""
        self.choose_example()
        self.submit()
        expect(self.answer).to_be_visible(timeout=30_000)
        return self.page.get_by_role("status").inner_text()

    def wait_until_kept(self) -> None:
        """Wait until a copy of the site is complete."""
        self.page.evaluate(
            """async () => {
              for (const end = Date.now() + 15_000; Date.now() < end; ) {
                for (const name of await caches.keys())
                  if (await (await caches.open(name)).match("complete")) return;
                await new Promise((done) => setTimeout(done, 50));
              }
              throw new Error("no copy is complete");
            }"""
        )

    def close(self) -> None:
        """Leave."""
        self.context.close()


def violations(page: Page, axe: str) -> list[str]:
    """Return the violations that axe-core finds, with their elements."""
    page.evaluate(axe)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


ANSWERS = {
    ("image-classification", "onnx"): re.compile(r"^2, \d+%$"),
    ("image-to-image", "onnx"): re.compile(r"^Result: \d+ x \d+$"),
    ("image-to-image", "python"): re.compile(r"^Result: \d+ x \d+$"),
    ("tabular", "onnx"): re.compile(r"^setosa, \d+%$"),
    ("text-classification", "onnx"): re.compile(r"^\w+, \d+%$"),
}
