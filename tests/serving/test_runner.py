"""Workers: `guard` for plain and async functions, generators and async generators."""

import asyncio
import contextlib
import contextvars
import functools
import threading
import time

import gradio as gr
import pytest

from ml_ui import guard
from ml_ui.serving import process
from ml_ui.serving.runner import Failure, get_runner, is_guarded

from .conftest import RUNNER, until


def plain(body):
    def function(*values):
        return body(*values)

    return function


def coroutine(body):
    async def function(*values):
        return body(*values)

    return function


def generator(body):
    def function(*values):
        yield body(*values)

    return function


def async_generator(body):
    async def function(*values):
        yield body(*values)

    return function


KINDS = [plain, coroutine, generator, async_generator]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
streams = pytest.mark.parametrize("kind", KINDS[2:], ids=lambda kind: kind.__name__)


@pytest.fixture
def pool(monkeypatch):
    """Return a pool of one worker."""
    monkeypatch.setenv("WEB_CONCURRENCY", "1")
    pool = get_runner()
    pool.timeout = 5
    return pool


@pytest.fixture
def short_limit(pool, monkeypatch):
    """Return a pool of one worker, with a short time limit of each step."""
    pool.timeout = 0.3
    monkeypatch.setattr(RUNNER, "LOOP_ANSWERS", 0.3)
    return pool


async def result(made):
    """Return the value of a call, the last one of a stream."""
    if hasattr(made, "__anext__"):
        return [value async for value in made][-1]
    return await made


def run(function, *values):
    return asyncio.run(result(function(*values)))


@every_kind
def test_guarded_function_returns_its_value(pool, kind):
    guarded = guard(kind(lambda a, b: a + b))
    assert is_guarded(guarded)
    assert run(guarded, 1, 2) == 3
    assert not is_guarded(guarded.__wrapped__)
    assert pool.running == 0


@every_kind
def test_guard_applies_once(pool, kind):
    guarded = guard(guard(kind(lambda a: a)))
    assert run(guarded, 1) == 1


def decorate_with_coroutine(function):
    @functools.wraps(function)
    async def wrapper(*args):
        return function(*args)

    return wrapper


def decorate_plainly(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


@every_kind
def test_decorated_function_returns_its_value(pool, kind):
    assert run(guard(decorate_plainly(kind(lambda a: a))), 1) == 1
    if kind is plain:
        assert run(guard(decorate_with_coroutine(kind(lambda a: a))), 1) == 1


@every_kind
def test_error_has_a_reference_and_its_text_is_logged(pool, kind, log):
    def fail():
        raise ValueError("a secret of /srv/app")

    with pytest.raises(Failure, match="The prediction failed") as raised:
        run(guard(kind(fail)))
    assert "secret" not in str(raised.value)
    (line,) = log()
    assert line["message"].rpartition(" ")[2] in str(raised.value)
    assert "secret" in str(line["error"][1])


@every_kind
@pytest.mark.parametrize(
    "error",
    [SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, asyncio.CancelledError],
)
def test_exit_ends_the_prediction_and_not_the_app(pool, kind, error):
    def leave():
        raise error(3)

    async def both():
        with pytest.raises(Failure, match="reference"):
            await result(guard(kind(leave))())
        return await result(guard(kind(lambda: "next"))())

    assert asyncio.run(both()) == "next"
    assert pool.running == pool.stuck == 0


@every_kind
def test_error_for_the_visitor_passes(pool, kind, log):
    def refuse():
        raise gr.Error("Write something first.")

    with pytest.raises(gr.Error, match="Write something first") as raised:
        run(guard(kind(refuse)))
    assert not isinstance(raised.value, Failure)
    assert not log()


@every_kind
def test_step_has_a_time_limit(pool, short_limit, kind, log):
    ended = threading.Event()

    async def both():
        start = time.monotonic()
        with pytest.raises(Failure, match=r"longer than 0\.3 s"):
            await result(guard(kind(ended.wait))(5))
        assert time.monotonic() - start < 3
        assert (pool.running, pool.stuck) == (1, 1)
        assert await result(guard(kind(lambda: "next"))()) == "next"
        ended.set()

    asyncio.run(both())
    until(lambda: pool.running == pool.stuck == 0)
    assert any("did not end within 0.3 s" in line["message"] for line in log())


def test_async_function_is_cancelled_at_its_time_limit(pool, short_limit):
    ended = []

    @guard
    async def wait():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    with pytest.raises(Failure, match="longer"):
        run(wait)
    until(lambda: ended and pool.stuck == 0)


@streams
def test_time_limit_is_for_each_step_and_the_whole(pool, short_limit, kind):
    pool.stream_timeout = 0.8

    def steps():
        for n in range(20):
            time.sleep(0.1)
            yield n

    async def async_steps():
        for n in range(20):
            await asyncio.sleep(0.1)
            yield n

    got = []

    async def read():
        async for value in guard(steps if kind is generator else async_steps)():
            got.append(value)

    with pytest.raises(Failure, match=r"longer than 0\.8 s in all"):
        asyncio.run(read())
    assert 3 <= len(got) < 9  # 0.3 s is a limit of one step, not of these


@every_kind
@pytest.mark.parametrize("number", [{"WEB_CONCURRENCY": "2"}, {"CALLS_PER_WORKER": "2"}], ids=str)
def test_number_of_predictions_at_once(pool, kind, number, monkeypatch):
    get_runner.cache_clear()
    for name, value in number.items():
        monkeypatch.setenv(name, value)
    at_once, most, lock = 0, 0, threading.Lock()

    def count():
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.05)
        with lock:
            at_once -= 1

    async def many():
        await asyncio.gather(*(result(guard(kind(count))()) for _ in range(6)))

    asyncio.run(many())
    assert most == (2 if kind in (plain, generator) else 1)  # async ones share a loop


@every_kind
def test_cancelled_call_keeps_its_worker_until_its_step_ends(pool, kind):
    began, end, order = threading.Event(), threading.Event(), []

    def first():
        began.set()
        end.wait(5)
        order.append("first")

    async def waiting():  # without blocking its loop
        began.set()
        while not end.is_set():
            await asyncio.sleep(0.01)
        order.append("first")

    async def waiting_stream():
        yield await waiting()

    functions = {coroutine: waiting, async_generator: waiting_stream}

    async def both():
        call = asyncio.create_task(result(guard(functions.get(kind) or kind(first))()))
        await asyncio.to_thread(began.wait, 5)
        call.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await call
        second = asyncio.create_task(result(guard(plain(lambda: order.append("second")))()))
        await asyncio.sleep(0.1)
        assert order == []
        end.set()
        await asyncio.wait_for(second, 5)

    asyncio.run(both())
    assert order == ["first", "second"]


@streams
def test_stream_that_is_left_is_closed_and_frees_its_worker(pool, kind):
    closed = []

    def steps():
        try:
            while True:
                yield "value"
        finally:
            closed.append("closed")

    async def async_steps():
        try:
            while True:
                yield "value"
        finally:
            await asyncio.sleep(0)
            closed.append("closed")

    async def leave():
        values = guard(steps if kind is generator else async_steps)()
        assert await anext(values) == "value"
        await values.aclose()
        return await asyncio.wait_for(result(guard(plain(lambda: "next"))()), 5)

    assert asyncio.run(leave()) == "next"
    assert closed == ["closed"]
    assert pool.running == 0


@streams
def test_stream_holds_one_worker_throughout(pool, kind):
    async def both():
        values = guard(kind(lambda: "value"))()
        await anext(values)
        other = asyncio.create_task(result(guard(plain(lambda: "other"))()))
        await asyncio.sleep(0.05)
        assert not other.done()
        with pytest.raises(StopAsyncIteration):
            await anext(values)
        return await asyncio.wait_for(other, 5)

    assert asyncio.run(both()) == "other"


@every_kind
def test_guarded_function_within_another_is_refused(monkeypatch, kind, log):
    monkeypatch.setenv("WEB_CONCURRENCY", "2")  # with one, it would wait for itself
    inner = guard(plain(lambda: None))

    async def await_inner():
        return await inner()

    async def stream_inner():
        yield await inner()

    outer = {coroutine: await_inner, async_generator: stream_inner}
    with pytest.raises(Failure, match="reference"):
        run(guard(outer.get(kind) or kind(lambda: asyncio.run(inner()))))
    assert "__wrapped__" in str(log()[0]["error"][1])
    assert run(guard(kind(lambda: "next"))) == "next"


@every_kind
def test_context_variables_reach_the_function(pool, kind):
    variable = contextvars.ContextVar("variable", default="none")

    async def both():
        variable.set("given")
        return await result(guard(kind(variable.get))())

    assert asyncio.run(both()) == "given"


def test_methods_partials_and_callable_objects_are_guarded(pool):
    class Model:
        def __call__(self, text):
            return text

        async def method(self, text):
            return text

    class AsyncModel:
        async def __call__(self, text):
            return text

    class Stream:
        def __call__(self, text):
            yield text

    for function in (
        Model(), Model().method, functools.partial(Model().method, "value"), AsyncModel(), Stream(),
    ):  # fmt: skip
        values = () if isinstance(function, functools.partial) else ("value",)
        assert run(guard(function), *values) == "value", function


def test_only_a_function_can_be_guarded():
    with pytest.raises(TypeError, match="takes a function, not 3"):
        guard(3)


def test_new_calls_are_refused_while_all_workers_hang(pool, short_limit, monkeypatch, log):
    exits, release = [], threading.Event()
    monkeypatch.setattr(process, "exit_now", exits.append)
    monkeypatch.setattr(RUNNER, "RESTART_AFTER", 0.1)

    async def hang():
        for _ in range(2):
            with pytest.raises(Failure, match="longer"):
                await result(guard(release.wait)(10))
        assert pool.exhausted
        with pytest.raises(Failure, match="has to restart"):
            await result(guard(plain(lambda: None))())
        await asyncio.sleep(0.3)

    asyncio.run(hang())
    assert exits == [1]
    assert log()[-1]["level"] == "CRITICAL"
    release.set()
    until(lambda: not pool.exhausted)


def test_app_does_not_exit_if_workers_return_meanwhile(short_limit, monkeypatch):
    exits, release = [], threading.Event()
    monkeypatch.setattr(process, "exit_now", exits.append)
    monkeypatch.setattr(RUNNER, "RESTART_AFTER", 0.2)

    async def hang():
        for _ in range(2):
            with pytest.raises(Failure, match="longer"):
                await result(guard(release.wait)(10))
        release.set()
        await asyncio.sleep(0.4)
        return await result(guard(plain(lambda: "served"))())

    assert asyncio.run(hang()) == "served"
    assert exits == []


def test_exit_in_a_task_of_a_function_spares_the_calls_of_others(pool, log):
    """asyncio ends the event loop at once, all calls with it."""

    async def leave():
        raise SystemExit(4)

    @guard
    async def call(what):
        if what == "task":
            await asyncio.gather(leave())
        if what == "stop":
            asyncio.get_running_loop().stop()
        await asyncio.sleep(0.2)
        return what

    pool._slots._value = 3

    async def main():
        calls = [call("fine"), call("task"), call("stop")]
        return await asyncio.gather(*calls, call("fine"), return_exceptions=True)

    first, failure, stopper, last = asyncio.run(main())
    assert (first, stopper, last) == ("fine", "stop", "fine")
    assert isinstance(failure, Failure)
    assert pool.running == pool.stuck == 0


@every_kind
def test_function_that_cancels_itself_is_answered(pool, kind):
    def cancel():
        with contextlib.suppress(RuntimeError):  # a thread has no task
            asyncio.current_task().cancel()
        raise asyncio.CancelledError

    with pytest.raises(Failure, match="The prediction failed"):
        run(guard(kind(cancel)))


@pytest.mark.parametrize("kind", [plain, coroutine], ids=lambda kind: kind.__name__)
def test_end_of_an_iteration_is_an_error_of_the_function(pool, kind):
    def end():
        raise StopAsyncIteration

    with pytest.raises(Failure, match="The prediction failed"):
        run(guard(kind(end)))


@pytest.mark.parametrize("is_async", [False, True])
def test_context_of_a_stream_is_one(pool, is_async):
    variable = contextvars.ContextVar("variable", default="unset")

    def steps():
        token = variable.set("mine")
        try:
            for _ in range(3):
                yield variable.get()
        finally:
            variable.reset(token)

    async def async_steps():
        for value in steps():
            yield value

    async def main():
        return [value async for value in guard(async_steps if is_async else steps)()]

    assert asyncio.run(main()) == ["mine"] * 3
    assert variable.get() == "unset"
