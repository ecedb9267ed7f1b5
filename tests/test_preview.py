"""A preview tells what would be generated, and writes nothing."""

import json

import pytest
from asking import IRIS, project
from test_questions import sparse


def preview(ask, *arguments: str) -> tuple[int, dict]:
    result = ask(*arguments, "preview=json")
    return result.exit_code, json.loads(result.output)


def test_preview_is_what_is_generated(ask, here):
    status, found = preview(ask, f"model_path={IRIS}", "platform=heroku", "license=none")
    assert (status, found["fits"]) == (0, True)
    assert not list(here.iterdir())
    assert ask(f"model_path={IRIS}", "platform=heroku", "license=none").exit_code == 0
    made = project(here)
    files = [path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()]
    assert found["files"] == sorted(files)
    assert found["folder"] == str(made)
    record = json.loads((made / ".ml-ui.json").read_text("utf-8"))["answers"]
    assert found["answers"] | {"model_path": "iris.skops", "framework": "auto"} == (
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
