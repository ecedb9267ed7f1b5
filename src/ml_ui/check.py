"""Check the model's answers here: python -m ml_ui check [--example F --expect LABEL]

Runs the model of the project on its examples, or on one of yours, without the page, and
shows what goes in, what comes out, the time and the memory. Where a network fails with
the size of its pictures, it tries the usual sizes; where the expected label does not
come, the usual ways to scale pixels. It says which is right, and edits model.py with
--write.

Exit status: 0 the expected answers come, or none is known, 1 one does not, an answer is
suspect, or the size is wrong, 2 bad input.

--json prints one object: ok (the status is 0), error (of bad input, else null),
compared and right (how many answers), examples (input, answer, expected, right,
seconds, and the arrays in and out of the model), suspect, tried (ways to scale
pixels), edits of model.py (for, lines by number, written, others that give the same
labels), chance (the right answers are so few that they can be chance) and model (input,
seconds, bytes).
"""

import argparse
import csv
import importlib
import inspect
import io
import json
import math
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np

from . import examples, scaling
from .examples import FOLDER, TABLE, TEXT, BadExample, is_right, label
from .gradio_fixes import Function, functions

NAME = "predict"  # API name of the model's function
FILES = {"Audio", "File", "Image", "Video"}  # components
TOP = 3  # answers that are shown
CLEAR = 2.0  # times the odds of a more usual scaling, for a rarer one to be taken
# Larger numbers make a network surer of whatever it says: so many times larger ones are
# not taken, if it is as sure as this of the right labels with smaller ones.
LARGER, SURE = 8, 0.8
FEW = 3  # labelled examples, below which they may be right by chance
UNNAMED = "class "  # label of a class whose name nobody has told
FLAT = 1.2  # times an equal share, below which the likeliest class is a guess


Call = tuple[np.ndarray, np.ndarray]  # a batch, and the model's output


class Example(NamedTuple):
    """An input of the page, and the answer that its owner expects."""

    name: str
    values: tuple[Any, ...]
    expected: str | None
    by_name: bool = False  # expected by a file's name, which may say something else


class Seen(NamedTuple):
    """What a prediction did."""

    answer: Any
    given: np.ndarray | None  # the batch that went into the model
    output: np.ndarray | None
    seconds: float


@dataclass
class Findings:
    """What a check found, as --json prints it."""

    ok: bool = False
    error: str | None = None
    compared: int = 0
    right: int = 0
    chance: bool = False
    examples: list[dict[str, Any]] = field(default_factory=list)
    suspect: list[str] = field(default_factory=list)
    tried: list[dict[str, Any]] = field(default_factory=list)
    edits: list[dict[str, Any]] = field(default_factory=list)
    model: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> str:
        """Return the findings as one JSON object."""
        return json.dumps(_plain(asdict(self)), indent=2)


def _plain(value: Any) -> Any:
    """Return a value with numbers of NumPy and those that JSON lacks as it has them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | None) else str(value)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument(
        "--example",
        metavar="INPUT",
        action="append",
        help="a picture's file, a text, or a row such as 5.1,3.5,red; a .csv has many",
    )
    parser.add_argument(
        "--expect",
        metavar="LABEL",
        action="append",
        help="the right answer of the example before it",
    )
    parser.add_argument(
        "--write",
        help="edit the size and scaling of pictures in model.py",
        action="store_true",
    )
    parser.add_argument("--json", help="print one JSON object", action="store_true")


def run(options: argparse.Namespace) -> int:
    """Print what the model answers and return the exit status."""
    found = Findings()
    try:
        if not options.json:
            return check(options, found)
        with redirect_stdout(io.StringIO()):  # also what app.py prints
            status = check(options, found)
    except (BadExample, OSError, UnicodeError) as error:
        print(f"check: {error}", file=sys.stderr)
        found.error, status = str(error), 2
    if options.json:
        found.ok = status == 0
        print(found.as_json())
    return status


def check(options: argparse.Namespace, found: Findings) -> int:
    """Check the model, print what it answers, and note it; return the exit status."""
    app, model = modules(Path.cwd())
    page = function(app)
    asked = list(chosen(page, model, options.example or [], options.expect or []))
    load(model, found)
    fits = not asked or find_size(page, model, asked[0], options.write, found)
    status = report(page, model, asked, options.write, found)
    return status if fits or options.write else 1


def modules(folder: Path) -> tuple[Any, Any]:
    """Import app.py and model.py of a project.

    Raises:
        BadExample: the folder has no app.py and model.py.
    """
    for name in ("app.py", "model.py"):
        if not (folder / name).is_file():
            raise BadExample(
                f"{folder} has no {name}: run this in the project's folder"
            )
    sys.path.insert(0, str(folder))
    return importlib.import_module("app"), importlib.import_module("model")


def function(app: Any) -> Function:
    """Return the function of the page that is called `predict`.

    Raises:
        BadExample: the page has none.
    """
    demo = getattr(app, "demo", None)
    if isinstance(demo, gr.Blocks):
        for each in functions(demo):
            if each.name == NAME:
                return each
    raise BadExample(
        f"app.py has no `demo` with a function of api_name={NAME!r} and @guard"
    )


def load(model: Any, found: Findings) -> None:
    """Load the model; print and note its declared input, the time and the memory."""
    before, start = _memory(), time.perf_counter()
    loaded = model.load()
    seconds = time.perf_counter() - start
    shape = getattr(loaded, "input_shape", None)
    declared = "x".join(str(n or "n") for n in shape) if shape else "not declared"
    memory = _memory() - before if before else None
    found.model = {"input": shape, "seconds": seconds, "bytes": memory}
    used = f", {memory / 1e6:.0f} MB" if memory is not None else ""
    print(f"model: input {declared}, loaded in {seconds:.1f} s{used}")


def _memory() -> int:
    """Return the bytes of resident memory; 0 where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        return 0
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def chosen(
    page: Function, model: Any, given: Sequence[str], expected: Sequence[str]
) -> Iterator[Example]:
    """Yield the examples on the command line; without any, those of the project.

    A picture of the project whose name is a label expects it.

    Raises:
        BadExample: one is no file, no number, or has too few or too many values, or
            the page answers with a picture, and one is expected to have a label.
    """
    if len(expected) > len(given):
        raise BadExample("--expect needs an --example before it")
    if expected and _are_files(page.outputs):
        raise BadExample("the page answers with a picture: leave out --expect")
    of_files = _are_files(page.inputs)
    fields = getattr(model, "FEATURES", TEXT)
    if given:
        answers = [*expected, *[None] * (len(given) - len(expected))]
        read = _file if of_files else partial(_row, fields)
        for text, answer in zip(given, answers, strict=True):
            yield from read(text, answer)
    elif of_files and FOLDER.is_dir():
        for path in sorted(FOLDER.iterdir()):
            yield Example(str(path), (str(path),), label(path), by_name=True)
    elif not of_files and TABLE.is_file():
        yield from _row(fields, str(TABLE), None)
    else:
        row = [component.value for component in page.inputs]
        for each in page.examples or [row]:
            if None not in each:
                yield Example(_shown(each), tuple(each), None)


def _are_files(components: Sequence[Any]) -> bool:
    return bool({type(each).__name__ for each in components} & FILES)


def _file(text: str, expected: str | None) -> Iterator[Example]:
    """Yield the example in a file, whose name may be its label."""
    if not Path(text).is_file():
        raise BadExample(f"there is no file {text}")
    answer = label(Path(text)) if expected is None else expected
    yield Example(text, (text,), answer, by_name=expected is None)


def _row(
    fields: Mapping[str, Any], text: str, expected: str | None
) -> Iterator[Example]:
    """Yield the example in a text, or those in a .csv file."""
    if text.lower().endswith(".csv"):
        if not Path(text).is_file():
            raise BadExample(f"there is no file {text}")
        for each in examples.read(Path(text), fields):
            name = f"{text}, line {each.line}"
            yield Example(name, tuple(each.values), each.expected)
        return
    row = next(csv.reader([text])) if len(fields) > 1 else [text]
    if len(row) != len(fields):
        names = ", ".join(fields)
        raise BadExample(f"{text}: {len(row)} values; the page has {names}")
    values = [
        examples.value(given.strip(), name, fields[name])
        for name, given in zip(fields, row, strict=True)
    ]
    yield Example(text, tuple(values), expected)


def report(
    page: Function, model: Any, chosen: Sequence[Example], write: bool, found: Findings
) -> int:
    """Print and note the answers and what is suspect; return the exit status."""
    results = [(example, ask(page, model, example)) for example in chosen]
    for example, seen in results:
        print(_paragraph(example, seen))
    found.examples = [_noted(example, seen) for example, seen in results]
    doubts = found.suspect = [*suspect([seen for _, seen in results])]
    for doubt in doubts:
        print(f"Suspect: {doubt}")
    known = [
        (each, is_right(seen.answer, each.expected))
        for each, seen in results
        if knows(each, seen)
    ]
    right = found.right = sum(is_good for _, is_good in known)
    found.compared = len(known)
    if not known:
        print("Nothing to compare with: give --example INPUT --expect LABEL.")
        return 1 if doubts else 0
    print(f"Right: {right} of {len(known)}.")
    found.chance = len(known) < FEW
    if right == len(known):
        if found.chance:
            print(f"That can be chance: {FEW} examples or more show it.")
        return 1 if doubts else 0
    if hasattr(model, "MEAN") and hasattr(model, "prepare"):
        best = find_scaling(page, model, [each for each, _ in known], found)
        if best is not None:
            edit = best.title, best.constants(), write, best.blue_first
            equal = [each for each in found.tried if each["right"] == len(known)]
            others = [each["title"] for each in equal if each["title"] != best.title]
            found.edits.append(apply(model, *edit) | {"others": others})
            return 0 if write else 1
    else:
        print(
            "Compare with the code that the model was trained with: the order of its "
            "columns, how they were scaled or encoded, and the order of its labels."
        )
    return 1


def ask(page: Function, model: Any, example: Example) -> Seen:
    """Return the page's answer to an example, as its function gives it, and its cost.

    Raises:
        BadExample: the page refuses the example, or the model fails with it.
    """
    with recorded(model) as calls:
        start = time.perf_counter()
        try:
            answer = inspect.unwrap(page.call)(*example.values)
        except Exception as error:
            raise BadExample(
                f"{example.name}: {type(error).__name__}: {error}"
            ) from error
        seconds = time.perf_counter() - start
    given, output = calls[-1] if calls else (None, None)
    return Seen(answer, given, output, seconds)


@contextmanager
def recorded(model: Any) -> Iterator[list[Call]]:
    """Yield a list that gets the input and the output of each call of the model."""
    kind = type(model.load())
    calls: list[Call] = []
    original = vars(kind).get("__call__")
    if original is None:  # a plain function without a model
        yield calls
        return

    def call(self: Any, batch: Any) -> Any:
        output = original(self, batch)
        calls.append((np.asarray(batch), np.asarray(output)))
        return output

    kind.__call__ = call
    try:
        yield calls
    finally:
        kind.__call__ = original


def _paragraph(example: Example, seen: Seen) -> str:
    """Return what is shown of an example: the answer, the input, the time."""
    lines = [f"{example.name[:70]}: {_shown(seen.answer)}"]
    if seen.given is not None and seen.output is not None:
        lines.append(f"  in   {_array(seen.given)}")
        lines.append(f"  out  {_array(seen.output)}, {1000 * seen.seconds:.0f} ms")
    if knows(example, seen) and not is_right(seen.answer, example.expected):
        lines.append(f"  expected {example.expected}")
    return "\n".join(lines)


def _noted(example: Example, seen: Seen) -> dict[str, Any]:
    """Return what is noted of an example."""
    is_known = knows(example, seen)
    return {
        "input": example.name,
        "answer": seen.answer,
        "expected": example.expected if is_known else None,
        "right": is_right(seen.answer, example.expected) if is_known else None,
        "seconds": seen.seconds,
        "in": _described(seen.given),
        "out": _described(seen.output),
    }


def _described(values: np.ndarray | None) -> dict[str, Any] | None:
    """Return shape, dtype and range of an array; None if there is none."""
    if values is None:
        return None
    described = {"shape": values.shape, "dtype": str(values.dtype)}
    if values.dtype.kind not in "fiub":
        return described
    return described | {"min": np.min(values), "max": np.max(values)}


def _shown(answer: Any) -> str:
    if isinstance(answer, Mapping):
        best = sorted(answer.items(), key=lambda pair: -pair[1])[:TOP]
        return ", ".join(f"{name} {share:.1%}" for name, share in best)
    if isinstance(answer, Sequence) and not isinstance(answer, str):
        return ", ".join(map(str, answer))
    return str(answer)


def _array(values: np.ndarray) -> str:
    """Return shape, dtype and range of an array."""
    shape = "x".join(map(str, values.shape))
    if values.dtype.kind not in "fiub":
        return f"{shape} {values.dtype}"
    low, high = float(np.min(values)), float(np.max(values))
    return f"{shape} {values.dtype}, {low:.3g} to {high:.3g}"


def knows(example: Example, seen: Seen) -> bool:
    """Return whether an example's expected answer can be compared with the one seen.

    Raises:
        BadExample: it is none of the model's labels.
    """
    if example.expected is None or not isinstance(seen.answer, Mapping):
        return example.expected is not None and not example.by_name
    if example.expected in seen.answer:
        return True
    if example.by_name:
        return False
    names = ", ".join([*seen.answer][:20])
    problem = f"{example.expected!r} is not a label; there are {names}"
    if all(str(name).startswith(UNNAMED) for name in seen.answer):
        problem += ": write their names to model/labels.txt, a line each, in this order"
    raise BadExample(problem)


def suspect(results: Sequence[Seen]) -> Iterator[str]:
    """Yield what is suspect in some answers, in a sentence."""
    shares = [seen.answer for seen in results if isinstance(seen.answer, Mapping)]
    if len(shares) > 1 and all(each == shares[0] for each in shares):
        yield "the answers to all examples are the same, to the last digit."
    for share in shares:
        if len(share) > 1 and max(share.values()) < FLAT / len(share):
            yield "the likeliest label is hardly likelier than the others."
            return


def find_size(
    page: Function, model: Any, example: Example, write: bool, findings: Findings
) -> bool:
    """Find the size of pictures if the model fails with its own, and edit INPUT_SHAPE.

    The rest of this run has the size that is found.

    Returns:
        Whether the model works with its own.
    """
    declared = getattr(model.load(), "input_shape", None) or (None, None)
    fixed = None not in declared[1:]
    if fixed or not (hasattr(model, "INPUT_SHAPE") and hasattr(model, "prepare")):
        return True
    with recorded(model) as calls:
        try:
            ask(page, model, example)
            return True
        except BadExample as error:  # of a visitor, or behind the model
            if calls or isinstance(error.__cause__, gr.Error):
                return True
    before = model.INPUT_SHAPE
    print(f"The model fails with INPUT_SHAPE = {before}. Trying the usual sizes:")
    found = []
    for side in scaling.SIDES:
        model.INPUT_SHAPE = scaling.with_side(model, side)
        with suppress(BadExample):
            ask(page, model, example)
            found.append(model.INPUT_SHAPE)
    print("  it answers with", ", ".join(map(str, found)) or "none of them")
    model.INPUT_SHAPE = found[0] if found else before
    if found:
        title = "the only size that works" if len(found) == 1 else "the most usual size"
        edit = apply(model, title, {"INPUT_SHAPE": str(found[0])}, write)
        findings.edits.append(edit)
    return False


def find_scaling(
    page: Function, model: Any, chosen: Sequence[Example], findings: Findings
) -> scaling.Scaling | None:
    """Print which scalings of the pixels give the expected labels.

    Returns:
        The most usual of those that give all of them, if it is about as sure as any;
        None if none does.
    """
    print("Trying the usual scalings of pixels:")
    found: dict[scaling.Scaling, float] = {}  # how sure of the right labels
    for each in scaling.usual(model):
        with scaling.applied(model, each):
            answers = [(example, ask(page, model, example)) for example in chosen]
        right = sum(is_right(seen.answer, one.expected) for one, seen in answers)
        sure = float(
            np.mean([_share(seen.answer, one.expected) for one, seen in answers])
        )
        print(f"  {right} of {len(chosen)} right, {sure:6.1%} sure: {each.title}")
        findings.tried.append({"title": each.title, "right": right, "sure": sure})
        if right == len(chosen):
            found[each] = sure
    if not found:
        print(
            "None gives every expected label: compare with the code that the model was "
            "trained with, its size of pictures and the order of its labels."
        )
        return None
    several = len({each.expected for each in chosen}) > 1
    taken = likeliest(found, several)
    if len(found) > 1:
        why = "the usual one" if taken is next(iter(found)) else "a likelier one"
        print(f"Several do, and {why} is taken: more examples tell them apart.")
    return taken


def likeliest(found: Mapping[scaling.Scaling, float], several: bool) -> scaling.Scaling:
    """Return the scaling of a network's training, of those with all labels right.

    Args:
        found: how sure it is of the right labels with each, 0 to 1, by their use.
        several: they are not all the same: one alone may come whatever goes in.
    """
    sizes = [each.size for each, sure in found.items() if several and sure >= SURE]
    most = LARGER * min(sizes, default=math.inf)
    odds = {
        each: sure / (1.000001 - sure)
        for each, sure in found.items()
        if each.size < most
    }
    # A little surer proves nothing.
    return next(each for each in odds if CLEAR * odds[each] >= max(odds.values()))


def _share(answer: Any, expected: str | None) -> float:
    """Return the probability of a label; 0 or 1 where the answer is a label alone."""
    if isinstance(answer, Mapping):
        return float(answer[expected])
    return float(is_right(answer, expected))


def apply(
    model: Any,
    title: str,
    constants: Mapping[str, str],
    write: bool,
    blue_first: bool | None = None,
) -> dict[str, Any]:
    """Print an edit of model.py, make it if asked, and return what is noted of it.

    Args:
        model: the module model.py.
        title: what the edit is for.
        constants: names and their new values, as source code.
        write: make the edit.
        blue_first: put blue first in prepare(), or no more; None leaves the order.
    """
    path = Path(model.__file__)
    source = path.read_text("utf-8")
    edited = scaling.rewritten(source, constants, blue_first)
    if write:
        _replace(path, edited)
    print(f"{'Written to' if write else 'Edit'} {path.name}, for {title}:")
    old = source.split("\n")
    new = edited.split("\n")
    lines = {n: line.strip() for n, line in enumerate(new, 1) if line not in old}
    for number, line in lines.items():
        print(f"  line {number}: {line}")
    if not write:
        print("Or run this again with --write.")
    script = path.with_name("model.js")  # by which a page without a server answers
    if script.exists():
        source = script.read_text("utf-8")
        same = scaling.rewritten_script(source, constants, blue_first)
        if write and same is not None:
            _replace(script, same)
            print(f"{script.name} has the same now.")
        else:
            print(f"Change {script.name} in the same way: its page answers by it.")
    return {"for": title, "lines": lines, "written": write}


def _replace(path: Path, text: str) -> None:
    """Replace the text of a file, whole or not at all."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(text, "utf-8")
    shutil.copymode(path, beside)
    os.replace(beside, path)
