"""Compare the latency of addresses: python tools/bench.py URL [URL ...]

A run is a whole call, as a user waits for it: upload, queue, prediction, download.
"""

import argparse
import math
import statistics
import sys
import time
from pathlib import Path

from client import arguments, call, connect, why


def measure(
    url: str, words: list[str] | None, runs: int
) -> tuple[list[float], list[str]]:
    """Return the seconds of each call that succeeded, and what the others said."""
    seconds, failures = [], []
    try:
        client = connect(url)
        values = arguments(client, words)
        call(client, values)  # the first call wakes the app
    except Exception as error:  # noqa: BLE001, every failure counts
        return [], [why(error)] * runs
    for _ in range(runs):
        start = time.perf_counter()
        try:
            call(client, values)
        except Exception as error:  # noqa: BLE001
            failures.append(why(error))
        else:
            seconds.append(time.perf_counter() - start)
    return seconds, failures


def row(url: str, seconds: list[float], failures: list[str]) -> str:
    """Return a line of the table."""
    if seconds:
        p95 = sorted(seconds)[math.ceil(0.95 * len(seconds)) - 1]
        figures = f"{statistics.median(seconds):8.3f} {p95:8.3f}"
    else:
        figures = f"{'-':>8} {'-':>8}"
    return f"{url:44} {figures} {len(failures):8}"


def main() -> None:
    """Print a table with a line for each address."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url", nargs="+")
    parser.add_argument("--file", help="a picture or sound to send, else an example")
    parser.add_argument("--runs", type=int, default=10, help="calls of each address")
    args = parser.parse_args()
    if args.file and not Path(args.file).is_file():
        parser.error(f"--file: there is no file {args.file}")
    if args.runs < 1:
        parser.error(f"--runs: {args.runs} is less than 1")
    print(f"{'address':44} {'median s':>8} {'p95 s':>8} {'failures':>8}")
    failed = {}
    for url in args.url:
        words = [args.file] if args.file else None
        seconds, failures = measure(url, words, args.runs)
        print(row(url, seconds, failures))
        failed |= {url: failures[0]} if failures else {}
    for url, reason in failed.items():
        print(f"{url}: {reason}", file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
