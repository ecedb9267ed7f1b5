"""Post-generation hook: write the chosen files, copy the model and ml_ui, print next steps.

Rendered by cookiecutter and run in the new project. It uses no network and writes nothing
outside the project.
"""

import sys

# The first entry is the shared temporary folder this file was written to.
sys.path.pop(0)
sys.dont_write_bytecode = True

import json
import os
import re
import shlex
import shutil
import signal

SIGNALS = (signal.SIGINT, signal.SIGTERM)
ANSWERS = json.loads(r""" {{ cookiecutter | tojson }} """)
COPIES = json.loads(r""" {{ (cookiecutter | project).copies | tojson }} """)
VENDORED = "{{ vendored }}"
IS_NEW = ANSWERS.get("_is_new", False)  # cookiecutter made the folder in this run
KEEP = ANSWERS.get("_skip_if_file_exists", False)  # cookiecutter's option
WHERE = ANSWERS.get("_where", ANSWERS["project_slug"])
APP = "python app.py\n"
CHECK = json.loads(r""" {{ (cookiecutter | project).check | tojson }} """)
SUMMARY = json.loads(r""" {{ cookiecutter | summary | tojson }} """)


def unpack(bundle: str) -> None:
    """Write the chosen files from the rendered bundle, and remove it."""
    with open(bundle, encoding="utf-8") as file:
        files = json.load(file)
    for path, text in files.items():
        if text.strip() and not (KEEP and os.path.exists(path)):
            make_room(path)
            with open(path, "w", encoding="utf-8", newline="") as file:  # as rendered
                file.write(text)
    os.remove(bundle)


def mark(path: str, line: str) -> None:
    """Prepend a line to a file."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(f"{line}\n{text}")


def copy(source: str, target: str) -> None:
    """Copy a file or a folder into the project; existing files of ml_ui are never kept."""
    keep = KEEP and target != "ml_ui"  # ours: half of an older version would not run

    def copy_file(source: str, target: str) -> None:
        if not (keep and os.path.exists(target)):
            shutil.copyfile(source, target)

    make_room(target)
    if os.path.isdir(source):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, target, ignore=ignore, copy_function=copy_file, dirs_exist_ok=True)
    else:
        copy_file(source, target)


def make_room(path: str) -> None:
    """Create the parent folder of a path."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)


def with_lines(text: str) -> str:
    """Add to each "MEAN in model.py" the line where it stands, as far as there is one."""

    def add_line(found: re.Match) -> str:
        with open(found[2], encoding="utf-8") as file:
            lines = [n for n, line in enumerate(file, 1) if line.startswith(f"{found[1]} = ")]
        return f"{found[0]} (line {lines[0]})" if lines else found[0]

    return re.sub(r"\b([A-Z_]{3,})(?:\s+and\s+[A-Z_]+)?\s+in\s+(model\.py)", add_line, text)


def next_steps(readme: str) -> str:
    """Return the README's commands to run and to deploy; "" if its owner took them out."""
    block = r"^## (?:Run|Deploy).*?^```sh\n(.*?)^```"
    found = re.findall(block, readme, re.DOTALL | re.MULTILINE)
    if len(found) < 2:
        return ""
    steps = found[0].replace(APP, f"{CHECK}\n{APP}") if CHECK else found[0]
    here = f"cd {shlex.quote(WHERE)}\n{steps}"
    return f"\nRun it here:\n\n{here}\nPut it online:\n\n{found[-1]}"


def main() -> None:
    """Finish the project in the current folder; the answers are validated already."""
    unpack("_chosen_files.json")
    for source, target in COPIES.items():
        copy(source, target)
    mark("ml_ui/__init__.py", VENDORED)
    with open("README.md", encoding="utf-8") as file:
        steps = next_steps(file.read())
    text = f"\n{with_lines(SUMMARY)}\n\nYour project is in {WHERE}.\n{steps}"
    try:
        sys.stdout.reconfigure(errors="replace")  # a model's name, in a terminal of Windows
        print(text, flush=True)
    except BrokenPipeError:  # the reader is gone; the project is complete
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def stop(number: int, _frame: object) -> None:
    """Signal handler: exit, ignoring further signals."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


def take_back() -> None:
    """Remove an unfinished project, unless its folder existed before."""
    if IS_NEW:
        project = os.getcwd()
        os.chdir(os.pardir)  # Windows does not remove a process's current folder
        shutil.rmtree(project, ignore_errors=True)


if __name__ == "__main__":
    for each in SIGNALS:
        if signal.getsignal(each) != signal.SIG_IGN:  # ignored by a shell for background jobs
            signal.signal(each, stop)
    try:
        main()
    except SystemExit:  # by the signal handler; cookiecutter does not clean up then
        take_back()
        raise
    except OSError as error:  # cookiecutter removes a folder that it created
        sys.exit(f"{error}. The project is not finished: make room for it, or give another folder.")
    finally:
        os.remove(__file__)
