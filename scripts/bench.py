"""Time the generation of a project, and count the combinations that are offered.

    python -m scripts.bench

It is timed in pairs with a template of one file and no hooks, since machines are
shared and noisy; the ratio is the figure.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from local_extensions.catalog import SHOWN

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 9


def seconds(template: Path, folder: Path) -> float:
    """Return the seconds to generate a project with the default answers."""
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "-o", folder, template]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def generation(folder: Path) -> tuple[float, float]:
    """Return the median seconds, and the median ratio to a template of one file."""
    floor = folder / "floor"
    (floor / "{{cookiecutter.project_slug}}").mkdir(parents=True)
    (floor / "{{cookiecutter.project_slug}}" / "README.md").write_text("A file.\n")
    (floor / "cookiecutter.json").write_text('{"project_slug": "project"}')
    seconds(ROOT, folder / "first")  # compiles to bytecode
    pairs = [
        (seconds(floor, folder / f"floor{n}"), seconds(ROOT, folder / f"ours{n}"))
        for n in range(ROUNDS)
    ]
    ratio = statistics.median(ours / least for least, ours in pairs)
    return statistics.median(ours for _, ours in pairs), ratio


def combinations() -> int:
    """Return the number of combinations of task, framework and platform."""
    platforms = [path for path in (ROOT / "templates" / "platforms").iterdir() if path.is_dir()]
    return len(platforms) * len(SHOWN)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        median, ratio = generation(Path(folder))
    print(f"combinations of task, framework and platform: {combinations()}")
    print(f"generation: {median:.2f} s, {ratio:.2f} times a template of one file")


if __name__ == "__main__":
    main()
