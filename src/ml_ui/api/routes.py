"""Routes of the REST API, in front of Gradio's: POST /predict in one request."""

import asyncio
import base64
import binascii
import contextlib
import re
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Sequence,
)
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import gradio as gr
import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Message, Receive, Scope, Send

from .. import gradio_fixes
from ..languages import Text
from ..serving.held import Held
from ..serving.middleware import MCP, Files, app_path
from ..serving.problem import Problem, too_many
from ..serving.rate_limit import RateLimit, client_of
from ..serving.runner import Failure, get_runner
from ..serving.settings import MB, Settings
from . import docs, openapi
from .body import BYTES, Body
from .kinds import File, labels_of
from .operation import Operation, Unfit, dumps

FULL = "Queue is full. Retry in a few seconds."
RETRY = {"Retry-After": "5"}  # seconds
LOG_IN_FIRST = "Log in on the page, or give a name and a password (HTTP Basic)."
LOG_IN = 'Basic realm="app", charset="UTF-8"'
MAX_ANSWERS = 64 * MB  # bytes of those of a list's rows
WRITE_TIMEOUT = 20  # seconds for a client to read a part of an answer
WATCH_AFTER = 0.5  # seconds
EVENTS = "text/event-stream"
EVENT_HEADERS = [
    (b"content-type", EVENTS.encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # else nginx keeps the steps back, to the last
]
OPENAPI = "/openapi.json"
DOCUMENTS = (OPENAPI, "/docs")
Item = TypeVar("Item")
NONE = re.compile(r"0(\.0*)?")  # quality in Accept of what is not wanted


class Api:
    """ASGI app of the functions of a page, each at the path of its API name.

    Args:
        demo: the page.
        title: of the page.
        version: returns that of the project.
        app: Gradio's app, which knows who is logged in.
        settings: limits.
        files: the space for uploads.
        queued: returns the number of calls in Gradio's queue.
        calls: rate limit of calls.
        logins: rate limit of wrong passwords.
        model: returns the model, once it is loaded.

    Attributes:
        operations: the functions by path.
        mcp: answers the requests of MCP clients, if they are served.
        running: number of calls that wait, run or are being answered.
        open: number of requests, those whose bodies are still coming in included.
    """

    def __init__(
        self,
        demo: gr.Blocks,
        title: str,
        version: Callable[[], str],
        app: gr.routes.App,
        settings: Settings,
        files: Files,
        queued: Callable[[], int],
        calls: RateLimit,
        logins: RateLimit,
        model: Callable[[], object],
    ) -> None:
        self._demo = demo
        self._title = title
        self._version = version
        self._app = app
        self._settings = settings
        self._files = files
        self._queued = queued
        self._calls = calls
        self._logins = logins
        self._model = model
        self._tries: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._rows_at_once = asyncio.Semaphore(settings.calls)  # of all lists
        self._lists = 0
        self.mcp: Callable[[Request, Send], Awaitable[None]] | None = None
        self.running = self.open = 0
        self.operations = {
            f"/{function.name}": Operation(function)
            for function in gradio_fixes.functions(demo)
        }

    @property
    def _needs_login(self) -> bool:
        return self._app.auth is not None or self._app.auth_dependency is not None

    @property
    def waiting(self) -> int:
        """Number of calls that wait for a worker, about."""
        return max(0, self.running - get_runner().running)

    def labels(self) -> list[str]:
        """Return the model's classes, once it is loaded."""
        return labels_of(self._model())

    def is_call(self, path: str) -> bool:
        """Return whether a function is called at a path."""
        return path.rstrip("/") in self.operations

    def has(self, path: str) -> bool:
        """Return whether requests to a path are answered here."""
        is_mcp = self.mcp is not None and path.rstrip("/") == MCP
        return is_mcp or path in DOCUMENTS or self.is_call(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to one of the functions, or for their description."""
        request, send = Request(scope, receive), _in_time(send)
        path = app_path(scope).rstrip("/")
        self.open += 1
        try:
            if path in DOCUMENTS:
                await self._describe(path, request, send)
            elif self.mcp and path == MCP:
                await self.mcp(request, send)
            else:
                await self._answer(self.operations[path], request, send)
        except Problem as problem:
            response = problem.response(request.headers.get("accept-language", ""))
            await response(scope, receive, send)
        except ClientDisconnect:
            pass
        finally:
            self.open -= 1

    async def _describe(self, path: str, request: Request, send: Send) -> None:
        if request.method not in ("GET", "HEAD"):
            raise Problem(405, "Use GET.", {"Allow": "GET, HEAD"})
        await self.user(request)
        text = getattr(self._demo, "description", None)
        document = openapi.describe(
            self.operations.values(),
            self._settings,
            title=self._title,
            description=text if isinstance(text, str) else "",
            version=self._version() or "0",
            url=gradio_fixes.root_url(request),
            needs_login=self._needs_login,
            labels=self.labels(),
        )
        if path == OPENAPI:
            response = Response(dumps(document), media_type="application/json")
        else:
            response = HTMLResponse(docs.page(document))
        await response(request.scope, request.receive, send)

    async def _answer(self, operation: Operation, request: Request, send: Send) -> None:
        if request.method != "POST":
            raise Problem(405, "Use POST.", {"Allow": "POST"})
        user = await self.user(request)
        accept = request.headers.get("accept", "")
        body = Body(operation, self._settings.max_upload_mb * MB, self._files)
        held = Held(MAX_ANSWERS)
        try:
            values = await body.read(request)
            with self.admitted():
                async with connected(request.receive):
                    if isinstance(values, list):
                        answer: Any = await self._rows(
                            operation, values, request, user, held
                        )
                    elif operation.is_stream and _is_wanted((EVENTS,), accept):
                        steps = operation.steps(values, request, user)
                        await _send_events(steps, request, send)
                        return
                    else:
                        answer = alone(await operation(values, request, user))
                response = _response(answer, accept)
                await response(request.scope, request.receive, send)
        finally:
            held.release()
            body.delete()

    async def _rows(
        self,
        operation: Operation,
        rows: list[dict[str, Any]],
        request: Request,
        user: str | None,
        held: Held,
    ) -> list[Any]:
        """Return the answer of each row: of as many at once as calls may run.

        A function of batches is called with as many rows as it takes.

        Args:
            held: counts the answers, of which all are in memory at the end.

        Raises:
            Problem: that of the first row that has one, by its number `row`, which no
                batch tells; 413, the answers together are too large; 503, those of all
                such calls are, or there are too many; 504, STREAM_TIMEOUT is over.
        """
        client = client_of(request.scope, self._settings.client_ip_header)
        for _ in rows[1:]:  # each is a call, and the middleware has counted one
            if wait := self._calls.acquire(client):
                raise too_many(wait)
        seconds = self._settings.stream_timeout
        try:
            async with self._list(), asyncio.timeout(seconds):
                return await self._answers(operation, rows, request, user, held)
        except TimeoutError:
            detail = Text("This took longer than {seconds} s in all.", seconds=seconds)
            raise Problem(504, detail) from None

    @contextlib.asynccontextmanager
    async def _list(self) -> AsyncIterator[None]:
        """Count a list of rows.

        Raises:
            Problem: 503, they have half of the places of all calls: the rest is left to
                those of one row.
        """
        if 2 * self._lists >= self._settings.queue_size + self._settings.calls:
            raise Problem(503, FULL, RETRY)
        self._lists += 1
        try:
            yield
        finally:
            self._lists -= 1

    async def _answers(
        self,
        operation: Operation,
        rows: list[dict[str, Any]],
        request: Request,
        user: str | None,
        held: Held,
    ) -> list[Any]:
        async def answer(batch: list[dict[str, Any]]) -> list[list[Any]]:
            async with self._rows_at_once:
                return await operation.batch(batch, request, user)

        answers, size = list[orjson.Fragment](), 0
        batches = _parts(rows, operation.max_batch or 1)
        for part in _parts(batches, self._settings.calls):
            calls = map(answer, part)
            for found in await asyncio.gather(*calls, return_exceptions=True):
                if isinstance(found, gr.Error):
                    problem = problem_of(found)
                    if not operation.max_batch:
                        problem.members["row"] = len(answers)
                    raise problem
                if isinstance(found, BaseException):
                    raise found
                for each in found:
                    encoded = dumps(alone(each))
                    size += len(encoded)
                    if size > MAX_ANSWERS:
                        detail = "The answers are too large: send fewer rows."
                        raise Problem(413, detail)
                    if not held.add(len(encoded)):
                        raise Problem(503, FULL, RETRY)
                    answers.append(orjson.Fragment(encoded))
        return answers

    @contextlib.contextmanager
    def admitted(self) -> Iterator[None]:
        """Count a call that waits or runs.

        Raises:
            Problem: 503, too many do; or what the function has raised.
        """
        most = self._settings.queue_size + self._settings.calls
        if self.running + self._queued() >= most:
            raise Problem(503, FULL, RETRY)
        self.running += 1
        try:
            yield
        except gr.Error as error:
            raise problem_of(error) from None
        finally:
            self.running -= 1

    async def user(self, request: Request) -> str | None:
        """Return the name of the user who is logged in; None, if nobody has to be.

        By the cookie of the page's login, or a name and a password (HTTP Basic).

        Raises:
            Problem: 401, nobody is; 429, after too many wrong passwords.
        """
        if not self._needs_login:
            return None
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if self._app.auth is not None and scheme.lower() == "basic":
            client = client_of(request.scope, self._settings.client_ip_header)
            # One try after the other: sent at once, all would be before the limit.
            async with self._tries.setdefault(client, asyncio.Lock()):
                if wait := self._logins.wait(client):
                    raise too_many(wait)
                with contextlib.suppress(binascii.Error, ValueError):
                    decoded = base64.b64decode(given, validate=True).decode()
                    name, _, password = decoded.partition(":")
                    if await gradio_fixes.has_password(self._app, name, password):
                        return name
                self._logins.acquire(client)
        else:
            with contextlib.suppress(HTTPException):  # the Hub's sign-in has expired
                if user := await gradio_fixes.user_of(self._app, request):
                    return user
        header = {"WWW-Authenticate": LOG_IN} if self._app.auth is not None else None
        raise Problem(401, LOG_IN_FIRST, header)


def _parts(items: list[Item], size: int) -> list[list[Item]]:
    """Return the items in lists of a size, the last of what is left."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def problem_of(error: gr.Error) -> Problem:
    """Return the problem that an error of a function is."""
    status = error.status if isinstance(error, Failure) else 422
    detail = error.message if isinstance(error.message, str) else str(error.message)
    reference = detail.values.get("reference") if isinstance(detail, Text) else None
    members: dict[str, Any] = {"reference": reference} if reference else {}
    if isinstance(error, Unfit):
        members["errors"] = error.errors
    headers = RETRY if status == 503 else None
    return Problem(status, detail, headers, **members)


def alone(answers: list[Any]) -> Any:
    """Return the answer, or the list of several."""
    return answers[0] if len(answers) == 1 else answers


def _response(answer: Any, accept: str) -> Response:
    """Return the response with an answer."""
    if isinstance(answer, File):
        kind = answer.media_type.partition("/")[0]
        if _is_wanted((answer.media_type, f"{kind}/*", BYTES), accept):
            return Response(answer.content, media_type=answer.media_type)
    return Response(dumps(answer), media_type="application/json")


def _is_wanted(ranges: Sequence[str], accept: str) -> bool:
    """Return whether the Accept header asks for one of some ranges of media types.

    Of those that it has, the first counts; 0 is the quality of what is refused.
    """
    qualities: dict[str, str] = {}
    for part in accept.lower().split(","):
        name, *parameters = (each.strip() for each in part.split(";"))
        pairs = (each.partition("=") for each in parameters)
        quality = next((q.strip() for key, _, q in pairs if key.strip() == "q"), "1")
        qualities[name] = quality
    found = next((qualities[each] for each in ranges if each in qualities), "0")
    return not NONE.fullmatch(found)


def _in_time(send: Send) -> Send:
    """Return a `send` that gives up a client who does not read, while a worker waits.

    Raises:
        ClientDisconnect: it has given it up.
    """

    async def limited(message: Message) -> None:
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                await send(message)
        except TimeoutError:
            raise ClientDisconnect from None

    return limited


async def _send_events(
    steps: AsyncGenerator[list[Any], None], request: Request, send: Send
) -> None:
    """Send the answers of a stream as server-sent events.

    Each is JSON; `event: complete` follows the last, or `event: error` a problem.
    """
    start = {"type": "http.response.start", "status": 200}
    await send(start | {"headers": [*EVENT_HEADERS]})

    async def write(data: bytes, event: bytes = b"message") -> None:
        body = b"event: " + event + b"\ndata: " + data + b"\n\n"
        await send({"type": "http.response.body", "body": body, "more_body": True})

    try:
        async with contextlib.aclosing(steps):
            async for answers in steps:
                await write(dumps(alone(answers)))
        await write(b"null", b"complete")
    except gr.Error as error:
        language = request.headers.get("accept-language", "")
        await write(bytes(problem_of(error).response(language).body), b"error")
    await send({"type": "http.response.body", "body": b""})


@contextlib.asynccontextmanager
async def connected(receive: Receive) -> AsyncIterator[None]:
    """Cancel the block when the client disconnects.

    Raises:
        ClientDisconnect: it has.
    """
    task, gone = asyncio.current_task(), False
    assert task
    watcher: asyncio.TimerHandle | asyncio.Task[None]

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        task.cancel()

    def start() -> None:
        nonlocal watcher
        watcher = asyncio.create_task(watch())

    # Most calls are over by then, and a task costs a tenth of a short one.
    watcher = asyncio.get_running_loop().call_later(WATCH_AFTER, start)
    try:
        yield
    except asyncio.CancelledError:
        if gone and not task.uncancel():
            raise ClientDisconnect from None
        raise
    finally:
        watcher.cancel()
