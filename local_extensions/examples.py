"""Examples of the owner's, beside the model: files of a kind, or a table of rows or texts."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ml_ui import examples

from . import quoting
from .catalog import Input
from .model_files.common import Unusable, human, refuse_pointer, refuse_special

MOST = 24  # files that come along: the page shows them all
PLAIN = re.compile(r"\w[\w .()-]{0,80}")  # in Python, JavaScript, and a shell's double quotes
LARGEST = 10_000_000  # bytes of one; a page is no place for more
MOST_ROWS = 100  # that come along: the project's tests predict each
LARGEST_TABLE = 1_000_000  # bytes of examples.csv: 100 texts, as long as the page takes, have half


def files(model: Path, kind: Input) -> tuple[list[Path], list[str]]:
    """Return the files of a kind in `examples/` beside a model, and notes on what comes along.

    Raises:
        Unusable: it is a link, or one is a link out of the folder, a Git LFS pointer, or of no kind.
    """
    folder = model.with_name("examples")
    if not (kind.files and folder.is_dir()):
        return [], []
    if folder.is_symlink():
        raise Unusable(
            f"{folder} is a link to {os.path.realpath(folder)}: put the folder itself there, or "
            "remove the link."
        )
    endings, begin = kind.files["endings"], kind.files["begin"].encode("latin-1")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in endings)
    for path in found[:MOST]:
        refuse_special(path, folder)
        refuse_pointer(path)
        with path.open("rb") as file:
            if not re.match(begin, file.read(12), re.DOTALL):
                raise Unusable(f"{path.name} is no {kind.name}, whatever its ending: remove it.")
    taken = [path for path in found[:MOST] if path.stat().st_size <= LARGEST]
    count = len(taken) if len(taken) == len(found) else f"{len(taken)} of {len(found)}"
    what = f"{kind.name.capitalize()}s"
    notes = [f"{what} of examples/ come along, and are pushed with the project: {count}."]
    if left := {path.name for path in found[:MOST]} - {path.name for path in taken}:
        notes.append(f"examples/{min(left)} is larger than {LARGEST // 10**6} MB and left out.")
    return taken, notes if found else []


def names(files: list[Path]) -> dict[Path, str]:
    """Return files with their names in a project: their own, if they are plain."""
    return {path: f"examples/{_name(path.name)}" for path in files}


def _name(name: str) -> str:
    return name if PLAIN.fullmatch(name) else quoting.file_name(name)


class Table(NamedTuple):
    """Rows of examples.csv, with what they tell of the columns."""

    features: Mapping[str, Any]  # default values by name, of the model's columns
    rows: Sequence[Sequence[Any]] = ()
    answers: Sequence[str | None] = ()  # one for each row
    notes: tuple[str, ...] = ()
    columns: Sequence[str] = ()  # those of the answers


def table(model: Path, features: Mapping[str, Any], named: bool, free: bool = False) -> Table:
    """Return examples.csv beside a model; without rows if there is none.

    Args:
        model: the path of the model.
        features: default values of its columns, by name.
        named: the file names its columns; otherwise the table does.
        free: nor does it tell how many there are: the table's last column has the answers.

    Raises:
        Unusable: it is a link out of the folder, too large, not CSV, or of other columns.
    """
    path = model.with_name(examples.TABLE.name)
    if not path.is_file():
        return Table(features)
    refuse_special(path, path.parent)
    refuse_pointer(path)
    if (size := path.stat().st_size) > LARGEST_TABLE:
        raise Unusable(
            f"{path.name} has {human(size)}: keep some rows, up to {human(LARGEST_TABLE)}."
        )
    try:
        text = examples.load(path)
        _, header = examples.table(text)[0]
        if not named and not features.keys() <= {*header}:
            features = _renamed(features, header, free)
        found = examples.parse(text, features)
    except examples.BadExample as error:
        raise Unusable(f"{error}.") from None
    if not found:
        raise Unusable(f"{path.name} has no rows under the names of its columns: add some.")
    taken = found[:MOST_ROWS]
    answers = [each.expected for each in taken]
    count = len(found) if found == taken else f"the first {MOST_ROWS} of {len(found)}"
    known = len(answers) - answers.count(None)
    notes = [
        f"Rows of examples.csv come along, and are pushed with the project: {count}.",
        f"Its tests expect the answers in examples.csv: {known}."
        if known
        else "examples.csv has no column of answers: add what your model gave, for its tests.",
    ]
    if not named and len(features) > 1:
        notes.append(
            "The file does not name its columns: FEATURES in model.py has those of examples.csv, "
            "in their order."
        )
    others = [name for name in header if name not in {each.strip() for each in features}]
    return Table(features, [each.values for each in taken], answers, tuple(notes), others)


def _renamed(features: Mapping[str, Any], header: Sequence[str], free: bool) -> dict[str, Any]:
    """Return columns with the names of a header, in its order."""
    values = [*features.values()]
    if free:
        values = [0.0] * max(1, len(header) - 1)
    if len(header) < len(values):
        raise Unusable(
            f"examples.csv has {len(header)} columns ({', '.join(header[:9])}), and the model takes "
            f"{len(values)}."
        )
    return dict(zip(header, values, strict=False))
