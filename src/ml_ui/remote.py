"""Client of a model on a Ray Serve cluster: `load` and `predict`, over HTTP."""

import itertools
import logging
import random
import time
from typing import Any

import gradio as gr
import httpx

from . import wire
from .languages import Text
from .serving.runner import BUSY, Busy, TimeLimit, get_runner
from .serving.settings import without_password

logger = logging.getLogger(__name__)

CONNECT = 5  # seconds
RETRY = 1  # seconds between two questions whether the model is loaded
LOST = 3  # tries: an input that ends each replica that gets it must not end them all
PAUSE = 2  # seconds between two tries, at most


class RemoteError(Exception):
    """An error of the model, in a replica; its trace is a note."""


class Remote:
    """A model on a cluster, by the address of its Serve application.

    Each try gets what is left of PREDICT_TIMEOUT. Ray Serve cancels the call when its
    connection is closed, as a time limit does.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        # Bounded by the workers; and a proxy of the environment is for other networks.
        limits = httpx.Limits(max_connections=None)
        self._client = httpx.Client(limits=limits, trust_env=False)

    def load(self) -> None:
        """Wait until a replica has loaded the model, however long that takes."""
        for attempt in itertools.count():
            try:
                answer = self._client.get(self._url, timeout=CONNECT)
            except httpx.HTTPError as error:
                why = f"{type(error).__name__}: {error}"
            else:
                if answer.headers.get("content-type") == wire.TYPE:
                    return
                why = f"{answer.status_code}: {answer.text.strip()[:200]}"
            if attempt % 60 == 0:
                shown = without_password(self._url)
                logger.warning("Waiting for the model at %s (%s)", shown, why)
            time.sleep(RETRY)

    def predict(self, *values: Any) -> Any:
        """Return the prediction of a replica for these values.

        A call that is lost with a replica or a node is sent again.

        Raises:
            Busy: the queue of the cluster is full.
            TimeLimit: there was no answer within PREDICT_TIMEOUT.
            RemoteError: the model failed, or every replica that got the values ended.
        """
        body, seconds = wire.encode(values), get_runner().timeout
        deadline, lost = time.monotonic() + seconds, 0
        for attempt in itertools.count():
            left = deadline - time.monotonic()
            if left <= 0:
                break
            try:
                timeout = httpx.Timeout(left, connect=min(left, CONNECT))
                answer = self._client.post(self._url, content=body, timeout=timeout)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                why = f"{type(error).__name__}: {error}"
            except httpx.TimeoutException:
                break
            except httpx.TransportError as error:
                lost, why = lost + 1, f"{type(error).__name__}: {error}"
            else:
                if answer.headers.get("content-type") == wire.TYPE:
                    return _result(answer)
                # Serve's of a full queue; without the header it has no replica yet.
                if answer.status_code == 503 and "retry-after" in answer.headers:
                    raise Busy(BUSY)
                lost += answer.status_code == 500
                why = f"{answer.status_code}: {answer.text.strip()[:200]}"
            if lost >= LOST:
                raise RemoteError(f"lost {lost} times, the last time by {why}")
            logger.warning("A call to the model is sent again (%s)", why)
            time.sleep(min(PAUSE, 0.1 * 2**attempt, left) * random.random())
        text = Text(
            "This took longer than {seconds} s and was stopped.", seconds=seconds
        )
        raise TimeLimit(text)


def _result(answer: httpx.Response) -> Any:
    """Return what the model answered, or raise what it raised."""
    value = wire.decode(answer.content)
    if answer.status_code == 200:
        return value
    if value["for_visitor"]:
        raise gr.Error(value["message"])
    error = RemoteError(f"{value['type']}: {value['message']}")
    error.add_note(value["trace"])
    raise error
