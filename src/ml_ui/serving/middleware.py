"""ASGI middleware: Host and Origin checks, rate limits, body limits, closed routes,
security headers, access log."""

import logging
import os
import re
import time
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import metrics
from .held import Held
from .problem import Problem, too_many
from .rate_limit import RateLimit, client_of
from .runner import failed
from .settings import MB, Settings

logger = logging.getLogger(__name__)

API = "/gradio_api/"
CALL_ROUTES = tuple(API + name for name in ("call/", "queue/join", "run/", "api/"))
# To pass on other Spaces (`gr.load`), to edit the app in the browser, and three that
# store what they are sent; gr.ImageEditor, gr.FileExplorer and gr.DeepLinkButton need
# the latter.
CLOSED_ROUTES = (
    *(API + name for name in ("proxy=", "vibe-", "undo-vibe-", "dev/", "mcp")),
    *(API + name for name in ("process_recording", "component_server", "deep_link")),
    "/monitoring",  # Gradio's page of analytics
)
MCP = "/mcp"  # our own; Gradio's calls the app from 127.0.0.1, whoever the caller is
# The hosts of an app for this computer and share links; Gradio calls itself by one.
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1", "*.gradio.live")
# A name or a bracketed IPv6 address. A URL's parser takes more: a user, a backslash.
HOST = re.compile(r"(?:([\w.-]+)|\[([0-9a-f:.]+)\])(?::\d{1,5})?", re.ASCII)
HEALTH_PATHS = ("/healthz", "/readyz", "/ready", "/metrics")  # by any host name
UNLOGGED_PATHS = (*HEALTH_PATHS, "/assets/", "/static/", "/favicon.ico")
LEFT = 499  # as in nginx's log: the client has gone, and got no answer
LOGINS_PER_MINUTE = 6  # of a client
MAX_BODY = MB  # bytes, but for uploads: as objects they take a hundred times as much
MAX_UPLOAD_ID = 64  # characters; Gradio keeps each for a while
MAX_ICON = 1024  # pixels; Gradio scales the favicon to any size
NO_ROOM = "No room for uploads. Retry in a minute."
RETRY_UPLOAD = {"Retry-After": "60"}  # seconds, by when a sweep has made room
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # Gradio prints some paths


class Queue(Protocol):
    """The state of Gradio's queue that requests are checked against."""

    def expect_call(self) -> None:
        """Look for calls more often than at leisure."""

    def has_function(self, api_name: str) -> bool:
        """Return whether the page offers a function of this API name."""

    def has_call(self, event_id: str) -> bool:
        """Return whether a call has yet to be answered."""

    def has_session(self, session_hash: str) -> bool:
        """Return whether messages for a session are kept."""


class Files(Protocol):
    """The space for uploads that requests are checked against."""

    def has_room(self, size: int) -> bool:
        """Return whether this many bytes more may be stored."""

    def add(self, size: int) -> None:
        """Count bytes of an upload."""


class RestApi(Protocol):
    """ASGI app of the functions that are called with one request."""

    def is_call(self, path: str) -> bool:
        """Return whether a function is called at a path."""

    def has(self, path: str) -> bool:
        """Return whether requests to a path are answered there."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""


@dataclass
class Traffic:
    """Requests in progress, which a graceful shutdown waits for."""

    draining: bool = False  # new calls are refused
    in_flight: int = 0
    last_response_at: float = 0.0  # time.monotonic(); not of probes


class GuardMiddleware:
    """Middleware around the whole app, Gradio's own CORS middleware included.

    Args:
        app: the app inside.
        api: functions that are called with one request, in front of the app.
        settings: limits, hosts and origins.
        queue: the calls and sessions that exist.
        traffic: updated with each request.
        files: the space for uploads.
        calls: rate limit of calls.
        logins: rate limit of log-ins.
    """

    def __init__(
        self,
        app: ASGIApp,
        api: RestApi,
        settings: Settings,
        queue: Queue,
        traffic: Traffic,
        files: Files,
        calls: RateLimit,
        logins: RateLimit,
    ) -> None:
        self._app = app
        self._api = api
        self._settings = settings
        self._queue = queue
        self._traffic = traffic
        self._files = files
        self._calls = calls
        self._uploads = RateLimit(settings.rate_limit)
        self._logins = logins
        is_local = os.environ.get("GRADIO_SERVER_NAME", LOCAL_HOSTS[0]) in LOCAL_HOSTS
        checked = is_local or settings.allowed_hosts
        self._hosts = LOCAL_HOSTS + settings.allowed_hosts if checked else ()
        self._own_hosts = os.environ.get("SPACE_HOST", "").split(",")
        # A Space's page is shown within the Hub's.
        ancestors = (
            "'self' https://huggingface.co" if "SPACE_ID" in os.environ else "'self'"
        )
        self._headers = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "strict-origin-when-cross-origin",
            "Content-Security-Policy": "base-uri 'self'; object-src 'none'; "
            f"frame-ancestors {ancestors}",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, pass it on, and log its response."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # a WebSocket, of which Gradio has none
            await send({"type": "websocket.close", "code": 1008})
            return
        start, status, ended, is_stream = time.monotonic(), LEFT, False, False
        # By it, Gradio's Node server, which is off, tells the address of the page.
        scope["headers"] = [h for h in scope["headers"] if h[0] != b"x-gradio-server"]
        path, headers = app_path(scope), Headers(scope=scope)

        async def respond(message: Message) -> None:
            nonlocal status, ended, is_stream
            if message["type"] == "http.response.start":
                status, response = message["status"], MutableHeaders(scope=message)
                content_type = response.get("content-type", "")
                is_stream = content_type.startswith("text/event-stream")
                self._set_headers(response, headers)
            else:
                ended = not message.get("more_body", False)
            await send(message)

        # A shutdown waits for answers, but for no page that is open, and no upload.
        waits = scope["method"] == "GET" and not path.startswith(API + "heartbeat/")
        self._traffic.in_flight += waits
        held = Held(MAX_BODY)
        try:
            self._check(path, scope, headers)
            if self._api.has(path) and scope["method"] != "OPTIONS":  # CORS is Gradio's
                await self._api(scope, receive, respond)
            else:
                if path == API + "upload":
                    receive = self._limit_upload(receive)
                else:
                    receive = limit_body(receive, held)
                await self._app(scope, receive, respond)
        except Problem as problem:
            response = problem.response(headers.get("accept-language", ""))
            await response(scope, receive, respond)
        except Exception:
            if is_stream and not ended:  # its events have their own end
                await send({"type": "http.response.body", "body": b""})
            elif not ended:  # the client must not take a part for the whole
                status = 500
                raise
        finally:
            held.release()
            self._traffic.in_flight -= waits
            now = time.monotonic()
            if path not in HEALTH_PATHS:
                self._traffic.last_response_at = now
            self._log(path, scope, status, now - start)

    def _check(self, path: str, scope: Scope, headers: Headers) -> None:
        """Check a request before its body is read.

        Raises:
            Problem: with the reason, and what would help.
        """
        method = scope["method"]
        changes = method not in ("GET", "HEAD", "OPTIONS")
        if self._hosts and path not in HEALTH_PATHS:
            self._check_hosts(headers)
        origin = headers.get("origin")
        if changes and origin and not self._origin_allowed(origin, headers):
            raise Problem(403, "Origin not allowed. Add it to ALLOWED_ORIGINS.")
        if CONTROL_CHARACTERS.search(path):
            raise Problem(400, "Invalid character in path.")
        if path.startswith(CLOSED_ROUTES):
            raise Problem(404, "This route of Gradio is closed.")
        if path.startswith("/pwa_icon/"):
            size = path.strip("/").rpartition("/")[2]
            # int() refuses thousands of digits.
            if not (re.fullmatch(r"\d{1,4}", size) and int(size) <= MAX_ICON):
                raise Problem(404, "Icon not found.")
        is_gradio_call = path.startswith(CALL_ROUTES)
        is_mcp = self._settings.mcp and path.rstrip("/") == MCP
        if changes and (is_gradio_call or is_mcp or self._api.is_call(path)):
            if self._traffic.draining:
                raise Problem(503, "The app is shutting down.", {"Retry-After": "10"})
            if not is_mcp:  # its body says whether it is a call
                self._check_rate(self._calls, scope)
            if is_gradio_call:
                if not self._files.has_room(0):  # for its answer, which stays a while
                    raise Problem(503, NO_ROOM, RETRY_UPLOAD)
                self._check_function(path)
                self._queue.expect_call()
        elif path in (API + "upload", API + "upload_progress"):
            if len(Request(scope).query_params.get("upload_id", "")) > MAX_UPLOAD_ID:
                raise Problem(404, "Upload not found.")
            if changes:
                self._check_rate(self._uploads, scope)
                self._check_room(headers)
        elif path.rstrip("/") == "/login" and changes:
            self._check_rate(self._logins, scope)
        elif path.startswith(API + "call/") and method == "GET":
            # Gradio would begin a stream that it breaks off or never ends.
            if not self._queue.has_call(path.rstrip("/").rpartition("/")[2]):
                raise Problem(404, "Call not found: unknown, or answered already.")
        elif path == API + "queue/data":
            session = Request(scope).query_params.get("session_hash", "")
            if not self._queue.has_session(session):
                raise Problem(404, "Session not found: unknown, or ended.")

    def _check_hosts(self, headers: Headers) -> None:
        """Check the Host header, and what proxies say that it was."""
        hosts = headers.getlist("host")
        if len(hosts) != 1:
            raise Problem(400, "A request needs one Host header.")
        for forwarded in headers.getlist("x-forwarded-host"):
            hosts += [host.strip() for host in forwarded.split(",")]
        if not all(map(self._host_allowed, hosts)):
            raise Problem(400, "Invalid Host header. Add this name to ALLOWED_HOSTS.")

    def _host_allowed(self, host: str) -> bool:
        """Return whether a host, with or without a port, is one of the app's."""
        found = HOST.fullmatch(host.lower())
        if not found:
            return False
        name = (found[1] or found[2]).removesuffix(".")
        return any(
            name == own or own == "*" or (own[:2] == "*." and name.endswith(own[1:]))
            for own in self._hosts
        )

    def _origin_allowed(self, origin: str, headers: Headers) -> bool:
        """Return whether a page of this origin may call the app: its own do."""
        if {origin, "*"} & {*self._settings.allowed_origins}:
            return True
        host = split_url(origin).netloc
        return bool(host) and host in [headers.get("host"), *self._own_hosts]

    def _check_rate(self, limit: RateLimit, scope: Scope) -> None:
        """Take a token from a rate limit of the client's."""
        if wait := limit.acquire(client_of(scope, self._settings.client_ip_header)):
            raise too_many(wait)

    def _check_room(self, headers: Headers) -> None:
        """Refuse an upload that would not fit on the disk, or within the folder."""
        length = headers.get("content-length", "")
        most = (self._settings.max_upload_mb + 1) * MB
        if not self._files.has_room(
            min(int(length), most) if length.isdecimal() else most
        ):
            raise Problem(503, NO_ROOM, RETRY_UPLOAD)

    def _limit_upload(self, receive: Receive) -> Receive:
        """Return a `receive` that counts an upload's bytes, and stops if none fit."""

        async def limited() -> Message:
            message = await receive()
            size = len(message.get("body", b""))
            if not self._files.has_room(size):
                raise HTTPException(503, NO_ROOM, RETRY_UPLOAD)
            self._files.add(size)
            return message

        return limited

    def _check_function(self, path: str) -> None:
        """Close the functions that the page does not offer as an API."""
        kind, _, name = path.removeprefix(API).partition("/")
        name = name.removeprefix("v2/").rstrip("/")
        if kind != "queue" and not self._queue.has_function(name):
            raise Problem(404, f"Function {name!r} not found.")

    def _set_headers(self, response: MutableHeaders, request: Headers) -> None:
        """Set security headers, and take from CORS headers what admits any origin."""
        for name, value in self._headers.items():
            response.setdefault(name, value)
        origin = request.get("origin")
        if origin is None:
            return
        if self._origin_allowed(origin, request):
            response["Access-Control-Allow-Origin"] = origin
            response.add_vary_header("Origin")
        else:
            for name in ("Origin", "Methods", "Headers"):
                del response[f"Access-Control-Allow-{name}"]
        if origin not in self._settings.allowed_origins:
            del response["Access-Control-Allow-Credentials"]

    def _log(self, path: str, scope: Scope, status: int, seconds: float) -> None:
        """Count and log a request, but for assets, and probes that succeed."""
        metrics.requests.labels(scope["method"], status).inc()
        if status < 400 and path.startswith(UNLOGGED_PATHS):
            return
        fields = {
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "seconds": round(seconds, 4),
            "client": client_of(scope, self._settings.client_ip_header),
        }
        logger.info("request", extra={"fields": fields})


def app_path(scope: Scope) -> str:
    """Return the path of a request without the prefix of the app at a proxy."""
    path: str = scope["path"]
    prefix = scope.get("root_path", "").rstrip("/")
    return path.removeprefix(prefix) if path.startswith(f"{prefix}/") else path


def limit_body(receive: Receive, held: Held) -> Receive:
    """Return a `receive` that stops with 413 (Payload too large) at MAX_BODY bytes.

    Args:
        receive: of the request.
        held: counts its body, and stops with 503 where all bodies are too much.
    """
    read = 0

    async def limited() -> Message:
        nonlocal read
        message = await receive()
        size = len(message.get("body", b""))
        read += size
        if read > MAX_BODY:
            raise HTTPException(413, "Payload too large.")
        if not held.add(size):
            raise HTTPException(503, NO_ROOM, RETRY_UPLOAD)
        return message

    return limited


def split_url(url: str) -> SplitResult:
    """Return the parts of a URL; no host, if it is malformed."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


async def client_error(
    status: int, detail: str, request: Request, error: Exception
) -> JSONResponse:
    """Answer a request that Gradio cannot use."""
    logger.warning("Gradio refused a request: %s: %s", type(error).__name__, error)
    return JSONResponse({"detail": detail}, status)


async def server_error(request: Request, error: Exception) -> JSONResponse:
    """Answer a request that Gradio fails with; the log has the trace."""
    return JSONResponse({"detail": failed("The app failed", error).message}, 500)


# `gr.Error` is one as well, and so is to leave in the middle of an upload.
CLIENT_ERRORS = (
    AssertionError,
    AttributeError,
    ClientDisconnect,
    TypeError,
    ValueError,
)
EXCEPTION_HANDLERS: dict[Any, Any] = {
    LookupError: partial(client_error, 404, "Not found."),
    **dict.fromkeys(CLIENT_ERRORS, partial(client_error, 400, "Bad request.")),
    Exception: server_error,
}
