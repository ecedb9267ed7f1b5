"""R18 to R20, R39, R47: SIGTERM."""

import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .. import Seen, both
from ..apps import API, Answer, App, until
from ..targets import Target
from .tools import ENDED, PID_1, as_root, ended, png


def stop_idle(target: Target) -> Seen:
    """SIGTERM while idle."""
    with target.start() as app:
        app.call("hello")
        status = app.stop()
    return Seen(f"idle: {ended(status)}", status in ENDED)


def stop_in_flight(target: Target) -> Seen:
    """SIGTERM while a prediction of 3 s runs: its caller gets the answer."""
    with target.start() as app, ThreadPoolExecutor() as pool:
        call = pool.submit(app.call, "sleep 3", 15)
        app.has_called("sleep 3")
        status = app.stop()
        answer = call.result()
    return Seen(f"in flight: {answer}, {ended(status)}", answer.ok and status in ENDED)


def stop_before_download(target: Target) -> Seen:
    """SIGTERM while a picture is predicted: its caller can download the file too."""

    def fetch(app: App) -> str:
        answer = app.call_with_file("a.png", png())
        file = app.file(answer)
        return "downloaded" if file.ok else f"{answer}, file: {file}"

    with target.start("picture", SLOW="3") as app, ThreadPoolExecutor() as pool:
        fetched = pool.submit(fetch, app)
        app.has_called("picture")
        status = app.stop()
        result = fetched.result()
    return Seen(f"a picture: {result}, {ended(status)}", result == "downloaded")


def stop_with_a_page_open(target: Target) -> Seen:
    """SIGTERM while a page is open, whose heartbeat is a request that never ends."""
    request = f"GET {API}/heartbeat/page HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with (
        target.start() as app,
        socket.create_connection(("127.0.0.1", app.port), 10) as page,
    ):
        page.sendall(request.encode())
        page.recv(1000)
        status = app.stop()
    return Seen(f"a page open: {ended(status)}", status in ENDED)


def stop_hung(target: Target) -> Seen:
    """SIGTERM while a prediction hangs: exits within SHUTDOWN_GRACE."""
    hangs = target.start(SHUTDOWN_GRACE="2", PREDICT_TIMEOUT="300")
    with hangs as app, ThreadPoolExecutor() as pool:
        pool.submit(app.call, "hang", 15)
        app.has_called("hang")
        status = app.stop()
    return Seen(f"hung: {ended(status)}", status in ENDED)


def r18_sigterm(target: Target) -> Seen:
    """SIGTERM in each of these states."""
    stops = (
        stop_idle,
        stop_in_flight,
        stop_before_download,
        stop_with_a_page_open,
        stop_hung,
    )
    return both(*(stop(target) for stop in stops))


@as_root
def r19_as_process_1(target: Target) -> Seen:
    """SIGTERM to process 1 of a container, which ignores signals without a handler."""
    with target.start(wrap=PID_1) as app:
        answer, status = app.call("hello"), app.stop()
    return Seen(ended(status), answer.ok and status is not None)


def r20_while_loading(target: Target) -> Seen:
    """SIGTERM before the model is loaded, also as process 1."""
    ways = {"a process": ()} | ({"process 1": PID_1} if not os.geteuid() else {})
    seen = []
    for way, wrap in ways.items():
        with target.start("loading", wrap, ready=False) as app:
            until(lambda app=app: "loading" in app.log(), 60)
            status = app.stop(5)
        seen.append(Seen(f"{way}: {ended(status)}", bool(status)))
    return both(*seen)


def r39_threads_and_children(target: Target) -> Seen:
    """SIGTERM while a thread or a child process of the owner's runs: both end, port free."""
    seen = []
    for what in ("thread", "fork"):
        with target.start() as app:
            called = app.call(what)
            children = app.children()
            status = app.stop()
            until(lambda ids=children: not any(map(_runs, ids)), 2)  # killed, and not yet gone
            left = sum(map(_runs, children))
            with socket.socket() as client:
                free = client.connect_ex(("127.0.0.1", app.port)) != 0
        text = f"{what}: {ended(status)}, {left} children left, port {'free' if free else 'taken'}"
        good = called.ok and status in ENDED and not left and free
        seen.append(Seen(text, good))
    return both(*seen)


def r47_under_load(target: Target) -> Seen:
    """SIGTERM while 64 users call again and again: each call is answered or refused."""
    with target.start(WEB_CONCURRENCY="2") as app, ThreadPoolExecutor(64) as pool:

        def use() -> list[Answer]:
            answers = [app.call("sleep 0.05", 20)]
            while answers[-1].ok:
                answers.append(app.call("sleep 0.05", 20))
            return answers

        users = [pool.submit(use) for _ in range(64)]
        time.sleep(4)
        status = app.stop(12)
        answers = [answer for user in users for answer in user.result()]
    served = sum(answer.ok for answer in answers)
    refused = sum(
        answer.status == 503 or answer.text == "ConnectionRefusedError" for answer in answers
    )
    lost = len(answers) - served - refused
    seen = f"{served} answered, {refused} refused, {lost} lost, {ended(status)}"
    return Seen(seen, served > 64 and not lost and status in ENDED)


def _runs(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
