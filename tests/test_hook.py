"""The last step of a generation: what it does to the project, and nothing else to the machine."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from asking import IRIS, copy_template, run, tree
from conftest import ROOT
from cookiecutter.generate import generate_context
from cookiecutter.prompt import prompt_for_config
from cookiecutter.utils import create_env_with_context
from crafted import saved_model

from local_extensions import questions


def asked(**answers) -> dict:
    """Return the context as cookiecutter has it after the questions."""
    context = generate_context(str(ROOT / "cookiecutter.json"), extra_context=answers)
    context["cookiecutter"] = prompt_for_config(context, no_input=True)
    return context


def rendered(context: dict) -> str:
    """Render the hook as cookiecutter does."""
    source = (ROOT / "hooks" / "post_gen_project.py").read_text("utf-8")
    return create_env_with_context(context).from_string(source).render(**context)


@pytest.fixture
def hook(monkeypatch, tmp_path_factory):
    """Return a function that renders the hook as cookiecutter does, and imports it."""

    def load(**answers) -> ModuleType:
        # It gives up the first entry, and writes no bytecode.
        monkeypatch.setattr(sys, "path", ["first", *sys.path])
        monkeypatch.setattr(sys, "dont_write_bytecode", False)
        file = tmp_path_factory.mktemp("hook") / "hook.py"
        file.write_text(rendered(asked(**answers)), "utf-8")
        spec = importlib.util.spec_from_file_location("hook", file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert "first" not in sys.path and sys.dont_write_bytecode
        return module

    return load


def write(folder: Path, **files: str | bytes) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


# Its parts --------------------------------------------------------------------------------


def test_chosen_files_are_unpacked(hook, tmp_path, monkeypatch):
    """What rendered to nothing is not there."""
    files = {"Procfile": "web: python app.py\n", ".github/workflows/deploy.yml": "name: 模型\r\n"}
    bundle = json.dumps(files | {".gitattributes": "\n"})
    write(tmp_path, **{"_chosen_files.json": bundle, "Procfile": "old", "app.py": "kept"})
    module = hook()
    monkeypatch.chdir(tmp_path)
    module.unpack("_chosen_files.json")
    laid = {name: text.encode() for name, text in files.items()}
    assert tree(tmp_path) == laid | {"app.py": b"kept", ".github": None, ".github/workflows": None}


def test_model_is_copied_as_regular_files(hook, tmp_path, monkeypatch):
    """A link, a read-only file, a folder, a companion in a folder, and pictures."""
    home, project = tmp_path / "home", tmp_path / "project"
    write(
        home,
        weights=b"w",
        **{"saved/v/index": b"\xff", "data/part.bin": b"p", "pictures/1.png": b"i"},
    )
    (home / "link").symlink_to("weights")
    (home / "saved" / "link").symlink_to("v/index")
    (home / "weights").chmod(0o400)
    module = hook()
    names = {"link": "model/m.onnx", "saved": "model/saved", "data/part.bin": "model/data/part.bin"}
    before = tree(home)
    project.mkdir()
    monkeypatch.chdir(project)
    for source, target in (names | {"pictures": "examples"}).items():
        module.copy(str(home / source), target)
    assert {path: content for path, content in tree(project).items() if content} == {
        "model/m.onnx": b"w",
        "model/saved/v/index": b"\xff",
        "model/saved/link": b"\xff",
        "model/data/part.bin": b"p",
        "examples/1.png": b"i",
    }
    assert not [path for path in project.rglob("*") if path.is_symlink()]
    assert (project / "model" / "m.onnx").stat().st_mode & 0o200, "its owner may replace it"
    assert tree(home) == before


def test_copied_files(hook):
    common = {"ml_ui", "requirements-dev.txt"}
    copies = hook(task="image-to-image", framework="python").COPIES
    assert {*copies.values()} == common | {"examples/cat.jpg"}
    copies = hook(task="tabular").COPIES
    assert {*copies.values()} == common | {"model/iris.skops", "model/labels.txt"}


@pytest.mark.parametrize(
    ("platform", "last", "description"),
    [
        ("huggingface", "hf upload", "Plain"),
        ("heroku", "heroku open", "Plain"),
        ("docker", "docker compose logs", "Plain"),
        ("local", "python app.py --share", "Plain"),
        ("local", "python app.py --share", "## Deploy"),
        ("local", "python app.py --share", "## Run ```sh"),
        ("local", "python app.py --share", "```sh"),
        ("local", "python app.py --share", "```sh rm -rf ~ ```"),
    ],
)
def test_next_steps_match_the_readme(bake, hook, platform, last, description):
    readme = (bake(platform=platform, description=description) / "README.md").read_text("utf-8")
    steps = hook(platform=platform, project_slug="mine").next_steps(readme)
    first = ["Run it here:", "", "cd mine", "python -m venv .venv && . .venv/bin/activate"]
    assert steps.strip().splitlines()[:4] == first
    assert steps.count("\nPut it online:\n") == 1
    assert steps.rstrip().splitlines()[-1].startswith(last)
    assert not {"`", "rm", "##"} & set(steps.split())


@pytest.mark.parametrize("known", [True, False])
def test_next_steps_check_what_is_known(bake, hook, tmp_path, known):
    """Without an answer in the examples, the command has a place for one."""
    model = shutil.copy(IRIS, tmp_path)
    shutil.copy(IRIS.with_name("labels.txt"), tmp_path)
    rows = f"a,b,c,d{',answer' if known else ''}\n5,3.6,1.4,0.2{',setosa' if known else ''}\n"
    write(tmp_path, **{"examples.csv": rows})
    readme = (bake(platform="local") / "README.md").read_text("utf-8")
    steps = hook(model_path=str(model), platform="local").next_steps(readme)
    asks = "" if known else " --example INPUT --expect LABEL"
    assert f"\npython -m ml_ui check{asks}\npython app.py\n" in steps
    assert "ml_ui check" not in hook(platform="local").next_steps(readme)


def test_no_next_steps_in_an_edited_readme(hook):
    assert hook().next_steps("# Mine\n\n## Run\n\n```sh\npython app.py\n```\n") == ""


def test_answers_reach_the_hook_unchanged(hook):
    text = "\"\"\" '''\\ <b>&amp; 模型 🤗 $(touch canary)"
    module = hook(description="{{ " + json.dumps(text, ensure_ascii=False) + " }}")
    assert module.ANSWERS["description"] == text


# Signals ----------------------------------------------------------------------------------

linux = pytest.mark.skipif(sys.platform != "linux", reason="env --default-signal is GNU's")


def signalled(folder: Path, number: signal.Signals, readme: Path, *, is_new=True, ignored=False):
    """Send a signal to the hook while it reads in the folder `made`; return how it ended."""
    context = asked(project_slug="made")
    context["cookiecutter"]["_is_new"] = is_new
    write(folder, **{"hook.py": rendered(context), "made/notes.txt": "mine"})
    shutil.copy(readme, folder / "made")
    os.mkfifo(bundle := folder / "made" / "_chosen_files.json")
    action = "ignore" if ignored else "default"
    command = ["env", f"--{action}-signal={number.name[3:]}", sys.executable, folder / "hook.py"]
    process = subprocess.Popen(command, cwd=folder / "made", stdout=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            gate = os.open(bundle, os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError:  # it has not come so far
            time.sleep(0.01)
    process.send_signal(number)
    if ignored:
        os.write(gate, b"{}")
    os.close(gate)
    return process.wait(60)


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("is_new", [True, False])
def test_signal_removes_a_new_project(bake, tmp_path, number, is_new):
    status = signalled(tmp_path, number, bake() / "README.md", is_new=is_new)
    assert status == 128 + number
    assert (tmp_path / "made" / "notes.txt").exists() != is_new
    assert (tmp_path / "made").exists() != is_new
    assert not (tmp_path / "hook.py").exists()


@linux
def test_ignored_signal_stays_ignored(bake, tmp_path):
    """A shell has its jobs in the background ignore an interrupt."""
    assert signalled(tmp_path, signal.SIGINT, bake() / "README.md", ignored=True) == 0
    assert (tmp_path / "made" / "requirements-dev.txt").is_file()


@pytest.mark.parametrize("there", [False, True])
def test_is_new(tmp_path, there):
    answers = asked(project_slug="made")["cookiecutter"] | {"_output_dir": str(tmp_path)}
    if there:
        (tmp_path / "made").mkdir()
    assert questions.project_folder(answers) == "made"
    assert answers["_is_new"] != there


# The whole run ----------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path):
    """An empty folder to stand in, and a folder for temporary files that holds traps."""
    (tmp_path / "here").mkdir()
    for name in ("json", "pathlib", "re", "shutil"):
        write(tmp_path, **{f"temp/{name}.py": f"open({str(tmp_path / 'canary')!r}, 'w')\n"})
    return tmp_path


def generate(place: Path, *arguments: str, before: tuple[str, ...] = ()):
    """Run the command line where bytecode may be written and temporary files are watched."""
    command = [*before, sys.executable, "-m", "cookiecutter", "--no-input", *arguments]
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    env["TMPDIR"] = str(place / "temp")
    options = {"capture_output": True, "text": True, "cwd": place / "here", "env": env}
    return subprocess.run(command, check=False, **options)


def test_leaves_nothing_outside_the_project(place):
    before = tree(place)
    done = generate(place, ROOT, "project_slug=made")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list((place / "here" / "made").rglob("__pycache__"))
    shutil.rmtree(place / "here" / "made")
    assert tree(place) == before
    assert not list((ROOT / "{{cookiecutter.project_slug}}").rglob("__pycache__"))


def test_closed_stdout_is_harmless(place):
    """As in `cookiecutter ... | head -1`."""
    command = [sys.executable, "-m", "cookiecutter", "--no-input", ROOT, "project_slug=made"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, cwd=place / "here", check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (place / "here" / "made" / "README.md").is_file()


def test_needs_no_network(place):
    allowed = ["unshare", "-n", "true"]
    if not shutil.which("unshare") or subprocess.run(allowed, check=False).returncode:
        pytest.skip("only root may take the network away")
    done = generate(place, ROOT, "project_slug=made", before=("unshare", "-n"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A copy of the template whose Spaces hold nothing."""
    template = copy_template(tmp_path_factory.mktemp("strict"))
    file = template / "src" / "ml_ui" / "sizing" / "platforms" / "huggingface.json"
    facts = json.loads(file.read_text("utf-8"))
    (limit,) = (x for x in facts["limits"] if x["name"] == "repository")
    limit["bytes"], limit["written"] = 1000, "1 kB"
    file.write_text(json.dumps(facts), "utf-8")
    return template


def test_project_that_does_not_fit_is_refused(place, strict):
    before = tree(place)
    done = generate(place, strict, "platform=huggingface")
    assert done.returncode == 1, done.stdout
    output = done.stdout + done.stderr
    assert "it does not fit" in output and "of 1 kB" in output
    assert tree(place) == before


def test_refusal_keeps_existing_files(place, strict):
    mine = {"made/notes.txt": b"mine", "made/package/__init__.py": b"", "made/.git/HEAD": b"ref"}
    write(place / "here", **mine)
    done = generate(place, strict, "-f", "project_slug=made", "platform=huggingface")
    assert done.returncode == 1, done.stdout
    after = tree(place / "here")
    assert {name: after.get(name) for name in mine} == mine
    assert "made/_chosen_files.json" not in after


def test_empty_and_tiny_model_files(tmp_path):
    """What is removed is what rendered to nothing, not what the model has."""
    model = {"variables/variables.index": b"\xff", "assets/none.txt": b"", "fingerprint.pb": b"\n"}
    write(tmp_path / "digits", **model, **{"saved_model.pb": saved_model(-1, 8, 8, 1)})
    done = run("--no-input", ROOT, "model_path=digits", "project_slug=made", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert tree(tmp_path / "made" / "model" / "digits") == tree(tmp_path / "digits")


def test_linked_model_is_copied(tmp_path):
    """As the Hub's cache keeps them: the target is what is weighed and copied."""
    write(tmp_path, **{"blobs/0a1b": IRIS.read_bytes()})
    (tmp_path / "iris.skops").symlink_to("blobs/0a1b")
    done = run("--no-input", ROOT, "model_path=iris.skops", "task=tabular", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    copied = tmp_path / "iris" / "model" / "iris.skops"
    assert copied.read_bytes() == IRIS.read_bytes() and not copied.is_symlink()
