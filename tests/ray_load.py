"""A project whose model does what a call says, and users who call it through its page."""

import asyncio
import json
import random
import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.running import clean_environment, free_port, install, served

MODEL = '''"""A model that does what a call says: "sleep 0.1", "python 0.1", "device 0"."""

import os
import time
from functools import cache
from threading import Lock

import numpy as np

SIZE = 64


class Device:
    """A model that waits 500 ms for a device, as long for a batch as for a row."""

    input_shape, labels = (None, SIZE), None
    _free = Lock()  # one batch at a time

    def __call__(self, batch):
        with self._free:
            time.sleep(0.5)
        return 2 * batch


@cache
def load():
    """Return the model on the device."""
    return Device()


def predict(text: str) -> str:
    """Work as the text says; return the process, and the version that was deployed."""
    kind, amount, *_ = text.split()
    if kind == "sleep":
        time.sleep(float(amount))
    elif kind == "python":  # seconds of a core, with Python's lock
        total, until = 0, time.thread_time() + float(amount)
        while time.thread_time() < until:
            for n in range(1000):
                total += n * n
    elif kind == "device":
        load()(np.ones((1, SIZE), np.float32))
    elif kind == "die":
        os._exit(1)
    return f"{os.getpid()} {os.environ.get('VERSION')} {text}"
'''
APP = '''"""The web page: a text in, a text out."""

import gradio as gr

from cluster import load, predict
from ml_ui import guard, launch


@guard
def answer(text: str) -> str:
    """Return what the model says of a text."""
    return predict(text)


demo = gr.Interface(answer, "text", "text", api_name="predict", flagging_mode="never")

if __name__ == "__main__":
    launch(demo, load)
'''
API = "/gradio_api/call/predict"


def of_work(project: Path, folder: Path) -> Path:
    """Return a copy of a project for platform ray whose model does what a call says."""
    copy = shutil.copytree(project, folder)
    (copy / "model.py").write_text(MODEL, "utf-8")
    (copy / "app.py").write_text(APP, "utf-8")
    return copy


@contextmanager
def page(project: Path, model: str = "", **settings: str) -> Iterator[str]:
    """Serve the page of a project, its model at a URL or in the same process."""
    port = free_port()
    environment = clean_environment(
        install(project), GRADIO_SERVER_PORT=str(port), MODEL_URL=model, **settings
    )
    with served(project, ["python", "app.py"], environment, port) as url:
        yield url


@dataclass
class Seen:
    """What users saw: the seconds of each answer, when it came, and what was lost."""

    seconds: list[float] = field(default_factory=list)
    came: list[float] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers per second, without the first and the last tenth of the time."""
        start, end = min(self.came), max(self.came)
        edge = (end - start) / 10
        inside = [each for each in self.came if start + edge <= each <= end - edge]
        return len(inside) / (end - start - 2 * edge)

    @property
    def median(self) -> float:
        """Median seconds."""
        return statistics.median(self.seconds)

    def quantile(self, share: float) -> float:
        """Return the seconds that a share of the answers took at most."""
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(share * len(self.seconds)))]


async def call(client: httpx.AsyncClient, url: str, text: str) -> str:
    """Return the answer of the page.

    Raises:
        AssertionError: it is an error, or that of another call.
    """
    joined = await client.post(f"{url}{API}", json={"data": [text]})
    assert joined.status_code == 200, f"{joined.status_code} {joined.text[:200]}"
    events = await client.get(f"{url}{API}/{joined.json()['event_id']}")
    blocks = [block for block in events.text.strip().split("\n\n") if "heartbeat" not in block]
    fields = dict(line.split(": ", 1) for line in blocks[-1].splitlines())
    assert fields["event"] == "complete", fields["data"]
    (answer,) = json.loads(fields["data"])
    assert answer.endswith(f" {text}"), f"{answer!r} for {text!r}"
    return answer


async def _user(client, url, text, number, think, until, seen) -> None:
    rng = random.Random(number)
    await asyncio.sleep(rng.random() * (think or 0.2))
    turn = 0
    while time.monotonic() < until:
        turn += 1
        start = time.monotonic()
        try:
            answer = await call(client, url, f"{text} user-{number}-{turn}")
        except (AssertionError, httpx.HTTPError) as error:
            seen.lost.append(f"{type(error).__name__}: {error}"[:300])
        else:
            seen.answers.append(answer)
            seen.seconds.append(time.monotonic() - start)
            seen.came.append(time.monotonic())
        if think:
            await asyncio.sleep(think * (0.5 + rng.random()))


def users(url: str, text: str, count: int, seconds: float, think: float = 0) -> Seen:
    """Let users call for some time, each again when its answer is there.

    Args:
        url: of the page.
        text: the work, to which each call's number is added.
        count: of the users.
        seconds: how long they begin calls.
        think: seconds, on average, between an answer and the next call.
    """
    seen = Seen()

    async def run() -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=count)
        async with httpx.AsyncClient(limits=limits, timeout=120, trust_env=False) as client:
            until = time.monotonic() + seconds
            numbers = range(count)
            await asyncio.gather(
                *(_user(client, url, text, n, think, until, seen) for n in numbers)
            )

    asyncio.run(run())
    return seen
