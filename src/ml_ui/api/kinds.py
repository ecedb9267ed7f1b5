"""JSON of components: the types of their values, as parameters and as answers."""

import contextlib
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import gradio as gr
import orjson
from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    WrapValidator,
)

from ..pictures import FORMATS
from ..values import Values

META = {"meta": {"_type": "gradio.FileData"}}  # by which Gradio finds files
# Of a table: of rows that each have a column of their own, 100 kB took gigabytes.
MAX_CELLS = 500_000
WHOLE = re.compile(r"[+-]?[0-9]{1,400}", re.ASCII)
BASE64 = "Base64, a data URL, or the URL of an upload to this app"


def media_types(component: Any) -> tuple[str, ...]:
    """Return the media types of a component whose value is one file, else none."""
    if getattr(component, "file_count", "single") != "single":
        return ()
    return kind_of(component).media_types


def is_several(component: Any) -> bool:
    """Return whether a component's value is a list of choices."""
    is_group = isinstance(component, gr.CheckboxGroup)
    return is_group or bool(getattr(component, "multiselect", False))


def is_path(image: gr.Image) -> bool:
    """Return whether a function gets the file of a picture as it was uploaded."""
    return image.type == "filepath" and image.image_mode is None


# Parameters ---------------------------------------------------------------------------


def parameter_type(component: Any) -> Any:
    """Return the type of a component's value in a request, for pydantic."""
    if media_types(component):
        schema = {"type": "string", "contentEncoding": "base64", "description": BASE64}
        return Annotated[str, WithJsonSchema(schema)]
    if make := kind_of(component).parameter:
        return make(component)
    return Annotated[Any, WithJsonSchema(_alone(component.api_info()))]


def _number(component: Any) -> Any:
    is_whole = getattr(component, "precision", None) == 0
    low, high = component.minimum, component.maximum
    if is_whole:
        return Annotated[int, Field(strict=True, ge=low, le=high)]
    limits = Field(strict=True, ge=low, le=high, allow_inf_nan=False)
    return Annotated[float, limits, WrapValidator(_as_given)]


def _as_given(
    value: Any, validate: Callable[[Any], float], info: ValidationInfo
) -> float:
    """Return a number; a whole one as an int, as a function gets it from the page."""
    if isinstance(value, str) and info.mode not in ("python", "json"):
        with contextlib.suppress(ValueError):
            value = int(value) if WHOLE.fullmatch(value) else float(value)
    if isinstance(value, bool):  # as JSON has those of a data frame, which are numbers
        value = int(value)
    number = validate(value)
    return value if isinstance(value, int) else number


def _text(component: Any) -> Any:
    return Annotated[str, Field(strict=True, max_length=component.max_length)]


TEXT = Annotated[str, Field(strict=True)]
CUSTOM = (
    TEXT
    | Annotated[bool, Field(strict=True)]
    | Annotated[int, Field(strict=True)]
    | Annotated[float, Field(strict=True, allow_inf_nan=False)]
)


def _one_of(component: Any) -> Any:
    values = tuple(value for _, value in component.choices)
    if getattr(component, "allow_custom_value", False) or not values:
        texts = values and all(isinstance(value, str) for value in values)
        kind: Any = TEXT if texts else CUSTOM
    else:
        kind = Literal[values]  # a choice of the page
    if any(not isinstance(value, str) for value in values):
        kind = Annotated[kind, BeforeValidator(_chosen(values))]
    return Annotated[list[kind], PARSED] if is_several(component) else kind


def _chosen(values: tuple[Any, ...]) -> Callable[[Any, ValidationInfo], Any]:
    """Return a function that returns the choice that the text of a form stands for."""
    others = [value for value in values if not isinstance(value, str)]
    choices = {text: each for each in others for text in (str(each), json.dumps(each))}
    choices |= {value: value for value in values if isinstance(value, str)}

    def choose(value: Any, info: ValidationInfo) -> Any:
        is_form = info.mode not in ("python", "json")
        return choices.get(value, value) if is_form else value

    return choose


def _parsed(value: Any, info: ValidationInfo) -> Any:
    """Return the list that the text of a form has as JSON."""
    if isinstance(value, str) and info.mode not in ("python", "json"):
        with contextlib.suppress(ValueError):
            return orjson.loads(value)
    return value


PARSED = BeforeValidator(_parsed)
ROWS = Annotated[list[dict[str, str | int | float | bool | None]], PARSED]


def _flag(component: Any) -> Any:
    return Annotated[bool, Field(strict=True)]


def _table(component: Any) -> Any:
    return ROWS


def is_plain(component: Any) -> bool:
    """Return whether a component's values in a request have no files."""
    return kind_of(component).parameter is not None


def to_payload(component: Any, value: Any) -> Any:
    """Return a value of a request as the component's `preprocess` takes it."""
    if isinstance(component, gr.Dataframe):
        headers = _columns(component, value)
        data = [[row.get(name) for name in headers] for row in value]
        value = {"headers": headers, "data": data}
    model = getattr(component, "data_model", None)
    if model is None or value is None:
        return value
    # A file without it was not checked.
    return model.model_validate(value, context={"validate_meta": True})


def is_too_large(component: Any, value: Any) -> bool:
    """Return whether a value is a table with more than MAX_CELLS."""
    is_table = isinstance(component, gr.Dataframe) and value
    return bool(is_table) and len(_headers(value)) * len(value) > MAX_CELLS


def _headers(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def example(component: Any, value: Any) -> Any:
    """Return a value of the page as a request has it."""
    if not isinstance(component, gr.Dataframe):
        return value
    table = component.postprocess(value) if value is not None else None
    headers = table.headers if table else component.headers
    rows = [row for row in table.data if row] if table else []
    return [
        dict(zip(headers, row, strict=False))
        for row in rows[:1] or [[0] * len(headers)]
    ]


def _columns(component: gr.Dataframe, rows: list[dict[str, Any]]) -> list[str]:
    """Return the columns of rows; the table's own are first, in its order.

    A function that takes an array knows them by their place alone.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    own = component.constructor_args.get("headers")
    if isinstance(component.value, dict) and component.value["data"]:
        own = component.value["headers"]
    if not own or names.keys().isdisjoint(own):
        return list(names)
    return list(dict.fromkeys((*own, *names)))


# Answers ------------------------------------------------------------------------------


NULL = {"type": "null"}
NUMBER = {"type": "number"}
NAME = {"anyOf": [{"type": "string"}, NUMBER]}
CONFIDENCE = {
    "type": "object",
    "required": ["label", "confidence"],
    "properties": {"label": NAME, "confidence": {"anyOf": [NUMBER, NULL]}},
}
LABELS = {
    "type": "object",
    "required": ["label", "confidences"],
    "properties": {
        "label": NAME,
        "confidences": {"anyOf": [{"type": "array", "items": CONFIDENCE}, NULL]},
    },
}
SEVERAL = {"type": "array", "items": {"anyOf": [NUMBER, NAME]}}
LABEL: dict[str, Any] = {
    "description": "The likeliest label, and the probabilities of the likeliest "
    "ones if the model has them; of a regression the number, or the list of several.",
    "anyOf": [LABELS, NUMBER, SEVERAL, NULL],
}
TABLE: dict[str, Any] = {
    "description": "Rows, each with its values by the names of the columns.",
    "anyOf": [{"type": "array", "items": {"type": "object"}}, NULL],
}
DATA_URL = {
    "description": "A data URL; the bytes of the file, if Accept asks for them.",
    "anyOf": [{"type": "string", "format": "uri"}, NULL],
}


def answer_schema(component: Any, labels: Sequence[str] = ()) -> dict[str, Any]:
    """Return the JSON Schema of a component's value in a response.

    Args:
        component: which shows it.
        labels: the model's classes, for an example.
    """
    if media_types(component):
        return DATA_URL
    if schema := kind_of(component).answer:
        if isinstance(component, gr.Label) and labels:
            return schema | {"examples": [_example_of(labels)]}
        return schema
    found: dict[str, Any] = _alone(component.api_info_as_output())
    return found


def _alone(schema: Any, definitions: Any = None, within: tuple[str, ...] = ()) -> Any:
    """Return a schema of Gradio's as a part of another one.

    What it refers to is put in its place, and a `type` of {}, of any JSON, left out.
    """
    if isinstance(schema, list):
        return [_alone(each, definitions, within) for each in schema]
    if not isinstance(schema, dict):
        return schema
    definitions = schema.get("$defs", definitions or {})
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        if name in within:
            return {}
        return _alone(definitions.get(name, {}), definitions, (*within, name))
    return {
        name: _alone(each, definitions, within)
        for name, each in schema.items()
        if name != "$defs" and (name, each) != ("type", {})
    }


def to_json(component: Any, value: Any, payload: Any) -> Any:
    """Return an answer as JSON has it.

    Args:
        component: which shows it.
        value: that the function has returned.
        payload: that the component's `postprocess` has made of it.
    """
    if isinstance(component, gr.Label):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value if math.isfinite(value) else None  # else it were a text
        if isinstance(value, Values):
            return value.items
        return payload.model_dump() if payload else None
    if isinstance(payload, BaseModel):
        payload = payload.model_dump()
    if isinstance(component, gr.Dataframe) and payload:
        headers = payload["headers"]
        return [dict(zip(headers, row, strict=True)) for row in payload["data"]]
    return payload


def _example_of(labels: Sequence[str]) -> dict[str, Any]:
    """Return an answer of a gr.Label with the first two of a model's classes."""
    found = zip(labels, (0.9, 0.1), strict=False)
    pairs = [{"label": label, "confidence": confidence} for label, confidence in found]
    return {"label": labels[0], "confidences": pairs}


def labels_of(model: object) -> list[str]:
    """Return the names of a model's classes, as a project's model.py reads them."""
    try:
        text = Path("model", "labels.txt").read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return [str(label) for label in getattr(model, "labels", None) or ()]
    return text.rstrip().splitlines()


@dataclass(frozen=True)
class File:
    """A file as an answer.

    Attributes:
        content: its bytes.
        media_type: such as image/jpeg.
    """

    content: bytes
    media_type: str


# Kinds --------------------------------------------------------------------------------


class Kind(NamedTuple):
    """A kind of component: how its values are sent, and how they come back.

    What is not said of a kind is Gradio's own.
    """

    media_types: tuple[str, ...] = ()  # of a value that is one file
    parameter: Callable[[Any], Any] | None = None  # returns its type, for pydantic
    answer: dict[str, Any] | None = None  # JSON Schema
    has_files: bool = True  # an answer may have some
    is_light: bool = False  # converted before another thread could begin with it


CHOICE = Kind(parameter=_one_of, has_files=False, is_light=True)
KINDS: dict[type, Kind] = {
    gr.Image: Kind(tuple(f"image/{name.lower()}" for name in FORMATS), is_light=True),
    gr.Audio: Kind(("audio/*",)),
    gr.Video: Kind(("video/*",)),
    gr.File: Kind(("application/octet-stream",)),
    gr.Number: Kind(
        parameter=_number,
        answer={"anyOf": [NUMBER, NULL]},
        has_files=False,
        is_light=True,
    ),
    gr.Slider: Kind(parameter=_number, has_files=False, is_light=True),
    gr.Textbox: Kind(
        parameter=_text,
        answer={"anyOf": [{"type": "string"}, NULL]},
        has_files=False,
        is_light=True,
    ),
    gr.Checkbox: Kind(parameter=_flag, has_files=False, is_light=True),
    gr.Dropdown: CHOICE,
    gr.Radio: CHOICE,
    gr.CheckboxGroup: CHOICE,
    gr.Dataframe: Kind(parameter=_table, answer=TABLE, has_files=False),
    gr.JSON: Kind(has_files=False),
    gr.Label: Kind(answer=LABEL, has_files=False, is_light=True),
}


def kind_of(component: Any) -> Kind:
    """Return the kind of a component, or of the class that it extends."""
    found = (KINDS[each] for each in type(component).mro() if each in KINDS)
    return next(found, Kind())


def own_kind_of(component: Any) -> Kind:
    """Return the kind of a component, whose conversion no subclass has changed."""
    return KINDS.get(type(component), Kind())
