"""Weights on the Hub, by the real huggingface_hub against a stand-in."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import model_hub
import numpy as np
import pytest
from commands import environment

from ml_ui import hub

WEIGHTS = np.random.default_rng(0).bytes(300_000)
FILES = {"onnx/model.onnx": WEIGHTS[:200_000], "onnx/model.data": WEIGHTS[200_000:], "a.txt": b"a"}
FETCH = [sys.executable, "-m", "ml_ui", "fetch"]


@pytest.fixture
def site(tmp_path):
    """Return a stand-in's state, and a function that fetches in a process of its own."""
    (tmp_path / "model").mkdir()
    with model_hub.served() as (url, state):

        def fetch(*arguments: str, **variables: str) -> subprocess.CompletedProcess:
            given = {
                "HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1",
                "HOME": str(tmp_path), "HF_TOKEN": "",
            } | variables  # fmt: skip
            return subprocess.run(
                [*FETCH, *arguments], cwd=tmp_path, env=environment(**given),
                capture_output=True, text=True, check=False, timeout=120,
            )  # fmt: skip

        yield state, fetch


def name(folder: Path, commit: str, **changes) -> None:
    """Write the hub.json of a project."""
    sizes = {each: len(FILES[each]) for each in FILES if each != "a.txt"}
    weights = hub.Weights("you/model", commit, "onnx/model.onnx", sizes)
    (folder / "model" / hub.NAME).write_text(weights._replace(**changes).text)


def cached(folder: Path, revision: str) -> Path:
    return folder / "home" / "hub" / "models--you--model" / "snapshots" / revision


def test_fetched_once_and_then_without_a_network(tmp_path, site):
    state, fetch = site
    old, _ = state.add("you/model", FILES, {"onnx/model.onnx": b"new"})
    name(tmp_path, old)
    done = fetch()
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.splitlines()[-1])
    assert path == cached(tmp_path, old) / "onnx" / "model.onnx"
    assert path.read_bytes() == FILES["onnx/model.onnx"], "the pinned commit, not the newest"
    assert path.with_name("model.data").read_bytes() == FILES["onnx/model.data"]
    assert not (cached(tmp_path, old) / "a.txt").exists(), "only what the model needs"
    assert "0.3 MB, 2 files" in done.stdout

    state.asked.clear()
    state.broken = 500
    again = fetch()
    assert again.returncode == 0 and again.stdout.splitlines() == [str(path)]
    assert state.asked == []
    offline = fetch(HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert offline.returncode == 0, offline.stderr


def test_cut_connection_is_resumed(tmp_path, site):
    """huggingface_hub keeps what came in parts of 10 MiB."""
    state, fetch = site
    large = 60 * FILES["onnx/model.onnx"]
    (commit,) = state.add("you/model", FILES | {"onnx/model.onnx": large + b"the end"})
    name(tmp_path, commit, files={"onnx/model.onnx": len(large) + 7})
    state.cut = 11 << 20
    done = fetch()
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.splitlines()[-1]).read_bytes() == large + b"the end"
    assert state.ranges == [f"bytes={10 << 20}-"]


def test_damage_is_found(tmp_path, site):
    state, fetch = site
    (commit,) = state.add("you/model", FILES | {"onnx/model.data": b"small, so in plain git"})
    sizes = {"onnx/model.onnx": 200_000, "onnx/model.data": 22}
    name(tmp_path, commit, files=sizes)
    assert fetch().returncode == 0
    for each in sizes:
        blob = (cached(tmp_path, commit) / each).resolve()
        right = blob.read_bytes()
        blob.write_bytes(b"x" + right[1:])
        done = fetch()
        assert done.returncode == 1
        assert f"{each} of you/model" in done.stderr and f"delete {blob}" in done.stderr
        blob.unlink()
        again = fetch()
        assert again.returncode == 0, again.stderr
        assert blob.read_bytes() == right


@pytest.mark.parametrize(
    ("repository", "token", "said"),
    [
        ({"token": "hf_right"}, "", "without a token (401): set HF_TOKEN"),
        ({"token": "hf_right"}, "hf_wrong", "to the token in HF_TOKEN (404)"),
        ({"token": "hf_right", "gated": True}, "", "is gated: accept its conditions at http"),
        ({"token": "hf_right", "gated": True}, "hf_wrong", "is gated: accept its conditions"),
    ],
)
def test_private_and_gated(tmp_path, site, repository, token, said):
    state, fetch = site
    (commit,) = state.add("you/model", FILES, **repository)
    name(tmp_path, commit)
    done = fetch(HF_TOKEN=token)
    assert done.returncode == 1 and said in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert "hf_wrong" not in done.stderr + done.stdout
    build = fetch("--public", HF_TOKEN=token)
    assert build.returncode == 0 and "left to the start" in build.stderr
    right = fetch(HF_TOKEN="hf_right")
    assert right.returncode == 0, right.stderr
    assert not any("hf_right" in text for text in texts(tmp_path)), "a token is never written"


def texts(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path.read_text("utf-8", "replace") for path in files]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"revision": "0" * 40}, "has no commit 0000000"),
        ({"path": "other.onnx", "files": {"other.onnx": 1}}, "has no other.onnx at commit"),
        ({"repo": "you/gone"}, "does not show you/gone without a token"),
    ],
)
def test_what_is_not_there(tmp_path, site, changes, said):
    state, fetch = site
    (commit,) = state.add("you/model", FILES)
    name(tmp_path, commit, **changes)
    done = fetch()
    assert done.returncode == 1 and said in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"HF_HUB_OFFLINE": "1"},
        pytest.param(
            {"HF_ENDPOINT": "http://127.0.0.1:9"}, marks=[pytest.mark.slow, pytest.mark.every]
        ),  # retries
    ],
)
def test_no_network(tmp_path, site, variables):
    _, fetch = site
    name(tmp_path, "0" * 40)
    done = fetch("--public", **variables)
    assert done.returncode == 1
    assert "the Hub cannot be reached" in done.stderr, done.stderr
    assert "python -m ml_ui fetch where there is a network" in done.stderr


def test_no_project_on_the_hub(tmp_path, site):
    _, fetch = site
    done = fetch()
    assert done.returncode == 0 and "There is no model/hub.json" in done.stdout


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", json.dumps({"repo": "a/b", "revision": "main", "path": "", "files": {"a": 1}})],
)
def test_hub_json_that_is_none(tmp_path, text):
    (tmp_path / hub.NAME).write_text(text)
    with pytest.raises(hub.CannotFetch, match="the 40 digits of a commit"):
        hub.Weights.read(tmp_path / hub.NAME)


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "/etc/passwd"}, {"path": "../../x"}, {"path": ""}, {"path": "other.onnx"},
        {"files": {"/etc/passwd": 1}}, {"files": {"a/../../x": 1}}, {"files": {"a b": 1}},
        {"repo": "../x"}, {"repo": "a--b/c"}, {"repo": "a"}, {"repo": "a/" + "b" * 100},
    ],
)  # fmt: skip
def test_hub_json_that_leaves_the_cache(tmp_path, changes):
    good = hub.Weights("a/b", "0" * 40, "in/m.onnx", {"in/m.onnx": 1})
    for path in (good.path, "in", "."):
        (tmp_path / hub.NAME).write_text(good._replace(path=path).text)
        assert hub.Weights.read(tmp_path / hub.NAME).path == path
    files = {"files": {**good.files, **changes.get("files", {})}}
    (tmp_path / hub.NAME).write_text(good._replace(**changes | files).text)
    with pytest.raises(hub.CannotFetch, match="OWNER/NAME as repo"):
        hub.Weights.read(tmp_path / hub.NAME)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_cache_that_is_not_writable(tmp_path, site):
    state, fetch = site
    (commit,) = state.add("you/model", FILES)
    name(tmp_path, commit)
    (tmp_path / "home").mkdir(mode=0o500)
    done = fetch()
    assert done.returncode == 1 and "is not writable: set HF_HOME" in done.stderr


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "no space is left"), (errno.EROFS, "is not writable: set HF_HOME")],
)
def test_full_and_read_only_disks(number, said):
    weights = hub.Weights("you/model", "0" * 40, "m.onnx", {"m.onnx": 12_345})
    assert said in str(hub._reason(weights, "m.onnx", OSError(number, os.strerror(number))))
