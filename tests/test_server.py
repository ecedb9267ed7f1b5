"""What stands around a generated app: doors, log and figures, on a real one."""

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
from urllib.parse import quote

import httpx
import numpy as np
import psutil
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from running import BUILD, check_grey, clean_environment, free_port, install, photograph, served

pytestmark = pytest.mark.slow

STORY_A = {"task": "image-to-image", "framework": "python", "platform": "local"}
ECHO = """
import time

import gradio as gr

import server


def predict(text):
    if text == "sleep":
        print("asleep", flush=True)
        time.sleep(1)
    if text == "raise":
        raise ValueError("a secret of /srv/app")
    if text == "":
        raise gr.Error("Write something first.")
    return text


with gr.Blocks() as demo:
    gr.Interface(predict, "textbox", "textbox", api_name="predict", flagging_mode="never")
    hidden = gr.Button()
    hidden.click(lambda: "opened", None, gr.Textbox(), api_name="hidden", api_visibility="private")

server.launch(demo, lambda: None)
"""
ORIGIN = "https://example.com"


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
    """Serve a project with these settings; give its address."""
    port = free_port()
    environment = clean_environment(install(project), PORT=str(port), **variables)
    with served(project, [*wrap, "python", "app.py"], environment, port) as url:
        yield url


def log() -> list[dict]:
    """Return what the app has logged, but for Gradio's own prints."""
    lines = (BUILD / "served.log").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def call(
    url: str, text: str = "hello", name: str = "predict", **headers: str | bytes
) -> httpx.Response:
    """Ask for a prediction; the answer is not waited for."""
    body = {"data": [text]}
    return httpx.post(f"{url}/gradio_api/call/{name}", json=body, headers=headers)


LOOKS = """
import numpy as np
from PIL import Image
import pictures

Image.fromarray((np.arange(65536, dtype=np.uint16)).reshape(256, 256)).save("16.png")
assert pictures.read("16.png")[..., 0].mean(1).tolist() == list(range(256))
logo = Image.new("RGBA", (20, 20))
logo.paste("black", (0, 0, 10, 20))
for name, picture in {"rgba.png": logo, "la.png": logo.convert("LA")}.items():
    picture.save(name)
    assert pictures.read(name)[0, ::10].tolist() == [[0] * 3, [255] * 3], name
slope = np.arange(6912, dtype=np.uint8).reshape(48, 48, 3)
Image.fromarray(slope).save("10.jpg", progressive=True)
head, *scans = open("10.jpg", "rb").read().split(b"\\xff\\xda")
assert len(scans) > 5
assert pictures.read("10.jpg").shape == (48, 48, 3)
again = [head, *scans[:-1], *scans[-2:-1] * 500, scans[-1]]
open("many.jpg", "wb").write(b"\\xff\\xda".join(again))
Image.new("L", (1, 70_000)).save("thin.png")
Image.new("L", (9, 9)).save("tiles.tiff")
refused = {"many.jpg": "too many parts", "thin.png": "70000", "tiles.tiff": "not a picture"}
for name, why in refused.items():
    try:
        pictures.read(name)
    except Exception as error:
        assert why in str(error), (name, error)
    else:
        raise AssertionError(name)
"""
FORGETS = """
from types import SimpleNamespace as Event
import gradio as gr
from server import files, sessions

with gr.Blocks() as demo:
    pass
known = sessions.Sessions(demo)
demo._queue.event_ids_to_events["event"] = Event(session_hash="waiting")
for name in ("waiting", *map(str, range(sessions.REMEMBERED))):
    known[name] = None
assert len(known) == sessions.REMEMBERED
assert "waiting" in known and "0" not in known

files.uploads.append("done", "name", b"x")
files.uploads.set_done("done")
ids = files.forget_uploads(set())
assert ids == {"done"}
files.uploads.append("new", "name", b"x")
assert files.forget_uploads(ids) == {"new"}
"""


def test_login(project, browser):
    with serving(project, APP_USERNAME="ann", APP_PASSWORD="pass word") as url:
        assert httpx.get(f"{url}/healthz").status_code == 200
        assert httpx.get(f"{url}/readyz").status_code == 200
        closed = ["config", "gradio_api/info", "gradio_api/queue/status", "gradio_api/file=x"]
        assert {httpx.get(f"{url}/{path}").status_code for path in closed} == {401}
        assert call(url).status_code == 401
        assert httpx.post(f"{url}/gradio_api/upload", files={"files": b"x"}).status_code == 401
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


def test_a_request_is_short_and_comes_soon(project):
    with serving(project) as url:
        port = port_of(url)
        late, half, long = (socket.create_connection(("127.0.0.1", port), 60) for _ in range(3))
        with late, half, long:
            late.sendall(b"GET / HTTP/1.1\r\nHost: ")
            half.sendall(JOIN)
            with pytest.raises(OSError):  # nobody reads it any more
                long.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 10_000_000)
                long.sendall(b"x")
            assert late.recv(1) == half.recv(1) == b""
        with httpx.Client(base_url=url) as client:  # one connection, many requests
            body = {"data": ["x" * 900_000]}
            for _ in range(3):
                assert client.post("/gradio_api/call/predict", json=body).status_code == 200


def test_who_still_sends_does_not_keep_the_app_from_stopping(project):
    with serving(project) as url:
        process = process_of(url)
        with socket.create_connection(("127.0.0.1", port_of(url)), 10) as half:
            half.sendall(JOIN)
            time.sleep(0.5)
            start = time.monotonic()
            process.terminate()
            process.wait(20)
    assert time.monotonic() - start < 7  # SHUTDOWN_GRACE is 8


def test_many_connections_may_be_open(project):
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
def test_a_number_is_finite(iris, number):
    body = f'{{"data": [1, 2, 3, {number}]}}'
    headers = {"Content-Type": "application/json"}
    call = httpx.post(f"{iris}/gradio_api/call/predict", content=body, headers=headers)
    told = httpx.get(f"{iris}/gradio_api/call/predict/{call.json()['event_id']}").text
    assert "Give a number for petal width" in told


SLOW = """
import time
from pathlib import Path

import gradio as gr

import server
from server import files

files.KEPT, files.SWEPT = 1, 0.2


def size(path):
    time.sleep(2)
    return len(Path(path).read_bytes())


demo = gr.Interface(size, gr.File(), gr.Number(), api_name="predict", flagging_mode="never")
server.launch(demo, lambda: None)
"""


def test_a_file_is_kept_while_its_call_waits(project, tmp_path):
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


def test_a_session_that_reads_nothing_does_not_fill_the_memory(project):
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


def test_metrics_and_log(project):
    with serving(project, METRICS="1") as url:
        client = Client(url, verbose=False)
        for text in ("one", "two"):
            client.predict(text, api_name="/predict")
        with pytest.raises(AppError) as told:
            client.predict("raise", api_name="/predict")
        with pytest.raises(AppError, match="Write something first"):
            client.predict("", api_name="/predict")
        figures = httpx.get(f"{url}/metrics").text
    found = dict(re.findall(r"^(\S+) ([\d.e+-]+)$", figures, re.MULTILINE))
    assert float(found['app_predictions_total{name="predict",outcome="ok"}']) == 2
    assert float(found['app_predictions_total{name="predict",outcome="failed"}']) == 1
    assert float(found['app_predictions_total{name="predict",outcome="refused"}']) == 1
    assert float(found["app_prediction_seconds_count"]) == 4
    assert float(found["app_queue_wait_seconds_count"]) == 4
    assert float(found["app_queue_length"]) == 0
    assert "app_model_load_seconds" in found
    assert float(found["process_resident_memory_bytes"]) > 1e8
    # The answer gives a reference and no more; under it the log has the trace.
    reference = re.search(r"reference (\w+)", str(told.value))[1]
    assert "secret" not in str(told.value)
    (entry,) = [line for line in log() if reference in line["message"]]
    assert "a secret of /srv/app" in entry["trace"]
    calls = [line for line in log() if line.get("path") == "/gradio_api/queue/join"]
    assert [line["status"] for line in calls] == [200] * 4
    assert not [line for line in log() if line.get("path") == "/readyz"]


def test_a_terminal_gets_no_json(project):
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
    said = os.read(parent, 100_000).decode()
    assert '"path"' not in said
    assert "Running on local URL" in said
    assert "ValueError: a secret of /srv/app" in said


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


@pytest.mark.parametrize("same", [True, False], ids=["same", "distinct"])
def test_64_users_lose_and_mix_up_nothing(bake, same):
    photos = [photograph()] * 128 if same else distinct(256)
    with serving(bake(**STORY_A)) as url:
        answers = ask(url, photos, 64)
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    for photo, answer in zip(photos, answers, strict=True):
        sent, got = Image.open(io.BytesIO(photo)), Image.open(io.BytesIO(answer))
        assert got.size == sent.size
        assert brightness(answer) == pytest.approx(brightness(photo), abs=1)


def test_steady_load(bake):
    """Three minutes, or SOAK_MINUTES: nothing is lost, and memory does not grow."""
    photos, lost, memory = distinct(64), [], []
    with serving(bake(**STORY_A)) as url:
        process = process_of(url)
        end = time.monotonic() + 60 * float(os.environ.get("SOAK_MINUTES", "3"))
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


def test_no_request_breaks_the_app(bake, photo, browser, tmp_path):
    """A minute, or FUZZ_MINUTES, of what each endpoint's schema allows, and what it does not."""
    seconds = 60 * float(os.environ.get("FUZZ_MINUTES", "1"))
    with serving(bake(**STORY_A)) as url:
        process, memory = process_of(url), []
        fuzzers = [
            subprocess.Popen(fuzz(url, path, seconds, tmp_path), cwd=tmp_path)
            for path in ("/openapi.json", "/gradio_api/openapi.json")
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


def fuzz(url: str, path: str, seconds: float, folder: Path) -> list:
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
        f"--max-time={seconds:.0f}", "--checks=not_a_server_error", "--continue-on-failure",
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
