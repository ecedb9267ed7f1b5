"""Answers of projects that share an environment, each in a fork of this process.

Run by the environment's Python. A line of standard input is a project's folder and a list of
inputs as JSON; the line that it prints is the list of answers, each error as {"error": text}, or
why there are none. Gradio and the frameworks are imported once, before the first fork, since
that takes longer than an answer; the project, its files and its `ml_ui` are imported in the fork.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import tempfile

LIBRARIES = (
    "gradio", "PIL.Image", "sklearn.pipeline", "sklearn.ensemble", "onnxruntime", "torch", "keras",
    "xgboost", "lightgbm", "catboost", "transformers",
)  # fmt: skip
TIMEOUT = 600  # s


def main() -> None:
    """Answer until the end of the input."""
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    with os.fdopen(os.dup(1), "w") as out:  # what a project prints goes to standard error
        os.dup2(2, 1)
        for line in sys.stdin:
            folder, inputs = json.loads(line)
            print(json.dumps(in_fork(folder, inputs)), file=out, flush=True)


def in_fork(folder: str, inputs: list[list]) -> list | str:
    """Return a project's answers, or the last line of its error."""
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as errors:
        pid = os.fork()
        if not pid:
            signal.alarm(TIMEOUT)
            status = 1
            try:
                os.dup2(errors.fileno(), 2)
                os.chdir(folder)
                sys.path.insert(0, folder)
                json.dump(answers(inputs), said, default=str)
                said.flush()
                status = 0
            except BaseException as error:  # noqa: BLE001 -- this process ends here
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        for file in (said, errors):
            file.seek(0)
        if status == 0:
            return json.load(said)
        last = errors.read().strip().rpartition("\n")[2]
        return last if status == 1 else f"ended by signal {-status}: {last}"


def answers(inputs: list[list]) -> list:
    """Return the answers of the function of the page in the current folder."""
    import inspect

    import app

    answer = inspect.unwrap(app.answer)
    said = []
    for given in inputs:
        try:
            said.append(answer(*given))
        except Exception as error:  # noqa: BLE001 -- what an owner's code raises
            said.append({"error": f"{type(error).__name__}: {error}"})
    return said


main()
