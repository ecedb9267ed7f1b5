"""Ways to call the template: from where, at a terminal, again, and over what is there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from asking import IRIS, Terminal, assert_refused, copy_template, lines, run, texts, tree
from click.testing import CliRunner
from conftest import ROOT
from cookiecutter.main import cookiecutter

from local_extensions import command_line, questions

DIGITS = ROOT / "demos" / "image-classification" / "digits.onnx"


# Ways to call -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder with the template in every form, and a model."""
    folder = tmp_path_factory.mktemp("shelf")
    template = copy_template(folder)
    (folder / "link").symlink_to(template)
    shutil.make_archive(folder / "template", "zip", folder, "ml-ui-template")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-C", template]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "First version"]):
        subprocess.run([*git, *command], check=True)
    (folder / "models").mkdir()
    shutil.copy(IRIS, folder / "models" / "flowers.skops")
    return folder


WAYS = {
    "relative": [".", "ml-ui-template"],
    "relative slash": [".", "./ml-ui-template/"],
    "dot": ["ml-ui-template", "."],
    "up": ["models", "../ml-ui-template"],
    "symlink": [".", "link"],
    "zip": [".", "template.zip"],
    "directory": ["models", "..", "--directory", "ml-ui-template"],
    "git": [".", "git+file://{shelf}/ml-ui-template"],
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_way_to_call(shelf, tmp_path, way):
    stands, *template = WAYS[way]
    cwd, template = shelf / stands, [part.format(shelf=shelf) for part in template]
    model = os.path.relpath(shelf / "models" / "flowers.skops", cwd)
    before = set(tree(shelf))
    done = run(
        "--no-input", "-o", tmp_path, *template, f"model_path={model}", "task=tabular", cwd=cwd
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "flowers" / "model" / "flowers.skops").read_bytes() == IRIS.read_bytes()
    assert {path for path in set(tree(shelf)) - before if "__pycache__" not in path} == set()


@pytest.mark.slow
def test_home(here):
    home = Path.home()
    shutil.copy(IRIS, home / "my model.skops")
    done = run("--no-input", ROOT, "model_path=~/my model.skops", "task=tabular", cwd=here)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (here / "my-model" / "model" / "my-model.skops").is_file()


@pytest.mark.slow
def test_replay(shelf, tmp_path):
    """The recorded answers give the same project, from wherever."""
    answers = ["model_path=models/flowers.skops", "task=tabular", 'description=Say "hi" to 模型']
    first = run("--no-input", "-o", tmp_path / "a", "ml-ui-template", *answers, cwd=shelf)
    again = run("--replay", "-o", tmp_path / "b", shelf / "ml-ui-template", cwd=tmp_path)
    assert (first.returncode, again.returncode) == (0, 0), again.stdout + again.stderr
    one, other = tree(tmp_path / "a"), tree(tmp_path / "b")
    assert one == other


@pytest.mark.slow
def test_replay_of_a_missing_model_is_refused(shelf, tmp_path):
    model = tmp_path / "gone.skops"
    shutil.copy(IRIS, model)
    answers = ["task=tabular", f"model_path={model}", "platform=local"]
    assert run("--no-input", "-o", tmp_path, shelf / "ml-ui-template", *answers).returncode == 0
    shutil.rmtree(tmp_path / "gone")
    model.unlink()
    done = run("--replay", "-o", tmp_path, shelf / "ml-ui-template")
    assert_refused(done.stdout + done.stderr, done.returncode, "gone.skops does not exist")
    assert not list(tmp_path.iterdir())


def test_typed_answers(here):
    """Typed answers stay as they are, since cookiecutter renders only those of a call."""
    typed = lines(project_name="{{ 7*7 }}", project_slug="typed", task="tabular", ci="n")
    done = run(ROOT, input=typed, cwd=here)
    assert done.returncode == 0, done.stdout + done.stderr
    assert texts((here / "typed" / "app.py").read_text("utf-8"))[0] == "{{ 7*7 }}"
    assert not (here / "typed" / ".github").exists()


def test_answer_may_refer_to_the_slug(here):
    """It is not the name of the folder, whose rendering checks all answers."""
    answers = {"project_slug": "made", "description": "{{cookiecutter.project_slug}}"}
    cookiecutter(str(ROOT), no_input=True, extra_context=answers)
    assert texts((here / "made" / "app.py").read_text("utf-8"))[1] == "made"


def test_unknown_question_is_refused_before_the_first(here):
    terminal = Terminal(here, "titel=x")
    assert_refused(terminal.shown, terminal.status, "'titel': no such question")
    assert "Your model" not in terminal.shown


def test_arguments_of_another_program(here, monkeypatch):
    """They are not cookiecutter's, even if they look like that."""
    monkeypatch.setattr(sys, "argv", ["cookiecutter", "--no-input", str(ROOT), "titel=x"])

    @click.command()
    @click.argument("extra_context", nargs=-1)
    def program(extra_context):
        answers = {"titel": "x", "project_slug": "made"}
        cookiecutter(str(ROOT), no_input=True, extra_context=answers)

    result = CliRunner().invoke(program, ["titel=x"])
    assert result.exit_code == 0, (result.output, result.exception)
    assert (here / "made" / "app.py").is_file()


@pytest.mark.parametrize("answers", [1, 3, 6])
def test_end_of_input_leaves_nothing(ask, here, answers):
    result = ask(typed="".join(lines().splitlines(keepends=True)[:answers]))
    assert result.exit_code == 1
    assert "Aborted" in result.output
    assert not list(here.iterdir())


# Where it cannot write --------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["replay_dir", "output_dir"])
def test_read_only_folder_is_refused(ask, here, monkeypatch, setting):
    closed = Path(os.environ["COOKIECUTTER_CONFIG"]).parent if setting == "replay_dir" else here
    monkeypatch.setattr(os, "access", lambda path, mode: closed not in (path, *path.parents))
    result = ask("-o", "new/folder")
    assert_refused(result.output, result.exit_code, f"{setting}: {closed}", "not a writable folder")
    assert len(result.output.splitlines()) == 1
    assert not list(here.iterdir())


def test_output_dir_must_not_be_a_file(ask, here):
    (here / "file").touch()
    result = ask("-o", "file/folder")
    assert_refused(
        result.output, result.exit_code, f"output_dir: {here / 'file'} is not a writable folder"
    )


@pytest.mark.parametrize(
    ("free", "total", "refusal"),
    [
        (50_000, 2**40, "replay_dir: "),
        (questions.MARGIN, 2**40, "output_dir: "),
        (0, 0, ""),  # as a file system that does not report it
    ],
)
def test_full_disk_is_refused(ask, here, monkeypatch, free, total, refusal):
    disk = SimpleNamespace(free=free, total=total)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk)
    result = ask()
    if refusal:
        assert_refused(result.output, result.exit_code, refusal, " free; ", " are needed.")
        assert len(result.output.splitlines()) == 1
    assert bool(list(here.iterdir())) == (not refusal)


def test_missing_template_is_not_a_full_disk(tmp_path):
    """Jinja's TemplateNotFound is an OSError too."""
    template = copy_template(tmp_path)
    (template / "templates" / "tasks" / "tabular" / "app.py").unlink()
    done = run(
        "--no-input", "-o", tmp_path, template, "task=tabular", "project_slug=made", cwd=tmp_path
    )
    assert done.returncode == 1, done.stdout
    assert "jinja2.exceptions.TemplateNotFound: 'tasks/tabular/app.py'" in done.stderr
    assert "make room" not in done.stderr
    assert not (tmp_path / "made").exists()


# What is there already --------------------------------------------------------------------

EDITED = ("app.py", "README.md", "examples/2.png")


@pytest.fixture
def edited(ask, here):
    """A project that its owner has worked on."""
    assert ask("project_slug=mine", "platform=docker").exit_code == 0
    made = here / "mine"
    for name in EDITED:
        (made / name).write_text("mine")
    (made / "notes.txt").write_text("mine")
    (made / "package").mkdir()
    (made / "package" / "__init__.py").touch()
    (made / "package" / "byte.bin").write_bytes(b"\xff")
    (made / "data").mkdir()
    subprocess.run(["git", "init", "-q", made], check=True)
    return made


def test_existing_project_is_left_alone(ask, here, edited):
    before = tree(edited)
    result = ask("project_slug=mine", "platform=docker")
    assert_refused(result.output, result.exit_code, "already exists")
    assert tree(edited) == before


def test_project_of_another_run_is_left_alone(ask, here, monkeypatch):
    """One that begins at the same time, after this one has looked for the folder."""
    clean_up = command_line.clean_up_after_failure

    def begin(folder):
        clean_up(folder)
        folder.mkdir()
        (folder / "app.py").write_text("another's")

    monkeypatch.setattr(command_line, "clean_up_after_failure", begin)
    result = ask("project_slug=made", "platform=docker")
    assert_refused(result.output, result.exit_code, "already exists")
    assert (here / "made" / "app.py").read_text() == "another's"


@pytest.mark.parametrize(("options", "kept"), [(["-f"], False), (["-f", "-s"], True)])
def test_overwriting_keeps_other_files(ask, edited, options, kept):
    before = tree(edited)
    result = ask("project_slug=mine", "platform=docker", *options)
    assert result.exit_code == 0, (result.output, result.exception)
    after = tree(edited)
    assert [after.pop(name) == before.pop(name) for name in EDITED] == [kept] * len(EDITED)
    assert after == before


def test_overwriting_needs_no_additional_space(ask, edited, monkeypatch):
    disk = SimpleNamespace(free=questions.MARGIN, total=2**40)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk)
    assert ask("project_slug=mine", "platform=docker", "-f").exit_code == 0
