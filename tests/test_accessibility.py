"""Accessibility of the page in a real browser: axe-core, the keyboard, languages, a phone."""

import re

import pytest
from playwright.sync_api import expect
from running import clean_environment, free_port, install, served

from local_extensions.catalog import TASKS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.sample("*image-classification*", "*text-classification*"),  # of TASKS
]
WIDTHS, SCHEMES = (1280, 390), ("light", "dark")  # pixels of a desk and of a phone
# Rules that a page may break, with the reason.
ALLOWED = {"nested-interactive": "a message of Gradio's is a button with a button in it"}
EXAMPLE = ".gallery-item, [data-testid='dataset-cell-0-0']"


@pytest.fixture(scope="module", params=TASKS)
def url(bake, request):
    """Serve the demo of a task; return its address."""
    project = bake(task=request.param, platform="local")
    port = free_port()
    environment = clean_environment(install(project), PORT=str(port))
    with served(project, ["python", "app.py"], environment, port) as address:
        yield address


@pytest.fixture
def visit(browser, url):
    """Return a function that opens the page, and fails with what it logged as an error."""
    pages, errors = [], []

    def visit(width=1280, **options):
        page = browser.new_page(viewport={"width": width, "height": 800}, **options)
        pages.append(page)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        expect(page.locator(EXAMPLE).first).to_be_visible(timeout=30_000)
        return page

    yield visit
    for page in pages:
        page.close()
    assert not errors


def answer(page) -> None:
    """Try the first example and wait for the answer, with the keyboard alone."""
    page.locator(EXAMPLE).first.focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)  # the example goes to the server, and into the fields
    page.get_by_role("button", name=re.compile("Submit|Absenden")).focus()
    page.keyboard.press("Enter")
    labels = page.get_by_test_id("label-output-value")
    result = page.locator(".block", has_text="Result").locator("img[src*='/file=']")
    expect(labels.or_(result).first).to_be_visible(timeout=30_000)


def violations(page, axe: str) -> list[str]:
    """Return the serious and critical violations that axe-core finds, with their elements."""
    page.evaluate(axe)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [
        f"{one['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical") and one["id"] not in ALLOWED
        for node in one["nodes"]
    ]


@pytest.mark.sample("*-classification-1280-light", "text-classification-390-dark")
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_serious(visit, axe, width, scheme):
    page = visit(width, color_scheme=scheme)
    assert not violations(page, axe)
    answer(page)
    page.mouse.move(0, 0)
    assert not violations(page, axe)
    overflow = "document.documentElement.scrollWidth - innerWidth"
    assert page.evaluate(overflow) <= 0


def test_an_error_is_in_words_and_readable(visit, axe):
    page = visit(color_scheme="dark", locale="de-DE")
    fields = page.locator("main input[type=number], main textarea")
    if fields.count():
        fields.first.fill("")
    page.get_by_role("button", name="Absenden").click()
    said = page.get_by_test_id("toast-text")
    expect(said).to_have_text(
        re.compile("Füllen Sie .+ aus|Schreiben Sie zuerst|Wählen Sie zuerst ein Bild")
    )
    page.wait_for_timeout(500)  # it fades in
    assert not violations(page, axe)


def test_on_a_phone_the_answer_is_below_the_input(visit):
    page = visit(390)
    submit, clear = (page.get_by_role("button", name=name) for name in ("Submit", "Clear"))
    block = page.locator(".block", has_text="Answer").or_(page.locator(".block", has_text="Result"))
    places = [each.first.bounding_box()["y"] for each in (submit, clear, block)]
    places.append(page.locator(".examples").bounding_box()["y"])
    assert places == sorted(places)


@pytest.mark.parametrize("url", ["text-classification"], indirect=True)
@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("zh-CN", {"提交", "清除", "示例"}),
        ("ja-JP", {"送信", "クリア", "例"}),
        ("es-MX", {"Enviar", "Borrar", "Ejemplos"}),
        ("fr-FR", {"Envoyer", "Effacer", "Exemples"}),
        ("ar-EG", {"Submit", "Clear", "Examples"}),  # not translated, and not broken
    ],
)
def test_the_page_is_in_the_language_of_the_visitor(visit, locale, words):
    page = visit(390, locale=locale)
    expect(page.locator("main")).to_contain_text(max(words))
    shown = {line.strip() for line in page.locator("main").inner_text().splitlines()}
    assert words <= shown
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("url", ["tabular", "text-classification"], indirect=True)
def test_an_example_clears_the_answer_and_keeps_the_labels(visit):
    page = visit(locale="de-DE")
    answer(page)
    label = page.get_by_test_id("label-output-value")
    words = page.get_by_test_id("block-info").all_inner_texts()
    page.locator(EXAMPLE).last.click()
    expect(label).to_have_count(0, timeout=10_000)
    assert page.get_by_test_id("block-info").all_inner_texts() == words
    page.get_by_role("button", name="Absenden").click()
    expect(label).to_be_visible(timeout=30_000)


def test_examples_have_names(visit):
    page = visit()
    names = page.locator(".examples button").evaluate_all(
        "all => all.map(e => e.innerText.trim() || e.querySelector('img').alt)"
    )
    cells = page.locator(".examples [role=gridcell]").all_inner_texts()
    assert all(names)
    assert names or cells
    for picture in page.locator(".examples img").all():
        stem = picture.get_attribute("src").rpartition("/")[2].rpartition(".")[0]
        assert picture.get_attribute("alt") == stem
