"""A replica without Ray: behind a real server, called by the client of the page."""

import asyncio
import socket
import threading
import time
from contextlib import contextmanager
from types import ModuleType

import gradio as gr
import httpx
import numpy as np
import pytest
import uvicorn
from starlette.requests import Request

from ml_ui import replica
from ml_ui.remote import Remote, RemoteError
from ml_ui.replica import Replica
from ml_ui.serving.runner import TimeLimit


class Loaded:
    """A model that doubles what goes in, and notes the shapes of what went in."""

    def __init__(self, shape=(None, 2)):
        self.input_shape, self.labels, self.seen = shape, ["a", "b"], []
        self.lock, self.fails = threading.Lock(), lambda batch: False

    def __call__(self, batch):
        with self.lock:
            self.seen.append(batch.shape)
        if self.fails(batch):
            raise ValueError("this batch fails")
        return 2 * batch


def module(loaded=None, predict=None):
    """Return a model.py: `predict` looks `load` up at each call, as those of projects do."""
    made = ModuleType("model")
    made.load = lambda: loaded
    made.predict = predict or (lambda row: made.load()(np.array([row]))[0])
    return made


class Batching(Replica):
    """A replica that gathers all calls of a moment, as serve.batch does."""

    def __init__(self, model):
        super().__init__(model, batching=True)
        self.waiting = []

    async def run(self, batch):
        done = asyncio.get_running_loop().create_future()
        self.waiting.append((batch, done))
        if len(self.waiting) == 1:
            await asyncio.sleep(0.3)
            batches, self.waiting = self.waiting, []
            outputs = await self.run_batches([each for each, _ in batches])
            for (_, future), output in zip(batches, outputs, strict=True):
                failed = isinstance(output, Exception)
                (future.set_exception if failed else future.set_result)(output)
        return await done


@contextmanager
def served(answering):
    """Serve a replica on a free port, and cancel a call whose client goes, as Serve does."""

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        await request.body()
        call = asyncio.ensure_future(answering(request))
        gone = asyncio.ensure_future(receive())
        await asyncio.wait([call, gone], return_when=asyncio.FIRST_COMPLETED)
        if call.done():
            await call.result()(scope, receive, send)
        else:
            call.cancel()

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, args=[[listener]])
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()


def together(url, rows):
    """Call once for each row, at the same time; return answers and errors."""
    cluster, answers = Remote(url), {}

    def call(row):
        try:
            answers[row] = cluster.predict(list(row)).tolist()
        except RemoteError as error:
            answers[row] = str(error)

    threads = [threading.Thread(target=call, args=[row]) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_prediction_and_probe():
    with served(Replica(module(Loaded()))) as url:
        Remote(url).load()
        assert Remote(url).predict([1.0, 2.0]).tolist() == [2.0, 4.0]
        assert httpx.post(url, content=b"not ours").status_code == 400


def test_errors_of_the_model(log):
    def predict(kind):
        raise {"mine": ValueError("three labels"), "visitor": gr.Error("Too dark.")}[kind]

    with served(Replica(module(predict=predict))) as url:
        with pytest.raises(RemoteError, match="ValueError: three labels") as found:
            Remote(url).predict("mine")
        assert "in predict" in found.value.__notes__[0]
        with pytest.raises(gr.Error, match="Too dark."):
            Remote(url).predict("visitor")
    assert [line["message"] for line in log()] == ["The prediction failed"] * 2


def test_answer_that_cannot_be_sent():
    with (
        served(Replica(module(predict=object))) as url,
        pytest.raises(RemoteError, match="a object cannot be sent"),
    ):
        Remote(url).predict()


def test_call_given_up_is_unhealthy_until_it_ends(monkeypatch):
    monkeypatch.setenv("PREDICT_TIMEOUT", "1")
    monkeypatch.setattr(replica, "HANGS", 0.2)
    go_on = threading.Event()
    answering = Replica(module(predict=lambda: go_on.wait(20)))
    with served(answering) as url:
        with pytest.raises(TimeLimit):
            Remote(url).predict()
        answering.check_health()
        time.sleep(0.5)
        with pytest.raises(RuntimeError, match="does not end"):
            answering.check_health()
        go_on.set()
        time.sleep(0.5)
        answering.check_health()


def test_call_given_up_in_the_queue_is_not_begun(monkeypatch):
    monkeypatch.setenv("PREDICT_TIMEOUT", "1")
    monkeypatch.setattr(replica, "THREADS", 1)
    begun = []

    def predict(name, seconds):
        begun.append(name)
        time.sleep(seconds)

    with served(Replica(module(predict=predict))) as url:
        first = threading.Thread(target=lambda: pytest.raises(TimeLimit, call, url, "first", 2))
        first.start()
        time.sleep(0.3)
        with pytest.raises(TimeLimit):
            call(url, "second", 0)
        first.join()
        time.sleep(1.5)
    assert begun == ["first"]


def call(url, *values):
    return Remote(url).predict(*values)


def test_batch():
    loaded = Loaded()
    with served(Batching(module(loaded))) as url:
        answers = together(url, [(1.0, 2.0), (3.0, 4.0), (5.0, 6.0)])
    assert answers == {(1.0, 2.0): [2, 4], (3.0, 4.0): [6, 8], (5.0, 6.0): [10, 12]}
    assert loaded.seen == [(3, 2)]


def test_batch_of_different_shapes():
    loaded = Loaded()
    with served(Batching(module(loaded))) as url:
        answers = together(url, [(1.0, 2.0), (3.0,), (5.0, 6.0)])
    assert answers == {(1.0, 2.0): [2, 4], (3.0,): [6], (5.0, 6.0): [10, 12]}
    assert sorted(loaded.seen) == [(1, 1), (2, 2)]


def test_input_that_fails_fails_alone():
    loaded = Loaded()
    loaded.fails = lambda batch: (batch < 0).any()
    answering = Batching(module(loaded))
    with served(answering) as url:
        answers = together(url, [(1.0, 2.0), (-3.0, 4.0)])
        assert answers == {(1.0, 2.0): [2, 4], (-3.0, 4.0): "ValueError: this batch fails"}
        loaded.seen.clear()
        together(url, [(1.0, 2.0), (3.0, 4.0)])
        assert loaded.seen == [(2, 2)], "others are still batched"


def test_model_that_takes_no_batches_is_run_alone(log):
    loaded = Loaded()
    loaded.fails = lambda batch: len(batch) > 1
    with served(Batching(module(loaded))) as url:
        for _ in range(2):
            answers = together(url, [(1.0, 2.0), (3.0, 4.0)])
            assert answers == {(1.0, 2.0): [2, 4], (3.0, 4.0): [6, 8]}
    assert loaded.seen == [(2, 2), *[(1, 2)] * 4], "it is tried once"
    assert "No batching from now on" in str(log())


@pytest.mark.parametrize("loaded", [None, Loaded((1, 2)), Loaded(None)])
def test_no_batching_without_a_free_axis(loaded, log):
    model = module(loaded)
    Batching(model)
    assert model.load() is loaded
    assert "does not declare a free batch axis" in str(log())


def test_what_else_the_model_has_stays():
    model = module(Loaded())
    Batching(model)
    assert (model.load().labels, model.load().input_shape) == (["a", "b"], (None, 2))
