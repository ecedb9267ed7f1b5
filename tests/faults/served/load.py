"""R5 to R8, R49, R50: many calls, slow senders and readers."""

import contextlib
import functools
import json
import time
from concurrent.futures import ThreadPoolExecutor

from .. import Seen, both
from ..apps import API, MB, GradioApp, until
from ..targets import Target
from .tools import ENDED, ROOMY, ended, many, png


def r5_a_thousand(target: Target) -> Seen:
    """As many calls as the queue holds are accepted, the others refused, none lost."""
    with target.start(WEB_CONCURRENCY="1", QUEUE_SIZE="50", PREDICT_TIMEOUT="300") as app:
        gate = app.folder / "gate"
        with ThreadPoolExecutor(1000) as pool:
            calls = [pool.submit(app.call, f"wait {gate}", 240) for _ in range(1000)]
            seen, since, healthy, slowest = -1, time.monotonic(), True, 0.0
            while time.monotonic() - since < 4:  # until no more are refused
                start = time.monotonic()
                healthy &= app.health().ok
                slowest = max(slowest, time.monotonic() - start)
                if (refused := sum(call.done() for call in calls)) != seen:
                    seen, since = refused, time.monotonic()
                time.sleep(0.1)
            gate.touch()
            answers = [call.result() for call in calls]
    served = sum(answer.ok for answer in answers)
    full = sum(
        app.refused(answer, 429, 503) and "full" in answer.text.lower() for answer in answers
    )
    text = f"{served} served, {full} refused, {1000 - served - full} lost; "
    text += f"health {'always' if healthy else 'not always'} 200, {1000 * slowest:.0f} ms at most"
    return Seen(text, 51 <= served <= 53 and served + full == 1000 and healthy)


def r6_abandoned(target: Target) -> Seen:
    """Calls whose answers are never read: memory is bounded, and the queue goes on."""
    sessions = (_old_session,) if issubclass(target.app, GradioApp) else ()
    return both(*(probe(target) for probe in (_abandoned, *sessions)))


def _abandoned(target: Target) -> Seen:
    with target.start() as app:
        sent = many(app.leave, ["hello"] * 3000)
        peak = app.memory("VmHWM")
        served = until(lambda: app.call("hello", 90).ok, 60)  # once the queue has room
    seen = f"{sum(sent)} of 3,000 accepted, {peak / MB:.0f} MB at most, then "
    return Seen(seen + ("served" if served else "not served"), peak < ROOMY and served)


def _old_session(target: Target) -> Seen:
    """A call of the oldest page waits while the 2,000th newer session is opened.

    Gradio 6.31 keeps 2,000 sessions. When it forgets one whose call waits, its queue ends.
    """
    with target.start(WEB_CONCURRENCY="1") as app:
        function = next(
            one["id"]
            for one in json.loads(app.ask("GET", "/config").text)["dependencies"]
            if one["api_name"] == "predict"
        )

        def join(session: str, text: str = "hello") -> bool:
            body = {"data": [text], "fn_index": function, "session_hash": session}
            return app.post(f"{API}/queue/join", body).ok

        join("old")
        for n in range(1999):
            until(functools.partial(join, f"session {n}"), 20)
        gate = app.folder / "gate"
        for text in (f"wait {gate}", "first", "second"):
            join("old", text)
        app.has_called("wait")
        join("new")
        gate.touch()
        app.has_called("second")
        after = app.call("hello")
    return Seen(f"after 2,000 sessions, next: {after}", after.ok)


def r7_one_by_one(target: Target) -> Seen:
    """Calls one by one do not grow the memory."""
    with target.start() as app:
        many(app.call, ["hello"] * 200, 1)
        before = app.memory()
        served = sum(answer.ok for answer in many(app.call, ["hello"] * 2500, 1))
        growth = app.memory() - before
    return Seen(
        f"{served} of 2,500 served, {growth / MB:+.0f} MB", served == 2500 and growth < 30 * MB
    )


def r8_client_gone(target: Target) -> Seen:
    """A queued call whose client disconnects does not run; a running one frees its worker."""
    with target.start(WEB_CONCURRENCY="1") as app, ThreadPoolExecutor() as pool:
        first, second = (app.folder / name for name in ("first", "second"))
        running = pool.submit(app.call, f"wait {first}", 30)
        app.has_called(f"wait {first}")
        app.call("queued", timeout=3)
        first.touch()
        answered = running.result().ok
        app.call(f"wait {second}", timeout=2)  # runs, and its client disconnects
        second.touch()
        after = app.call("hello")
        dropped = "called queued" not in app.log()
    seen = f"queued: {'dropped' if dropped else 'run'}; after one that ran: {after}"
    return Seen(seen, answered and dropped and after.ok)


def r49_slow_uploads(target: Target) -> Seen:
    """100 clients send all but the end of 20 MB: others are served, nothing is left."""
    with target.start("picture", BRIEFLY="15") as app, contextlib.ExitStack() as stack:
        before, (head, _, headers) = app.stored(), app.around()
        kind = headers["Content-Type"]
        for _ in range(100):
            with contextlib.suppress(OSError):  # refused
                client = app.open(app.uploads, head, 20 * MB, kind)
                stack.enter_context(client).settimeout(5)
                for _ in range(19):
                    client.sendall(b"A" * MB)
        peak, most = app.memory("VmHWM"), app.stored() - before
        healthy, after = app.health(), app.call_with_file("a.png", png())
        stack.close()
        until(lambda: app.stored() <= before, 40)
        left, last = app.stored() - before, app.call_with_file("a.png", png())
    refused = app.refused(after, 503) and after.status
    seen = f"{peak / MB:.0f} MB of memory, {most / MB:.0f} MB on disk, meanwhile: {after}; "
    seen += f"later {max(0, left) / MB:.0f} MB on disk; next: {last}"
    served = (after.ok or refused) and healthy.ok and last.ok
    return Seen(seen, bool(peak < ROOMY and served and left <= 0))


def r50_unread(target: Target) -> Seen:
    """60 clients do not read answers of 10 MB, which wait in memory."""
    with target.start() as app, contextlib.ExitStack() as stack:
        for _ in range(60):
            with contextlib.suppress(OSError):
                stack.enter_context(app.begin(f"large {10 * MB}"))
            time.sleep(0.05)
        time.sleep(1)
        peak, after = app.memory("VmHWM"), app.call("hello")
        status = app.stop(12)
    seen = f"{peak / MB:.0f} MB at most; next: {after}; at SIGTERM: {ended(status)}"
    return Seen(seen, peak < 400 * MB and after.ok and status in ENDED)
