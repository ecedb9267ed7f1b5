"""Every answer gives a valid project or is refused in a few lines, with nothing left behind."""

import ast
import html
import itertools
import json
import os
import re
import shutil
import struct
from pathlib import Path

import onnx
import pytest
import yaml
from asking import (
    ASKED,
    IRIS,
    assert_refused,
    lines,
    project,
    record,
    run,
    texts,
    tree,
)
from conftest import QUESTIONS, ROOT
from cookiecutter.main import cookiecutter
from test_quoting import LINES, LONG, ODD

from local_extensions import choices
from local_extensions.answers import Answers
from local_extensions.catalog import FRAMEWORKS, PLATFORMS
from local_extensions.project import Project
from local_extensions.prompts import HIDDEN

DIGITS = ROOT / "demos" / "image-classification" / "digits.onnx"


# Hostile answers --------------------------------------------------------------------------


@pytest.mark.parametrize("text", LINES)
def test_text_reads_back_everywhere(ask, here, text):
    # The hook would unpack a file that is read here as it comes.
    result = ask("--accept-hooks", "no", typed=lines(project_name=text, description=text))
    assert result.exit_code == 0, result.output
    made = project(here)
    files = json.loads((made / "_chosen_files.json").read_text("utf-8"))
    assert texts(files["app.py"]) == (text, text)
    readme = (made / "README.md").read_text("utf-8")
    assert f"# {text}\n\n{text}\n" in readme
    front = yaml.safe_load(readme.split("---\n")[1])
    assert (front["title"], front["short_description"]) == (made.name, text)
    recorded = json.loads(files[".ml-ui.json"])["answers"]
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
    assert_refused(
        result.output,
        result.exit_code,
        f"{question}: ",
        "plain text" if text in ODD else " are allowed.",
    )
    assert not list(here.iterdir())


@pytest.mark.parametrize("text", [text for text in LONG if len(text) == 300])
def test_long_description(ask, here, text):
    assert ask(f"description={text}").exit_code == 0
    made = project(here)
    assert texts((made / "app.py").read_text("utf-8"))[1] == text
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
    assert_refused(result.output, result.exit_code, "project_slug: ", ", such as ")
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
    assert "model_path:" in result.output
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert not list(here.iterdir())


NAMES = [
    "O'Brien's", '"', '"; import os #', "a\\", "a\nb", "{{ 7*7 }}", "{% raw %}", "$(touch canary)", "-rf",
    "..", "...", " ", "CON", "模型 🤗", "\u202eevil", "\x1b[31m", "[red]x", "x" * 240, os.fsdecode(b"\xff"),
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_any_model_name(here, tmp_path, name):
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
    assert texts((made / "app.py").read_text("utf-8"))[0].isprintable()


def test_input_never_runs_or_leaves_files_outside(here, tmp_path):
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
    assert texts((here / "safe" / "app.py").read_text("utf-8")) == (
        code,
        f"$(touch canary) `touch canary` {code}",
    )
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
        ["model_path=iris.skops", "task=image-classification"],
        ["task: iris.skops takes 4 columns, not a picture. Answer tabular."],
    ),
    "picture for a row": (
        ["model_path=digits.onnx", "task=tabular"],
        ["takes pictures, not a row of values. Answer image-classification."],
    ),
    "row for a text": (
        ["model_path=iris.skops", "task=text-classification"], ["takes 4 columns, not a text"]
    ),
    "too few labels": (
        ["model_path=two/named.onnx"], ["has 2 classes, the model 10."]
    ),
    "too few labels in the model": (
        ["model_path=birds.onnx"], ["birds.onnx names 2 classes and gives 10 scores"]
    ),
    "odd labels": (["model_path=odd/iris.skops", "task=tabular"], ["labels.txt: ", "not UTF-8 text"]),
    "missing": (["model_path=digit.onnx"], ["does not exist. Did you mean digits.onnx?"]),
    "folder": (["model_path=folder"], ["is a folder without saved_model.pb"]),
    "empty": (["model_path=empty.onnx"], ["empty.onnx is empty"]),
    "text": (["model_path=text.onnx"], ["text.onnx is not a valid ONNX model"]),
    "pointer": (["model_path=pointer.onnx"], ["is a Git LFS pointer", "123 MB", "git lfs pull"]),
    "ending": (["model_path=digits.pt"], ["rename it to digits.onnx"]),
    "tier": (["hardware=t4-smal"], ["Did you mean t4-small?", "a100-large"]),
    "tier elsewhere": (["platform=heroku", "hardware=cpu-basic"], ["heroku has no 'cpu-basic'"]),
    "useless GPU": (
        ["task=tabular", "framework=scikit-learn", "hardware=t4-small"],
        ["scikit-learn does not use the GPU of t4-small. Answer one of ", "cpu-basic"],
    ),
    "no useless tier": (
        ["task=tabular", "hardware=none"], ["Answer one of zero-a10g, cpu-basic, cpu-upgrade."]
    ),
    "heroku": ([*BIG, "platform=heroku"], ["weights 1.2 GB", "packages", " of 1 GB", "What would fit"]),
    "huggingface": ([*BIG, "platform=huggingface"], ["weights 1.2 GB", " of 1 GB", "Go to Docker"]),
    "no question": (
        ["projct_name=a", "titel=b", "project_slug=A"],
        ["'projct_name': no such question. Did you mean project_name?",
         "'titel': no such question. Known: model_path, task,", "project_slug: "],
    ),
    "several": (
        ["project_name=a\tb", "description=", "project_slug=A", "hardware=gpu"],
        ["project_name: ", "description: ", "project_slug: ", "hardware: "],
    ),
    "several with a model": (
        [
            "model_path=iris.skops",
            "task=image-classification",
            "framework=scikit-learn",
            "project_slug=A",
            "hardware=gpu",
        ],
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


@pytest.mark.slow
@pytest.mark.parametrize("case", ["ending", "no question", "several", "heroku"])
def test_refusal_of_the_real_command_line(models, case):
    answers, fragments = REFUSED[case]
    before = sorted(models.rglob("*"))
    done = run("--no-input", ROOT, *answers, cwd=models)
    assert_refused(done.stdout + done.stderr, done.returncode, *fragments)
    assert sorted(models.rglob("*")) == before


@pytest.mark.parametrize("platform", ["docker", "local"])
def test_no_refusal_without_a_limit(ask, models, platform):
    """Without the hook, which would copy more than a gigabyte."""
    result = ask(*BIG, f"platform={platform}", "project_slug=made", "--accept-hooks", "no")
    assert result.exit_code == 0, result.output
    most = {"docker": "image: 2.49 GB, no limit", "local": "disk: 2.36 GB, no limit"}
    assert most[platform] in (models / "made" / "README.md").read_text("utf-8")


def test_labels_with_bom_and_crlf(ask, models):
    assert ask("model_path=fine/iris.skops", "task=tabular", "project_slug=made").exit_code == 0


# The lists of choices ---------------------------------------------------------------------


def test_choices_match_the_data():
    offered = {path.name for path in (ROOT / "templates" / "platforms").iterdir()}
    assert {*choices.HOSTS} == offered
    assert choices.HOSTS == [name for name in PLATFORMS if name in offered], "in their order"
    for framework in (framework for framework in FRAMEWORKS.values() if framework.tasks):
        for platform in choices.HOSTS:
            classes = [tier["class"] for tier in PLATFORMS[platform]["hardware"].values()]
            runs = choices.runs_on(platform, framework.name)
            assert runs is (classes[0] in framework.requirements), "by its default"
            assert runs or platform == "browser", "the others run every framework"


@pytest.mark.parametrize("name", [name for name in choices.NAMES if name not in HIDDEN])
def test_default_is_offered(name):
    default = QUESTIONS[name]
    assert default in choices.NAMES[name] or default.startswith("{{")


@pytest.mark.parametrize("platform", choices.HOSTS)
def test_choices_fit_a_terminal(platform):
    derived = {"__task": "tabular", "__framework": "scikit-learn", "__model_path": ""}
    answers = Answers.of(QUESTIONS | derived | {"platform": platform})
    for name, rows in choices.CHOICES.items():
        lines = choices.aligned(rows(answers)).values()
        assert all(len(f"    12  {line}") <= 80 for line in lines) or name == "hardware", name


def test_no_question_asks_for_a_secret():
    """cookiecutter stores the answers in clear, to replay them."""
    assert not [
        q for q in ASKED if any(word in q for word in ("token", "key", "password", "secret"))
    ]


def test_default_hardware_has_packages_of_the_framework(monkeypatch):
    """Not the platform's first, if the framework has none for it."""
    onnx = FRAMEWORKS["onnx"]
    monkeypatch.setitem(FRAMEWORKS, "onnx", onnx._replace(requirements={"cpu": ["onnxruntime"]}))
    answers = Answers.of(
        {"platform": "huggingface", "__framework": "onnx", "__task": "image-classification"}
    )
    assert next(iter(Project(answers).tiers)) == "cpu-basic"


# A platform that some frameworks alone run on ---------------------------------------------

DEMOS = ROOT / "demos"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (
            [f"model_path={DEMOS / 'image-classification' / 'digits.keras'}"],
            ["not Keras", 'model.export("model.onnx", format="onnx")', "or answer huggingface"],
        ),
        ([f"model_path={DEMOS / 'tabular' / 'iris.skops'}"], ["not scikit-learn", "skl2onnx"]),
        (
            [f"model_path={DEMOS / 'text-classification' / 'languages.skops'}"],
            ["not scikit-learn", 'initial_types=[("text", StringTensorType([None, 1]))]'],
        ),
        (["task=tabular", "framework=xgboost"], ["not XGBoost", "Answer framework=onnx, or"]),
    ],
)
def test_page_without_a_server_needs_onnx(ask, answers, said):
    result = ask("platform=browser", *answers)
    assert_refused(result.output, result.exit_code, "platform: browser runs ONNX", *said)


def test_framework_follows_from_the_platform_that_is_given(ask, here):
    assert ask("platform=browser", "task=tabular").exit_code == 0
    assert record(project(here))["model"]["framework"] == "onnx"


def test_platforms_and_frameworks_go_together():
    derived = {"__task": "tabular", "__framework": "keras", "__model_path": ""}
    answers = Answers.of(QUESTIONS | derived | {"platform": "browser"})
    assert [*choices.frameworks(answers)] == ["onnx"]
    assert [*choices.platforms(answers)] == [n for n in choices.HOSTS if n != "browser"]
    assert [*choices.platforms(answers._replace(framework="onnx"))] == choices.HOSTS


@pytest.mark.parametrize("text", [text for text in LINES if {*"<>&\"'"} & {*text}])
def test_text_reads_back_in_a_page_without_a_server(ask, here, text):
    answers = {"project_name": text, "description": text, "platform": "browser"}
    result = ask("--accept-hooks", "no", typed=lines(**answers))
    assert result.exit_code == 0, result.output
    page = json.loads((project(here) / "_chosen_files.json").read_text("utf-8"))["index.html"]
    for pattern in ("<title>(.*)</title>", "<h1>(.*)</h1>", 'name="description" content="([^"]*)"'):
        (found,) = re.findall(pattern, page)
        assert "<" not in found and html.unescape(found) == text
