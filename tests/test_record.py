"""The record .ml-ui.json: a broken one is refused in one line, by preflight and update."""

import json

import commands
import pytest
from footprints import lay_out


@pytest.fixture
def project(tmp_path):
    """Lay out a project for Heroku."""
    return lay_out(tmp_path / "my app")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"answers": {}, "model": {}}'])
def test_broken_record_is_named(project, text):
    (project / ".ml-ui.json").write_text(text)
    done = commands.run("preflight", folder=project)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert ".ml-ui.json is not" in done.stderr


WRONG = {
    "answers": [[], "x", None],
    "answers.platform": [5, True, ["heroku"]],
    "answers.hardware": [{}],
    "answers.python_version": [3.12],
    "answers.model_path": [5],
    "answers.description": [[]],
    "model": [None, []],
    "model.format": [[]],
    "model.layers": ["9"],
    "lock": [{}],
    "sizes": [[], None],
    "sizes.packages": [[], "x"],
    "sizes.packages.numpy": [5, {}, None],
    "sizes.packages.numpy.wheel": ["5", None, 1.5],
    "sizes.packages.numpy.version": [5],
    "template": [[], None],
    "template.address": [5],
    "ml_ui": [5, "1.0.0"],
    "ml_ui.commit": [[]],
}


@pytest.mark.parametrize("command", ["preflight", "update"])
@pytest.mark.parametrize(("name", "value"), [(n, value) for n in WRONG for value in WRONG[n]])
def test_record_of_wrong_types_is_named(project, command, name, value):
    path = project / ".ml-ui.json"
    recorded = json.loads(path.read_text()) | {"template": {}, "ml_ui": {}}
    *outer, last = name.split(".")
    part = recorded
    for key in outer:
        part = part[key]
    part[last] = value
    path.write_text(json.dumps(recorded))
    done = commands.run(command, folder=project)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert f"the type of '{name}" in done.stderr


@pytest.mark.parametrize("command", ["preflight", "update"])
def test_deeply_nested_record_is_named(project, command):
    (project / ".ml-ui.json").write_text("[" * 100_000)
    done = commands.run(command, folder=project)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert ".ml-ui.json is not valid JSON" in done.stderr


@pytest.mark.slow  # it weighs the packages that are installed
@pytest.mark.parametrize("part", ["answers", "model", "sizes"])
def test_empty_parts_of_a_record_are_not_known(project, part):
    path = project / ".ml-ui.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {part: {}}))
    done = commands.run("preflight", folder=project)
    assert done.returncode == 2
    assert all(line.startswith("preflight: ") for line in done.stderr.splitlines())
