"""Have programs make projects from the JSON Schema and the refusals alone.

    python -m scripts.agents [NUMBER ...]

A program that knows no model and no host, and is no language model, reads what
scripts/headless.py prints: it picks answers from the schema, misspells some on purpose, mends
them by the refusals as SKILL.md says, generates, and runs `check --json` with the owner's
truth, as the project's AGENTS.md says. The models are the zoo's, whose libraries' own answers
are that truth. Writes docs/agents.md; exit status 1 if a project is missing or answers wrong.
"""

import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.running import clean_environment, install

from .zoo import ROOT, Animal, animals

HEADLESS = ROOT / "scripts" / "headless.py"
PAGE = ROOT / "docs" / "agents.md"
HEAD = """\
# Projects made by programs

{count} programs, none of them a language model, read the JSON Schema and the refusals of
`scripts/headless.py`, and nothing else: each picks answers for a model file, misspells some on
purpose, mends them by the refusal's JSON, generates, and compares the project's answers with
those of the library that made the model, by `python -m ml_ui check --json`. `make agents` makes
this page; last run on {date}.

{summary}

| model | made by | host | refused, and mended to | right |
|---|---|---|---|---|
"""
# Files of the zoo, by the module that makes them.
FAMILIES = {
    "onnx_models": 4,  # the first of them are for each host, and one runs ONNX alone
    "scikit_learn": 4,
    "keras_models": 3,
    "torch_models": 3,
    "boosters": 2,
    "transformers_models": 2,
    "lightgbm_models": 1,
    "catboost_models": 1,
}
SLIPS = 3  # of each program
ROUNDS = 6  # of mending
MISSPELT = ("platform", "task", "framework", "license", "hardware")
NONSENSE = {"python_version": "3.8", "ci": "perhaps", "hardware": "cray-2"}  # means nothing
SHOWN = 3  # inputs whose right answers the owner tells
Answers = dict[str, Any]


class Slip(NamedTuple):
    """A mistake in one answer."""

    question: str  # as typed
    value: Any  # likewise
    meant: tuple[str, Any] | None  # question and answer; None if nobody can tell


class Mended(NamedTuple):
    """A refusal, and what the program took instead."""

    slip: Slip | None  # None if the refused answer was no mistake made on purpose
    problem: dict[str, Any]
    question: str | None  # None if it gave up
    answer: Any

    @property
    def is_understood(self) -> bool:
        """Whether it is what was meant, or something that is accepted where nobody can tell."""
        meant = self.slip and self.slip.meant
        return self.question is not None and (not meant or meant == (self.question, self.answer))


class Made(NamedTuple):
    """What a program made."""

    said: dict[str, Any]  # the last JSON
    answers: Answers
    mended: list[Mended]


# The program: JSON in and out ----------------------------------------------------------------


def call(command: str, answers: Answers, *options: str) -> dict[str, Any]:
    """Return what the template's program says; raise if it is not what SKILL.md documents."""
    done = subprocess.run(
        [sys.executable, HEADLESS, command, *options, "-"],
        input=json.dumps(answers), capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = json.loads(done.stdout)
    if done.returncode not in (0, 1) or (done.returncode == 1) is not bool(said.get("problems")):
        raise RuntimeError(f"exit status {done.returncode}: {done.stdout}{done.stderr}")
    return said


@cache
def questions() -> list[str]:
    """Return the names of the questions."""
    return [*call("schema", {})["properties"]]


def pick(model: Path, number: int) -> Answers:
    """Return answers for a model, from its schema and that of a host."""
    answers: Answers = {"model_path": str(model)}
    host = call("schema", answers)["properties"]["platform"]["enum"]
    answers["platform"] = host[number % len(host)]
    for name, each in call("schema", answers)["properties"].items():
        if name in answers or name == "limits":
            continue
        if each["type"] == "boolean":
            answers[name] = bool(number % 2)
        elif "enum" in each:
            answers[name] = each["enum"][0 if name == "hardware" else number % len(each["enum"])]
        elif name == "project_slug":
            answers[name] = f"program-{number}"
        else:
            answers[name] = f"{each['default']} {number}"
    allowed = call("schema", {k: v for k, v in answers.items() if k != "python_version"})
    python = allowed["properties"]["python_version"]["enum"]
    return answers | {"python_version": python[number % len(python)]}


def misspelt(word: str, chance: random.Random) -> str:
    """Return a word with a letter left out, twice, or in its neighbour's place."""
    at = chance.randrange(1, len(word) - 1)
    return chance.choice(
        [
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :],
        ]
    )


def slips(answers: Answers, chance: random.Random) -> list[Slip]:
    """Return mistakes, each in another answer."""
    model = Path(answers["model_path"])
    renamed = model.with_name(misspelt(model.stem, chance) + model.suffix)
    typed = {
        **{name: misspelt(answers[name], chance) for name in MISSPELT if len(answers[name]) > 3},
        "model_path": str(renamed),
        "project_name": answers["project_name"] + "\n",
        "project_slug": answers["project_slug"].title(),
    }
    key = misspelt("description", chance)
    made = [Slip(name, value, (name, answers[name])) for name, value in typed.items()]
    made += [Slip(key, answers["description"], ("description", answers["description"]))]
    made += [Slip(name, value, None) for name, value in NONSENSE.items()]
    chance.shuffle(made)
    by_answer = {(each.meant or each)[0]: each for each in made if each[:2] != each.meant}
    return [*by_answer.values()][:SLIPS]


def make(answers: Answers, wrong: list[Slip], folder: Path) -> Made:
    """Generate a project from answers with mistakes, mending them by the refusals."""
    given = dict(answers)
    for slip in wrong:
        if slip.meant:
            given.pop(slip.meant[0])
        given[slip.question] = slip.value
    mended: list[Mended] = []
    for _ in range(ROUNDS):
        said = call("plan", given, "-o", str(folder))
        if not said["problems"]:
            return Made(call("generate", given, "-o", str(folder)), given, mended)
        for problem in said["problems"]:
            slip = next((s for s in wrong if s.question == problem["question"]), None)
            mended.append(mend(given, problem, slip))
        if any(each.question is None for each in mended):
            break
    return Made(said, given, mended)


def mend(given: Answers, problem: dict[str, Any], slip: Slip | None) -> Mended:
    """Change an answer as its refusal says: the nearest, else the first that is accepted."""
    name, value, accepted = (problem[part] for part in ("question", "value", "accepted"))
    answer = problem["nearest"]
    if answer is None:
        answer = next(iter(accepted or ()), None)
    if name is None or answer is None:
        return Mended(slip, problem, None, None)
    if name not in questions():  # what is accepted are some
        given[answer] = given.pop(name)
        return Mended(slip, problem, answer, value)
    given[name] = answer
    return Mended(slip, problem, name, answer)


def check(project: Path, known: list[tuple[str, str]]) -> dict[str, Any]:
    """Compare a project with known answers by its own command, mending what that names."""
    python = install(project) / "python"
    asked = [part for given, right in known for part in ("--example", given, "--expect", right)]

    def run(*more: str) -> dict[str, Any]:
        done = subprocess.run(
            [python, "-W", "ignore", "-m", "ml_ui", "check", "--json", *asked, *more],
            cwd=project, env=clean_environment(python.parent),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return json.loads(done.stdout) | {"status": done.returncode}

    found = run()
    return run() if found["edits"] and run("--write") else found


# The examiner: which models, and what is true ------------------------------------------------


def models() -> Iterator[Animal]:
    """Yield the models, of as many kinds as there are, with what their libraries answer."""
    for family, count in FAMILIES.items():
        able = [
            each
            for each in animals(family, newest=True)
            if each.cases[0]["expect"] != "refused"
            and not each.cases[0].get("architecture")
            and any(case["answer"] is not None for case in each.cases)
        ]
        endings: dict[str, list[Animal]] = {}
        for each in able:
            endings.setdefault(each.path.suffix, []).append(each)
        turns = [one for group in zip(*_padded([*endings.values()]), strict=True) for one in group]
        yield from [each for each in turns if each][:count]


def _padded(groups: list[list[Animal]]) -> list[list[Animal | None]]:
    """Return lists of the same length."""
    most = max(map(len, groups))
    return [[*group, *[None] * (most - len(group))] for group in groups]


def truth(animal: Animal) -> list[tuple[str, str]]:
    """Return inputs with their right answers, as an owner types them."""
    pairs = []
    for case in [case for case in animal.cases if case["answer"] is not None][:SHOWN]:
        given, answer = case["input"], case["answer"]
        if isinstance(given, list):
            text = ",".join(map(str, given))
        else:
            file = animal.folder / given if len(given) < 200 else Path()
            text = str(file) if file.is_file() else given
        answers = answer if isinstance(answer, list) else [answer]
        pairs.append((text, ", ".join(map(str, answers))))
    return pairs


def exam(animal: Animal, number: int, folder: Path) -> tuple[Made, dict[str, Any]]:
    """Have a program make a project of a model; return that, and what its check found."""
    chance = random.Random(number)
    answers = pick(animal.path, number)
    made = make(answers, slips(answers, chance), folder)
    if not made.said.get("generated"):
        return made, {}
    return made, check(Path(made.said["folder"]), truth(animal))


def is_right(made: Made, found: dict[str, Any]) -> bool:
    """Return whether there is a project, all of whose compared answers are right."""
    return bool(found.get("compared")) and found["compared"] == found["right"]


def row(animal: Animal, made: Made, found: dict[str, Any]) -> str:
    """Return the line of the page about a project."""
    mended = "; ".join(
        f"`{each.problem['question']}={each.problem['value']!r}`: "
        + (f"`{each.question}={each.answer!r}`" if each.question else "given up")
        + ("" if each.is_understood else " (not what was meant)")
        for each in made.mended
    ).replace(f"{animal.folder}/", "")
    right = f"{found['right']} of {found['compared']}" if found else "not generated"
    file = animal.path.relative_to(animal.folder).as_posix()
    cells = (file, animal.family, made.answers["platform"], mended, right)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def main() -> int:
    """Hold the exam, write the page, and return the exit status."""
    only = {int(each) for each in sys.argv[1:]}
    rows, right, refusals = [], 0, []
    with tempfile.TemporaryDirectory() as home:
        for number, animal in enumerate(models()):
            if only and number not in only:
                continue
            folder = Path(home, str(number))
            made, found = exam(animal, number, folder)
            rows.append(row(animal, made, found))
            right += is_right(made, found)
            refusals += made.mended
            print(number, rows[-1], "" if is_right(made, found) else found or made.said, flush=True)
            shutil.rmtree(folder, ignore_errors=True)
    understood = sum(each.is_understood for each in refusals)
    summary = (
        f"{right} of {len(rows)} projects answer right; {understood} of {len(refusals)} refusals "
        "were understood from the JSON."
    )
    print(summary)
    if not only:
        head = HEAD.format(count=len(rows), date=date.today(), summary=summary)
        PAGE.write_text(head + "\n".join(rows) + "\n", "utf-8")
    return 0 if right == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
