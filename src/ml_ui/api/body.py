"""Request bodies of the REST API: JSON, forms, and the bytes of a file alone."""

import base64
import binascii
import contextlib
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import Request

from ..serving import uploads
from ..serving.held import SMALL, Held
from ..serving.middleware import NO_ROOM, RETRY_UPLOAD, Files
from ..serving.problem import Problem
from ..serving.runner import log_error
from ..serving.settings import MB
from . import kinds
from .operation import Operation, Parameter

MAX_JSON = MB  # bytes, besides files: as objects they take a hundred times as much
MAX_MARKS = 50_000  # of [ { , in a larger one, which has files as long strings
MAX_ERRORS = 10_000  # more take a second to describe, in which nobody is answered
MAX_CHOICES = 100  # of a field of a form
QUOTED = re.compile(r'["\r\n]')  # what browsers write as %22, %0D and %0A in a name
SUFFIX = re.compile(r"\.[a-zA-Z0-9]{1,8}")
DATA_URL = re.compile(r"data:[\w.+-]*/?([\w.+-]*)(?:;[\w.=+-]+)*;base64,", re.ASCII)
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
BYTES = "application/octet-stream"
FILE_ROUTE = "/gradio_api/file="
LONGEST_URL = 4 * uploads.LONGEST_PATH  # characters, as a path is quoted


class Body:
    """Body of a request: the values of parameters, and the files among them.

    Args:
        operation: the function that is called.
        max_upload: bytes of a file.
        files: the space for uploads.
    """

    def __init__(self, operation: Operation, max_upload: int, files: Files) -> None:
        self._operation = operation
        self._max_upload = max_upload
        self._files = files
        self._paths: list[Path] = []
        self._size = 0

    async def read(self, request: Request) -> dict[str, Any] | list[dict[str, Any]]:
        """Return the values by parameter name; those of each call in a JSON list.

        Raises:
            Problem: 413, 415, 422, 503.
            ClientDisconnect: the client has gone.
        """
        with _storing():
            return await self._read(request)

    async def _read(self, request: Request) -> dict[str, Any] | list[dict[str, Any]]:
        given = request.headers.get("content-type", "")
        media_type = given.partition(";")[0].strip().lower()
        most = self._most(media_type)
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > most:
            raise _too_large(most)
        if media_type == "application/json" or media_type.endswith("+json"):
            return await self._json(request, most)
        if media_type in FORMS and media_type in self._operation.media_types:
            return await self._form(request, most)
        if parameter := self._operation.raw_parameter(media_type or BYTES):
            return await self._raw(request, parameter, media_type, most)
        accepted = ", ".join(self._operation.media_types)
        found = media_type or "no Content-Type"
        detail = f"{found[:100]}: send one of {accepted}."
        raise Problem(415, detail, {"Accept": accepted})

    def delete(self) -> None:
        """Delete the files of the request."""
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._files.add(-self._size)
        self._size = 0

    def _most(self, media_type: str) -> int:
        if media_type.endswith("json"):
            return largest_json(self._operation, self._max_upload)
        files = sum(parameter.is_file for parameter in self._operation.parameters)
        return MAX_JSON + files * self._max_upload

    async def _json(
        self, request: Request, most: int
    ) -> dict[str, Any] | list[dict[str, Any]]:
        async with json_body(request, most) as body:
            found: dict[str, Any] | list[dict[str, Any]]
            try:
                if body.lstrip()[:1] == b"[" and not self._operation.is_stream:
                    rows = self._operation.validate_json_list(body)
                    found = [self._with_files(row) for row in rows]
                else:
                    found = self._with_files(self._operation.validate_json(body))
            except ValidationError as error:
                raise _invalid(error) from None
            check_kept(body, found)
            return found

    async def _form(self, request: Request, most: int) -> dict[str, Any]:
        with Held(MAX_JSON) as held:
            return await self._fields(request, most, held)

    async def _fields(self, request: Request, most: int, held: Held) -> dict[str, Any]:
        names = {each.name for each in self._operation.parameters if each.is_file}
        several = {each.name for each in self._operation.parameters if each.is_several}
        limits = {"max_fields": len(self._operation.parameters)}
        limits["max_fields"] += MAX_CHOICES * len(several)
        limits["max_part_size"] = MAX_JSON
        quoted = {
            QUOTED.sub(_quote, each.name): each.name
            for each in self._operation.parameters
        }
        stream = self._counted(request, most)
        parser: FormParser | MultiPartParser
        if request.headers["content-type"].lower().startswith("multipart/"):
            limits["max_files"] = len(names)
            parser = _MultiPartParser(held, request.headers, stream, **limits)
        else:
            stream = _held(stream, held)
            parser = FormParser(request.headers, stream, **limits)
        try:
            form = await parser.parse()
        except MultiPartException as error:
            detail = f"The form is malformed: {error.message}"
            raise Problem(422, detail) from None
        try:
            files: dict[str, Any] = {}
            texts: dict[str, Any] = {}
            lists: dict[str, list[str]] = {}
            for given, value in form.multi_items():
                name = quoted.get(given, given)
                if name in several and isinstance(value, str):
                    lists.setdefault(name, []).append(value)
                    continue
                if name in files or name in texts:
                    raise Problem(422, f"{name[:100]} is given twice.")
                if isinstance(value, UploadFile) and not (value.filename or value.size):
                    continue  # as HTML sends a field without a file
                if name in names and isinstance(value, UploadFile):
                    if (value.size or 0) > self._max_upload:
                        raise _too_large(self._max_upload)
                    path = self._new(Path(value.filename or "").suffix)
                    with path.open("wb") as file:
                        while part := await value.read(1 << 20):
                            file.write(part)
                    files[name] = self._named(path)
                elif isinstance(value, UploadFile):
                    if (value.size or 0) > MAX_JSON:
                        raise _too_large(MAX_JSON)
                    text = (await value.read()).decode("utf-8", "replace")
                    texts[name] = text
                else:
                    texts[name] = value
        finally:
            await form.close()
        texts |= {name: orjson.dumps(found).decode() for name, found in lists.items()}
        return self._strings(texts, files)

    async def _raw(
        self, request: Request, parameter: Parameter, media_type: str, most: int
    ) -> dict[str, Any]:
        texts: dict[str, Any] = dict(request.query_params)
        if not parameter.is_file:
            async with _whole(request, MAX_JSON) as body:
                try:
                    texts[parameter.name] = body.decode("utf-8-sig")
                except UnicodeDecodeError:
                    raise Problem(422, "The text is not UTF-8.") from None
            return self._strings(texts, {})
        path = self._new("." + media_type.rpartition("/")[2])
        with path.open("wb") as file:
            async for part in self._counted(request, self._max_upload):
                file.write(part)
        return self._strings(texts, {parameter.name: self._named(path)})

    def _strings(self, texts: dict[str, Any], files: dict[str, Any]) -> dict[str, Any]:
        """Return the values of a form's fields, its files included."""
        try:
            strings = texts | dict.fromkeys(files, "")
            values = self._operation.validate_strings(strings)
        except ValidationError as error:
            raise _invalid(error) from None
        return self._with_files(values | files)

    def validate(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of parameters, validated, with files for base64.

        Raises:
            Problem: 413, 422, 503.
        """
        try:
            found = self._operation.validate_python(values)
        except ValidationError as error:
            raise _invalid(error) from None
        with _storing():
            return self._with_files(found)

    def _with_files(self, values: dict[str, Any]) -> dict[str, Any]:
        for parameter in self._operation.parameters:
            text = values.get(parameter.name)
            if kinds.is_too_large(parameter.component, text):
                raise _too_many(kinds.MAX_CELLS)
            if parameter.is_file and isinstance(text, str):
                values[parameter.name] = self._decode(parameter, text)
        return values

    def _decode(self, parameter: Parameter, text: str) -> Path:
        """Return the file that is given as base64 or as a URL."""
        if FILE_ROUTE in text[:2000]:
            return _upload(parameter, text)
        found = DATA_URL.match(text, 0, 200)
        suffix, start = ("." + found[1], found.end()) if found else ("", 0)
        encoded = text[start:]
        if "\n" in encoded:  # as the command `base64` wraps it
            encoded = "".join(encoded.split())
        try:
            content = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise _problem(parameter.name, "This is not base64.") from None
        if len(content) > self._max_upload:
            raise _too_large(self._max_upload)
        self._count(len(content))
        path = self._new(suffix)
        path.write_bytes(content)
        return self._named(path)

    def _named(self, path: Path) -> Path:
        """Return a file, which is called .wav if it is one.

        Gradio goes by the name, and needs FFmpeg for another one.
        """
        with path.open("rb") as file:
            start = file.read(12)
        if start[:4] + start[8:] != b"RIFFWAVE":
            return path
        return path.rename(self._new(".wav"))

    def _new(self, suffix: str) -> Path:
        ending = suffix if SUFFIX.fullmatch(suffix) else ""
        path = uploads.FOLDER / f"upload-{secrets.token_hex(16)}{ending}"
        self._paths.append(path)
        return path

    async def _counted(
        self, request: Request, most: int
    ) -> AsyncGenerator[bytes, None]:
        """Yield the parts of a body that is stored, while there is room."""
        async for part in _stream(request, most):
            self._count(len(part))
            yield part

    def _count(self, size: int) -> None:
        if not self._files.has_room(size):
            raise Problem(503, NO_ROOM, RETRY_UPLOAD)
        self._files.add(size)
        self._size += size


def _quote(found: re.Match[str]) -> str:
    return f"%{ord(found[0]):02X}"


def largest_json(operation: Operation, max_upload: int) -> int:
    """Return the bytes of the largest JSON with the values of parameters."""
    files = sum(parameter.is_file for parameter in operation.parameters)
    return MAX_JSON + 4 * files * max_upload // 3


@contextlib.contextmanager
def _storing() -> Iterator[None]:
    """Log that files cannot be stored.

    Raises:
        Problem: 503, they cannot: the disk is full.
    """
    try:
        yield
    except OSError as error:
        log_error("An upload cannot be stored", error)
        raise Problem(503, NO_ROOM, RETRY_UPLOAD) from None


@contextlib.asynccontextmanager
async def json_body(request: Request, most: int) -> AsyncIterator[bytes]:
    """Read a body of JSON, which is held in memory until the block ends.

    Raises:
        Problem: 413, it is longer than `most` bytes; 503, too many are held.
    """
    async with _whole(request, most) as body:
        if len(body) > MAX_JSON and sum(map(body.count, b"[{,")) > MAX_MARKS:
            raise _too_many(MAX_MARKS)
        yield body


def check_kept(body: bytes, kept: Any) -> None:
    """Refuse a large body that is not so for its files, which are on the disk by now.

    A call keeps the rest in memory until it is answered, as all do that wait.

    Args:
        body: of the request.
        kept: what the call keeps of it.

    Raises:
        Problem: 413, it is too much.
    """
    try:
        if len(body) > MAX_JSON and len(orjson.dumps(kept, str)) > MAX_JSON:
            raise _too_large(MAX_JSON)
    except TypeError:  # lists in lists, or an integer of a hundred digits
        raise _too_large(MAX_JSON) from None


async def _stream(request: Request, most: int) -> AsyncIterator[bytes]:
    """Yield the parts of a body.

    Raises:
        Problem: 413, it is longer than `most` bytes.
    """
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise _too_large(most)
        yield part


async def _held(
    stream: AsyncIterator[bytes], held: Held
) -> AsyncGenerator[bytes, None]:
    """Yield the parts of a body that stays in memory.

    Raises:
        Problem: 503, all bodies take too much.
    """
    async for part in stream:
        _hold(held, len(part))
        yield part


def _hold(held: Held, size: int) -> None:
    """Count bytes that stay in memory.

    Raises:
        Problem: 503, all bodies take too much.
    """
    if not held.add(size):
        raise Problem(503, NO_ROOM, RETRY_UPLOAD)


@contextlib.asynccontextmanager
async def _whole(request: Request, most: int) -> AsyncIterator[bytes]:
    """Read a body into memory, for a block.

    Raises:
        Problem: 413, it is longer than `most` bytes; 503, all bodies take too much.
    """
    parts = list[bytes]()
    with Held(most) as held:
        async for part in _held(_stream(request, most), held):
            parts.append(part)
        body = b"".join(parts)
        parts.clear()
        yield body


class _MultiPartParser(MultiPartParser):
    """Parser of forms that writes files to the disk, and counts texts in memory."""

    spool_max_size = SMALL

    def __init__(self, held: Held, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._held = held

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._current_part.file is None:
            _hold(self._held, end - start)
        super().on_part_data(data, start, end)


def _upload(parameter: Parameter, url: str) -> Path:
    """Return the file of an upload to this app, by its URL."""
    if len(url) < LONGEST_URL:
        with contextlib.suppress(ValueError):
            path = unquote(urlsplit(url).path.partition(FILE_ROUTE)[2])
            if found := uploads.find(path):
                return found
    raise _problem(parameter.name, "The file has expired: upload it again.")


def _too_large(most: int) -> Problem:
    """Return the problem of a body, file or other value of more than `most` bytes."""
    return Problem(413, f"Payload too large: at most {most / MB:.3g} MB.")


def _too_many(most: int) -> Problem:
    return Problem(413, f"Payload too large: at most {most:,} values.")


def _problem(name: str, reason: str) -> Problem:
    return Problem(
        422, f"{name}: {reason}", errors=[{"parameter": name, "reason": reason}]
    )


def _invalid(error: ValidationError) -> Problem:
    """Return a Problem with each invalid parameter and the reason."""
    if error.error_count() > MAX_ERRORS:
        return Problem(422, f"{error.error_count()} values are invalid.")
    errors = []
    for found in error.errors(include_url=False, include_context=False)[:100]:
        location = ".".join(map(str, found["loc"]))[:200]
        errors.append({"parameter": location, "reason": found["msg"]})
    first = errors[0]
    detail = f"{first['parameter']}: {first['reason']}".removeprefix(": ")
    if len(errors) > 1:
        detail += f" ({len(errors) - 1} more)"
    return Problem(422, f"{detail}.", errors=errors)
