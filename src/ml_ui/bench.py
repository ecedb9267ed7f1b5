"""Compare the latency of apps: python -m ml_ui bench URL [URL ...]

A run is a whole call, as a user waits for it: POST /predict, or that of --function,
with what goes in and what comes out. The connection stays open.

--json prints one object: ok (no call failed), apps (each with its url, runs, seconds
as min, median, p95 and max, or null if no call succeeded, failures, and the error of
the first), and advice on DURATION for ZeroGPU, or null.
"""

import argparse
import io
import json
import math
import re
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from .call import add_options, connect, login, reason

WIDTH = 30  # characters of the longest bar
DURATION = re.compile(r"^DURATION = (\d+)$", re.MULTILINE)  # in app.py, for ZeroGPU
SHORTEST = 5  # seconds of GPU to ask for: the first call moves the weights there
DAILY = 120  # of a visitor without an account


def measure(
    url: str,
    inputs: list[str] | None,
    runs: int,
    auth: tuple[str, str] | None = None,
    name: str = "predict",
) -> tuple[list[float], list[str]]:
    """Return the seconds of each successful call, and the errors of the others."""
    seconds, failures = [], []
    try:
        app = connect(url, auth, name=name)
        values = app.arguments(inputs) if inputs else app.example()
        app.predict(values)  # the first call wakes the app
    except Exception as error:  # noqa: BLE001, every failure counts
        return [], [reason(error)] * runs
    for _ in range(runs):
        start = time.perf_counter()
        try:
            app.predict(values)
        except Exception as error:  # noqa: BLE001
            failures.append(reason(error))
        else:
            seconds.append(time.perf_counter() - start)
    return seconds, failures


def row(url: str, seconds: list[float], failures: list[str]) -> str:
    """Return the line of an app in the table."""
    if seconds:
        _, median, p95, _ = _quantiles(seconds)
        figures = f"{median:8.3f} {p95:8.3f}"
    else:
        figures = f"{'-':>8} {'-':>8}"
    return f"{url:44} {figures} {len(failures):8}"


def as_dict(url: str, seconds: list[float], failures: list[str]) -> dict[str, Any]:
    """Return the figures of an app, as --json prints them."""
    names = ("min", "median", "p95", "max")
    return {
        "url": url,
        "runs": len(seconds) + len(failures),
        "seconds": dict(zip(names, _quantiles(seconds), strict=False)) or None,
        "failures": len(failures),
        "error": next(iter(failures), None),
    }


def chart(measured: dict[str, list[float]]) -> str:
    """Return a chart: for each app a bar from the fastest call to the slowest.

    The part from the median to the 95th percentile is dark.
    """
    longest = max((max(times) for times in measured.values() if times), default=1.0)
    lines = []
    for url, times in measured.items():
        marks = [round(WIDTH * s / longest) for s in _quantiles(times)] or [0] * 4
        first, median, p95, last = marks
        bar = " " * first + "░" * (median - first) + "█" * max(1, p95 - median)
        lines.append(f"{url[:44]:44} {bar}{'░' * (last - p95)}" if times else url)
    scale = f"{'':44} 0{longest:{WIDTH}.3f} s"
    key = f"{'':44} ░ all calls, █ from the median to p95"
    return "\n".join([*lines, scale, key])


def _quantiles(times: list[float]) -> list[float]:
    """Return the minimum, median, 95th percentile and maximum of times."""
    times = sorted(times)
    if not times:
        return []
    p95 = times[math.ceil(0.95 * len(times)) - 1]
    return [times[0], statistics.median(times), p95, times[-1]]


def duration(app: str, times: list[float]) -> str:
    """Return the seconds to ask of ZeroGPU, in a sentence; "" if app.py asks none.

    Args:
        app: its source.
        times: seconds of whole calls; the GPU's part of one is not longer.
    """
    asked = DURATION.search(app)
    if not asked or not times:
        return ""
    _, _, p95, _ = _quantiles(times)
    needed = max(SHORTEST, math.ceil(2 * p95))
    words = f"ZeroGPU: DURATION = {needed} in app.py is twice p95 (it is {asked[1]})."
    if needed > DAILY:
        words += f" Visitors without an account have {DAILY} s a day: none could call."
    return words


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("url", nargs="+", help="https://..., or USER/NAME of a Space")
    parser.add_argument("--file", help="picture or sound to send (default: an example)")
    parser.add_argument(
        "--runs", type=int, default=10, help="calls per app (default: 10)"
    )
    parser.add_argument("--chart", action="store_true", help="draw a bar chart")
    add_options(parser)
    parser.add_argument("--json", help="print one JSON object", action="store_true")


def run(options: argparse.Namespace) -> int:
    """Print a table with a line for each app."""
    if options.file and not Path(options.file).is_file():
        print(f"bench: --file: there is no file {options.file}", file=sys.stderr)
        return 2
    if options.runs < 1:
        print(f"bench: --runs: {options.runs} is less than 1", file=sys.stderr)
        return 2
    auth = login(options.user)
    table = io.StringIO() if options.json else sys.stdout
    header = f"{'address':44} {'median s':>8} {'p95 s':>8} {'failures':>8}"
    print(header, file=table)
    failed: dict[str, str] = {}
    apps = []
    measured: dict[str, list[float]] = {}
    for url in options.url:
        inputs = [options.file] if options.file else None
        seconds, failures = measure(url, inputs, options.runs, auth, options.function)
        measured[url] = seconds
        apps.append(as_dict(url, seconds, failures))
        print(row(url, seconds, failures), file=table, flush=True)
        if failures:
            failed[url] = failures[0]
    app = Path("app.py").read_text("utf-8") if Path("app.py").is_file() else ""
    if advice := duration(app, measured[options.url[0]]):
        print(advice, file=table)
    if options.chart:
        print(f"\n{chart(measured)}", file=table)
    if options.json:
        found = {"ok": not failed, "apps": apps, "advice": advice or None}
        print(json.dumps(found, indent=2))
    for url, error in failed.items():
        print(f"{url}: {error}", file=sys.stderr)
    return 1 if failed else 0
