"""Link preview: title, description and picture that chats and social networks show.

They read the page without running it, where Gradio has its own name and picture, and
what `head=` adds is not there yet.
"""

import asyncio
import functools
import html
import io
import re
from collections.abc import Callable, Coroutine
from typing import Any

import gradio as gr
from PIL import Image, ImageDraw, ImageFont
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import gradio_fixes
from .assets import ICON
from .serving.middleware import app_path
from .theme import NEUTRAL, PRIMARY

PATH = "/share.png"
SIZE = (1200, 630)  # pixels, as the Open Graph protocol's readers crop to
PAPER, INK, ACCENT = NEUTRAL.c50, NEUTRAL.c900, PRIMARY.c700
LATIN = 0x250  # Pillow's own font has the letters below
THEIRS = re.compile(rb'\s*<meta\s+(?:property="og:|name="twitter:)[^>]*>')
TAGS = """<head>
		<title>{title}</title>
		<meta name="description" content="{description}" />
		<meta property="og:type" content="website" />
		<meta property="og:title" content="{title}" />
		<meta property="og:description" content="{description}" />
		<meta property="og:url" content="{url}/" />
		<meta property="og:image" content="{url}{path}" />
		<meta property="og:image:width" content="1200" />
		<meta property="og:image:height" content="630" />
		<meta name="twitter:card" content="summary_large_image" />"""


class LinkPreview:
    """Middleware that describes the page in its HTML, with the address of its picture.

    Args:
        app: the app inside, before its answers are compressed.
        demo: the page.
        title: its title.
    """

    def __init__(self, app: ASGIApp, demo: gr.Blocks, title: str) -> None:
        self._app = app
        self._title = title
        # Of a gr.Interface, without its Markup.
        self._description = getattr(demo, "simple_description", None) or ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; describe the page in the response, if it is the page."""
        is_page = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if not is_page or app_path(scope) != "/":
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def respond(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if start is None or message.get("more_body"):
                return
            headers = MutableHeaders(scope=start)
            if headers.get("content-type", "").startswith("text/html"):
                body = self._described(body, gradio_fixes.root_url(Request(scope)))
                headers["content-length"] = str(len(body))
            await send(start)
            await send({"type": "http.response.body", "body": body})

        # HEAD has the headers of GET; the server leaves the body out.
        await self._app({**scope, "method": "GET"}, receive, respond)

    def _described(self, page: bytes, url: str) -> bytes:
        values = {
            "title": self._title,
            "description": self._description,
            "url": url,
            "path": PATH,
        }
        escaped = {name: html.escape(value) for name, value in values.items()}
        tags = TAGS.format(**escaped).encode()
        return THEIRS.sub(b"", page).replace(b"<head>", tags, 1)


def picture(title: str) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Return an endpoint for the picture of the link preview."""

    async def endpoint(request: Request) -> Response:
        png = await asyncio.to_thread(draw, title)
        headers = {"Cache-Control": "public, max-age=86400"}
        return Response(png, media_type="image/png", headers=headers)

    return endpoint


@functools.lru_cache(1)
def draw(title: str) -> bytes:
    """Return a PNG with the icon, and the title if Pillow has its letters."""
    image = Image.new("RGB", SIZE, PAPER)
    canvas = ImageDraw.Draw(image)
    canvas.rectangle([0, 0, SIZE[0], 16], fill=ACCENT)
    with Image.open(ICON) as file:
        icon = file.convert("RGBA").resize((180, 180))
    if all(ord(letter) < LATIN for letter in title):
        image.paste(icon, (90, 110), icon)
        font = ImageFont.load_default(88)
        text = "\n".join(_wrapped(title, canvas, font, SIZE[0] - 180, 2))
        canvas.multiline_text((90, 340), text, fill=INK, font=font, spacing=20)
    else:
        image.paste(icon, (510, 225), icon)
    png = io.BytesIO()
    image.save(png, "PNG")
    return png.getvalue()


def _wrapped(
    text: str, canvas: ImageDraw.ImageDraw, font: Any, width: int, most: int
) -> list[str]:
    """Return the lines of a text, with "…" at the end of the last if there are more.

    Args:
        text: its words are kept whole.
        canvas: to measure the text.
        font: of the text.
        width: of a line in pixels, at most, but for a word that is longer.
        most: number of lines.
    """
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and canvas.textlength(longer, font=font) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > most:
        lines[most - 1 :] = [f"{lines[most - 1]} …"]
    return lines
