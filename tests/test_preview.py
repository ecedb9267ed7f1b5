"""A preview tells what would be generated, and writes nothing."""

import json
import shutil

import pytest
from asking import IRIS, lines, project
from click.testing import CliRunner
from conftest import ROOT
from cookiecutter.cli import main
from test_questions import sparse

from local_extensions.choices import HOSTS


def preview(ask, *arguments: str) -> tuple[int, dict]:
    result = ask(*arguments, "preview=json")
    return result.exit_code, json.loads(result.output)


@pytest.mark.parametrize("platform", HOSTS)
def test_preview_is_what_is_generated(ask, here, platform):
    model = IRIS.with_suffix(".onnx" if platform == "browser" else IRIS.suffix)
    answers = [f"model_path={model}", f"platform={platform}", "license=none"]
    status, found = preview(ask, *answers)
    assert status == 0 and found["fits"] and not found["problems"]
    assert not list(here.iterdir())
    assert ask(*answers).exit_code == 0
    made = project(here)
    files = [path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()]
    assert found["files"] == sorted({"ml_ui/" if "ml_ui/" == p[:6] else p for p in files})
    assert found["folder"] == str(made)
    record = json.loads((made / ".ml-ui.json").read_text("utf-8"))["answers"]
    assert found["answers"] | {"model_path": model.name, "framework": "auto"} == (
        record | {"preview": "json"}
    )


def test_preview_of_what_does_not_fit(ask, here):
    """Told with all figures, not refused."""
    sparse(here / "big.safetensors", 1_200_000_000)
    status, found = preview(ask, "model_path=big.safetensors", "platform=heroku")
    assert (status, found["fits"]) == (1, False)
    failed = [check["name"] for check in found["fit"]["checks"] if check["fits"] is False]
    assert "memory" in failed and found["fit"]["ways_out"]


def test_preview_of_refused_answers(ask, here):
    status, found = preview(ask, "project_slug=A", "hardware=gpu")
    assert status == 1
    assert [problem.split(":")[0] for problem in found["problems"]] == ["project_slug", "hardware"]
    status, found = preview(ask, "platform=herku")
    assert status == 1 and "Did you mean heroku" in found["problems"][0]


def test_preview_of_an_existing_folder(ask, here):
    (here / "iris").mkdir()
    status, found = preview(ask, f"model_path={IRIS}")
    assert status == 1 and "exists already" in found["problems"][0]
    assert preview(ask, "-f", f"model_path={IRIS}")[0] == 0


def test_json_needs_no_terminal(ask, here):
    result = ask("preview=json", typed=lines())
    assert result.exit_code == 1
    assert json.loads(result.output)["problems"] == [
        "preview: json needs --no-input, since questions are no JSON."
    ]


def test_replay_after_a_preview_generates(ask, here):
    """cookiecutter stores the answers of a preview, too."""
    assert preview(ask, f"model_path={IRIS}")[0] == 0
    result = CliRunner().invoke(main, ["--replay", str(ROOT)])
    assert result.exit_code == 0, result.output
    assert (here / "iris" / "app.py").is_file()


def test_name_of_a_model_has_no_escape_sequences(ask, here):
    name = "m\x1b]0;pwn\a\x1b[2J\u202eevil.skops"
    shutil.copy(IRIS, here / name)
    status, found = preview(ask, f"model_path={here / name}", "project_name=Mine")
    assert status == 0
    assert "m?]0;pwn??[2J?evil.skops" in found["recognised"]


def test_preview_as_text(ask, here):
    result = ask(f"model_path={IRIS}", "preview=text")
    assert result.exit_code == 0
    for fragment in (
        "Logistic",
        "4 columns",
        "app.py",
        "FEATURES in model.py",
        "it fits",
        "Nothing",
    ):
        assert fragment in result.output
    assert all(len(line) <= 80 for line in result.output.splitlines()[:-1])
    assert not list(here.iterdir())


CHOICES = {
    "platform": "herku",
    "license": "GPL",
    "python_version": "2.7",
    "task": "x",
    "framework": "x",
}


@pytest.mark.parametrize("question", CHOICES)
def test_choice_that_is_not_offered(ask, here, question):
    """Without a traceback, which cookiecutter has for its own choices."""
    result = ask(f"{question}={CHOICES[question]}")
    assert result.exit_code == 1
    assert f"{question}: {CHOICES[question]!r} is not offered" in result.output
    assert not list(here.iterdir())
