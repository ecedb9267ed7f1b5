"""Compare the latency of addresses: python -m ml_ui bench URL [URL ...]

A run is a whole call, as a user waits for it: upload, queue, prediction, download.
"""

import argparse
import math
import statistics
import sys
import time
from pathlib import Path

from .call import arguments, call, connect, why

WIDTH = 30  # characters of the longest bar


def measure(
    url: str, words: list[str] | None, runs: int
) -> tuple[list[float], list[str]]:
    """Return the seconds of each call that succeeded, and what the others said."""
    seconds, failures = [], []
    try:
        client = connect(url)
        values = arguments(client, words)
        call(client, values)  # the first call wakes the app
    except Exception as error:  # every failure counts
        return [], [why(error)] * runs
    for _ in range(runs):
        start = time.perf_counter()
        try:
            call(client, values)
        except Exception as error:
            failures.append(why(error))
        else:
            seconds.append(time.perf_counter() - start)
    return seconds, failures


def row(url: str, seconds: list[float], failures: list[str]) -> str:
    """Return a line of the table."""
    if seconds:
        _, median, p95, _ = _quantiles(seconds)
        figures = f"{median:8.3f} {p95:8.3f}"
    else:
        figures = f"{'-':>8} {'-':>8}"
    return f"{url:44} {figures} {len(failures):8}"


def chart(measured: dict[str, list[float]]) -> str:
    """Draw the calls of each address as a bar from the fastest to the slowest.

    The part from the median to the 95th percentile is dark.
    """
    longest = max((max(times) for times in measured.values() if times), default=1.0)
    lines = []
    for url, times in measured.items():
        marks = [round(WIDTH * s / longest) for s in _quantiles(times)] or [0] * 4
        first, median, p95, last = marks
        bar = " " * first + "░" * (median - first) + "█" * max(1, p95 - median)
        lines.append(f"{url[:44]:44} {bar}{'░' * (last - p95)}" if times else url)
    return "\n".join([*lines, f"{'':44} 0{longest:{WIDTH}.3f} s"])


def _quantiles(times: list[float]) -> list[float]:
    """Return the least of some times, their median, 95th percentile and maximum."""
    times = sorted(times)
    if not times:
        return []
    p95 = times[math.ceil(0.95 * len(times)) - 1]
    return [times[0], statistics.median(times), p95, times[-1]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    parser.add_argument("url", nargs="+")
    parser.add_argument("--file", help="a picture or sound to send, else an example")
    parser.add_argument("--runs", type=int, default=10, help="calls of each address")
    parser.add_argument("--chart", action="store_true", help="draw the calls as bars")


def run(options: argparse.Namespace) -> int:
    """Print a table with a line for each address."""
    if options.file and not Path(options.file).is_file():
        print(f"bench: --file: there is no file {options.file}", file=sys.stderr)
        return 2
    if options.runs < 1:
        print(f"bench: --runs: {options.runs} is less than 1", file=sys.stderr)
        return 2
    print(f"{'address':44} {'median s':>8} {'p95 s':>8} {'failures':>8}")
    failed, measured = {}, {}
    for url in options.url:
        words = [options.file] if options.file else None
        seconds, failures = measure(url, words, options.runs)
        measured[url] = seconds
        print(row(url, seconds, failures), flush=True)
        failed |= {url: failures[0]} if failures else {}
    if options.chart:
        print(f"\n{chart(measured)}")
    for url, reason in failed.items():
        print(f"{url}: {reason}", file=sys.stderr)
    return 1 if failed else 0
