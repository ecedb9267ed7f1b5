"""Pictures beside the model: examples of the page, and tests with their labels."""

import os
import shutil
from pathlib import Path

import commands
import pytest
from colours import save_network, save_picture
from running import MODEL_TESTS, own_tests

from local_extensions.examples import LARGEST, MOST
from ml_ui.examples import label


@pytest.fixture
def network(tmp_path):
    """Return the path of a network, trained with pixels from -1 to 1, which it does not tell."""
    save_network(tmp_path / "network.onnx", 0.5, 0.5, False)
    return tmp_path / "network.onnx"


def test_pictures_beside_the_model_come_along(bake, network):
    for name in ("grass.png", "great white-2.png", "$(id).png", "sea.jpg"):
        save_picture(network.parent / "examples" / name, "grass")
    (network.parent / "examples" / "notes.txt").touch()
    project = bake(model_path=str(network), platform="local")
    names = {path.name for path in project.glob("examples/*")}
    assert names == {"grass.png", "great white-2.png", "id.png", "sea.jpg"}
    readme = (project / "README.md").read_text("utf-8")
    assert "pictures for the page and the tests, named after their labels" in readme
    assert 'open("examples/grass.png", "rb")' in readme


def test_readme_says_how_a_picture_of_a_label_is_named(bake, network):
    readme = (bake(model_path=str(network), platform="local") / "README.md").read_text("utf-8")
    assert "which expect the label that one\n  is named after" in readme


def test_label_in_the_name_of_a_picture():
    names = {"lion.jpg": "lion", "lion-2.jpg": "lion", "class 2.png": "class 2"}
    names |= {"class 2-10.png": "class 2", "first class 2.png": "first class"}
    assert {name: label(Path(name)) for name in names} == names


def test_without_pictures_the_demo_s_are_taken(bake, network):
    (network.parent / "examples").mkdir()
    project = bake(model_path=str(network), platform="local", license="none")
    assert [path.name for path in project.glob("examples/*")] == ["cat.jpg"]


def test_too_many_or_too_large_pictures_are_told(ask, network, capfd):
    folder = network.parent / "examples"
    folder.mkdir()
    for number in range(MOST + 1):
        (folder / f"grass-{number:02}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    os.truncate(folder / "grass-00.png", LARGEST + 1)
    run = ask(f"model_path={network}", "platform=local", "project_slug=made")
    assert run.exit_code == 0, run.output
    output = " ".join(capfd.readouterr().out.split())
    assert f"pushed with the project: {MOST - 1} of {MOST + 1}." in output
    assert "examples/grass-00.png is larger than 10 MB and left out." in output


def test_file_that_is_no_picture_is_refused(ask, network):
    (network.parent / "examples").mkdir()
    (network.parent / "examples" / "grass.png").write_bytes(b"hello")
    run = ask(f"model_path={network}", "platform=local")
    assert run.exit_code == 1
    assert "examples: grass.png is no picture, whatever its ending: remove it." in run.output


def test_link_out_of_the_folder_is_refused(ask, network):
    (network.parent / "examples").mkdir()
    (network.parent / "examples" / "grass.png").symlink_to("/etc/hostname")
    run = ask(f"model_path={network}", "platform=local", "project_slug=made")
    assert run.exit_code == 1 and "examples: " in run.output and "is a link to" in run.output


def test_linked_folder_is_refused(ask, network, tmp_path):
    """Its pictures would be published with the project."""
    save_picture(tmp_path / "private" / "me.png", "grass")
    (network.parent / "examples").symlink_to(tmp_path / "private")
    run = ask(f"model_path={network}", "platform=local", "project_slug=made")
    assert run.exit_code == 1 and "examples: " in run.output and "is a link to" in run.output


@pytest.mark.slow
def test_own_tests_detect_a_wrong_scaling(bake, network, tmp_path):
    """The guess, 0..1, gives wrong answers; `check --write` makes them right."""
    save_picture(network.parent / "examples" / "grass.png", "grass")
    project = shutil.copytree(bake(model_path=str(network), platform="local"), tmp_path / "project")
    run = own_tests(project, MODEL_TESTS)
    assert "FAILED tests/test_model.py::test_example[grass.png]" in run.stdout
    run = commands.run("check", "--write", folder=project)
    assert run.returncode == 0 and "Written to model.py, for -1..1" in run.stdout, run.stdout
    assert own_tests(project, MODEL_TESTS).returncode == 0
