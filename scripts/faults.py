"""Fault table: inject every fault into a plain app, ours by each API, and ours as on a Space.

    python -m scripts.faults [--only ROW ...] [--target plain | ours | rest | mcp | space ...]

Writes docs/faults.md after each row, so a run that was interrupted continues with --only.
It needs Linux, root for a few rows, Node.js, and what the slow tests need.
"""

import argparse
import datetime
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

from local_extensions.catalog import ROOT
from tests.faults import Row, Seen, generated, served
from tests.faults.targets import environment, litserve

PAGE = """\
# Faults, and how the app handles them

`make faults` injects each fault into a plain template or app, as a beginner writes it, into a
project of this template, and into the same project as a Space starts it: with a Space's
environment variables and Node.js installed. Calls are those of Gradio's API; where a row depends
on how a call is made, the project is also called by `POST /predict`, and as a tool of its MCP
server. It writes this page.
`python -m scripts.faults --only R5` repeats a row. It was last run whole on {date}, on {machine},
with Python {python}, Gradio {gradio}, Node.js {node} and cookiecutter {cookiecutter}. The rows are in `tests/faults/`;
`tests/test_faults.py` checks the template against them.

**no** is neither the ideal nor as good; – does not apply. Good: {score}.

{table}

## Beside LitServe

The faults that apply to any model server, with LitServe {litserve} and the smallest server
of its README. Good: {peer_score}.

{peer_table}
"""

TARGET = ROOT / "docs" / "faults.md"
Given = Callable[[], AbstractContextManager]
Cells = dict[str, dict[str, str]]  # of each row, by the name of its target
FAILURES = (AssertionError, LookupError, OSError, ValueError, subprocess.SubprocessError)
NOT_DONE = "–"


@dataclass(frozen=True)
class Column:
    """A column of a table: a target, by its name on the page and on the command line.

    Attributes:
        title: on the page.
        option: on the command line.
        attribute: of a module of rows: the target.
        rows: of a module of rows: the names of those that apply; all by default.
    """

    title: str
    option: str
    attribute: str
    rows: str = ""

    def given(self, module: ModuleType, row: Row) -> Given | None:
        """Return the context manager of the target for a row; None if it does not apply."""
        applies = not self.rows or row.name in getattr(module, self.rows, ())
        return getattr(module, self.attribute, None) if applies else None


PLAIN = Column("plain Gradio", "plain", "PLAIN")
OURS = Column("ours", "ours", "OURS")
REST = Column("ours, POST /predict", "rest", "REST", "CALLS")
MCP = Column("ours, MCP", "mcp", "MCP", "CALLS")
SPACE = Column("ours on a Space, with Node.js", "space", "SPACE")
LITSERVE = Column("LitServe", "litserve", "PEER")
COLUMNS, PEER_COLUMNS = (PLAIN, OURS, REST, MCP, SPACE), (LITSERVE, OURS)
Probe = tuple[Row, Column, Given]


def probes(module: ModuleType, rows: list[Row], columns: tuple[Column, ...]) -> list[Probe]:
    """Return the probes of some rows, one for each target."""
    return [
        (row, column, given)
        for row in rows
        for column in columns
        if (given := column.given(module, row))
    ]


def see(row: Row, given: Given) -> Seen:
    """Inject a fault into a target; a probe that fails is not good."""
    try:
        with given() as target:
            return row.probe(target)
    except FAILURES as error:  # the other rows go on
        return Seen(f"the probe failed: {type(error).__name__}: {error}", False)


def cell(seen: Seen) -> str:
    """Return the cell of a table for the result of a probe."""
    text = " ".join(seen.text.split()).replace("|", "/")
    return f"{'yes' if seen.good else '**no**'}: {text[:1000]}"


def table(rows: list[Row], columns: tuple[Column, ...], cells: Cells) -> str:
    """Return a Markdown table with a row for each fault, a column for each target."""
    lines = [["row", "fault", "ideal", *(column.title for column in columns)]]
    lines.append(["---"] * len(lines[0]))
    for row in rows:
        seen = cells.get(row.name, {})
        texts = (seen.get(column.title, NOT_DONE) for column in columns)
        lines.append([row.name, row.fault, row.ideal, *texts])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def score(columns: tuple[Column, ...], cells: Cells) -> str:
    """Return how many rows are good for each target."""
    counts = []
    for column in columns:
        seen = [row[column.title] for row in cells.values() if column.title in row]
        good = sum(text.startswith("yes") for text in seen)
        counts.append(f"{column.title} {good} of {len(seen)}")
    return ", ".join(counts)


def read(page: str, rows: list[Row]) -> Cells:
    """Return the cells of a page's table, for the rows that still exist."""
    cells, titles, names = {}, [], {row.name for row in rows}
    for line in page.splitlines():
        name, *texts = line.strip("| ").split(" | ")
        if name == "row":
            titles = texts[2:]
        elif name in names:
            found = zip(titles, texts[2:], strict=True)
            cells[name] = {title: text for title, text in found if text != NOT_DONE}
    return cells


def installed(programs: Path, package: str) -> str:
    """Return the version of a package in an environment."""
    code = f"from importlib.metadata import version; print(version('{package}'))"
    return subprocess.check_output([programs / "python", "-c", code], text=True).strip()


def write(date: str, cells: Cells, peer_cells: Cells, versions: dict[str, str]) -> None:
    """Write the page, with the date of the last whole run and what came after it."""
    rows = [*generated.ROWS, *served.ROWS]
    page = PAGE.format(
        date=date,
        machine=f"{platform.system()} {platform.machine()} with {os.cpu_count()} cores",
        python=platform.python_version(),
        cookiecutter=version("cookiecutter"),
        **versions,
        score=score(COLUMNS, cells),
        table=table(rows, COLUMNS, cells),
        peer_score=score(PEER_COLUMNS, peer_cells),
        peer_table=table(served.PEER_ROWS, PEER_COLUMNS, peer_cells),
    )
    TARGET.write_text(page, "utf-8")


def main() -> None:
    """Inject the faults, and write the page after each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", metavar="ROW", nargs="+", help="only these rows")
    names = [column.option for column in (*COLUMNS, LITSERVE)]
    parser.add_argument("--target", choices=names, nargs="+", help="only into these targets")
    args = parser.parse_args()

    main_rows = [*generated.ROWS, *served.ROWS]
    page = TARGET.read_text("utf-8") if TARGET.exists() else ""
    found = re.search(r"last run whole on ([\d-]+)", page)
    before, today = found[1] if found else "no day", str(datetime.date.today())
    first, _, second = page.partition("## Beside")
    cells, peer_cells = read(first, main_rows), read(second, served.PEER_ROWS)
    versions = {
        "gradio": installed(environment("python"), "gradio"),
        "litserve": installed(litserve(), "litserve"),
        "node": subprocess.check_output(["node", "--version"], text=True).strip("v\n"),
    }
    todo = [
        (table_cells, probe)
        for table_cells, module, rows, columns in (
            (cells, generated, generated.ROWS, COLUMNS),
            (cells, served, served.ROWS, COLUMNS),
            (peer_cells, served, served.PEER_ROWS, PEER_COLUMNS),
        )
        for probe in probes(module, rows, columns)
        if (not args.only or probe[0].name in args.only)
        and (not args.target or probe[1].option in args.target)
    ]
    for number, (table_cells, (row, column, given)) in enumerate(todo, 1):
        start = time.monotonic()
        text = cell(see(row, given))
        table_cells.setdefault(row.name, {})[column.title] = text
        took = f"{time.monotonic() - start:.0f} s"
        progress = f"[{number}/{len(todo)}] {row.name}, {column.title} ({took}): {text}"
        print(progress, file=sys.stderr, flush=True)
        write(f"{before}, and in part on {today}", cells, peer_cells, versions)
    if not (args.only or args.target):
        write(today, cells, peer_cells, versions)


if __name__ == "__main__":
    main()
