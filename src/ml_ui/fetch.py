"""Fetch the model's weights from the Hub ahead of the first start.

Downloads what model/hub.json names into the Hub's cache, and compares its hashes. A
token for a private or gated model is read from HF_TOKEN.

Exit status: 0 they are in the cache, 1 they are not, with the reason.
"""

import argparse
import sys
from pathlib import Path

from . import hub

FILE = Path("model", hub.NAME)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument(
        "--public",
        action="store_true",
        help="leave weights that need a token to the start of the app, which has it",
    )


def run(options: argparse.Namespace) -> int:
    """Fetch the weights, print where they are, and return the exit status."""
    if not FILE.is_file():
        print(f"There is no {FILE}: the model is in this project.")
        return 0
    try:
        path = hub.fetch(FILE, lambda line: print(line, flush=True))
        hub.verify(FILE)
    except OSError as error:
        print(f"fetch: {error}", file=sys.stderr)
        if options.public and getattr(error, "needs_token", False):
            print("fetch: left to the start of the app.", file=sys.stderr)
            return 0
        return 1
    print(path)
    return 0
