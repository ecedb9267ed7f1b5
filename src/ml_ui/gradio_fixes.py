"""Workarounds for Gradio and uvicorn: every use of a private name, and a check of it.

A fix is here because the documented API offers no way. Each has a section in
docs/upstream.md of ml-ui-template, and goes when that is resolved. `verify` logs a
warning for each fix that is not in force with the installed versions.
"""

import asyncio
import base64
import contextlib
import functools
import hmac
import inspect
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import anyio.to_thread
import gradio as gr
import httpx
import orjson
import safehttpx
import uvicorn.config
from gradio import processing_utils, route_utils
from gradio.context import LocalContext
from gradio.helpers import special_args
from gradio.i18n import I18nData
from gradio.processing_utils import add_root_url, async_move_files_to_cache
from gradio.queueing import Event, Queue
from gradio.route_utils import GradioMultiPartParser, get_root_url
from gradio.routes import App, ORJSONResponse, file_upload_statuses
from gradio.server_messages import EstimationMessage
from gradio.state_holder import SessionState, StateHolder
from gradio.utils import LRUCache, get_function_description, is_static_file
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import ASGIApp

from . import languages, pictures
from .serving import metrics, process, protocol, uploads
from .serving.downloads import Downloads, is_public
from .serving.held import Held
from .serving.middleware import (
    API,
    CALL_ROUTES,
    CLOSED_ROUTES,
    NO_ROOM,
    RETRY_UPLOAD,
    Files,
)
from .serving.runner import (
    UNREADABLE,
    UNSHOWN,
    Call,
    Failure,
    current_call,
    failed,
    is_guarded,
)
from .serving.settings import MB

logger = logging.getLogger(__name__)

TESTED = "6.29 to 6.31"  # versions of Gradio

KNOWN_ROUTES = (
    "/login",
    *CALL_ROUTES,
    *CLOSED_ROUTES,
    *(API + name for name in ("upload", "stream/", "cancel", "reset", "run-history/")),
)
EXPIRED = "The file has expired: choose it again."
SITES = ("http://", "https://")
PART = 2048  # bytes that a file of an upload takes in memory, besides its headers
PICTURES = (gr.Image, gr.ImageEditor, gr.ImageSlider, gr.Gallery)


# The page -------------------------------------------------------------------


def is_prepared(demo: gr.Blocks, folder: str) -> bool:
    """Return whether a page keeps its temporary files in this folder."""
    return bool(folder == demo.GRADIO_CACHE)


def unguarded(demo: gr.Blocks) -> list[str]:
    """Return the names of the page's functions that lack `guard`.

    Functions of Gradio's own, such as those that clear a chat, run in Gradio's threads.
    """
    found = {}
    for event in demo.fns.values():
        for function in (event.fn, event.validator):
            own = _function_of_app(function)
            if own is not None and not is_guarded(own):
                found[getattr(own, "__qualname__", repr(own))] = own
    return [f"{name} ({getattr(f, '__module__', '?')})" for name, f in found.items()]


def _function_of_app(function: Any) -> Any:
    """Return the app's own function behind that of an event; None if it is Gradio's."""
    while isinstance(function, functools.partial):
        function = function.func
    owner = getattr(function, "__self__", None)
    if isinstance(owner, gr.ChatInterface):
        return _function_of_app(owner.fn)
    if owner is not None and type(owner).__module__.startswith("gradio."):
        return None
    module = getattr(function, "__module__", None) or ""
    is_gradio = module.startswith(("gradio.", "gradio_client."))
    return None if function is None or is_gradio else function


# Options of gr.Blocks.launch that the page itself took in Gradio 5; it warns of them.
OPTIONS_OF_PAGE = ("theme", "css", "css_paths", "js", "head", "head_paths")


def options_of_page(demo: gr.Blocks) -> dict[str, Any]:
    """Return the options of `launch` that were given to the page itself."""
    found = {
        each: getattr(demo, f"_deprecated_{each}", None) for each in OPTIONS_OF_PAGE
    }
    return {name: value for name, value in found.items() if value is not None}


def keep_labels(demo: gr.Interface) -> None:
    """Have an example leave the label of its field, which may be translated by now.

    Gradio sends the label that the field was made with beside the example's value.
    """
    for given in getattr(demo.examples_handler, "input_component_props", ()):
        given.pop("label", None)


class ApiInfo:
    """Description of the API, with the text of a label that the page translates.

    Gradio describes a translated label as an object, where its clients expect a text.
    """

    def __init__(self, demo: gr.Blocks) -> None:
        self._describe: Callable[..., Any] = demo.get_api_info

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what `gr.Blocks.get_api_info` does."""
        return untranslated(self._describe(*args, **kwargs))


def untranslated(value: Any) -> Any:
    if isinstance(value, I18nData):
        return value.key
    if isinstance(value, dict):
        return {key: untranslated(item) for key, item in value.items()}
    return [*map(untranslated, value)] if isinstance(value, list) else value


def root_url(request: Request) -> str:
    """Return the address of the page as its visitor has it, without a final slash."""
    root_path = request.app.root_path or request.scope.get("root_path") or None
    path = request.url.path
    return str(get_root_url(request, route_path=path, root_path=root_path))


# Functions ----------------------------------------------------------------------------


TAKEN = ("login", "logout")  # routes of Gradio that take POST, or are about to


@dataclass(frozen=True)
class Function:
    """A function of the page that has an API name.

    Attributes:
        name: the API name.
        call: the function, decorated with `guard`.
        inputs: components of its parameters.
        outputs: components of what it returns.
        description: of its docstring, or of the page.
        special: whether it takes a gr.Request, a gr.Progress or the like.
        parameters: descriptions by name, of its docstring.
        returns: what it returns, of its docstring.
        examples: of the page, each with values for the inputs; may be empty.
        converts: whether components convert what it returns; those of a chat do not.
        max_batch: how many values it takes at once, as a list for each parameter, to
            return one for each output; 0: it takes a value, and returns one.
        demo: the page.
    """

    name: str
    call: Callable[..., Any]
    inputs: Sequence[Any]
    outputs: Sequence[Any]
    description: str
    special: bool
    parameters: dict[str, str]
    returns: list[str]
    examples: Sequence[Sequence[Any]]
    converts: bool
    max_batch: int
    demo: gr.Blocks

    def check_files(self) -> None:
        """Have Gradio check the files of this call, as it does for calls of the page.

        It lets every path through where it does not know the page.
        """
        LocalContext.blocks.set(self.demo)

    def with_special(
        self, inputs: list[Any], request: Request, username: str | None
    ) -> list[Any]:
        """Return the arguments, with those that Gradio adds."""
        given = gr.Request(request, username=username)
        LocalContext.request.set(given)  # ZeroGPU charges the visitor whom it names
        if not self.special:
            return inputs
        return special_args(self.call, inputs, given)[0]


def functions(demo: gr.Blocks) -> list[Function]:
    """Return the guarded functions that the page offers as an API.

    Those of components' properties, of values as the page sends them, and of batches
    with their requests are left to Gradio's own API.
    """
    found = []
    for event in demo.fns.values():
        name, call = event.api_name, event.fn
        if not isinstance(name, str) or call is None or not is_guarded(call):
            continue
        if event.inputs_as_dict or event.input_keyword_names or not event.preprocess:
            continue
        inputs, special = list(event.inputs), _has_special(call, len(event.inputs))
        if name in TAKEN or event.api_visibility != "public" or special and event.batch:
            continue
        description, parameters, returns = get_function_description(call)
        if isinstance(event.api_description, str):
            description = event.api_description
        found.append(
            Function(
                name=name,
                call=call,
                inputs=inputs,
                outputs=list(event.outputs),
                description=description,
                special=special,
                parameters=parameters,
                returns=returns,
                examples=_examples_of(demo, inputs),
                converts=event.postprocess,
                max_batch=event.max_batch_size if event.batch else 0,
                demo=demo,
            )
        )
    return found


def _examples_of(demo: gr.Blocks, inputs: list[Any]) -> list[Sequence[Any]]:
    """Return the examples of a page for these components; none, if it has none."""
    examples = getattr(demo, "examples", None)
    if inputs != getattr(demo, "input_components", None):
        return []
    if not isinstance(examples, list):
        return []
    return [each if isinstance(each, list) else [each] for each in examples]


def _has_special(function: Callable[..., Any], given: int) -> bool:
    arguments, *_ = special_args(function, [None] * given)
    return len(arguments) > given


async def cached_file(component: Any, payload: Any) -> Path:
    """Return a copy of a component's file in the cache, if it may be published.

    Raises:
        gradio.exceptions.InvalidPathError: it may not.
    """
    found = await async_move_files_to_cache(payload, component, postprocess=True)
    return Path(found["path"] if isinstance(found, Mapping) else found.path)


async def uploaded_files(component: Any, value: Any) -> Any:
    """Return a component's value in a request, whose files were all uploaded.

    Raises:
        gradio.exceptions.InvalidPathError: one is another file of this machine.
    """
    with contextlib.suppress(TypeError):  # lists in lists in lists
        if b'"meta"' not in orjson.dumps(value):
            return value  # Gradio would take a second to look for files in much JSON
    check_paths(value)
    return await async_move_files_to_cache(
        value, component, check_in_upload_folder=True
    )


async def with_urls(component: Any, payload: Any, root: str) -> Any:
    """Return a component's value whose files are copies in the cache with addresses.

    Args:
        component: that shows the value.
        payload: the value, as the component's `postprocess` has made it.
        root: address of the page.

    Raises:
        gradio.exceptions.InvalidPathError: a file may not be published.
    """
    found = await async_move_files_to_cache(payload, component, postprocess=True)
    return add_root_url(found, root, None)


async def user_of(app: App, request: Request) -> str | None:
    """Return the name of the user who is logged in, by the cookies of a request."""
    if app.auth_dependency is not None:
        found = app.auth_dependency(request)
        return await found if inspect.isawaitable(found) else found
    for kind in ("access-token", "access-token-unsecure"):
        if user := app.tokens.get(request.cookies.get(f"{kind}-{app.cookie_id}")):
            return str(user)
    return None


async def has_password(app: App, name: str, password: str) -> bool:
    """Return whether a name and a password are those of a user of the page."""
    if app.auth is None:
        return False
    if callable(app.auth):
        found = app.auth(name, password)
        return bool(await found if inspect.isawaitable(found) else found)
    right = app.auth.get(name, "")
    return hmac.compare_digest(right.encode(), password.encode()) and name in app.auth


# The queue ----------------------------------------------------------------------------


INTERVALS = ("sleep_when_free", "progress_update_sleep_when_free")  # of Gradio's queue
AWAKE = 5  # seconds after a call; one that takes longer tells its progress later
AT_LEISURE = 0.02  # seconds, by which the first call of a visitor may wait


class QueueState:
    """The calls and sessions of a page's queue, and how often it looks for calls.

    Gradio's looks a thousand times a second, and a hundred times for news of their
    progress: 7 % of a core for a page that nobody uses.
    """

    def __init__(self, demo: gr.Blocks) -> None:
        self._demo = demo
        self._timer: asyncio.TimerHandle | None = None
        self._intervals: list[float] = []  # Gradio's; none if its names are others

    def expect_call(self) -> None:
        """Look for calls at Gradio's pace, for some seconds from now on."""
        if not self._intervals:
            return
        if self._timer:
            self._timer.cancel()
        else:
            self._set_intervals(self._intervals)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(AWAKE, self.rest)

    def rest(self) -> None:
        """Look for calls at leisure, until the next one is expected."""
        self._timer = None
        self._intervals = [getattr(self._queue, name) for name in INTERVALS]
        self._set_intervals([max(AT_LEISURE, each) for each in self._intervals])

    def _set_intervals(self, seconds: list[float]) -> None:
        for name, each in zip(INTERVALS, seconds, strict=True):
            setattr(self._queue, name, each)

    @property
    def _queue(self) -> Queue:  # `demo.queue()` makes a new one
        return self._demo._queue

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def stopped(self) -> bool:
        """Whether the queue has ended, so that no call will be answered."""
        return bool(self._queue.stopped)

    def has_function(self, api_name: str) -> bool:
        """Return whether the page offers a function of this API name."""
        return any(
            event.api_name == api_name and event.api_visibility != "private"
            for event in self._demo.fns.values()
        )

    def has_call(self, event_id: str) -> bool:
        """Return whether a call has yet to be answered."""
        calls = self._queue.pending_event_ids_session
        return event_id in calls.get(event_id, ()) or any(
            event_id in events for events in calls.values()
        )

    def has_session(self, session_hash: str) -> bool:
        """Return whether messages for a session are kept."""
        return session_hash in self._queue.pending_messages_per_session

    def waiting(self) -> float:
        """Return the seconds that the oldest call has been waiting or running."""
        calls = self._queue.event_ids_to_events.values()
        return max((seconds_since_queued(call) for call in calls), default=0.0)

    def event(self, event_id: str | None) -> Event | None:
        """Return the event of a call that is not answered yet."""
        return self._queue.event_ids_to_events.get(event_id) if event_id else None


def seconds_since_queued(event: Event | None) -> float:
    """Return the seconds since a call was queued; 0 if they are not known."""
    queued_at = getattr(event, "enqueue_time", None)
    return 0.0 if queued_at is None else time.monotonic() - queued_at


# Sessions -----------------------------------------------------------------------------

MAX_SESSIONS = 2000
MAX_SESSION_NAME = 64  # characters; Gradio's have 36 at most
# Messages of a session: above it, estimates are dropped; above four times, the oldest.
MAX_UNREAD = 500


class Messages(asyncio.Queue[Any]):
    """Message queue of a session, bounded for the client that never reads."""

    def _put(self, item: Any) -> None:
        if isinstance(item, EstimationMessage) and self.qsize() >= MAX_UNREAD:
            return
        if self.qsize() >= 4 * MAX_UNREAD:
            self.get_nowait()
        super()._put(item)


class Sessions(LRUCache):  # type: ignore[type-arg]
    """LRU cache of Gradio's message queues, one per session, bounded in memory.

    Gradio drops the oldest session even while its call waits, and the next message to
    it ends Gradio's queue for good. It never drops the record of a session's calls.
    """

    def __init__(self, demo: gr.Blocks) -> None:
        super().__init__(MAX_SESSIONS)
        self._calls = demo._queue.pending_event_ids_session
        self._waiting = demo._queue.event_ids_to_events

    def __getitem__(self, session: str) -> Messages:
        """Return a session's messages, for which a client asks every few seconds."""
        if session not in self:
            self[session] = Messages()
        self.move_to_end(session)
        messages: Messages = super().__getitem__(session)
        return messages

    def __setitem__(self, session: str, messages: object) -> None:
        """Add a session with a bounded queue, whatever queue is given.

        Raises:
            ValueError: its name is too long.
        """
        if len(session) > MAX_SESSION_NAME:
            raise ValueError("the name of the session is too long")
        super().__setitem__(session, Messages())

    def popitem(self, last: bool = True) -> tuple[str, Messages]:
        """Remove the oldest session without a waiting call, and what it called."""
        waiting = {event.session_hash for event in self._waiting.values()}
        session = next((one for one in self if one not in waiting), next(iter(self)))
        messages: Messages = self.pop(session)
        self._calls.pop(session, None)
        return session, messages


class States(StateHolder):
    """Gradio's states of sessions, without the last values of all components.

    It keeps them and reads them nowhere, for as many sessions as it has room for; each
    call of its API is one, so 60 answers of 10 MB took 600 MB. To describe all
    components for a session takes a millisecond.
    """

    def __getitem__(self, session_id: str) -> SessionState:
        """Return the state of a session, a new one if it is unknown."""
        if session_id not in self.session_data:
            facts = SimpleNamespace(
                default_config=self.blocks.default_config, blocks={}
            )
            state = SessionState(facts)  # type: ignore[arg-type]
            state._update_value_in_config = _forget  # type: ignore[method-assign]
            self.session_data[session_id] = state
        state = super().__getitem__(session_id)
        return state


def _forget(key: int, value: object) -> None:
    """Keep no value of a component."""


# Calls --------------------------------------------------------------------------------


class Calls:
    """Answer each call with its output, or an error with a reference; record metrics.

    Gradio answers an error of its own, such as a file that is not a picture, with null
    and prints its trace; it writes NaN into JSON, which browsers cannot parse.
    """

    def __init__(self, demo: gr.Blocks, queue: QueueState) -> None:
        self._process: Callable[..., Awaitable[dict[str, Any]]] = demo.process_api
        self._queue = queue
        self._began: WeakKeyDictionary[Event, float] = WeakKeyDictionary()

    async def __call__(
        self, block_fn: Any, *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """Process a call, or the next step of a stream; takes what the other took."""
        event = self._queue.event(kwargs.get("event_id"))
        now = time.monotonic()
        began = self._began.setdefault(event, now) if event else now
        call = Call()
        token = current_call.set(call)
        outcome: str | None = "failed"
        try:
            if not kwargs.get("iterator"):  # the first step, or the only one
                inputs = kwargs.get("inputs", args[0] if args else [])
                check_paths(inputs)
                await check_pictures(block_fn, inputs)
            output = await self._process(block_fn, *args, **kwargs)
            output["data"] = finite(output["data"])
            outcome = None if output.get("is_generating") else "ok"
        except Failure as error:
            raise self._translated(error, kwargs.get("request")) from None
        except gr.Error as error:
            outcome = "refused"
            raise self._translated(error, kwargs.get("request")) from None
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        except Exception as error:
            if call.returned:
                shown = failed(UNSHOWN, error)
                raise self._translated(shown, kwargs.get("request")) from error
            outcome = "refused"
            cause = error.__cause__ or error
            if isinstance(cause, FileNotFoundError):
                shown = gr.Error(EXPIRED)
            else:
                shown = failed(UNREADABLE, error)
            raise self._translated(shown, kwargs.get("request")) from error
        else:
            return output
        finally:
            current_call.reset(token)
            if outcome not in (None, "ok"):
                call.abandon()
            call.finish()
            name = getattr(block_fn, "api_name", None)
            if name and outcome:
                wait = began - getattr(event, "enqueue_time", began)
                metrics.record_prediction(name, outcome, wait, time.monotonic() - began)

    def _translated(self, error: gr.Error, request: Any) -> gr.Error:
        """Return an error in the visitor's words; the log has it already.

        That of a batch is in English, unless its visitors all have the same language.
        """
        requests = request if isinstance(request, list) else [request]
        accepted = {
            languages.negotiate(getattr(one, "headers", {}).get("accept-language", ""))
            for one in requests
        }
        language = accepted.pop() if len(accepted) == 1 else languages.ENGLISH
        message = (
            error.message if isinstance(error.message, str) else str(error.message)
        )
        # Another one: an app may raise the same for all its visitors.
        return gr.Error(
            languages.translate(message, language),
            error.duration,
            error.visible,
            error.title,
            print_exception=False,
        )


def check_paths(value: Any) -> None:
    """Check that no file in a value has a longer path than there is.

    Gradio would look at each of its folders, for minutes, in the event loop.

    Raises:
        gr.Error: one has.
    """
    if isinstance(value, Mapping):
        path = value.get("path")
        if isinstance(path, str) and len(path) > uploads.LONGEST_PATH:
            raise gr.Error(EXPIRED, print_exception=False)
        for item in value.values():
            check_paths(item)
    elif isinstance(value, list):
        for item in value:
            check_paths(item)


async def check_pictures(block_fn: Any, inputs: Sequence[Any]) -> None:
    """Check the files for components that open them with Pillow.

    Gradio does so before the function is called, with no limit of time or memory.

    Raises:
        gr.Error: a file is no picture, or one that costs too much.
    """
    await check_pictures_of(block_fn.inputs, inputs)


async def check_pictures_of(components: Sequence[Any], values: Sequence[Any]) -> None:
    """Check the files for these components, each with its value."""
    for component, value in zip(components, values, strict=False):
        if isinstance(component, PICTURES):
            for file in _files(value):
                if isinstance(file, str):  # Gradio has it in its cache from now on
                    moved = await component.async_move_resource_to_block_cache(file)
                    await anyio.to_thread.run_sync(_check_file, Path(str(moved)))
                elif isinstance(file, bytes):
                    pictures.check(file)
                elif file.stat().st_size < MB:  # in less time than another thread takes
                    _check_file(file)
                else:
                    await anyio.to_thread.run_sync(_check_file, file)


def _check_file(path: Path) -> None:
    pictures.check(path.read_bytes())


def _files(value: Any) -> Iterator[Path | bytes | str]:
    """Yield a value's uploaded files, contents of data URLs, and URLs of other sites.

    Raises:
        gr.Error: a file was not uploaded, and is not public.
    """
    if isinstance(value, Mapping):
        url, path = value.get("url"), value.get("path")
        is_own = isinstance(path, str) and uploads.find(path) is not None
        if isinstance(path, str) and not is_own and not _is_public(value, path):
            raise gr.Error(EXPIRED)  # Gradio would open any file of this machine
        if isinstance(url, str) and url.startswith("data:"):
            yield base64.b64decode(url.partition(",")[2])
        elif isinstance(path, str) and is_own:
            yield Path(path)
        elif isinstance(path, str) and path.startswith(SITES):
            yield path
        for key, item in value.items():
            if key != "video":  # of a gr.Gallery
                yield from _files(item)
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        for item in value:
            yield from _files(item)


def _is_public(value: Mapping[str, Any], path: str) -> bool:
    """Return whether a file is another site's, or one that the owner has published."""
    is_url = path.startswith(SITES)
    is_file = value.get("meta") == {"_type": "gradio.FileData"}  # Gradio fetches it
    return is_url and is_file or is_static_file(path)


def finite(value: Any) -> Any:
    """Return a value for JSON with null for each NaN and infinity, which JSON lacks."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [finite(item) for item in value]
    return value


# Uploads and downloads ----------------------------------------------------------------


class UploadRecords:
    """Purge Gradio's records of uploads, kept until a page asks for progress."""

    def __init__(self, demo: gr.Blocks) -> None:
        self._demo = demo
        self._known: set[str] = set()

    def forget(self, deleted: set[str]) -> None:
        """Forget deleted files, and the uploads that were known at the call before."""
        for files in self._demo.temp_file_sets:
            files -= deleted
        for upload in self._known:
            file_upload_statuses.stop_tracking(upload)
            file_upload_statuses._signals.pop(upload, None)
        self._known = {*file_upload_statuses._statuses, *file_upload_statuses._signals}


class UploadedFile:
    """File of an upload that is open only while a part of it is written.

    Gradio holds up to 1,000 files open for a client that sends them slowly.
    """

    def __init__(self, path: str) -> None:
        self.name = path  # as a NamedTemporaryFile has it

    def write(self, data: bytes) -> None:
        """Append a part."""
        with open(self.name, "ab") as file:
            file.write(data)

    def seek(self, position: int) -> None:
        """Do nothing: Gradio moves the file, and does not read it."""

    def close(self) -> None:
        """Do nothing: the file is closed."""


class UploadParser(GradioMultiPartParser):
    """Parser of uploads: files alone, limited in open files, memory and room.

    Gradio's keeps a part without a filename in memory, up to the size of the whole.

    Args:
        files: the space for uploads.
        args, options: those of Gradio's parser.
    """

    def __init__(self, files: Files, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._files = files
        self._held = Held(MB)

    def on_headers_finished(self) -> None:
        """Make the file of a part whose headers are complete.

        Raises:
            MultiPartException: it has no filename, or is one file too many.
            HTTPException: 503, there is no room for it.
        """
        size = PART + 2 * self._current_header_size  # as bytes and as text
        if not self._files.has_room(uploads.SMALLEST) or not self._held.add(size):
            raise HTTPException(503, NO_ROOM, RETRY_UPLOAD)
        super().on_headers_finished()
        file: Any = self._current_part.file
        if file is None:
            raise MultiPartException("A part has no filename: send files alone.")
        self._files.add(uploads.SMALLEST)
        file.file.close()
        file.file = UploadedFile(file.file.name)
        self._files_to_close_on_error[-1] = file.file

    async def parse(self) -> FormData:
        """Return the files; none is left of an upload that breaks off."""
        try:
            return await super().parse()
        except BaseException:
            for file in self._files_to_close_on_error:
                Path(file.name).unlink(missing_ok=True)
                self._files.add(-uploads.SMALLEST)
            raise
        finally:
            self._held.release()


def limit_uploads(files: Files) -> None:
    """Limit what an upload holds in memory, in open files and on the disk.

    Args:
        files: the space for uploads.
    """
    route_utils.GradioMultiPartParser = functools.partial(  # type: ignore[assignment, misc]
        UploadParser, files
    )


def limit_downloads(most: int, files: Files) -> None:
    """Limit the downloads of URLs that calls name.

    Gradio reads a response into memory, however large it is and however long it takes.

    Args:
        most: bytes for a call.
        files: the space for uploads.
    """
    transport = Downloads(_transport_to, most, files)
    processing_utils.async_transport = transport  # type: ignore[assignment]


def trusted_hosts() -> list[str]:
    """Return the list of hosts whose addresses are not checked: the Hub's."""
    return processing_utils.PUBLIC_HOSTNAME_WHITELIST


async def _transport_to(host: str) -> httpx.AsyncHTTPTransport:
    """Return a transport to a public address of a host, or to one of the Hub's.

    Raises:
        ValueError: it has no public address.
    """
    if safehttpx.matches_domain_whitelist(host, trusted_hosts()):
        return httpx.AsyncHTTPTransport()
    address = await safehttpx.async_validate_url(host)
    if not is_public(address):
        raise ValueError(f"{host} has no public address")
    transport: httpx.AsyncHTTPTransport = safehttpx.AsyncSecureTransport(address)
    return transport


# The app and its server ---------------------------------------------------------------


class GuardedApp(App):
    """Gradio's app with our middleware outermost.

    Middleware given in `app_kwargs` would run inside Gradio's CORS middleware.
    """

    def __init__(self, wrap: Callable[[ASGIApp], ASGIApp], **options: Any) -> None:
        self._wrap = wrap
        self.guarded = False
        super().__init__(**{"default_response_class": ORJSONResponse} | options)
        self.state_holder = States()  # type: ignore[no-untyped-call]

    def build_middleware_stack(self) -> ASGIApp:
        """Return Starlette's middleware stack, wrapped in ours."""
        self.guarded = True
        return self._wrap(super().build_middleware_stack())


def signed_in_user(request: Request) -> str:
    """Return the name of the Hub user who is signed in.

    Raises:
        HTTPException: 401, nobody is signed in, or the sign-in has expired.
    """
    from gradio.oauth import require_oauth_token

    require_oauth_token(request)
    name: str = request.session["oauth_info"]["userinfo"]["preferred_username"]
    return name


# The registry -------------------------------------------------------------------------


@dataclass(frozen=True)
class Fix:
    """Workaround for a behaviour of Gradio or uvicorn.

    Attributes:
        name: as docs/upstream.md and `make canary` call it.
        guards: what is not guarded without it, in a few words.
        in_force: returns whether it is, once the page is launched; it may raise.
        apply: puts it in place, before the page is launched; None for a check alone, or
            where the server uses the fix itself.
    """

    name: str
    guards: str
    in_force: Callable[[gr.Blocks, App], bool]
    apply: Callable[[gr.Blocks, QueueState], None] | None = None


def _intervals(demo: gr.Blocks, queue: QueueState) -> None:
    queue.rest()


def _sessions(demo: gr.Blocks, queue: QueueState) -> None:
    demo._queue.pending_messages_per_session = Sessions(demo)


def _calls(demo: gr.Blocks, queue: QueueState) -> None:
    demo.process_api = Calls(demo, queue)  # type: ignore[method-assign]


def _api_info(demo: gr.Blocks, queue: QueueState) -> None:
    demo.get_api_info = ApiInfo(demo)  # type: ignore[method-assign]


def _protocol(demo: gr.Blocks, queue: QueueState) -> None:
    # Gradio passes no setting on to uvicorn.
    name = f"{protocol.__name__}:{protocol.LimitedProtocol.__name__}"
    uvicorn.config.HTTP_PROTOCOLS["auto"] = name
    room = process.raise_open_file_limit()
    protocol.LimitedProtocol.max_connections = max(16, int(protocol.SHARE * room))
    protocol.LimitedProtocol.return_memory = process.trim


FIXES = [
    Fix(
        "intervals",
        "a queue that is idle takes no time",
        lambda demo, app: all(getattr(demo._queue, name) > 0 for name in INTERVALS),
        _intervals,
    ),
    Fix(
        "sessions",
        "memory of sessions whose messages are not read",
        lambda demo, app: isinstance(
            demo._queue.pending_messages_per_session, Sessions
        ),
        _sessions,
    ),
    Fix(
        "states",
        "memory of answers that were given",
        lambda demo, app: (
            isinstance(app.state_holder, States)
            and hasattr(SessionState, "_update_value_in_config")
        ),
    ),
    Fix(
        "calls",
        "references of errors, and /metrics",
        lambda demo, app: isinstance(demo.process_api, Calls),
        _calls,
    ),
    Fix(
        "labels",
        "labels in the description of the API",
        lambda demo, app: isinstance(demo.get_api_info, ApiInfo),
        _api_info,
    ),
    Fix(
        "protocol",
        "slow clients, long headers, too many connections",
        lambda demo, app: (
            demo.server.config.http_protocol_class is protocol.LimitedProtocol
        ),
        _protocol,
    ),
    Fix(
        "upload-records",
        "memory of uploads and their files",
        lambda demo, app: (
            {"_statuses", "_signals"} <= vars(file_upload_statuses).keys()
            and isinstance(demo.temp_file_sets, list)
        ),
    ),
    Fix(
        "uploads",
        "memory and open files of uploads",
        lambda demo, app: (
            getattr(route_utils.GradioMultiPartParser, "func", None) is UploadParser
            and "GradioMultiPartParser" in route_utils.upload_fn.__code__.co_names
            and {"_current_part", "_files_to_close_on_error"}
            <= {*GradioMultiPartParser.on_headers_finished.__code__.co_names}
        ),
    ),
    Fix(
        "downloads",
        "size and time of downloads by the server",
        lambda demo, app: (
            isinstance(processing_utils.async_transport, Downloads)
            and "async_transport"
            in processing_utils.async_ssrf_protected_get.__code__.co_names
        ),
    ),
    Fix(
        "middleware",
        "hosts, origins, limits of requests, closed routes, the log",
        lambda demo, app: isinstance(app, GuardedApp) and app.guarded,
    ),
    Fix(
        "routes",
        "limits of routes that Gradio has and this version of ml_ui does not know",
        lambda demo, app: not unknown_routes(app),
    ),
    Fix(
        "users",
        "logins of the REST API",
        lambda demo, app: isinstance(app.tokens, dict) and bool(app.cookie_id),
    ),
    Fix(
        "queue",
        "the health probe, graceful shutdown",
        lambda demo, app: (
            isinstance(demo._queue.stopped, bool)
            and isinstance(demo._queue.event_ids_to_events, dict)
            and isinstance(demo._queue.pending_event_ids_session, dict)
            and "enqueue_time" in Event.__init__.__code__.co_names
        ),
    ),
]


def apply(demo: gr.Blocks, queue: QueueState) -> None:
    """Apply all fixes to a page that is about to be launched."""
    for fix in FIXES:
        try:
            if fix.apply:
                fix.apply(demo, queue)
        except (AttributeError, LookupError, TypeError) as error:
            logger.warning(
                "Guard not in force: %s (%s): %s", fix.name, fix.guards, error
            )


def verify(demo: gr.Blocks, app: App) -> None:
    """Log a warning for each fix that is not in force on a page that is launched."""
    for fix, reason in not_in_force(demo, app):
        logger.warning(
            "Guard not in force: %s (%s): %s Gradio %s is installed, %s are tested: "
            "see requirements.in.",
            fix.name,
            fix.guards,
            reason,
            gr.__version__,
            TESTED,
        )


def not_in_force(demo: gr.Blocks, app: App) -> Iterator[tuple[Fix, str]]:
    """Yield the fixes that are not in force, each with the reason."""
    for fix in FIXES:
        try:
            if not fix.in_force(demo, app):
                yield fix, "it was replaced."
        except Exception as error:  # noqa: BLE001, whatever a new version changes
            yield fix, f"{type(error).__name__}: {error}."


def unknown_routes(app: App) -> set[str]:
    """Return the unknown routes that take more than GET: they have no limit."""
    return {
        path
        for path, methods in app.openapi()["paths"].items()
        if methods.keys() - {"get", "head", "options"}
        and not path.startswith(KNOWN_ROUTES)
    }
