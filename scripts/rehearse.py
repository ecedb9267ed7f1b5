"""Rehearse the deploy workflows against stand-ins of their hosts: make rehearse [ONLY=heroku]

Prints for each deployment what its workflow says, and what is live afterwards.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests")]

from rehearsal.cases import HEROKU, After, heroku_cli, on_cloud_run, on_heroku, on_the_hub

from .runtimes import generate

HEADER = """\
| host | deployment | workflow | failed at | restored | live afterwards | its answer | seconds |
|---|---|---|---|---|---|---|---|"""


def rehearsals(platform: str) -> Iterator[After]:
    """Yield the deployments to a platform."""
    tier = {"huggingface": {"hardware": "cpu-basic"}}.get(platform, {})
    with tempfile.TemporaryDirectory(prefix="rehearsal-", ignore_cleanup_errors=True) as name:
        project = generate(Path(name), task="tabular", platform=platform, **tier)
        folder = Path(name) / "host"
        folder.mkdir()
        if platform == "heroku":
            host = on_heroku(project, folder, heroku_cli())
        else:
            on = {"huggingface": on_the_hub, "cloud-run": on_cloud_run}[platform]
            host = on(project, folder)
        with host as rehearsal:
            yield from rehearsal.cases()


def main(platforms: list[str]) -> None:
    """Print the table."""
    print(f"heroku {HEROKU}, huggingface_hub of the lock\n\n{HEADER}")
    for platform in platforms or ["huggingface", "heroku", "cloud-run"]:
        good = ""
        for each in rehearsals(platform):
            failed = [step.name for step in each.run.steps if step.outcome == "failure"]
            last = each.run.steps[-1]
            restored = {"skipped": "-", "success": "yes", "failure": "no"}[last.outcome]
            good = each.version if each.run.succeeded else good
            version = "the new one" if each.run.succeeded else "the one before"
            live = version if each.version == good else "**another**"
            cells = [platform, each.case, "green" if each.run.succeeded else "red",
                     failed[0] if failed else "-", restored, live,
                     "right" if each.is_right else f"**{each.answer}**", f"{each.seconds:.0f}"]  # fmt: skip
            print(f"| {' | '.join(cells)} |", flush=True)
            if not each.is_right or live == "**another**":
                print(each.run, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
