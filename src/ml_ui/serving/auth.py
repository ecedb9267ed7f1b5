"""Sign-in with the Hugging Face Hub: the page that asks for it, and the user's name."""

import html
import inspect
from collections.abc import Callable
from typing import Any

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from .. import languages
from .middleware import app_path

# In a tab of its own: a Space is shown in a frame of the Hub, where sign-in fails.
SIGN_IN = """<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<body style="font-family: system-ui; text-align: center; margin: 20vh 1em">
<h1>{title}</h1>
<p><a href="login/huggingface" target="_blank">{sign_in}</a></p>
"""


def in_thread(auth: Callable[[str, str], Any]) -> Callable[[str, str], Any]:
    """Return an async function of a password check, which may be slow.

    Gradio calls a plain one in the event loop, where nobody else is answered meanwhile.
    """
    if inspect.iscoroutinefunction(auth):
        return auth

    async def check(name: str, password: str) -> Any:
        return await anyio.to_thread.run_sync(auth, name, password)

    return check


def unauthorized(title: str) -> Callable[[Request, HTTPException], Response]:
    """Return a handler of 401 errors: for the page itself, a link to sign in."""

    def handler(request: Request, error: HTTPException) -> Response:
        if app_path(request.scope) == "/":
            language = languages.negotiate(request.headers.get("accept-language", ""))
            sign_in = languages.translate("Sign in with Hugging Face", language)
            values = {"language": language, "title": title, "sign_in": sign_in}
            escaped = {name: html.escape(value) for name, value in values.items()}
            return HTMLResponse(
                SIGN_IN.format(**escaped), headers={"Vary": "Accept-Language"}
            )
        return JSONResponse({"detail": error.detail}, 401)

    return handler
