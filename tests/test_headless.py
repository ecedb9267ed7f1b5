"""The template for programs: scripts/headless.py and the JSON Schema of the questions."""

import itertools
import json
import os
import random
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from asking import IRIS, project, tree
from conftest import PUBLIC, ROOT
from crafted import plain_pipeline
from jsonschema import Draft202012Validator
from test_questions import sparse

from local_extensions import choices, headless, schema
from local_extensions.catalog import PLATFORMS, TASKS

DIGITS = ROOT / "demos" / "image-classification" / "digits.onnx"
SCRIPT = ROOT / "scripts" / "headless.py"


def run(*arguments: str, **options) -> tuple[int, dict]:
    """Run the program; return its exit status and what it prints, which is always JSON."""
    done = subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        capture_output=True, text=True, check=False, timeout=120, **options,
    )  # fmt: skip
    assert done.stderr == "", done.stderr
    return done.returncode, json.loads(done.stdout)


def problems(given: dict) -> list[headless.Problem]:
    """Return what is wrong with answers, apart from the fit and the folder."""
    with headless.called(given):
        return [*headless.unknown(given), *headless.ask(given)[1]]


def validator(given: dict | None = None) -> Draft202012Validator:
    """Return the validator of the schema after some answers."""
    found, wrong = schema.schema(given or {})
    assert not wrong
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)


# The schema accepts what the questions accept -----------------------------------------------


@pytest.fixture(scope="module")
def demos():
    return validator()


@pytest.mark.parametrize("task", [None, *choices.NAMES["task"]])
def test_schema_of_demos(demos, task):
    """Each combination of task, framework and platform, or none of each."""
    for framework, platform in itertools.product(
        (None, *choices.NAMES["framework"]), (None, *choices.HOSTS)
    ):
        answers = {"task": task, "framework": framework, "platform": platform}
        given = {name: answer for name, answer in answers.items() if answer}
        assert demos.is_valid(given) == (not problems(given)), given


@pytest.mark.parametrize("platform", [None, *choices.HOSTS])
def test_schema_of_hardware(demos, platform):
    """Each tier of a platform and some of others, with frameworks of each class of hardware."""
    tiers = [None, "cpu-basic", "eco", *PLATFORMS[platform or "huggingface"]["hardware"]]
    for tier, framework in itertools.product(tiers, ("auto", "python", "keras", "onnx")):
        for python in (None, "3.11"):
            answers = {"platform": platform, "hardware": tier, "python_version": python}
            given = {name: answer for name, answer in answers.items() if answer}
            given |= {"framework": framework}
            given |= {"task": "image-to-image"} if framework == "python" else {}
            assert demos.is_valid(given) == (not problems(given)), given


TEXTS = [
    "",
    " ",
    "A",
    " a b ",
    "\u00a0x\u3000",
    "\ufeff",
    "\u200b",
    "x" * 100,
    "x" * 101,
    "x" * 300,
]
TEXTS += [
    "x" * 301,
    "x\ny",
    "x\n",
    "\tx",
    "x\x7f",
    "x\u2028",
    "\ud800",
    "模型 🤖",
    "a{{b",
    "{%",
    "{#",
    "{",
]
SLUGS = ["a", "ab", "a-b", "a--b", "-a", "a-", "Ab", "a_b", "com1", "con", "ab\n", "é", "1a"]
SLUGS += ["a" * 30, "a" * 31, "a1-2b", "", "{{a"]
OTHERS = {
    "project_name": TEXTS,
    "description": TEXTS,
    "project_slug": SLUGS,
    "ci": [True, False, None, 1],
    "license": [*choices.LICENSES, "mit", "", None],
    "limits": ["enforce", "ignore", "no"],
    "model_path": ["", "-", "{{x"],
    "python_version": ["3.12", 3.12],
    "task": [[], {}, None, "auto"],
    "preview": ["no"],
    "licence": ["MIT"],
    "_new": ["x"],
}


@pytest.mark.parametrize("name", OTHERS)
def test_schema_of_one_answer(demos, name):
    for value in OTHERS[name]:
        given = {name: value}
        assert demos.is_valid(given) == (not problems(given)), given


def test_blanks_are_those_of_python():
    """What str.strip() takes away, and is no control character."""
    blank = {c for c in map(chr, range(0x110000)) if c.isspace()}
    blank = {c for c in blank if unicodedata.category(c) not in ("Cc", "Zl", "Zp")}
    assert blank == {c for c in map(chr, range(0x110000)) if re.fullmatch(f"[{schema.BLANK}]", c)}


@pytest.mark.parametrize("model", [IRIS, DIGITS], ids=lambda path: path.name)
def test_schema_of_a_model(model):
    known = {"model_path": str(model)}
    found = validator(known)
    for name in schema.NARROWED:
        for value in (*headless.possible(name), "x"):
            given = {**known, name: value}
            assert found.is_valid(given) == (not problems(given)), given
    for platform in choices.HOSTS:
        for tier in PLATFORMS[platform]["hardware"]:
            for python in choices.NAMES["python_version"]:
                given = {**known, "platform": platform, "hardware": tier, "python_version": python}
                assert found.is_valid(given) == (not problems(given)), given
    assert not found.is_valid({}) or found.is_valid(known)
    assert not found.is_valid({"model_path": "other.onnx"})


def test_schema_is_what_the_command_accepts(ask, demos):
    """cookiecutter's own command line, without the program: some answers of each question."""
    chance = random.Random(0)
    values = {
        "task": [*TASKS, "divination"],
        "framework": ["auto", "onnx", "keras", "python", "transformers", "caffe"],
        "platform": [*choices.HOSTS, "herku"],
        "hardware": ["cpu-basic", "eco", "cpu", "t4-small", "browser", "gpu"],
        "python_version": ["3.11", "3.13", "2.7"],
        "license": ["MIT", "none", "GPL"],
        "project_name": ["Mine", " ", "x" * 101],
        "project_slug": ["mine", "Mine", "con"],
        "description": ["Reads.", "a\tb"],
        "ci": [True, False],
        "titel": ["x"],
    }
    seen = set()
    for _ in range(60):
        names = chance.sample([*values], chance.choice([1, 1, 2, 3]))
        given = {name: chance.choice(values[name]) for name in names}
        result = ask(*headless.as_typed(given), "limits=ignore", "preview=json")
        assert demos.is_valid(given) == (result.exit_code == 0), (given, result.output)
        seen.add(result.exit_code)
    assert seen == {0, 1}


def test_each_question_is_described():
    """And follows from what the schema says that it does, and from nothing else."""
    found = validator().schema
    assert found["properties"].keys() == PUBLIC - {"preview"}

    def closure(name: str) -> set[str]:
        below = headless.DEPENDS.get(name, ())
        return {*below}.union(*(closure(each) for each in below))

    def asked(given: dict) -> dict:
        with headless.called(given):
            session, wrong = headless.ask(given)
        assert not wrong
        return session.questions

    before = asked({})
    depends = {name: set() for name in found["properties"]}
    for given in (
        {"model_path": str(IRIS)},
        {"task": "tabular"},
        {"framework": "keras"},
        {"platform": "heroku"},
        {"hardware": "cpu-basic"},
        {"project_name": "Mine"},
        {"license": "none"},
        {"ci": False},
        {"limits": "ignore"},
        {"description": "Mine."},
        {"project_slug": "mine"},
        {"python_version": "3.12"},
    ):
        after = asked(given)
        for name in after:
            if name not in given and after[name][:2] != before[name][:2]:
                depends[name] |= given.keys()
    for name, others in depends.items():
        assert others <= closure(name), name
    assert depends["hardware"] and depends["project_slug"] and depends["python_version"]


# Refusals -----------------------------------------------------------------------------------


def test_every_wrong_answer_at_once(here):
    given = {
        "licence": "MIT",
        "task": "tabular",
        "platform": "herku",
        "hardware": "eko",
        "python_version": "3.9",
        "project_slug": "My App",
        "project_name": "Two\nlines",
        "license": "mitt",
        "ci": "maybe",
        "description": "{{ 7 }}",
    }
    status, said = run("plan", *headless.as_typed(given), cwd=here)
    assert status == 1 and said.keys() == {"problems"}
    found = {each["question"]: each for each in said["problems"]}
    assert found.keys() == given.keys() - {"task"} and len(said["problems"]) == len(found)
    assert {name: each["value"] for name, each in found.items()} == {
        name: given[name] for name in found
    }
    assert {name: each["nearest"] for name, each in found.items() if each["nearest"]} == {
        "licence": "license",
        "platform": "heroku",
        "hardware": "eco",
        "project_slug": "my-app",
        "project_name": "Two lines",
        "license": "MIT",
    }
    assert found["platform"]["accepted"] == choices.HOSTS
    assert found["hardware"]["accepted"] == [*PLATFORMS["heroku"]["hardware"]]
    assert found["ci"]["accepted"] == [True, False]
    assert {*found["licence"]["accepted"]} == PUBLIC - {"preview"}
    assert all(each["reason"] for each in said["problems"]) and not list(here.iterdir())


@pytest.mark.parametrize("name", [*schema.NARROWED, "license", "limits"])
def test_misspelt_answers(name):
    """Each answer with a letter too few is refused, and understood where it can be."""
    answers = headless.possible(name)
    for answer in sorted(answers):
        typed = answer[:1] + answer[2:]
        given = {name: typed}
        if name == "hardware":
            own = [p for p in choices.HOSTS if answer in PLATFORMS[p]["hardware"]]
            given["platform"] = own[0]
        if typed in answers:
            continue
        (found,) = (each for each in problems(given) if each.question == name)
        assert found.accepted and found.value == typed
        if answer in found.accepted and name not in ("hardware", "python_version"):
            assert found.nearest == answer
        assert found.nearest in (None, *found.accepted)


def test_nothing_is_refused_for_another_s_mistake():
    """Of a platform that nobody knows, the hardware may be right."""
    given = {"platform": "mars", "hardware": "eco", "python_version": "3.13"}
    assert [each.question for each in problems(given)] == ["platform"]
    given |= {"hardware": "steam", "python_version": ["3.13"]}
    assert [each.question for each in problems(given)] == ["platform", "hardware", "python_version"]


def test_misspelt_file(here):
    (here / "iris.skops").write_bytes(IRIS.read_bytes())
    status, said = run("plan", "model_path=irsi.skops", "framework=keras", cwd=here)
    assert status == 1
    path, framework = said["problems"]
    assert (path["question"], path["nearest"]) == ("model_path", "iris.skops")
    assert (framework["question"], framework["accepted"]) == (
        "framework",
        ["auto", "scikit-learn"],
    )
    for wrong in ("nowhere/iris.skops", "\0", "~nobody/x"):
        assert problems({"model_path": wrong})[0].question == "model_path"


def test_what_is_beside_the_model_is_refused_with_the_rest(here):
    (here / "iris.skops").write_bytes(IRIS.read_bytes())
    (here / "labels.txt").write_text("one\n")
    status, said = run("plan", "model_path=iris.skops", "platform=herku", cwd=here)
    assert status == 1
    assert [each["question"] for each in said["problems"]] == ["model_path", "platform"]
    assert "labels.txt" in said["problems"][0]["reason"]


def test_project_that_does_not_fit(here):
    """Where it fits is what is accepted; what costs more is not the nearest."""
    sparse(here / "big.safetensors", 1_200_000_000)
    asked = ["model_path=big.safetensors", "platform=heroku"]
    status, said = run("plan", *asked, cwd=here)
    (found,) = said["problems"]
    assert (status, said["fits"], found["nearest"]) == (1, False, None)
    assert said["fit"]["ways_out"] and "does not fit" in found["reason"]
    assert found["question"] in ("hardware", "platform") and found["accepted"]
    asked += [f"{found['question']}={found['accepted'][0]}"]
    assert run("plan", *asked, cwd=here)[0] == 0
    assert run("plan", *asked[:2], "limits=ignore", cwd=here)[0] == 0


def test_folder_that_exists(here):
    (here / "iris").mkdir()
    asked = [f"model_path={IRIS}", "platform=local"]
    status, said = run("generate", *asked, cwd=here)
    (found,) = said["problems"]
    assert (status, found["question"], found["nearest"]) == (1, "project_slug", "iris-2")
    assert not list((here / "iris").iterdir())
    assert run("plan", "-f", *asked, cwd=here)[0] == 0
    status, said = run("generate", *asked, "project_slug=iris-2", cwd=here)
    assert status == 0 and Path(said["folder"]) == here / "iris-2"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "COMMAND"),
        (["destroy"], "destroy"),
        (["plan", "platform"], "'platform' is not KEY=VALUE"),
        (["plan", "--no"], "--no"),
        (["plan", "-"], "stdin is not JSON"),
    ],
)
def test_wrong_command_line(here, arguments, said):
    status, found = run(*arguments, cwd=here, input="{")
    assert status == 2 and said in found["problems"][0]["reason"]


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_a_number_that_json_cannot_have_back(here, number):
    status, found = run("plan", "-", cwd=here, input=f'{{"project_name": {number}}}')
    assert status == 2 and number in found["problems"][0]["reason"]


def test_without_cookiecutter(here):
    done = subprocess.run(
        [sys.executable, "-I", "-S", SCRIPT, "schema"],
        capture_output=True, text=True, check=False, cwd=here,
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr == ""
    assert "Install it" in json.loads(done.stdout)["problems"][0]["reason"]


# What it does ---------------------------------------------------------------------------------

# An audit hook sees each file that Python opens to write, each address, and each pickle's name.
WATCHED = """
import os, runpy, sys
FORBIDDEN = ("socket.connect", "socket.get", "socket.send", "pickle.", "shutil.")
FORBIDDEN += ("os.mkdir", "os.rename", "os.remove")
def watch(event, args):
    if event == "open":
        path, mode, flags = args
        writes = (flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and str(path) != os.devnull:
            raise SystemExit(f"wrote {path}")
    elif event.startswith(FORBIDDEN):
        raise SystemExit(f"{event}: {args}")
sys.argv = sys.argv[1:]
sys.addaudithook(watch)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("command", ["plan", "schema"])
def test_nothing_is_written_nor_run(here, command):
    """Of a pickle, too, which would run code."""
    (here / "model.pkl").write_bytes(plain_pipeline())
    before = tree(here)
    arguments = [SCRIPT, command, "model_path=model.pkl", "platform=heroku"]
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *arguments],
        capture_output=True, text=True, check=False, cwd=here,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == "", done.stderr[-2000:]
    assert tree(here) == before


def test_plan_tells_what_was_recognised(here):
    status, said = run("plan", f"model_path={DIGITS}", "platform=heroku", cwd=here)
    assert status == 0 and said["problems"] == []
    model = said["model"]
    assert (
        model["own"] and model["format"] == "onnx" and model["tasks"][0] == said["answers"]["task"]
    )
    (given,) = model["declared"]["inputs"]
    assert given["shape"][1:] == model["input"]["shape"][1:]
    assert model["output"]["kind"] == "labels"
    assert model["output"]["labels"] == (DIGITS.parent / "labels.txt").read_text().split()
    assert said["fit"]["fits"] and all(each["source"] for each in said["fit"]["checks"])
    assert "MEAN" in " ".join(said["guesses"] + said["notes"])
    assert said["check"].startswith("python -m ml_ui check")


@pytest.mark.parametrize("by_stdin", [False, True])
def test_generated_is_what_was_planned(here, by_stdin):
    given = {
        "model_path": str(IRIS),
        "platform": "docker",
        "ci": False,
        "description": "So =, it is.",
    }
    asked = (["-"], json.dumps(given)) if by_stdin else (headless.as_typed(given), None)
    status, planned = run("plan", *asked[0], cwd=here, input=asked[1])
    assert status == 0 and not list(here.iterdir())
    status, said = run("generate", *asked[0], cwd=here, input=asked[1])
    assert status == 0 and said.pop("generated")
    steps = said.pop("next")
    assert said == planned
    made = project(here)
    assert str(made) == said["folder"]
    files = [path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()]
    own = {path for path in files if not path.startswith("ml_ui/")}
    assert sorted(own | {"ml_ui/"}) == said["files"]
    recorded = json.loads((made / ".ml-ui.json").read_text("utf-8"))["answers"]
    assert recorded["ci"] is False and recorded["description"] == given["description"]
    assert steps["run"][-1] == "python app.py" and "pytest" in steps["check"]
    assert steps["check"][0] == said["check"] and steps["deploy"]


def test_command_of_a_plan_makes_the_same(here):
    """Byte for byte, whatever the user's settings of cookiecutter are."""
    given = [f"model_path={IRIS}", "platform=local"]
    settings = {"default_context": {"license": "none", "ci": "no"}, "replay_dir": str(here / "x")}
    (here / "settings.yaml").write_text(json.dumps(settings))
    environment = os.environ | {"COOKIECUTTER_CONFIG": str(here / "settings.yaml")}
    status, said = run("generate", "-o", "one", *given, cwd=here, env=environment)
    assert status == 0, said
    program, *arguments = said["command"]
    assert program == "cookiecutter"
    arguments[arguments.index("one")] = "two"
    subprocess.run(
        [sys.executable, "-m", program, *arguments], cwd=here, check=True, capture_output=True
    )
    assert tree(here / "one") == tree(here / "two")
