"""Server processes: SIGTERM, connections, memory, load, fuzzing, a login, a terminal.

What needs no process of its own is tested in tests/serving.
"""

import asyncio
import contextlib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from gradio_client import Client, handle_file
from PIL import Image
from running import LOG, check_grey, clean_environment, free_port, install, photograph, served

pytestmark = pytest.mark.slow

STORY_A = {"task": "image-to-image", "framework": "python", "platform": "local"}
ECHO = """
import gradio as gr

from ml_ui import guard, launch


@guard
def predict(text):
    if text == "raise":
        raise ValueError("a secret of /srv/app")
    return text


demo = gr.Interface(predict, "textbox", "textbox", api_name="predict", flagging_mode="never")
launch(demo, lambda: None)
"""


@pytest.fixture(scope="module")
def project(bake, tmp_path_factory) -> Path:
    """Return a project whose page gives back a text."""
    folder = tmp_path_factory.mktemp("server") / "project"
    shutil.copytree(bake(**STORY_A), folder)
    (folder / "app.py").write_text(ECHO, "utf-8")
    return folder


@pytest.fixture(scope="module")
def iris(bake):
    """Serve the demo that takes a row of numbers."""
    with serving(bake(task="tabular", platform="local")) as url:
        yield url


@contextlib.contextmanager
def serving(project: Path, *, wrap: tuple[str, ...] = (), **variables: str):
    """Serve a project with these settings; yield its address."""
    port = free_port()
    environment = clean_environment(install(project), PORT=str(port), **variables)
    with served(project, [*wrap, "python", "app.py"], environment, port) as url:
        yield url


def log() -> list[dict]:
    """Return the lines that the app has logged, without those that Gradio prints."""
    lines = LOG.read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def call(url: str, text: str = "hello") -> httpx.Response:
    """Call the function; its answer is not read."""
    return httpx.post(f"{url}/gradio_api/call/predict", json={"data": [text]})


def test_login_in_a_browser(project, browser):
    with serving(project, APP_USERNAME="ann", APP_PASSWORD="pass word") as url:
        client = Client(url, auth=("ann", "pass word"), verbose=False)
        assert client.predict("hello", api_name="/predict") == "hello"
        page = browser.new_page()
        page.goto(url)
        page.locator("input[type=text]").fill("ann")
        page.locator("input[type=password]").fill("pass word")
        page.get_by_role("button", name="Login").click()
        page.locator("textarea").first.fill("through the browser")
        page.get_by_role("button", name="Submit").click()
        page.wait_for_function("document.querySelectorAll('textarea')[1].value.startsWith('thr')")
        page.close()


JOIN = b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"


@pytest.mark.every
def test_slow_request_does_not_delay_shutdown(project):
    with serving(project) as url:
        process = process_of(url)
        with socket.create_connection(("127.0.0.1", port_of(url)), 10) as half:
            half.sendall(JOIN)
            time.sleep(0.5)
            start = time.monotonic()
            process.terminate()
            process.wait(20)
    assert time.monotonic() - start < 6.5  # SHUTDOWN_GRACE is 7


def test_open_file_limit_is_raised(project):
    with (
        serving(project, wrap=("prlimit", "--nofile=256:4096")) as url,
        contextlib.ExitStack() as stack,
    ):
        port = port_of(url)
        for _ in range(400):
            stack.enter_context(
                contextlib.closing(socket.create_connection(("127.0.0.1", port), 10))
            )
        assert httpx.get(f"{url}/healthz", timeout=10).status_code == 200


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e400", "9" * 400])
def test_nan_and_infinity_are_refused(iris, number):
    body = f'{{"data": [1, 2, 3, {number}]}}'
    headers = {"Content-Type": "application/json"}
    call = httpx.post(f"{iris}/gradio_api/call/predict", content=body, headers=headers)
    answer = httpx.get(f"{iris}/gradio_api/call/predict/{call.json()['event_id']}").text
    assert "Give a number for petal width" in answer


SLOW = """
import time
from pathlib import Path

import gradio as gr

from ml_ui import guard, launch
from ml_ui.serving import uploads

uploads.KEPT, uploads.INTERVAL = 1, 0.2


@guard
def size(path):
    time.sleep(2)
    return len(Path(path).read_bytes())


demo = gr.Interface(size, gr.File(), gr.Number(), api_name="predict", flagging_mode="never")
launch(demo, lambda: None)
"""


def test_uploads_are_kept_while_their_call_waits(project, tmp_path):
    folder, mine = tmp_path / "slow", tmp_path / "mine"
    shutil.copytree(project, folder)
    (folder / "app.py").write_text(SLOW, "utf-8")
    mine.mkdir()
    (mine / "notes.txt").write_text("the owner's", "utf-8")
    with serving(folder, WEB_CONCURRENCY="1", GRADIO_TEMP_DIR=str(mine)) as url:
        sent = [tmp_path / f"{n}.txt" for n in range(3)]
        for n, path in enumerate(sent):
            path.write_text("x" * n, "utf-8")
        client = Client(url, verbose=False)
        jobs = [client.submit(handle_file(path), api_name="/predict") for path in sent]
        assert [job.result(30) for job in jobs] == [0, 1, 2]
    assert (mine / "notes.txt").exists()
    assert not list(mine.glob("app-*"))


@pytest.mark.every
def test_unread_messages_do_not_fill_the_memory(project):
    with serving(project) as url:
        process = process_of(url)
        memory, body = [], {"data": ["x" * 50_000], "fn_index": 0, "session_hash": "s"}
        with httpx.Client() as client:
            for _ in range(2):
                for _ in range(1500):
                    while client.post(f"{url}/gradio_api/queue/join", json=body).status_code == 503:
                        time.sleep(0.1)
                memory.append(process.memory_info().rss / 1e6)
    assert memory[1] - memory[0] < 30, memory


def test_terminal_gets_text(project):
    pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")
    parent, child = pty.openpty()
    port = free_port()
    environment = clean_environment(install(project), PORT=str(port))
    with subprocess.Popen(
        ["python", "app.py"], cwd=project, env=environment, stdout=child, stderr=child
    ) as app:
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if call(f"http://127.0.0.1:{port}", "raise").status_code == 200:
                    break
            time.sleep(0.1)
        time.sleep(1)
        app.terminate()
        assert app.wait(20) == 0
    os.close(child)
    output = os.read(parent, 100_000).decode()
    assert '"path"' not in output
    assert "Running on local URL" in output
    assert "ValueError: a secret of /srv/app" in output


def ask(url: str, photos: list[bytes], users: int) -> list[bytes | Exception]:
    """Send photographs as so many users at once; return the answers in their order."""
    with ThreadPoolExecutor(1) as thread:  # Playwright's loop runs in this one
        return thread.submit(asyncio.run, _ask(url, photos, users)).result()


async def _ask(url: str, photos: list[bytes], users: int) -> list[bytes | Exception]:
    gate = asyncio.Semaphore(users)
    limits = httpx.Limits(max_connections=users)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:

        async def one(photo: bytes) -> bytes:
            async with gate:
                sent = await client.post("/gradio_api/upload", files={"files": ("p.jpg", photo)})
                file = {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}
                event = await client.post("/gradio_api/call/predict", json={"data": [file]})
                path = f"/gradio_api/call/predict/{event.json()['event_id']}"
                answer = (await client.get(path)).text.rpartition("data: ")[2]
                return (await client.get(json.loads(answer)[0]["url"])).raise_for_status().content

        return await asyncio.gather(*map(one, photos), return_exceptions=True)


def brightness(picture: bytes) -> float:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("L"), float).mean()


def distinct(count: int) -> list[bytes]:
    """Return photographs that can be told apart by their size."""
    return [photograph(40 + n // 20, 60 + n % 20) for n in range(count)]


def test_64_users_get_their_own_answers(bake):
    photos = distinct(256)
    with serving(bake(**STORY_A)) as url:
        answers = ask(url, photos, 64)
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    for photo, answer in zip(photos, answers, strict=True):
        sent, got = Image.open(io.BytesIO(photo)), Image.open(io.BytesIO(answer))
        assert got.size == sent.size
        assert brightness(answer) == pytest.approx(brightness(photo), abs=1)


@pytest.mark.every
def test_steady_load(bake):
    """30 s, or SOAK_MINUTES: every call is answered, and memory does not grow."""
    photos, lost, memory = distinct(64), [], []
    with serving(bake(**STORY_A)) as url:
        process = process_of(url)
        end = time.monotonic() + 60 * float(os.environ.get("SOAK_MINUTES", "0.5"))
        while time.monotonic() < end:
            answers = ask(url, photos, 8)
            lost += [answer for answer in answers if isinstance(answer, Exception)]
            memory.append(process.memory_info().rss / 1e6)
            time.sleep(2)
    assert not lost
    print(f"{len(memory) * len(photos)} answers, lost {len(lost)}")
    assert growth(memory) < 10, memory


def growth(memory: list[float]) -> float:
    """Return by how much memory grew once everybody had come, and every thread was there."""
    third = len(memory) // 3
    before, after = np.mean(memory[third : 2 * third]), np.mean(memory[-third:])
    print(f"MB: {memory[0]:.0f} at first, {before:.0f} in the second third of the time,", end=" ")
    print(f"{after:.0f} in the last, {max(memory):.0f} at most")
    return after - before


SCHEMAS = {  # the checks of each; no schema can say that base64 is that of a picture
    "/openapi.json": ["--checks=all", "--exclude-checks=positive_data_acceptance"],
    "/gradio_api/openapi.json": ["--checks=not_a_server_error"],
}


def test_fuzzing(bake, photo, browser, tmp_path):
    """12 s, or FUZZ_MINUTES: what the API's schema says is so, and Gradio's never fails."""
    seconds = 60 * float(os.environ.get("FUZZ_MINUTES", "0.2"))
    with serving(bake(**STORY_A)) as url:
        process, memory = process_of(url), []
        folder = str(Path(__file__).parent)
        hooks = os.environ | {"SCHEMATHESIS_HOOKS": "real_pictures", "PYTHONPATH": folder}
        fuzzers = [
            subprocess.Popen(fuzz(url, path, seconds, tmp_path, checks), cwd=tmp_path, env=hooks)
            for path, checks in SCHEMAS.items()
        ]
        while any(fuzzer.poll() is None for fuzzer in fuzzers):
            memory.append(process.memory_info().rss / 1e6)
            time.sleep(1)
        assert [fuzzer.returncode for fuzzer in fuzzers] == [0, 0]
        assert httpx.get(f"{url}/healthz").status_code == 200
        check_grey(url, photo, browser)
    lines = log()
    asked = sum(line["message"] == "request" for line in lines)
    failed = [line for line in lines if line.get("status", 0) >= 500]
    print(f"{asked} requests, {len(failed)} failed")
    assert asked > 10 * seconds
    assert not failed
    assert growth(memory) < 10, memory


def fuzz(url: str, path: str, seconds: float, folder: Path, checks: list) -> list:
    """Return the command that sends all kinds of requests to the endpoints of a schema."""
    schema = httpx.get(url + path).json()
    for template, operations in schema["paths"].items():
        for operation in operations.values():  # FastAPI forgets one that it takes for a body
            given = operation.setdefault("parameters", [])
            names = set(re.findall(r"{(\w+)", template)) - {one["name"] for one in given}
            given += [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in names
            ]
    file = folder / f"{path.count('/')}.json"
    file.write_text(json.dumps(schema), "utf-8")
    return [
        Path(sys.executable).with_name("schemathesis"), "run", file, f"--url={url}",
        f"--max-time={seconds:.0f}", *checks, "--continue-on-failure",
        "--request-timeout=15", "--suppress-health-check=all", "--no-color",
        "--exclude-path-regex=/heartbeat/",  # it ends with its page
    ]  # fmt: skip


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def process_of(url: str) -> psutil.Process:
    """Return the process that listens there."""
    connections = psutil.net_connections("tcp")
    listening = [c for c in connections if c.status == "LISTEN"]
    (pid,) = {c.pid for c in listening if c.laddr.port == port_of(url)}
    return psutil.Process(pid)
