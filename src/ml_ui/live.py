"""Wait until this version of the app is live: python -m ml_ui live URL

Waits until the app says at /ready that it is made of the files in this folder, and
ready. Then asks it the project's examples: it has to answer as the model does here,
and as each example expects.

Exit status: 0 it is live and right, 1 it is not, 2 bad input.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
from PIL import Image

from . import call, check
from .examples import BadExample, is_right
from .sizing.footprint import BadInput
from .values import Values
from .version import version

PATIENCE = 30.0  # seconds for an answer of /ready
LONGEST = 10_000  # bytes of it
TIMEOUT = 900.0  # seconds: a build, and the start
PAUSE = 2.0  # seconds between two looks
MOST = 3  # examples that are asked; on ZeroGPU each takes of the visitor's quota
TRIES = 3
NEAR = 0.02  # a probability may differ between two kinds of hardware
LEVELS = 2.0  # of 255, by which two pictures' pixels may differ, on average
QUOTA = "GPU quota"  # in ZeroGPU's refusal


class State(NamedTuple):
    """What /ready says: the version, and its status."""

    version: str  # "" if it is not this app
    status: str

    def __str__(self) -> str:
        return ", ".join(filter(None, [self.version, self.status]))


class Case(NamedTuple):
    """An example to ask the app, and the answers that are right."""

    name: str
    values: tuple[Any, ...]
    here: Any
    expected: str | None


class Wrong(Exception):
    """An answer that is not the right one, or an app that does not get ready."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("url", help="https://..., or USER/NAME of a Space")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=float,
        default=TIMEOUT,
        help=f"how long to wait (default: {TIMEOUT:.0f})",
    )
    parser.add_argument(
        "--version",
        metavar="VERSION",
        help="wait for this one instead, and compare no answer",
    )
    parser.add_argument(
        "--show", action="store_true", help="print the version that is live, and end"
    )


def run(options: argparse.Namespace) -> int:
    """Print what the app says until the version is live, and return the exit status."""
    try:
        wanted = options.version or version(Path.cwd())
        if not (wanted or options.show):
            raise BadExample("there is no app.py: run this in the project's folder")
        url = address(options.url)
        if options.show:
            print(state(url).version)
            return 0
        cases = [] if options.version else known()
        wait(url, wanted, options.timeout)
        compare(options.url, cases)
    except (BadExample, BadInput) as error:
        print(f"live: {error}", file=sys.stderr)
        return 2
    except (Wrong, httpx.HTTPError) as error:
        print(f"live: {error}", file=sys.stderr)
        return 1
    print(f"Version {wanted} is live.")
    return 0


def address(url: str) -> str:
    """Return the address of an app, or of the Space USER/NAME.

    Raises:
        BadExample: there is no such Space.
    """
    if url.startswith(("http://", "https://")):
        return url.rstrip("/")
    try:
        return call.space(url)
    except Exception as error:  # the Hub's and the network's
        raise BadExample(f"{url}: {call.reason(error)}") from error


def state(url: str) -> State:
    """Return what answers at an address now."""
    body, end = b"", time.monotonic() + PATIENCE
    options: dict[str, Any] = {"timeout": PATIENCE, "follow_redirects": True}
    try:
        with httpx.stream("GET", f"{url}/ready", **options) as answer:
            for part in answer.iter_bytes():
                body += part
                if len(body) > LONGEST or time.monotonic() > end:
                    break
    except httpx.HTTPError as error:
        return State("", type(error).__name__)
    try:
        said = json.loads(body)
        found = State(said["version"], said["status"])
        # A workflow writes them into its log and its variables, one to a line.
        if all(re.fullmatch(r"[\w.-]+", each) for each in found):
            return found
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        pass  # not this app's
    return State("", f"{answer.status_code} {answer.reason_phrase}")


def wait(url: str, wanted: str, timeout: float) -> None:
    """Wait until a version is ready, and print each change.

    Raises:
        Wrong: it cannot load its model, or it is not ready in time.
    """
    start, last = time.monotonic(), None
    while True:
        now, seconds = state(url), time.monotonic() - start
        if now != last:
            print(f"{seconds:5.0f} s: {now}", flush=True)
            last = now
        if now == State(wanted, "ready"):
            return
        if now == State(wanted, "failed"):
            raise Wrong(f"version {wanted} could not load its model: see its log")
        if seconds > timeout:
            raise Wrong(f"not version {wanted} after {timeout:.0f} s: {now}")
        time.sleep(PAUSE)


def known() -> list[Case]:
    """Return examples of the project with the answers that the model gives here."""
    app, model = check.modules(Path.cwd())
    try:
        page = check.function(app)
    except BadExample as error:  # a page of the owner's own
        print(f"Nothing to compare with: {error}.")
        return []
    examples = [*check.chosen(page, model, [], [])][:MOST]
    seen = [check.ask(page, model, each) for each in examples]
    return [
        Case(
            name=each.name[:70],
            values=each.values,
            here=here.answer,
            expected=each.expected if check.knows(each, here) else None,
        )
        for each, here in zip(examples, seen, strict=True)
    ]


def compare(url: str, cases: Sequence[Case]) -> None:
    """Ask an app examples, and print its answers.

    Raises:
        Wrong: one is not as it is here, or does not come.
    """
    for each in cases:
        try:
            given = ask(url, each.values)
        except call.LoginRequired:
            print("It requires a login: its answers are not compared.")
            return
        except Exception as error:
            why = call.reason(error)
            if QUOTA in why:
                print(f"{each.name}: not compared: {why}")
                return
            raise Wrong(f"{each.name}: {why}") from error
        if not is_same(given, each.here):
            raise Wrong(f"{each.name}: {shown(given)}, and here {shown(each.here)}")
        if not is_right(given, each.expected):
            raise Wrong(f"{each.name}: {shown(given)}, expected {each.expected}")
        print(f"{each.name}: {shown(given)}, as here")


def ask(url: str, values: Sequence[Any]) -> Any:
    """Return the answer of an app, as its function gives it."""
    for remaining in reversed(range(TRIES)):
        try:
            app = call.connect(url)
            return plain(call.decoded(app.predict(app.named(values))))
        except httpx.TransportError:  # a proxy that changes over
            if not remaining:
                raise
            time.sleep(PAUSE)


def plain(answer: Any) -> Any:
    """Return an answer of the API as the page's function gives it."""
    if isinstance(answer, list):
        return Values(answer)
    if not isinstance(answer, Mapping) or "label" not in answer:
        return answer
    if shares := answer.get("confidences"):
        return {each["label"]: each["confidence"] for each in shares}
    return answer["label"]


def is_same(given: Any, here: Any) -> bool:
    """Return whether two answers are the same, but for the hardware's rounding.

    The page may show the likeliest labels alone.
    """
    if isinstance(given, Mapping) and isinstance(here, Mapping):
        return all(abs(here.get(k, -1) - share) <= NEAR for k, share in given.items())
    if _is_picture(given) and _is_picture(here):
        with Image.open(given) as one, Image.open(here) as other:
            pixels = [np.asarray(each.convert("RGB"), float) for each in (one, other)]
        same_shape = pixels[0].shape == pixels[1].shape
        return same_shape and float(abs(pixels[0] - pixels[1]).mean()) <= LEVELS
    return given == here or is_right(given, str(here))


def _is_picture(answer: Any) -> bool:
    return isinstance(answer, str) and Path(answer).suffix in (".jpeg", ".jpg", ".png")


def shown(answer: Any) -> str:
    """Return an answer in a few words."""
    if isinstance(answer, Mapping):
        best = max(answer, key=lambda name: answer[name])
        return f"{best} {answer[best]:.1%}"
    return Path(answer).name if _is_picture(answer) else str(answer)[:70]
