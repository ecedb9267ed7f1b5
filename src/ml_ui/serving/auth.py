"""Know who asks: by a password, or by an account of the Hugging Face Hub."""

import hmac
import html
from collections.abc import Callable

from gradio.oauth import require_oauth_token
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from .settings import Settings

# In a tab of its own: a Space is in a frame of the Hub's, where nobody can sign in.
SIGN_IN = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<body style="font-family: system-ui; text-align: center; margin: 20vh 1em">
<h1>{title}</h1>
<p><a href="/login/huggingface" target="_blank">Sign in with Hugging Face</a></p>
"""


def by_password(settings: Settings) -> Callable[[str, str], bool] | None:
    """Return what tells a right login, in a time that does not tell how near it was."""
    if not settings.app_username:
        return None
    right = f"{settings.app_username}\0{settings.app_password}".encode()
    return lambda *given: hmac.compare_digest("\0".join(given).encode(), right)


def by_hub(request: Request) -> str:
    """Return the Hub's name of who has signed in.

    Raises:
        HTTPException: 401, nobody has, or too long ago.
    """
    require_oauth_token(request)
    return request.session["oauth_info"]["userinfo"]["preferred_username"]


async def wanted(request: Request, error: HTTPException) -> Response:
    """Answer who has not logged in: where a page would be, with the way to do so."""
    if request.url.path == "/":
        title = html.escape(request.app.get_blocks().title)
        return HTMLResponse(SIGN_IN.format(title=title))
    return JSONResponse({"detail": error.detail}, 401)
