"""G22 to G24: files left behind, combinations, reproducibility."""

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .. import Seen, both
from .desk import UNREADABLE, Desk, Target, done, files, read, summary, tree


def g22_secrets(target: Target) -> Seen:
    """Look for questions that ask for a secret, and for hooks left with the answers."""
    secrets = [q for q in target.questions if re.search("token|key|password|secret", q)]
    desk = done(target)
    hooks = len(list(desk.temp.iterdir()))
    replay = len(list(desk.home.glob(".cookiecutter_replay/*")))
    return Seen(
        f"asks for {', '.join(secrets) or 'no secret'}; {hooks} hooks left in the temporary folder, "
        f"answers in {replay} replay file",
        not secrets and not hooks,
    )


def g23_combinations(target: Target) -> Seen:
    """Generate every combination, parse its files, and run the installed linters."""
    desks = [Desk(target) for _ in target.combinations]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = list(pool.map(lambda d, c: d.generate(**c), desks, target.combinations))
    outcomes = {}
    for answers, desk, run in zip(target.combinations, desks, runs, strict=True):
        case = "-".join(answers.values()) or "the only one"
        outcomes[case] = run.ending or parsed(desk.project)
    made = [desk.project for desk in desks if desk.project.exists()]
    return both(summary(outcomes, "parses"), lint(made))


def parsed(project: Path) -> str:
    """Return whether a project's files can be parsed."""
    for name, path in files(project).items():
        try:
            read(path)
        except UNREADABLE as error:
            return f"{type(error).__name__} in {name}"
    return "parses"


def lint(projects: list[Path]) -> Seen:
    """Run the installed linters, each on all projects at once."""

    def found(pattern: str) -> list[Path]:
        return [path for project in projects for path in project.glob(pattern)]

    own, alone = f"src={[str(project) for project in projects]}", ["--isolated", "--no-cache"]
    schema, workflows = ["check-jsonschema", "--builtin-schema"], found(".github/workflows/*.yml")
    verdicts = {
        "ruff check": linted(["ruff", "check", *alone, "--config", own], projects),
        "ruff format": linted(["ruff", "format", "--check", *alone], projects),
        "hadolint": linted(["hadolint", "--no-color"], found("Dockerfile")),
        "compose schema": linted([*schema, "vendor.compose-spec"], found("compose.yaml")),
        "workflow schema": linted([*schema, "vendor.github-workflows"], workflows),
        "zizmor": linted(["zizmor", "--offline"], workflows),
    }
    parts = [
        f"{verdict}: {', '.join(name for name in verdicts if verdicts[name] == verdict)}"
        for verdict in dict.fromkeys(verdicts.values())
    ]
    return Seen("; ".join(parts), FAULTS not in verdicts.values())


FAULTS = "finds faults"


def linted(command: list[str], given: list[Path]) -> str:
    """Return the verdict of a linter."""
    tool = shutil.which(command[0], path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if not given:
        return "no files"
    if not tool:
        return "not installed"
    run = subprocess.run([tool, *command[1:], *given], capture_output=True, check=False)
    return FAULTS if run.returncode else "passes"


def g24_same_answers(target: Target) -> Seen:
    """Generate twice, in different folders, time zones and processes."""
    trees = []
    for seed in ("1", "2"):
        trees.append(tree(done(target, PYTHONHASHSEED=seed, TZ=f"UTC{seed}").project))
    one, other = trees
    differ = [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]
    if differ:
        return Seen(f"{len(differ)} files differ, such as {min(differ)}", False)
    return Seen(f"the same {len(one)} paths, byte for byte", True)
