"""Try every model of the zoo: is its project's answer the one of its library?

    python -m scripts.zoo [NAME ...] [--every N] [--serve]

Writes docs/zoo.md. Each project is generated; answers are kept in build/zoo and taken from there
while the project is the same. Interrupt it at any time. Exit status 1 if a project answers
wrong or fails, or a file is refused or accepted wrongly.
"""

import argparse
import json
import os
import sys
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial

from . import FOLDER, ROOT, Animal, Verdict, animals, families, judge

PAGE = ROOT / "docs" / "zoo.md"
HEAD = """\
# The zoo

{count} model files, made with the libraries that people use, in their releases, and tried:
a project is generated from the file alone (`--no-input model_path=FILE`), its locked
requirements are installed, and its page's function is asked. The truth is what the library
itself answers. `make zoo` makes this page; last run on {date}.

{summary}

| file | made by | recognised as, or refused because | answer | verdict |
|---|---|---|---|---|
"""
KEPT = FOLDER / "answers.json"


def main() -> int:
    """Judge the animals, write the page, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.zoo", description=__doc__)
    parser.add_argument("names", nargs="*", help="families, or parts of file names; none is all")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth file")
    parser.add_argument("--again", action="store_true", help="judge all anew")
    parser.add_argument("--serve", action="store_true", help="ask the pages over HTTP")
    options = parser.parse_args()
    found = list(chosen(options.names))[:: options.every]
    FOLDER.mkdir(parents=True, exist_ok=True)
    kept = {} if options.again or not KEPT.exists() else json.loads(KEPT.read_text("utf-8"))
    rows: list[tuple[Animal, Verdict]] = []
    with ThreadPoolExecutor(1 if options.serve else os.cpu_count()) as threads:
        verdicts = threads.map(partial(judge, serve=options.serve, kept=kept), found)
        for number, (animal, verdict) in enumerate(zip(found, verdicts, strict=True), 1):
            KEPT.write_text(json.dumps(kept.copy()), "utf-8")
            rows.append((animal, verdict))
            print(f"{number}/{len(found)} {animal.name}: {verdict.verdict}", flush=True)
            if not verdict.is_expected:
                print(f"    {verdict.recognised}\n    {verdict.said}", flush=True)
    counts = Counter(verdict.verdict for _, verdict in rows)
    print(summary(counts))
    if not options.names and options.every == 1:
        PAGE.write_text(page(rows, counts), "utf-8")
    return 0 if all(verdict.is_expected for _, verdict in rows) else 1


def chosen(names: list[str]):
    """Yield the animals of some families or with some names; all if there are none."""
    for family in families():
        if family in names or not set(names) & set(families()):
            for animal in animals(family):
                parts = [name for name in names if name not in families()]
                if not parts or any(part in animal.name for part in parts):
                    yield animal


def summary(counts: Counter) -> str:
    """Return the number of files by verdict, in a line."""
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def page(rows: list[tuple[Animal, Verdict]], counts: Counter) -> str:
    """Return the page: a row for each file, of all releases with the same verdict."""
    releases = defaultdict(list)
    for animal, verdict in rows:
        recognised = verdict.recognised.removeprefix("model_path: ")
        recognised = recognised.replace(f"{animal.folder}/", "")  # of this machine
        cells = (animal.path.relative_to(animal.folder).as_posix(), recognised, verdict.verdict)
        releases[animal.family, *cells].append((animal.made_by, verdict.said))
    lines = []
    for (_, file, recognised, verdict), made in releases.items():
        by = ", ".join(dict.fromkeys(by.partition(" ")[0] for by, _ in made))
        cells = (file, by, recognised, made[0][1], verdict)
        lines.append(
            " | ".join(cell.replace("|", "\\|").replace("\n", " ")[:240] for cell in cells)
        )
    head = HEAD.format(count=len(rows), date=date.today(), summary=summary(counts))
    return head + "".join(f"| {line} |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
