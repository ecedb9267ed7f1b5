"""Problem details for HTTP APIs (RFC 9457): errors as application/problem+json."""

from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from .. import languages
from ..languages import Text

TYPE = "application/problem+json"  # the media type


class Problem(Exception):
    """An error for the client: a status, a sentence, and further members.

    Args:
        status: of the response.
        detail: what is wrong and what to do, in English; it is translated.
        headers: of the response.
        members: further members of the object, such as `errors`.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.members = members

    def response(self, accept_language: str = "") -> JSONResponse:
        """Return the response, in the language that the client likes best."""
        content = {
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": languages.translate(self.detail, accept_language),
        }
        headers = {"Vary": "Accept-Language"} | self.headers
        return JSONResponse(content | self.members, self.status, headers, TYPE)


def too_many(wait: float) -> Problem:
    """Return the problem of a client at its rate limit, who has to wait seconds."""
    seconds = int(wait) + 1
    detail = Text("Rate limit exceeded. Retry in {seconds} s.", seconds=seconds)
    return Problem(429, detail, {"Retry-After": str(seconds)})
