"""Measure one request against two, and against a bare web framework, for a row of four numbers.

    python -m scripts.one_request

A project of the tabular demo is called by Gradio's two requests and by POST /predict, beside
the same model in plain Gradio and in a bare FastAPI app. All apps run at once, and take turns
of a second: what else the machine does is shared by all.
"""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.runtimes import generate
from tests.running import clean_environment, install_packages

HERE = Path(__file__).parent
LOAD = ("aiohttp==3.14.3", "psutil==7.2.2")


def main() -> None:
    """Generate a project, install what it and the others need, and measure."""
    with TemporaryDirectory() as folder:
        project = generate(Path(folder), task="tabular")
        locked = (project / "requirements.txt").read_text("utf-8").splitlines()
        programs = install_packages("one-request", *locked, *LOAD)
        environment = clean_environment(programs, PYTHONPATH=str(project), HF_HUB_OFFLINE="1")
        subprocess.run(
            [programs / "python", HERE / "load.py", project], env=environment, check=True
        )


if __name__ == "__main__":
    main()
