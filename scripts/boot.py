"""Compare the boot time of story A's container with the same app in a common Dockerfile.

    python -m scripts.boot [--rounds 3]

Boot is from `run` to the first answer of the page. The shares are of our image, each step
run by itself in a container that is up: Python, Gradio's import, the rest of the app's.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from scripts.runtimes import generate
from tests.images import Container, Engine
from tests.running import free_port

NAIVE = """\
FROM {base}
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 GRADIO_SERVER_NAME=0.0.0.0
WORKDIR /app
COPY . .
RUN pip install --no-cache-dir --no-compile -r requirements.txt
CMD ["python", "app.py"]
"""
STORY_A = {"task": "image-to-image", "framework": "python", "platform": "docker"}
STEPS = {
    "Python starts": "pass",
    "Gradio is imported": "import gradio",
    "the app is imported, its page built": "import app",
}


def boot(engine: Engine, image: str) -> float:
    """Return the seconds until a container answers."""
    port = free_port()
    start = time.perf_counter()
    with engine.run(image, "--network=host", f"--env=PORT={port}"):
        while time.perf_counter() - start < 120:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200:
                    return time.perf_counter() - start
            except httpx.TransportError:
                time.sleep(0.02)
    raise SystemExit(f"{image} did not come up")


def step(container: Container, *command: str) -> float:
    """Return the median seconds of five runs of a command in the container."""
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        container(*command)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def main() -> None:
    """Print both boot times, their ratio, and the parts of ours."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    engine = Engine()
    with tempfile.TemporaryDirectory() as folder:
        ours = generate(Path(folder), python_version=engine.python_version, **STORY_A)
        naive = shutil.copytree(ours, Path(folder, "naive"))
        (naive / "Dockerfile").write_text(NAIVE.format(base=engine.base))
        engine.build(ours, "boot-ours")
        engine.build(naive, "boot-naive")
    pairs = [(boot(engine, "boot-naive"), boot(engine, "boot-ours")) for _ in range(rounds)]
    naive_s, ours_s = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(ours / naive for naive, ours in pairs)
    print(f"boot: naive {naive_s:.1f} s, ours {ours_s:.1f} s, ratio {ratio:.2f}")
    with engine.run("boot-ours", f"--env=PORT={free_port()}") as container:
        before = step(container, "true")  # overhead of the engine
        for name, code in STEPS.items():
            until = step(container, "python", "-c", code)
            print(f"  {name:36} {until - before:5.2f} s")
            before = until


if __name__ == "__main__":
    main()
