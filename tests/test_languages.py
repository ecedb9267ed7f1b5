"""READMEs in English and Chinese: each has what the other has, but for the words."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import model_hub
import pytest
import readmes
from commands import environment
from conftest import ROOT
from crafted import plain_pipeline
from test_rendered import OWN, PAIRS, name

from local_extensions.catalog import INPUTS
from local_extensions.choices import HOSTS
from local_extensions.languages import CHINESE, FIGURE, chinese
from ml_ui.sizing import limits

IRIS = ROOT / "demos" / "tabular" / "iris.skops"
TIERS = {  # one for each text about any
    (platform, facts["note"], facts["sleep"], facts["class"]): {
        "platform": platform,
        "hardware": tier,
        "framework": "onnx" if facts["class"] == "browser" else "keras",
        "ci": False,
    }
    for platform in HOSTS
    for tier, facts in limits.PLATFORMS[platform]["hardware"].items()
}
SENTENCE = re.compile(r"\b[a-z]+ [a-z]+ [a-z]+\b")  # of English


def check_languages(folder: Path, *kept: str) -> str:
    """Fail if the READMEs of a folder differ in more than words; return the English one.

    Args:
        folder: which has them.
        kept: texts that are the same in both.
    """
    texts = [(folder / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md")]
    english, translated = map(readmes.outline, texts)
    for part, found in english.items():
        assert translated[part] == found, part
    assert "[简体中文](README.zh-CN.md)" in texts[0] and "[English](README.md)" in texts[1]
    assert not texts[1].startswith("---"), "data for a platform"
    said = readmes.words(texts[1])
    for text in kept:
        said = said.replace(text, "")
    assert SENTENCE.findall(said) == []
    return texts[0]


def check(project: Path) -> str:
    """Check the languages of a project's READMEs; return the English one."""
    answers = json.loads((project / ".ml-ui.json").read_text("utf-8"))["answers"]
    return check_languages(project, answers["project_name"], answers["description"])


@pytest.mark.parametrize("answers", [*PAIRS, *OWN], ids=name)
def test_languages(bake, answers):
    check(bake(**answers))


@pytest.mark.parametrize("answers", TIERS.values(), ids=lambda answers: answers["hardware"])
def test_languages_of_a_tier(bake, answers):
    check(bake(**answers))


@pytest.fixture(scope="module")
def downloaded(tmp_path_factory):
    """Download a model by the README's command, with the client of this machine."""
    cache = tmp_path_factory.mktemp("cache")
    with model_hub.served() as (url, state):
        state.add("you/iris", {"iris.skops": IRIS.read_bytes()})
        hf = Path(sys.executable).with_name("hf")
        subprocess.run(
            [hf, "download", "you/iris"], check=True, capture_output=True,
            env=environment(HF_ENDPOINT=url, HF_HUB_CACHE=str(cache)),
        )  # fmt: skip
    return cache


@pytest.mark.parametrize("platform", [name for name in HOSTS if name != "browser"])
def test_languages_of_a_model_on_the_hub(bake, downloaded, monkeypatch, platform):
    monkeypatch.setenv("HF_HUB_CACHE", str(downloaded))
    readme = check(bake(model_path="you/iris", platform=platform))
    assert "hf download you/iris\npython -m ml_ui swap you/iris\n" in readme


def test_languages_of_a_pickle(bake, tmp_path):
    """Which runs code when it is loaded, as both say."""
    (tmp_path / "model.pkl").write_bytes(plain_pipeline())
    project = bake(model_path=str(tmp_path / "model.pkl"), platform="local")
    assert "can run any code" in check(project)
    assert "can run any code" not in check(bake(model_path=str(IRIS), platform="local"))


# The words of data --------------------------------------------------------------------------


def of_platforms() -> Iterator[str]:
    """Yield the texts about platforms that a README may have."""
    yield from ("not known", "not documented", limits.NO_LIMIT, limits.LIMIT_NOT_KNOWN)
    yield from ("5 s", "20 min", "Python 3.11 to 3.13")
    for facts in limits.PLATFORMS.values():
        yield facts["title"]
        for limit in facts["limits"]:
            if limit["kind"] == "refuse":
                yield from (limit["name"], limit["written"] or "")
        for tier in facts["hardware"].values():
            yield from (tier["title"], tier["note"], tier["sleep"] or "", limits.price(tier))


def of_demos() -> Iterator[str]:
    """Yield the texts about demo models."""
    for path in ROOT.glob("demos/*/card.json"):
        card = json.loads(path.read_text("utf-8"))
        for result in card["results"].values():
            yield f"{card['data']} {card['measured']}".format(result)


OF_FILES = {kind.name for kind in INPUTS.values() if kind.files}
TEXTS = {*of_platforms(), *of_demos(), *OF_FILES}


def test_each_text_is_translated():
    missing = {text for text in TEXTS if re.search(r"\b[a-z]{3,}", text) and chinese(text) == text}
    assert missing == set()


def test_no_translation_is_left_over():
    assert {*CHINESE} - {FIGURE.sub("#", text) for text in TEXTS} == set()


def test_figures_are_those_of_the_text():
    assert all(text.count("#") == CHINESE[text].count("#") for text in CHINESE)
    assert chinese("after 48 hours without a visit; the next visit wakes it") == (
        "48 小时无人访问后休眠，下次访问时唤醒"
    )
    assert chinese("1x T4, 4 vCPU") == "1x T4, 4 vCPU"


# The template's own --------------------------------------------------------------------------


def test_languages_of_the_template():
    check_languages(ROOT)
