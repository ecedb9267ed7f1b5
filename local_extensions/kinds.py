"""Compatibility of a model file with each kind of input and output, and what they tell of it.

TAKES and FACTS have a function for each folder of templates/inputs/, GIVES for each of
templates/outputs/.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ml_ui.examples import TEXT

from . import examples
from .catalog import FRAMEWORKS, INPUTS, OFFERED, TASKS, Framework, Task
from .model_files import ModelFile
from .model_files.common import CALL, FORM, YOURSELF, Unusable

SMALLEST, MOST = 64, 10**6  # values of a flat model of pictures: 8x8 pixels, 1000x1000
LONGEST = 5000  # characters of a text, as app.py has it
GUESSED = "a guess"  # as a source of the pixels' scaling says that it is one


def columns(found: ModelFile) -> int | None:
    """Return the number of columns; None if it is free or the model does not take rows."""
    shape = found.input_shape or ()
    return found.n_features or (shape[1] if len(shape) == 2 else None)


def _is_endless(found: ModelFile) -> bool:
    """Return whether a row has so many nameless columns that something else makes them."""
    return (columns(found) or 0) > FORM and not found.features


def _is_square(found: ModelFile) -> bool:
    """Return whether the input is a grey picture without an axis of channels, such as MNIST's."""
    _, *axes = found.input_shape or ("", 0)
    return len(axes) == 2 and axes[0] == axes[1] and (axes[0] or 0) ** 2 >= SMALLEST


def _takes_picture(found: ModelFile) -> str | None:
    if len(found.input_shape or ()) == 4:
        return "pictures"
    if _is_square(found):
        return "grey pictures"
    number = columns(found)
    flat = number and SMALLEST <= number <= MOST and math.isqrt(number) ** 2 == number
    return _takes_row(found) if flat and not found.features else None


def _takes_row(found: ModelFile) -> str | None:
    if len(found.input_shape or ()) != 2 or _takes_text(found):
        return None
    return f"{columns(found) or 'any number of'} columns"


def _takes_text(found: ModelFile) -> str | None:
    is_text = found.input_dtype == "string" and len(found.input_shape or ()) != 4
    return "text" if is_text and columns(found) in (None, 1) else None


# Functions that describe the input of a model file; None if it is not of this kind.
TAKES: dict[str, Callable[[ModelFile], str | None]] = {
    "picture": _takes_picture,
    "row": _takes_row,
    "text": _takes_text,
}


def _gives_scores(found: ModelFile) -> bool:
    """Return whether the output is a number, or one for each class or target."""
    _, *axes = found.outputs[0].shape
    return sum(axis != 1 for axis in axes) <= 1 and not _is_autoencoder(found)


def _is_autoencoder(found: ModelFile) -> bool:
    """Return whether as many values come out of a network as go in: pixels, or a series."""
    count, (_, *axes) = found.n_outputs or 0, found.input_shape or (None, 0)
    taken = columns(found) or math.prod(axis or 0 for axis in axes)
    is_class = found.labels or found.scores in ("probabilities", "class", "class logits")
    return count >= SMALLEST and count == taken and not is_class


def _gives_labels(found: ModelFile) -> bool:
    return found.scores not in ("numbers", "classes") and _gives_scores(found)


def _gives_picture(found: ModelFile) -> bool:
    shape = found.outputs[0].shape
    if len(shape) != 4:
        return False
    channels = {shape[1], shape[3]}
    several = found.scores == "class logits" and 1 not in channels
    if found.scores == "probabilities" or several:  # a segmenter's
        return False
    of_picture = len(found.input_shape or shape) == 4 or _is_square(found)  # not latent numbers
    return of_picture and not channels.isdisjoint({1, 3}) and shape[2] != 1


# Functions that tell whether the first output of a model file is of this kind.
GIVES: dict[str, Callable[[ModelFile], bool]] = {
    "labels": _gives_labels,
    "values": _gives_scores,
    "picture": _gives_picture,
}


def takes(found: ModelFile) -> dict[str, str]:
    """Return the kinds of input that a model file fits, in words; none if unknown."""
    said = {kind: describe(found) for kind, describe in TAKES.items()}
    return {kind: text for kind, text in said.items() if text}


def gives(found: ModelFile) -> list[str]:
    """Return the kinds of output that a model file fits: all if it does not declare one."""
    known = bool(found.outputs and found.outputs[0].shape)
    return [kind for kind, fits in GIVES.items() if not known or fits(found)]


def unfit(found: ModelFile) -> str:
    """Return why a model file fits no task, and what to do."""
    if gives(found) and _is_endless(found):
        return (
            f"takes {columns(found)} columns without names, so the vectorizer or the "
            "preprocessing before them is not in the file: save the whole pipeline, as "
            "make_pipeline(vectorizer, model), train it on a table that names its columns, or "
            f"{YOURSELF.format('both')}."
        )
    if takes(found) and gives(found) == ["values"]:
        what = "several classes at once" if found.scores == "classes" else "a number"
        given = " or ".join(takes(found).values())
        return f"gives {what} for {given}, which no page here shows yet: {CALL}."
    if gives(found):
        return (
            f"takes {found.input_dtype or 'values'} of {_axes(found.input_shape)} "
            f"({found.inputs[0].name}), such as sound, a series or a video, which no page here "
            f"asks for yet: give a model of pictures, texts or rows, or {CALL}."
        )
    output = found.outputs[0]
    return (
        f"gives {_axes(output.shape)} ({output.name}), neither scores of classes, numbers nor a "
        "picture: a detector, a segmenter, an autoencoder or an embedding, which no page here "
        f"shows yet. Give a classifier, or {CALL}."
    )


def _axes(shape: tuple[int | None, ...] | None) -> str:
    return "x".join(str(axis or "n") for axis in shape or ("?",))


def framework_of(found: ModelFile) -> Framework:
    """Return the framework that runs a model file."""
    return next(each for each in FRAMEWORKS.values() if found.format in each.formats)


def fitting(found: ModelFile) -> list[str]:
    """Return the names of the tasks that a model file fits, the likeliest first."""
    framework = framework_of(found)
    known = takes(found) or (INPUTS if found.input_shape is None else {})
    inputs = known.keys() & set(framework.formats[found.format]["runs"])
    outputs = gives(found)
    tasks = [
        TASKS[name]
        for name, by in OFFERED
        if by == framework.name
        and TASKS[name].input.name in inputs
        and TASKS[name].output.name in outputs
    ]
    # Pixels in a row, or columns: a form of some hundred fields is of no use to anybody.
    if _is_endless(found) and {task.input.name for task in tasks} == {"row"}:
        return []
    likely = "row" if inputs == {"picture", "row"} and (columns(found) or 0) <= FORM else None
    return [task.name for task in sorted(tasks, key=lambda task: task.input.name != likely)]


class Facts(NamedTuple):
    """What a kind of input tells of a model."""

    fields: dict[str, Any]  # of Model
    guess: str = ""  # what the file does not declare, and where to correct it
    notes: Sequence[str] = ()  # what else its owner should know
    answered: Sequence[str] = ()  # columns of their answers


def _pixels(found: ModelFile, own: bool, task: Task, framework: Framework) -> Facts:
    """Return shape and scaling of the model's pictures, with a note for the owner."""
    shape, first, size = found.input_shape, not framework.channels_last, list(task.size)
    channels, free, number = 3, False, columns(found)
    if _is_square(found):
        shape = (*shape, 1)
    if shape and len(shape) == 4:
        first = shape[1] in (1, 3)
        channels = shape[1 if first else 3] or 3
        axes = shape[2:] if first else shape[1:3]
        free = None in axes
        size = [n or m for n, m in zip(axes, size, strict=True)]
    elif number:
        first, channels, size = False, 1, [math.isqrt(number)] * 2
    mean, std, source, crop, blue_first = found.pixels or (0.0, 1.0, "", None, False)
    rules = framework.formats[found.format].get("pixels", framework.pixels)
    by_name = (r for r in rules if re.fullmatch(r["name"], found.name or ""))
    if own and not found.pixels and (rule := next(by_name, None)):
        mean, std, source = rule["mean"], rule["std"], rule["source"]
        size = rule.get("size", size)
    several = next((len(part) for part in (mean, std) if isinstance(part, list | tuple)), 0)
    if several > 1 and channels != several:
        mean, std, source = 0.0, 1.0, ""
    facts = {
        "input_shape": (None, channels, *size) if first else (None, *size, channels),
        "mean": tuple(mean) if isinstance(mean, list) else mean,
        "std": tuple(std) if isinstance(std, list) else std,
        "pixel_source": source,
        "crop": crop,
        "blue_first": blue_first,
    }
    if not own:
        return Facts(facts)
    guess = " ".join(_pixel_guesses(found, facts, free and None not in size))
    notes = [f"Pixels go in as MEAN and STD in model.py say, by {source}."] if source else []
    if GUESSED in source:
        return Facts(facts, f"{guess} {notes[0]}".lstrip())
    return Facts(facts, guess, notes)


def _pixel_guesses(found: ModelFile, facts: dict[str, Any], is_free: bool) -> Iterator[str]:
    """Yield what was guessed about pictures, and where to correct it."""
    if not (found.input_shape or found.n_features):
        yield "The file does not declare its input: check INPUT_SHAPE in model.py."
    elif is_free:
        yield "The file leaves the size of pictures free: check INPUT_SHAPE in model.py."
    if not facts["pixel_source"]:
        yield (
            "The file does not say how pixels go in, and 0 to 1 is a guess: if yours were trained "
            "otherwise, edit MEAN and STD in model.py."
        )


def _fields(found: ModelFile, own: bool, task: Task, framework: Framework) -> Facts:
    """Return the columns of a model, and example rows; a demo's are in its card."""
    if not own:
        return Facts({})
    number = columns(found)
    names = found.features or [f"feature {n + 1}" for n in range(number or 1)]
    values = [list(v) if isinstance(v, tuple) else v for v in found.values or [0.0] * len(names)]
    known = dict(zip(names, values, strict=True))
    table = examples.table(found.path, known, bool(found.features), number is None)
    first = table.rows[0] if table.rows else [_default(value) for value in values]
    facts = {
        "features": {
            name: value if isinstance(value, list) else default
            for (name, value), default in zip(table.features.items(), first, strict=True)
        },
        "rows": table.rows or [first],
        "answers": table.answers,
        "table": bool(table.rows),
    }
    named = found.features or table.rows
    guess = "" if named else "The file does not name its columns: check FEATURES in model.py."
    return Facts(facts, guess, table.notes, table.columns)


def _default(value: float | str | list) -> float | str:
    """Return the value that a field has at first."""
    return value[0] if isinstance(value, list) else value


PLACEHOLDER = "The text in examples.csv is a placeholder: replace it with one of yours."


def _sentence(found: ModelFile, own: bool, task: Task, framework: Framework) -> Facts:
    """Return example texts; a demo's are in its card."""
    if not own:
        return Facts({"features": TEXT})
    table = examples.table(found.path, TEXT, named=False)
    for text, *_ in table.rows:
        if len(text) > LONGEST:
            raise Unusable(
                f"examples.csv has a text of {len(text)} characters ({text[:30]}...), and the page "
                f"takes {LONGEST}: shorten it."
            )
    rows = table.rows or [["The parcel came a week late, and the box was open."]]
    facts = {"features": TEXT, "rows": rows, "answers": table.answers}
    return Facts(facts, notes=table.notes if table.rows else (*table.notes, PLACEHOLDER))


FACTS: dict[str, Callable[[ModelFile, bool, Task, Framework], Facts]] = {
    "picture": _pixels,
    "row": _fields,
    "text": _sentence,
}
