# /// script
# requires-python = ">=3.11"
# dependencies = ["cookiecutter>=2.6"]
# ///
"""The template without a terminal: answers in, JSON out.

    python scripts/headless.py schema [KEY=VALUE ...]
    python scripts/headless.py plan [-o FOLDER] [-f] [KEY=VALUE ...]
    python scripts/headless.py generate [-o FOLDER] [-f] [KEY=VALUE ...]

`schema` prints the JSON Schema of the answers, after those given: with model_path=FILE it is one
for that model. `plan` says what would be generated, and writes nothing: what was recognised,
guesses, answers, files, the fit and its limits. `generate` does it, and says what to do next.
None asks a question, uses the network, or runs a model's file.

In place of KEY=VALUE, or before it, `-` reads answers from stdin as a JSON object.

stdout has one JSON object. Exit status:
0  done; of `plan`, it can be generated
1  refused: `problems` has every wrong answer, each with its `question` (null if it is none's),
   `value`, `reason`, what is `accepted` and what is `nearest` (null if any text may be right,
   or nothing is like it); nothing was written
2  the command line is wrong, or cookiecutter is missing: likewise, in `problems`
3  a defect of the template: likewise; its traceback is on stderr

Needs Python 3.11 with cookiecutter, or uv: uv run scripts/headless.py
"""

import argparse
import json
import math
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

sys.dont_write_bytecode = True  # a plan writes nothing at all
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
STEPS = re.compile(r"^## (Run|Check|Deploy)\b.*?^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


class BadCall(Exception):
    """A command line that cannot be carried out."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are JSON, too."""

    def error(self, message: str) -> NoReturn:
        """Raise the error, which argparse would print."""
        raise BadCall(f"{message}. {' '.join(self.format_usage().split())}")


def parser() -> Parser:
    """Return the parser of the command line."""
    made = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = made.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for name, what in (
        ("schema", "print the JSON Schema of the answers"),
        ("plan", "say what would be generated"),
        ("generate", "generate a project"),
    ):
        command = commands.add_parser(name, help=what)
        if name != "schema":
            command.add_argument("-o", "--output-dir", default=".", help="where its folder is made")
            command.add_argument("-f", "--overwrite-if-exists", action="store_true")
        command.add_argument("answers", nargs="*", metavar="KEY=VALUE", help="or - for stdin")
    return made


def given(arguments: list[str]) -> dict[str, Any]:
    """Return the answers of a command line."""
    answers: dict[str, Any] = {}
    for argument in arguments:
        name, is_pair, value = argument.partition("=")
        if argument == "-":
            answers |= read(sys.stdin.read())
        elif is_pair:
            answers[name] = value
        else:
            raise BadCall(f"{argument!r} is not KEY=VALUE, nor - for JSON on stdin")
    return answers


def read(text: str) -> dict[str, Any]:
    """Return the answers in a JSON object."""
    try:
        found = json.loads(text, parse_constant=number, parse_float=number)
    except (ValueError, RecursionError) as error:
        raise BadCall(f"stdin is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise BadCall("stdin is not a JSON object")
    return found


def number(text: str) -> float:
    """Return a number with a fraction, which JSON can have back."""
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(f"{text} is not a number of JSON")
    return found


def run(arguments: list[str]) -> tuple[dict[str, Any], int]:
    """Carry out a command line; return its JSON and the exit status."""
    options = parser().parse_args(arguments)
    answers = given(options.answers)
    from local_extensions import headless, schema

    if options.command == "schema":
        found, problems = schema.schema(answers)
        return found or {"problems": [each._asdict() for each in problems]}, int(bool(problems))
    place = options.output_dir, options.overwrite_if_exists
    planned, wanted = headless.plan(answers, *place)
    if wanted is None or options.command == "plan":
        return planned, int(wanted is None)
    asked = {name: dict(wanted.answers.given)[name] for name in headless.QUESTIONS}
    command = headless.command(asked | {"preview": "no"}, *place, str(ROOT))
    made = subprocess.run(
        [sys.executable, "-m", "cookiecutter", *command],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if made.returncode:  # a full disk, or another program was first
        return refused((made.stdout + made.stderr).strip()), 1
    readme = Path(planned["folder"], "README.md").read_text("utf-8")
    return planned | {"generated": True, "next": steps(readme, planned["check"])}, 0


def steps(readme: str, check: str) -> dict[str, list[str]]:
    """Return the commands to run in the project, by section of its README."""
    found = {
        title.lower(): text.replace("\\\n", "").splitlines()
        for title, text in STEPS.findall(readme)
    }
    return found | {"check": [*filter(None, [check]), *found.get("check", [])]}


def refused(reason: str) -> dict[str, Any]:
    """Return the problem of no answer."""
    parts = {"question": None, "value": None, "reason": reason, "accepted": None, "nearest": None}
    return {"problems": [parts]}


def main() -> int:
    """Print one JSON object; return the exit status."""
    try:
        found, status = run(sys.argv[1:])
    except (BadCall, ImportError) as error:
        how = " Install it, or: uv run scripts/headless.py" * isinstance(error, ImportError)
        found, status = refused(f"{error}.{how}"), 2
    except Exception as error:  # noqa: BLE001, the caller reads JSON
        traceback.print_exc()
        found, status = refused(f"A defect of the template: {type(error).__name__}: {error}"), 3
    print(json.dumps(found, indent=2))
    return status


if __name__ == "__main__":
    sys.exit(main())
