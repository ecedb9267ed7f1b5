"""Models given as an id of the Hub: found in its cache, as huggingface_hub lays it out."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import model_hub
import numpy as np
import onnx
import pytest
import yaml
from asking import record, tree
from click.testing import CliRunner
from commands import run as ml_ui
from conftest import ROOT, ruff
from cookiecutter.cli import main
from test_refusals import assert_refused, generate
from test_transformers import TEXT

from ml_ui import hub

DEMOS = ROOT / "demos"
DIGITS = (DEMOS / "image-classification" / "digits.onnx").read_bytes()
IRIS = (DEMOS / "tabular" / "iris.skops").read_bytes()
LABELS = "setosa\nversicolor\nvirginica\n"
FOLDER = {
    name: content if isinstance(content, bytes) else json.dumps(content).encode()
    for name, content in TEXT.items()
}


@pytest.fixture(scope="module")
def stand_in():
    with model_hub.served() as (url, state):
        yield url, state


@pytest.fixture
def cached(stand_in, here, monkeypatch):
    """Return a function that adds a repository and downloads it into an empty cache."""
    url, state = stand_in
    cache = here.parent / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("HF_ENDPOINT", url)

    def add(name: str, *commits: dict[str, bytes], files=(), revision="main") -> list[str]:
        hashes = state.add(name, *commits)
        model_hub.download(url, cache, name, *files, revision=revision)
        state.asked.clear()
        return hashes

    yield add
    assert state.asked == [], "the questions use no network"


def made(model_path: str, **answers: str) -> Path:
    answers = {"project_slug": "made", "platform": "local"} | answers
    result = generate(f"model_path={model_path}", *(f"{k}={v}" for k, v in answers.items()))
    assert result.exit_code == 0, result.output
    return Path(answers["project_slug"])


def refused(model_path: str, *fragments: str) -> str:
    result = generate(f"model_path={model_path}", "project_slug=made")
    assert_refused(result.output, result.exit_code, "model_path: ", *fragments)
    return result.output


def network(folder: Path, hidden: int) -> dict[str, bytes]:
    """Return the files of a classifier of four numbers, with its weights outside."""
    graph = onnx.parser.parse_graph(
        "g (float[n, 4] x) => (float[n, 3] y) { h = MatMul(x, a) s = MatMul(h, b) y = Softmax(s) }"
    )
    rng = np.random.default_rng(0)
    for name, shape in {"a": (4, hidden), "b": (hidden, 3)}.items():
        weights = rng.normal(0, hidden**-0.5, shape).astype(np.float32)
        graph.initializer.append(onnx.numpy_helper.from_array(weights, name))
    opset = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.save(
        model, folder / "model.onnx", save_as_external_data=True, location="model.data",
        size_threshold=0,
    )  # fmt: skip
    return {name: (folder / name).read_bytes() for name in ("model.onnx", "model.data")}


def named(project: Path) -> hub.Weights:
    return hub.Weights.read(project / "model" / hub.NAME)


# Recognised ---------------------------------------------------------------------------------

REPOSITORIES = {
    # files; what the model is there; what it needs; files in the project's model/
    "one": ({"README.md": b"x", "digits.onnx": DIGITS}, "digits.onnx", {"digits.onnx"}, set()),
    "labels": (
        {"config.json": b'{"sklearn": {}}', "iris.skops": IRIS, "labels.txt": LABELS.encode()},
        "iris.skops", {"iris.skops"}, {"labels.txt"},
    ),
    "whole": (FOLDER | {"tf_model.h5": b"x", "onnx/model.onnx": DIGITS}, ".", {*FOLDER},
              {"labels.txt"}),
}  # fmt: skip


@pytest.mark.parametrize("platform", ["huggingface", "heroku", "docker", "local"])
@pytest.mark.parametrize("kind", REPOSITORIES)
def test_weights_stay_on_the_hub(cached, kind, platform):
    files, path, needed, inside = REPOSITORIES[kind]
    (commit,) = cached("you/my.model", files)
    project = made("you/my.model", platform=platform)
    sizes = {name: len(files[name]) for name in needed}
    assert named(project) == ("you/my.model", commit, path, sizes)
    assert {each.name for each in project.glob("model/*")} == {hub.NAME} | inside
    assert not [each for each in project.rglob("*") if each.is_symlink()]
    source = (project / "model.py").read_text("utf-8")
    assert "return Model(hub.fetch(MODEL))" in source
    assert 'title="My model"' in (project / "app.py").read_text("utf-8")
    sources = [each for each in project.rglob("*.py") if each.parts[1] != "ml_ui"]
    rules = f"src=['{project.absolute()}']"
    ruff("check", "--isolated", "--no-cache", "--config", rules, *sources)
    ruff("format", "--isolated", "--no-cache", "--check", *sources)
    id = "you/my.model@" if path == "." else f"you/my.model/{path}@"
    assert record(project)["answers"]["model_path"] == f"{id}{commit}"
    readme = (project / "README.md").read_text("utf-8")
    assert "hf_hub_download" not in readme and "python -m ml_ui fetch" in readme
    assert "python -m ml_ui fetch" in (project / ".github/workflows/test.yml").read_text("utf-8")
    if platform == "huggingface":
        front = yaml.safe_load(readme.split("---\n")[1])
        assert front["preload_from_hub"] == [f"you/my.model {','.join(sorted(sizes))} {commit}"]
        assert front["models"] == ["you/my.model"]
    if platform == "docker":
        steps = (project / "Dockerfile").read_text("utf-8")
        assert steps.index("ml_ui fetch --public") < steps.index("COPY --chown=user . .")


def test_external_data_comes_along(cached, tmp_path):
    files = network(tmp_path, 100)
    (commit,) = cached("you/large", files)
    sizes = {name: len(content) for name, content in files.items()}
    assert named(made("you/large")) == ("you/large", commit, "model.onnx", sizes)


def test_external_data_that_was_not_downloaded(cached, tmp_path):
    (commit,) = cached("you/large", network(tmp_path, 100), files=["model.onnx"])
    refused(
        "you/large/model.onnx", "keeps its weights in model.data, which is missing",
        f"`hf download you/large --revision {commit}` downloads the whole",
    )  # fmt: skip


def test_commit_is_pinned(cached):
    """A revision is a branch, a tag or a commit; a later one changes nothing."""
    old, new = cached("you/digits", {"a.onnx": DIGITS}, {"b.onnx": DIGITS + b""}, revision="main")
    assert named(made("you/digits")) == ("you/digits", new, "b.onnx", {"b.onnx": len(DIGITS)})
    refused(f"you/digits@{old}", f"hf download you/digits --revision {old}`", f"@{new})")
    refs = Path(os.environ["HF_HUB_CACHE"], "models--you--digits", "refs")
    (refs / "pr").mkdir()
    (refs / "pr" / "1").write_text(new)
    assert named(made("you/digits@pr/1", project_slug="second")).revision == new
    assert named(made(f"you/digits/b.onnx@{new}", project_slug="third")).revision == new


def test_replay_keeps_the_commit(cached, ask, here):
    (commit,) = cached("you/digits", {"a.onnx": DIGITS})
    result = ask("model_path=you/digits@main", "project_slug=made", "platform=local")
    assert result.exit_code == 0, result.output
    cache = Path(os.environ["HF_HUB_CACHE"], "models--you--digits")
    (cache / "refs" / "main").write_text("0" * 40)
    shutil.rmtree(here / "made")
    result = CliRunner().invoke(main, ["--replay", str(ROOT)])
    assert result.exit_code == 0, result.output
    assert named(here / "made").revision == commit
    shutil.rmtree(cache)
    shutil.rmtree(here / "made")
    result = CliRunner().invoke(main, ["--replay", str(ROOT)])
    assert_refused(
        result.output, result.exit_code, f"hf download you/digits a.onnx --revision {commit}`"
    )


@pytest.mark.parametrize(
    ("variable", "value", "folder"),
    [
        ("HF_HUB_CACHE", "$PLACE/my cache", "my cache"),
        ("HF_HOME", "~/odd $PLACE", "home/odd {here}/hub"),
        ("HUGGINGFACE_HUB_CACHE", "{here}/old", "old"),
        ("XDG_CACHE_HOME", "{here}/xdg", "xdg/huggingface/hub"),
    ],
)
def test_place_of_the_cache(stand_in, here, monkeypatch, variable, value, folder):
    """Compared with where huggingface_hub puts it."""
    for name in ("HF_HUB_CACHE", "HF_HOME", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(here / "home"))
    monkeypatch.setenv("PLACE", str(here))
    monkeypatch.setenv(variable, value.format(here=here))
    code = "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"
    theirs = subprocess.check_output([sys.executable, "-c", code], text=True).strip()
    url, state = stand_in
    state.add("you/digits", {"digits.onnx": DIGITS})
    model_hub.download(url, Path(theirs), "you/digits")
    assert named(made("you/digits")).path == "digits.onnx"


def test_weights_are_counted(cached, tmp_path):
    """In memory, and in the image whose build fetches them; not as pushed."""
    cached("you/large", network(tmp_path, 2_000_000))
    for platform, counted in {"docker": {"image", "pull"}, "heroku": set()}.items():
        project = made("you/large", platform=platform, project_slug=platform)
        done = ml_ui("preflight", "--json", folder=project)
        assert done.returncode == 0, done.stdout + done.stderr
        found = {each["name"]: each for each in json.loads(done.stdout)["checks"]}
        assert found["memory"]["parts"]["weights"] > 45e6
        for name in {"slug", "checkout", "image", "pull"} & found.keys():
            assert (found[name]["parts"]["weights"] > 45e6) == (name in counted), name
        estimate = (project / "README.md").read_text("utf-8")
        for each in found.values():
            assert each["name"] not in counted or each["name"] in estimate


def test_private_repository_is_found_like_any(cached, stand_in):
    _, state = stand_in
    cached("you/digits", {"digits.onnx": DIGITS})
    state.repositories["you/digits"].token = "hf_secret"
    project = made("you/digits")
    assert not any(b"hf_secret" in (content or b"") for content in tree(project).values())


# Refused ------------------------------------------------------------------------------------


def test_not_in_the_cache(cached):
    refused(
        "you/digits@v2", "neither a file here nor in the Hub's cache",
        "`hf download you/digits --revision v2`", "no network",
    )  # fmt: skip
    refused("you/digits/model.onnx", "`hf download you/digits model.onnx`")


def test_path_that_is_here_is_meant(cached, here):
    (here / "you").mkdir()
    cached("you/digits", {"digits.onnx": DIGITS})
    refused("you/digits", "does not exist")
    shutil.copyfile(DEMOS / "image-classification" / "digits.onnx", here / "you" / "digits.onnx")
    assert (made("you/digits.onnx") / "model" / "digits.onnx").read_bytes() == DIGITS


def test_several_models(cached):
    files = {f"onnx/model_{n}.onnx": DIGITS for n in range(12)} | {"a.skops": IRIS}
    cached("you/many", files)
    refused(
        "you/many",
        "has 13 models: give one, you/many/a.skops, you/many/onnx/model_0.onnx",
        "5 more",
    )
    assert named(made("you/many/onnx/model_3.onnx")).path == "onnx/model_3.onnx"
    refused("you/many/onnx/model_33.onnx", "did you mean you/many/onnx/model_3.onnx?")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"README.md": b"x"}, "no model in a known format in the Hub's cache, but README.md"),
        ({"model.gguf": b"GGUF", "x.bin": b"x"}, "x.bin cannot be used: for PyTorch"),
        ({"model.onnx": b"\x08"}, "model.onnx"),
        ({k: v for k, v in FOLDER.items() if k != "tokenizer.json"}, "you/odd has no tokenizer"),
        ({"modules.json": b"[]"} | FOLDER, "you/odd is a sentence-transformers model"),
        (
            {"config.json": FOLDER["config.json"], "onnx/model.onnx": DIGITS},
            "give you/odd/onnx/model.onnx",
        ),
    ],
)
def test_no_model_that_can_be_used(cached, files, said):
    (commit,) = cached("you/odd", files)
    assert commit not in refused("you/odd", said).replace(f"--revision {commit}", "")


def test_part_of_a_repository(cached):
    """Only its configuration was downloaded: the refusal has the command for the rest."""
    (commit,) = cached("you/bert", FOLDER, files=["config.json"])
    refused("you/bert", "has no weights", f"`hf download you/bert --revision {commit}`")


@pytest.mark.parametrize("model_path", ["you/digits", "you/digits/digits.onnx"])
def test_content_that_is_missing(cached, stand_in, model_path):
    """The command in the refusal brings it back."""
    (commit,) = cached("you/digits", {"digits.onnx": DIGITS})
    cache = Path(os.environ["HF_HUB_CACHE"])
    blob = (cache / "models--you--digits/snapshots" / commit / "digits.onnx").resolve()
    blob.rename(f"{blob}.incomplete")
    said = refused(model_path, "has digits.onnx of you/digits by name alone")
    assert re.search(rf"`hf download you/digits ?\S* --revision {commit}`", said)
    model_hub.download(stand_in[0], cache, "you/digits", revision=commit)
    stand_in[1].asked.clear()
    made(model_path)


def test_file_that_is_not_from_the_hub(cached):
    """The app would not find it there."""
    (commit,) = cached("you/bert", {k: v for k, v in FOLDER.items() if k != "tokenizer.json"})
    snapshot = Path(os.environ["HF_HUB_CACHE"], "models--you--bert/snapshots", commit)
    (snapshot / "tokenizer.json").write_text("{}")
    refused("you/bert", "tokenizer.json is not from the Hub")


def test_link_out_of_the_cache(cached, here):
    (commit,) = cached("you/bert", FOLDER)
    (here / "secret").write_text("{}")
    file = Path(os.environ["HF_HUB_CACHE"], "models--you--bert/snapshots", commit, "tokenizer.json")
    file.unlink()
    file.symlink_to(here / "secret")
    refused("you/bert", "tokenizer.json is a link to ")


@pytest.mark.parametrize(
    "id",
    [
        "you/../digits", "../you/digits", "you/digits/../x.onnx", "you/digits@../main", "you//digits",
        "you/a--b", "you/digits@", "you/di gits", "you/digits@main/../../x", "-you/digits", "you/.",
        "you/digits@" + "a" * 5000, "you/" + "d" * 5000,
    ],
)  # fmt: skip
def test_hostile_ids(cached, here, id):
    """They are no ids, or not in the cache; nothing else is read."""
    cached("you/digits", {"digits.onnx": DIGITS})
    result = generate(f"model_path={id}", "project_slug=made")
    assert result.exit_code == 1 and "Traceback" not in result.output, result.output[-2000:]
    assert not (here / "made").exists()


@pytest.mark.parametrize("content", ["", "main", "../../../x", "0" * 39, "0" * 1_000_000])
def test_damaged_ref(cached, content):
    cached("you/digits", {"digits.onnx": DIGITS})
    ref = Path(os.environ["HF_HUB_CACHE"], "models--you--digits", "refs", "main")
    ref.write_text(content)
    refused("you/digits", "neither a file here nor in the Hub's cache", "it has you/digits@")


def test_ref_that_is_a_pipe(cached):
    cached("you/digits", {"digits.onnx": DIGITS})
    ref = Path(os.environ["HF_HUB_CACHE"], "models--you--digits", "refs", "main")
    ref.unlink()
    os.mkfifo(ref)
    refused("you/digits", "neither a file here nor in the Hub's cache")
