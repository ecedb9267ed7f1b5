"""Will the project fit its platform? Computed before anything is pushed.

Exit status: 0 it fits, 1 it does not, 2 bad input or it cannot be told.

fit/platforms.json has the limits and prices, each with its source and date, fit/sizes.json
what the packages weigh, fit/runtimes.json what models take in memory. A new check is a
limit in platforms.json and a function of that name in fit/footprint.py.
"""

import argparse
import os
import sys
from pathlib import Path

from fit import footprint, limits, measure, project
from fit.report import Report, as_text, check

PROJECT = Path(__file__).resolve().parent.parent


def tell(line: str) -> None:
    """Show progress to a person who waits."""
    if sys.stderr.isatty():
        print(line, file=sys.stderr, flush=True)


def report(options: argparse.Namespace) -> Report:
    """Answer for the options of the command."""
    own = footprint.read(footprint.FIT / "project.json")
    platform = options.platform or own.get("platform", "")
    hardware = options.hardware
    if platform == own.get("platform"):
        hardware = hardware or own.get("hardware")
    given = (limit.partition("=") for limit in options.limit)
    replaced = {name: limits.parse_limit(name, text) for name, _, text in given}
    fetched = limits.parse_size(options.fetched)
    weighed = project.weigh(PROJECT, fetched)
    answer = check(platform, hardware, weighed, replaced)
    if options.measure:
        names = [each.name for each in answer.checks]
        answer = answer.measured(measure.measure(PROJECT, names, tell))
    return answer


def main(arguments: list[str] | None = None) -> int:
    """Answer on the terminal; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--platform", help=", ".join(limits.PLATFORMS))
    parser.add_argument("--hardware", help="a tier of the platform, such as cpu-basic")
    limit = {"metavar": "NAME=SIZE", "action": "append", "default": []}
    parser.add_argument("--limit", help="such as slug=500M", **limit)
    size = {"metavar": "SIZE", "default": "0B"}
    parser.add_argument("--fetched", help="weights that the app downloads", **size)
    help = "build and boot it here, and compare"
    parser.add_argument("--measure", help=help, action="store_true")
    parser.add_argument("--json", help="print one JSON object", action="store_true")
    options = parser.parse_args(arguments)
    try:
        answer = report(options)
    except (footprint.BadInput, measure.CannotMeasure, OSError) as error:
        print(f"preflight: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    terminal = sys.stdout.isatty()
    unicode = (sys.stdout.encoding or "").lower() == "utf-8"
    text = as_text(
        answer,
        colour=terminal and "NO_COLOR" not in os.environ,
        blocks="█░" if terminal and unicode else "#.",
    )
    try:
        print(answer.as_json() if options.json else text, flush=True)
    except BrokenPipeError:  # nobody reads on, and the answer stays what it is
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0 if answer.fits else 1


if __name__ == "__main__":
    sys.exit(main())
