"""What one client may hold of the server: memory, files and connections, over sockets."""

import os
import socket
from pathlib import Path

import httpx

from ml_ui import guard
from ml_ui.serving import held, uploads

from .conftest import until
from .pages import API

FIELD = '--b\r\nContent-Disposition: form-data; name="files"'


@guard
def predict(text):
    return text


def begin_upload(port, body, length):
    """Send the beginning of an upload; return the socket."""
    client = socket.create_connection(("127.0.0.1", port), 10)
    client.sendall(
        f"POST {API}/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: {length}\r\n\r\n{body}".encode()
    )
    return client


def end(client):
    """Return what the server sends until it closes the connection."""
    with client:
        return b"".join(iter(lambda: client.recv(65536), b""))


def part(number):
    return f'{FIELD}; filename="f{number}"\r\n\r\n{number}\r\n'


def broken():
    """Return the files of uploads that are not complete."""
    return {path for path in uploads.FOLDER.iterdir() if path.is_file()}


def test_a_field_of_an_upload_is_refused_at_once(launched):
    """It would be held in memory, up to the size of a file."""
    field = f"{FIELD}\r\n\r\n" + "x" * 1000
    answer = end(begin_upload(launched.settings.port, field, 20_000_000))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"send files alone" in answer


def test_files_of_an_upload_are_closed(launched):
    """Those of an upload that has yet to be completed, which its client may delay."""
    before, opened = broken(), len(os.listdir("/dev/fd"))
    body = "".join(map(part, range(300)))
    client = begin_upload(launched.settings.port, body, len(body) + len("--b--\r\n"))
    until(lambda: len(broken() - before) == 300)
    assert len(os.listdir("/dev/fd")) < opened + 50
    client.sendall(b"--b--\r\n")
    answer = end(client)
    assert answer.startswith(b"HTTP/1.1 200 ")
    paths = httpx.Response(200, content=answer.partition(b"\r\n\r\n")[2]).json()
    assert [Path(path).read_text() for path in paths] == [str(n) for n in range(300)]
    assert broken() == before


def test_unfinished_uploads_are_bounded_in_memory_together(launched, monkeypatch):
    url = f"http://127.0.0.1:{launched.settings.port}"
    monkeypatch.setattr(held, "MAX_HELD", 1)  # bytes; or two of the largest
    before, size = broken(), launched.files._size
    body = "".join(map(part, range(1000)))
    answer = end(begin_upload(launched.settings.port, body, len(body) + 1000))
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 60\r\n" in answer
    assert held.Held.size == 0
    assert broken() == before
    assert launched.files._size - size < 2 * len(body)  # the rest of it is free again
    assert httpx.post(f"{url}{API}/upload", files={"files": b"x"}).status_code == 200


def test_an_upload_that_breaks_off_leaves_no_file(launched):
    before = broken()
    client = begin_upload(launched.settings.port, part(1), 1000)
    until(lambda: broken() - before)
    client.close()
    until(lambda: broken() == before)
