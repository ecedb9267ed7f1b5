"""Generated projects, installed and served for real."""

import contextlib
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from running import (
    MODEL_TESTS,
    check_grey,
    clean_environment,
    free_port,
    install,
    own_tests,
    served,
    zero_gpu,
)

from local_extensions.catalog import SHOWN

pytestmark = pytest.mark.slow


@pytest.mark.sample("*-classification-onnx")
@pytest.mark.parametrize(("task", "framework"), SHOWN)
def test_its_own_tests_pass_and_leave_nothing(bake, task, framework):
    """All of them once, else those of the model."""
    project = bake(task=task, framework=framework, platform="local")
    run = own_tests(project, "tests" if (task, framework) == SHOWN[0] else MODEL_TESTS)
    assert run.returncode == 0, run.stdout[-3000:]
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    subprocess.run(["git", "add", "-A"], cwd=project, check=True)
    added = subprocess.check_output(["git", "ls-files"], cwd=project, text=True)
    assert not re.search(r"__pycache__|\.gradio|_cache/|\.log", added)


@pytest.mark.sample("image-classification-demo")
@pytest.mark.parametrize("own", [False, True], ids=["demo", "own"])
@pytest.mark.parametrize("task", ["image-classification", "tabular", "text-classification"])
def test_its_own_tests_detect_a_wrong_answer(bake, task, own, tmp_path):
    """The least likely label in the likeliest's place; pictures alone have a known answer."""
    baked = bake(task=task, platform="local")
    if own:
        model = next(path for path in baked.glob("model/*") if path.name != "labels.txt")
        baked = bake(task=task, platform="local", model_path=str(model))
    project = shutil.copytree(baked, tmp_path / "project")
    source = (project / "app.py").read_text("utf-8")
    wrong = "fn=guard(lambda *row: {n: 1 - p for n, p in answer.__wrapped__(*row).items()}),"
    assert "fn=answer," in source
    (project / "app.py").write_text(source.replace("fn=answer,", wrong), "utf-8")
    run = own_tests(project, MODEL_TESTS)
    failed = set(re.findall(r"^FAILED \S+::(\w+)", run.stdout, re.MULTILINE))
    expected = "test_example" if task == "image-classification" else "test_api"
    assert failed == {expected}, run.stdout[-3000:]


STORY_A = {"task": "image-to-image", "framework": "python"}


def test_local(bake, photo, browser):
    project = bake(**STORY_A, platform="local")
    port, folder = free_port(), install(project)
    environment = clean_environment(folder, PORT=str(port))
    with served(project, ["python", "app.py"], environment, port) as url:
        check_grey(url, photo, browser)
        busy = subprocess.run(
            ["python", "app.py"], cwd=project, env=environment,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert busy.returncode == 1
    assert busy.stderr.splitlines()[-1].startswith(f"Port {port} of 127.0.0.1 is taken")
    assert "Traceback" not in busy.stderr


@pytest.mark.every
@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_heroku(bake, photo, browser, shell):
    """The Procfile's line, in the bare environment of a dyno and in a plain sh."""
    project = bake(**STORY_A, platform="heroku")
    port, folder = free_port(), install(project)
    line = (project / "Procfile").read_text("utf-8").removeprefix("web: ")
    environment = clean_environment(folder, PORT=str(port), DYNO="web.1")
    with served(project, [shell, "-c", line], environment, port) as url:
        check_grey(url, photo, browser)


def test_space(bake, photo, browser):
    """The variables of a Space on ZeroGPU, and its device service as a stand-in."""
    project = bake(**STORY_A, platform="huggingface")
    port = free_port()
    with device_service() as (url, calls):
        environment = zero_gpu(project, port, url)
        with served(project, ["python", "app.py"], environment, port) as app:
            check_grey(app, photo, browser)
    # ZeroGPU ends a Space that does not report; a plain function takes no GPU time.
    assert calls == ["/startup-report"]


@contextlib.contextmanager
def device_service():
    """Give the address of a stand-in for ZeroGPU, which grants all, and what it is asked."""
    calls = []
    granted = b'{"idle": false, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": "yes"}'

    class Service(BaseHTTPRequestHandler):
        def do_POST(self):
            path, _, query = self.path.partition("?")
            calls.append(path + "".join(re.findall(r"&token=[^&]+", query)))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(granted)

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", calls
        server.shutdown()


CALLS_AT_ONCE = """
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from model import MODEL
from runtime import Model

model, batches = Model(MODEL), []
predict = model._predict


def counted(batch):
    batches.append(len(batch))
    assert not (batch[:, 0] < 0).any(), "a bad row"
    barrier.wait(1) if len(batches) == 1 else None  # the rest comes while the first runs
    return predict(batch)


model._predict = counted
rows = np.random.default_rng(0).random((32, 1, 4)) * 5
alone = [predict(row) for row in rows]
rows[7, 0, 0] = -1
barrier = threading.Event()
threading.Timer(0.5, barrier.set).start()
with ThreadPoolExecutor(32) as threads:
    calls = [threads.submit(model, row) for row in rows]
failed = [n for n, call in enumerate(calls) if call.exception()]
same = all(np.allclose(calls[n].result(), alone[n]) for n in range(32) if n != 7)
print(failed, same, batches[:2])
"""


def test_concurrent_calls_are_batched(bake):
    """By scikit-learn; each gets its own answer, and a bad one fails alone."""
    project = bake(task="tabular", framework="scikit-learn", platform="local")
    run = subprocess.run(
        ["python", "-c", CALLS_AT_ONCE], cwd=project, env=clean_environment(install(project)),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout == "[7] True [1, 31]\n"
