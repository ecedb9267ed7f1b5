"""A wrong answer costs one line and the same question again; what was answered is never lost."""

import json
import shutil

import pytest
from asking import IRIS, Terminal, lines, project, record
from conftest import ROOT
from crafted import call, text
from test_questions import sparse

from local_extensions import choices

DIGITS = ROOT / "demos" / "image-classification" / "digits.onnx"


@pytest.fixture
def models(here):
    """Models in the folder where the questions are asked, one of them with a malicious call."""
    shutil.copy(IRIS, here / "my iris.skops")
    (here / "empty").mkdir()
    body = call("os.system", text(f"touch {here / 'canary'}"))
    (here / "evil.pkl").write_bytes(b"\x80\x02" + body + b".")
    sparse(here / "big.safetensors", 1_200_000_000)
    return here


# What is typed, what is said, and the question that follows.
AGAIN = {
    "path": ("nothing.onnx", "nothing.onnx does not exist", "Your model"),
    "folder": ("empty", "empty is a folder without", "Your model"),
    "Hub id": ("somebody/something", "hf download somebody/something", "Your model"),
    "pickle": ("evil.pkl", "os.system", "Your model"),
}


def test_wrong_answers(models):
    """Each kind of wrong answer in one session, which ends with a project."""
    terminal = Terminal(models, "-o", "out")
    for typed, said, question in AGAIN.values():
        assert said in " ".join(terminal.type(typed).split())
        assert question in terminal.shown.splitlines()[-1]
    assert "4 columns" in terminal.type("'my iris.skops'"), "quotes of a dropped file"
    assert "Tabular data" in terminal.shown and "scikit-learn" in terminal.shown
    assert "1 to 100 are allowed" in terminal.type("x" * 101)
    assert "What is the app called?" in terminal.shown
    terminal.type("Irises")
    assert "such as my-irises" in terminal.type("My Irises")
    terminal.type("irises", "Which iris it is.")
    assert "'99' is not offered" in terminal.type("99")
    assert "Did you mean heroku?" in terminal.type("herku")
    assert terminal.shown.splitlines()[-1].endswith("Number or name [huggingface]: ")
    assert "$5/month" in terminal.type("her")
    assert "heroku has no 'ecco'. Did you mean eco?" in terminal.type("ecco")
    assert "performance-2xl" in terminal.type("more")
    shown = terminal.type("", "", "Apache", "n")
    assert terminal.status == 0, shown
    assert not (models / "canary").exists()
    answers = record(models / "out" / "irises")["answers"]
    assert answers["project_name"] == "Irises" and answers["license"] == "Apache-2.0"
    assert (answers["platform"], answers["hardware"], answers["ci"]) == ("heroku", "eco", False)
    assert shown.index("it fits") < shown.index("Your project is in out/irises")
    assert shown.index("cd out/irises") < shown.index("Put it online")


def test_model_that_is_too_large(models):
    """The sum, and a way out that is an answer."""
    terminal = Terminal(models)
    shown = terminal.type("big.safetensors", "tabular", "", "", "", "heroku")
    assert "it does not fit" in shown and "weights 1.2 GB" in shown
    assert "a platform, or anyway [docker]: " in shown
    shown = terminal.type("eco")
    assert "it does not fit" in shown and "a platform, or anyway" in shown
    assert "a machine without a GPU" in terminal.type("")
    terminal.type("\3")
    assert terminal.status == 1


def test_anyway(models):
    terminal = Terminal(models, "--accept-hooks", "no")  # which would copy 1.2 GB
    shown = terminal.type("big.safetensors", "tabular", "", "", "", "heroku", "anyway", "", "", "n")
    assert terminal.status == 0, shown
    files = json.loads((models / "big" / "_chosen_files.json").read_text("utf-8"))
    assert json.loads(files[".ml-ui.json"])["answers"]["limits"] == "ignore"


@pytest.mark.sample("\\x03")
@pytest.mark.parametrize("end", ["\3", "\4"])
def test_answers_are_offered_again(models, end):
    """After Ctrl-C and Ctrl-D."""
    terminal = Terminal(models)
    terminal.type("my iris.skops", "Irises", "", "", "heroku", end)
    assert "Your answers are kept" in terminal.shown
    assert terminal.status == 1
    again = Terminal(models)
    assert "are the defaults" in again.shown
    assert again.shown.endswith("[my iris.skops]: ")
    assert "[Irises]" in again.type("")
    shown = again.type(*[""] * 8)
    assert again.status == 0, shown
    answers = record(models / "irises")["answers"]
    assert (answers["project_name"], answers["platform"]) == ("Irises", "heroku")
    assert "are the defaults" not in Terminal(models).shown


def test_folder_that_exists_is_told_at_its_question(ask, here):
    (here / "mine").mkdir()
    typed = lines(project_name="Mine").splitlines(keepends=True)
    result = ask(typed="".join([*typed[:5], "other\n", *typed[5:]]))
    assert "project_slug: mine exists already." in " ".join(result.output.split())
    assert result.exit_code == 0 and (here / "other").is_dir(), result.output


def test_answers_of_the_command_line_come_first(ask, models):
    """They are the defaults, whatever was kept."""
    assert ask(typed="my iris.skops\nIrises\n\n\ndocker\n").exit_code == 1
    arguments = ["model_path=my iris.skops", "platform=heroku", "project_slug=made"]
    assert ask(*arguments, typed="\n" * 9).exit_code == 0
    answers = record(models / "made")["answers"]
    assert (answers["platform"], answers["project_name"]) == ("heroku", "Irises")


def test_limits_can_be_ignored_from_the_start(ask, models):
    arguments = ["model_path=big.safetensors", "task=tabular", "limits=ignore", "platform=heroku"]
    result = ask(*arguments, "--accept-hooks", "no", typed="\n" * 10)
    assert result.exit_code == 0, result.output
    assert "it does not fit" not in result.output.partition("Which Python?")[0]


def test_answers_of_another_model_are_not_offered(ask, models):
    assert ask(typed="my iris.skops\nIrises\n\n\nheroku\n").exit_code == 1
    result = ask(typed=lines(platform="heroku", model_path="-", project_slug="made"))
    assert result.exit_code == 0, result.output
    answers = record(models / "made")["answers"]
    assert (answers["task"], answers["project_name"]) == (
        "image-classification",
        "Handwritten digits",
    )


def test_refusal_at_the_end_keeps_the_answers(ask, here):
    """No room in the folder, which is found after the last question."""
    (here / "file").touch()
    result = ask("-o", "file", typed=lines(project_name="Mine"))
    assert result.exit_code == 1
    assert "not a writable folder" in result.output
    result = ask("-o", "out", typed=lines())
    assert result.exit_code == 0, result.output
    assert project(here / "out").name == "mine"


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "[]",
        '{"cookiecutter": {"task": 5, "ci": "no", "x": "y"}}',
        '{"cookiecutter": {"model_path": "\\u001b[2J", "project_name": "\\u202e"}}',
        "[" * 200_000,
    ],
)
def test_damaged_file_of_kept_answers(ask, here, monkeypatch, kept):
    (here.parent / "ml-ui-template.unfinished.json").write_text(kept)
    (here.parent / "config.yaml").write_text(f"replay_dir: {here.parent}\n")
    monkeypatch.setenv("COOKIECUTTER_CONFIG", str(here.parent / "config.yaml"))
    result = ask(typed=lines(project_slug="made"))
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.output and "\u202e" not in result.output


PLACES = {name: (name, name.title()) for name in ("heroku", "huggingface", "docker", "render")}


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("1", "heroku"), ("4", "render"), ("docker", "docker"), ("Docker", "docker"), ("r", "render"),
        ("hu", "huggingface"), ("h", None), ("0", None), ("5", None), ("", None), ("²", None),
        (" 2 ", "huggingface"), ("9" * 5000, None),
    ],
)  # fmt: skip
def test_pick(typed, answer):
    """By number, by name or by how it begins."""
    assert choices.pick(PLACES, typed) == answer


def test_other_templates_are_asked_as_before(here):
    """This template replaces cookiecutter's readers, for its own questions alone."""
    from click.testing import CliRunner
    from cookiecutter.cli import main

    other = here / "other"
    (other / "{{cookiecutter.slug}}").mkdir(parents=True)
    (other / "{{cookiecutter.slug}}" / "a.txt").write_text("{{ cookiecutter.task }}")
    asked = {"slug": "one", "task": ["a", "b"], "ci": True, "__prompts__": {"slug": "Which?"}}
    (other / "cookiecutter.json").write_text(json.dumps(asked))
    CliRunner().invoke(main, ["--no-input", str(ROOT), "project_slug=made"])
    result = CliRunner().invoke(main, [str(other)], input="two\n2\n\n")
    assert result.exit_code == 0, result.output
    assert (here / "two" / "a.txt").read_text() == "b"


# What is known from elsewhere -----------------------------------------------------------


@pytest.mark.parametrize("license", ["MIT", "BSD-3-Clause"])
def test_licence_holder_comes_from_git(ask, here, monkeypatch, license):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(here / "gitconfig"))
    for name, holder in {"Grace Hopper": "Grace Hopper", "": "the authors of Mine"}.items():
        (here / "gitconfig").write_text(f'[user]\nname = "{name}"\n')
        result = ask(f"license={license}", "project_name=Mine", "-o", holder)
        assert result.exit_code == 0, result.output
        assert f" {holder}\n" in (here / holder / "mine" / "LICENSE").read_text("utf-8")
