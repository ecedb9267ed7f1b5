"""Replica of a model on a Ray Serve cluster: calls over HTTP, and dynamic batching."""

import asyncio
import logging
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import ModuleType
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from . import wire

logger = logging.getLogger(__name__)

THREADS = 256  # more than max_ongoing_requests, which bounds the calls
HANGS = 10.0  # seconds that a call may go on after its client gave it up

Array = np.ndarray[Any, Any]


class Replica:
    """Base class of a Serve deployment that answers calls with `predict` of a module.

    A call whose client has gone is not begun, or, if it runs, has HANGS seconds to end:
    after that the health check fails, and Ray Serve starts another replica.

    Args:
        model: the module with `load` and `predict`.
        batching: whether calls of the loaded model that are made at the same time run
            as one batch, through `run_batches`. A model takes it if its batch axis is
            free.
    """

    def __init__(self, model: ModuleType, batching: bool = False) -> None:
        self._predict: Callable[..., Any] = model.predict
        self._threads = ThreadPoolExecutor(THREADS, "prediction")
        self._given_up: dict[Future[Any], float] = {}
        self._loop: asyncio.AbstractEventLoop
        self._loaded: Any = model.load()
        self._joins = batching
        shape = getattr(self._loaded, "input_shape", None)
        if batching and shape and shape[0] is None:
            batched = _Batched(self._loaded, self._run)
            model.load = lambda: batched  # type: ignore[attr-defined]
        elif batching:
            logger.warning("No batching: the model does not declare a free batch axis")

    async def __call__(self, request: Request) -> Response:
        """Answer a call: POST predicts, GET asks whether the model is loaded."""
        if request.method != "POST":
            return _response("ready")
        self._loop = asyncio.get_running_loop()
        try:
            values = wire.decode(await request.body())
        except ValueError as error:
            return Response(f"not a call of ml_ui: {error}", 400)
        job = self._threads.submit(self._answer, values)
        try:
            return await asyncio.wrap_future(job)
        except asyncio.CancelledError:
            if not job.cancel():  # it runs
                self._given_up[job] = time.monotonic()
                job.add_done_callback(lambda job: self._given_up.pop(job, None))
            raise

    def check_health(self) -> None:
        """Health check, which Ray Serve calls.

        Raises:
            RuntimeError: a call that was given up does not end.
        """
        since = min([*self._given_up.values()], default=None)
        if since is not None and time.monotonic() - since > HANGS:
            raise RuntimeError("a prediction that was given up does not end")

    async def run_batches(self, batches: Sequence[Array]) -> list[Array | Exception]:
        """Run the model on the batches of several calls; those of one shape as one.

        A subclass with batching has a method `run`, decorated with `serve.batch`, that
        calls this one.
        """
        shapes: dict[object, list[int]] = {}
        for n, batch in enumerate(batches):
            shapes.setdefault((batch.shape[1:], batch.dtype), []).append(n)
        outputs: dict[int, Array | Exception] = {}
        for places in shapes.values():
            group = [batches[n] for n in places]
            found = await asyncio.to_thread(self._run_group, group)
            outputs |= zip(places, found, strict=True)
        return [outputs[n] for n in range(len(batches))]

    def _run_group(self, group: list[Array]) -> list[Array | Exception]:
        """Run batches of one shape: together, or each alone if the model cannot."""
        together = self._joins and len(group) > 1
        if together:
            try:
                return _run_together(self._loaded, group)
            except Exception:
                logger.exception("A batch failed: its calls run alone")
        outputs = [_run_alone(self._loaded, batch) for batch in group]
        if together and not any(isinstance(each, Exception) for each in outputs):
            self._joins = False  # it was not the input of one of them
            logger.warning("No batching from now on: each call alone succeeded")
        return outputs

    def _run(self, batch: Array) -> Array:
        """Run a batch on the loop of the replica, from the thread of a call."""
        output: Array = asyncio.run_coroutine_threadsafe(
            self.run(batch),  # type: ignore[attr-defined]
            self._loop,
        ).result()
        return output

    def _answer(self, values: Sequence[Any]) -> Response:
        """Return the response with what the model answers, or raises."""
        try:
            return _response(self._predict(*values))
        except Exception as error:
            logger.exception("The prediction failed")
            # Gradio need not be imported here; if it is, it may be the model that did.
            gradio = sys.modules.get("gradio.exceptions")
            facts = {
                "type": type(error).__name__,
                "message": str(getattr(error, "message", error)),
                "trace": "".join(traceback.format_exception(error))[-5000:],
                "for_visitor": bool(gradio and isinstance(error, gradio.Error)),
            }
            return _response(facts, 500)


class _Batched:
    """A loaded model whose calls run through `run`; all else is the model's."""

    def __init__(self, loaded: object, run: Callable[[Array], Array]) -> None:
        self._loaded, self._run = loaded, run

    def __call__(self, batch: Array) -> Array:
        return self._run(batch)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loaded, name)


def _run_together(loaded: Callable[[Array], Array], group: list[Array]) -> list[Any]:
    sizes = [len(batch) for batch in group]
    output = loaded(np.concatenate(group))
    if len(output) != sum(sizes):
        raise ValueError(f"{len(output)} rows came out, {sum(sizes)} went in")
    return np.split(output, np.cumsum(sizes)[:-1])


def _run_alone(loaded: Callable[[Array], Array], batch: Array) -> Array | Exception:
    try:
        return loaded(batch)
    except Exception as error:  # noqa: BLE001, for the call with this batch
        return error


def _response(value: object, status: int = 200) -> Response:
    return Response(wire.encode(value), status, media_type=wire.TYPE)
