"""Check whether the project fits its platform, before anything is pushed.

Exit status: 0 it fits, 1 it does not fit, 2 bad input or not known.
"""

# Limits and prices, each with its source and date, are in sizing/platforms/; the
# memory of models is in sizing/runtimes.json; the sizes of the project's packages in
# .ml-ui.json. A new check is a limit in such a file and a function of that name in
# footprint.py.

import argparse
import os
import sys
from pathlib import Path

from .sizing import footprint, limits, measure, project
from .sizing.refusals import refusals
from .sizing.report import Report, as_text, check

STATUS = {True: 0, False: 1, None: 2}  # by whether the project fits


def progress(line: str) -> None:
    """Print a line of progress on a terminal."""
    if sys.stderr.isatty():
        print(line, file=sys.stderr, flush=True)


def report(options: argparse.Namespace) -> Report:
    """Return the report for the command's options."""
    folder = Path.cwd()
    answers = project.record(folder)["answers"]
    platform = options.platform or answers.get("platform") or ""
    hardware = options.hardware
    if platform == answers.get("platform"):
        hardware = hardware or answers.get("hardware")
    given = (limit.partition("=") for limit in options.limit)
    replaced = {name: limits.parse_limit(name, text) for name, _, text in given}
    fetched = limits.parse_size(options.fetched)
    footprint = project.weigh(folder, fetched)
    answer = check(platform, hardware, footprint, replaced, exists=True)
    if platform == answers.get("platform"):  # of another one the files are not here
        answer = answer.refused_for(refusals(platform, answer.hardware, folder))
    if options.measure:
        names = [each.name for each in answer.checks]
        answer = answer.measured(measure.measure(folder, names, progress))
    return answer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("--platform", help=", ".join(limits.PLATFORMS))
    parser.add_argument("--hardware", help="a tier of the platform, such as cpu-basic")
    parser.add_argument(
        "--limit",
        metavar="NAME=SIZE",
        action="append",
        default=[],
        help="replace a limit, such as slug=500M or boot=90s",
    )
    parser.add_argument(
        "--fetched", metavar="SIZE", default="0B", help="weights that the app downloads"
    )
    parser.add_argument(
        "--measure",
        help="build and boot the project here, and compare",
        action="store_true",
    )
    parser.add_argument("--json", help="print one JSON object", action="store_true")


def run(options: argparse.Namespace) -> int:
    """Print the report and return the exit status."""
    try:
        answer = report(options)
    except (footprint.BadInput, measure.CannotMeasure, OSError) as error:
        print(f"preflight: {error}", file=sys.stderr)
        return 2
    terminal = sys.stdout.isatty()
    unicode = (sys.stdout.encoding or "").lower() == "utf-8"
    text = as_text(
        answer,
        colour=terminal and "NO_COLOR" not in os.environ,
        blocks="█░" if terminal and unicode else "#.",
    )
    try:
        print(answer.as_json() if options.json else text, flush=True)
    except BrokenPipeError:  # as in preflight | head; keep the exit status
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    for reason in answer.not_known if answer.fits is None else ():
        print(f"preflight: {reason}", file=sys.stderr)
    return STATUS[answer.fits]
