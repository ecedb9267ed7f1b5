"""Do every fault of the table to a plain app or template and to ours, and write what is seen.

    python -m scripts.faults [--only ROW ...]

Writes docs/faults.md, or puts these rows into it. It needs Linux, root for a few rows, and what the slow tests need.
"""

import argparse
import datetime
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.metadata import version
from pathlib import Path

from local_extensions.catalog import ROOT
from tests.faults import Row, Seen, generated, served
from tests.faults.targets import environment, litserve

PAGE = """\
# What goes wrong, and what happens then

`python -m scripts.faults` does each fault to a plain template or app, as a beginner writes
it, and to what this template makes, side by side, and writes this page; `--only R5` does a
row again. It was last run on {date}, on {machine}, with Python {python}, Gradio {gradio} and cookiecutter {cookiecutter}.
The rows are in `tests/faults/`; `tests/test_faults.py` holds the template to them.

**no** is what is neither the ideal nor as good. Good: {score}.

{table}

## Beside LitServe

The faults that can be done to any server of models, with LitServe {litserve} and the
smallest server of its README, in the same run. Good: {peer_score}.

{peer_table}
"""

TARGET = ROOT / "docs" / "faults.md"
Given = Callable[[], AbstractContextManager]
FAILURES = (AssertionError, LookupError, OSError, ValueError, subprocess.SubprocessError)
Results = list[tuple[Row, dict[str, Seen]]]


def see(row: Row, given: Given) -> Seen:
    """Do a fault to a target; where the probe itself fails, that is not good."""
    try:
        with given() as target:
            return row.probe(target)
    except FAILURES as error:  # one row must not cost the others
        return Seen(f"the probe ended: {type(error).__name__}: {error}", False)


def see_all(rows: list[Row], targets: dict[str, Given]) -> Results:
    """Do faults to targets, and tell on the terminal how it goes."""
    results = []
    for row in rows:
        results.append((row, {name: see(row, given) for name, given in targets.items()}))
        for name, seen in results[-1][1].items():
            print(f"{row.name}, {name}: {cell(seen)}", file=sys.stderr, flush=True)
    return results


def cell(seen: Seen) -> str:
    """Say in a cell of a table what was seen."""
    text = " ".join(seen.text.split()).replace("|", "/")
    return f"{'yes' if seen.good else '**no**'}: {text}"


def table(results: Results) -> str:
    """Return a table with a row for each fault, a column for each target."""
    lines = [["row", "fault", "ideal", *results[0][1]]]
    lines.append(["---"] * len(lines[0]))
    for row, seen in results:
        lines.append([row.name, row.fault, row.ideal, *map(cell, seen.values())])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def score(lines: list[str]) -> str:
    """Say how many rows of a table are good for each target."""
    rows = [line.strip("| \n").split(" | ") for line in lines if line.startswith("| ")]
    columns = zip(*(row[3:] for row in rows if row[0] != "---"), strict=True)
    return ", ".join(
        f"{name} {sum(text.startswith('yes') for text in seen)} of {len(seen)}"
        for name, *seen in columns
    )


def put_into_page(results: Results, peer_results: Results) -> None:
    """Replace rows of the page's two tables, and count again."""
    first, heading, second = TARGET.read_text("utf-8").partition("## Beside")
    parts = [(first, results), (second, peer_results)]
    TARGET.write_text(heading.join(replaced(part, done) for part, done in parts), "utf-8")


def replaced(page: str, results: Results) -> str:
    """Return a part of the page with these rows in its table, and with its new score."""
    lines = page.splitlines(keepends=True)
    for row, seen in results:
        (at,) = (n for n, line in enumerate(lines) if line.startswith(f"| {row.name} |"))
        lines[at] = table([(row, seen)]).splitlines()[-1] + "\n"
    return re.sub(r"Good: .*\.", f"Good: {score(lines)}.", "".join(lines))


def installed(programs: Path, package: str) -> str:
    """Return the version of a package in an environment."""
    code = f"from importlib.metadata import version; print(version('{package}'))"
    return subprocess.check_output([programs / "python", "-c", code], text=True).strip()


def main() -> None:
    """Do the faults, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--only", metavar="ROW", nargs="+", help="do these rows, and put them into the page"
    )
    only = parser.parse_args().only

    def chosen(rows: list[Row]) -> list[Row]:
        return [row for row in rows if not only or row.name in only]

    results = []
    for module in (generated, served):
        targets = {"plain Gradio": module.PLAIN, "ours": module.OURS}
        results += see_all(chosen(module.ROWS), targets)
    peers = {"LitServe": served.PEER, "ours": served.OURS}
    peer_results = see_all(chosen(served.PEER_ROWS), peers)
    if only:
        put_into_page(results, peer_results)
        return
    rows, peer_rows = table(results), table(peer_results)
    page = PAGE.format(
        date=datetime.date.today(),
        machine=f"{platform.system()} {platform.machine()} with {os.cpu_count()} cores",
        python=platform.python_version(),
        gradio=installed(environment("python"), "gradio"),
        cookiecutter=version("cookiecutter"),
        litserve=installed(litserve(), "litserve"),
        score=score(rows.splitlines()),
        table=rows,
        peer_score=score(peer_rows.splitlines()),
        peer_table=peer_rows,
    )
    TARGET.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
