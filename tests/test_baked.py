"""Defaults and refusals as pytest-cookies sees them: exit code, context, folder."""

import pytest
from conftest import ROOT

from local_extensions.choices import HOSTS

pytest.importorskip("pytest_cookies")

DEFAULTS = {  # a platform's first tier, and what the demo is called
    "huggingface": "zero-a10g",
    "heroku": "eco",
    "docker": "cpu",
    "local": "cpu",
    "render": "free",
    "cloud-run": "1Gi",
    "modal": "cpu-2gb",
    "fly": "shared-cpu-1x-512mb",
}


@pytest.fixture
def baked(cookies):
    """Return a function that bakes this template with answers."""
    return lambda **answers: cookies.bake(extra_context=answers, template=str(ROOT))


@pytest.mark.parametrize("platform", HOSTS)
def test_defaults_of_a_platform(baked, platform):
    result = baked(platform=platform)
    assert (result.exit_code, result.exception) == (0, None)
    assert result.project_path.name == result.context["project_slug"] == "handwritten-digits"
    assert result.context["hardware"] == DEFAULTS[platform]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("model_path", "no-such-file.onnx"),
        ("framework", "python"),
        ("project_name", ""),
        ("project_slug", "../evil"),
        ("description", "x" * 301),
        ("hardware", "t5"),
        ("python_version", "3.11"),  # not on the default hardware
    ],
)
def test_refusal_ends_the_generation(baked, question, answer):
    result = baked(**{question: answer})
    assert result.exit_code != 0
    assert str(result.exception).startswith(f"{question}: ")
    assert result.project_path is None
