"""Examples of a project: inputs whose right answers its owner knows.

Pictures are in examples/, named after their labels. Rows and texts are in examples.csv:
the first line names the columns, in any order, and a column that is none of the model's
has the answers, if there are any.
"""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path("examples")  # pictures, in the project
TABLE = Path("examples.csv")  # rows or texts
TEXT = {"text": ""}  # the one field of a page for texts
BOOLEANS = {"true": "1", "false": "0"}  # as pandas writes a column of them
NEAR = 1e-3  # share of an expected number by which an answer may differ


class BadExample(ValueError):
    """An example that cannot be read."""


class Example(NamedTuple):
    """A row of examples.csv."""

    values: list[Any]  # one for each field of the page
    expected: str | None
    line: int


def label(path: Path) -> str:
    """Return the label in a picture's name: "lion" of lion.jpg and lion-2.jpg.

    "class 2", of a model that does not name its classes, is a label as it is.
    """
    return re.sub(r"(?<!^class)[ _-]\d+$", "", path.stem)


def read(path: Path, fields: Mapping[str, Any] = TEXT) -> list[Example]:
    """Return the examples in a CSV file; none if there is no such file.

    Args:
        path: UTF-8, with commas, semicolons or tabs between the values.
        fields: the default values of the page's fields, by name: a number, an int for
            whole ones, a text, or a list of the values to choose from.

    Raises:
        BadExample: it is not such a file, or a row is none of the page's.
    """
    return parse(load(path), fields, path.name) if path.is_file() else []


def load(path: Path) -> str:
    """Return the text of a CSV file.

    Raises:
        BadExample: it is not UTF-8.
    """
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise BadExample(
            f"{path.name} is not UTF-8 text: save it as UTF-8, in Excel as CSV UTF-8"
        ) from None


def parse(
    text: str, fields: Mapping[str, Any], name: str = TABLE.name
) -> list[Example]:
    """Return the examples in a CSV file's text, as `read` does; errors name it."""
    (_, header), *rows = table(text, name)
    if missing := [field for field in fields if field.strip() not in header]:
        raise BadExample(
            f"{name} has no column {missing[0]!r}: its first line names "
            f"{', '.join(header)}, and the model takes {', '.join(fields)}"
        )
    known = {name.strip() for name in fields}  # as the header has them
    answers = [n for n, name in enumerate(header) if name not in known]
    examples = []
    for line, row in rows:
        if len(row) != len(header):
            reason = f"{len(row)} values, and the first line has {len(header)}"
            raise BadExample(f"{name}, line {line}: {reason}")
        given = dict(zip(header, row, strict=True))
        try:
            values = [value(given[key.strip()], key, fields[key]) for key in fields]
        except BadExample as error:
            raise BadExample(f"{name}, line {line}: {error}") from None
        expected = [row[n] for n in answers]
        examples.append(
            Example(values, ", ".join(expected) if any(expected) else None, line)
        )
    return examples


def table(text: str, name: str = TABLE.name) -> list[tuple[int, list[str]]]:
    """Return the rows of a CSV file with their line numbers, names of columns first.

    Raises:
        BadExample: it is no CSV, or has no names of columns.
    """
    head = text.partition("\n")[0]
    try:
        delimiter = max(
            ",;\t", key=lambda each: len(next(csv.reader([head], delimiter=each), []))
        )
        reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
        rows = [(reader.line_num, [each.strip() for each in row]) for row in reader]
    except csv.Error as error:
        raise BadExample(f"{name} is not valid CSV: {error}") from None
    if "\0" in text:
        raise BadExample(f"{name} has null characters, so it is not a text file")
    rows = [(line, row) for line, row in rows if any(row)]
    if not rows:
        raise BadExample(f"{name} is empty: name the columns in its first line")
    header = rows[0][1]
    if all(map(is_number, header)):
        raise BadExample(
            f"{name} begins with numbers: name the columns in its first line"
        )
    for column in header:
        if not column or header.count(column) > 1:
            raise BadExample(
                f"{name} has two columns {column!r}: remove one"
                if column
                else f"{name} has a column without a name: give it one, or remove it"
            )
    if delimiter == ";":  # Excel's, in countries that write 1,5 for 1.5
        comma = re.compile(r"^(-?\d+),(\d+)$")
        rows = [(n, [comma.sub(r"\1.\2", each) for each in row]) for n, row in rows]
    return rows


def value(text: str, name: str, default: Any) -> Any:
    """Return the text of a field as the page has it: a number, a choice, or a text.

    Raises:
        BadExample: it is no number, or no whole one, or not one of the choices.
    """
    if not text:
        raise BadExample(f"{name} is empty, and the page asks for it")
    if isinstance(default, str):
        return text
    number = BOOLEANS.get(text.lower(), text)
    if isinstance(default, Sequence):
        for choice in default:
            if str(choice) == text or is_number(number) and choice == float(number):
                return choice
        listed = ", ".join(map(str, default[:20]))
        raise BadExample(f"{name}: {text[:60]!r} is not one of {listed}")
    if not is_number(number):
        raise BadExample(f"{name}: {text[:60]!r} is not a number")
    if isinstance(default, int) and not float(number).is_integer():
        raise BadExample(f"{name}: {text[:60]!r} is not a whole number")
    return type(default)(float(number))


def is_number(text: str) -> bool:
    """Return whether a text is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def is_right(answer: Any, expected: str | None) -> bool:
    """Return whether the likeliest label, or the number, is the expected one.

    A number may differ by 0.1 %, or by the rounding of the expected one. Without an
    expected answer, any is right.
    """
    if expected is None:
        return True
    if isinstance(answer, Mapping):
        best: str = max(answer, key=lambda name: answer[name])
        return best == expected
    given, wanted = str(answer).split(", "), expected.split(", ")
    if len(given) != len(wanted):
        return False
    return all(map(_is_near, given, wanted))


def _is_near(given: str, wanted: str) -> bool:
    if not (is_number(given) and is_number(wanted)):
        return given == wanted
    _, _, exponent = Decimal(wanted).as_tuple()
    rounding = 0.5 * 10.0 ** min(int(exponent), 0)
    allowed = max(NEAR * abs(float(wanted)), rounding * (1 + 1e-9))
    return abs(float(given) - float(wanted)) <= allowed
