"""Projects whose weights are on the Hub, installed and started: first with it, then without."""

import subprocess
import time
from pathlib import Path

import httpx
import model_hub
import numpy as np
import onnxruntime
import pytest
from conftest import ROOT
from gradio_client import Client
from running import LOG, MODEL_TESTS, clean_environment, free_port, install, own_tests, served
from test_model_on_hub import network

pytestmark = pytest.mark.slow

NOWHERE = "http://127.0.0.1:9"
TOKEN = "hf_right"
ROW = [0.1, -2.0, 3.0, 0.5]


@pytest.fixture
def made(bake, tmp_path, monkeypatch):
    """Return a function that makes a project for files on the Hub, and the Hub's state."""
    with model_hub.served() as (url, state):

        def make(name: str, files: dict[str, bytes], token: str | None = None) -> Path:
            state.add(name, files, token=token)
            monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "mine"))
            model_hub.download(url, tmp_path / "mine", name, token=token or False)
            return bake(model_path=name, platform="local")

        yield make, state, url


def variables(url: str, home: Path, token: str = "") -> dict[str, str]:
    """Return the environment of an app with a cache of its own."""
    return {
        "HF_ENDPOINT": url, "HF_HOME": str(home), "HF_TOKEN": token, "HF_HUB_ETAG_TIMEOUT": "2"
    }  # fmt: skip


@pytest.mark.sample("iris.ubj")
@pytest.mark.parametrize(
    "file",
    ["digits.keras", "digits.onnx", "digits.pt2", "digits.skops", "iris.cbm", "iris.txt",
     "iris.ubj", "languages.skops"],
)  # fmt: skip
def test_every_framework_reads_from_the_cache(made, tmp_path, file):
    """Its files are links to names without an ending."""
    make, state, url = made
    (demo,) = ROOT.glob(f"demos/*/{file}")
    labels = (demo.with_name("labels.txt")).read_bytes()
    name = f"you/{file}"  # another for each, as `bake` makes a project once
    project = make(name, {file: demo.read_bytes(), "labels.txt": labels})
    assert not (project / "model" / file).exists()
    for endpoint in (url, NOWHERE):
        run = own_tests(project, MODEL_TESTS, **variables(endpoint, tmp_path / "theirs"))
        assert run.returncode == 0, run.stdout[-3000:]
    assert any(each.startswith(f"GET /{name}/resolve/") for each in state.asked)


def test_right_answer_and_then_without_a_network(made, tmp_path):
    make, state, url = made
    project = make("you/network", network(tmp_path, 1000))
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (truth,) = session.run(None, {"x": np.array([ROW], np.float32)})[0]
    state.asked.clear()
    for endpoint in (url, NOWHERE):
        port = free_port()
        given = variables(endpoint, tmp_path / "theirs")
        environment = clean_environment(install(project), PORT=str(port), **given)
        with served(project, ["python", "app.py"], environment, port) as address:
            answer = Client(address, verbose=False).predict(*ROW, api_name="/predict")
        shares = {each["label"]: each["confidence"] for each in answer["confidences"]}
        found = [shares[f"class {n}"] for n in range(3)]
        assert found == pytest.approx(truth.tolist(), abs=1e-5)
        if endpoint == url:
            assert "Fetching you/network at" in LOG.read_text("utf-8")
    assert len([each for each in state.asked if each.startswith("GET /you/")]) == 2


def test_private_weights(made, tmp_path):
    """With the token; with another one the app is live, and says in its log why it is not ready."""
    make, state, url = made
    project = make("you/secret", network(tmp_path, 1000), TOKEN)
    port = free_port()
    given = clean_environment(install(project), PORT=str(port))
    right = given | variables(url, tmp_path / "right", TOKEN)
    with served(project, ["python", "app.py"], right, port) as address:
        Client(address, verbose=False).predict(*ROW, api_name="/predict")
    assert TOKEN not in LOG.read_text("utf-8")

    wrong = given | variables(url, tmp_path / "wrong", "hf_wrong")
    command = [install(project) / "python", "app.py"]
    with LOG.open("w+") as log, subprocess.Popen(
        command, cwd=project, env=wrong, stdout=log, stderr=log
    ) as app:  # fmt: skip
        try:
            state = wait_until_failed(f"http://127.0.0.1:{port}")
            assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        finally:
            app.terminate()
            app.wait(20)
    text = LOG.read_text("utf-8")
    assert state["reference"] in text
    assert "does not show you/secret to the token in HF_TOKEN" in text
    assert "hf_wrong" not in text


def wait_until_failed(address: str) -> dict[str, str]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(f"{address}/readyz")
        except httpx.TransportError:
            time.sleep(0.2)
            continue
        assert answer.status_code == 503
        if answer.json()["status"] == "failed":
            return answer.json()
        time.sleep(0.2)
    raise AssertionError("still loading")
