"""OpenAPI description of the REST API: /openapi.json."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from ..serving.problem import TYPE
from ..serving.settings import MB, Settings
from .operation import MAX_ROWS, Operation

VERSION = "3.1.0"
PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["title", "status", "detail"],
    "properties": {
        "title": {"type": "string", "description": "The name of the status."},
        "status": {"type": "integer"},
        "detail": {
            "type": "string",
            "description": "What is wrong and what to do, by Accept-Language.",
        },
        "reference": {
            "type": "string",
            "description": "Under which the app's log has the error.",
        },
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["parameter", "reason"],
                "properties": {
                    "parameter": {"type": "string"},
                    "reason": {"type": "string"},
                },
            },
        },
    },
}
STATUSES = {
    400: "The request is malformed.",
    403: "A page of this origin may not call.",
    405: "The method is not POST.",
    413: "The body is too large.",
    415: "The body's media type is not taken; Accept lists those that are.",
    422: "A parameter is missing or invalid, or the function refuses its value.",
    500: "The prediction failed: its reference is in the app's log.",
    503: "The app is busy or shutting down: retry.",
    504: "The prediction took too long.",
}
LIMITED = {429: "The rate limit is exceeded: retry."}
LOGIN = {401: "Nobody is logged in."}
RETRY = {
    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."},
}
SECURITY = {
    "basic": {"type": "http", "scheme": "basic"},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "access-token",
        "description": "Of the page's login; its name goes on with the app's id.",
    },
}


def describe(
    operations: Collection[Operation],
    settings: Settings,
    *,
    title: str,
    description: str,
    version: str,
    url: str,
    needs_login: bool,
    labels: Sequence[str],
) -> dict[str, Any]:
    """Return the OpenAPI document of functions.

    Args:
        operations: the functions.
        settings: limits.
        title: of the page.
        description: of the page; may be empty.
        version: of the project.
        url: of the page.
        needs_login: whether calls need one.
        labels: the model's classes.
    """
    limits = f"{description}\n\nFiles of up to {settings.max_upload_mb} MB"
    if settings.rate_limit:
        limits += f", {settings.rate_limit} calls a minute"
    limits += f", {settings.predict_timeout} s a prediction."
    document: dict[str, Any] = {
        "openapi": VERSION,
        "info": {"title": title, "version": version, "description": limits.strip()},
        "servers": [{"url": url}],
        "paths": {
            f"/{each.name}": {"post": _operation(each, settings, needs_login, labels)}
            for each in operations
        },
        "components": {
            "schemas": {"Problem": PROBLEM}
            | {
                each.name: each.schema(settings.max_upload_mb * MB)
                for each in operations
            }
        },
    }
    if needs_login:
        document["components"]["securitySchemes"] = SECURITY
        document["security"] = [{name: []} for name in SECURITY]
    return document


def _operation(
    operation: Operation,
    settings: Settings,
    needs_login: bool,
    labels: Sequence[str],
) -> dict[str, Any]:
    statuses = STATUSES | (LIMITED if settings.rate_limit else {})
    statuses |= LOGIN if needs_login else {}
    problem = {TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    failures: dict[str, Any] = {}
    for status, words in sorted(statuses.items()):
        failures[str(status)] = {"description": words, "content": problem}
        if status in (429, 503):
            failures[str(status)]["headers"] = RETRY
    summary, _, rest = operation.description.partition(". ")
    return {
        "operationId": operation.name,
        "summary": summary.removesuffix(".") or operation.name,
        "description": rest or operation.description or operation.name,
        "requestBody": {
            "required": True,
            "content": dict(_request(operation, settings)),
        },
        "responses": {
            "200": {
                "description": "The answer.",
                "content": dict(_response(operation, labels)),
            }
        }
        | failures,
    }


def _request(
    operation: Operation, settings: Settings
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the media types of a request's body, each with what it contains."""
    binary = {"type": "string", "format": "binary"}
    schema = operation.schema(settings.max_upload_mb * MB)
    form = schema | {
        "properties": {
            name: {"description": found.get("description", ""), **binary}
            if "contentEncoding" in found
            else found
            for name, found in schema["properties"].items()
        }
    }
    content: dict[str, Any] = {"schema": schema}
    if not operation.is_stream:  # a list, each of its objects a call
        items = {"items": {"$ref": f"#/components/schemas/{operation.name}"}}
        limits = {"minItems": 1, "maxItems": MAX_ROWS}
        content["schema"] = schema | {"type": ["object", "array"]} | items | limits
    if operation.example is not None:
        content["example"] = operation.example
    contents = {
        "application/json": content,
        "multipart/form-data": {"schema": form},
        "application/x-www-form-urlencoded": {"schema": schema},
        "text/plain": {"schema": {"type": "string"}},
    }
    for media_type in operation.media_types:
        yield media_type, contents.get(media_type, {"schema": binary})


def _response(
    operation: Operation, labels: Sequence[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the media types of a response's body, each with what it contains."""
    schema = operation.answer_schema(labels)
    if not operation.is_stream:
        schema = {"anyOf": [schema, {"type": "array", "items": schema}]} | {
            name: schema[name] for name in ("description", "examples") if name in schema
        }
    yield "application/json", {"schema": schema}
    for media_type in operation.answer_media_types:
        yield media_type, {"schema": {"type": "string", "format": "binary"}}
    if operation.is_stream:
        yield "text/event-stream", {"schema": {"type": "string"}}
