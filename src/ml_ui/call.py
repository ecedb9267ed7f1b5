"""Call an app from the terminal: python -m ml_ui call URL INPUT [INPUT ...]

An INPUT is a file for a picture or a sound, else a number or a text. The answer is
printed as JSON; of one that is a file, the name of a temporary file that has it.

--function NAME calls another function of the page than `predict`, by its API name.

With a login: --user NAME, and the password is in APP_PASSWORD, or asked for.
"""

import argparse
import getpass
import json
import mimetypes
import os
import sys
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from .examples import FOLDER

EVENTS = "text/event-stream"
PROBLEM = "application/problem+json"


class LoginRequired(ValueError):
    """Nobody is logged in."""


class App:
    """Client of one function of an app, as its OpenAPI document describes it.

    Args:
        client: with the app's address.
        name: of the function, such as predict.
        operation: of the document.

    Attributes:
        parameters: the JSON Schema of each, by name.
    """

    def __init__(
        self, client: httpx.Client, name: str, operation: Mapping[str, Any]
    ) -> None:
        self._client = client
        self._name = name
        body = operation["requestBody"]["content"]["application/json"]
        self._example = body.get("example", {})
        self._required = body["schema"].get("required", [])
        self.parameters: dict[str, dict[str, Any]] = body["schema"]["properties"]
        answers = operation["responses"]["200"]["content"]
        self._accept = ", ".join(each for each in answers if each != EVENTS)

    def arguments(self, inputs: Sequence[str]) -> dict[str, Any]:
        """Return values of the parameters, from a text for each; a file is a Path.

        Raises:
            ValueError: there are too few or too many; or no file of that name.
        """
        if not len(self._required) <= len(inputs) <= len(self.parameters):
            names = ", ".join(self.parameters)
            raise ValueError(f"{len(inputs)} inputs given; the app takes {names}")
        pairs = zip(self.parameters.items(), inputs, strict=False)
        return {name: _value(schema, text) for (name, schema), text in pairs}

    def named(self, values: Sequence[Any]) -> dict[str, Any]:
        """Return the values of the page's function by name; a file is a Path."""
        pairs = zip(self.parameters.items(), values, strict=False)
        return {n: Path(v) if _is_file(schema) else v for (n, schema), v in pairs}

    def example(self) -> dict[str, Any]:
        """Return values of the app's own example, or a picture of this project's.

        Raises:
            ValueError: there is none.
        """
        files = [name for name, schema in self.parameters.items() if _is_file(schema)]
        if not files:
            return dict(self._example)
        if not FOLDER.is_dir():
            raise ValueError(f"there is no {FOLDER}/ here to take a file from")
        return dict.fromkeys(files, min(FOLDER.iterdir()))

    def predict(self, values: Mapping[str, Any]) -> httpx.Response:
        """Return the response with the prediction.

        Raises:
            ValueError: the app refused the values, or failed with them.
            httpx.HTTPError: another answer, or none.
        """
        files = {name: v for name, v in values.items() if isinstance(v, Path)}
        others = {name: v for name, v in values.items() if name not in files}
        sent: dict[str, Any] = {"json": values}
        if files:
            contents = {name: (v.name, v.read_bytes()) for name, v in files.items()}
            fields = {name: _field(value) for name, value in others.items()}
            sent = {"files": contents, "data": fields}
        headers = {"Accept": self._accept}
        return _checked(self._client.post(self._name, headers=headers, **sent))


def _value(schema: Mapping[str, Any], text: str) -> Any:
    """Return the value that a text stands for; the app validates it."""
    if _is_file(schema):
        if not Path(text).is_file():
            raise ValueError(f"there is no file {text}")
        return Path(text)
    if schema.get("type") == "string" or text in schema.get("enum", []):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _field(value: Any) -> Any:
    """Return a value as a field of a form has it: a table is JSON."""
    is_table = isinstance(value, list) and any(isinstance(row, dict) for row in value)
    return json.dumps(value) if is_table or isinstance(value, dict) else value


def _is_file(schema: Mapping[str, Any]) -> bool:
    return "contentEncoding" in schema


def connect(
    url: str,
    auth: tuple[str, str] | None = None,
    timeout: float = 300,
    name: str = "predict",
) -> App:
    """Return a client of an app.

    Args:
        url: its address, or USER/NAME of a Space.
        auth: name and password to log in with.
        timeout: read timeout in seconds.
        name: API name of the function that is called.

    Raises:
        ValueError: no app with such a function answers there, or one that requires a
            login.
        httpx.HTTPError: another answer, or none.
    """
    headers = {}
    if not url.startswith(("http://", "https://")):
        if ":" in url:
            raise ValueError("an address starts with http:// or https://")
        url, headers = space(url), _token()
    client = httpx.Client(base_url=url, auth=auth, headers=headers, timeout=timeout)
    answer = client.get("openapi.json")
    if answer.status_code == 404:
        raise ValueError(f"no app with POST /{name}: Gradio's clients may call it")
    try:
        paths = _checked(answer).json()["paths"]
        if f"/{name}" in paths:
            return App(client, name, paths[f"/{name}"]["post"])
        names = ", ".join(paths) or "nothing with a name"
    except (KeyError, TypeError, json.JSONDecodeError):
        raise ValueError(f"no app with POST /{name}") from None
    raise ValueError(f"the app has no /{name}; it has {names}")


def space(name: str) -> str:
    """Return the address of the Space USER/NAME.

    Raises:
        ValueError: it has none.
        httpx.HTTPError: the Hub does not know it, or does not answer.
    """
    from huggingface_hub import space_info

    host: str | None = space_info(name).host
    if not host:
        raise ValueError(f"{name} is a Space without an address")
    return host.rstrip("/")


def _token() -> dict[str, str]:
    """Return the header with the user's token of the Hub, for a private Space.

    It leaves Authorization to the login of the app.
    """
    from huggingface_hub import get_token

    token = get_token()
    return {"X-HF-Authorization": f"Bearer {token}"} if token else {}


def _checked(answer: httpx.Response) -> httpx.Response:
    """Return a response that is an answer.

    Raises:
        LoginRequired: it is 401.
        ValueError: it is an error in the app's words.
        httpx.HTTPStatusError: it is another one.
    """
    if answer.status_code == 401:
        raise LoginRequired("it requires a login: --user NAME, and its password")
    if answer.headers.get("content-type", "").startswith(PROBLEM):
        raise ValueError(answer.json()["detail"])
    return answer.raise_for_status()


def decoded(answer: httpx.Response) -> Any:
    """Return a prediction: of JSON its value, else the name of a file that has it."""
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if media_type == "application/json":
        return answer.json()
    ending = mimetypes.guess_extension(media_type)
    with tempfile.NamedTemporaryFile(
        "wb", prefix="answer-", suffix=ending, delete=False
    ) as file:
        file.write(answer.content)
    return file.name


def reason(error: Exception) -> str:
    """Return one line about an error, in the server's words if there are any."""
    if isinstance(error, httpx.HTTPStatusError):
        answer = error.response
        said = answer.headers.get("location") or answer.text
        text = f"{answer.status_code} {answer.reason_phrase}: {said}"
    elif isinstance(error, ValueError):  # ours, or the app's own message
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    return textwrap.shorten(text, 600, placeholder=" ...")


def login(user: str | None) -> tuple[str, str] | None:
    """Return a user's name and password; it is asked for, if APP_PASSWORD has none."""
    if user is None:
        return None
    password = os.environ.get("APP_PASSWORD")
    return user, password or getpass.getpass(f"Password of {user}: ")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("url", help="https://..., or USER/NAME of a Space")
    parser.add_argument("input", nargs="+", help="a file, a number or a text")
    parser.add_argument("--output", metavar="FILE", help="write the answer there")
    add_options(parser)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for another function and for a login."""
    parser.add_argument(
        "--function",
        metavar="NAME",
        default="predict",
        help="call another function of the page, by its API name",
    )
    parser.add_argument(
        "--user",
        metavar="NAME",
        help="log in; the password is in APP_PASSWORD, or asked",
    )


def run(options: argparse.Namespace) -> int:
    """Print the app's answer, or write it to a file."""
    try:
        app = connect(options.url, login(options.user), name=options.function)
        answer = app.predict(app.arguments(options.input))
        if options.output:
            Path(options.output).write_bytes(answer.content)
            return 0
        text = json.dumps(decoded(answer), indent=2, ensure_ascii=False)
    except Exception as error:  # noqa: BLE001, a traceback does not help the user
        print(f"{options.url}: {reason(error)}", file=sys.stderr)
        return 1
    print(text)
    return 0
