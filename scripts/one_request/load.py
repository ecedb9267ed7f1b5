"""Load generator: users call the apps in turns. Runs in the environment of the apps."""

import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil

HERE = Path(__file__).parent
USERS = (1, 16, 64)
TURNS = 20  # of each app
SECONDS = 1  # of a turn
ROW = {
    "sepal length (cm)": 5.1,
    "sepal width (cm)": 3.5,
    "petal length (cm)": 1.4,
    "petal width (cm)": 0.2,
}
Call = Callable[[aiohttp.ClientSession, str], Awaitable[None]]


@dataclass
class Turn:
    """A turn of an app: its calls."""

    seconds: list[float] = field(default_factory=list)
    lost: int = 0
    wall: float = 0
    cpu: float = 0

    def figures(self) -> dict[str, float]:
        """Return median, throughput, and CPU of the server."""
        return {
            "p50 ms": 1000 * statistics.median(self.seconds),
            "answers/s": len(self.seconds) / self.wall,
            "CPU ms": 1000 * self.cpu / len(self.seconds),
        }


def check(answer: dict[str, Any]) -> None:
    """Fail if the answer is not setosa, which these values are."""
    if "confidences" in answer:  # as gr.Label has them
        answer = {each["label"]: each["confidence"] for each in answer["confidences"]}
    if max(answer, key=answer.__getitem__) != "setosa":
        raise ValueError(answer)


async def one(session: aiohttp.ClientSession, url: str) -> None:
    """Call by POST /predict."""
    async with session.post(f"{url}/predict", json=ROW) as response:
        response.raise_for_status()
        check(await response.json())


async def two(session: aiohttp.ClientSession, url: str) -> None:
    """Call by Gradio's protocol."""
    call = f"{url}/gradio_api/call/predict"
    async with session.post(call, json={"data": [*ROW.values()]}) as response:
        response.raise_for_status()
        event = (await response.json())["event_id"]
    async with session.get(f"{call}/{event}") as response:
        response.raise_for_status()
        lines = (await response.text()).splitlines()
    data = json.loads([line for line in lines if line.startswith("data:")][-1][5:])
    check(data[0])


@contextlib.contextmanager
def served(folder: Path, script: str) -> Iterator[tuple[str, psutil.Process]]:
    """Serve an app; yield its URL and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = os.environ | {"PORT": port, "GRADIO_ANALYTICS_ENABLED": "False"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, script], cwd=folder, env=environment, **quiet) as app:
        try:
            yield f"http://127.0.0.1:{port}", psutil.Process(app.pid)
        finally:
            app.terminate()


async def ready(session: aiohttp.ClientSession, url: str, call: Call) -> None:
    """Wait for the first answers of an app."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with contextlib.suppress(aiohttp.ClientError):
            for _ in range(50):
                await call(session, url)
            return
        await asyncio.sleep(0.2)
    raise SystemExit(f"{url} gave no answer in two minutes")


async def turn(
    session: aiohttp.ClientSession, url: str, process: psutil.Process, call: Call, users: int
) -> Turn:
    """Have users call an app for SECONDS."""
    made, before, start = Turn(), sum(process.cpu_times()[:2]), time.perf_counter()

    async def user() -> None:
        while (begin := time.perf_counter()) < start + SECONDS:
            try:
                await call(session, url)
                made.seconds.append(time.perf_counter() - begin)
            except (aiohttp.ClientError, ValueError, LookupError):
                made.lost += 1

    await asyncio.gather(*(user() for _ in range(users)))
    made.wall = time.perf_counter() - start
    made.cpu = sum(process.cpu_times()[:2]) - before
    return made


async def measure(project: Path) -> None:
    """Print the median figures of each app, and ours as ratios of each turn's neighbours."""
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        plain = stack.enter_context(served(HERE, "plain.py"))
        ours = stack.enter_context(served(project, "app.py"))
        bare = stack.enter_context(served(HERE, "bare.py"))
        apps: dict[str, tuple[str, psutil.Process, Call]] = {
            "plain Gradio, two": (*plain, two),
            "ours, two": (*ours, two),
            "ours, one": (*ours, one),
            "bare FastAPI": (*bare, one),
        }
        for url, _, call in apps.values():
            await ready(session, url, call)
        for users in USERS:
            turns: dict[str, list[Turn]] = {name: [] for name in apps}
            for _ in range(TURNS):
                for name, app in apps.items():
                    turns[name].append(await turn(session, *app, users))
            figures = {name: [each.figures() for each in made] for name, made in turns.items()}
            for name, found in figures.items():
                lost = sum(each.lost for each in turns[name])
                line = "  ".join(f"{k} {middle(found, k):8.2f}" for k in found[0])
                print(f"{users:3} users  {name:18} {line}  lost {lost}", flush=True)
            for other in ("plain Gradio, two", "bare FastAPI"):
                pairs = [*zip(figures["ours, one"], figures[other], strict=True)]
                ratios = [{k: a[k] / b[k] for k in a} for a, b in pairs]
                line = "  ".join(f"{k} {middle(ratios, k):8.3f}" for k in ratios[0])
                print(f"           one / {other:18} {line}", flush=True)


def middle(found: list[dict[str, float]], name: str) -> float:
    """Return the median of a figure."""
    return statistics.median(each[name] for each in found)


asyncio.run(measure(Path(sys.argv[1])))
