"""Compare the page without a server with the app in Python: the same files, and the answers of both.

    python -m scripts.parity [NAME ...]

The demos and each ONNX file of the zoo, in Chromium. Prints a table with the largest difference;
exit status 1 if one is over 1e-4, or the page refuses what the app answers.
"""

import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from cookiecutter.exceptions import FailedHookException
from cookiecutter.main import cookiecutter

from local_extensions.catalog import OFFERED

from .zoo import animals

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import onnx_kinds
import picture_files
from conftest import chromium
from running import install
from static_site import difference, in_browser, in_python

COUNT = 20  # inputs of each kind
CLOSE = 1e-4
LEVEL = 1 / 255  # of a pixel that is rounded the other way
TEXTS = ("Guten Morgen, wie geht es?", "你好吗", "été à la plage", "123", "İstanbul", "🎉 a", "ß")


def generated(folder: Path, **answers) -> Path:
    """Return a project with a page without a server."""
    answers |= {"platform": "browser", "limits": "ignore"}
    return Path(cookiecutter(str(ROOT), no_input=True, output_dir=folder, extra_context=answers))


def inputs(first: list, folder: Path) -> list:
    """Return inputs like some that are known."""
    known, rng = first[0], np.random.default_rng(0)
    if isinstance(known, Path):
        folder.mkdir()
        files = picture_files.by_pillow(folder, [(101, 203), (64, 48)])
        return [*first, *files[:: len(files) // COUNT]]
    if isinstance(known, str):
        return [*first, *TEXTS * 3][: COUNT + len(first)]
    more = []
    for n in range(COUNT):
        row = first[n % len(first)]
        factors = rng.uniform(0.5, 1.5, len(row))
        more.append(
            [v if isinstance(v, str) else type(v)(v * f) for v, f in zip(row, factors, strict=True)]
        )
    return [*first, *more]


def cases(folder: Path):
    """Yield a name, the answers for the generator, and inputs."""
    examples = ROOT / "demos" / "image-to-image" / "examples" / "cat.jpg"
    rows = {"tabular": [5.1, 3.5, 1.4, 0.2], "text-classification": TEXTS[0]}
    for task, framework in OFFERED:
        if framework in ("onnx", "python"):
            answers = {"task": task, "framework": framework}
            yield f"demo {task}, {framework}", answers, [rows.get(task, examples)]
    for kind, (_, given) in onnx_kinds.KINDS.items():
        path = onnx_kinds.make(kind, folder)
        yield kind, {"model_path": str(path)}, given or [examples]
    for animal in animals("onnx_models", newest=True):
        given = [case["input"] for case in animal.cases]
        if animal.cases[0]["expect"] == "refused" or not given or given[0] is None:
            continue
        given = [animal.folder / each if str(each).endswith(".png") else each for each in given]
        yield animal.path.name, {"model_path": str(animal.path)}, given


def main(names: list[str]) -> int:
    """Print the table, and return the exit status."""
    failed = 0
    warnings.simplefilter("ignore")  # Pillow's, of pictures on purpose
    rows = ["| model | inputs | largest difference | first answer |", "|---|---|---|---|"]
    with chromium() as browser, tempfile.TemporaryDirectory() as work:
        for number, (name, answers, first) in enumerate(cases(Path(work))):
            if names and not any(each in name for each in names):
                continue
            folder = Path(work, str(number))
            folder.mkdir()
            try:
                project = generated(folder, **answers)
            except (FailedHookException, SystemExit):  # the reason is on the standard error
                rows.append(f"| {name} | 0 | refused | |")
                continue
            given = inputs(first, folder / "pictures")
            expected = in_python(install(project) / "python", project, given, folder)
            found, times = in_browser(browser, project, given)
            pairs = list(zip(given, expected, found, strict=True))
            most = max(difference(one, other) for _, one, other in pairs)
            is_picture = isinstance(expected[0], np.ndarray)
            failed += most > (LEVEL if is_picture else CLOSE)
            rows.append(f"| {name} | {len(given)} | {most:.1e} | {times['first']:.0f} ms |")
            print(rows[-1], flush=True)
            if most > CLOSE:
                worst = max(pairs, key=lambda each: difference(*each[1:]))
                print(f"    {str(worst)[:400]}", flush=True)
    print("", *rows, sep="\n")  # once more, for the generator prints in between
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
