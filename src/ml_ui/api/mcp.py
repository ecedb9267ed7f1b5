"""MCP server: the functions of the page as tools of the Model Context Protocol.

Streamable HTTP without sessions: each POST is answered by itself, with JSON or, for the
progress of a stream, server-sent events. A client of version 2026-07-28 says who it is
in each request; an older one begins with `initialize`, which is answered, not needed.
"""

import base64
import binascii
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
import orjson
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Send

from .. import __version__, gradio_fixes
from ..serving.middleware import Files
from ..serving.problem import Problem, too_many
from ..serving.rate_limit import RateLimit, client_of
from ..serving.settings import MB, Settings
from .body import Body, check_kept, json_body, largest_json
from .operation import dumps
from .routes import EVENT_HEADERS, EVENTS, Api, connected, problem_of
from .tools import Tool

# The versions of the protocol: those where each request carries its version in `_meta`,
# and those with a handshake.
MODERN = ("2026-07-28",)
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
JSON = "application/json"
META = "io.modelcontextprotocol/"
CACHED = {"ttlMs": 3_600_000, "cacheScope": "private"}  # the tools of an app stay

PARSE_ERROR, INVALID_REQUEST = -32700, -32600  # codes of JSON-RPC, and of the protocol
METHOD_NOT_FOUND, INVALID_PARAMS = -32601, -32602
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022


class ProtocolError(Exception):
    """An error of JSON-RPC: a client's program is at fault, not the model's arguments.

    Args:
        code: of JSON-RPC.
        message: what is wrong.
        status: of HTTP.
        data: further members.

    Attributes:
        id: of the request, if it is known.
    """

    def __init__(
        self, code: int, message: str, status: int = 400, data: Any = None
    ) -> None:
        super().__init__(message)
        self.id: str | int | None = None
        self.status = status
        self.error = {"code": code, "message": message}
        if data is not None:
            self.error["data"] = data

    def response(self) -> Response:
        """Return the response; without an id, if it could not be read."""
        known = {} if self.id is None else {"id": self.id}
        return _json({"jsonrpc": "2.0", "error": self.error} | known, self.status)


@dataclass
class Message:
    """Request or notification of JSON-RPC.

    Attributes:
        id: None of a notification.
        is_modern: whether it carries the version of the protocol.
    """

    method: str
    id: str | int | None = None
    params: dict[str, Any] = field(default_factory=dict)
    is_modern: bool = False

    @property
    def meta(self) -> Mapping[str, Any]:
        """The metadata of a request."""
        found = self.params.get("_meta")
        return found if isinstance(found, dict) else {}


@dataclass
class Call:
    """Call of a tool, with the values of its parameters or what is wrong with them."""

    tool: Tool
    body: Body
    values: dict[str, Any] = field(default_factory=dict)
    problem: Problem | None = None


class Mcp:
    """Endpoint of the MCP server.

    Args:
        api: the functions, and who may call them.
        demo: the page.
        title: of the page.
        settings: limits.
        files: the space for uploads.
        calls: rate limit of calls.
    """

    def __init__(
        self,
        api: Api,
        demo: gr.Blocks,
        title: str,
        settings: Settings,
        files: Files,
        calls: RateLimit,
    ) -> None:
        self._api = api
        self._settings = settings
        self._files = files
        self._calls = calls
        self._max_upload = settings.max_upload_mb * MB
        operations = api.operations.values()
        sizes = [largest_json(each, self._max_upload) for each in operations]
        self._most = max(sizes, default=MB)
        written = gradio_fixes.untranslated(getattr(demo, "description", None))
        parts = [title if demo.title else "", written or ""]
        about = ". ".join(str(part).rstrip(".") for part in parts if part)
        found = [Tool(each, about, self._max_upload) for each in operations]
        self._tools = {tool.name: tool for tool in found}
        self._server = {"name": title, "version": __version__}
        self._described = {"capabilities": {"tools": {}}, "instructions": about}

    async def __call__(self, request: Request, send: Send) -> None:
        """Answer a request.

        Raises:
            Problem: 401, 405, 413, 415, 429, 503, before a message has been read.
            ClientDisconnect: the client has gone.
        """
        if request.method != "POST":
            raise Problem(405, "Use POST.", {"Allow": "POST"})
        given = request.headers.get("content-type", "")
        if given.partition(";")[0].strip().lower() != JSON:  # a form of another site
            raise Problem(415, f"Send {JSON}.", {"Accept": JSON})
        user = await self._api.user(request)
        try:
            message, call = await self._read(request)
            if call:
                try:
                    await self._answer(call, message, user, request, send)
                finally:
                    call.body.delete()
                return
            response = self._respond(message)
        except ProtocolError as error:
            response = error.response()
        await response(request.scope, request.receive, send)

    async def _read(self, request: Request) -> tuple[Message, Call | None]:
        """Return the message of a request, and the call that it is."""
        async with json_body(request, self._most) as body:
            message = _parse(body)
            if message.id is None:
                return message, None
            try:
                message.is_modern = _check(message, request.headers)
                is_call = message.method == "tools/call"
                call = self._call(message, request) if is_call else None
            except ProtocolError as error:
                error.id = message.id
                raise
            try:
                values = call.values if call else None
                check_kept(body, [message.id, message.params, values])
            except BaseException:
                if call:
                    call.body.delete()
                raise
            return message, call

    def _respond(self, message: Message) -> Response:
        """Return the response to whatever is no call."""
        if message.id is None:
            return Response(status_code=202)
        match message.method:
            case "server/discover":
                versions = {"supportedVersions": [*MODERN, *LEGACY]}
                return self._result(message, self._described | versions | CACHED)
            case "initialize":
                wanted = message.params.get("protocolVersion")
                version = wanted if wanted in LEGACY else LEGACY[0]
                server = {"protocolVersion": version, "serverInfo": self._server}
                return self._result(message, self._described | server)
            case "ping":
                return self._result(message, {})
            case "tools/list":
                labels = self._api.labels()
                found = [each.definition(labels) for each in self._tools.values()]
                return self._result(message, {"tools": found} | CACHED)
        text = f"Method not found: {message.method[:100]}"
        status = 404 if message.is_modern else 200
        error = ProtocolError(METHOD_NOT_FOUND, text, status)
        error.id = message.id
        return error.response()

    def _call(self, message: Message, request: Request) -> Call:
        """Return a call with its values; a mistake in them is for the model to see."""
        name = message.params.get("name")
        arguments = message.params.pop("arguments", None) or {}
        tool = self._tools.get(name) if isinstance(name, str) else None
        if tool is None:
            text = f"Unknown tool: {str(name)[:100]}. Use {', '.join(self._tools)}."
            raise ProtocolError(INVALID_PARAMS, text, 200)
        if not isinstance(arguments, dict):
            raise ProtocolError(INVALID_PARAMS, "arguments is not an object.", 200)
        call = Call(tool, Body(tool.operation, self._max_upload, self._files))
        client = client_of(request.scope, self._settings.client_ip_header)
        try:
            if wait := self._calls.acquire(client):
                raise too_many(wait)
            call.values = call.body.validate(arguments)
        except Problem as problem:
            call.problem = problem
        except BaseException:
            call.body.delete()
            raise
        return call

    async def _answer(
        self,
        call: Call,
        message: Message,
        user: str | None,
        request: Request,
        send: Send,
    ) -> None:
        """Run a call, and send its result."""
        operation = call.tool.operation
        token = message.meta.get("progressToken")
        accept = request.headers.get("accept", "")
        try:
            if call.problem:
                raise call.problem
            with self._api.admitted():
                async with connected(request.receive):
                    if operation.is_stream and token is not None and EVENTS in accept:
                        steps = operation.steps(call.values, request, user)
                        await self._send_events(call, message, steps, request, send)
                        return
                    answers = await operation(call.values, request, user)
                response = self._result(message, call.tool.result(answers))
                await response(request.scope, request.receive, send)
        except Problem as problem:
            language = request.headers.get("accept-language", "")
            response = self._result(message, call.tool.error(problem, language))
            await response(request.scope, request.receive, send)

    async def _send_events(
        self,
        call: Call,
        message: Message,
        steps: AsyncGenerator[list[Any], None],
        request: Request,
        send: Send,
    ) -> None:
        """Send the steps of a stream as notifications of progress, then the result."""
        start = {"type": "http.response.start", "status": 200}
        await send(start | {"headers": [*EVENT_HEADERS]})

        async def write(data: bytes, more_body: bool = True) -> None:
            body = b"event: message\ndata: " + data + b"\n\n"
            part = {"type": "http.response.body", "body": body, "more_body": more_body}
            await send(part)

        answers: list[Any] = []
        notification = {"jsonrpc": "2.0", "method": "notifications/progress"}
        progress = {"progressToken": message.meta["progressToken"], "progress": 0}
        try:
            async with aclosing(steps):
                async for answers in steps:
                    progress["progress"] += 1
                    if answers and isinstance(answers[0], orjson.Fragment):
                        step = orjson.loads(dumps(answers[0]))
                        if isinstance(step, str):
                            progress["message"] = step
                    await write(orjson.dumps(notification | {"params": progress}))
            result = call.tool.result(answers)
        except gr.Error as error:
            language = request.headers.get("accept-language", "")
            result = call.tool.error(problem_of(error), language)
        await write(bytes(self._result(message, result).body), more_body=False)

    def _result(self, message: Message, result: dict[str, Any]) -> Response:
        if message.is_modern:
            meta = {f"{META}serverInfo": self._server}
            result = {"resultType": "complete", "_meta": meta, **result}
        return _json({"jsonrpc": "2.0", "id": message.id, "result": result})


def _parse(body: bytes) -> Message:
    """Return the message in a body.

    Raises:
        ProtocolError: it is none.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ProtocolError(PARSE_ERROR, "The body is not JSON.") from None
    if not isinstance(found, dict) or found.get("jsonrpc") != "2.0":
        raise ProtocolError(INVALID_REQUEST, "The body is not one JSON-RPC message.")
    method, params = found.get("method"), found.get("params")
    if not isinstance(method, str):
        raise ProtocolError(INVALID_REQUEST, "The message has no method.")
    if not isinstance(params, dict | None):
        raise ProtocolError(INVALID_PARAMS, "params is not an object.")
    if "id" in found and type(found["id"]) not in (str, int):
        raise ProtocolError(INVALID_REQUEST, "id is neither a string nor an integer.")
    return Message(method, found.get("id"), params or {})


def _check(message: Message, headers: Headers) -> bool:
    """Return whether a request is one without a handshake.

    Raises:
        ProtocolError: its version is not supported, or its headers say something else.
    """
    header = headers.get("mcp-protocol-version")
    version = message.meta.get(f"{META}protocolVersion", header)
    if version in (None, *LEGACY) or message.method == "initialize":
        return False
    if version not in MODERN:
        data = {"supported": [*MODERN, *LEGACY], "requested": version}
        text = "Unsupported protocol version"
        raise ProtocolError(UNSUPPORTED_VERSION, text, data=data)
    for name in ("protocolVersion", "clientCapabilities"):
        if META + name not in message.meta:
            raise ProtocolError(INVALID_PARAMS, f"_meta has no {META}{name}.")
    required = {"MCP-Protocol-Version": version, "Mcp-Method": message.method}
    if message.method == "tools/call":
        required["Mcp-Name"] = message.params.get("name")
    for name, value in required.items():
        if _decoded(headers.get(name)) != value:
            text = f"The header {name} is not what the body says."
            raise ProtocolError(HEADER_MISMATCH, text)
    return True


def _decoded(header: str | None) -> str | None:
    """Return the value of a header, which is base64 if it is not ASCII."""
    if header and header.startswith("=?base64?") and header.endswith("?="):
        try:
            return base64.b64decode(header[9:-2], validate=True).decode()
        except (binascii.Error, ValueError):
            return None
    return header


def _json(content: Any, status: int = 200) -> Response:
    return Response(dumps(content), status, media_type=JSON)
