"""ASGI app of the form: a page whose URL has the answers, and the project as a zip.

For strangers: nothing that they send is kept, logged, rendered as a template or executed, and no
text of theirs is a path or an address that is looked up.
"""

import asyncio
import importlib.util
import logging
import os
import re
import shlex
import shutil
import tempfile
import traceback
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO
from urllib.parse import urlencode

import anyio
import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local_extensions import manifest, record
from local_extensions.catalog import PACKAGE
from ml_ui import __version__
from ml_ui.sizing.limits import parse_size, size

from .form import ASKED
from .processes import Busy, Failed, Processes
from .work import Job

HERE = Path(__file__).parent
LARGEST = 20_000_000  # bytes of a model file
REST = 2_000_000  # bytes of a request besides: labels.txt, examples.csv, the answers
LARGEST_NAMED = 10**13  # bytes of a file that is only named
SECONDS = 120  # to receive a request
UPLOADS = 32  # requests that are received at a time: their files may take 700 MB of disk
PER_MINUTE = 60  # requests of a client that generate; a page asks at each change
AT_A_TIME = 2  # of them, from the first byte received to the last one sent
PATIENCE = 1.0  # seconds for a place: a page that asks anew has just left its own
LONGEST = 600  # seconds of a request in all: 20 MB at 50 kB/s, and the job
BESIDE = {"labels.txt", "examples.csv"}  # files that may come with a model
SERVED = {path.relative_to(PACKAGE).as_posix() for path in manifest.files_of(PACKAGE)}
ANSWERS = (*ASKED, "model", "size")  # what a URL holds
TEMPLATE = os.environ.get("ML_UI_TEMPLATE", "gh:org/ml-ui-template")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'self' https://huggingface.co"  # a Space is shown in a frame there
    ),
    "Referrer-Policy": "no-referrer",  # the URL has the answers
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}

log = logging.getLogger("uvicorn.error")


def serving(name: str) -> ModuleType:
    """Return a module of ml_ui.serving, without the package, which imports Gradio."""
    path = PACKAGE / "serving" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"web.{name}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rate_limit = serving("rate_limit")
page = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
).get_template("page.html")


def file_name(given: str) -> str:
    """Return a visitor's file name as one name that is safe here, in a shell and in a page.

    The command and the record have it as it is here.
    """
    name = re.split(r"[/\\]", given.replace("%22", '"'))[-1]  # as browsers write it
    plain = (c for c in name if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    name = re.sub(r"[{}\"]+", "-", "".join(plain)).strip().lstrip(".-~")
    stem, dot, ending = name.rpartition(".")
    return f"{cut(stem, 60)}{dot}{cut(ending, 12)}" if stem else cut(name, 60)


def cut(text: str, length: int) -> str:
    """Return the beginning of a text: so many characters, and 2.5 bytes of UTF-8 for each."""
    return text[:length].encode()[: length * 5 // 2].decode(errors="ignore").strip()


async def received(request: Request, folder: Path) -> Job:
    """Return what is asked for; a model file is written into the folder."""
    if request.method in ("GET", "HEAD"):
        return job(folder, dict(request.query_params))
    if int(request.headers.get("content-length") or 0) > LARGEST + REST:
        raise HTTPException(413, too_large())
    with anyio.move_on_after(SECONDS):
        async with request.form(max_files=4, max_fields=30, max_part_size=10_000) as form:
            model = form.get("file")
            given = {name: value for name, value in form.items() if isinstance(value, str)}
            if not (isinstance(model, UploadFile) and model.filename):
                if (name := given.get("uploaded")) and request.url.path.endswith(".zip"):
                    raise HTTPException(
                        422, f"Choose {file_name(name)} again: it is not kept here."
                    )
                return job(folder, given)
            if (model.size or 0) > LARGEST:
                raise HTTPException(413, too_large())
            name = file_name(model.filename)
            if not name:
                raise HTTPException(400, "The file has no name.")
            await saved(model, folder / "in" / name)
            for each in form.getlist("beside"):
                if isinstance(each, UploadFile) and each.filename in BESIDE - {name}:
                    await saved(each, folder / "in" / each.filename)
        given |= {"model": "", "size": ""}
        return job(folder, given)._replace(model=name)
    raise HTTPException(408, f"The request took more than {SECONDS} seconds.")


async def saved(upload: UploadFile, path: Path) -> None:
    """Write an upload to a file."""
    with path.open("wb") as file:
        await run_in_threadpool(shutil.copyfileobj, upload.file, file)


def too_large() -> str:
    return (
        f"A model file of up to {size(LARGEST)} can be looked into here. Of a larger one, give "
        "the name and the size: you get the fit, and the command that takes the file."
    )


def job(folder: Path, given: dict[str, str]) -> Job:
    """Return the answers, and a model that is only named."""
    answers = {name: given[name] for name in ASKED if given.get(name, "").strip()}
    name, written = file_name(given.get("model", "")), given.get("size", "").strip()[:30]
    count = 0
    if name:
        try:
            count = int(written) if written.isdecimal() else parse_size(written)
        except ValueError as error:
            raise HTTPException(400, f"Size of the model: {error}") from None
        if not 0 < count <= LARGEST_NAMED:
            raise HTTPException(400, f"Size of the model: 1 B to {size(LARGEST_NAMED)}.")
    return Job(str(folder), answers, TEMPLATE, name, count)


class Site:
    """The routes."""

    def __init__(self, processes: Processes, per_minute: int = PER_MINUTE) -> None:
        self.processes, self.rate = processes, rate_limit.RateLimit(per_minute)
        self.uploads, self.asked = 0, Counter[str]()

    def turn(self, app: ASGIApp) -> ASGIApp:
        """Return an app with a limit on what each client asks for: per minute, and at a time."""

        async def limited(scope: Scope, receive: Receive, send: Send) -> None:
            client = rate_limit.client_of(scope)
            if wait := self.rate.acquire(client):
                raise busy(429, wait)
            for _ in range(20):
                if self.asked[client] < AT_A_TIME:
                    break
                await asyncio.sleep(PATIENCE / 20)
            else:
                raise busy(429, 5)
            self.asked[client] += 1
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LONGEST):
                        await app(scope, receive, send)
            finally:
                self.asked -= Counter([client])  # and forget who has none

        return limited

    @asynccontextmanager
    async def done(self, request: Request, **more: Any):
        """Do what a request asks for: yield the job and its result, in a folder of its own."""
        place = os.path.realpath(tempfile.gettempdir())  # as the paths in refusals have it
        with tempfile.TemporaryDirectory(dir=place, ignore_cleanup_errors=True) as folder:
            Path(folder, "in").mkdir()
            sends = request.method == "POST"
            if sends and self.uploads >= UPLOADS:
                raise busy(503, 5)
            self.uploads += sends
            try:
                asked = await received(request, Path(folder))
            except ClientDisconnect:
                raise HTTPException(400) from None  # which nobody reads
            finally:
                self.uploads -= sends
            try:
                yield asked, await self.result(request, asked._replace(**more))
            except ClientDisconnect:
                raise HTTPException(400) from None
            except Busy:
                raise busy(503, 5) from None
            except Failed:
                raise HTTPException(
                    500, "That took more time or memory than there is here: take the command."
                ) from None

    async def result(self, request: Request, job: Job) -> dict[str, Any]:
        """Return the result of a job, which ends when its visitor goes."""
        running = asyncio.create_task(self.processes.run(job))
        watching = asyncio.create_task(gone(request))
        try:
            await asyncio.wait({running, watching}, return_when=asyncio.FIRST_COMPLETED)
            return running.result() if running.done() else watching.result()
        finally:
            running.cancel()
            watching.cancel()
            await asyncio.gather(running, watching, return_exceptions=True)

    async def form(self, request: Request) -> Response:
        """Return the page; without a file, at the URL that has the answers."""
        async with self.done(request) as (asked, found):
            kept = urlencode(of_url(asked, found))
            if request.method == "POST" and not (asked.model and not asked.size):
                return RedirectResponse(f"./?{kept}", 303)
            return HTMLResponse(
                page.render(
                    asked=asked,
                    found=found,
                    kept=kept,
                    command=command(asked.template, found["command"]),
                    largest=LARGEST,
                    size=size,
                    version=__version__,
                    package=PACKAGE.name,
                )
            )

    async def zip(self, request: Request) -> Response:
        """Return the project, or why there is none, in the command's words."""
        async with self.done(request, wanted=True) as (asked, found):
            if not found.get("made"):
                reasons = [*found["problems"], *found["changed"]]
                if asked.size:
                    reasons.append("The file itself is needed: take the command.")
                elif not reasons:
                    reasons = [found["verdict"], *found["ways_out"]]
                return PlainTextResponse("\n".join(reasons), 422)
            if found["changed"]:
                return PlainTextResponse("\n".join(found["changed"]), 422)
            path = Path(asked.folder, "project.zip")
            file = await run_in_threadpool(path.open, "rb")  # which outlives the folder
            headers = {
                "Content-Disposition": f'attachment; filename="{found["slug"]}.zip"',
                "Content-Length": str(os.fstat(file.fileno()).st_size),
            }
            return StreamingResponse(chunks(file), media_type="application/zip", headers=headers)


async def gone(request: Request) -> Any:
    """Wait until the visitor closes the connection.

    Raises:
        ClientDisconnect: always.
    """
    while (await request.receive())["type"] != "http.disconnect":
        pass
    raise ClientDisconnect


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the content of a file, and close it."""
    with file:
        while chunk := file.read(2**16):
            yield chunk


def of_url(asked: Job, found: dict[str, Any]) -> dict[str, str]:
    """Return the answers that a URL holds: those that are not the defaults."""
    named = {"model": asked.model, "size": str(asked.size)} if asked.size else {}
    return found["kept"] | named


def command(template: str, answers: dict[str, str]) -> str:
    """Return the command that makes the same project, for a shell."""
    words = [f"{name}={value}" for name, value in answers.items()]
    return shlex.join(["uvx", "cookiecutter", template, "--no-input", *words])


def busy(status: int, seconds: float) -> HTTPException:
    why = "That is much at a time." if status == 429 else "Many people are here right now."
    wait = {"Retry-After": str(int(seconds) + 1)}
    return HTTPException(status, f"{why} Try again in some seconds.", wait)


async def packaged(request: Request) -> Response:
    """Return a file of the package that every project has, as generation writes it."""
    name = request.path_params["path"]
    if name not in SERVED:
        raise HTTPException(404, "No such file.")
    text = (PACKAGE / name).read_text("utf-8")
    first = f"{record.VENDORED}\n" if name == "__init__.py" else ""
    return PlainTextResponse(first + text)


async def asset(request: Request) -> Response:
    return FileResponse(HERE / request.url.path.rpartition("/")[2])


async def healthy(request: Request) -> Response:
    return JSONResponse({"status": "ready"})  # as the app of a project


async def refused(request: Request, error: Exception) -> Response:
    """Return an error as a line of text."""
    assert isinstance(error, HTTPException)
    return PlainTextResponse(error.detail, error.status_code, error.headers)


class Guard:
    """ASGI middleware: headers of each response, a limit on what a request sends, and the log.

    Of an error that nobody expected, type and place are logged: its text may be a visitor's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > LARGEST + REST:
                raise HTTPException(413, too_large())
            return message

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                lines = [(name.lower().encode(), text.encode()) for name, text in HEADERS.items()]
                message = message | {"headers": [*message["headers"], *lines]}
            await send(message)

        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, limited, guarded)
        except Exception as error:  # noqa: BLE001
            frames = [*traceback.walk_tb(error.__traceback__)][-6:]
            places = [f"{Path(each.f_code.co_filename).name}:{line}" for each, line in frames]
            log.error("%s at %s", type(error).__name__, " > ".join(places))


def create(processes: Processes | None = None, per_minute: int = PER_MINUTE) -> ASGIApp:
    """Return the app."""
    site = Site(processes or Processes(), per_minute)
    turn = [Middleware(site.turn)]
    routes = [
        Route("/", site.form, methods=["GET", "POST"], middleware=turn),
        Route("/project.zip", site.zip, methods=["GET", "POST"], middleware=turn),
        Route("/form.css", asset),
        Route("/form.js", asset),
        Route(f"/{PACKAGE.name}/{{path:path}}", packaged),
        Route("/healthz", healthy),
        Route("/readyz", healthy),
    ]
    packed = Middleware(GZipMiddleware, minimum_size=2000)
    handlers = {HTTPException: refused}
    return Guard(Starlette(routes=routes, middleware=[packed], exception_handlers=handlers))
