"""The deploy workflows' own lines, run against stand-ins of their hosts; `make rehearse` has all."""

import shutil

import pytest
from rehearsal import cases

pytestmark = pytest.mark.slow


@pytest.mark.sample("huggingface")
@pytest.mark.parametrize("platform", ["heroku", "huggingface", "cloud-run"])
def test_wrong_answer_is_rolled_back(bake, tmp_path, platform):
    """The new version is built, starts, says that it is ready, and answers wrongly."""
    if not shutil.which("jq"):
        pytest.skip("needs jq: apt-get install jq")
    answers = {"hardware": "cpu-basic"} if platform == "huggingface" else {}
    project = bake(task="tabular", platform=platform, **answers)
    if platform == "heroku":
        if not shutil.which("npm"):
            pytest.skip("needs npm: apt-get install npm")
        host = cases.on_heroku(project, tmp_path, cases.heroku_cli())
    else:
        on = {"huggingface": cases.on_the_hub, "cloud-run": cases.on_cloud_run}[platform]
        host = on(project, tmp_path)
    with host as rehearsal:
        first = rehearsal.deploy("the first deployment")
        assert first.run.succeeded and first.is_right, first.run
        second = rehearsal.deploy("a wrong answer", cases.LIE)
        assert not second.run.succeeded
        said = second.run["Ask the new version"].said
        assert "and here setosa" in said and "as here" not in said
        # On Cloud Run nobody was sent to it.
        back = "skipped" if platform == "cloud-run" else "success"
        assert second.run.steps[-1].outcome == back, second.run
        assert (second.version, second.answer) == (first.version, cases.RIGHT), second.run
