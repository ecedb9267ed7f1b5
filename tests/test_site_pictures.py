"""Pictures of the page without a server: the pixels of Pillow, from the same files."""

import io
import json
import shutil
import subprocess
import time
from pathlib import Path

import gradio as gr
import numpy as np
import picture_files
import pytest
from PIL import Image, ImageOps

from ml_ui import pictures

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "templates" / "platforms" / "browser" / "_copied" / "browser" / "pictures.js"
RUNNER = Path(__file__).with_name("pictures.mjs")
BILINEAR = Image.Resampling.BILINEAR


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a function that runs steps of pictures.js on a file: its pixels, or its error."""
    if not (node := shutil.which("node")):
        pytest.skip("needs Node.js: apt-get install nodejs")
    target = tmp_path_factory.mktemp("run") / "pixels"
    command = [node, RUNNER, SCRIPT.as_uri()]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:

        def run(source: Path, *steps: list):
            case = {"source": str(source), "steps": steps, "target": str(target)}
            print(json.dumps(case), file=process.stdin, flush=True)
            answer = json.loads(process.stdout.readline())
            if "error" in answer:
                return answer["error"]
            content = target.read_bytes()
            if not answer:  # a file
                return content
            pixels = np.frombuffer(content, np.uint8)
            return pixels.reshape(answer["height"], answer["width"], -1).squeeze()

        yield run
        process.stdin.close()


def by_python(source: Path):
    """Return what ml_ui.pictures.read gives."""
    try:
        return pictures.read(str(source)).squeeze()
    except gr.Error as error:
        return error.message


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", [picture_files.by_pillow, picture_files.by_hand])
def test_pixels_are_those_of_pillow(run, make, tmp_path):
    files = make(tmp_path)
    assert len(files) > 300
    known = [(path.name, by_python(path), run(path)) for path in files]
    wrong = [name for name, expected, found in known if not np.array_equal(expected, found)]
    assert wrong == []


@pytest.mark.filterwarnings("ignore")
def test_files_are_refused_with_the_same_words(run, tmp_path):
    for path in picture_files.refused(tmp_path):
        said = run(path)
        assert isinstance(said, str), path.name
        assert said == str(by_python(path)), path.name


def test_small_files_take_little_time(run, tmp_path):
    """They are refused before the memory and the time that they ask for is spent."""
    for path in picture_files.bombs(tmp_path):
        assert path.stat().st_size < 50_000
        start = time.monotonic()
        assert isinstance(run(path), str), path.name
        assert time.monotonic() - start < 20, path.name


def test_sizes_are_those_of_pillow(run, tmp_path):
    rng = np.random.default_rng(0)
    crops = [None, 1, 0.875, 0.95]
    for n in range(300):
        width, height, wide, high = (int(2 ** rng.uniform(0, 8)) for _ in range(4))
        picture = Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))
        picture.save(path := tmp_path / "picture.bmp")
        steps, crop = [], crops[n % 4]
        if n % 3 == 0:
            picture, steps = picture.convert("L"), [["grey"]]
        if crop:
            expected = ImageOps.fit(picture, (wide, high), BILINEAR, (1 - crop) / 2)
        else:
            expected = picture.resize((wide, high), BILINEAR)
        step = ["fit", wide, high, crop] if crop else ["resize", wide, high]
        assert np.array_equal(run(path, *steps, step), np.asarray(expected).squeeze()), n


@pytest.mark.parametrize("steps", [[], [["grey"]]])
def test_a_picture_is_written_as_it_is(run, steps, tmp_path):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (31, 57, 3), np.uint8)).save(tmp_path / "picture.bmp")
    with Image.open(io.BytesIO(run(tmp_path / "picture.bmp", *steps, ["write"]))) as written:
        assert np.array_equal(np.asarray(written), run(tmp_path / "picture.bmp", *steps))
