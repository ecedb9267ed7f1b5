"""python -m ml_ui update: a three-way merge of the template's changes into a project.

The template is a copy of this repository with real commits of its own. What a merge
should give is generated from the newest commit by cookiecutter, without the updater.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from argparse import Namespace
from functools import cache
from pathlib import Path

import pytest
from onnx_kinds import save_rows

from ml_ui import merging, record, update

ROOT = Path(__file__).parent.parent
PROJECT = "{{cookiecutter.project_slug}}"
slow = pytest.mark.slow


def git(folder: Path, *arguments: str) -> str:
    """Run git, and return what it prints."""
    identity = ("-c", "user.name=Owner", "-c", "user.email=owner@localhost")
    command = ["git", *identity, *arguments]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(folder: Path, subject: str) -> str:
    """Commit all that has changed; return the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", subject)
    return git(folder, "rev-parse", "HEAD")


def replace(path: Path, old: str, new: str) -> None:
    """Replace a text that a file has."""
    text = path.read_text("utf-8")
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new), "utf-8")


def replace_in_templates(template: Path, old: str, new: str) -> None:
    """Replace a text in whichever of the template's files have it."""
    folders = (template / "templates", template / PROJECT)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    having = [path for path in files if old.encode() in path.read_bytes()]
    assert having, f"no template has {old!r}"
    for path in having:
        replace(path, old, new)


def generate(template: Path, folder: Path, **answers: str) -> Path:
    """Generate a project, and commit it as its owner does.

    It leaves no bytecode in the template: of two commits checked out within a second, Python
    would take the first one's for a file that kept its size.
    """
    command = [sys.executable, "-B", "-m", "cookiecutter", "--no-input", "-o", folder, template]
    pairs = [f"{name}={value}" for name, value in answers.items()]
    folder.mkdir(exist_ok=True)  # elsewhere, Python might find another template's extension
    subprocess.run([*command, *pairs], check=True, capture_output=True, cwd=folder)
    (project,) = (path for path in folder.iterdir() if (path / record.NAME).exists())
    git(project, "init", "--quiet")
    commit(project, "As generated")
    return project


def run(project: Path, *options: object, python: str = sys.executable, **variables: str):
    """Run the update in the project, with the package that it holds; it leaves no bytecode."""
    return subprocess.run(
        [python, "-B", "-m", "ml_ui", "update", *map(str, options)],
        cwd=project, env=os.environ | variables, capture_output=True, text=True, check=False,
    )  # fmt: skip


def files(project: Path) -> dict[str, bytes]:
    """Return the content of all files of a folder, but for git's and Python's own."""
    skipped = {".git", "__pycache__"}
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file() and not skipped & {*path.relative_to(project).parts}
    }


def state(project: Path) -> tuple:
    """Return all that an update which fails must leave as it was."""
    there = (project / ".git").is_dir()
    kept = [git(project, *command.split()) for command in STATE] if there else []
    found = sorted(path.name for path in (project / ".git").glob("*_HEAD")) if there else []
    return files(project), kept, found


STATE = ("rev-parse HEAD", "for-each-ref", "status --porcelain --ignored", "diff HEAD")


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """Return a repository of the template with four commits, tagged first to fourth."""
    folder = tmp_path_factory.mktemp("address") / "a-template"
    git(ROOT, "clone", "--quiet", str(ROOT), str(folder))
    names = git(ROOT, "ls-files", "-zco", "--exclude-standard").split("\0")
    for name in filter(None, names):  # with what is not committed yet
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
    git(folder, "commit", "--quiet", "--allow-empty", "-am", "As it is")
    commit_tagged(folder, "first")
    replace_in_templates(folder, "## Run\n", "## Run it\n")
    replace_in_templates(folder, 'flagging_mode="never"', 'flagging_mode="auto"')
    replace_in_templates(folder, "`examples.csv`: rows for", "`examples.csv`: the rows of")
    commit_tagged(folder, "second")
    (folder / "templates/platforms/heroku/NEW.txt").write_text("Added by the template.\n")
    replace_in_templates(folder, "pytest==", "# Pinned.\npytest==")
    replace(folder / "src/ml_ui/__init__.py", '__version__ = "1.0.0"', '__version__ = "9.0.0"')
    commit_tagged(folder, "third")
    tests = folder / PROJECT / "tests"
    git(folder, "mv", str(tests / "test_guards.py"), str(tests / "test_page.py"))
    (folder / "templates/platforms/heroku/.slugignore").unlink()
    questions = json.loads((folder / "cookiecutter.json").read_text("utf-8"))
    questions["greeting"] = "hello"
    (folder / "cookiecutter.json").write_text(json.dumps(questions), "utf-8")
    commit_tagged(folder, "fourth")
    return folder


def commit_tagged(folder: Path, name: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", name)
    git(folder, "tag", name)


@pytest.fixture(scope="module")
def generated(template, tmp_path_factory):
    """Return a function that generates a project from a tag of the template, each once."""

    @cache
    def made(tag: str, **answers: str) -> Path:
        git(template, "checkout", "--quiet", tag)
        try:
            return generate(template, tmp_path_factory.mktemp(tag), **answers)
        finally:
            git(template, "checkout", "--quiet", "-")

    return made


@pytest.fixture
def project(generated, tmp_path) -> Path:
    """Return story A's project, generated with the template's first commit."""
    return copied(generated("first", task="image-to-image", platform="heroku"), tmp_path)


def copied(project: Path, folder: Path) -> Path:
    return Path(shutil.copytree(project, folder / "owner", symlinks=True))


@slow
def test_untouched_project_matches_the_newest_template(project, template, generated):
    head, refs = git(project, "rev-parse", "HEAD"), git(project, "for-each-ref")
    done = run(project, "--template", template)
    assert done.returncode == 0, done.stderr
    newest = generated("fourth", task="image-to-image", platform="heroku")
    assert files(project) == files(newest)
    assert not (project / ".slugignore").exists()
    assert (git(project, "rev-parse", "HEAD"), git(project, "for-each-ref")) == (head, refs)
    assert not list((project / ".git").glob("*_HEAD"))
    last = git(template, "rev-parse", "fourth")
    recorded = json.loads((project / record.NAME).read_text("utf-8"))
    assert recorded["template"]["commit"] == recorded["ml_ui"]["commit"] == last
    assert recorded["template"]["version"] == recorded["ml_ui"]["version"] == "9.0.0"
    assert 'greeting="hello"' in done.stdout
    assert "1.0.0" in done.stdout and "9.0.0" in done.stdout and last[:9] in done.stdout


@slow
def test_edits_of_the_owner_are_kept(project, template, tmp_path):
    replace(project / "model.py", "cv2.COLOR_RGB2GRAY)", "cv2.COLOR_RGB2GRAY) // 2")
    replace(project / "app.py", 'title="Colour to grey"', 'title="Mine"')
    with (project / "README.md").open("a", encoding="utf-8") as readme:
        readme.write("\n## Notes of mine\n")
    (project / "notes.txt").write_text("mine\n")
    (project / "untracked.txt").write_text("mine, and not in git\n")
    git(project, "add", "model.py", "app.py", "README.md", "notes.txt")
    git(project, "commit", "--quiet", "-m", "Mine")
    other = tmp_path / "gitconfig"  # of whoever updates
    other.write_text("[user]\nname = Somebody Else\nemail = else@example.com\n")
    done = run(project, "--template", template, GIT_CONFIG_GLOBAL=str(other))
    assert done.returncode == 0, done.stdout + done.stderr
    after = {name: content.decode("utf-8", "replace") for name, content in files(project).items()}
    assert "cv2.COLOR_RGB2GRAY) // 2" in after["model.py"]
    assert 'title="Mine"' in after["app.py"] and 'flagging_mode="auto"' in after["app.py"]
    assert "## Run it\n" in after["README.md"]
    assert after["README.md"].endswith("\n## Notes of mine\n")
    assert "Somebody Else" not in after["LICENSE"]
    assert after["NEW.txt"] == "Added by the template.\n"
    assert "# Pinned." in after["requirements-dev.txt"]
    assert (after["notes.txt"], after["untracked.txt"]) == ("mine\n", "mine, and not in git\n")
    git(project, "commit", "--quiet", "-m", "Update")
    again = run(project, "--template", template)
    assert again.returncode == 0 and "up to date" in again.stdout


@slow
def test_conflicts_are_marked_and_nothing_is_lost(project, template):
    replace(project / "app.py", 'flagging_mode="never"', 'flagging_mode="manual"')
    replace(project / "tests/test_guards.py", '"""The guards', '"""My guards')
    replace(project / ".slugignore", "\n", "\n# mine\n")
    commit(project, "Mine")
    before = state(project)
    done = run(project, "--template", template)
    assert done.returncode == 1, done.stdout + done.stderr
    page = (project / "app.py").read_text("utf-8")
    both = r'<{7}.*\n.*"manual".*\n={7}\n.*"auto".*\n>{7}'
    assert re.search(both, page), page
    assert "app.py" in done.stdout.partition("Conflicts:")[2]
    # Deleted by the template and edited by the owner: the owner's stays, and is listed.
    assert "# mine" in (project / ".slugignore").read_text("utf-8")
    assert ".slugignore" in done.stdout.partition("Conflicts:")[2]
    # Renamed by the template and edited by the owner: the edit follows.
    assert '"""My guards' in (project / "tests/test_page.py").read_text("utf-8")
    git(project, "reset", "--quiet", "--hard")
    assert state(project)[:2] == before[:2]  # but for git's own ORIG_HEAD


@slow
def test_edited_package_conflicts_visibly(project, template):
    version = '__version__ = "1.0.0"'
    replace(project / "ml_ui/__init__.py", version, '__version__ = "1.0.0+mine"')
    commit(project, "Mine")
    done = run(project, "--template", template)
    assert done.returncode == 1
    assert "ml_ui/__init__.py" in done.stdout.partition("Conflicts:")[2]
    assert "1.0.0+mine" in (project / "ml_ui/__init__.py").read_text("utf-8")


@slow
def test_deleted_package_stays_deleted(project, template, tmp_path):
    installed = tmp_path / "installed"
    shutil.move(project / "ml_ui", installed / "ml_ui")
    commit(project, "Use the wheel")
    done = run(project, "--template", template, PYTHONPATH=str(installed))
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (project / "ml_ui").exists()
    assert "install ml-ui 9.0.0" in done.stdout
    only = run(project, "--package-only", "--template", template, PYTHONPATH=str(installed))
    assert only.returncode == 2 and "no ml_ui/" in only.stderr


@slow
def test_package_only_replaces_the_package(project, template, generated):
    before = files(project)
    (project / "ml_ui/mine.py").write_text("")
    done = run(project, "--package-only", "--template", template)
    assert done.returncode == 2 and "ml_ui/mine.py" in done.stderr
    (project / "ml_ui/mine.py").unlink()
    assert files(project) == before

    done = run(project, "--package-only", "--template", template)
    assert done.returncode == 0, done.stderr
    after = files(project)
    newest = files(generated("fourth", task="image-to-image", platform="heroku"))
    package = {name for name in {*after, *newest} if name.startswith("ml_ui/")}
    assert {n: after.get(n) for n in package} == {n: newest.get(n) for n in package}
    changed = {name for name in {*after, *before} if after.get(name) != before.get(name)}
    assert changed == {"ml_ui/__init__.py", record.NAME}
    old, now = (json.loads(each[record.NAME]) for each in (before, after))
    commit_ = git(template, "rev-parse", "fourth")
    assert now == old | {"ml_ui": {"version": "9.0.0", "commit": commit_}}

    # The whole update then starts from this package, and meets no conflict.
    commit(project, "Update the package")
    done = run(project, "--template", template)
    assert done.returncode == 0, done.stdout
    assert files(project) == newest


@pytest.mark.parametrize("interrupted", [1, 2])
def test_interrupt_leaves_the_old_package(interrupted, tmp_path, monkeypatch):
    """Ctrl-C just after a rename of the exchange: neither may cost the only copy."""
    template, project = tmp_path / "template", tmp_path / "project"
    recorded = {"answers": {}, "model": {}, "sizes": {}}
    for folder, package in ((template, "src/ml_ui"), (project, "ml_ui")):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text(f'__version__ = "{folder.name}"\n')
        (folder / record.NAME).write_text(record.text(recorded))
        git(folder, "init", "--quiet")
        commit(folder, "All")
    before, rename, renames = files(project), Path.rename, []

    def interrupt(path: Path, target: Path) -> None:
        rename(path, target)
        renames.append(path)
        if len(renames) == interrupted:
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", interrupt)
    options = Namespace(template=str(template), to="HEAD")
    with pytest.raises(KeyboardInterrupt):
        update.replace_package(project, tmp_path / "temporary", options)
    assert files(project) == before
    assert git(project, "status", "--porcelain") == ""


@slow
def test_project_in_a_subfolder(project, template, tmp_path, generated):
    repository = tmp_path / "repository"
    (repository / "apps").mkdir(parents=True)
    shutil.rmtree(project / ".git")
    inside = Path(shutil.move(project, repository / "apps" / "my app"))
    (repository / "app.py").write_text("another\n")
    git(repository, "init", "--quiet")
    commit(repository, "All")
    done = run(inside, "--template", template)
    assert done.returncode == 0, done.stderr
    assert files(inside) == files(generated("fourth", task="image-to-image", platform="heroku"))
    assert (repository / "app.py").read_text() == "another\n"


@slow
def test_own_model_and_its_labels_are_not_touched(template, tmp_path):
    (tmp_path / "files").mkdir()
    network = tmp_path / "files/my digits.onnx"
    shutil.copy(ROOT / "demos/image-classification/digits.onnx", network)
    labels = "".join(f"class {n}\n" for n in range(10))
    (tmp_path / "files/labels.txt").write_text(labels)
    git(template, "checkout", "--quiet", "first")
    project = generate(template, tmp_path / "made", model_path=str(network), platform="local")
    git(template, "checkout", "--quiet", "-")
    (project / "model/labels.txt").write_text(labels.replace("class 0", "zero"))
    for picture in (project / "examples").glob("*"):
        picture.unlink()
    commit(project, "My labels, no examples")
    done = run(project, "--template", template, "--to", "third")
    assert done.returncode == 0, done.stdout + done.stderr
    changed = git(project, "diff", "--cached", "--name-only").splitlines()
    assert "app.py" in changed
    assert not [name for name in changed if name.startswith(("model/", "examples/"))]
    assert json.loads((project / record.NAME).read_text("utf-8"))["answers"]["model_path"] == (
        "my digits.onnx"
    )

    # Another model in its place: refused, until the owner names it.
    git(project, "commit", "--quiet", "-m", "Update")
    git(project, "mv", "model/my-digits.onnx", "model/better.onnx")
    replace(project / "model.py", '"my-digits.onnx"', '"better.onnx"')
    commit(project, "A better model")
    before = state(project)
    done = run(project, "--template", template)
    assert done.returncode == 2 and "--model" in done.stderr
    assert state(project) == before
    done = run(project, "--template", template, "--model", "model/better.onnx")
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"better.onnx"' in (project / "model.py").read_text("utf-8")
    assert (project / "model/better.onnx").exists()


@slow
def test_table_that_came_with_the_model(template, generated, tmp_path):
    """What the template says of the table, and of columns that it names, is updated too."""
    path = save_rows(tmp_path / "wine.onnx", 3, 3)
    (tmp_path / "labels.txt").write_text("barolo\ngrignolino\nbarbera\n")
    table = "alcohol,ash,hue,answer\n13.5,2.25,1.0,barolo\n"
    (tmp_path / "examples.csv").write_text(table)
    answers = {"model_path": str(path), "platform": "heroku"}
    project = copied(generated("first", **answers), tmp_path)
    done = run(project, "--template", template)
    assert done.returncode == 0, done.stdout + done.stderr
    assert files(project) == files(generated("fourth", **answers))
    assert "the rows of" in (project / "README.md").read_text("utf-8")


@pytest.mark.every
@slow
def test_git_lfs_filters_do_not_run(generated, template, tmp_path):
    project = copied(generated("first", platform="huggingface"), tmp_path)
    settings = tmp_path / "gitconfig"
    settings.write_text('[filter "lfs"]\n\tclean = false\n\tsmudge = false\n\trequired = true\n')
    done = run(project, "--template", template, GIT_CONFIG_GLOBAL=str(settings))
    assert done.returncode == 0, done.stderr


@slow
def test_answers_that_look_like_jinja_are_kept(project, template):
    text = "50 % off {{ cookiecutter.license }}, \U0001f600 \\ 'quoted' \"twice\""
    recorded = json.loads((project / record.NAME).read_text("utf-8"))
    recorded["answers"]["description"] = text
    (project / record.NAME).write_text(json.dumps(recorded), "utf-8")
    commit(project, "Another description")
    done = run(project, "--template", template)
    assert done.returncode == 0, done.stderr
    now = json.loads((project / record.NAME).read_text("utf-8"))
    assert now["answers"] == recorded["answers"] | {"greeting": "hello"}


def edit_record(project: Path, part: str, **values: object) -> None:
    recorded = json.loads((project / record.NAME).read_text("utf-8"))
    recorded[part] |= values
    (project / record.NAME).write_text(json.dumps(recorded), "utf-8")
    commit(project, "Another record")


REFUSED = {
    "dirty": (lambda p: replace(p / "app.py", "Colour", "Color"), [], "app.py"),
    "no repository": (lambda p: shutil.rmtree(p / ".git"), [], "git init"),
    "not committed": (lambda p: git(p, "update-ref", "-d", "HEAD"), [], "not committed"),
    "no record": (lambda p: (p / record.NAME).unlink(), [], record.NAME),
    "no commit": (lambda p: edit_record(p, "template", commit=None), [], "--from"),
    "unknown commit": (lambda p: edit_record(p, "template", commit="a" * 40), [], "no commit"),
    "unknown tag": (lambda p: None, ["--to", "fifth"], "no commit fifth"),
    "not offered": (
        lambda p: edit_record(p, "answers", task="divination"), [], "'divination' is not offered",
    ),
    "refused while rendering": (
        lambda p: edit_record(p, "answers", hardware="steam"), [], "heroku has no 'steam'",
    ),
    "ignored file in the way": (
        lambda p: (
            (p / ".git/info/exclude").write_text("NEW.txt\n"), (p / "NEW.txt").write_text("mine"),
        ),
        [], "NEW.txt is not in git",
    ),
    "untracked file in the way": (
        lambda p: (p / "NEW.txt").write_text("mine"), [], "NEW.txt is not in git",
    ),
}  # fmt: skip


@pytest.mark.sample("dirty", "not offered", "untracked file in the way")
@slow
@pytest.mark.parametrize("case", REFUSED)
def test_refusal_changes_nothing(case, project, template):
    prepare, options, text = REFUSED[case]
    prepare(project)
    before = state(project) if case != "not committed" else files(project)
    done = run(project, "--template", template, *options)
    assert done.returncode == 2, done.stdout
    assert text in done.stderr and "Traceback" not in done.stderr
    assert (state(project) if case != "not committed" else files(project)) == before


@pytest.mark.every
@slow
def test_commit_given_where_none_is_recorded(project, template, generated):
    edit_record(project, "template", commit=None)
    done = run(project, "--template", template, "--from", "first")
    assert done.returncode == 0, done.stderr
    assert files(project) == files(generated("fourth", task="image-to-image", platform="heroku"))


@slow
def test_address_is_asked_for_if_it_was_a_folder(project):
    done = run(project)
    assert done.returncode == 2 and "--template" in done.stderr


@slow
def test_recorded_address_survives_an_update_from_a_folder(project, template):
    edit_record(project, "template", address="gh:org/ml-ui-template")
    assert run(project, "--template", template).returncode == 0
    recorded = json.loads((project / record.NAME).read_text("utf-8"))
    assert recorded["template"]["address"] == "gh:org/ml-ui-template"


@pytest.mark.every
@slow
def test_abbreviated_address_is_expanded(project, template, tmp_path):
    edit_record(project, "template", address="mine:a-template")
    config = tmp_path / "config.yaml"
    config.write_text(f'abbreviations: {{"mine": "{template.parent}/{{0}}"}}\n')
    done = run(project, COOKIECUTTER_CONFIG=str(config))
    assert done.returncode == 0, done.stderr


@slow
def test_cookiecutter_is_asked_for(project, template, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    python = str(tmp_path / "bare/bin/python")
    done = run(project, "--template", template, python=python)
    assert done.returncode == 2 and "-m pip install cookiecutter" in done.stderr


@pytest.mark.parametrize(
    ("given", "recorded"),
    [
        ("gh:org/ml-ui-template", "gh:org/ml-ui-template"),
        ("https://example.com/org/t.git", "https://example.com/org/t.git"),
        ("https://me:secret@example.com/org/t.git", "https://example.com/org/t.git"),
        ("git+https://token@example.com/t", "git+https://example.com/t"),
        ("git@example.com:org/t.git", "git@example.com:org/t.git"),
        ("ssh://git@example.com/org/t.git", "ssh://git@example.com/org/t.git"),
        ("file:///home/me/t", "ml-ui-template"),
        ("https://example.com/t.zip?token=secret", "ml-ui-template"),
        ("/home/me/t.zip", "ml-ui-template"),
        ("../somewhere", "ml-ui-template"),
        (str(ROOT), "ml-ui-template"),
    ],
)
def test_recorded_address_has_neither_folder_nor_password(given, recorded):
    assert record.address(given) == recorded


@pytest.mark.parametrize(
    "answer", ["plain", "{{ 1 }}", "{% raw %}", "é\U0001f600\u2028", "\"'\\n{"]
)
def test_literal_renders_to_the_answer(answer):
    from jinja2 import Environment

    assert Environment().from_string(merging.literal(answer)).render() == answer
