"""URLs that a call names: what the server downloads of them, from a real site."""

import contextlib
import gzip
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gradio as gr
import pytest
from gradio import processing_utils

from ml_ui import guard
from ml_ui.serving import downloads
from ml_ui.serving.downloads import is_public

from .pages import API, page, picture

MB = 1_000_000
UNREACHED = "no file of up to 1 MB"


class Site(BaseHTTPRequestHandler):
    """A site of one picture, of slow and of large files."""

    def do_GET(self) -> None:
        name = self.path.strip("/").partition("/")[0]
        with contextlib.suppress(OSError):
            getattr(self, name)()

    def picture(self):
        self.send(picture())

    def large(self):
        self.send_response(200)
        self.end_headers()
        for _ in range(300):
            self.wfile.write(bytes(MB))

    def compressed(self):
        self.send(gzip.compress(bytes(100 * MB), 1), "Content-Encoding: gzip")

    def slow(self):
        self.send_response(200)
        self.end_headers()
        for _ in range(300):
            self.wfile.write(b"a")
            time.sleep(0.1)

    def silent(self):
        time.sleep(3)

    def away(self):
        self.send_response(302)
        self.send_header("Location", "/large")
        self.end_headers()

    def send(self, body, *headers):
        self.send_response(200)
        for header in headers:
            self.send_header(*header.split(": "))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site():
    """Return the URL of a site."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def trusted(monkeypatch):
    """Take the site for one that has a public address."""
    monkeypatch.setattr(processing_utils, "PUBLIC_HOSTNAME_WHITELIST", ["127.0.0.1"])


@guard
def shown(value):
    return str(value.shape) if hasattr(value, "shape") else open(value, "rb").read(4).hex()


def file(url):
    return {"path": url, "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize(
    ("component", "answer"), [(gr.Image, "(6, 8, 3)"), (gr.File, b"\x89PNG".hex())]
)
def test_a_file_is_downloaded(serve, site, trusted, component, answer):
    app = serve(demo=page(shown, inputs=component()), MAX_UPLOAD_MB="1")
    assert app.events("shown", file(f"{site}/picture")) == [("complete", [answer])]


@pytest.mark.parametrize("component", [gr.Image, gr.File])
@pytest.mark.parametrize("name", ["large", "compressed", "slow", "silent", "away"])
def test_what_costs_too_much_is_given_up(serve, site, trusted, monkeypatch, component, name):
    monkeypatch.setattr(downloads, "SECONDS", 1)
    app = serve(demo=page(shown, inputs=component()), MAX_UPLOAD_MB="1")
    began = time.monotonic()
    assert UNREACHED in str(app.events("shown", file(f"{site}/{name}")))
    assert time.monotonic() - began < 3


def test_all_files_of_a_call_have_one_limit(serve, site, trusted, monkeypatch):
    monkeypatch.setattr(Site, "picture", lambda self: self.send(picture() + bytes(600_000)))
    app = serve(demo=page(shown, inputs=gr.File(file_count="multiple")), MAX_UPLOAD_MB="1")
    files = [file(f"{site}/picture/{name}") for name in "ab"]
    assert UNREACHED in str(app.events("shown", files))


def test_slow_sites_keep_nobody_waiting(serve, site, trusted, monkeypatch):
    monkeypatch.setattr(downloads, "SECONDS", 3)
    app = serve(demo=page(shown, inputs=gr.Image()), WEB_CONCURRENCY="4")
    slow = [app.threads.submit(app.events, "shown", file(f"{site}/slow/{n}")) for n in range(2)]
    time.sleep(1)
    began = time.monotonic()
    assert "is busy" in str(app.events("shown", file(f"{site}/picture/busy")))
    sent = app.client.post(f"{API}/upload", files={"files": ("a.png", picture())}).json()
    assert app.events("shown", file(sent[0])) == [("complete", ["(6, 8, 3)"])]
    assert time.monotonic() - began < 1.5
    assert all("no file of up to" in str(each.result()) for each in slow)


def test_private_addresses_are_refused(serve, site):
    app = serve(demo=page(shown, inputs=gr.File()))
    assert "error" in str(app.events("shown", file(f"{site}/picture/private")))


def test_what_a_function_returns_has_no_limit(serve, site, trusted):
    @guard
    def returned(text):
        return f"{site}/away"

    app = serve(demo=page(returned, outputs=gr.File()), MAX_UPLOAD_MB="1")
    ((event, (found,)),) = app.events("returned", "a")
    assert event == "complete"
    assert app.client.get(found["url"]).content == bytes(300 * MB)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("127.0.0.1", False), ("10.0.0.1", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("224.0.0.1", False), ("0.0.0.0", False),
        ("::1", False), ("fe80::1", False), ("::ffff:127.0.0.1", False), ("::ffff:8.8.8.8", False),
        ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False), ("fd00::1", False),
    ],
)  # fmt: skip
def test_public_addresses(address, public):
    assert is_public(address) is public
