"""Tools of the MCP server: how a function of the page is described, and its result."""

import base64
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import gradio as gr
import orjson
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from .. import gradio_fixes, languages
from ..serving.problem import Problem
from ..serving.settings import MB
from . import kinds
from .kinds import File
from .operation import Operation, Parameter
from .routes import dumps

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
            lines = [f"{each['parameter']}: {each['reason']}." for each in errors]
            names = [each.name for each in self.operation.parameters]
            lines.append(f"The parameters are {', '.join(names)}.")
        return {"content": [_text("\n".join(lines))], "isError": True}

    @cached_property
    def _schemas(self) -> dict[str, Any]:
        found = {"inputSchema": self._input_schema()}
        if self._values:
            found["outputSchema"] = self._output_schema()
        return found

    def _input_schema(self) -> dict[str, Any]:
        schema = self.operation.json_schema()
        for parameter in self.operation.parameters:
            described = schema["properties"][parameter.name]
            if text := self._describe(parameter, described):
                described["description"] = text
            described |= _defaults(parameter)
        return schema

    def _describe(self, parameter: Parameter, schema: Mapping[str, Any]) -> str:
        """Return the description of a parameter: its docstring, label and choices."""
        component = parameter.component
        label = gradio_fixes.untranslated(component.label)
        choices = getattr(component, "choices", None) or ()
        named = [f"{value}: {name}" for name, value in choices if name != str(value)]
        size = f"at most {self._max_upload / MB:.3g} MB" if parameter.is_file else ""
        parts = [
            self.operation.documented.get(parameter.name),
            label if label != parameter.name else None,
            gradio_fixes.untranslated(getattr(component, "info", None)),
            ", ".join(named),
            schema.get("description"),
            size,
        ]
        texts = (str(part).strip().rstrip(".") for part in parts if part)
        return ". ".join(dict.fromkeys(texts))

    def _output_schema(self) -> dict[str, Any]:
        types = [kinds.answer_type(each) for each in self._values]
        result = types[0] if len(types) == 1 else tuple[tuple(types)]  # type: ignore[misc]
        adapter = TypeAdapter(TypedDict("Result", {"result": result}))  # type: ignore[operator]
        schema: dict[str, Any] = adapter.json_schema(mode="serialization")
        return schema

    def _answer(self, labels: Sequence[str]) -> str:
        """Return what is known of the answer: what shows it, and its labels."""
        outputs = [gradio_fixes.untranslated(x.label) for x in self.operation.outputs]
        named = ", ".join(map(str, filter(None, outputs)))
        text = f"Answer: {named}." if named else ""
        shown = [each for each in self.operation.outputs if isinstance(each, gr.Label)]
        if labels and len(shown) == 1:
            text += f" Its label is one of {', '.join(labels[:MOST_LABELS])}"
            more = len(labels) - MOST_LABELS
            text += f" and {more} more." if more > 0 else "."
        return text


def labels_of(model: object) -> list[str]:
    """Return the names of a model's classes, as a project's model.py reads them."""
    try:
        return Path("model", "labels.txt").read_text("utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError):
        return [str(label) for label in getattr(model, "labels", None) or ()]


def _defaults(parameter: Parameter) -> dict[str, Any]:
    """Return the members of a schema with a parameter's default, and an example."""
    value = getattr(parameter.component, "value", None)
    found: dict[str, Any] = {}
    if isinstance(value, str | int | float) and not parameter.is_file and value != "":
        found["examples"] = [value]
    default = parameter.default
    if parameter.optional and isinstance(default, str | int | float | None):
        found["default"] = default
    return found


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
