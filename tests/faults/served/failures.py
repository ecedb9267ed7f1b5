"""R1 to R4, R27 to R32: failures of a function, plain, async, or a stream."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

from .. import Seen, both
from ..pages import SECRET
from ..targets import Target
from .tools import ENDED, ended


def r1_raises(target: Target, page: str = "text") -> Seen:
    """The caller gets a reference for the log, and not the text of the error."""
    with target.start(page) as app:
        failed, after = app.call("raise"), app.call("hello")
        reference = re.search(r"\b[0-9a-f]{8}\b", failed.text)
        found = bool(reference) and reference[0] in app.log()
    good = app.refused(failed, 500) and SECRET not in failed.text
    return Seen(f"{failed}; next: {after}", good and found and after.ok)


def survives(target: Target, what: str, page: str = "text") -> Seen:
    """An exception that ends a process ends only the call."""
    with target.start(page) as app:
        failed = app.call(what, timeout=10)
        healthy, after = app.health(), app.call("hello", timeout=10)
    refused = app.refused(failed, 500)
    seen = f"{what}: {failed}; health {healthy.status or 'no answer'}; next: {after}"
    return Seen(seen, refused and healthy.ok and after.ok)


def r2_ends(target: Target) -> Seen:
    """A function that calls sys.exit, or is interrupted."""
    return both(survives(target, "exit"), survives(target, "interrupt"))


def r3_hangs(target: Target, page: str = "text", what: str = "hang") -> Seen:
    """The caller gets an error, the next is served; once all workers hang, health is 503."""
    with target.start(page, PREDICT_TIMEOUT="1", WEB_CONCURRENCY="1") as app:
        hung, healthy, after = app.call(what, 8), app.health(), app.call("hello", 8)
        app.call(what, 8)
        stuck = app.health()
    refused = app.refused(hung, 504)
    seen = f"{what}: {hung}; health {healthy.status}; next: {after}; "
    seen += f"after a second: {stuck.status or 'no answer'}"
    return Seen(seen, refused and healthy.ok and after.ok and stuck.status == 503)


def cancelled(target: Target, page: str) -> Seen:
    """An async function that waits is cancelled: its worker is free, and health stays 200."""
    with target.start(page, PREDICT_TIMEOUT="1", WEB_CONCURRENCY="1") as app:
        hung = [app.call("hang", 8) for _ in range(3)]
        healthy, after = app.health(), app.call("hello", 8)
    refused = all(app.refused(answer, 504) for answer in hung)
    seen = f"hang: {hung[0]}; after three: health {healthy.status}, next: {after}"
    return Seen(seen, refused and healthy.ok and after.ok)


def dies(target: Target, what: str) -> Seen:
    """The process exits with a status, so that it is restarted; or it keeps serving."""
    with target.start() as app:
        app.call(what, timeout=8)
        status = app.status(10)
        after = app.call("hello", timeout=8)
    seen = f"exit status {status}" if status is not None else f"keeps running, next: {after}"
    return Seen(f"{what}: {seen}", bool(status) or after.ok)


def r4_dies(target: Target) -> Seen:
    """The process exits, and is killed as if out of memory."""
    return both(dies(target, "die"), dies(target, "starve"))


# R27 to R32: the same with streams and with async functions --------------------------------


def r27_generator(target: Target) -> Seen:
    """A stream that fails, or hangs, after its first value."""
    faults = (survives(target, what, "generator") for what in ("exit", "interrupt"))
    return both(r1_raises(target, "generator"), *faults, r3_hangs(target, "generator"))


def r28_async(target: Target) -> Seen:
    """An async function that fails, waits forever, or blocks its event loop."""
    faults = (survives(target, what, "async") for what in ("exit", "interrupt"))
    hangs = (cancelled(target, "async"), r3_hangs(target, "async", "block"))
    return both(r1_raises(target, "async"), *faults, *hangs)


def r29_async_generator(target: Target) -> Seen:
    """An async generator that fails, waits forever, or blocks."""
    faults = (survives(target, what, "async generator") for what in ("exit", "interrupt"))
    hangs = (
        cancelled(target, "async generator"),
        r3_hangs(target, "async generator", "block"),
    )
    return both(r1_raises(target, "async generator"), *faults, *hangs)


def r30_stream_at_stop(target: Target) -> Seen:
    """SIGTERM while a stream or an async function runs, or hangs."""
    seen = []
    for page in ("generator", "async", "async generator"):
        with target.start(page) as app, ThreadPoolExecutor() as pool:
            call = pool.submit(app.call, "sleep 3", 15)
            app.has_called("sleep 3")
            status = app.stop()
            answer = call.result()
        good = answer.ok and status in ENDED
        seen.append(Seen(f"{page}: {answer}, {ended(status)}", good))
        hang = "hang" if page == "generator" else "block"
        hangs = target.start(page, SHUTDOWN_GRACE="2", PREDICT_TIMEOUT="300")
        with hangs as app, ThreadPoolExecutor() as pool:
            pool.submit(app.call, hang, 12)
            app.has_called(hang)
            status = app.stop()
        seen.append(Seen(f"that {hang}s: {ended(status)}", status in ENDED))
    return both(*seen)


def r31_long_stream(target: Target) -> Seen:
    """An endless stream holds one worker, until its time limit."""
    with (
        target.start("generator", PREDICT_TIMEOUT="60", STREAM_TIMEOUT="3", WEB_CONCURRENCY="1")
        as app,
        ThreadPoolExecutor() as pool,
    ):  # fmt: skip
        first = pool.submit(app.call, "sleep 1000", 12)
        app.has_called("sleep 1000")
        start = time.monotonic()
        after = app.call("hello", 15)
        waited, answer = time.monotonic() - start, first.result()
    refused = app.refused(answer, 504)
    seen = f"{answer}; next after {waited:.0f} s: {after}"
    return Seen(seen, refused and after.ok and waited < 10)


def r32_chat(target: Target) -> Seen:
    """A chat whose answer hangs; Gradio's own functions take no worker."""
    hangs = r3_hangs(target, "chat")
    with target.start("chat", WEB_CONCURRENCY="1") as app, ThreadPoolExecutor() as pool:
        gate = app.folder / "gate"
        call = pool.submit(app.call, f"wait {gate}", 30)
        app.has_called("wait")
        # The page's request when a message is submitted, before that for the answer.
        body = {"data": ["hello"], "fn_index": 0, "session_hash": "page"}
        helper = app.post("/gradio_api/run/predict", body, timeout=5)
        gate.touch()
        answered = call.result()
    seen = f"while a stream runs, the page's own functions: {helper}; the stream: {answered}"
    return both(hangs, Seen(seen, helper.ok and answered.ok))
