"""Every answer gives a valid project or is refused in a few lines, with nothing left behind."""

import ast
import itertools
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import onnx
import pytest
import yaml
from click.testing import CliRunner
from conftest import QUESTIONS, ROOT
from cookiecutter.cli import main
from cookiecutter.main import cookiecutter
from test_quoting import LINES, LONG, ODD

from local_extensions import questions
from local_extensions.catalog import FRAMEWORKS, TASKS

ASKED = [question for question in QUESTIONS if not question.startswith("_")]
IRIS = ROOT / "demos" / "tabular" / "iris.skops"
DIGITS = ROOT / "demos" / "image-classification" / "digits.onnx"


def tree(folder: Path) -> dict[str, bytes | None]:
    """Return what a folder holds: the bytes of each file, None for a folder."""
    paths = folder.rglob("*")
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in paths}


def copy_template(folder: Path) -> Path:
    """Copy the template as its repository has it."""
    unwanted = (".git", "build", ".venv", ".*_cache", "__pycache__")
    return shutil.copytree(
        ROOT, folder / "ml-ui-template", ignore=shutil.ignore_patterns(*unwanted)
    )


def lines(**answers) -> str:
    """Return what somebody types who gives these answers and takes the default for others."""
    typed = []
    for question in ASKED:
        answer = answers.pop(question, "")
        if isinstance(QUESTIONS[question], list) and answer:
            answer = QUESTIONS[question].index(answer) + 1
        typed.append(f"{answer}\n")
    assert not answers, f"no such questions: {answers}"
    return "".join(typed)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Stand in an empty folder with nothing beside it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def ask(here):
    """Return a function that runs the command line in this process; typed answers, or none."""

    def run(*arguments: str, typed: str | None = None):
        mode = [] if typed else ["--no-input"]
        return CliRunner().invoke(main, [*mode, str(ROOT), *arguments], input=typed)

    return run


def run(*arguments, **options) -> subprocess.CompletedProcess:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "cookiecutter", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def project(folder: Path) -> Path:
    """Return the one project in a folder."""
    (made,) = folder.iterdir()
    return made


def assert_refused(output: str, status: int, *fragments: str) -> None:
    assert status == 1, output
    assert "Traceback" not in output
    assert sum(max(1, -(-len(line) // 80)) for line in output.splitlines()) <= 24, output
    for fragment in fragments:
        assert fragment in output


def texts(folder: Path) -> tuple[str, str]:
    """Return the title and the description that app.py gives its page."""
    for node in ast.walk(ast.parse((folder / "app.py").read_text("utf-8"))):
        given = {k.arg: k.value for k in getattr(node, "keywords", [])}
        if {"title", "description"} <= given.keys():
            return ast.literal_eval(given["title"]), ast.literal_eval(given["description"])
    raise AssertionError("no page in app.py")


def record(folder: Path) -> dict:
    """Return the record of a project."""
    return json.loads((folder / ".ml-ui.json").read_text("utf-8"))


# Hostile answers --------------------------------------------------------------------------


@pytest.mark.parametrize("text", LINES)
def test_text_reads_back_everywhere(ask, here, text):
    result = ask(typed=lines(project_name=text, description=text))
    assert result.exit_code == 0, result.output
    made = project(here)
    assert texts(made) == (text, text)
    readme = (made / "README.md").read_text("utf-8")
    assert f"# {text}\n\n{text}\n" in readme
    front = yaml.safe_load(readme.split("---\n")[1])
    assert (front["title"], front["short_description"]) == (made.name, text)
    recorded = record(made)["answers"]
    assert (recorded["project_name"], recorded["description"]) == (text, text)


@pytest.mark.parametrize("slug", ["null", "yes", "e5"])
def test_slug_reads_back_everywhere(ask, here, slug):
    """A valid name that YAML may take for something else."""
    for platform in ("huggingface", "heroku", "docker"):
        result = ask("-o", platform, typed=lines(project_slug=slug, platform=platform))
        assert result.exit_code == 0, result.output
    front = (here / "huggingface" / slug / "README.md").read_text("utf-8").split("---\n")[1]
    assert yaml.safe_load(front)["title"] == slug
    assert json.loads((here / "heroku" / slug / "app.json").read_text("utf-8"))["name"] == slug
    compose = yaml.safe_load((here / "docker" / slug / "compose.yaml").read_text("utf-8"))
    assert compose["services"]["app"]["image"] == slug


def test_description_in_app_json(ask, here):
    text = """a: 'b' "c" \\ {{ 7*7 }} # $(d) 模型 \u202e<e>"""
    assert ask(typed=lines(project_slug="made", description=text, platform="heroku")).exit_code == 0
    assert json.loads((here / "made" / "app.json").read_text("utf-8"))["description"] == text


@pytest.mark.parametrize(
    ("question", "text"),
    [
        *itertools.product(["project_name"], [*ODD, *LONG, "", "  "]),
        *itertools.product(["description"], [*ODD, "x" * 301, "", "  "]),
    ],
)
def test_odd_text_is_refused(ask, here, question, text):
    result = ask(f"{question}={text}")
    assert_refused(result.output, result.exit_code, f"{question}: h", "Write ")
    assert not list(here.iterdir())


@pytest.mark.parametrize("text", [text for text in LONG if len(text) == 300])
def test_long_description(ask, here, text):
    assert ask(f"description={text}").exit_code == 0
    made = project(here)
    assert texts(made)[1] == text
    front = yaml.safe_load((made / "README.md").read_text("utf-8").split("---\n")[1])
    assert front["short_description"] == text[:57] + "..."


SLUGS = [
    "../evil", "../../evil", "/evil", "a/b", "a\\b", ".", "..", "-rf", "--help", "CON", "con", "nul",
    "lpt1", "a.", "a b", "Upper", "a_b", "a--b", "a-", "1a", "a", "x" * 31, "x" * 300, "模型", "🤗",
    "a\nb", "ab\n", "a\0b", "$(touch canary)", "a;touch canary", "", " ", "half\ud83d",
]  # fmt: skip


@pytest.mark.parametrize("slug", SLUGS)
def test_bad_slug_is_refused(ask, here, slug):
    result = ask(f"project_slug={slug}")
    assert_refused(result.output, result.exit_code, "project_slug: ", "for instance")
    assert list(here.parent.rglob("*")) == [here]


@pytest.mark.parametrize("slug", ["../evil", "/evil", "con", "{{ 7*7 }}", "a'b", "$(touch canary)"])
def test_bad_slug_is_refused_when_typed(ask, here, slug):
    result = ask(typed=lines(project_slug=slug))
    assert result.exit_code == 1
    assert f"project_slug: {slug!r}" in result.output
    assert list(here.parent.rglob("*")) == [here]


@pytest.mark.parametrize("tier", ["cpu-basik", "", "\n", "$(touch canary)", "../x", "x" * 5000])
def test_bad_hardware_is_refused(ask, here, tier):
    result = ask(f"hardware={tier}")
    assert_refused(result.output, result.exit_code, "hardware: huggingface has no ", "cpu-basic")
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    "path", [*LINES, *ODD, "x" * 5000, "/dev/null", "/", "~nobody-here/m.onnx"]
)
def test_bad_path_is_refused(ask, here, path):
    result = ask(typed=lines(model_path=path)) if "{" in path else ask(f"model_path={path}")
    assert result.exit_code == 1, result.output
    assert "model_path: " in result.output
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert not list(here.iterdir())


NAMES = [
    "O'Brien's", '"', '"; import os #', "a\\", "a\nb", "{{ 7*7 }}", "{% raw %}", "$(touch canary)", "-rf",
    "..", "...", " ", "CON", "模型 🤗", "\u202eevil", "\x1b[31m", "[red]x", "x" * 240, os.fsdecode(b"\xff"),
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_model(here, tmp_path, name):
    """The file may be called anything; in the project its name is harmless."""
    (tmp_path / f"{name}.skops").symlink_to(IRIS)
    path = f"../{name}.skops"
    literal = json.dumps(path, ensure_ascii=False)  # for Jinja, which renders the arguments
    answers = {"task": "tabular", "model_path": "{{ " + literal + " }}", "platform": "heroku"}
    cookiecutter(str(ROOT), no_input=True, extra_context=answers)
    made = project(here)
    (weights,) = made.glob("model/*.skops")
    assert weights.read_bytes() == IRIS.read_bytes() and not weights.is_symlink()
    for file in made.rglob("*.py"):
        ast.parse(file.read_text("utf-8"))
    assert f'"{weights.name}"' in (made / "model.py").read_text("utf-8")
    assert record(made)["answers"]["model_path"] == Path(path).name, "folders are private"
    assert texts(made)[0].isprintable()


def test_nothing_runs_and_nothing_is_left_outside(here, tmp_path):
    """The real command line, every free text at once."""
    model = tmp_path / "$(touch canary)`touch canary`;touch canary.skops"
    model.symlink_to(IRIS)
    code = "'\"\"\"; __import__('os').system('touch canary') #\\"
    before = tree(tmp_path)
    done = run(
        "--no-input", ROOT, "task=tabular", f"model_path={model}", f"project_name={code}",
        f"description=$(touch canary) `touch canary` {code}", "project_slug=safe", cwd=here,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert texts(here / "safe") == (code, f"$(touch canary) `touch canary` {code}")
    shutil.rmtree(here / "safe")
    assert tree(tmp_path) == before


# Refusals ---------------------------------------------------------------------------------


@pytest.fixture
def models(here):
    """Models that cannot be used, by what is wrong; the folder is the user's."""
    (here / "folder").mkdir()
    (here / "empty.onnx").touch()
    (here / "text.onnx").write_text("hello")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 123456789\n"
    (here / "pointer.onnx").write_text(pointer)
    shutil.copy(DIGITS, here / "digits.onnx")
    shutil.copy(DIGITS, here / "digits.pt")
    shutil.copy(IRIS, here / "iris.skops")
    for folder, labels in LABELS.items():
        (here / folder).mkdir()
        shutil.copy(IRIS, here / folder)
        (here / folder / "labels.txt").write_bytes(labels)
    named = onnx.load(DIGITS)
    onnx.helper.set_model_props(named, {"names": str(list("0123456789"))})
    onnx.save(named, here / "two" / "named.onnx")
    onnx.helper.set_model_props(named, {"names": "['crane', 'crane']"})
    onnx.save(named, here / "birds.onnx")
    sparse(here / "big.safetensors", 1_200_000_000)
    return here


def sparse(path: Path, size: int) -> None:
    """Write a safetensors file with weights of this size, which takes no room on the disk."""
    tensor = {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}
    header = json.dumps({"weight": tensor}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    os.truncate(path, 8 + len(header) + size)


LABELS = {
    "two": b"a\nb\n",
    "twins": b"a\na\nc\n",
    "odd": b"\xff\xfe",
    "fine": b"\xef\xbb\xbfa\r\nb\nc\n\n",
}
BIG = ["model_path=big.safetensors", "task=tabular"]
REFUSED = {
    "combination": (["task=tabular", "framework=python"], ["tabular is not offered with python"]),
    "no demo": (["task=text-classification", "framework=pytorch"], ["has keras, onnx, scikit-learn"]),
    "other framework": (
        ["model_path=digits.onnx", "framework=keras"],
        ["digits.onnx is a model for ONNX Runtime, not for Keras", "Answer auto or onnx"],
    ),
    "other task": (
        ["model_path=big.safetensors", "task=text-classification"],
        ["text-classification is not offered with pytorch"],
    ),
    "row for a picture": (
        ["model_path=iris.skops"], ["task: iris.skops takes 4 columns, not a picture. Answer tabular."]
    ),
    "picture for a row": (
        ["model_path=digits.onnx", "task=tabular"],
        ["takes pictures, not a row of values. Answer image-classification or image-to-image."],
    ),
    "row for a text": (
        ["model_path=iris.skops", "task=text-classification"], ["takes 4 columns, not a text"]
    ),
    "too few labels": (
        ["model_path=two/named.onnx"], ["names 2 classes, and the model itself 10"]
    ),
    "equal labels": (["model_path=twins/iris.skops", "task=tabular"], ["labels.txt: two classes have the name 'a'."]),
    "equal labels in the model": (["model_path=birds.onnx"], ["two classes have the name 'crane'."]),
    "odd labels": (["model_path=odd/iris.skops", "task=tabular"], ["labels.txt: ", "no text in UTF-8"]),
    "missing": (["model_path=digit.onnx"], ["does not exist. Did you mean digits.onnx?"]),
    "folder": (["model_path=folder"], ["is a folder without saved_model.pb"]),
    "empty": (["model_path=empty.onnx"], ["empty.onnx is empty"]),
    "text": (["model_path=text.onnx"], ["text.onnx is no ONNX model"]),
    "pointer": (["model_path=pointer.onnx"], ["is a Git LFS pointer", "123 MB", "git lfs pull"]),
    "ending": (["model_path=digits.pt"], ["rename it to digits.onnx"]),
    "tier": (["hardware=t4-smal"], ["Did you mean t4-small?", "a100-large"]),
    "tier elsewhere": (["platform=heroku", "hardware=cpu-basic"], ["heroku has no 'cpu-basic'"]),
    "useless GPU": (
        ["task=tabular", "framework=scikit-learn", "hardware=t4-small"],
        ["scikit-learn makes no use of the GPU of t4-small", "cpu-basic"],
    ),
    "no useless tier": (
        ["task=tabular", "hardware=none"], ["Answer one of zero-a10g, cpu-basic, cpu-upgrade."]
    ),
    "heroku": ([*BIG, "platform=heroku"], ["weights 1.2 GB", "packages", " of 1 GB", "What would fit"]),
    "huggingface": ([*BIG, "platform=huggingface"], ["weights 1.2 GB", " of 1 GB", "Go to Docker"]),
    "no question": (
        ["projct_name=a", "titel=b", "project_slug=A"],
        ["'projct_name': there is no such question. Did you mean project_name?",
         "'titel': there is no such question. There are model_path, task,", "project_slug: "],
    ),
    "several": (
        ["project_name=a\tb", "description=", "project_slug=A", "hardware=gpu"],
        ["project_name: ", "description: ", "project_slug: ", "hardware: "],
    ),
    "several with a model": (
        ["model_path=iris.skops", "framework=scikit-learn", "project_slug=A", "hardware=gpu"],
        ["task: ", "project_slug: ", "hardware: "],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusal(ask, models, case):
    answers, fragments = REFUSED[case]
    before = sorted(models.rglob("*"))
    result = ask(*answers)
    assert_refused(result.output, result.exit_code, *fragments)
    assert sorted(models.rglob("*")) == before


@pytest.mark.parametrize("case", ["ending", "no question", "several", "heroku"])
def test_refusal_of_the_real_command_line(models, case):
    answers, fragments = REFUSED[case]
    before = sorted(models.rglob("*"))
    done = run("--no-input", ROOT, *answers, cwd=models)
    assert_refused(done.stdout + done.stderr, done.returncode, *fragments)
    assert sorted(models.rglob("*")) == before


@pytest.mark.parametrize("platform", ["docker", "local"])
def test_no_limit_no_refusal(ask, models, platform):
    """Without the hook, which would copy more than a gigabyte."""
    result = ask(*BIG, f"platform={platform}", "project_slug=made", "--accept-hooks", "no")
    assert result.exit_code == 0, result.output
    most = {"docker": "image: 2.49 GB, no limit", "local": "disk: 2.36 GB, no limit"}
    assert most[platform] in (models / "made" / "README.md").read_text("utf-8")


def test_labels_of_a_windows_editor(ask, models):
    assert ask("model_path=fine/iris.skops", "task=tabular", "project_slug=made").exit_code == 0


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


def test_home(here):
    home = Path.home()
    shutil.copy(IRIS, home / "my model.skops")
    done = run("--no-input", ROOT, "model_path=~/my model.skops", "task=tabular", cwd=here)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (here / "my-model" / "model" / "my-model.skops").is_file()


def test_replay(shelf, tmp_path):
    """The recorded answers give the same project, from wherever."""
    answers = ["model_path=models/flowers.skops", "task=tabular", 'description=Say "hi" to 模型']
    first = run("--no-input", "-o", tmp_path / "a", "ml-ui-template", *answers, cwd=shelf)
    again = run("--replay", "-o", tmp_path / "b", shelf / "ml-ui-template", cwd=tmp_path)
    assert (first.returncode, again.returncode) == (0, 0), again.stdout + again.stderr
    one, other = tree(tmp_path / "a"), tree(tmp_path / "b")
    assert one == other


def test_replay_of_a_model_that_is_gone(shelf, tmp_path):
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
    assert texts(here / "typed")[0] == "{{ 7*7 }}"
    assert not (here / "typed" / ".github").exists()


def test_answer_that_names_the_slug(here):
    """It is not the name of the folder, whose rendering checks all answers."""
    answers = {"project_slug": "made", "description": "{{cookiecutter.project_slug}}"}
    cookiecutter(str(ROOT), no_input=True, extra_context=answers)
    assert texts(here / "made")[1] == "made"


def at_terminal(here: Path, typed: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run the command line for somebody who types."""
    mine, its = pty.openpty()
    os.write(mine, typed.encode())
    command = [sys.executable, "-m", "cookiecutter", ROOT, *arguments]
    try:
        return subprocess.run(
            command, stdin=its, cwd=here, capture_output=True, text=True, check=False, timeout=60
        )
    finally:
        os.close(mine)
        os.close(its)


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ("task", {"model_path": "digits.onnx", "task": "tabular"}),
        ("project_name", {"project_name": "x" * 101}),
        ("project_slug", {"project_slug": "CON"}),
        ("description", {"description": "x" * 301}),
        ("hardware", {"hardware": "t5"}),
        ("python_version", {"python_version": "3.11"}),
    ],
)
def test_refusal_right_behind_the_question(models, question, answers):
    typed = lines(**answers).splitlines(keepends=True)[: ASKED.index(question) + 1]
    done = at_terminal(models, "".join(typed))
    last = done.stdout.rpartition("\n        ")[2]
    assert done.returncode == 1 and f"{question}: " in last, done.stdout + done.stderr


def test_answer_to_no_question_is_refused_before_the_first(here):
    done = at_terminal(here, lines(), "titel=x")
    assert_refused(done.stdout + done.stderr, done.returncode, "'titel': there is no such question")
    assert "[1/" not in done.stdout


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


def test_terminal(here):
    """Somebody at a terminal is told what the model is and what the hardware costs."""
    shutil.copy(IRIS, here / "iris.skops")
    typed = lines(model_path="iris.skops", task="tabular", platform="heroku")
    shown = at_terminal(here, typed)
    assert "skops model" in shown.stdout and "4 columns" in shown.stdout
    assert "standard-1x" in shown.stdout and "$5/month" in shown.stdout
    assert (here / "iris" / "Procfile").is_file()


@pytest.mark.parametrize("answers", [1, 3, 6])
def test_end_of_input_leaves_nothing(ask, here, answers):
    result = ask(typed="".join(lines().splitlines(keepends=True)[:answers]))
    assert result.exit_code == 1
    assert "Aborted" in result.output
    assert not list(here.iterdir())


# Where it cannot write --------------------------------------------------------------------


@pytest.mark.parametrize("told", ["replay_dir", "output_dir"])
def test_folder_that_cannot_be_written(ask, here, monkeypatch, told):
    closed = Path.home() if told == "replay_dir" else here
    monkeypatch.setattr(os, "access", lambda path, mode: closed not in (path, *path.parents))
    result = ask("-o", "new/folder")
    assert_refused(result.output, result.exit_code, f"{told}: {closed}", "be written to")
    assert len(result.output.splitlines()) == 1
    assert not list(here.iterdir())


def test_output_dir_that_is_a_file(ask, here):
    (here / "file").touch()
    result = ask("-o", "file/folder")
    assert_refused(result.output, result.exit_code, f"output_dir: {here / 'file'} is no folder")


@pytest.mark.parametrize(
    ("free", "total", "told"),
    [
        (50_000, 2**40, "replay_dir: "),
        (questions.MARGIN, 2**40, "output_dir: "),
        (0, 0, ""),  # as of a file system that does not tell
    ],
)
def test_disk_that_is_full(ask, here, monkeypatch, free, total, told):
    disk = SimpleNamespace(free=free, total=total)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk)
    result = ask()
    if told:
        assert_refused(result.output, result.exit_code, told, " free, and ", " are needed.")
        assert len(result.output.splitlines()) == 1
    assert bool(list(here.iterdir())) == (not told)


# What is there already --------------------------------------------------------------------


@pytest.fixture
def edited(ask, here):
    """A project that its owner has worked on."""
    assert ask("project_slug=mine", "platform=docker").exit_code == 0
    made = here / "mine"
    (made / "app.py").write_text("mine")
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


@pytest.mark.parametrize(("options", "kept"), [(["-f"], False), (["-f", "-s"], True)])
def test_overwriting_keeps_what_is_not_the_templates(ask, edited, options, kept):
    before = tree(edited)
    result = ask("project_slug=mine", "platform=docker", *options)
    assert result.exit_code == 0, (result.output, result.exception)
    after = tree(edited)
    assert (after.pop("app.py") == before.pop("app.py")) == kept
    assert after == before


def test_overwriting_needs_no_second_room(ask, edited, monkeypatch):
    disk = SimpleNamespace(free=questions.MARGIN, total=2**40)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk)
    assert ask("project_slug=mine", "platform=docker", "-f").exit_code == 0


# The lists of choices ---------------------------------------------------------------------


def test_choices_are_those_of_the_data():
    facts = ROOT / "src" / "ml_ui" / "sizing" / "platforms.json"
    known = json.loads(facts.read_text("utf-8"))["platforms"]
    offered = {path.name for path in (ROOT / "templates" / "platforms").iterdir()}
    platforms = {name: facts for name, facts in known.items() if name in offered}
    assert sorted(QUESTIONS["task"]) == sorted(TASKS)
    assert sorted(QUESTIONS["framework"]) == sorted(["auto", *FRAMEWORKS])
    assert QUESTIONS["platform"] == list(platforms)
    for framework in FRAMEWORKS.values():
        classes = set(framework.requirements)
        for platform in platforms.values():
            default = next(iter(platform["hardware"].values()))
            assert default["class"] in classes, "the default hardware suits every framework"


def test_no_secret_is_asked_for():
    """Cookiecutter keeps the answers in clear, to replay them."""
    assert not [
        q for q in ASKED if any(word in q for word in ("token", "key", "password", "secret"))
    ]
