"""The web form against visitors who take more than their part: requests, places, memory, the log."""

import asyncio
import io
import multiprocessing
import os
import random
import socket
import subprocess
import sys
import threading
import time
import zipfile
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from asking import IRIS, copy_template
from crafted import field, onnx, onnx_input
from starlette.testclient import TestClient

pytest.importorskip("resource")  # Windows has none, nor the form's processes

from web import app, processes, protocol, work

FILE = {"file": ("iris.skops", IRIS.read_bytes())}
A, B = "192.0.2.1", "192.0.2.2"
BOUNDARY = {"Content-Type": "multipart/form-data; boundary=x"}


def visitor(form, address: str) -> httpx.AsyncClient:
    """Return a client of the form, at an address."""
    transport = httpx.ASGITransport(form, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://form")


async def called(form, path: str, receive) -> list[dict]:
    """Call the app as a server does; return what it sends."""
    sent = []

    async def send(message):
        sent.append(message)

    address = urlsplit(path)
    scope = {
        "type": "http",
        "method": "GET",
        "path": address.path,
        "query_string": address.query.encode(),
        "headers": [],
        "client": (A, 1),
    }
    await form(scope, receive, send)
    return sent


# Places -----------------------------------------------------------------------------------


def test_requests_of_a_client_at_a_time(monkeypatch):
    monkeypatch.setattr(app, "PATIENCE", 0.02)
    form = app.create(per_minute=0)

    async def visits():
        async with visitor(form, A) as one, visitor(form, B) as other:
            asked = [one.get("/") for _ in range(6)]
            answers = await asyncio.gather(*asked, other.get("/"))
            again = await one.get("/")
        return [answer.status_code for answer in (*answers, again)]

    *of_one, of_other, again = asyncio.run(visits())
    assert sorted(of_one) == [200, 200, 429, 429, 429, 429]
    assert (of_other, again) == (200, 200)


def test_page_that_asks_anew_gets_the_place_that_it_left():
    form = app.create(per_minute=0)

    async def visits():
        async with visitor(form, A) as page:
            left = [asyncio.create_task(page.get("/")) for _ in range(app.AT_A_TIME)]
            asyncio.get_running_loop().call_later(0.2, lambda: [each.cancel() for each in left])
            await asyncio.sleep(0.05)
            return await page.get("/")

    assert asyncio.run(visits()).status_code == 200


def test_uploads_of_a_client_at_a_time(monkeypatch):
    """Those who only look are not concerned by how many uploads there are."""
    monkeypatch.setattr(app, "PATIENCE", 0.02)
    monkeypatch.setattr(app, "UPLOADS", app.AT_A_TIME)
    form = app.create(per_minute=0)

    async def visits():
        begun = asyncio.Semaphore(0)

        async def slow():
            yield b"--x\r\n"
            begun.release()
            await asyncio.Event().wait()

        async with visitor(form, A) as one, visitor(form, B) as other:
            held = [
                asyncio.create_task(one.post("/", content=slow(), headers=BOUNDARY))
                for _ in range(app.AT_A_TIME)
            ]
            for _ in held:
                await begun.acquire()
            answers = [
                await one.post("/", files=FILE),
                await other.post("/", files=FILE),
                await other.get("/"),
            ]
            for each in held:
                each.cancel()
            await asyncio.wait(held)
            answers.append(await one.post("/", files=FILE))
        return [answer.status_code for answer in answers]

    assert asyncio.run(visits()) == [429, 503, 200, 200]


@pytest.mark.parametrize("at_once", [0, 1])
def test_job_ends_when_its_visitor_goes(at_once):
    """One that waits, and one that runs."""
    form = app.create(processes.Processes(at_once=at_once, waiting=1), per_minute=0)

    async def left():
        messages = [{"type": "http.request"}, {"type": "http.disconnect"}]

        async def receive():
            if len(messages) == 1:
                await asyncio.sleep(0.1)
            return messages.pop(0)

        return await asyncio.wait_for(called(form, "/", receive), 10)

    assert asyncio.run(left())[0]["status"] == 400
    assert multiprocessing.active_children() == []


def test_job_that_is_cancelled_has_no_process(tmp_path, caplog):
    (tmp_path / "in").mkdir()

    async def cancelled():
        jobs = processes.Processes()
        task = asyncio.create_task(jobs.run(work.Job(str(tmp_path), {}, "template")))
        while not multiprocessing.active_children():
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled(), multiprocessing.active_children()

    assert asyncio.run(cancelled()) == (True, [])
    assert not caplog.records


# Memory -----------------------------------------------------------------------------------


def test_zip_is_sent_in_parts():
    async def parts():
        messages = [{"type": "http.request"}]

        async def receive():
            if not messages:
                await asyncio.Event().wait()
            return messages.pop()

        return await called(app.create(), "/project.zip?task=tabular", receive)

    start, *bodies = asyncio.run(parts())
    sizes = [len(message["body"]) for message in bodies]
    assert max(sizes) <= 2**16 < sum(sizes)
    assert dict(start["headers"])[b"content-length"] == str(sum(sizes)).encode()


@contextmanager
def served(form):
    """Serve the form with its protocol; yield the port."""
    settings = {"http": protocol.Protocol, "log_config": None, "lifespan": "off"}
    server = uvicorn.Server(uvicorn.Config(form, port=0, **settings))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def test_reader_that_does_not_read_is_cut_off(monkeypatch):
    monkeypatch.setattr(protocol, "STALLED", 0.3)
    weights = random.Random(0).randbytes(3_000_000)
    model = onnx(onnx_input("x", 1, "N", 4)) + field(100, weights)
    request = httpx.Request("POST", "http://x/project.zip", files={"file": ("a.onnx", model)})
    lines = [f"{name}: {value}" for name, value in request.headers.items()]
    head = "\r\n".join(["POST /project.zip HTTP/1.1", *lines, "", ""])
    form = app.create()
    with served(form) as port, socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", port))
        reader.sendall(head.encode() + request.read())
        assert reader.recv(12) == b"HTTP/1.1 200"
        open_ones = protocol.Protocol._open
        deadline = time.monotonic() + 10
        while open_ones and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not open_ones


# What is a visitor's, and what is the server's --------------------------------------------


def test_error_is_logged_without_its_text(monkeypatch, caplog):
    def fails(**_):
        raise ValueError("the text of a visitor")

    monkeypatch.setattr(app.page, "render", fails)
    answer = TestClient(app.create()).get("/")
    assert answer.status_code == 500 and "content-security-policy" in answer.headers
    assert "ValueError at" in caplog.text and "test_web_abuse.py:" in caplog.text
    assert "a visitor" not in caplog.text


@pytest.mark.parametrize("kind", ["repository", "environment"])
def test_name_of_the_server_is_in_no_zip(tmp_path, kind):
    template = copy_template(tmp_path)
    variables = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    if kind == "repository":
        subprocess.run(["git", "init", "-q"], cwd=template, check=True)
        subprocess.run(["git", "config", "user.name", "The Server"], cwd=template, check=True)
    else:
        named = {"COUNT": "1", "KEY_0": "user.name", "VALUE_0": "The Server"}
        variables |= {f"GIT_CONFIG_{name}": value for name, value in named.items()}
        variables["GIT_CONFIG_PARAMETERS"] = "'user.name'='The Server'"
    code = (
        "import sys; from starlette.testclient import TestClient; from web import app\n"
        "if __name__ == '__main__':\n"
        "    answer = TestClient(app.create()).get('/project.zip?task=tabular')\n"
        "    sys.stdout.buffer.write(answer.content)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=template, env=variables, check=True, capture_output=True)
    with zipfile.ZipFile(io.BytesIO(done.stdout)) as archive:
        texts = [archive.read(name) for name in archive.namelist()]
    assert len(texts) > 10 and not [text for text in texts if b"The Server" in text]
