"""A prediction in a real browser for each task, with the screenshot kept.

Without `--every`, test_accessibility.py has the tasks that are left out here.
"""

import json

import pytest
from conftest import ROOT
from playwright.sync_api import expect
from running import BUILD, clean_environment, free_port, install, served

from local_extensions.catalog import TASKS

pytestmark = pytest.mark.slow


@pytest.mark.sample("tabular", "image-to-image")
@pytest.mark.parametrize("task", TASKS)
def test_page(bake, browser, task):
    project = bake(task=task, platform="local")
    port = free_port()
    environment = clean_environment(install(project), PORT=str(port))
    with served(project, ["python", "app.py"], environment, port) as url:
        page = browser.new_page(viewport={"width": 1100, "height": 640})
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        example = page.locator(".gallery-item, tbody tr.tr-body").first
        expect(example).to_be_visible(timeout=30_000)
        example.click()
        card = json.loads((ROOT / "demos" / task / "card.json").read_text("utf-8"))
        if "rows" in card:
            for label, value in zip(card.get("features", ["Text"]), card["rows"][0], strict=True):
                expect(page.get_by_label(label, exact=True)).to_have_value(str(value))
        else:
            picture = page.locator(".block", has_text="Picture").locator("img[src*='/file=']")
            expect(picture.first).to_have_js_property("complete", True)
        page.get_by_role("button", name="Submit").click()
        if "answers" in card:
            label = page.get_by_test_id("label-output-value")
            expect(label).to_have_text(card["answers"][0], timeout=30_000)
        else:
            result = page.locator(".block", has_text="Result").locator("img[src*='/file=']")
            expect(result).to_be_visible(timeout=30_000)
            expect(result).to_have_js_property("complete", True)
        (BUILD / "screenshots").mkdir(parents=True, exist_ok=True)
        page.screenshot(path=BUILD / "screenshots" / f"{task}.png", full_page=True)
        assert not errors
