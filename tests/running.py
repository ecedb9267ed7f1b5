"""Install and serve generated projects as their owners and platforms do."""

import contextlib
import hashlib
import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
from filelock import FileLock
from gradio_client import Client, handle_file
from PIL import Image

BUILD = Path(__file__).parent.parent / "build"
MODEL_TESTS = "tests/test_model.py"  # of a project
# Of the app that is served last, in this process of the tests.
LOG = BUILD / f"served{os.environ.get('PYTEST_XDIST_WORKER', '')}.log"
OPERATORS = """
if not _has_ops():
    for _name in ("nms", "qnms"):
        torch.library.define(f"torchvision::{_name}", "(Tensor a, Tensor b, float c) -> Tensor")
"""
PHOTO = (853, 1280)  # story A's photograph: height, width


def install(project: Path) -> Path:
    """Install a project's requirements, with those of its tests; return its programs."""
    paths = [project / "requirements.txt", project / "requirements-dev.txt"]
    locks = b"".join(path.read_bytes() for path in paths)
    name = hashlib.sha256(locks).hexdigest()[:12]
    return install_packages(name, *locks.decode().splitlines())


def install_packages(name: str, *requirements: str) -> Path:
    """Make an environment with these requirements, once; return its programs.

    Args:
        name: of its folder.
        requirements: lines of a requirements file.
    """
    folder = BUILD / "venvs" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):  # another process of the tests may want it too
        if not (folder / "installed").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            options = ["--quiet", "--python", folder / "bin" / "python"]
            if wheels := os.environ.get("PIP_FIND_LINKS"):  # in place of an index out of reach
                options += ["--find-links", wheels]
                requirements = [line for line in requirements if "-index-url" not in line]
            (folder / "requirements.txt").write_text("\n".join(requirements), "utf-8")
            subprocess.run(
                [sys.executable, "-m", "uv", "pip", "install", *options, "-r", "requirements.txt"],
                cwd=folder, env=os.environ | {"UV_CACHE_DIR": str(BUILD / "uv")}, check=True,
            )  # fmt: skip
            if wheels:
                _without_operators(folder)
            (folder / "installed").touch()
    return folder / "bin"


def _without_operators(folder: Path) -> None:
    """Let PyPI's torchvision, a build for CUDA, be imported beside a CPU build of PyTorch.

    Its compiled operators, of detectors alone, cannot be loaded there. PyTorch's own index,
    which the locks name, has the right build.
    """
    for module in folder.glob("lib/*/site-packages/torchvision/extension.py"):
        text = module.read_text("utf-8")
        module.unlink()  # it may be a link into uv's cache
        module.write_text(f"{text}\n{OPERATORS}", "utf-8")


def clean_environment(bin_folder: Path, **variables: str) -> dict[str, str]:
    """Return an environment with nothing of ours but the project's interpreter."""
    path = f"{bin_folder}:/usr/bin:/bin"
    return {"PATH": path, "HOME": str(BUILD), "LANG": "C.UTF-8", **variables}


def zero_gpu(project: Path, port: int, service: str, **variables: str) -> dict[str, str]:
    """Return the environment of a Space on ZeroGPU, with its device service at `service`."""
    return clean_environment(
        install(project), SYSTEM="spaces", SPACE_ID="user/app", SPACE_HOST="localhost",
        GRADIO_SERVER_NAME="0.0.0.0", GRADIO_SERVER_PORT=str(port),
        SPACES_ZERO_GPU="true", SPACES_ZERO_DEVICE_API_URL=service, **variables,
    )  # fmt: skip


def own_tests(project: Path, *paths: str, **variables: str) -> subprocess.CompletedProcess:
    """Run a project's own tests: all, or those at some paths."""
    return subprocess.run(
        ["pytest", "-q", *paths], cwd=project, env=clean_environment(install(project), **variables),
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def served(project: Path, command: list, environment: dict, port: int) -> Iterator[str]:
    """Serve a project until the block ends; fail if it is not ready within two minutes."""
    url = f"http://127.0.0.1:{port}"
    with (
        LOG.open("w+") as log,
        subprocess.Popen(command, cwd=project, env=environment, stdout=log, stderr=log) as app,
    ):
        try:
            deadline = time.monotonic() + 120
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if httpx.get(f"{url}/readyz").status_code == 200:
                        break
                if app.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise AssertionError(f"the app did not get ready:\n{log.read()[-3000:]}")
                time.sleep(0.2)
            yield url
        finally:
            app.terminate()
            app.wait(20)


def photograph(height: int = PHOTO[0], width: int = PHOTO[1]) -> bytes:
    """Return a colour JPEG with structure at every scale."""
    rng = np.random.default_rng(0)
    total = np.zeros((height, width, 3))
    for cell in (4, 16, 64, 256):
        for channel in range(3):
            coarse = rng.random((height // cell + 2, width // cell + 2)).astype(np.float32)
            plane = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
            total[..., channel] += cell * np.asarray(plane)
    total = 255 * (total - total.min()) / (total.max() - total.min())
    out = io.BytesIO()
    Image.fromarray(total.astype(np.uint8)).save(out, "JPEG", quality=92)
    return out.getvalue()


def is_grey(picture: Path, photo: bytes) -> bool:
    """Return whether a picture is the luma of a photograph, but for JPEG's rounding."""
    answer = np.asarray(Image.open(picture).convert("L"), float)
    luma = np.asarray(Image.open(io.BytesIO(photo)).convert("L"), float)
    return answer.shape == luma.shape and np.abs(answer - luma).mean() < 2


def check_grey(url: str, photo: Path, browser) -> None:
    """Send story A's photograph through the API and through a browser."""
    answer = Client(url, verbose=False).predict(handle_file(photo), api_name="/predict")
    assert is_grey(Path(answer), photo.read_bytes())
    page = browser.new_page()
    page.goto(url)
    page.locator("input[type=file]").first.set_input_files(photo)
    picture, result = (
        page.locator(".block", has_text=label).locator("img[src*='/file=']")
        for label in ("Picture", "Result")
    )
    picture.first.wait_for()
    page.get_by_role("button", name="Submit").click()
    shown = page.request.get(result.get_attribute("src")).body()
    page.close()
    answer = photo.with_name("shown.jpg")
    answer.write_bytes(shown)
    assert is_grey(answer, photo.read_bytes())
