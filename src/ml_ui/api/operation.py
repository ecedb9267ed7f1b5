"""Operations of the API: functions of the page, with parameters and answers."""

import base64
import contextlib
import copy
import inspect
import mimetypes
import secrets
import shutil
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, NotRequired

import anyio.to_thread
import gradio as gr
import orjson
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from pydantic.json_schema import GenerateJsonSchema
from starlette.requests import Request
from typing_extensions import TypedDict

from .. import gradio_fixes
from ..languages import Text
from ..serving import metrics, uploads
from ..serving.runner import (
    UNREADABLE,
    UNSHOWN,
    Call,
    Failure,
    current_call,
    failed,
    get_runner,
)
from ..serving.settings import MB
from . import kinds
from .kinds import File

# What a component raises at a value that is not of its kind, such as a date "today".
UNFIT = (ValueError, TypeError, LookupError, AttributeError)
TICK = 0.01  # seconds: a file's time is that of the clock's last tick
MAX_ROWS = 1000  # of a list, each a call of its own


class Unfit(gr.Error):
    """A value that is valid JSON of its type, and that its component cannot take.

    Attributes:
        errors: the parameter and the reason, as for what is invalid.
    """

    def __init__(self, parameter: str, error: Exception) -> None:
        reason = "The field cannot take this value"
        if isinstance(error, ValidationError):
            reason += f" ({error.errors()[0]['msg']})"
        elif isinstance(error, ValueError) and str(error):
            reason += f" ({str(error).splitlines()[0][:200]})"
        text = Text("The field {field} cannot take this value.", field=parameter)
        super().__init__(text, print_exception=False)
        self.errors = [{"parameter": parameter, "reason": reason}]


class Untitled(GenerateJsonSchema):
    """JSON Schema without titles, which would repeat the names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class Parameter:
    """Parameter of a function, shown by a component.

    Attributes:
        name: of the function's parameter; of one of `*row`, the component's label.
        component: that shows it.
        optional: whether the function has a default for it.
        default: of the function.
        description: of its docstring, else the component's label and hint.
    """

    def __init__(
        self,
        name: str,
        component: Any,
        optional: bool,
        default: Any = None,
        description: str = "",
    ) -> None:
        self.name = name
        self.component = component
        self.optional = optional
        self.default = default
        if not description:
            label = gradio_fixes.untranslated(component.label)
            hint = getattr(component, "info", None)
            words = (label if label != name else None, hint)
            description = ". ".join(str(each) for each in words if each)
        self.description = description
        self.media_types = kinds.media_types(component)
        self.is_file = bool(self.media_types)
        self.is_several = kinds.is_several(component)
        self.is_text = isinstance(component, gr.Textbox)

    def accepts(self, media_type: str) -> bool:
        """Return whether the bytes of this media type may be its value."""
        if self.is_text:
            return media_type == "text/plain"
        if media_type == "application/octet-stream":
            return self.is_file
        return any(
            media_type == each
            or (each.endswith("/*") and media_type.startswith(each[:-1]))
            for each in self.media_types
        )


class Operation:
    """A function of the page that is called with one request.

    Args:
        function: of the page, as Gradio describes it.
    """

    def __init__(self, function: "gradio_fixes.Function") -> None:
        self.name = function.name
        self.description = function.description
        self.returns = function.returns
        self._call = function.call
        self._function = function
        self.is_stream = inspect.isasyncgenfunction(function.call)
        self.max_batch = function.max_batch
        self.parameters = _parameters(function)
        self._by_component = {id(each.component): each for each in self.parameters}
        self.example = _example(function, self.parameters)
        self.outputs = [each for each in function.outputs if not each.skip_api]
        fields: dict[str, Any] = {}
        for each in self.parameters:
            kind = kinds.parameter_type(each.component)
            if each.optional and each.default is None:
                kind = kind | None
            fields[each.name] = NotRequired[kind] if each.optional else kind
        row = with_config(ConfigDict(extra="forbid"))(TypedDict("Row", fields))  # type: ignore[operator]
        self._row = TypeAdapter[dict[str, Any]](row)
        rows: Any = list[row]  # type: ignore[valid-type]
        rows = Annotated[rows, Field(min_length=1, max_length=MAX_ROWS)]
        self.validate_json = self._row.validate_json
        self.validate_json_list = TypeAdapter[list[dict[str, Any]]](rows).validate_json
        self.validate_strings = self._row.validate_strings
        self.validate_python = self._row.validate_python

    @cached_property
    def media_types(self) -> list[str]:
        """Media types of a request's body."""
        types = ["application/json", "multipart/form-data"]
        if not any(each.is_file for each in self.parameters):
            types.append("application/x-www-form-urlencoded")
        required = [each for each in self.parameters if not each.optional]
        for each in self.parameters:
            if len(required) <= 1 and (each in required or not required):
                types += each.media_types or ["text/plain"] * each.is_text
        return list(dict.fromkeys(types))

    @property
    def answer_media_types(self) -> tuple[str, ...]:
        """Media types of a response's body, besides JSON."""
        return kinds.media_types(self.outputs[0]) if len(self.outputs) == 1 else ()

    def schema(self, max_upload: int) -> dict[str, Any]:
        """Return the JSON Schema of the parameters.

        Args:
            max_upload: bytes of a file.
        """
        schema = self._row.json_schema(schema_generator=Untitled)
        schema.pop("title", None)
        for each in self.parameters:
            found = schema["properties"][each.name]
            if each.is_file:
                found["maxLength"] = 4 * max_upload // 3 + 200
            if words := each.description:
                found["description"] = ". ".join(
                    filter(None, (words, found.get("description")))
                )
        return schema

    def answer_schema(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return the JSON Schema of the answer; of several, that of their list.

        Args:
            labels: the model's classes.
        """
        schemas = [kinds.answer_schema(each, labels) for each in self.outputs]
        if len(schemas) == 1:
            return schemas[0]
        size = len(schemas)
        limits = {"minItems": size, "maxItems": size}
        return {"type": "array", "prefixItems": schemas, **limits}

    def raw_parameter(self, media_type: str) -> Parameter | None:
        """Return the parameter whose value is a body of this media type alone."""
        found = [each for each in self.parameters if each.accepts(media_type)]
        required = [each for each in found if not each.optional]
        return next(iter(required or found), None)

    async def __call__(
        self, values: Mapping[str, Any], request: Request, username: str | None = None
    ) -> list[Any]:
        """Return the answers of the function's outputs, each as JSON or a File.

        Raises:
            gr.Error: for the caller; a Failure, if the app is at fault.
        """
        (answers,) = await self.batch([values], request, username)
        return answers

    async def batch(
        self,
        rows: Sequence[Mapping[str, Any]],
        request: Request,
        username: str | None = None,
    ) -> list[list[Any]]:
        """Return the answers for each row: one, or up to `max_batch` of them.

        Raises:
            gr.Error: for the caller; a Failure, if the app is at fault.
        """
        answers: list[list[Any]] = []
        async for answers in self._steps(rows, request, username):
            pass
        return answers

    async def steps(
        self, values: Mapping[str, Any], request: Request, username: str | None = None
    ) -> AsyncGenerator[list[Any], None]:
        """Yield the answers of each step of a stream, or the only ones."""
        steps = self._steps([values], request, username)
        async with contextlib.aclosing(steps):
            async for (answers,) in steps:
                yield answers

    async def _steps(
        self, rows: Sequence[Mapping[str, Any]], request: Request, username: str | None
    ) -> AsyncGenerator[list[list[Any]], None]:
        root = partial(gradio_fixes.root_url, request)  # a fifth of a short call
        call = Call()
        current_call.set(call)
        self._function.check_files()
        came, began, began_at = time.monotonic(), None, time.time() - TICK
        outcome = "cancelled"
        try:
            # A picture of 150 kB may be decoded to 100 MB: not for all that wait.
            async with get_runner().begun:
                began = time.monotonic()
                what = UNREADABLE
                try:
                    inputs = [
                        await self._inputs(row, request, username) for row in rows
                    ]
                    what = UNSHOWN
                    if self.is_stream:
                        async for value in self._call(*inputs[0]):
                            yield [await self._answers(value, began_at, root)]
                    elif self.max_batch:
                        values = await self._call(*map(list, zip(*inputs, strict=True)))
                        found = zip(rows, zip(*values, strict=True), strict=True)
                        yield [await self._answers(v, began_at, root) for _, v in found]
                    else:
                        value = await self._call(*inputs[0])
                        yield [await self._answers(value, began_at, root)]
                except Failure:
                    outcome = "failed"
                    raise
                except gr.Error:
                    outcome = "refused"
                    raise
                except Exception as error:
                    outcome = "refused" if what == UNREADABLE else "failed"
                    raise failed(what, error) from error
                outcome = "ok"
        finally:
            if outcome != "ok":
                call.abandon()
            call.finish()
            current_call.set(None)
            now = time.monotonic()
            began = began or now  # it never began
            metrics.record_prediction(self.name, outcome, began - came, now - began)

    async def _inputs(
        self, values: Mapping[str, Any], request: Request, username: str | None
    ) -> list[Any]:
        """Return the arguments of the function."""
        inputs = []
        for component in self._function.inputs:
            parameter = self._by_component.get(id(component))
            if parameter is None:  # a gr.State
                inputs.append(copy.deepcopy(component.value))
            elif (value := values.get(parameter.name)) is not None:
                try:
                    inputs.append(await _preprocess(parameter, value))
                except UNFIT as error:
                    raise Unfit(parameter.name, error) from error
            else:
                inputs.append(parameter.default)
        return self._function.with_special(inputs, request, username)

    async def _answers(
        self, value: Any, began: float, root: Callable[[], str]
    ) -> list[Any]:
        """Return the answers, each as JSON or a File, in what the function returned."""
        outputs, convert = self._function.outputs, self._function.converts
        is_alone = len(outputs) == 1 and not self.max_batch
        found = [value] if is_alone else list(value)
        pairs = zip(outputs, found, strict=True)
        answers = [
            await _postprocess(component, each, began, root) if convert else each
            for component, each in pairs
            if not component.skip_api
        ]
        # An answer that JSON cannot hold is a failure of the model, through every API.
        return [
            each if isinstance(each, File) else orjson.Fragment(dumps(each))
            for each in answers
        ]


def _example(
    function: "gradio_fixes.Function", parameters: list[Parameter]
) -> dict[str, Any] | None:
    """Return values for the parameters, as JSON has them; None, if one is a file."""
    if any(each.is_file for each in parameters):
        return None
    values, example = {}, next(iter(function.examples), ())
    for each in parameters:
        number = next(
            n for n, one in enumerate(function.inputs) if one is each.component
        )
        if number < len(example):
            values[each.name] = example[number]
        elif each.component.value is not None:
            values[each.name] = each.component.value
        elif not each.optional:
            values[each.name] = each.component.example_payload()
        if each.name in values:
            values[each.name] = kinds.example(each.component, values[each.name])
    return values


def _parameters(function: "gradio_fixes.Function") -> list[Parameter]:
    """Return the parameters of a function, each with a name of its own."""
    signature = inspect.signature(function.call)
    named = [
        each
        for each in signature.parameters.values()
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    found: dict[str, Parameter] = {}
    for number, component in enumerate(function.inputs):
        if component.skip_api:
            continue
        if number < len(named):
            name, default = named[number].name, named[number].default
            optional = default is not inspect.Parameter.empty
        else:
            label = gradio_fixes.untranslated(component.label)
            name = str(label or f"value_{number + 1}")
            optional, default = False, None
        while name in found:
            name += "_"
        words = function.parameters.get(name, "")
        found[name] = Parameter(name, component, optional, default, words)
    return list(found.values())


async def _preprocess(parameter: Parameter, value: Any) -> Any:
    """Return a value of a request as the function takes it."""
    component = parameter.component
    if parameter.is_file:
        if value is None:
            return component.preprocess(None)
        payload = kinds.META | {"path": str(value), "orig_name": Path(value).name}
        await gradio_fixes.check_pictures_of([component], [payload])
        if isinstance(component, gr.Image) and kinds.is_path(component):
            return str(value)  # what `preprocess` returns, once it has opened the file
        model = kinds.to_payload(component, payload)
        return await anyio.to_thread.run_sync(component.preprocess, model)
    if not kinds.is_plain(component):  # a file may be anywhere in it
        value = await gradio_fixes.uploaded_files(component, value)
        await gradio_fixes.check_pictures_of([component], [value])
    payload = kinds.to_payload(component, value)
    return await _convert(component, component.preprocess, payload)


async def _postprocess(
    component: Any, value: Any, began: float, root: Callable[[], str]
) -> Any:
    """Return a value of the function as JSON has it, or a File."""
    if kinds.media_types(component):
        return await _file(component, value, began)
    payload = await _convert(component, component.postprocess, value)
    found = kinds.to_json(component, value, payload)
    if not kinds.own_kind_of(component).has_files:
        return found
    return await gradio_fixes.with_urls(component, found, root())


async def _convert(component: Any, conversion: Callable[[Any], Any], value: Any) -> Any:
    """Return what a component's conversion makes of a value, if slow in a thread."""
    if kinds.own_kind_of(component).is_light:
        return conversion(value)
    return await anyio.to_thread.run_sync(conversion, value)


async def _file(component: Any, value: Any, began: float) -> File | str | None:
    """Return the file that is a component's value; delete it, if the call has made it.

    A file outside our folder goes through Gradio's checks of what may be published. Its
    copy, and what the component makes, is in a folder of the call: Gradio has one file
    for equal answers, which may be a visitor's or another call's as well.
    """
    folder = uploads.FOLDER / f"answer-{secrets.token_hex(16)}"
    component = copy.copy(component)
    component.GRADIO_CACHE = str(folder)
    try:
        payload = await _convert(component, component.postprocess, value)
        if payload is None:
            return None
        path = Path(payload.path) if payload.path else None
        if path is None:
            return str(payload.url)
        path = path.resolve()
        if not path.is_relative_to(uploads.FOLDER):
            path = await gradio_fixes.cached_file(component, payload)
        found = path.stat()
        if found.st_size < MB:
            content = path.read_bytes()
        else:
            content = await anyio.to_thread.run_sync(path.read_bytes)
        if path.parent == uploads.FOLDER and found.st_ctime >= began:
            path.unlink(missing_ok=True)
    finally:
        if folder.exists():
            shutil.rmtree(folder, ignore_errors=True)
    media_type, _ = mimetypes.guess_type(path.name)
    return File(content, media_type or "application/octet-stream")


JSON = (
    orjson.OPT_SERIALIZE_NUMPY
    | orjson.OPT_NON_STR_KEYS
    | orjson.OPT_PASSTHROUGH_DATACLASS
)


def dumps(answer: Any) -> bytes:
    """Return JSON of an answer: a file is a data URL, NaN and infinity are null."""
    return orjson.dumps(answer, _default, JSON)


def _default(value: object) -> object:
    if isinstance(value, File):
        return data_url(value)
    raise TypeError(f"a {type(value).__name__} is not JSON")


def data_url(file: File) -> str:
    """Return a file as a data URL."""
    encoded = base64.b64encode(file.content).decode()
    return f"data:{file.media_type};base64,{encoded}"
