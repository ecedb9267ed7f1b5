"""The web form in a real browser, as `make web` serves it: a visit, the keyboard, axe-core."""

import os
import sys
import time
import zipfile

import pytest
from asking import IRIS, ROOT, run, tree
from playwright.sync_api import Page, expect
from running import BUILD, free_port, served

pytest.importorskip("resource")  # Windows has none, nor the form's processes

from web import work

pytestmark = pytest.mark.slow
WIDTHS, SCHEMES = (1280, 390), ("light", "dark")  # pixels of a desk and of a phone
# Pages with greyed choices, refusals, a project that does not fit, and one by name.
VISITS = {
    "first": "",
    "greyed": "?task=image-to-image&framework=xgboost",
    "refused": "?project_slug=A&description=%7B%7B",
    "too large": "?model=net.onnx&size=4GB&platform=heroku",
}


@pytest.fixture(scope="module")
def url():
    """Serve the form as make web does."""
    port = free_port()
    command = [sys.executable, "scripts/web.py"]
    environment = os.environ | {"PORT": str(port)}
    with served(ROOT, command, environment, port) as address:
        yield address


@pytest.fixture
def visit(browser, url):
    """Return a function that opens a page; anything that the page logs is a failure."""
    pages, logged = [], []

    def visit(query="", width=1280, **options) -> Page:
        page = browser.new_page(viewport={"width": width, "height": 800}, **options)
        pages.append(page)
        page.on("pageerror", lambda error: logged.append(str(error)))
        page.on("console", lambda message: logged.append(message.text))
        page.goto(url + "/" + query)
        return page

    yield visit
    for page in pages:
        page.close()
    assert not logged


def settled(page: Page) -> None:
    """Wait until the page shows the project of its answers."""
    page.wait_for_timeout(500)
    expect(page.locator("main[aria-busy]")).to_have_count(0, timeout=30_000)


def command_made(page: Page, folder):
    """Run the command that the page shows, in a folder; return the project."""
    _, _, template, *words = page.evaluate("document.getElementById('command').innerText").split()
    assert template == str(ROOT)
    env = os.environ | work.ENVIRONMENT
    done = run(template, *words, cwd=folder, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = (path for path in folder.iterdir() if path.is_dir())
    return made


def unpacked(download, folder):
    """Unpack a download; return the project."""
    with zipfile.ZipFile(download.path()) as archive:
        archive.extractall(folder)
    (made,) = folder.iterdir()
    return made


def test_visit(visit, tmp_path, record_property):
    """From the first choice to the unpacked zip, with a model: the times are in the report."""
    times, began = {}, time.perf_counter()

    def took(what):
        nonlocal began
        now = time.perf_counter()
        times[what], began = round(now - began, 2), now

    page = visit()
    took("page")
    page.get_by_label("Tabular data").check()
    expect(page.get_by_label("scikit-learn")).to_be_checked(timeout=30_000)
    took("first choice")
    page.get_by_label("Model file").set_input_files(IRIS)
    expect(page.get_by_text("iris.skops, skops model")).to_be_visible(timeout=30_000)
    expect(page.get_by_label("Keras")).to_be_disabled()
    expect(
        page.get_by_text("iris.skops is a model for scikit-learn, not for Keras.")
    ).to_be_visible()
    took("upload")
    page.get_by_label("Heroku").check()
    expect(page.get_by_role("heading", name="Heroku, eco ($5/month): it fits.")).to_be_visible(
        timeout=30_000
    )
    took("platform")
    page.get_by_label("What is the app called?").fill("Flowers")
    expect(page.get_by_role("button", name="Download flowers.zip")).to_be_visible(timeout=30_000)
    took("name")
    page.locator("summary", has_text="Procfile").click()
    expect(page.get_by_label("Procfile")).to_contain_text("web: ")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download flowers.zip").click()
    (tmp_path / "zip").mkdir()
    made = unpacked(waiting.value, tmp_path / "zip")
    took("zip")
    (tmp_path / "command").mkdir()
    (tmp_path / "command" / "iris.skops").write_bytes(IRIS.read_bytes())
    assert tree(made) == tree(command_made(page, tmp_path / "command"))
    assert "platform=heroku" in page.url and "project_name=Flowers" in page.url
    record_property("seconds", times)
    print(times)


def test_url_opens_with_its_answers(visit):
    first = visit("?platform=docker")
    first.get_by_label("Text classification").check()
    settled(first)
    again = visit("?" + first.url.partition("?")[2])
    assert again.url == first.url
    expect(again.get_by_label("Text classification")).to_be_checked()
    expect(again.get_by_role("radio", name="Docker")).to_be_checked()
    assert again.locator("#result").inner_text() == first.locator("#result").inner_text()


def test_typing_is_not_lost(visit):
    """An answer that comes while somebody types on, or has the focus elsewhere."""
    page = visit()
    name = page.get_by_label("What is the app called?")
    name.press_sequentially("A name that is typed slowly", delay=90)
    settled(page)
    expect(name).to_be_focused()
    expect(name).to_have_value("A name that is typed slowly")
    expect(page.get_by_label("Name of the folder")).to_have_attribute(
        "placeholder", "a-name-that-is-typed-slowly"
    )
    name.fill("{{ x }}")
    settled(page)
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("heading", name="Not yet")).to_be_visible()


def test_large_file_is_taken_by_name(visit, tmp_path):
    with (tmp_path / "large.onnx").open("wb") as file:
        file.truncate(30_000_000)
    page = visit()
    page.get_by_label("Model file").set_input_files(tmp_path / "large.onnx")
    expect(page.get_by_label("Name of the file")).to_have_value("large.onnx")
    expect(page.get_by_label("Size, such as 4 GB")).to_have_value("30000000")
    expect(page.get_by_text("No zip without the file.")).to_be_visible(timeout=30_000)


def test_keyboard_alone(visit, tmp_path):
    page = visit()

    def go_to(wanted):
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate(f"document.activeElement.matches({wanted!r})"):
                return
        raise AssertionError(f"{wanted} is not reached")

    go_to(".skip")
    go_to("#file")
    go_to("[name=task]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    settled(page)
    assert page.evaluate("document.activeElement.id") == "task-tabular"
    go_to("#project_slug")
    page.keyboard.type("by-keyboard")
    settled(page)
    go_to("[name=platform]")
    page.keyboard.press("ArrowDown")
    settled(page)
    assert page.evaluate("document.activeElement.id") == "platform-heroku"
    go_to(".download")
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    made = unpacked(waiting.value, tmp_path)
    assert made.name == "by-keyboard" and (made / "Procfile").is_file()
    go_to("summary")
    page.keyboard.press("Enter")
    assert page.locator("#result details[open]").count() == 1


def test_without_javascript(browser, url, tmp_path):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(url)
    page.get_by_label("Tabular data").check()
    page.get_by_role("button", name="Show the project").click()
    assert page.url.endswith("/?task=tabular")
    page.get_by_label("Model file").set_input_files(IRIS)
    page.get_by_role("button", name="Show the project").click()
    expect(page.get_by_text("iris.skops, skops model")).to_be_visible()
    page.get_by_label("Model file").set_input_files(IRIS)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download iris.zip").click()
    assert (unpacked(waiting.value, tmp_path) / "model" / "iris.skops").is_file()
    page.context.close()


@pytest.mark.sample("390-dark")
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_accessible(visit, axe, width, scheme):
    for name, query in VISITS.items():
        page = visit(query, width, color_scheme=scheme, bypass_csp=True)
        for details in page.locator("details").all():
            details.evaluate("each => { each.removeAttribute('name'); each.open = true }")
        page.evaluate(axe)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations', 'incomplete']})")
        told = {
            f"{rule['id']}: {node['html'][:200]}"
            for rule in found["violations"]
            for node in rule["nodes"]
        }
        assert not told, name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        folder = BUILD / "screenshots"
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"web-{name}-{width}-{scheme}.png", full_page=True)
