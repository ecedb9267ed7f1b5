"""Workers for predictions, threads and an event loop, with time limits."""

import asyncio
import concurrent.futures
import contextlib
import functools
import inspect
import logging
import secrets
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import gradio as gr

from ..languages import Text
from . import process
from .settings import Settings

logger = logging.getLogger(__name__)

RESTART_AFTER = 30  # seconds: time for a health check to see why
LOOP_ANSWERS = 1  # seconds, within which a loop that is not blocked runs a callback
UNREADABLE = "The input is not what the app takes"
UNSHOWN = "The answer of the model is not what the page shows"
BUSY = "The model is busy. Try again in a minute."
END = object()  # sentinel after a generator's last value
Function = TypeVar("Function", bound=Callable[..., Any])


class Failure(gr.Error):
    """An error of the app; any other gr.Error is a visitor's mistake.

    Attributes:
        status: of HTTP.
    """

    status = 500


class Busy(Failure):
    """The app cannot take the call now."""

    status = 503


class TimeLimit(Failure):
    """A step of a prediction that did not end in time."""

    status = 504


@dataclass(eq=False)
class Call:
    """State of the call that a task is answering."""

    returned: bool = False  # the app's function: an error now is one of its output
    answered: bool = False
    slots: list[Callable[[], None]] = field(default_factory=list)
    abandon: Callable[[], None] = lambda: None  # the stream whose value this is

    def hold(self, release: Callable[[], None]) -> None:
        """Hold a worker slot until the output is serialized, which may cost as much."""
        if self.answered:
            release()
        else:
            self.slots.append(release)

    def finish(self) -> None:
        """Release what the call holds."""
        self.answered = True
        while self.slots:
            self.slots.pop()()


_loop: asyncio.AbstractEventLoop | None = None
_loop_lock = threading.Lock()
current_call: ContextVar[Call | None] = ContextVar("current_call", default=None)
in_worker: ContextVar[bool] = ContextVar("in_worker", default=False)


def guard(function: Function) -> Function:
    """Decorate a function of the app: it runs in a worker, with a time limit.

    A plain function becomes a coroutine function, a generator an async generator; both
    kinds of async function run in an event loop of their own, where a call that blocks
    does not stop the app. A generator occupies its worker until its last value, with
    PREDICT_TIMEOUT for each step and STREAM_TIMEOUT for the whole. The original is at
    `__wrapped__`.

    Raises:
        TypeError: `function` is not a function or another callable.
    """
    if not callable(function):
        raise TypeError(f"guard() takes a function, not {function!r}")
    if is_guarded(function):
        return function
    target = _below(function)
    if inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(target):

        @functools.wraps(function)
        async def stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            async with get_runner().worker() as worker:
                values = function(*args, **kwargs)  # which runs nothing yet
                try:
                    while (value := await worker.next(values)) is not END:
                        yield value
                except BaseException:  # the visitor has left, or time is up
                    worker.close(values)
                    raise

        wrapper: Callable[..., Any] = stream
    else:

        @functools.wraps(function)
        async def call(*args: Any, **kwargs: Any) -> Any:
            async with get_runner().worker() as worker:
                return await worker.run(function, *args, **kwargs)

        wrapper = call
    wrapper.__guarded__ = True  # type: ignore[attr-defined]
    return cast(Function, wrapper)


def _below(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that says of which kind another one is.

    It is the first that is async or a generator below decorators, else the last; of a
    callable object, its `__call__`.
    """
    target: Callable[..., Any] = inspect.unwrap(function, stop=_is_special)
    if inspect.isroutine(target) or isinstance(target, (type, functools.partial)):
        return target
    return type(target).__call__


def _is_special(function: Any) -> bool:
    """Return whether a function is async or a generator."""
    return (
        inspect.iscoroutinefunction(function)
        or inspect.isgeneratorfunction(function)
        or inspect.isasyncgenfunction(function)
    )


def is_guarded(function: object) -> bool:
    """Return whether a function is decorated with `guard`."""
    return bool(getattr(function, "__guarded__", False))


class PredictionRunner:
    """A pool of workers: their number, and the predictions that run or hang.

    A prediction that outlasts its time cannot be killed, since it is a thread; its
    caller gets an error, its worker is replaced, and it counts as stuck until it
    returns.

    Attributes:
        begun: held by calls from one request, as many at once as predictions.
    """

    def __init__(self, settings: Settings) -> None:
        self.timeout = settings.predict_timeout
        self.stream_timeout = settings.stream_timeout
        self._limit = max(2, settings.workers)
        self._slots = asyncio.Semaphore(settings.calls)
        self.begun = asyncio.Semaphore(settings.calls)
        # Separate from Gradio's threads, which serve files and logins.
        self._threads = ThreadPoolExecutor(2 * settings.calls + 2, "prediction")
        self._lock = threading.Lock()
        self._running: set[object] = set()
        self._stuck: set[object] = set()

    @property
    def running(self) -> int:
        """Number of predictions that run or hang."""
        return len(self._running)

    @property
    def stuck(self) -> int:
        """Number of predictions past their time limit."""
        return len(self._stuck)

    @property
    def exhausted(self) -> bool:
        """Whether all workers hang, so that only a restart helps."""
        return self.stuck >= self._limit

    @contextlib.asynccontextmanager
    async def worker(self) -> AsyncIterator["Worker"]:
        """Acquire a worker for one call, of one step or of many.

        Raises:
            Failure: all workers hang.
        """
        if in_worker.get():
            raise RuntimeError(
                "a guarded function called another one, which could wait for its own "
                "worker: call the other one's __wrapped__"
            )
        await self._slots.acquire()
        worker = Worker(self)
        try:
            if self.exhausted:
                raise Busy("The app has to restart. Try again in a minute.")
            yield worker
        finally:
            worker.release()

    async def step(
        self,
        start: Callable[[object], Awaitable[Any]],
        limit: float,
        message: str = "",
    ) -> Any:
        """Run one step of a prediction; `start` begins it and returns its result.

        Raises:
            Failure: the step failed, or took longer than `limit` seconds: `message`.
        """
        job = object()
        with contextlib.suppress(TimeoutError):  # of the limit: others are Failures
            async with asyncio.timeout(limit):
                return await start(job)
        with self._lock:
            self._stuck |= {job} & self._running
        logger.error("A prediction did not end within %.1f s", limit)
        await asyncio.to_thread(replace_blocked_loop)  # before others are let in
        if self.exhausted:
            asyncio.get_running_loop().call_later(RESTART_AFTER, self._give_up)
        raise TimeLimit(
            message
            or Text("This took longer than {seconds} s and was stopped.", seconds=limit)
        )

    async def in_thread(
        self, function: Callable[[], Any], context: Context, job: object
    ) -> Any:
        """Run a function in a thread."""

        def run() -> Any:
            with self._job(job):
                result = function()
                if inspect.isawaitable(result):
                    raise TypeError("a plain function returned an awaitable")
                return result

        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, context.run, run)

    async def in_loop(
        self,
        function: Callable[[], Coroutine[Any, Any, Any]],
        context: Context,
        job: object,
    ) -> Any:
        """Run a coroutine in the event loop of async functions."""

        async def run() -> Any:
            with self._job(job):
                return await function()

        # The job begins now: in a loop that is blocked it could not be seen as stuck.
        self._running.add(job)
        try:
            return await asyncio.wrap_future(submit(run(), context))
        except asyncio.CancelledError as error:
            if not _is_cancelled():  # by its time limit: the function did it by itself
                raise failed("The prediction failed", error) from error
            raise

    def release_slot(self) -> None:
        """Return a worker to the pool."""
        self._slots.release()

    @contextlib.contextmanager
    def _job(self, job: object) -> Iterator[None]:
        """Count a prediction as running; log what it raises."""
        self._running.add(job)
        in_worker.set(True)  # in the context of this worker alone
        try:
            yield
        except gr.Error:
            raise  # for the visitor
        except BaseException as error:  # sys.exit would end the event loop
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            raise failed("The prediction failed", error) from error
        finally:
            with self._lock:
                self._running.discard(job)
                self._stuck.discard(job)

    def _give_up(self) -> None:
        """Exit, for the platform to start the app again, if all workers still hang."""
        if self.exhausted:
            logger.critical("All workers hang: the app exits, to be started again")
            process.exit_now(1)


class Worker:
    """A worker slot, held for one call."""

    def __init__(self, pool: PredictionRunner) -> None:
        self._pool = pool
        self._step: asyncio.Future[Any] | None = None
        self._released = False
        self._context = copy_context()  # of all steps: what one sets, the next reads
        self._deadline = time.monotonic() + pool.stream_timeout

    async def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a function, plain or async, within PREDICT_TIMEOUT."""
        bound = functools.partial(function, *args, **kwargs)
        is_async = inspect.iscoroutinefunction(_below(function))
        return await self._run(bound, is_async, self._pool.timeout)

    async def next(self, values: Any) -> Any:
        """Return the next value of a generator, plain or async; END after the last.

        Raises:
            Failure: the step, or the generator as a whole, took too long.
        """
        pool, left = self._pool, self._deadline - time.monotonic()
        message = Text(
            "This took longer than {seconds} s in all.", seconds=pool.stream_timeout
        )
        if left <= 0:
            raise TimeLimit(message)
        is_async = hasattr(values, "__anext__")
        if is_async:
            step: Callable[[], Any] = functools.partial(_anext, values)
        else:
            step = functools.partial(next, values, END)
        if call := current_call.get():
            call.abandon = functools.partial(self.abandon, values)
        if left < pool.timeout:
            return await self._run(step, is_async, left, message)
        return await self._run(step, is_async, pool.timeout)

    async def _run(
        self,
        function: Callable[[], Any],
        is_async: bool,
        limit: float,
        message: str = "",
    ) -> Any:
        pool = self._pool
        start = self._start(function, is_async)
        step = self._step = asyncio.ensure_future(pool.step(start, limit, message))
        # A caller that goes away while the step runs must not free its worker.
        result = await asyncio.shield(step)
        if call := current_call.get():
            call.returned = True
        return result

    def _start(
        self, function: Callable[[], Any], is_async: bool
    ) -> Callable[[object], Awaitable[Any]]:
        """Return what starts a function as a step, in a thread or in the event loop."""
        run = self._pool.in_loop if is_async else self._pool.in_thread
        return functools.partial(run, function, self._context)

    def close(self, values: Any) -> None:
        """Close a generator that is not used up, once its last step is done."""
        if self._released:
            return
        last_step = self._step

        async def close() -> None:
            with contextlib.suppress(asyncio.CancelledError, gr.Error):
                if last_step:
                    await asyncio.wait([last_step])
                    if isinstance(last_step.exception(), TimeLimit):
                        return  # it still runs, so it cannot be closed
                is_async = hasattr(values, "aclose")
                end = values.aclose if is_async else values.close
                start = self._start(end, is_async)
                await self._pool.step(start, self._pool.timeout)

        self._step = asyncio.ensure_future(close())

    def abandon(self, values: Any) -> None:
        """Close a generator whose value could not be shown, and return the slot.

        Gradio keeps such a generator, or leaves it to the garbage collector.
        """
        self.close(values)
        self.release()

    def release(self) -> None:
        """Return the slot to the pool, once the last step and the answer are done."""
        if self._released:
            return
        self._released = True
        call = current_call.get()
        if self._step and not self._step.done():
            self._step.add_done_callback(lambda _: self._pool.release_slot())
        elif call:
            call.hold(self._pool.release_slot)
        else:
            self._pool.release_slot()


def _is_cancelled() -> bool:
    """Return whether the current task was cancelled, by a time limit or its caller."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # a thread: the function raised it by itself
        return False
    return bool(task and task.cancelling())


async def _anext(values: Any) -> Any:
    return await anext(values, END)


def log_error(what: str, error: BaseException) -> str:
    """Log an error with its trace; return the reference under which it is there."""
    reference = secrets.token_hex(4)
    logger.error("%s, reference %s", what, reference, exc_info=error)
    return reference


def failed(what: str, error: BaseException) -> Failure:
    """Log an error under a reference; return the error for its caller."""
    reference = log_error(what, error)
    text = Text(what + " (reference {reference}).", reference=reference)
    return Failure(text, print_exception=False)


@functools.cache
def get_runner() -> PredictionRunner:
    """Return the runner of this process, with the settings of its environment."""
    return PredictionRunner(Settings.from_environment())


def submit(
    coroutine: Coroutine[Any, Any, Any], context: Context | None = None
) -> concurrent.futures.Future[Any]:
    """Run a coroutine in the event loop of async functions, from any thread.

    Args:
        coroutine: what to run.
        context: its context; a copy of the current one by default.
    """

    async def run() -> Any:
        try:
            return await coroutine
        except (SystemExit, KeyboardInterrupt) as error:  # either would end the loop
            raise RuntimeError(f"{type(error).__name__}: {error}") from error

    async def run_in_context() -> Any:
        return await asyncio.create_task(run(), context=context)

    main = run_in_context() if context else run()
    return asyncio.run_coroutine_threadsafe(main, _async_loop())


def replace_blocked_loop() -> None:
    """Replace the event loop of async functions if one of them blocks it.

    Clients that belong to the blocked loop are lost with it: an app that opens one in
    `load` should not block.
    """
    global _loop
    with _loop_lock:
        blocked, answered = _loop, threading.Event()
    if not blocked:
        return
    blocked.call_soon_threadsafe(answered.set)
    if not answered.wait(LOOP_ANSWERS):
        with _loop_lock:
            if _loop is blocked:
                logger.error("An async function blocks its event loop: it is replaced")
                _loop = None


def _async_loop() -> asyncio.AbstractEventLoop:
    """Return the loop that async functions share: their clients outlive a call."""
    global _loop
    with _loop_lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(
                target=_run_forever, args=[_loop], name="async functions", daemon=True
            ).start()
        return _loop


def _run_forever(loop: asyncio.AbstractEventLoop) -> None:
    """Run an event loop, whichever of its tasks stops it or calls sys.exit."""
    while True:
        try:
            loop.run_forever()
            logger.error("An async function stopped its event loop: it runs on")
        except (SystemExit, KeyboardInterrupt) as error:
            log_error("A task of an async function ended", error)
