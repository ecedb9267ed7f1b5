"""Real model files, made by the libraries that people use, and the answers that these give.

A module here is run in an environment of its own, which its header names. It writes model
files and `truth.json` into the current folder: a list of objects with

- file: a model's name,
- input: a row, a text, or the name of a picture,
- answer: what the library itself answers, a label or numbers; null for any answer,
- probability: of that label, if it is known,
- expect: "right"; "check" if only `python -m ml_ui check` with the first three inputs can find
  how pixels are scaled; or "refused", and "why", a word of the reason,
- architecture: the text of architecture.py, for weights alone.
"""

import hashlib
import json
import math
import re
import subprocess
import sys
import threading
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from tests.running import BUILD, clean_environment, free_port, install, install_packages, served

ROOT = Path(__file__).resolve().parents[2]
FOLDER = BUILD / "zoo"
# Releases of a library, beside the newest, whose files people have: what to install for each.
VERSIONS: dict[str, list[tuple[str, ...]]] = {
    "boosters": [
        ("xgboost-cpu==3.2.0", "pandas<3"),
        ("xgboost-cpu==3.0.5", "scikit-learn==1.6.1", "pandas<3"),
    ],
    "keras_models": [
        ("keras==3.6.0", "tensorflow-cpu==2.18.1"),
        ("keras==3.3.3", "tensorflow-cpu==2.16.2", "numpy<2"),
    ],
    "onnx_models": [
        (
            "skl2onnx==1.17.0",
            "onnxmltools==1.12.0",
            "onnx==1.17.0",
            "scikit-learn==1.5.2",
            "onnxruntime==1.20.1",
            "protobuf<6",
            "setuptools<80",
            "pandas<3",
        ),
    ],
    "scikit_learn": [
        ("scikit-learn==1.7.2", "pandas<3"),
        ("scikit-learn==1.5.2", "pandas<3"),
        ("scikit-learn==1.3.2", "numpy<2", "pandas<3"),
    ],
    "transformers_models": [("transformers==4.57.1",)],
    "lightgbm_models": [
        ("lightgbm==4.0.0", "scikit-learn==1.4.2", "pandas<2.2", "numpy<2"),
        ("lightgbm==3.3.5", "scikit-learn==1.3.2", "pandas<2", "numpy<1.26"),
    ],
    "catboost_models": [
        ("catboost==1.2.7", "pandas<3", "numpy<2"),
        ("catboost==1.2", "pandas<2", "numpy<1.25"),
    ],
}
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?")
SHOWN = 3  # inputs with which a project's owner checks it
CLOSE = 1e-2  # of a probability
ASK = Path(__file__).with_name("_ask.py")
_local = threading.local()


class Animal(NamedTuple):
    """A model file with the answers of its library."""

    family: str  # the module that makes it
    folder: Path  # of a release
    path: Path
    made_by: str  # its library and version
    cases: tuple[dict[str, Any], ...]

    @property
    def name(self) -> str:
        """Return its name in the table."""
        return self.path.relative_to(self.folder.parent).as_posix()


class Verdict(NamedTuple):
    """What became of a model file."""

    recognised: str  # task and framework, or the reason of the refusal
    said: str  # the project's answer to the first input
    verdict: str

    @property
    def is_expected(self) -> bool:
        """Whether the file is answered right or refused, as it should be."""
        return self.verdict in ("right", "right after check", "refused")


def families() -> list[str]:
    """Return the names of the modules that make models."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def animals(family: str, newest: bool = False) -> Iterator[Animal]:
    """Make the models of a family in every release, or the newest alone, once; yield them."""
    script = Path(__file__).with_name(f"{family}.py")
    source = script.read_text("utf-8")
    header = re.search(r"^# /// script\n((?:#.*\n)+?)# ///$", source, re.MULTILINE)[1]
    needed = tomllib.loads(re.sub(r"^# ?", "", header, flags=re.MULTILINE))["dependencies"]
    for release in [(), *([] if newest else VERSIONS.get(family, ()))]:
        pinned = {re.split(r"[=<>!~]", each)[0] for each in release}
        packages = [each for each in needed if re.split(r"[=<>!~\[]", each)[0] not in pinned]
        packages += release
        made_by = " ".join(release) or "newest"
        digest = hashlib.sha256(f"{source}{packages}".encode()).hexdigest()[:8]
        slug = re.sub(r"[^\w.]+", "-", " ".join(release) or family)
        folder = FOLDER / f"{slug}-{digest}"
        if not (folder / "truth.json").exists():
            folder.mkdir(parents=True, exist_ok=True)
            name = hashlib.sha256(repr(packages).encode()).hexdigest()[:12]
            python = install_packages(f"zoo-{name}", *packages) / "python"
            subprocess.run([python, "-W", "ignore", script], cwd=folder, check=True)
        by_file = defaultdict(list)
        for case in json.loads((folder / "truth.json").read_text("utf-8")):
            by_file[case["file"]].append(case)
        for file, cases in by_file.items():
            yield Animal(family, folder, folder / file, made_by, tuple(cases))


def judge(
    animal: Animal, serve: bool = False, kept: dict[str, list | str] | None = None
) -> Verdict:
    """Generate a project for a model file, ask it, and compare its answers.

    Args:
        animal: the model file.
        serve: whether to ask the page over HTTP; only one at a time can be.
        kept: answers of earlier runs, by the name of the file and the state of its project;
            new ones are added.
    """
    kept = {} if kept is None else kept
    first = animal.cases[0]
    project, reason = generate(animal.path)
    if project is None:
        known = first["expect"] == "refused" and first.get("why", "").lower() in reason.lower()
        return Verdict(reason, "", "refused" if known else "REFUSED, unexpectedly")
    task = json.loads((project / ".ml-ui.json").read_text("utf-8"))["model"]
    recognised = f"{title(project)}, {task['framework']}"
    if network := first.get("architecture"):  # what its owner writes
        (project / "architecture.py").write_text(network, "utf-8")
    folder = animal.folder
    if first["expect"] == "check" and not check(project, animal.cases[:SHOWN], folder):
        return Verdict(recognised, "", "CHECK FAILS")
    inputs = [case["input"] for case in animal.cases]
    key = f"{animal.name} {state(project, inputs)}{' served' if serve else ''}"
    if key not in kept:
        kept[key] = (ask_page if serve else ask)(project, inputs, folder)
    said = kept[key]
    if isinstance(said, str):
        return Verdict(recognised, said, "FAILS")
    pairs = list(zip(animal.cases, said, strict=True))
    errors = [answer["error"] for _, answer in pairs if is_error(answer)]
    shown = json.dumps(said[0], ensure_ascii=False)
    if first["expect"] == "refused":
        return Verdict(recognised, shown, "ACCEPTED, wrongly")
    if errors:
        return Verdict(recognised, errors[0], "FAILS")
    if wrong := [answer for case, answer in pairs if not is_right(case, answer)]:
        return Verdict(recognised, json.dumps(wrong[0], ensure_ascii=False), "WRONG")
    how = {"right": "right", "check": "right after check"}
    return Verdict(recognised, shown, how[first["expect"]])


def state(project: Path, inputs: list) -> str:
    """Return the digest of what answers in a project: its modules, model and requirements.

    `ml_ui`, the same in all, is left out: after a change there that answers differ by, judge again.
    """
    digest = hashlib.sha256(json.dumps(inputs).encode())
    files = [*project.glob("*.py"), project / "requirements.txt", *project.glob("model/**/*")]
    for path in sorted(files):
        if path.is_file():
            digest.update(str(path.relative_to(project)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def check(project: Path, cases: Sequence[dict[str, Any]], folder: Path) -> bool:
    """Let a project find how pixels are scaled, by some inputs whose answers are known."""
    known: list = []
    for case in cases:
        known += ["--example", folder / case["input"], "--expect", case["answer"]]
    run = subprocess.run(
        ["python", "-m", "ml_ui", "check", *known, "--write"], cwd=project,
        env=clean_environment(install(project)), capture_output=True, text=True, check=False,
    )  # fmt: skip
    return run.returncode == 0


def title(project: Path) -> str:
    """Return the task of a project, as its app.py says it."""
    return (project / "app.py").read_text("utf-8").split('"')[3].removeprefix("The web page: ")[:-1]


def generate(path: Path) -> tuple[Path | None, str]:
    """Generate a project from a model file alone; return it, or the reason of the refusal."""
    folder = FOLDER / "projects" / hashlib.sha256(str(path).encode()).hexdigest()[:12]
    subprocess.run(["rm", "-rf", folder], check=True)
    folder.mkdir(parents=True)
    run = subprocess.run(
        [sys.executable, "-m", "cookiecutter", ROOT, "--no-input", "-o", folder,
         f"model_path={path}", "platform=local"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    (project,) = folder.iterdir() if run.returncode == 0 else (None,)
    return project, " ".join((run.stderr or run.stdout).split())


def ask(project: Path, inputs: list, folder: Path) -> list | str:
    """Return a project's answers to inputs, or the last line of its error."""
    rows = [row(given, folder) for given in inputs]
    asked = _asker(install(project))
    try:
        print(json.dumps([str(project), rows]), file=asked.stdin, flush=True)
        return json.loads(asked.stdout.readline())
    except (OSError, ValueError):
        return "the interpreter has ended"


def _asker(programs: Path) -> subprocess.Popen:
    """Return this thread's process that asks the projects of an environment."""
    now = getattr(_local, "asker", None)
    if now is None or now.args[0] != programs / "python" or now.poll() is not None:
        if now is not None:
            now.stdin.close()
            now.wait(60)
        _local.asker = subprocess.Popen(
            [programs / "python", "-W", "ignore", ASK], env=clean_environment(programs),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
    return _local.asker


def ask_page(project: Path, inputs: list, folder: Path) -> list | str:
    """Return the answers of a project's page over HTTP, or why it does not start."""
    port, said = free_port(), []
    environment = clean_environment(install(project), PORT=str(port))
    try:
        with served(project, ["python", "app.py"], environment, port) as url:
            client = Client(url, verbose=False)
            for given in inputs:
                values = [
                    handle_file(value) if is_file(value, folder) else value
                    for value in row(given, folder)
                ]
                try:
                    said.append(plain(client.predict(*values, api_name="/predict")))
                except AppError as error:
                    said.append({"error": str(error)})
    except AssertionError as error:
        return str(error).rpartition("\n")[2]
    return said


def plain(answer: Any) -> Any:
    """Return what the page's function returned, from what the API says of a Label."""
    if isinstance(answer, dict) and answer.get("confidences"):
        return {each["label"]: each["confidence"] for each in answer["confidences"]}
    return answer["label"] if isinstance(answer, dict) else answer


def row(given: Any, folder: Path) -> list:
    """Return the values of the page's components, with the path of a picture."""
    if isinstance(given, list):
        return given
    return [str(folder / given) if is_file(given, folder) else given]


def is_file(given: Any, folder: Path) -> bool:
    """Return whether an input is the name of a picture."""
    return isinstance(given, str) and len(given) < 200 and (folder / given).is_file()


def is_error(answer: Any) -> bool:
    """Return whether a project's answer is an error."""
    return isinstance(answer, dict) and answer.keys() == {"error"}


def is_right(case: dict[str, Any], answer: Any) -> bool:
    """Return whether a project's answer is that of the library."""
    truth = case["answer"]
    if truth is None:
        return True
    if isinstance(answer, dict):  # labels
        best = max(answer, key=answer.get)
        sure = case.get("probability", answer[best])
        return best == str(truth) and abs(answer[best] - sure) <= CLOSE
    said, truth = (numbers(each) for each in (answer, truth))
    if said is None or truth is None:
        texts = case["answer"] if isinstance(case["answer"], list) else [case["answer"]]
        return str(answer) == ", ".join(map(str, texts))
    return len(said) == len(truth) and all(
        math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-6) for a, b in zip(said, truth, strict=True)
    )


def numbers(value: Any) -> list[float] | None:
    """Return the numbers of an answer, or None if it has other parts."""
    if isinstance(value, int | float):
        return [float(value)]
    parts = value if isinstance(value, list) else str(value).split(", ")
    texts = [str(part) for part in parts]
    return [float(text) for text in texts] if all(map(NUMBER.fullmatch, texts)) else None
