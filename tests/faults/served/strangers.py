"""R15 to R17, R36: what strangers can read and call."""

import json
import re

from .. import Seen
from ..apps import API, App, McpApp, until
from ..pages import SECRET
from ..targets import Target
from .tools import listener, png

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
    """Private files, and addresses that only the server can reach."""
    files = {".env": SECRET, "keys.txt": SECRET}
    files = {name: text.encode() for name, text in files.items()} | {"private.png": png()}
    with target.start("picture", files=files) as app, listener() as (port, callers):
        places = {"app": app.folder / "app", "tmp": app.folder / "tmp", "port": port}
        paths = [path.format(**places) for path in PATHS]
        answers = {path: app.ask("GET", path, timeout=10) for path in paths}
        inputs = [given.format(**places) for given in INPUTS]
        given = [value for path in inputs for value in app.values(path)]
        calls = [(value, app.call(value)) for value in given]
        after = app.call_with_file("a.png", png())
    allowed = [path for path, answer in answers.items() if not 400 <= answer.status < 500]
    allowed += [str(value) for value, answer in calls if answer.ok]
    probed = [*answers.items(), *((str(value), answer) for value, answer in calls)]
    allowed += [what for what, answer in probed if re.search(f"root:x:|{SECRET}", answer.text)]
    seen = f"{len(probed)} probes, {len(set(allowed))} allowed, "
    seen += f"{len(callers)} requests from the server"
    seen += "".join(f"; `{what}`" for what in allowed[:3])
    return Seen(seen.replace(str(app.folder), ""), not allowed and not callers and after.ok)


FOREIGN = ("https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1:1")
PUBLIC = "app.example.com"


def r16_origins(target: Target) -> Seen:
    """Foreign origins cannot read or call; foreign Host headers are refused."""
    with target.start(**target.hosts) as app:
        local = _foreign(app, f"127.0.0.1:{app.port}")
        host = app.ask("GET", "/config", headers={"Host": "evil.example"})
        forwarded = app.ask("GET", "/config", headers={"X-Forwarded-Host": "evil.example"})
        after = app.call("hello")
    with target.start(GRADIO_SERVER_NAME="0.0.0.0", ALLOWED_HOSTS=f"{PUBLIC},127.0.0.1") as app:
        public = _foreign(app, PUBLIC)
    reflected = "evil.example" in forwarded.text
    seen = f"as localhost: {local}; as {PUBLIC}: {public}; "
    seen += f"foreign Host: {host.status}; X-Forwarded-Host: "
    seen += "reflected" if reflected else str(forwarded.status)
    closed = local == public == "0 of 4 may read, 0 may call"
    return Seen(seen, closed and host.status == 400 and not reflected and after.ok)


def _foreign(app: App, host: str) -> str:
    """Return what pages of foreign origins may do."""
    read = called = 0
    for origin in FOREIGN:
        headers = {"Host": host, "Origin": origin}
        answers = [
            app.ask("GET", "/config", headers=headers),
            app.ask("OPTIONS", app.target.predict,
                    headers=headers | {"Access-Control-Request-Method": "POST"}),
            app.post(app.target.predict, app.body(origin), headers=headers),
        ]  # fmt: skip
        allowed = {answer.headers.get("access-control-allow-origin") for answer in answers}
        read += bool(allowed & {origin, "*"})
        called += answers[2].ok
    return f"{read} of {len(FOREIGN)} may read, {called} may call"


def r17_closed(target: Target) -> Seen:
    """Collected inputs, statistics, history and private functions are closed."""
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
        app.post("/hidden", {"text": "a"})
        if isinstance(app, McpApp):
            app.post(target.predict, app.body("a", "hidden"))
        app.call("hello")
        hidden, after = "called hidden" in app.log(), app.call("hello")
    opened = [path.removeprefix(API) for path, answer in answers.items() if answer.ok]
    opened += ["inputs are collected"] * flagged + ["a private function runs"] * hidden
    return Seen(", ".join(opened) or "nothing is open", not opened and after.ok)


def r36_failed_load(target: Target) -> Seen:
    """The model cannot be loaded: a reference for the log, and not the text of the error."""
    with target.start("failing", ready=False) as app:
        until(lambda: app.status(0) is not None or "fail" in _readiness(app), 60)
        answers = [app.ask("GET", path) for path in (target.ready, target.health, "/", "/config")]
        answers += [app.ask("GET", target.ready, headers={"Host": "evil.example"})]
        answers += [app.call("hello")]
        status, log = app.status(0), app.log()
    leaks = sum(SECRET in answer.text for answer in answers)
    if status is not None:
        return Seen(f"exit status {status}, before it listens", bool(status) and SECRET in log)
    reference = re.search(r"\b[0-9a-f]{8}\b", answers[0].text)
    logged = bool(reference) and reference[0] in log and SECRET in log
    seen = f"ready: {answers[0].status}, the text in {leaks} of {len(answers)} answers, "
    seen += f"{'a' if logged else 'no'} reference for the log"
    return Seen(seen, answers[0].status == 503 and not leaks and logged)


def _readiness(app: App) -> str:
    return app.ask("GET", app.target.ready, timeout=5).text
