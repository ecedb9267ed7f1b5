"""Recipes of CONTRIBUTING.md: an entry that has only what its recipe names gives a project."""

import json
import re
import shutil
from pathlib import Path

import pytest
from asking import copy_template, lines, record, run
from conftest import ROOT
from crafted import made, onnx, onnx_input, pickled
from crafted import write as write_model
from test_scikit_learn import REGRESSION, of_texts

from local_extensions import kinds
from local_extensions.model import model

TASK = {
    "task.json": json.dumps(
        {
            "title": "Risk",
            "input": "row",
            "output": "labels",
            "demo": "iris",
            "framework": "scikit-learn",
            "description": "Fill in the values.",
        }
    ),
    "app.py": """\
{% extends "inputs/row/_page.py" %}
{% block answer %}
def answer(*row: float) -> dict[str, float]:
    \"""Return the probability of each risk.\"""
    return predict(*row)
{% endblock %}
""",
    "model.py": """\
{% extends "inputs/row/_model.py" %}
{% block predict %}
def predict(*row: float) -> dict[str, float]:
    \"""Predict the risk.\"""
    return _labelled(load()(np.array([row]))[0])
{% endblock %}
""",
    "test_model.py": "from model import FEATURES, predict\n",
}
RATING = {  # of kinds that no task pairs yet
    "task.json": json.dumps(
        {
            "title": "Rating",
            "input": "text",
            "output": "values",
            "demo": "languages",
            "framework": "scikit-learn",
            "description": "Write a review.",
        }
    ),
    "app.py": """\
{% extends "inputs/text/_page.py" %}
{% block answer %}
def answer(text: str) -> float:
    \"""Return the stars of a review.\"""
    return predict(text)
{% endblock %}
""",
    "model.py": """\
{% extends "parts/_model.py" %}
{% block predict %}
def predict(text: str) -> float:
    \"""Predict the stars of a review.\"""
    return float(load()(np.array([text], dtype=object))[0])
{% endblock %}
""",
    "test_model.py": "from model import predict\n",
}
SOUND = {  # a kind whose examples are files
    "kind.json": json.dumps(
        {
            "title": "a sound",
            "component": 'gr.Audio(label="Sound", type="filepath")',
            "call": "sound",
            "files": {"endings": [".wav"], "begin": "RIFF....WAVE"},
        }
    ),
    "_page.py": """\
{% extends "parts/_page.py" %}
{% block standard_library %}
from pathlib import Path

{% endblock %}
{% block examples %}
    examples=[[str(path)] for path in sorted(Path(__file__).parent.glob("examples/*"))],
{% endblock %}
""",
}
HEARING = {
    "task.json": json.dumps(
        {
            "title": "Hearing",
            "input": "sound",
            "output": "labels",
            "demo": "bells",
            "framework": "onnx",
            "description": "Record a sound.",
        }
    ),
    "app.py": """\
{% extends "inputs/sound/_page.py" %}
{% block answer %}
def answer(sound: str) -> dict[str, float]:
    \"""Return the probability of each label.\"""
    return predict(sound)
{% endblock %}
""",
    "model.py": """\
{% extends "parts/_model.py" %}
{% block predict %}
def predict(sound: str) -> dict[str, float]:
    \"""Classify a sound.\"""
    return _labelled(load()(np.fromfile(sound, np.float32)[None])[0])
{% endblock %}
""",
    "test_model.py": "from model import predict\n",
}
CARD = {
    "title": "Risks",
    "description": "Rates a risk.",
    "data": "Made up.",
    "source": "None.",
    "measured": "Accuracy {:.2f}.",
    "results": {"scikit-learn": 1},
    "features": {"age": 1.0},
    "rows": [[1.0]],
}


def recipe(entry: str) -> str:
    """Return the recipe of an entry, as CONTRIBUTING.md has it."""
    recipes = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Recipes")[2]
    return re.split(r"\n\n(?=\*\*A|## )", recipes.partition(f"**A {entry}**")[2])[0]


def unnamed(names: set[str], entry: str) -> set[str]:
    """Return the names that a recipe does not have."""
    return {name for name in names if f"`{name}`" not in recipe(entry)}


@pytest.fixture
def template(tmp_path) -> Path:
    """A copy of the template, to which an entry is added."""
    return copy_template(tmp_path)


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files into a new folder."""
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")


def generate(template: Path, **answers: str) -> Path:
    """Generate a project, and compile its files."""
    given = [f"{name}={answer}" for name, answer in answers.items()]
    made = template.parent / "made"
    done = run("--no-input", "-o", made, template, "project_slug=made", *given, cwd=template)
    assert done.returncode == 0, done.stdout + done.stderr
    for path in (made / "made").rglob("*.py"):
        compile(path.read_text("utf-8"), str(path), "exec")
    return made / "made"


def test_task(template):
    write(template / "templates" / "tasks" / "risk", TASK)
    write(template / "demos" / "risk", {"card.json": json.dumps(CARD)})
    shutil.copy(template / "demos" / "tabular" / "iris.skops", template / "demos" / "risk")
    named = {*TASK, *json.loads(TASK["task.json"])}
    assert unnamed(named, "task") == set()
    assert unnamed({"demos/<task>/card.json", *CARD}, "demo model") == set()
    project = generate(template, task="risk")
    assert record(project)["model"]["framework"] == "scikit-learn"
    assert "# Risks" in (project / "README.md").read_text("utf-8")


def test_task_of_a_model_that_no_page_takes(template, ask):
    """A regression of texts, which the reader of its file describes like any other."""
    model = write_model(
        template.parent, "stars.pkl", pickled(of_texts(made(REGRESSION, coef_=b"N")))
    )
    refused = ask(f"model_path={model}")
    assert "stars.pkl gives a number for text, which no page here shows yet" in refused.output
    write(template / "templates" / "tasks" / "rating", RATING)
    card = CARD | {"features": {"text": ""}, "rows": [["Good."]]}
    write(template / "demos" / "rating", {"card.json": json.dumps(card)})
    demo = template / "demos" / "text-classification" / "languages.skops"
    shutil.copy(demo, template / "demos" / "rating")
    project = generate(template, model_path=str(model))
    assert record(project)["answers"]["task"] == "rating"
    assert "-> float:" in (project / "model.py").read_text("utf-8")


def test_platform(template):
    """A record and a folder, with Docker's files."""
    section = {
        "_deploy.sh": "raft deploy\n",
        "_deploy.md": "On.\n",
        "_deploy.zh-CN.md": "上线。\n",
    }
    write(template / "templates" / "platforms" / "raft", section | {"raft.toml": "[build]\n"})
    records = template / "src" / "ml_ui" / "sizing" / "platforms"
    facts = json.loads((records / "fly.json").read_text("utf-8"))
    tier = [limit for limit in facts["limits"] if limit.get("tier")]  # without a figure
    more = {"title": "Raft", "order": 99, "files_of": ["docker"], "limits": tier}
    record = facts | more
    (records / "raft.json").write_text(json.dumps(record), "utf-8")
    named = {*section, "files_of", *facts, *facts["proxy"], "settings"}
    assert unnamed(named - {"what", "source", "as_of", "verified"}, "platform") == set()
    typed = lines(platform="raft")
    asked = run("-o", template.parent / "asked", template, cwd=template, input=typed)
    assert asked.returncode == 0, asked.stderr
    assert re.search(r"Raft +\$3\.19/month +no limit, memory 512 MiB", asked.stdout)
    project = generate(template, platform="raft", hardware="shared-cpu-1x-2gb")
    assert (project / "raft.toml").is_file()
    assert (project / "Dockerfile").is_file()
    for name in ("README.md", "README.zh-CN.md"):
        assert "```sh\nraft deploy\n```\n" in (project / name).read_text("utf-8")


def test_kind_of_files(template):
    """Its examples beside a model come along, and README.md calls the app with one."""
    write(template / "templates" / "inputs" / "sound", SOUND)
    call = "curl --data-binary @{{ (cookiecutter | project).model.example }}\n"
    (template / "templates" / "parts" / "_call-sound.md").write_text(call, "utf-8")
    write(template / "templates" / "tasks" / "hearing", HEARING)
    with (template / "local_extensions" / "kinds.py").open("a") as file:
        file.write(
            'TAKES["sound"] = lambda found: "sounds" if columns(found) == 16_000 else None\n'
        )
    framework = template / "templates" / "frameworks" / "onnx" / "framework.json"
    text = framework.read_text("utf-8")
    framework.write_text(text.replace('"runs": [', '"runs": ["sound", '), "utf-8")
    model = onnx(onnx_input("x", 1, "n", 16_000))
    write(template / "demos" / "hearing", {"card.json": json.dumps(CARD)})
    write_model(template / "demos" / "hearing", "bells.onnx", model)
    named = {*SOUND, *json.loads(SOUND["kind.json"]), *json.loads(SOUND["kind.json"])["files"]}
    assert unnamed(named | {"parts/_call-<call>.md", "runs"}, "kind of input or output") == set()
    path = write_model(template.parent, "bells.onnx", model)
    write(template.parent / "examples", {"bell.wav": "RIFF    WAVE", "notes.txt": ""})
    project = generate(template, model_path=str(path))
    assert record(project)["answers"]["task"] == "hearing"
    assert [path.name for path in project.glob("examples/*")] == ["bell.wav"]
    readme = (project / "README.md").read_text("utf-8")
    assert "`examples/`: sounds for the page" in readme
    assert "curl --data-binary @examples/bell.wav" in readme
    assert "INPUT is a text" not in readme
    write(template.parent / "more", {})
    (template.parent / "examples" / "bell.wav").write_text("no sound")
    refused = run("--no-input", template, f"model_path={path}", cwd=template.parent / "more")
    assert (
        "bell.wav is no sound, whatever its ending: remove it." in refused.stdout + refused.stderr
    )


def test_kind_without_further_fields(monkeypatch):
    monkeypatch.delitem(kinds.FACTS, "text")
    assert model.__wrapped__("text-classification", "scikit-learn", None).file == "languages.skops"
