"""Command line of a project: python -m ml_ui COMMAND, in the project's folder.

A command is a module with a docstring, `add_arguments(parser)` and `run(options)`,
which returns the exit status. It is imported when it is used, so that none waits for
Gradio unless it needs it.
"""

import argparse
import os
import sys
import textwrap
from importlib import import_module

from . import __version__

COMMANDS = {
    "preflight": "check whether the project fits its platform",
    "fetch": "download the model's weights from the Hub ahead of the first start",
    "check": "run the model here, and compare its answers with the right ones",
    "bench": "compare the latency of apps",
    "call": "call an app from the terminal",
    "live": "wait until this version of the app is live, and answers right",
    "swap": "swap the project's model for a newer file",
    "move": "move the project to another platform or hardware",
    "update": "update the project to a newer version of the template",
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status: 0 success, 1 failure, 2 bad input."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="python -m ml_ui", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--version", action="version", version=f"ml_ui {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary)
        if name in arguments[:1]:
            module = import_module(f".{name}", __package__)
            paragraphs = (module.__doc__ or "").strip().split("\n\n")
            command.description = "\n\n".join(textwrap.fill(p, 78) for p in paragraphs)
            command.formatter_class = argparse.RawDescriptionHelpFormatter
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    options = parser.parse_args(arguments)
    if not arguments:
        parser.error(f"a command is required: {', '.join(COMMANDS)}")
    status = 1
    try:
        status = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of the pipe has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    return status
