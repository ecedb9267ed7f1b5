"""The page without a server in a real browser: answers, offline, axe, errors, versions."""

import os
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect
from static_page import ANSWERS, Files, Visit, hosted, violations

from ml_ui.sizing.footprint import FORMATS

pytestmark = pytest.mark.slow
PHRASE = re.compile(r"Downloading the model: ([\d.]+) of ([\d.]+) MB, (\d+) %\.")
SLOW = """
export async function load() {}
export async function predict() {
  for (const end = Date.now() + 60_000; Date.now() < end; );
  return "late";
}
"""
CONSTANT = """
export async function load() {}
export async function predict() {
  return { %s: 1 };
}
"""


def change(path: Path, text: str) -> None:
    """Change a file, at another second than before: servers tell no less apart."""
    later = path.stat().st_mtime + 2
    path.write_text(text, "utf-8")
    os.utime(path, (later, later))


GIVE = """async ([kind, path]) => {
  const blob = await (await fetch(path)).blob();
  const given = new DataTransfer();
  given.items.add(new File([blob], "x.png", { type: "image/png" }));
  const options = { bubbles: true, cancelable: true };
  const event =
    kind === "drop"
      ? new DragEvent(kind, { ...options, dataTransfer: given })
      : new ClipboardEvent(kind, { ...options, clipboardData: given });
  document.querySelector(".drop").dispatchEvent(event);
}"""


@pytest.fixture(scope="module", params=ANSWERS, ids="-".join)
def host(bake, request, tmp_path_factory):
    """Serve the demo of a task in a folder of a site."""
    task, framework = request.param
    project = bake(task=task, framework=framework, platform="browser")
    with hosted(project, tmp_path_factory.mktemp("site")) as host:
        host.pair = request.param
        yield host


@pytest.fixture
def mine(bake, tmp_path):
    """Serve a copy of a classifier's project, to be changed."""
    project = shutil.copytree(bake(platform="browser"), tmp_path / "project")
    (tmp_path / "site").mkdir()
    with hosted(project, tmp_path / "site") as host:
        host.project = project
        yield host


@pytest.fixture
def visit(browser):
    """Return a function that visits a page; nothing may fail there unless it is expected."""
    visits = []

    def start(host, **options) -> Visit:
        visits.append(Visit(browser, host.url, **options))
        return visits[-1]

    yield start
    for each in visits:
        each.close()


def test_answers_online_and_offline(visit, host):
    """With the keyboard alone; all from its own site, under its policy; then without the site."""
    visitor = visit(host)
    said = visitor.ask()
    assert ANSWERS[host.pair].search(said)
    assert visitor.complaints == []
    assert {re.match(r"(?:blob:)?\w+://[^/]+/(?:repo/)?", url)[0] for url in visitor.requests} <= {
        host.url, f"blob:{host.url.removesuffix('repo/')}",
    }  # fmt: skip
    visitor.wait_until_kept()
    host.stop()
    try:
        visitor.open()
        assert visitor.ask() == said
    finally:
        host.start()


@pytest.mark.sample("image-classification-onnx")
def test_download_is_what_preflight_says(visit, host):
    """Before the first answer, besides the model's weights and the examples."""
    visitor = visit(host)
    visitor.ask()
    urls = {url for url in visitor.requests if url.startswith(host.url)}
    paths = {url.removeprefix(host.url) or "index.html" for url in urls}
    others = ("examples", "model/", "browser/vendor/webp/")  # which is kept for later
    paths = {path for path in paths if not path.startswith(others)}
    size = sum((host.root / "repo" / path).stat().st_size for path in paths)
    kind = "onnx" if host.pair[1] == "onnx" else "python"
    assert size == pytest.approx(FORMATS[kind]["browser"]["download"], rel=0.1)
    assert size < 5_000_000


@pytest.mark.sample("image-classification-onnx")
def test_axe_finds_nothing(visit, host, axe):
    for scheme in ("light", "dark"):
        for width in (1280, 390):
            visitor = visit(host, width=width, color_scheme=scheme)
            page = visitor.page
            assert violations(page, axe) == []
            visitor.ask()
            assert violations(page, axe) == []
            overflow = "document.documentElement.scrollWidth - innerWidth"
            assert page.evaluate(overflow) <= 0


@pytest.mark.sample("tabular-onnx", "image-to-image-onnx")
def test_error_is_in_words_and_readable(visit, host, axe):
    visitor = visit(host, color_scheme="dark", locale="de-AT")
    for field in visitor.page.locator("#input input[type=number], textarea").all():
        field.fill("")
    visitor.submit()
    expect(visitor.problem).to_have_text(
        re.compile("Füllen Sie sepal .+ aus|Schreiben Sie zuerst|Wählen Sie zuerst ein Bild")
    )
    assert violations(visitor.page, axe) == []
    visitor.ask()
    expect(visitor.problem).to_be_empty()


@pytest.mark.parametrize("host", [("text-classification", "onnx")], indirect=True, ids="-".join)
@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("zh-Hans-SG", {"提交", "清除", "示例", "回答"}),
        ("ja-JP", {"送信", "クリア", "例", "答え"}),
        ("es-MX", {"Enviar", "Borrar", "Ejemplos", "Respuesta"}),
        ("fr-FR", {"Envoyer", "Effacer", "Exemples", "Réponse"}),
        ("zh-TW", {"Submit", "Clear", "Examples", "Answer"}),  # not translated, and not broken
    ],
)
def test_page_is_in_the_language_of_the_visitor(visit, host, locale, words):
    visitor = visit(host, width=390, locale=locale)
    expect(visitor.page.locator("#examples")).to_be_visible()
    shown = {line.strip() for line in visitor.page.locator("main").inner_text().splitlines()}
    assert words <= shown
    assert visitor.complaints == []


@pytest.mark.parametrize("host", [("image-classification", "onnx")], indirect=True, ids="-".join)
def test_picture_is_dropped_or_pasted(visit, host):
    visitor = visit(host)
    for number, kind in enumerate(("drop", "paste")):
        visitor.page.evaluate(GIVE, [kind, f"examples/{(3, 7)[number]}.png"])
        expect(visitor.page.locator("#input img")).to_be_visible()
        visitor.submit()
        expect(visitor.page.locator(".first")).to_have_text(str((3, 7)[number]), timeout=15_000)
        visitor.page.get_by_role("button", name="Clear").click()
        expect(visitor.answer).to_have_count(0)


@pytest.mark.parametrize("host", [("image-classification", "onnx")], indirect=True, ids="-".join)
def test_what_is_no_picture(visit, host, tmp_path):
    path = tmp_path / "cat.jpg"
    path.write_text("no picture")
    visitor = visit(host)
    visitor.page.locator("input[type=file]").set_input_files(path)
    visitor.submit()
    expect(visitor.problem).to_have_text(
        "This is not a picture in one of BMP, GIF, JPEG, PNG, WEBP."
    )


@pytest.mark.parametrize("host", [("tabular", "onnx")], indirect=True, ids="-".join)
def test_what_is_no_number(visit, host):
    """Which browsers would say themselves, in their own words, and not submit."""
    visitor = visit(host)
    visitor.page.locator("input[type=number]").first.fill("")
    visitor.page.locator("input[type=number]").first.press("e")
    visitor.submit()
    expect(visitor.problem).to_have_text("Give a number for sepal length (cm).")


def test_progress_of_the_download(visit, mine, monkeypatch):
    monkeypatch.setattr(Files, "pause", 0.1)
    visitor = visit(mine)
    status = visitor.page.get_by_role("status")
    expect(status).to_have_text(PHRASE, timeout=10_000)
    done, total, percent = map(float, PHRASE.search(status.inner_text()).groups())
    assert 3 < total < 5 and 0 < done <= total
    assert percent == pytest.approx(100 * done / total, abs=2)
    bar = visitor.page.get_by_role("progressbar")
    assert float(bar.get_attribute("max")) == pytest.approx(1e6 * total, rel=0.02)
    expect(bar).to_be_hidden(timeout=15_000)
    expect(status).to_be_empty()


def test_long_prediction_can_be_stopped(visit, mine):
    """And the page answers meanwhile: the prediction is not in its thread."""
    model = mine.project / "model.js"
    change(model, SLOW)
    visitor = visit(mine)
    visitor.choose_example()
    visitor.submit()
    stop = visitor.page.get_by_role("button", name="Stop")
    expect(visitor.page.get_by_role("status")).to_have_text("The model is running.")
    change(model, CONSTANT % "quick")
    stop.press("Enter")
    expect(stop).to_be_hidden()
    expect(visitor.page.locator("button[type=submit]")).to_be_focused()
    visitor.submit()  # in another worker, which has the new file
    expect(visitor.answer).to_have_text("quick", timeout=10_000)


def test_model_that_is_not_there(visit, mine):
    """Said, and tried again."""
    model = mine.project / "model" / "digits.onnx"
    away = model.rename(model.with_suffix(".away"))
    visitor = visit(mine)
    expect(visitor.problem).to_contain_text("The model could not be loaded.", timeout=10_000)
    away.rename(model)
    assert visitor.ask().startswith("2, ")


def test_new_version_replaces_the_whole_of_an_older_one(visit, mine):
    def deploy(name: str) -> None:
        change(mine.project / "model.js", CONSTANT % name)
        page = mine.project / "index.html"
        change(page, re.sub("<h1>.*</h1>", f"<h1>{name}</h1>", page.read_text("utf-8")))

    def shown(visitor) -> tuple[str, str]:
        visitor.open()
        visitor.ask()
        return visitor.page.locator("h1").inner_text(), visitor.answer.inner_text()

    deploy("first")
    visitor = visit(mine)
    assert shown(visitor) == ("first", "first")
    visitor.wait_until_kept()
    mine.stop()
    deploy("second1")  # which a visitor who is offline does not get
    assert shown(visitor) == ("first", "first")
    mine.start()
    assert shown(visitor) == ("second1", "second1")
    visitor.page.wait_for_timeout(1000)  # it is kept in the background
    mine.stop()
    assert shown(visitor) == ("second1", "second1")
    copies = "caches.keys().then((names) => names.filter((name) => name.includes('copy')).length)"
    assert visitor.page.evaluate(copies) == 1


@pytest.mark.every
def test_host_that_redirects_or_has_enough(visit, mine, monkeypatch):
    """Hosts of files send /index.html to /, and refuse files to those who load too many."""
    visitor = visit(mine)
    said = visitor.ask()
    visitor.wait_until_kept()
    serve = Files.do_GET

    def do_GET(self):
        if self.path.endswith("/index.html"):
            self.send_response(308)
            self.send_header("Location", "/repo/")
            self.end_headers()
        elif self.path.endswith((".onnx", "/page.js")):
            self.send_error(429)
        else:
            serve(self)

    monkeypatch.setattr(Files, "do_GET", do_GET)
    visitor.url += "index.html"
    visitor.open()
    assert visitor.page.url == mine.url
    assert visitor.ask() == said
