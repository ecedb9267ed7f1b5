"""Faults at run time: what is done to an app that serves, and what is seen of it.

Each probe counts states rather than times; what needs root says so where there is none.
"""

import contextlib
import functools
import io
import itertools
import json
import os
import re
import shutil
import signal
import socket
import threading
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from tests.running import photograph

from . import Row, Seen, both
from .targets import (
    API,
    FILE,
    MB,
    ROOMY,
    SECRET,
    Answer,
    App,
    LitServe,
    Ours,
    Plain,
    Target,
    multipart,
    target,
    until,
)  # fmt: skip

PLAIN = functools.partial(target, Plain)
OURS = functools.partial(target, Ours)
PEER = functools.partial(target, LitServe)

# The tools of the probes ------------------------------------------------------------------


def many(function: Callable, values: Iterable, at_once: int = 16) -> list:
    """Return what a function makes of values, so many at once."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(function, values))


def png(size: tuple[int, int] = (8, 8), mode: str = "RGB") -> bytes:
    """Return a picture of one colour."""
    out = io.BytesIO()
    Image.new(mode, size).save(out, "PNG")
    return out.getvalue()


@contextlib.contextmanager
def listener() -> Iterator[tuple[int, list]]:
    """Give a port of this computer, and who has connected to it: none is answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        callers = []

        def accept() -> None:
            with contextlib.suppress(OSError):  # closed at the end
                while True:
                    connection, address = server.accept()
                    callers.append(address)
                    connection.close()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], callers
        server.shutdown(socket.SHUT_RDWR)


def as_root(probe: Callable[[Target], Seen]) -> Callable[[Target], Seen]:
    """Have a probe that needs namespaces say so where it cannot make them."""

    @functools.wraps(probe)
    def run(target: Target) -> Seen:
        if os.geteuid() or not shutil.which("unshare"):
            return Seen("skipped: needs root and unshare", True)
        return probe(target)

    return run


PID_1 = ("unshare", "-pf")
OFFLINE = ("unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
# It may read all, since the interpreter may lie in root's home, but write nothing.
READ_ONLY = (
    "unshare", "-m", "sh", "-c",
    """mount --bind "$TMPDIR" "$TMPDIR" && mount -o remount,ro,bind / &&
    exec setpriv --reuid 1000 --regid 1000 --clear-groups \\
        --inh-caps +dac_read_search --ambient-caps +dac_read_search "$@" """, "sh",
)  # fmt: skip
SMALL_DISK = (
    "unshare", "-m", "sh", "-c",
    'mount -t tmpfs -o size=2m,mode=1777 small "$TMPDIR" && exec "$@"', "sh",
)  # fmt: skip


# R1 to R4: the function fails -------------------------------------------------------------


def r1_raises(target: Target) -> Seen:
    """The caller gets a reference for the log, and nothing of what the error says."""
    with target.start() as app:
        failed, after = app.call("raise"), app.call("hello")
        reference = re.search(r"\b[0-9a-f]{8}\b", failed.text)
        found = bool(reference) and reference[0] in app.log()
    told = not failed.ok and failed.status and SECRET not in failed.text
    return Seen(f"{failed}; next: {after}", bool(told and found and after.ok))


def survives(target: Target, what: str) -> Seen:
    """What would end a process ends a call only."""
    with target.start() as app:
        failed = app.call(what, timeout=10)
        healthy, after = app.health(), app.call("hello", timeout=10)
    told = failed.status and not failed.ok
    seen = f"{what}: {failed}; health {healthy.status or 'no answer'}; next: {after}"
    return Seen(seen, bool(told and healthy.ok and after.ok))


def r2_ends(target: Target) -> Seen:
    """A function that calls sys.exit, or is interrupted."""
    return both(survives(target, "exit"), survives(target, "interrupt"))


def r3_hangs(target: Target) -> Seen:
    """The caller is told, the next is served; once no worker is left, health says so."""
    with target.start(PREDICT_TIMEOUT="1", WEB_CONCURRENCY="1") as app:
        hung, healthy, after = app.call("hang", 8), app.health(), app.call("hello", 8)
        app.call("hang", 8)
        stuck = app.health()
    told = hung.status and not hung.ok
    seen = f"{hung}; health {healthy.status}; next: {after}; after a second: {stuck.status}"
    return Seen(seen, bool(told and healthy.ok and after.ok and stuck.status == 503))


def dies(target: Target, what: str) -> Seen:
    """The process ends with a status, so that it is started again; or it goes on."""
    with target.start() as app:
        app.call(what, timeout=8)
        status = app.status(10)
        after = app.call("hello", timeout=8)
    seen = f"exit status {status}" if status is not None else f"runs on, next: {after}"
    return Seen(f"{what}: {seen}", bool(status) or after.ok)


def r4_dies(target: Target) -> Seen:
    """The process is ended from within, and by the kernel for its memory."""
    return both(dies(target, "die"), dies(target, "starve"))


# R5 to R8: many calls ---------------------------------------------------------------------


def r5_a_thousand(target: Target) -> Seen:
    """So many are let in as may wait; the others are told, and nothing is lost."""
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
    full = sum(answer.status in (429, 503) for answer in answers)
    text = f"{served} served, {full} told that it is full, {1000 - served - full} lost; "
    text += f"health {'always' if healthy else 'not always'} 200, {1000 * slowest:.0f} ms at most"
    return Seen(text, 51 <= served <= 53 and served + full == 1000 and healthy)


def r6_abandoned(target: Target) -> Seen:
    """Calls whose answers nobody reads do not fill the memory, nor end the queue."""
    return both(_abandoned(target), _old_session(target))


def _abandoned(target: Target) -> Seen:
    with target.start() as app:
        sent = many(lambda _: app.post(target.predict, {"data": ["hello"]}), range(3000))
        peak = app.memory("VmHWM")
        served = until(lambda: app.call("hello", 90).ok, 60)  # once the queue has room
    taken = sum(answer.ok for answer in sent)
    seen = f"{taken} of 3,000 taken, {peak / MB:.0f} MB at most, then "
    return Seen(seen + ("served" if served else "not served"), peak < ROOMY and served)


def _old_session(target: Target) -> Seen:
    """A page that has been open for long waits while the 2,000th newer one comes.

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
    """Calls leave nothing behind in memory."""
    with target.start() as app:
        many(app.call, ["hello"] * 200, 1)
        before = app.memory()
        served = sum(answer.ok for answer in many(app.call, ["hello"] * 2500, 1))
        growth = app.memory() - before
    return Seen(
        f"{served} of 2,500 served, {growth / MB:+.0f} MB", served == 2500 and growth < 30 * MB
    )


def r8_client_gone(target: Target) -> Seen:
    """A call whose client has left does not run; one that runs leaves its place."""
    with target.start(WEB_CONCURRENCY="1") as app, ThreadPoolExecutor() as pool:
        first, second = (app.folder / name for name in ("first", "second"))
        running = pool.submit(app.call, f"wait {first}", 30)
        app.has_called(f"wait {first}")
        app.call("queued", timeout=3)
        first.touch()
        answered = running.result().ok
        app.call(f"wait {second}", timeout=2)  # runs, and its client leaves
        second.touch()
        after = app.call("hello")
        dropped = "called queued" not in app.log()
    seen = f"queued: {'dropped' if dropped else 'run'}; after one that ran: {after}"
    return Seen(seen, answered and dropped and after.ok)


# R9 to R14: what is sent ------------------------------------------------------------------


def r9_upload(target: Target) -> Seen:
    """Files over the limit, one, several together, without end: refused, and not kept."""
    head, tail = multipart([("large.bin", b"\0")])[0].split(b"\0")
    headers = multipart([])[1]
    with target.start("picture", MAX_UPLOAD_MB="5") as app:
        app.upload(("small.png", png()))
        before = app.stored()
        endless = itertools.chain([head], itertools.repeat(bytes(1 << 20), 1024), [tail])
        answers = {
            "6 MB": app.upload(("a.bin", bytes(6 * MB))),
            "4 files of 2 MB": app.upload(*[(f"{n}.bin", bytes(2 * MB)) for n in range(4)]),
            "1 GB in chunks": app.ask("POST", f"{API}/upload", endless, headers, timeout=120),
        }
        left = not until(lambda: app.stored() <= before, 5) and app.stored() - before
        after = app.call_with_file("a.png", png())
    seen = ", ".join(f"{what}: {answer.status}" for what, answer in answers.items())
    refused = all(answer.status == 413 for answer in answers.values())
    return Seen(f"{seen}; {left / MB:.0f} MB left on disk", refused and not left and after.ok)


def r10_body(target: Target) -> Seen:
    """A body over the limit, with its length and in chunks."""
    body = b'{"data": ["' + b"x" * 40 * MB + b'"], "input": "x"}'
    chunks = (body[start : start + MB] for start in range(0, len(body), MB))
    headers = {"Content-Type": "application/json"}
    with target.start(MAX_UPLOAD_MB="5") as app:
        told = app.ask("POST", target.predict, body, headers, timeout=60)
        poured = app.ask("POST", target.predict, chunks, headers, timeout=60)
        peak, after = app.memory("VmHWM"), app.call("hello", 60)
    seen = f"40 MB: {told.status}, in chunks: {poured.status}; {peak / MB:.0f} MB of memory"
    return Seen(seen, told.status == poured.status == 413 and peak < ROOMY and after.ok)


def r11_no_picture(target: Target) -> Seen:
    """Files that are no picture: the caller is told that."""
    photo = photograph(90, 120)
    files = {
        "corrupt": ("a.png", png()[:20] + bytes(40)),
        "cut off": ("a.jpg", photo[: len(photo) // 2]),
        "empty": ("a.png", b""),
        "text": ("a.png", b"not a picture"),
        "svg": ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'),
    }
    with target.start("picture") as app:
        answers = {what: app.call_with_file(*file) for what, file in files.items()}
        after = app.call_with_file("a.jpg", photo)
    told = [bool(re.search("not a picture|not an image", a.text)) for a in answers.values()]
    seen = ", ".join(f"{what}: {answer}" for what, answer in answers.items())
    return Seen(seen, all(told) and after.ok)


def r12_bomb(target: Target) -> Seen:
    """A small file that is a huge picture: 20 KB, and 169 megapixels."""
    with target.start("picture") as app:
        answer = app.call_with_file("bomb.png", png((13_000, 13_000), "1"), 120)
        peak, after = app.memory("VmHWM"), app.call_with_file("a.png", png())
    told = re.search("megapixels|too (?:large|big)", answer.text)
    seen = f"{answer}, {peak / MB:.0f} MB at most"
    return Seen(seen, bool(told and not answer.ok and peak < ROOMY and after.ok))


DEEP = "[" * 5000 + "]" * 5000
MALFORMED = {
    f"{API}/call/predict": [
        '{"data": [1]}', '{"data": [["a"]]}', '{"data": [{"a": 1}]}', '{"data": [null]}',
        '{"data": []}', '{"data": ["a", "b"]}', '{"data": null}', '{"data": "x"}', "{}", "null",
        "[]", '"x"', "1", "", "{", "\xff", f'{{"data": {DEEP}}}', '{"data": ["\\ud800"]}',
        '{"data": [NaN]}', '{"data": [{"path": "x", "meta": {"_type": "gradio.FileData"}}]}',
        '{"data": ["a"], "event_id": []}', '{"data": ["a"], "session_hash": {}}',
    ],
    f"{API}/queue/join": [
        '{"data": ["a"]}', '{"data": ["a"], "fn_index": 0}', '{"data": [], "session_hash": "s"}',
        '{"data": ["a"], "fn_index": 999, "session_hash": "s"}',
        '{"data": ["a"], "fn_index": -1, "session_hash": "s"}',
        '{"data": ["a"], "fn_index": "x", "session_hash": "s"}',
        '{"data": ["a"], "fn_index": 1e400, "session_hash": "s"}',
        '{"data": null, "fn_index": 0, "session_hash": "s"}',
        '{"data": [], "fn_index": 0, "session_hash": "s"}',
        '{"data": ["a"], "fn_index": 0, "session_hash": "s", "trigger_id": "x"}',
        '{"data": ["a"], "fn_index": 0, "session_hash": "s", "event_data": "x"}',
        "null", "{", f'{{"data": {DEEP}, "fn_index": 0, "session_hash": "s"}}',
    ],
    f"{API}/call/v2/predict": [
        '{"text": 1}', '{"text": null}', "{}", '{"wrong": "a"}', '{"text": "a", "more": 1}',
        "[]", "null", "{", '{"data": ["a"]}', f'{{"text": {DEEP}}}',
    ],
    f"{API}/component_server": [
        "{}", "null", "{", '{"data": [], "fn_name": "x", "component_id": 999}',
        '{"data": [], "fn_name": "x", "component_id": 999, "session_hash": "s"}',
        '{"data": [], "fn_name": "__class__", "component_id": 1, "session_hash": "s"}',
        '{"data": [], "fn_name": "x", "component_id": "x", "session_hash": null}',
    ],
    f"{API}/run/predict": [
        "{}", '{"data": []}', '{"data": [null]}', '{"data": ["a"], "fn_index": 999}',
        '{"data": "x"}', "{",
    ],
    f"{API}/upload": ["", "{}", "--limit\r\n", "--limit--\r\n", "--other\r\n\r\n"],
    "/login": ["", "{}"],
    f"{API}/reset": ["{}", '{"event_id": 1}', "{"],
    f"{API}/cancel": ["{}", '{"session_hash": "s", "fn_index": 9, "event_id": "e"}', "{"],
    f"{API}/stream/none": ['{"data": ["a"]}', "{}"],
}  # fmt: skip


def r13_malformed(target: Target) -> Seen:
    """Bodies that are not what is asked for: never a 500, and the app goes on."""
    form = {"Content-Type": "multipart/form-data; boundary=limit"}
    with target.start() as app:
        bodies = [(path, body) for path, bodies in MALFORMED.items() for body in bodies]
        failed = [
            f"{path.removeprefix(API)} {body[:60]} {answer.status or answer.text}"
            for path, body in bodies
            if (answer := _sent(app, path, body, form)).status in (0, 500)
        ]
        after = app.call("hello")
    seen = f"{len(failed)} of {len(bodies)} end in 500 or nothing"
    seen += "".join(f"; `{one}`" for one in failed[:3]).replace("|", "/")
    return Seen(seen, not failed and after.ok)


def _sent(app: App, path: str, body: str, form: dict[str, str]) -> Answer:
    """Send a body; of a call that is taken, read the answer."""
    headers = form if path.endswith("upload") else {"Content-Type": "application/json"}
    answer = app.ask("POST", path, body.encode("latin-1"), headers)
    if answer.ok and "/call/" in path:
        return app.answer(json.loads(answer.text)["event_id"])
    return answer


def wrong_json(target: Target) -> Seen:
    """R13 for a server of models: bodies that are none, or lack what is asked for."""
    headers = {"Content-Type": "application/json"}
    with target.start() as app:
        answers = [
            app.ask("POST", target.predict, body, headers)
            for body in (b"{", b"null", b"[]", b"{}", b"\xff", b'"x"')
        ]
        after = app.call("hello")
    codes = [answer.status for answer in answers]
    return Seen(str(codes), all(400 <= code < 500 for code in codes) and after.ok)


def r14_unknown(target: Target) -> Seen:
    """What does not exist is 404, and does not flood the log."""
    requests = [
        ("POST", f"{API}/call/nothing", {"data": ["a"]}),
        ("POST", f"{API}/call/v2/nothing", {"text": "a"}),
        ("POST", f"{API}/run/nothing", {"data": ["a"]}),
        ("POST", f"{API}/queue/join", {"data": ["a"], "fn_index": 99, "session_hash": "s"}),
        ("GET", f"{API}/call/predict/nothing", None),
        ("GET", f"{API}/nothing", None),
        ("GET", "/nothing", None),
    ]
    with target.start() as app:
        before = len(app.log().splitlines())
        codes = [
            app.ask(method, path, json.dumps(value).encode() if value else None,
                    {"Content-Type": "application/json"}, 5).status
            for method, path, value in requests
        ]  # fmt: skip
        after = app.health()
        lines = app.log().splitlines()[before:]
    seen = f"{codes}, {len(lines)} lines in the log"
    good = set(codes) == {404} and len(lines) <= 2 * len(codes) and after.ok
    return Seen(seen, good)


def unknown_route(target: Target) -> Seen:
    """R14 for a server of models."""
    with target.start() as app:
        answer = app.ask("GET", "/nothing")
    return Seen(str(answer.status), answer.status == 404)


# R15 to R17: strangers --------------------------------------------------------------------

# {app}: the project's folder; {port}: that of another server on this computer.
PATHS = [
    "/gradio_api/file=/etc/passwd",
    "/gradio_api/file=../../../../../../etc/passwd",
    "/gradio_api/file=%2Fetc%2Fpasswd",
    "/gradio_api/file=/proc/self/environ",
    "/gradio_api/file=app.py",
    "/gradio_api/file={app}/app.py",
    "/gradio_api/file={app}/keys.txt",
    "/gradio_api/file={app}/.env",
    "/gradio_api/file={app}/./private/../keys.txt",
    "/gradio_api/file={tmp}/../app/keys.txt",
    "/gradio_api/file=file:///etc/passwd",
    "/gradio_api/file=http://127.0.0.1:{port}/",
    "/gradio_api/file=http://localhost:{port}/",
    "/gradio_api/file=http://169.254.169.254/latest/meta-data/",
    "/gradio_api/file//etc/passwd",
    "/file=/etc/passwd",
    "/file={app}/keys.txt",
    "/gradio_api/proxy=http://127.0.0.1:{port}/",
    "/gradio_api/proxy=http://169.254.169.254/latest/meta-data/",
    "/static/../../../../../../../../../etc/passwd",
    "/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/assets/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd",
    "/svelte/../../../../../../../../../etc/passwd",
    "/gradio_api/custom_component/1/client/component/../../../../../../etc/passwd",
    "/gradio_api/stream/..%2f..%2f/1/1/playlist.m3u8",
]
INPUTS = [
    "/etc/passwd",
    "../../../../../etc/passwd",
    "{app}/private.png",
    "{app}/.env",
    "{tmp}/../app/private.png",
    "http://127.0.0.1:{port}/a.png",
    "http://localhost:{port}/a.png",
    "http://[::ffff:127.0.0.1]:{port}/a.png",
    "http://0x7f000001:{port}/a.png",
    "http://2130706433:{port}/a.png",
    "http://169.254.169.254/latest/meta-data/",
    "file:///etc/passwd",
]


def r15_paths(target: Target) -> Seen:
    """Files that are not for visitors, and addresses that only the server can reach."""
    files = {".env": SECRET, "keys.txt": SECRET}
    files = {name: text.encode() for name, text in files.items()} | {"private.png": png()}
    with target.start("picture", files=files) as app, listener() as (port, callers):
        places = {"app": app.folder / "app", "tmp": app.folder / "tmp", "port": port}
        paths = [path.format(**places) for path in PATHS]
        answers = {path: app.ask("GET", path, timeout=10) for path in paths}
        inputs = [given.format(**places) for given in INPUTS]
        given = [{"path": path} | FILE for path in inputs]
        given += [{"path": "a.png", "url": path} | FILE for path in inputs]
        calls = [(value, app.call(value)) for value in given]
        after = app.call_with_file("a.png", png())
    let_in = [path for path, answer in answers.items() if not 400 <= answer.status < 500]
    let_in += [str(value) for value, answer in calls if answer.ok]
    told = [*answers.items(), *((str(value), answer) for value, answer in calls)]
    let_in += [what for what, answer in told if re.search(f"root:x:|{SECRET}", answer.text)]
    seen = f"{len(told)} probes, {len(set(let_in))} let in, {len(callers)} requests from the server"
    seen += "".join(f"; `{what}`" for what in let_in[:3])
    return Seen(seen.replace(str(app.folder), ""), not let_in and not callers and after.ok)


FOREIGN = ("https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1:1")
PUBLIC = "app.example.com"


def r16_origins(target: Target) -> Seen:
    """Pages of others cannot read or call; a name that is not the app's is refused."""
    with target.start() as app:
        local = _foreign(app, f"127.0.0.1:{app.port}")
        host = app.ask("GET", "/config", headers={"Host": "evil.example"})
        forwarded = app.ask("GET", "/config", headers={"X-Forwarded-Host": "evil.example"})
        after = app.call("hello")
    with target.start(GRADIO_SERVER_NAME="0.0.0.0", ALLOWED_HOSTS=f"{PUBLIC},127.0.0.1") as app:
        public = _foreign(app, PUBLIC)
    reflected = "evil.example" in forwarded.text
    seen = f"asked for on this computer: {local}; as {PUBLIC}: {public}; "
    seen += f"foreign Host: {host.status}; X-Forwarded-Host: "
    seen += "reflected" if reflected else str(forwarded.status)
    closed = local == public == "0 of 4 may read, 0 may call"
    return Seen(seen, closed and host.status == 400 and not reflected and after.ok)


def _foreign(app: App, host: str) -> str:
    """Say what pages of foreign origins may do."""
    read = called = 0
    for origin in FOREIGN:
        headers = {"Host": host, "Origin": origin}
        answers = [
            app.ask("GET", "/config", headers=headers),
            app.ask("OPTIONS", f"{API}/call/predict",
                    headers=headers | {"Access-Control-Request-Method": "POST"}),
            app.post(f"{API}/call/predict", {"data": [origin]}, headers=headers),
        ]  # fmt: skip
        allowed = {answer.headers.get("access-control-allow-origin") for answer in answers}
        read += bool(allowed & {origin, "*"})
        called += answers[2].ok
    return f"{read} of {len(FOREIGN)} may read, {called} may call"


def r17_closed(target: Target) -> Seen:
    """What is the owner's alone: collected inputs, statistics, history, private functions."""
    closed = ["/monitoring", "/monitoring/summary", "/monitoring/x"]
    closed += [f"{API}/{path}" for path in ("runs", "run-history/buckets", "vibe-code")]
    with target.start() as app:
        answers = {path: app.ask("GET", path, timeout=5) for path in closed}
        config = json.loads(app.ask("GET", "/config").text)
        for function in config["dependencies"]:
            body = {"data": ["a", "b", "Flag"], "fn_index": function["id"], "session_hash": "s"}
            app.post(f"{API}/queue/join", body)
        flagged = until(lambda: list(app.folder.glob("app/.gradio/flagged/*")), 3)
    with target.start("hidden") as app:
        for kind, body in {"call": {"data": ["a"]}, "call/v2": {"text": "a"}}.items():
            app.post(f"{API}/{kind}/hidden", body)
        for kind in ("run", "api"):
            app.post(f"{API}/{kind}/hidden", {"data": ["a"]}, timeout=5)
        app.post(f"{API}/call//hidden", {"data": ["a"]})
        app.call("hello")
        hidden, after = "called hidden" in app.log(), app.call("hello")
    opened = [path.removeprefix(API) for path, answer in answers.items() if answer.ok]
    opened += ["inputs are collected"] * flagged + ["a private function runs"] * hidden
    return Seen(", ".join(opened) or "nothing is open", not opened and after.ok)


# R18 to R20: SIGTERM ----------------------------------------------------------------------

ENDED = (0, -signal.SIGTERM, 128 + signal.SIGTERM)


def ended(status: int | None) -> str:
    """Say how a process took SIGTERM."""
    return "runs on" if status is None else f"exit status {status}"


def stop_idle(target: Target) -> Seen:
    """SIGTERM while nothing happens."""
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
    """SIGTERM while a picture is made: its caller gets the file too."""

    def fetch(app: App) -> str:
        answer = app.call_with_file("a.png", png())
        if not answer.ok:
            return f"{answer}"
        path = json.loads(answer.text)[0]["path"]
        file = app.ask("GET", f"{API}/file={path}")
        return "downloaded" if file.ok else f"answered, file: {file}"

    with target.start("picture", SLOW="3") as app, ThreadPoolExecutor() as pool:
        fetched = pool.submit(fetch, app)
        app.has_called("picture")
        status = app.stop()
        result = fetched.result()
    return Seen(f"a picture: {result}, {ended(status)}", result == "downloaded")


def stop_hung(target: Target) -> Seen:
    """SIGTERM while a prediction hangs: no longer than the grace that is set."""
    hangs = target.start(SHUTDOWN_GRACE="2", PREDICT_TIMEOUT="300")
    with hangs as app, ThreadPoolExecutor() as pool:
        pool.submit(app.call, "hang", 15)
        app.has_called("hang")
        status = app.stop()
    return Seen(f"hung: {ended(status)}", status in ENDED)


def r18_sigterm(target: Target) -> Seen:
    """SIGTERM, while different things go on."""
    stops = (stop_idle, stop_in_flight, stop_before_download, stop_hung)
    return both(*(stop(target) for stop in stops))


@as_root
def r19_as_process_1(target: Target) -> Seen:
    """SIGTERM to process 1 of a container, to which a signal without handler is none."""
    with target.start(wrap=PID_1) as app:
        answer, status = app.call("hello"), app.stop()
    return Seen(ended(status), answer.ok and status is not None)


def r20_while_loading(target: Target) -> Seen:
    """SIGTERM before the model is there, also as process 1."""
    ways = {"a process": ()} | ({"process 1": PID_1} if not os.geteuid() else {})
    seen = []
    for way, wrap in ways.items():
        with target.start("loading", wrap, ready=False) as app:
            until(lambda app=app: "loading" in app.log(), 60)
            status = app.stop(5)
        seen.append(Seen(f"{way}: {ended(status)}", bool(status)))
    return both(*seen)


# R21 to R26: surroundings -----------------------------------------------------------------

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"
# A pickle that makes a file when it is read, under the name of the model.
EVIL = b"cposix\nsystem\n(S'touch evil-ran'\ntR."


def evil_skops() -> bytes:
    """Return a file of skops' own format that calls a function of the system."""

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
    """A model file that cannot be loaded: said in a line, and no code of it is run."""
    contents = {"missing": None, "empty": b"", "corrupt": b"\x93corrupt" * 99,
                "a Git LFS pointer": POINTER, "an evil pickle": EVIL}  # fmt: skip
    cases = [(page, what, content) for page in target.models for what, content in contents.items()]
    if "scikit-learn" in target.models:
        cases.append(("scikit-learn", "an evil .skops", evil_skops()))
    seen = many(lambda case: _bad_model(target, *case), cases, 1)
    bad = [one.text for one in seen if not one.good]
    ran = sum("its code ran" in text for text in bad)
    text = f"{len(bad)} of {len(cases)} not told in a line, code ran in {ran}; such as "
    return Seen(text + (bad or [seen[0].text])[0], not bad)


def _bad_model(target: Target, page: str, what: str, content: bytes | None) -> Seen:
    """Start with a model file like that."""
    name = target.models[page]
    with target.start(page, files={name: content}, ready=False) as app:

        def told() -> bool:
            state = app.ask("GET", target.ready, timeout=5)
            return app.status(0) is not None or state.ok or "failed" in state.text

        until(told, 60)
        status, state = app.status(0), app.ask("GET", target.ready)
        lives, lines = app.health().ok, app.log().strip().splitlines()
        ran = (app.folder / "app" / "evil-ran").exists()
    if status is None:
        said = json.loads(state.text)["reason"] if state.status == 503 else f"{state}"
        apart = state.status == 503 and lives
    else:
        said, apart = lines[-1], status == 1 and not any("Traceback" in line for line in lines)
    clear = re.search(f"{Path(name).name}|{CAUSES}", said) and len(said.splitlines()) == 1
    text = f"{name} is {what}: {ended(status)}, `{said[:100]}`" + ", its code ran" * ran
    return Seen(text.replace("|", "/"), bool(apart and clear and not ran))


def r22_port(target: Target) -> Seen:
    """A port that is not set, none, or taken: the default or a line, never another port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = str(taken.getsockname()[1])
        cases = {"unset": None, "empty": "", "`abc`": "abc", "99999": "99999", "taken": busy}
        return both(*(_port(target, *case) for case in cases.items()))


def busy_port(target: Target) -> Seen:
    """R22 for a server of models."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return _port(target, "taken", str(taken.getsockname()[1]))


def _port(target: Target, what: str, port: str | None) -> Seen:
    """Start on a port like that."""
    with socket.socket() as s:
        free = s.connect_ex(("127.0.0.1", 7860)) != 0
    with target.start(ready=False, **{target.port: port}) as app:
        until(lambda: app.status(0) is not None or app.listening(), 60)
        status, ports = app.status(0), app.listening()
        lines = app.log().strip().splitlines() or [""]
    if ports:
        return Seen(f"{what}: serves on {min(ports)}", not port and ports == {7860})
    told = status and re.search("port|address", lines[-1], re.IGNORECASE)
    good = told and "Traceback (most" not in " ".join(lines) and (port or not free)
    return Seen(f"{what}: {ended(status)}, `{lines[-1][:80]}`", bool(good))


@as_root
def r23_disk(target: Target) -> Seen:
    """A file system that is read-only but for TMPDIR, no home, no rights; a full disk."""
    with target.start("picture", READ_ONLY, HOME=None) as app:
        served = app.call_with_file("a.png", png())
    with target.start(wrap=SMALL_DISK, MAX_UPLOAD_MB="50") as app:
        full = app.upload(("a.bin", bytes(5 * MB)))
        healthy, after = app.health(), app.call("hello")
    seen = f"read-only: {served}; full: {full}, next: {after}"
    return Seen(seen, served.ok and full.status >= 400 and healthy.ok and after.ok)


def r24_offline(target: Target) -> Seen:
    """A proxy that is dead, and no network at all: the app needs none, and asks for none."""
    with listener() as (port, callers):
        proxy = f"http://127.0.0.1:{port}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        proxies = {name: proxy for upper in names for name in (upper, upper.lower())}
        dead = _boots(target, (), **proxies)
    seen = [
        Seen(f"dead proxy: {dead}, asked {len(callers)} times", dead == "answered" and not callers)
    ]
    if not os.geteuid():
        alone = _boots(target, OFFLINE)
        seen.append(Seen(f"no network: {alone}", alone == "answered"))
    return both(*seen)


def _boots(target: Target, wrap: tuple[str, ...], **variables: str) -> str:
    """Start, call, look again after a while: a check of itself may end an app."""
    try:
        with target.start(wrap=wrap, **variables) as app:
            app.call("hello")
            status = app.status(5)
            return f"{app.call('hello')}" if status is None else ended(status)
    except AssertionError:
        return "does not start"


def r25_files(target: Target) -> Seen:
    """What visitors send, and what is made of it, is deleted once it is old; they are told."""
    photo = photograph(400, 600)
    with target.start("picture", BRIEFLY="1") as app:
        before = app.stored()
        served = sum(app.call_with_file(f"{n}.jpg", photo + bytes(n)).ok for n in range(4))
        (chosen,) = json.loads(app.upload(("late.jpg", photo)).text)
        stored = app.stored()
        until(lambda: app.stored() <= before, 20)
        left = app.stored() - before
        late, after = app.call({"path": chosen} | FILE), app.call_with_file("a.png", png())
    seen = f"{(stored - before) // 1000} kB of {served} calls, later {left // 1000} kB"
    good = stored > before >= before + left and served == 4 and "deleted" in late.text
    return Seen(f"{seen}; a file of then: {late}", good and after.ok)


def r26_connections(target: Target) -> Seen:
    """400 connections that send half a request, 300 open pages: others are served."""
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
    # A second is the ideal, and of a machine without other work.
    seen = f"health {healthy.status or 'no answer'} in {seconds:.2f} s; next: {after}"
    return Seen(seen, healthy.ok and after.ok and seconds < 3)


ROWS = [
    Row(
        "R1",
        "predict raises",
        "a reference for the log, no text of the error, next served",
        r1_raises,
    ),
    Row("R2", "predict calls sys.exit, or is interrupted", "as R1", r2_ends),
    Row("R3", "predict hangs", "the caller told, next served, health 503 after some", r3_hangs),
    Row(
        "R4",
        "the process is ended under a call",
        "a status, for a new start; or served on",
        r4_dies,
    ),
    Row(
        "R5",
        "1,000 calls at once",
        "the queue's size let in, others told, none lost",
        r5_a_thousand,
    ),
    Row("R6", "3,000 calls, answers not read", "under 256 MB, next served", r6_abandoned),
    Row("R7", "2,500 calls one by one", "under 30 MB more", r7_one_by_one),
    Row("R8", "client gone, queued or running", "not run; its place is free", r8_client_gone),
    Row("R9", "upload over the limit", "413, nothing on disk", r9_upload),
    Row("R10", "JSON over the limit", "413", r10_body),
    Row("R11", "corrupt, empty, text and svg as a picture", "told that it is none", r11_no_picture),
    Row(
        "R12",
        "picture of 20 KB and 169 megapixels",
        "told that it is too large; under 256 MB",
        r12_bomb,
    ),
    Row("R13", "malformed bodies", "4xx or a message, never 500", r13_malformed),
    Row("R14", "function, event, path unknown", "404, no flood in the log", r14_unknown),
    Row("R15", "paths and addresses not for visitors", "4xx, nothing read or asked", r15_paths),
    Row("R16", "foreign Origin, null, foreign Host", "not let read or call; 400", r16_origins),
    Row("R17", "flagging, statistics, private functions", "closed", r17_closed),
    Row("R18", "SIGTERM idle, in flight, hung", "ends in 10 s; answers arrive", r18_sigterm),
    Row("R19", "SIGTERM as process 1", "ends in 10 s", r19_as_process_1),
    Row("R20", "SIGTERM while the model loads", "ends at once, status not 0", r20_while_loading),
    Row(
        "R21", "model file missing, corrupt, evil", "a line says so, no code is run", r21_bad_model
    ),
    Row("R22", "port unset, empty, none, taken", "the default or a line; no other", r22_port),
    Row("R23", "read-only, no home, no rights; disk full", "serves; told, and goes on", r23_disk),
    Row("R24", "dead proxy, no network", "serves, asks nobody", r24_offline),
    Row("R25", "files of visitors", "deleted after a time", r25_files),
    Row("R26", "400 half requests, 300 open pages", "others served in a second", r26_connections),
]
# The rows that any server of models can be held to.
PEER_ROWS = [
    *ROWS[:1],
    Row("R2a", "predict calls sys.exit", "as R1", functools.partial(survives, what="exit")),
    Row("R2b", "predict is interrupted", "as R1", functools.partial(survives, what="interrupt")),
    *ROWS[2:5],
    *ROWS[9:10],
    Row("R13", "wrong JSON", "4xx", wrong_json),
    Row("R14", "route unknown", "404", unknown_route),
    Row("R18a", "SIGTERM idle", "ends in 10 s", stop_idle),
    Row("R18b", "SIGTERM in flight", "the answer arrives", stop_in_flight),
    Row("R18c", "SIGTERM while one hangs", "ends in 10 s", stop_hung),
    Row("R22", "port taken", "a line; no other port", busy_port),
]
