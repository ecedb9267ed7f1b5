"""Projects started as their hosts start them: variables, port, memory, disk, probes, signals."""

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from gradio_client import Client, handle_file
from images import Container, Engine
from running import clean_environment, free_port, install, install_packages, is_grey
from serving.test_proxies import ARRIVES, FORGED, VISITORS
from test_hosts import MODAL, read

from ml_ui.sizing.limits import PLATFORMS

pytestmark = pytest.mark.slow

IMAGE = "ml-ui-template-hosts"
STORY_A = {"task": "image-to-image", "framework": "python"}
# A prediction that takes as long as a test wants.
SLOW = """
import os
import time

quick = predict


def predict(picture):
    time.sleep(float(os.environ.get("SLOW", 0)))
    return quick(picture)
"""
CALL = "/gradio_api/call/predict"


class Host(NamedTuple):
    """How a host starts the image: read from the file that it reads, and from its documentation."""

    port: int
    started: str  # the probe that says when it may have traffic
    lives: str  # the probe that has it restarted
    grace: int  # seconds from SIGTERM to SIGKILL
    variables: dict[str, str]
    options: tuple[str, ...] = ()  # of the container


def render(document: dict) -> Host:
    """https://render.com/docs/environment-variables, .../docs/health-checks."""
    (service,) = document["services"]
    given = {each["key"]: each["value"] for each in service["envVars"]}
    probe = service["healthCheckPath"]
    sets = {"RENDER": "true", "PORT": "10000", "RENDER_EXTERNAL_HOSTNAME": "app.onrender.com",
            "RENDER_CPU_COUNT": "0.1", "IS_PULL_REQUEST": "false"}  # fmt: skip
    return Host(10000, probe, probe, service["maxShutdownDelaySeconds"], sets | given)


def cloud_run(document: dict) -> Host:
    """https://docs.cloud.google.com/run/docs/container-contract: a disk in memory, 10 seconds."""
    (container,) = document["spec"]["template"]["spec"]["containers"]
    port = container["ports"][0]["containerPort"]
    probes = (container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness"))
    sets = {"PORT": str(port), "K_SERVICE": "app", "K_REVISION": "app-1", "K_CONFIGURATION": "app"}
    return Host(port, *probes, 10, sets, ("--read-only", "--tmpfs=/tmp", "--tmpfs=/app/.gradio"))


def fly(document: dict) -> Host:
    """https://fly.io/docs/machines/runtime-environment/."""
    service = document["http_service"]
    (check,) = service["checks"]
    sets = {
        "FLY_APP_NAME": "app",
        "FLY_REGION": "iad",
        "FLY_MACHINE_ID": "1",
        "PRIMARY_REGION": "iad",
    }
    sets |= document["env"]
    signal = f"--stop-signal={document['kill_signal']}"
    grace = document["kill_timeout"]
    return Host(service["internal_port"], check["path"], check["path"], grace, sets, (signal,))


HOSTS = {"render": render, "cloud-run": cloud_run, "fly": fly}


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Return the container engine of this machine."""
    return Engine()


@pytest.fixture(scope="module")
def image(engine, bake, tmp_path_factory) -> str:
    """Return the image, which is the same for each host."""
    dockerfiles = {
        (bake(platform=name, **STORY_A) / "Dockerfile").read_text("utf-8") for name in HOSTS
    }
    assert len(dockerfiles) == 1
    project = tmp_path_factory.mktemp("hosts") / "project"
    answers = {"python_version": engine.python_version, **STORY_A}
    shutil.copytree(bake(platform="docker", **answers), project)
    with (project / "model.py").open("a") as source:
        source.write(SLOW)
    engine.build(project, IMAGE)
    return IMAGE


@contextlib.contextmanager
def started(
    engine: Engine, image: str, platform: str, host: Host, **variables: str
) -> Iterator[tuple[Container, str]]:
    """Start the image as a host does on its smallest tier; yield the container and its URL."""
    memory = min(tier["ram_bytes"] for tier in PLATFORMS[platform]["hardware"].values())
    port = free_port()
    options = [f"--env={n}={v}" for n, v in (host.variables | variables).items()]
    options += [f"--publish=127.0.0.1:{port}:{host.port}", f"--memory={memory}b"]
    with engine.run(image, *options, *host.options) as container:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 90
        while not answers(f"{url}{host.started}"):
            assert time.monotonic() < deadline and container.state()["Running"]
            time.sleep(0.5)
        yield container, url


def answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url).status_code == 200
    return False


def arrives(platform: str, visitor: str) -> dict[str, str]:
    """Return the headers of a visitor's request as the host's proxy passes it on."""
    _, headers = ARRIVES[platform]
    return {name: text.format(visitor=visitor, forged=FORGED) for name, text in headers.items()}


def predicts(url: str, photo: Path) -> bool:
    answer = Client(url, verbose=False).predict(handle_file(photo), api_name="/predict")
    return is_grey(Path(answer), photo.read_bytes())


def limited(url: str, platform: str) -> list[list[int]]:
    """Return the answers to three calls of each of two visitors, of whom each may make two."""
    return [
        [
            httpx.post(f"{url}{CALL}", json={"data": [None]}, headers=headers).status_code
            for _ in range(3)
        ]
        for headers in (arrives(platform, visitor) for visitor in VISITORS)
    ]


@pytest.mark.parametrize("platform", HOSTS)
def test_image_on_a_host(engine, image, bake, photo, platform):
    host = HOSTS[platform](read(bake(platform=platform, **STORY_A), platform))
    with started(engine, image, platform, host, SLOW="2") as (container, url):
        assert answers(f"{url}{host.lives}")
        assert container("id", "-u").strip() == "1000"
        assert predicts(url, photo)
        answered = []
        call = threading.Thread(target=lambda: answered.append(predicts(url, photo)))
        call.start()
        time.sleep(1.5)
        code = container.stop(host.grace)
        call.join(30)
        assert (code, answered) == (0, [True])
    with started(engine, image, platform, host, RATE_LIMIT="2") as (_, url):
        assert limited(url, platform) == [[200, 200, 429]] * 2


# Modal: its client in front, in the same container --------------------------------------------

EDGE = """
import asyncio
import sys

import uvicorn
from modal._runtime.asgi import wait_for_web_server, web_server_proxy

import modal_app

modal_app.serve.local()
port = int(sys.argv[1])
wait_for_web_server("127.0.0.1", port, timeout=300)
proxy = web_server_proxy("127.0.0.1", port)


async def edge(scope, receive, send):
    if scope["type"] == "http":  # Modal's edge takes the header away, and tells who connected
        named = [v for n, v in scope["headers"] if n == b"x-forwarded-for"]
        scope["headers"] = [(n, v) for n, v in scope["headers"] if n != b"x-forwarded-for"]
        scope["client"] = (named[-1].decode() if named else "192.0.2.1", 1)
    told = []

    async def receive_once():  # on Modal, nothing follows a disconnect; here it would repeat
        message = await (asyncio.Event().wait() if told else receive())
        if message["type"] == "http.disconnect":
            told.append(message)
        return message

    await proxy(scope, receive_once, send)


uvicorn.run(edge, port=int(sys.argv[2]), proxy_headers=False, timeout_graceful_shutdown=1)
"""


@contextlib.contextmanager
def on_modal(project: Path, **variables: str) -> Iterator[str]:
    """Start the function of modal_app.py, with the proxy of Modal's client; yield its URL."""
    programs = install_packages("modal", MODAL, "uvicorn")
    inner, outer = free_port(), free_port()
    environment = clean_environment(
        install(project), MODAL_TASK_ID="ta-1", MODAL_ENVIRONMENT="main", MODAL_REGION="us-east-1",
        GRADIO_SERVER_NAME="0.0.0.0", PORT=str(inner), **variables,
    )  # fmt: skip
    command = [programs / "python", "-B", "-c", EDGE, str(inner), str(outer)]
    with subprocess.Popen(command, cwd=project, env=environment, start_new_session=True) as process:
        url = f"http://127.0.0.1:{outer}"
        try:
            deadline = time.monotonic() + 90
            while not answers(f"{url}/readyz"):
                assert time.monotonic() < deadline and process.poll() is None
                time.sleep(0.5)
            yield url
        finally:
            os.killpg(process.pid, 15)


def test_modal(bake, photo):
    project = bake(platform="modal", **STORY_A)
    with on_modal(project) as url:
        assert predicts(url, photo)
    with on_modal(project, RATE_LIMIT="2") as url:
        assert limited(url, "modal") == [[200, 200, 429]] * 2
