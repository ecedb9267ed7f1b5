"""R21 to R26: models, ports, disks, networks, connections."""

import contextlib
import io
import json
import os
import re
import socket
import time
import zipfile
from pathlib import Path

from tests.running import photograph

from .. import Seen, both
from ..apps import API, MB, Answer, multipart, until
from ..targets import Target
from .tools import OFFLINE, READ_ONLY, as_root, ended, listener, many, png, small_disk

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"
# A pickle that creates a file when it is loaded.
EVIL = b"cposix\nsystem\n(S'touch evil-ran'\ntR."


def evil_skops() -> bytes:
    """Return a .skops file that runs a shell command."""

    def node(module: str, name: str, loader: str, number: int, **more: object) -> dict:
        named = {"__module__": module, "__class__": name, "__loader__": loader}
        return named | {"__id__": number} | more

    system = node("posix", "system", "TypeNode", 1)
    command = node("builtins", "str", "JsonNode", 2, content='"touch evil-ran"', is_json=True)
    given = node("builtins", "tuple", "TupleNode", 3, content=[system, command])
    call = node("operator", "call", "OperatorFuncNode", 4, attrs=given, protocol=2)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("schema.json", json.dumps(call | {"_skops_version": "0.16.0"}))
    return out.getvalue()


CAUSES = "No such file|not a zip file|deserializing header|rotobuf|ntrusted|LFS|pickle"


def r21_bad_model(target: Target) -> Seen:
    """A model file that cannot be loaded: an error in one line, and none of its code run."""
    contents = {"missing": None, "empty": b"", "corrupt": b"\x93corrupt" * 99,
                "a Git LFS pointer": POINTER, "a malicious pickle": EVIL}  # fmt: skip
    cases = [(page, what, content) for page in target.models for what, content in contents.items()]
    if "scikit-learn" in target.models:
        cases.append(("scikit-learn", "a malicious .skops", evil_skops()))
    seen = many(lambda case: _bad_model(target, *case), cases, 1)
    bad = [one.text for one in seen if not one.good]
    ran = sum("its code ran" in text for text in bad)
    text = f"{len(bad)} of {len(cases)} without a clear line, code ran in {ran}; such as "
    return Seen(text + (bad or [seen[0].text])[0], not bad)


def _bad_model(target: Target, page: str, what: str, content: bytes | None) -> Seen:
    """Start with such a model file."""
    name = target.models[page]
    with target.start(page, files={name: content}, ready=False) as app:

        def ended_or_failed() -> bool:
            state = app.ask("GET", target.ready, timeout=5)
            return app.status(0) is not None or state.ok or "failed" in state.text

        until(ended_or_failed, 60)
        status, state = app.status(0), app.ask("GET", target.ready)
        lives, lines = app.health().ok, app.log().strip().splitlines()
        ran = (app.folder / "app" / "evil-ran").exists()
    if status is None:
        said = _logged(state, lines) if state.status == 503 else f"{state}"
        apart = state.status == 503 and lives
    else:
        said, apart = lines[-1], status == 1 and not any("Traceback" in line for line in lines)
    clear = re.search(f"{Path(name).name}|{CAUSES}", said) and len(said.splitlines()) == 1
    text = f"{name} is {what}: {ended(status)}, `{said[:100]}`" + ", its code ran" * ran
    return Seen(text.replace("|", "/"), bool(apart and clear and not ran))


def _logged(state: Answer, lines: list[str]) -> str:
    """Return the last line of the error that the log has under the reference of an answer."""
    reference = re.search(r"\b[0-9a-f]{8}\b", state.text)
    entries = [json.loads(line) for line in lines if reference and reference[0] in line]
    return entries[0]["trace"].splitlines()[-1] if entries else "not in the log"


def r22_port(target: Target) -> Seen:
    """A port that is unset, invalid, or taken: the default or an error, never another port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = str(taken.getsockname()[1])
        cases = {"unset": None, "empty": "", "`abc`": "abc", "99999": "99999", "taken": busy}
        return both(*(_port(target, *case) for case in cases.items()))


def busy_port(target: Target) -> Seen:
    """R22 for a model server."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return _port(target, "taken", str(taken.getsockname()[1]))


def _port(target: Target, what: str, port: str | None) -> Seen:
    """Start on such a port."""
    with socket.socket() as s:
        free = s.connect_ex(("127.0.0.1", 7860)) != 0
    with target.start(ready=False, **{target.port: port}) as app:
        until(lambda: app.status(0) is not None or app.listening(), 60)
        status, ports = app.status(0), app.listening()
        lines = app.log().strip().splitlines() or [""]
    if ports:
        return Seen(f"{what}: serves on {min(ports)}", not port and ports == {7860})
    named = status and re.search("port|address", lines[-1], re.IGNORECASE)
    good = named and "Traceback (most" not in " ".join(lines) and (port or not free)
    return Seen(f"{what}: {ended(status)}, `{lines[-1][:80]}`", bool(good))


@as_root
def r23_disk(target: Target) -> Seen:
    """A file system that is read-only except TMPDIR, no home, no rights; a full disk."""
    with target.start("picture", READ_ONLY, HOME=None) as app:
        served = app.call_with_file("a.png", png())
    with target.start("picture", small_disk(2), MAX_UPLOAD_MB="50") as app:
        full = app.upload(("a.bin", bytes(5 * MB)))
        healthy, after = app.health(), app.call_with_file("a.png", png())
    refused = app.refused(full, 503)
    seen = f"read-only: {served}; full: {full}, next: {after}"
    return Seen(seen, served.ok and refused and healthy.ok and after.ok)


def r24_offline(target: Target) -> Seen:
    """A dead proxy, and no network at all: the app serves, and sends no request."""
    with listener() as (port, callers):
        proxy = f"http://127.0.0.1:{port}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        proxies = {name: proxy for upper in names for name in (upper, upper.lower())}
        dead = _boots(target, (), **proxies)
    seen = [
        Seen(f"dead proxy: {dead}, {len(callers)} requests", dead == "answered" and not callers)
    ]
    if not os.geteuid():
        alone = _boots(target, OFFLINE)
        seen.append(Seen(f"no network: {alone}", alone == "answered"))
    return both(*seen)


def _boots(target: Target, wrap: tuple[str, ...], **variables: str) -> str:
    """Start and call twice: an app may exit after a check of its own network."""
    try:
        with target.start(wrap=wrap, **variables) as app:
            app.call("hello")
            status = app.status(5)
            return f"{app.call('hello')}" if status is None else ended(status)
    except AssertionError:
        return "does not start"


def r25_files(target: Target) -> Seen:
    """Uploads and outputs are deleted once they are old; a call with one says so."""
    photo = photograph(400, 600)
    with target.start("picture", BRIEFLY="1") as app:
        before = app.stored()
        served = sum(app.call_with_file(f"{n}.jpg", photo + bytes(n)).ok for n in range(4))
        app.call_with_file("cut-off.jpg", photo[:5000])
        uploaded = app.ask("POST", f"{API}/upload", *multipart([("late.jpg", photo)]))
        (chosen,) = json.loads(uploaded.text)
        stored = app.stored()
        until(lambda: app.stored() <= before, 20)
        left = app.stored() - before
        late = next(
            (
                answer
                for value in app.values(chosen)
                if "expired" in (answer := app.call(value)).text
            ),
            Answer(200, "is not refused"),
        )
        after = app.call_with_file("a.png", png())
    seen = f"{(stored - before) // 1000} kB of {served} calls, later {left // 1000} kB"
    good = left <= 0 and served == 4 and app.refused(late, 422)
    return Seen(f"{seen}; a deleted file: {late}", good and after.ok)


def r26_connections(target: Target) -> Seen:
    """400 connections with half a request, 300 open pages: others are served."""
    with target.start() as app, contextlib.ExitStack() as stack:
        requests = ["GET / HTTP/1.1\r\nHost: 127."] * 400
        requests += [
            f"GET {API}/heartbeat/{n} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" for n in range(300)
        ]
        for request in requests:
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", app.port), 10))
            sock.sendall(request.encode())
        start = time.monotonic()
        healthy = app.health()
        seconds, after = time.monotonic() - start, app.call("hello", 10)
    # A second is the ideal, on a machine without other work.
    seen = f"health {healthy.status or 'no answer'} in {seconds:.2f} s; next: {after}"
    return Seen(seen, healthy.ok and after.ok and seconds < 3)


def r44_probes(target: Target) -> Seen:
    """The app itself answers probes and the page: nothing is in front of it."""
    with target.start("loading", ready=False) as app:
        until(lambda: app.status(0) is not None or app.health().ok, 60)
        loading = app.ask("GET", target.ready, timeout=5)
    with target.start() as app:
        health, ready, page = (app.ask("GET", path) for path in (target.health, target.ready, "/"))
    is_json = all("json" in answer.headers.get("content-type", "") for answer in (health, ready))
    marked = page.headers.get("x-content-type-options") == "nosniff"
    seen = f"ready: {loading.status or 'no answer'} while it loads, {ready.status} then; "
    seen += f"{'JSON' if is_json else 'a page'}; {'' if marked else 'no '}headers of ours"
    return Seen(seen, loading.status == 503 and health.ok and ready.ok and is_json and marked)
