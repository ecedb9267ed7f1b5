"""Let in what the app is for, and keep the rest out."""

import asyncio
import logging
import os
import re
import time
from functools import partial
from urllib.parse import SplitResult, urlsplit

import gradio as gr
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import auth, metrics
from .rate_limit import Rate, client
from .runner import failed
from .settings import MB, Settings

logger = logging.getLogger(__name__)

API = "/gradio_api/"
CALLS = tuple(API + name for name in ("call/", "queue/join", "run/", "api/"))
# To pass on other Spaces (`gr.load`), to edit the app in the browser, and two that store
# what they are sent beside our folder; gr.ImageEditor and gr.FileExplorer need the last.
UNUSED = tuple(
    API + name
    for name in (
        "proxy=",
        "vibe-",
        "undo-vibe-",
        "dev/",
        "process_recording",
        "component_server",
    )
)
# Of an app that is for this computer and share links; Gradio asks itself by one.
LOCAL = ("127.0.0.1", "localhost", "::1", "*.gradio.live")
PROBES = ("/healthz", "/readyz", "/metrics")  # which may ask by any address
QUIET = (*PROBES, "/assets/", "/static/", "/favicon.ico")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    # A Space's page is shown within the Hub's.
    "Content-Security-Policy": "base-uri 'self'; object-src 'none'; frame-ancestors"
    + (" 'self' https://huggingface.co" if "SPACE_ID" in os.environ else " 'self'"),
}
LOGINS_A_MINUTE = 6  # of a client
BODY = MB  # bytes, of all but uploads: as objects they take a hundred times as much
UPLOAD_ID = 64  # characters; Gradio keeps each for a while
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # Gradio prints some paths: into the log


class Refusal(Exception):
    """Why a request is not let in."""

    def __init__(self, status: int, why: str, **headers: str) -> None:
        self.response = JSONResponse({"detail": why}, status, headers)


class Doors:
    """What stands around Gradio's app: it sees each request first, and answers last."""

    def __init__(self, demo: gr.Blocks, settings: Settings) -> None:
        self.settings = settings
        self._demo = demo
        self._calls = Rate(settings.rate_limit)
        self._uploads = Rate(settings.rate_limit)
        self._logins = Rate(LOGINS_A_MINUTE)
        is_local = os.environ.get("GRADIO_SERVER_NAME", LOCAL[0]) in LOCAL
        checked = is_local or settings.allowed_hosts
        self._hosts = LOCAL + settings.allowed_hosts if checked else ()
        self.closed = False  # to new calls
        self.open = 0  # requests that are being answered
        self.last = 0.0  # when the latest was answered, time.monotonic()
        self._app: gr.routes.App  # Gradio's own
        self._next: ASGIApp
        self._loop: asyncio.AbstractEventLoop

    def around(self, app: gr.routes.App) -> None:
        """Stand around an app that starts: middleware would stand inside of Gradio's CORS."""
        self._app, self._next = app, app.middleware_stack
        self._loop = asyncio.get_running_loop()
        app.middleware_stack = self

    def release(self) -> None:
        """Have the server end: it would wait for the heartbeat of each open page."""
        self._loop.call_soon_threadsafe(self._app.stop_event.set)
        self._demo.server.config.timeout_graceful_shutdown = 1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have it answered."""
        if scope["type"] != "http":
            await self._next(scope, receive, send)
            return
        start, status, ended = time.monotonic(), 500, False
        path, headers = _path(scope), Headers(scope=scope)

        async def answer(message: Message) -> None:
            nonlocal status, ended
            if message["type"] == "http.response.start":
                status = message["status"]
                self._mark(MutableHeaders(scope=message), headers)
            else:
                ended = not message.get("more_body", False)
            await send(message)

        # What stopping waits for: answers, but no pages, and nobody who still sends.
        waits = scope["method"] == "GET" and not path.startswith(API + "heartbeat/")
        self.open += waits
        try:
            self._check(path, scope, headers)
            if path != API + "upload":
                receive = _limited(receive)
            await self._next(scope, receive, answer)
        except Refusal as refusal:
            await refusal.response(scope, receive, answer)
        except Exception:  # `broken` has logged it
            if not ended:  # a stream that broke
                await send({"type": "http.response.body", "body": b""})
        finally:
            self.open -= waits
            self.last = time.monotonic()
            self._record(path, scope, status, self.last - start)

    def _check(self, path: str, scope: Scope, headers: Headers) -> None:
        """Refuse what does not belong here.

        Raises:
            Refusal: says why, and what would help.
        """
        method = scope["method"]
        changes = method not in ("GET", "HEAD", "OPTIONS")
        for name in ("host", "x-forwarded-host"):
            if not (path in PROBES or self._is_ours(headers.get(name))):
                raise Refusal(400, "This app has another name: see ALLOWED_HOSTS.")
        origin = headers.get("origin")
        if changes and origin and not self._is_welcome(origin, headers):
            raise Refusal(403, "Pages of this origin may not: see ALLOWED_ORIGINS.")
        if CONTROL.search(path):
            raise Refusal(400, "A path is one line of text.")
        if path.startswith(UNUSED):
            raise Refusal(404, "This part of Gradio is closed: see server/doors.py.")
        if path.startswith(CALLS) and changes:
            if self.closed:
                raise Refusal(503, "The app is stopping.", **{"Retry-After": "10"})
            self._check_rate(self._calls, scope)
            self._check_name(path)
        elif path in (API + "upload", API + "upload_progress"):
            if len(Request(scope).query_params.get("upload_id", "")) > UPLOAD_ID:
                raise Refusal(404, "There is no such upload.")
            if changes:
                self._check_rate(self._uploads, scope)
        elif path.rstrip("/") == "/login" and changes:
            self._check_rate(self._logins, scope)
        elif path.startswith(API + "call/") and method == "GET":
            self._check_call(path.rstrip("/").rpartition("/")[2])
        elif path == API + "queue/data":
            session = Request(scope).query_params.get("session_hash", "")
            if session not in self._demo._queue.pending_messages_per_session:
                raise Refusal(404, "There is no such session, or it has ended.")

    def _is_ours(self, host: str | None) -> bool:
        """Tell whether a request is for this app, where its names are known."""
        if host is None or not self._hosts:
            return True
        name = (_parts(f"//{host}").hostname or "").rstrip(".")
        return any(
            name == own or own == "*" or own[:2] == "*." and name.endswith(own[1:])
            for own in self._hosts
        )

    def _is_welcome(self, origin: str, headers: Headers) -> bool:
        """Tell whether a page may call the app: one of its own, or one that is named."""
        if {origin, "*"} & {*self.settings.allowed_origins}:
            return True
        own = [headers.get("host"), *os.environ.get("SPACE_HOST", "").split(",")]
        host = _parts(origin).netloc
        return bool(host) and host in own

    def _check_rate(self, rate: Rate, scope: Scope) -> None:
        wait = rate.wait(client(scope))
        if wait > 0:
            header = {"Retry-After": str(int(wait) + 1)}
            raise Refusal(429, f"Too many: wait {int(wait) + 1} s.", **header)

    def _check_name(self, path: str) -> None:
        """Close the functions that the page does not offer as an API."""
        kind, _, name = path.removeprefix(API).partition("/")
        if kind == "queue":
            return
        name = name.removeprefix("v2/").rstrip("/")
        for event in self._demo.fns.values():
            if event.api_name == name and event.api_visibility != "private":
                return
        raise Refusal(404, f"There is no function {name!r}.")

    def _check_call(self, event: str) -> None:
        """Refuse to stream the answer of what was never called, or has been answered.

        Gradio would begin a stream, and break off or never end it.
        """
        unanswered = self._demo._queue.pending_event_ids_session
        if event not in unanswered.get(event, ()) and not any(
            event in events for events in unanswered.values()
        ):
            raise Refusal(404, "There is no such call, or it has been answered.")

    def _mark(self, answer: MutableHeaders, asked: Headers) -> None:
        """Put our headers on an answer, and take from it what invites strangers."""
        for name, value in HEADERS.items():
            answer.setdefault(name, value)
        origin = asked.get("origin")
        if origin is None:
            return
        if self._is_welcome(origin, asked):
            answer["Access-Control-Allow-Origin"] = origin
            answer.add_vary_header("Origin")
        else:
            for name in ("Origin", "Methods", "Headers"):
                del answer[f"Access-Control-Allow-{name}"]
        if origin not in self.settings.allowed_origins:
            del answer["Access-Control-Allow-Credentials"]

    def _record(self, path: str, scope: Scope, status: int, seconds: float) -> None:
        """Count a request and log it, but for what a page loads and a probe asks."""
        metrics.requests.labels(scope["method"], status).inc()
        if status < 400 and path.startswith(QUIET):
            return
        fields = {
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "seconds": round(seconds, 4),
            "client": client(scope),
        }
        logger.info("request", extra={"fields": fields})


def _path(scope: Scope) -> str:
    """Return what is asked for, without the path under which a proxy has the app."""
    return scope["path"].removeprefix(scope.get("root_path", "").rstrip("/"))


def _limited(receive: Receive) -> Receive:
    """Return what receives a body of ordinary size, and refuses to read on."""
    read = 0

    async def some() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > BODY:
            raise HTTPException(413, "This is too large.")
        return message

    return some


def _parts(address: str) -> SplitResult:
    """Return the parts of an address; no host, if it is none."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


async def refused(status: int, request: Request, error: Exception) -> JSONResponse:
    """Answer a request for what Gradio has not, or with what it could not use."""
    logger.warning("Gradio refused: %s: %s", type(error).__name__, error)
    return JSONResponse({"detail": "There is no such thing here."}, status)


async def broken(request: Request, error: Exception) -> JSONResponse:
    """Answer a request that Gradio failed with."""
    told = failed("The app failed", error)
    return JSONResponse({"detail": told.message}, 500)


# `gr.Error` is one as well, and so is to leave in the middle of an upload.
MISUSE = (AssertionError, AttributeError, ClientDisconnect, TypeError, ValueError)
ERRORS = {
    401: auth.wanted,
    LookupError: partial(refused, 404),
    **dict.fromkeys(MISUSE, partial(refused, 400)),
    Exception: broken,
}
