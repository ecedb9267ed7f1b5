"""A stand-in for GitHub's runner: runs the `run:` lines of a job as a workflow has them."""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")
WAIT = re.compile(r"--timeout \S+")
BASH = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]


@dataclass
class Step:
    """A step that ran, or did not."""

    name: str
    outcome: str = "skipped"  # or success, or failure
    said: str = ""


@dataclass
class Run:
    """A run of a job: its steps, and whether all succeeded."""

    steps: list[Step] = field(default_factory=list)

    @property
    def succeeded(self) -> bool:
        return all(step.outcome != "failure" for step in self.steps)

    def __getitem__(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)

    def __str__(self) -> str:
        return "\n".join(f"## {s.name}: {s.outcome}\n{s.said[-1500:]}" for s in self.steps)


class Runner:
    """A machine with a checkout of the repository, and programs in its PATH.

    Args:
        checkout: the repository's working tree, as actions/checkout leaves it.
        environment: variables of the machine.
        wait: what to wait in place of each `--timeout`.
    """

    def __init__(self, checkout: Path, environment: dict[str, str], wait: str) -> None:
        self.checkout, self.environment, self.wait = checkout, environment, wait
        self.folder = checkout.parent / "runner"

    def run(self, name: str, **contexts: Any) -> Run:
        """Run a job of deploy.yml with the contexts of its expressions."""
        workflow = self.checkout / ".github" / "workflows" / "deploy.yml"
        job = yaml.safe_load(workflow.read_text("utf-8"))["jobs"][name]
        contexts["steps"] = {}
        self.folder.mkdir(exist_ok=True)
        variables = self.environment | self._env(job, contexts)
        done = Run()
        for number, each in enumerate(job["steps"]):
            step = Step(each.get("name") or each.get("id") or each.get("run") or each["uses"])
            done.steps.append(step)
            if "run" not in each or not is_met(each.get("if", ""), contexts, done.succeeded):
                continue
            output, exported = self.folder / f"output-{number}", self.folder / f"env-{number}"
            files = {"GITHUB_OUTPUT": output, "GITHUB_ENV": exported, "RUNNER_TEMP": self.folder}
            for path in (output, exported):
                path.write_text("")
            ran = subprocess.run(
                [*BASH, WAIT.sub(f"--timeout {self.wait}", each["run"])], cwd=self.checkout,
                env=variables | self._env(each, contexts) | {k: str(v) for k, v in files.items()},
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, timeout=600, check=False,
            )  # fmt: skip
            step.outcome = "failure" if ran.returncode else "success"
            step.said = ran.stdout
            variables |= pairs(exported)
            if "id" in each:
                contexts["steps"][each["id"]] = {
                    "outcome": step.outcome, "outputs": pairs(output)
                }  # fmt: skip
        return done

    def _env(self, part: dict[str, Any], contexts: dict[str, Any]) -> dict[str, str]:
        """Return the `env` of a job or a step."""
        found = part.get("env", {})
        return {
            key: EXPRESSION.sub(lambda match: look_up(match[1], contexts), str(text))
            for key, text in found.items()
        }


def pairs(path: Path) -> dict[str, str]:
    """Return what a step wrote into a file of GitHub's."""
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def look_up(name: str, contexts: dict[str, Any]) -> str:
    """Return the value of a name such as steps.before.outputs.version; "" if it has none."""
    found: Any = contexts
    for part in name.split("."):
        found = found.get(part, "") if isinstance(found, dict) else ""
    return str(found)


def is_met(condition: str, contexts: dict[str, Any], succeeded: bool) -> bool:
    """Return whether the `if` of a step holds: names, comparisons and failure()."""
    parts = [part.strip() for part in condition.split("&&") if part.strip()]
    if "failure()" not in parts:  # success() is implied
        parts.append("success()")
    said = {"failure()": not succeeded, "success()": succeeded}
    for part in parts:
        name, _, value = part.partition(" == ")
        if part in said:
            holds = said[part]
        elif value:
            holds = look_up(name, contexts) == value.strip("'")
        else:
            holds = bool(look_up(name, contexts))
        if not holds:
            return False
    return True
