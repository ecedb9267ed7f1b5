"""R34, R35, R40 to R43, R46: disks, uploads, loading, slow bodies, open files, the guard."""

import contextlib
import os
import re
import socket
import time

from .. import Seen, both
from ..apps import API, MB, Answer, App, multipart, until
from ..targets import Target
from .tools import FEW_FILES, ended, noise, small_disk


def r34_sweep(target: Target) -> Seen:
    """The sweep logs an error and goes on; Gradio's records of uploads are deleted."""
    with target.start("picture", BRIEFLY="1", BREAK_ONCE="1", WATCH="1") as app:
        before = app.stored()
        for n in range(30):
            body, headers = multipart([(f"{n}.txt", bytes(1000))])
            app.ask("POST", f"{API}/upload?upload_id=upload-{n}", body, headers)
        stored = app.stored() - before
        until(lambda: app.stored() <= before and _kept(app) == 0, 20)
        left, kept, logged = app.stored() - before, _kept(app), "injected" in app.log()
    seen = f"{stored // 1000} kB uploaded, later {max(0, left) // 1000} kB; {kept} of 30 uploads "
    seen += f"remembered; the error is {'' if logged else 'not '}in the log"
    return Seen(seen, stored > 0 and left <= 0 and kept == 0 and logged)


def _kept(app: App) -> int:
    """Return the number of uploads that Gradio keeps, as the app last printed it."""
    counts = re.findall(r"^uploads kept: (\d+)$", app.log(), re.MULTILINE)
    return int(counts[-1]) if counts else 0


def r35_full_disk(target: Target) -> Seen:
    """One client uploads without end: refused before the disk is full, accepted later."""
    seen = [_filled(target, "a cap of 50 files", (), 1, 80)]
    if not os.geteuid():
        seen.append(_filled(target, "a disk of 60 MB", small_disk(60), 5, 40))
    return both(*seen)


def _filled(target: Target, what: str, wrap: tuple[str, ...], megabytes: int, most: int) -> Seen:
    """Upload files until one is refused; try again later."""
    # Longer than the uploads take, or the sweep deletes some meanwhile.
    with target.start(wrap=wrap, MAX_UPLOAD_MB=str(megabytes), BRIEFLY="10") as app:

        def upload() -> Answer:
            # Gradio stores the same content once.
            content = os.urandom(100) + bytes(megabytes * MB - 1100)
            return app.upload(("a.bin", content))

        accepted, refused = 0, Answer(0)
        for _ in range(most):
            answer = upload()
            if not answer.ok:
                refused = answer
                break
            accepted += 1
        again = until(lambda: upload().ok, 25)
        healthy = app.health()
    retry = refused.headers.get("retry-after", "")
    text = f"{what}: {accepted} accepted, then {refused if refused.status else 'none refused'}, "
    text += f"{f'Retry-After {retry}' if retry else 'no Retry-After'}, "
    text += f"later {'accepted' if again else 'refused'}"
    good = refused.status == 503 and retry.isdecimal() and again and healthy.ok
    return Seen(text, good)


def r46_empty_uploads(target: Target) -> Seen:
    """Uploads of which only the headers come must not use up the room for others."""
    with target.start("picture", MAX_UPLOAD_MB="1", BRIEFLY="60") as app:
        for _ in range(60):
            app.ask("POST", app.uploads, (), app.form()[1], 5)
        answer = app.upload(("a.png", noise(545)))
    return Seen(f"60 without a body, then one of 0.9 MB: {answer}", answer.ok)


def r40_async_load(target: Target) -> Seen:
    """An async `load()` is awaited: ready only after it."""
    with target.start("awaiting", ready=False) as app:
        early = not until(lambda: app.ask("GET", target.ready, timeout=5).ok, 15)
        (app.folder / "app" / "gate").touch()
        ready = until(lambda: app.ask("GET", target.ready, timeout=5).ok, 20)
        loaded = "loaded" in app.log()
    seen = f"{'not ready' if early else 'ready'} while it loads, then "
    seen += f"{'ready' if ready else 'not ready'}, {'' if loaded else 'not '}loaded"
    return Seen(seen, early and ready and loaded)


def r41_slow_body(target: Target) -> Seen:
    """A body of one byte every two seconds: its connection is closed."""
    head = f"POST {target.predict} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    with target.start() as app:
        start = time.monotonic()
        with socket.create_connection(("127.0.0.1", app.port), 10) as sender:
            sender.sendall(head.encode())
            sender.settimeout(2)
            closed = False
            while not closed and time.monotonic() - start < 45:
                try:
                    sender.sendall(b" ")
                    closed = not sender.recv(1000)  # an answer alone does not end it
                except TimeoutError:
                    pass
                except OSError:
                    closed = True
        seconds, after = time.monotonic() - start, app.call("hello")
    seen = f"{'closed' if closed else 'open'} after {seconds:.0f} s; next: {after}"
    return Seen(seen, closed and seconds < 40 and after.ok)


def r42_open_files(target: Target) -> Seen:
    """More connections than files may be open: health answers, and the log stays small."""
    with target.start(wrap=FEW_FILES) as app:
        app.call("hello")
        before = len(app.log())
        health = []
        with contextlib.ExitStack() as stack:
            for n in range(400):
                with contextlib.suppress(OSError):
                    address = ("127.0.0.1", app.port)
                    client = stack.enter_context(socket.create_connection(address, 2))
                    client.sendall(
                        (b"GET / HT", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")[n % 2]
                    )
            for _ in range(5):
                health.append(app.health().status)
                time.sleep(1)
        log = len(app.log()) - before
        after = app.call("hello")
    seen = f"health {', '.join(str(status or 'none') for status in health)}; "
    seen += f"{log / 1000:.0f} kB of log; next: {after}"
    return Seen(seen, set(health) == {200} and log < 200_000 and after.ok)


def r43_unguarded(target: Target) -> Seen:
    """A function without `guard`: the app does not start, and the error names it."""
    with target.start("unguarded", ready=False) as app:
        until(lambda: app.status(0) is not None or app.health().ok, 60)
        status, lines = app.status(0), app.log().strip().splitlines() or [""]
    if status is None:
        return Seen("starts", False)
    return Seen(f"{ended(status)}, `{lines[-1][:120]}`", bool(status and "predict" in lines[-1]))
