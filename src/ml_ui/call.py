"""Call an app from the terminal: python -m ml_ui call URL INPUT [INPUT ...]

An INPUT is a file for a picture or a sound, else a number or a text. The answer is
printed as JSON.
"""

import argparse
import contextlib
import io
import json
import sys
import textwrap
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import httpx
from gradio_client import Client, handle_file

from .examples import FOLDER

FILES = {"Audio", "File", "Image", "Video"}
NUMBERS = {"Number", "Slider"}


def connect(url: str, timeout: float = 300) -> Client:
    """Return a client of an app, with a read timeout in seconds.

    Raises:
        ValueError: no Gradio app answers there, or one that requires a login.
        httpx.HTTPError: nothing answers.
    """
    if ":" in url and not url.startswith(("http://", "https://")):
        raise ValueError("an address starts with http:// or https://")
    try:
        return Client(url, verbose=False, httpx_kwargs={"timeout": timeout})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"no usable Gradio app ({error})") from error


def arguments(client: Client, inputs: list[str] | None = None) -> list[Any]:
    """Return arguments of /predict, from a text for each of its parameters.

    Args:
        client: a client of the app.
        inputs: texts, numbers or names of files; None for examples.

    Raises:
        ValueError: the app has no /predict; there are too few or too many inputs; one
            is not a file or not a number.
    """
    api = client.view_api(print_info=False, return_format="dict")
    endpoints = api["named_endpoints"]
    if "/predict" not in endpoints:
        names = ", ".join(endpoints) or "nothing with a name"
        raise ValueError(f"the app has no /predict; it has {names}")
    parameters = endpoints["/predict"]["parameters"]
    if inputs is None:
        return [_example(parameter) for parameter in parameters]
    if len(inputs) != len(parameters):
        names = ", ".join(f"{p['label']} ({p['component']})" for p in parameters)
        raise ValueError(f"{len(inputs)} inputs given; the app takes {names}")
    pairs = zip(parameters, inputs, strict=True)
    return [_argument(parameter["component"], text) for parameter, text in pairs]


def _example(parameter: dict[str, Any]) -> Any:
    if parameter["component"] in FILES:
        return handle_file(str(min(FOLDER.iterdir())))
    default = parameter["parameter_default"]
    return parameter["example_input"] if default is None else default


def _argument(component: str, text: str) -> Any:
    if component in FILES:
        if not Path(text).is_file():
            raise ValueError(f"there is no file {text}")
        return handle_file(text)
    return float(text) if component in NUMBERS else text


def call(client: Client, values: list[Any]) -> Any:
    """Return the prediction of an app; files are downloaded.

    Raises:
        ConnectionError: the connection broke before the answer came.
        ValueError: the app refused the values, or failed with them.
        httpx.HTTPError: the server refused the call, or does not answer.
    """
    try:
        # The client's thread prints a traceback when the connection breaks.
        with contextlib.redirect_stderr(io.StringIO()):
            return client.predict(*values, api_name="/predict")
    except CancelledError:
        raise ConnectionError("the app went away before it answered") from None


def reason(error: Exception) -> str:
    """Return one line about an error, in the server's words if there are any."""
    if isinstance(error, httpx.HTTPStatusError):
        answer = error.response
        text = f"{answer.status_code} {answer.reason_phrase}: {answer.text}"
    elif isinstance(error, ValueError):  # ours, or the app's own message
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    return textwrap.shorten(text, 600, placeholder=" ...")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("url", help="https://..., or USER/NAME of a Space")
    parser.add_argument("input", nargs="+", help="a file, a number or a text")


def run(options: argparse.Namespace) -> int:
    """Print the app's answer as JSON."""
    try:
        client = connect(options.url)
        answer = call(client, arguments(client, options.input))
    except Exception as error:  # noqa: BLE001, a traceback does not help the user
        print(f"{options.url}: {reason(error)}", file=sys.stderr)
        return 1
    print(json.dumps(answer, indent=2, ensure_ascii=False))
    return 0
