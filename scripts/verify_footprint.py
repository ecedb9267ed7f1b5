"""Build and boot projects, and compare their sizes with the predictions of preflight.

    python -m scripts.verify_footprint [--only TEXT]

Writes the table to docs/footprint.md. It needs Linux, and what the slow tests need.
"""

import argparse
import datetime
import hashlib
import json
import shutil
import statistics
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from local_extensions.catalog import ROOT
from ml_ui.sizing import footprint, limits
from ml_ui.sizing.measure import Compressed, measure
from scripts import make_models
from scripts.runtimes import PYTHON, TASKS, generate, progress
from tests.images import Engine

BUILD = ROOT / "build" / "footprint"
IMAGE, RUN = ("image", "pull"), ("memory", "peak", "boot")
REAL = "## Real architectures\n"  # the part of the page that architectures.py writes
SHOWN = ("checkout", "repository", "slug", "image", "pull", "memory", "peak", "boot")


@dataclass(frozen=True)
class Case:
    """A project: platform, model (none: the demo's), and limits of its own."""

    framework: str
    platform: str
    hardware: str
    model: str = ""
    size: float = 0  # MB, about
    limits: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Name of the project in the table."""
        model = f"{self.model} {self.size:.0f} MB" if self.size else self.model or "demo"
        return f"{self.framework}, {model}, {self.platform} {self.hardware}"

    @property
    def task(self) -> str:
        """Task of the model."""
        return TASKS[self.framework]

    @property
    def quantities(self) -> tuple[str, ...]:
        """Measured quantities: those that the platform limits."""
        limited = {limit["name"] for limit in limits.PLATFORMS[self.platform]["limits"]}
        return tuple(name for name in SHOWN if name in limited or name in RUN)


def near(framework: str, kind: str, quantity: str, limit: float, share: float) -> float:
    """Return the MB of weights for which the prediction reaches a share of a limit."""
    packages = json.loads((ROOT / f"templates/requirements/{framework}-cpu.json").read_text())
    empty = footprint.Footprint(
        packages=packages["packages"], format=kind, gzip=0.926, python=PYTHON
    )
    some = empty._replace(weights=10**8)
    first, second = (sum(footprint.QUANTITIES[quantity](each).values()) for each in (empty, some))
    return 100 * (share * limit - first) / (second - first)


def cases() -> list[Case]:
    """Return the projects: every framework, each platform, from demo to gigabyte."""
    eco, slug = 512e6, 1e9
    heroku = [
        Case("python", "heroku", "eco"),
        Case("onnx", "heroku", "eco"),
        Case("onnx", "heroku", "basic", "network.onnx", 100),
        Case("onnx", "heroku", "eco", "below.onnx", near("onnx", "onnx", "memory", eco, 0.95)),
        Case("onnx", "heroku", "eco", "above.onnx", near("onnx", "onnx", "memory", eco, 1.05)),
        Case("onnx", "heroku", "performance-l", "below.onnx", near("onnx", "onnx", "slug", slug, 0.985)),
        Case("onnx", "heroku", "performance-l", "above.onnx", near("onnx", "onnx", "slug", slug, 1.015)),
        Case("scikit-learn", "heroku", "eco"),
        Case("scikit-learn", "heroku", "basic", "forest.skops", 20),
        Case("scikit-learn", "heroku", "standard-2x", "layers.joblib", 100),
        Case("xgboost", "heroku", "eco"),
        Case("lightgbm", "heroku", "eco"),
        Case("catboost", "heroku", "eco"),
        Case("pytorch", "heroku", "eco"),
        Case("pytorch", "heroku", "eco", "traced.pt", 100),
        Case("pytorch", "heroku", "standard-2x", "weights.safetensors", 250),
        Case("keras", "heroku", "eco"),
        Case("keras", "heroku", "eco", "InceptionV3.keras"),
        Case("keras", "heroku", "performance-m", "network.h5", 250),
        Case("keras", "heroku", "standard-2x", "below.keras", near("keras", "keras", "slug", 5e8, 0.985), ("slug=500M",)),
        Case("keras", "heroku", "standard-2x", "above.keras", near("keras", "keras", "slug", 5e8, 1.015), ("slug=500M",)),
    ]  # fmt: skip
    space = [
        Case("onnx", "huggingface", "cpu-basic", "network.onnx", 20),
        Case("pytorch", "huggingface", "cpu-basic", "program.pt2", 100),
        Case("pytorch", "huggingface", "cpu-basic", "below.safetensors", 980),
        Case("pytorch", "huggingface", "cpu-basic", "above.safetensors", 1020),
        Case("keras", "huggingface", "cpu-basic", "network.keras", 450),
        Case("scikit-learn", "huggingface", "cpu-basic", "forest.joblib", 250),
    ]
    docker = [
        Case("python", "docker", "cpu"),
        Case("onnx", "docker", "cpu", "network.onnx", 450),
        Case("scikit-learn", "docker", "cpu", "layers.skops", 100),
        Case("pytorch", "docker", "cpu", "weights.pt", 100),
        Case("keras", "docker", "cpu", "MobileNetV2.keras"),
        Case("keras", "docker", "cpu", "network.keras", 100),
        Case("onnx", "ray", "cpu"),
    ]
    hosts = [
        Case("python", "render", "free"),
        Case("onnx", "cloud-run", "1Gi"),
        Case("python", "modal", "cpu-2gb"),
        Case("onnx", "fly", "shared-cpu-1x-512mb", "network.onnx", 100),
    ]
    return heroku + space + docker + hosts


def locked(framework: str) -> Path:
    """Return the locked set of a framework for a CPU."""
    return ROOT / "templates" / "requirements" / f"{framework}-cpu.txt"


def environment(requirements: Path) -> Path:
    """Install a locked set, once for all projects with it."""
    folder = BUILD / hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    if not (folder / "installed").exists():
        progress(f"  installing {requirements.name} ...")
        bare = [sys.executable, "-m", "venv", "--clear", "--without-pip", folder]
        subprocess.run(bare, check=True)
        pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python"]
        install = [*pip, "--retries", "0", "install", "-qqr", requirements]
        subprocess.run(install, check=True)
        (folder / "installed").touch()
    return folder


def make_model(case: Case, size: float, folder: Path) -> Path:
    """Make a model for a case, with its framework."""
    deep = max(round((size - 8) / 9.44), 1)
    (folder / "architecture.py").write_text(make_models.PLAIN_ARCHITECTURE.format(deep - 1))
    python = sys.executable  # it has onnx installed
    if case.framework != "onnx":
        python = environment(locked(case.framework)) / "bin" / "python"
    given = {"size": size, "deep": deep, "channels": 512, "dtype": "float32"}
    script = make_models.PLAIN[case.framework]
    return make_models.make(python, script, folder, case.model, **given)


def made(case: Case, folder: Path) -> Path:
    """Generate the project of a case with a small model, and put the real one in its place.

    With the real one some would be refused.
    """
    answers = {"task": case.task, "framework": case.framework, "ci": "no"}
    if case.model:
        answers |= {"framework": "auto", "model_path": str(make_model(case, 1, folder))}
    project = generate(folder, platform=case.platform, hardware=case.hardware, **answers)
    if case.model:
        make_model(case, case.size, folder).replace(project / "model" / case.model)
    if (project / "architecture.py").exists():
        shutil.copy(folder / "architecture.py", project)
    return project


def preflight(project: Path, *options: str) -> dict[str, dict]:
    """Run the project's preflight; return its checks by name."""
    command = [sys.executable, "-B", "-m", "ml_ui", "preflight", "--json", *options]
    run = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    if run.returncode not in (0, 1):
        raise SystemExit(run.stderr)
    return {check["name"]: check for check in json.loads(run.stdout)["checks"]}


def image_sizes(engine: Engine, project: Path) -> dict[str, float]:
    """Return the size of the image's own layers, uncompressed and compressed."""
    tag = "footprint"
    engine.build(project, tag)
    layers = engine.layers(tag)
    over = layers[len(engine.layers(engine.base)) :]
    with TemporaryDirectory(dir=BUILD) as folder:
        archive = Path(folder, "image.tar")
        engine.save(tag, archive)
        with tarfile.open(archive) as tar:
            manifest = json.load(tar.extractfile("manifest.json"))[0]["Layers"]
            names = manifest[len(manifest) - len(over) :]
            plain = sum(unpacked(tar.extractfile(name)) for name in names)
            packed = sum(compressed(tar.extractfile(name)) for name in names)
    engine.remove(tag)
    return {"image": plain, "pull": packed}


def unpacked(layer) -> int:
    """Return the bytes of the files in a layer."""
    with tarfile.open(fileobj=layer) as tar:
        return sum(member.size for member in tar if member.isfile())


def compressed(layer) -> int:
    """Return the bytes of a layer compressed as in a registry."""
    counted = Compressed(lambda line: None)
    shutil.copyfileobj(layer, counted, 1 << 20)
    return counted.finish()


@dataclass
class Row:
    """One quantity of one project; verdicts are None where there is no limit."""

    case: Case
    name: str
    unit: str
    predicted: float
    measured: float
    verdicts: tuple[bool, bool] | None

    @property
    def error(self) -> float:
        """Error of the prediction in per cent."""
        return 100 * (self.predicted / self.measured - 1)


def verify(case: Case, engine: Engine | None) -> Iterator[Row]:
    """Build and boot the project of a case; yield each quantity with its prediction."""
    with TemporaryDirectory(dir=BUILD) as folder:
        project = made(case, Path(folder))
        checks = preflight(
            project, f"--platform={case.platform}", f"--hardware={case.hardware}",
            *(f"--limit={limit}" for limit in case.limits),
        )  # fmt: skip
        names = [name for name in case.quantities if name not in IMAGE]
        home = environment(locked(case.framework))
        measured = measure(project, names, lambda line: progress(f"  {line}"), home)
        if (project / "Dockerfile").exists():
            progress("  building the image ...")
            measured |= image_sizes(engine, project)
        for name, value in measured.items():
            if not (check := checks.get(name)):  # the platform has no such limit
                continue
            # The registry's base image is not at hand: compare the layers above it.
            base = check["parts"].get("base image", 0)
            limit = check["limit"]
            verdicts = None if limit is None else (check["fits"], value <= limit)
            yield Row(case, name, check["unit"], check["predicted"] - base, value, verdicts)


def summary(rows: list[Row]) -> Iterator[str]:
    """Yield lines of Markdown: the error of the prediction for each quantity."""
    yield "| quantity | projects | mean absolute error | worst | wrong verdicts |"
    yield "|---|--:|--:|--:|--:|"
    for name in SHOWN:
        if found := [row for row in rows if row.name == name]:
            errors = [row.error for row in found]
            judged = [row.verdicts for row in found if row.verdicts]
            wrong = sum(predicted is not real for predicted, real in judged)
            yield (
                f"| {name} | {len(found)} | {statistics.mean(map(abs, errors)):.1f} % "
                f"| {max(errors, key=abs):+.1f} % | {wrong} of {len(judged)} |"
            )


def table(rows: list[Row]) -> Iterator[str]:
    """Yield lines of Markdown: every quantity of every project."""
    write, words = limits.written, {True: "fits", False: "does not fit"}
    yield "| project | quantity | predicted | measured | error | verdict, and truth |"
    yield "|---|---|--:|--:|--:|---|"
    for row in rows:
        verdicts = ", ".join(words[each] for each in row.verdicts) if row.verdicts else "no limit"
        if row.verdicts and row.verdicts[0] is row.verdicts[1]:
            verdicts = words[row.verdicts[0]]
        yield (
            f"| {row.case.title} | {row.name} | {write(row.predicted, row.unit)} "
            f"| {write(row.measured, row.unit)} | {row.error:+.1f} % | {verdicts} |"
        )


INTRODUCTION = """\
# Predicted and measured

`make verify-footprint` builds and boots these projects and writes this page; it was last
run on {date}, on Linux x86-64 with two cores and Python {python}.

- **slug**: `tar` and `gzip -6` of the checkout without the files in `.slugignore`, of the
  installed packages with their bytecode as pip writes it, and 30 MB for Python, its size
  in slugs of Heroku's buildpack. **checkout**: the files of the commit.
- **repository**: git's objects, packed, and the files in Git LFS.
- **image**, **pull**: the layers that the Dockerfile adds to the base image, as files and
  compressed layer by layer.
- **memory**: anonymous memory after a first request, as platforms count it: with swap,
  without pages mapped from files. **peak**: the most from the start to the end of that.
- **boot**: until the port answers. Times are of this machine; shared machines differ.

Weights are random float32. `below` and `above` are just below and just above a limit.

"""


def page(rows: list[Row]) -> str:
    """Return the page of the documentation."""
    today = datetime.date.today().isoformat()
    lines = [*summary(rows), "", *table(rows)]
    return INTRODUCTION.format(date=today, python=PYTHON) + "\n".join(lines) + "\n"


def main() -> None:
    """Verify every case, print the summary, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--only", metavar="TEXT", default="", help="projects with this in their title"
    )
    only = parser.parse_args().only
    BUILD.mkdir(parents=True, exist_ok=True)
    chosen, rows = [case for case in cases() if only in case.title], []
    needs_engine = any(case.platform == "docker" for case in chosen)
    engine = Engine(PYTHON) if needs_engine else None
    try:
        for number, case in enumerate(chosen, 1):
            progress(f"{number} of {len(chosen)}: {case.title}")
            for row in verify(case, engine):
                rows.append(row)
                progress(
                    f"    {row.name}: predicted {row.predicted:.4g}, measured {row.measured:.4g} "
                    f"{row.unit}, {row.error:+.1f} %"
                )
    except KeyboardInterrupt:
        progress("Interrupted: nothing is written.")
        sys.exit(130)
    print("\n".join(summary(rows)))
    if not only:
        target = ROOT / "docs" / "footprint.md"
        _, heading, real = target.read_text("utf-8").partition(REAL)
        target.write_text("\n".join([page(rows), heading + real]), "utf-8")


if __name__ == "__main__":
    main()
