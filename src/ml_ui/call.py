"""Call an app from the terminal: python -m ml_ui call URL INPUT [INPUT ...]

An INPUT is a file for a picture or a sound, a number or a text for the rest. The answer is
printed as JSON.
"""

import argparse
import contextlib
import io
import json
import sys
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import httpx
from gradio_client import Client, handle_file

EXAMPLES = Path("examples")
FILES = {"Audio", "File", "Image", "Video"}
NUMBERS = {"Number", "Slider"}


def connect(url: str, timeout: float = 300) -> Client:
    """Return a client for the app; it gives up after `timeout` seconds of silence.

    Raises:
        ValueError: no Gradio app answers there, or one that wants a login.
        httpx.HTTPError: nothing answers.
    """
    if ":" in url and not url.startswith(("http://", "https://")):
        raise ValueError("an address starts with http:// or https://")
    try:
        return Client(url, verbose=False, httpx_kwargs={"timeout": timeout})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"no usable Gradio app ({error})") from error


def arguments(client: Client, words: list[str] | None = None) -> list[Any]:
    """Turn words, or examples where there are none, into what the app's inputs take.

    Raises:
        ValueError: the app has no /predict; there are too few or too many words; a
            word is no file or no number.
    """
    api = client.view_api(print_info=False, return_format="dict")
    endpoints = api["named_endpoints"]
    if "/predict" not in endpoints:
        names = ", ".join(endpoints) or "nothing with a name"
        raise ValueError(f"the app has no /predict; it has {names}")
    inputs = endpoints["/predict"]["parameters"]
    if words is None:
        words = [_example(parameter) for parameter in inputs]
    if len(words) != len(inputs):
        names = ", ".join(f"{p['label']} ({p['component']})" for p in inputs)
        raise ValueError(f"{len(words)} inputs given; the app takes {names}")
    pairs = zip(inputs, words, strict=True)
    return [_argument(parameter["component"], word) for parameter, word in pairs]


def _example(parameter: dict) -> str:
    if parameter["component"] in FILES:
        return str(min(EXAMPLES.iterdir()))
    return str(parameter["parameter_default"] or parameter["example_input"])


def _argument(component: str, word: str) -> Any:
    if component in FILES:
        if not Path(word).is_file():
            raise ValueError(f"there is no file {word}")
        return handle_file(word)
    return float(word) if component in NUMBERS else word


def call(client: Client, values: list[Any]) -> Any:
    """Return what the app makes of the values; files are downloaded.

    Raises:
        ConnectionError: the connection broke before the answer came.
        ValueError: the app refused the values, or failed with them.
        httpx.HTTPError: the server refused the call, or does not answer.
    """
    try:
        # Its thread prints the traceback of a connection that breaks.
        with contextlib.redirect_stderr(io.StringIO()):
            return client.predict(*values, api_name="/predict")
    except CancelledError:
        raise ConnectionError("the app went away before it answered") from None


def why(error: Exception) -> str:
    """Say in one line what went wrong, in the server's words where there are any."""
    if isinstance(error, httpx.HTTPStatusError):
        answer = error.response
        text = f"{answer.status_code} {answer.reason_phrase}: {answer.text}"
    elif isinstance(error, ValueError):  # ours, or the app's own message
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:300]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    parser.add_argument("url", help="https://..., or USER/NAME of a Space")
    parser.add_argument("input", nargs="+", help="a file, a number or a text")


def run(options: argparse.Namespace) -> int:
    """Print the app's answer as JSON."""
    try:
        client = connect(options.url)
        answer = call(client, arguments(client, options.input))
    except Exception as error:  # a user has no use for a traceback
        print(f"{options.url}: {why(error)}", file=sys.stderr)
        return 1
    print(json.dumps(answer, indent=2, ensure_ascii=False))
    return 0
