"""Tools of the MCP server: how a function of the page is described, and its result."""

import base64
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import gradio as gr
import orjson

from .. import gradio_fixes, languages
from ..serving.problem import Problem
from . import kinds
from .kinds import File
from .operation import Operation, Parameter, dumps

MOST_LABELS = 100  # in a description; ImageNet's thousand take 15 kB
HINTS = {
    "readOnlyHint": True,
    "destructiveHint": False,
    "idempotentHint": True,
    "openWorldHint": False,
}


class Tool:
    """Tool of the Model Context Protocol that calls a function of the page.

    Args:
        operation: the function.
        about: what the page says of itself.
        max_upload: bytes of a file.

    Attributes:
        name: the API name.
    """

    def __init__(self, operation: Operation, about: str, max_upload: int) -> None:
        self.operation = operation
        self.name = re.sub(r"[^\w.-]", "_", operation.name, flags=re.ASCII)[:128]
        self._about = about
        self._max_upload = max_upload
        self._values = [
            each for each in operation.outputs if not kinds.media_types(each)
        ]

    def definition(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return the tool as `tools/list` describes it.

        Args:
            labels: the model's classes.
        """
        paragraphs = [self.operation.description, self._about, self._answer(labels)]
        found: dict[str, Any] = {
            "name": self.name,
            "description": "\n\n".join(filter(None, paragraphs)),
            "annotations": HINTS,
        }
        return found | self._schemas

    def result(self, answers: list[Any]) -> dict[str, Any]:
        """Return the result of a call: files as content, values as structured content.

        The values are the JSON that POST answers with: of one, or a list of several.
        """
        outputs = self.operation.outputs
        answers = answers or [None] * len(outputs)  # of a stream without a step
        content = [_content(each) for each in answers if isinstance(each, File)]
        pairs = zip(outputs, answers, strict=True)
        values = [value for output, value in pairs if output in self._values]
        if not self._values:
            return {"content": content or [_text("There is no answer.")]}
        text = dumps({"result": values[0] if len(values) == 1 else values})
        structured = orjson.loads(text)  # without NaN, and with plain types
        content.append(_text(text.decode()))
        return {"content": content, "structuredContent": structured}

    def error(self, problem: Problem, accept_language: str) -> dict[str, Any]:
        """Return the result of a call that failed, in words that a model can act on."""
        errors = problem.members.get("errors")
        lines = [languages.translate(problem.detail, accept_language)]
        if errors:
            lines = [
                f"{each['parameter']}: {each['reason'].rstrip('.')}." for each in errors
            ]
            names = [each.name for each in self.operation.parameters]
            lines.append(f"The parameters are {', '.join(names)}.")
        return {"content": [_text("\n".join(lines))], "isError": True}

    @cached_property
    def _schemas(self) -> dict[str, Any]:
        schema = self.operation.schema(self._max_upload)
        for parameter in self.operation.parameters:
            found = schema["properties"][parameter.name]
            words = filter(None, (found.get("description"), _choices(parameter)))
            if text := ". ".join(words):
                found["description"] = text
            default = parameter.default
            if parameter.optional and isinstance(default, str | int | float | None):
                found["default"] = default
        if self.operation.example is not None:
            schema["examples"] = [self.operation.example]
        schemas = {"inputSchema": schema}
        if self._values:
            result = [kinds.answer_schema(each) for each in self._values]
            several = {"type": "array", "prefixItems": result}
            answer = result[0] if len(result) == 1 else several
            schemas["outputSchema"] = {
                "type": "object",
                "required": ["result"],
                "properties": {"result": answer},
            }
        return schemas

    def _answer(self, labels: Sequence[str]) -> str:
        """Return what is known of the answer: its docstring's words, and its labels."""
        shown = [gradio_fixes.untranslated(x.label) for x in self.operation.outputs]
        named = self.operation.returns or [str(label) for label in shown if label]
        text = f"Answer: {', '.join(named).removesuffix('.')}." if named else ""
        classes = [
            each for each in self.operation.outputs if isinstance(each, gr.Label)
        ]
        if labels and len(classes) == 1:
            text += f" Its label is one of {', '.join(labels[:MOST_LABELS])}"
            more = len(labels) - MOST_LABELS
            text += f" and {more} more." if more > 0 else "."
        return text


def _choices(parameter: Parameter) -> str:
    """Return the choices of a field whose names say more than their values."""
    choices = getattr(parameter.component, "choices", None) or ()
    named = [f"{value}: {name}" for name, value in choices if name != str(value)]
    return ", ".join(named)


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _content(file: File) -> dict[str, Any]:
    """Return a file as content: an image, a sound, or an embedded resource."""
    data = base64.b64encode(file.content).decode()
    kind = file.media_type.partition("/")[0]
    if kind in ("image", "audio"):
        return {"type": kind, "data": data, "mimeType": file.media_type}
    resource = {"uri": "answer:file", "mimeType": file.media_type, "blob": data}
    return {"type": "resource", "resource": resource}
