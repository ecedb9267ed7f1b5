"""The web form: what it offers, what it refuses, and that its zip is what the command makes."""

import asyncio
import html
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from asking import IRIS, ROOT, copy_template
from starlette.testclient import TestClient

from local_extensions.catalog import TASKS
from local_extensions.choices import HOSTS
from local_extensions.prompts import HIDDEN

pytest.importorskip("resource")  # Windows has none, nor the form's processes

from scripts import web_zips
from web import app, processes

FILE = {"file": ("iris.skops", IRIS.read_bytes())}


@pytest.fixture(scope="module")
def client():
    """A visitor, who may ask often."""
    return TestClient(app.create(per_minute=0), follow_redirects=False)


def text_of(page: str) -> str:
    """Return the words of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def radio(page: str, name: str) -> dict[str, str]:
    """Return the attributes of a choice, by its id; `reason` is what the page says of it."""
    tag = re.search(rf'<input type="radio" id="{re.escape(name)}"[^>]*>', page)[0]
    found = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
    found |= dict.fromkeys({"checked", "disabled"} & {*tag.replace(">", " ").split()}, "yes")
    if described := found.get("aria-describedby"):
        found["reason"] = html.unescape(re.search(rf'id="{described}">(.*?)</p>', page)[1])
    return found


def command(page: str) -> list[str]:
    """Return the words of the command."""
    return shlex.split(html.unescape(re.search(r'<code id="command">(.*?)</code>', page)[1]))


def link(page: str) -> str:
    """Return the URL with the answers."""
    return html.unescape(re.search(r'id="link" href="([^"]*)"', page)[1])


# What is offered --------------------------------------------------------------------------


def test_first_visit_shows_the_default_project(client):
    page = client.get("/").text
    texts = json.loads((ROOT / "cookiecutter.json").read_text())["__prompts__"]
    for question in texts.keys() - {"model_path", *HIDDEN}:
        assert html.escape(texts[question]) in page
    assert {name for name in TASKS if f'id="task-{name}"' in page} == {*TASKS}
    assert {name for name in HOSTS if f'id="platform-{name}"' in page} == {*HOSTS}
    assert command(page) == ["uvx", "cookiecutter", "gh:org/ml-ui-template", "--no-input"]
    assert link(page) == "./?"
    assert "Download handwritten-digits.zip" in page and "def predict(" in page


def test_what_does_not_go_together_is_greyed_out_with_the_reason(client):
    page = client.get("/?task=image-to-image&platform=huggingface").text
    sklearn = radio(page, "framework-scikit-learn")
    assert "disabled" in sklearn
    assert sklearn["reason"] == "image-to-image is not offered with scikit-learn."
    assert radio(page, "python_version-3.13")["reason"] == "zero-a10g does not run 3.13."
    assert "disabled" not in radio(page, "framework-keras")


def test_page_without_a_server_is_offered_for_what_a_browser_runs(client):
    keras = client.get("/?task=tabular&framework=keras&platform=browser").text
    found = radio(keras, "platform-browser")
    assert "disabled" in found and found["reason"].endswith("not Keras.")
    page = client.get("/?task=tabular&framework=onnx&platform=browser").text
    assert "checked" in radio(page, "platform-browser") and "index.html" in page
    assert command(page)[-1] == "platform=browser"


def test_default_follows_the_other_answers(client):
    """A browser sends all that is checked; what nobody chose has no value."""
    page = client.get("/?task=tabular&framework=&hardware=").text
    assert "checked" in radio(page, "framework-scikit-learn")
    assert radio(page, "framework-scikit-learn")["value"] == ""
    assert "Now:" not in text_of(page)


def test_answer_that_does_not_go_any_more_is_replaced_aloud(client):
    page = client.get("/?task=image-to-image&framework=xgboost").text
    status = text_of(re.search(r'role="status">(.*?)</div>', page, re.DOTALL)[1])
    assert "image-to-image is not offered with xgboost. Now:" in status
    assert "framework" not in link(page)
    answer = client.get("/project.zip?task=image-to-image&framework=xgboost")
    assert answer.status_code == 422 and "not offered" in answer.text


def test_url_holds_all_answers(client):
    given = {
        "task": "tabular",
        "framework": "xgboost",
        "project_name": 'Iris & "friends" <3',
        "project_slug": "iris-and-friends",
        "description": "Ça va? 模型 🤗 $(touch x) `y` 'z'",
        "platform": "docker",
        "python_version": "3.13",
        "license": "Apache-2.0",
        "ci": "no",
    }
    page = client.get("/", params=given).text
    found = {name: value for name, (value,) in parse_qs(urlsplit(link(page)).query).items()}
    assert found == given
    assert client.get(link(page)).text == page
    assert command(page)[4:] == [f"{name}={value}" for name, value in given.items()]


def test_fit_has_the_figures_of_the_terminal(client, ask, here):
    shown = text_of(client.get("/?platform=heroku").text)
    report = ask("platform=heroku", "preview=text").output
    figures = re.findall(r"[#.]{24}  (.*?)  +(.*)", report)
    assert len(figures) > 3
    for amount, spare in figures:
        assert f"{amount.strip()} {spare.strip()}" in shown


def test_files_are_shown_as_generated(client, bake):
    made = bake(task="tabular", platform="heroku")
    page = client.get("/?task=tabular&platform=heroku").text
    shown = {
        html.unescape(name): html.unescape(text)
        for name, text in re.findall(
            r'<pre tabindex="0" aria-label="(.*?)">(.*?)</pre>', page, re.DOTALL
        )
    }
    assert {"app.py", "model.py", "README.md", "Procfile", "model/labels.txt"} <= {*shown}
    for name in {*shown} - {".ml-ui.json", "LICENSE"}:  # git's user; the template's address
        assert shown[name].strip("\n") == (made / name).read_text("utf-8").strip("\n")
    for path in (made / "ml_ui").rglob("*.py"):
        name = path.relative_to(made).as_posix()
        assert f'href="{name}"' in page
        assert client.get(f"/{name}").text == path.read_text("utf-8")


# A model ----------------------------------------------------------------------------------


def test_upload_is_recognised(client):
    page = client.post("/", files=FILE).text
    assert "Logistic" in page and "4 columns" in page
    assert "takes 4 columns, not a picture" in radio(page, "task-image-classification")["reason"]
    assert "scikit-learn, not for Keras" in radio(page, "framework-keras")["reason"]
    assert command(page)[4:] == ["model_path=iris.skops"]
    assert "/tmp" not in page


def test_labels_beside_an_upload(client):
    beside = ("labels.txt", "a\nb\n")
    page = client.post("/", files=[("file", FILE["file"]), ("beside", beside)]).text
    assert "the file beside the model has 2 classes, the model 3" in text_of(page)


def test_files_of_a_visitor_are_not_rendered(client):
    lines = "{{ 7*7 }}\n{% raw %}\n<b>\n"
    files = [
        ("file", FILE["file"]),
        ("beside", ("labels.txt", lines)),
        ("beside", ("../x.txt", "")),
    ]
    zipped = web_zips.unpacked(client.post("/project.zip", files=files).content)
    assert zipped["iris/model/labels.txt"][1].decode() == lines
    assert not [name for name in zipped if "x.txt" in name]


def test_zip_of_an_upload_is_what_the_command_makes(client, tmp_path, monkeypatch):
    monkeypatch.setattr(app, "TEMPLATE", str(ROOT))
    answers = {"platform": "docker", "project_name": "Mine"}
    page = client.post("/", data=answers, files=FILE).text
    answer = client.post("/project.zip", data=answers, files=FILE)
    assert answer.headers["content-disposition"] == 'attachment; filename="mine.zip"'
    shutil.copy(IRIS, tmp_path)
    made = web_zips.generated(shlex.join(command(page)), tmp_path)
    assert web_zips.unpacked(answer.content) == made
    assert b'"model_path": "iris.skops"' in made["mine/.ml-ui.json"][1]


@pytest.mark.parametrize("answers", [
    {"task": "image-to-image", "framework": "python", "platform": "local"},
    {"task": "text-classification", "platform": "huggingface", "license": "none", "ci": "no"},
])  # fmt: skip
def test_zip_is_what_the_command_makes(answers, monkeypatch):
    """A sample: make web-zips compares all combinations."""
    monkeypatch.setattr(app, "TEMPLATE", str(ROOT))
    assert asyncio.run(web_zips.differences(answers)) == []


def test_zip_is_the_same_twice(client):
    first, second = (client.get("/project.zip?task=tabular").content for _ in range(2))
    assert first == second
    names = zipfile.ZipFile(io.BytesIO(first)).namelist()
    assert names == sorted(names) and {name.split("/")[0] for name in names} == {"iris-species"}


def test_model_known_by_name_and_size(client):
    page = client.get("/?model=net.onnx&size=4GB&platform=heroku").text
    shown = text_of(page)
    assert "it does not fit" in shown and "4 GB of 1 GB 3 GB too much" in shown
    assert "Only the name and the size of net.onnx are known here" in shown
    assert "What would fit" in shown and "Download" not in shown
    assert "lfs-file 4 GB of" in radio(page, "platform-local")["reason"]
    assert command(page)[4:] == ["model_path=net.onnx", "platform=heroku"]
    assert "size=4000000000" in link(page)
    answer = client.get("/project.zip?model=net.onnx&size=4GB")
    assert answer.status_code == 422


def test_fit_of_a_name_is_the_fit_of_the_file(client):
    """Of weights that are not packed."""
    by_file = text_of(client.post("/", data={"platform": "heroku"}, files=FILE).text)
    size = IRIS.stat().st_size
    by_name = text_of(client.get(f"/?model=iris.skops&size={size}&platform=heroku").text)
    figures = [re.findall(r"(?:memory|peak|boot) ([\d.]+ \w+ of [\d.]+ \w+)", shown)
               for shown in (by_file, by_name)]  # fmt: skip
    assert figures[0] == figures[1] and len(figures[0]) == 3


def test_large_project_can_be_made_all_the_same(client):
    page = client.get("/?model=net.onnx&size=4GB&limits=ignore").text
    assert re.search(r'id="limits"[^>]* checked', page)
    assert "limits=ignore" in command(page) and "disabled" not in radio(page, "platform-heroku")


# Refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "said"), [
    ({"project_slug": "A b"}, "is not a valid name for a folder"),
    ({"project_name": "{{ 7*7 }}"}, "contains {{"),
    ({"description": "{% include 'x' %}"}, "contains {%"),
    ({"description": "x" * 301}, "has 301 characters"),
    ({"project_name": "a\x00b"}, "contains U+0000"),
    ({"model": "a.exe", "size": "5"}, "ends like no model here"),
])  # fmt: skip
def test_refused_answers(client, given, said):
    page = client.get("/", params=given)
    assert page.status_code == 200 and said in text_of(page.text)
    assert "Not yet" in page.text and "Download" not in page.text
    assert client.get("/project.zip", params=given).status_code == 422


@pytest.mark.parametrize(("given", "said"), [
    ({"model": "a.onnx", "size": "many"}, "is not a size"),
    ({"model": "a.onnx"}, "is not a size"),
    ({"model": "a.onnx", "size": "0"}, "1 B to"),
    ({"model": "a.onnx", "size": "999TB"}, "1 B to"),
    ({"model": "a.onnx", "size": "9" * 5000}, "1 B to"),
])  # fmt: skip
def test_refused_sizes(client, given, said):
    answer = client.get("/", params=given)
    assert answer.status_code == 400 and said in answer.text


@pytest.mark.parametrize(("name", "content", "said"), [
    ("net.onnx", b"not a model", "is not a valid ONNX model"),
    ("evil.pkl", b"cos\nsystem\n(S'touch /tmp/canary'\ntR.", "evil.pkl"),
    ("empty.keras", b"", "is empty"),
])  # fmt: skip
def test_refused_models(client, name, content, said):
    page = client.post("/", files={"file": (name, content)})
    assert page.status_code == 200 and said in text_of(page.text)
    assert "Not yet" in page.text and "/tmp/" not in page.text.replace("touch /tmp/canary", "")
    assert client.post("/project.zip", files={"file": (name, content)}).status_code == 422
    assert not Path("/tmp/canary").exists()


@pytest.mark.parametrize("path", [str(IRIS), "google/vit-base", "../../etc/passwd", "~/x.pkl"])
def test_no_path_of_the_server_and_no_id_of_the_hub(client, path):
    """The question for a model is answered by an upload alone."""
    page = client.get("/", params={"model_path": path}).text
    assert "the demo model" in page and path not in page
    page = client.get("/", params={"model": path, "size": "5MB"}).text
    assert not {path, "Logistic"} & {*page.split()}


NAMES = [
    "../../etc/cron.d/x.skops", "..\\..\\x.skops", "/etc/x.skops", "C:\\x.skops", "~root.skops",
    "a\x00b.skops", "a\nb\r.skops", "{{ 7*7 }}.skops", "{% raw %}.skops", "-rf.skops", ".skops",
    "\u202egnp.skops", "<script>alert(1)</script>.skops", "$(id);`id`'\".skops",
    "模" * 200 + ".skops", "..", "x" * 300, "🤗" * 60 + "." + "🤗" * 12,
]  # fmt: skip


@pytest.mark.parametrize("given", NAMES)
def test_file_name(given):
    name = app.file_name(given)
    assert name not in (".", "..") and len(name.encode()) <= 200
    assert not re.search(r"[/\\\x00-\x1f{}\u202e]", name) and name[:1] not in ("-", "~", ".")
    assert app.file_name(name) == name


@pytest.mark.sample("../../*", "{{*", "<script>*", "$(id)*")
@pytest.mark.parametrize("given", [name for name in NAMES if ".skops" in name])
def test_upload_of_an_odd_name(client, given):
    name = app.file_name(given)
    files = {"file": (name, IRIS.read_bytes())}
    page = client.post("/", files=files).text
    assert command(page)[4:] == [f"model_path={name}"]
    assert (
        "<script>alert" not in page and client.post("/project.zip", files=files).status_code == 200
    )


def test_answers_are_escaped(client):
    text = "\"'><script>alert(1)</script>"
    page = client.get("/", params={"project_name": text, "task": text, "description": text}).text
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_headers(client):
    for path in ("/", "/form.js", "/nothing", "/project.zip?task=tabular"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and "set-cookie" not in headers
    page = client.get("/").text
    assert not re.search(r"<script>|<style|\sstyle=|\son\w+=|javascript:", page.split("<pre")[0])


@pytest.mark.parametrize(
    "path",
    ["../serving.py", "../../pyproject.toml", "__pycache__/x", "serving", "a" * 300, "%00"],
)
def test_package_alone_is_served(client, path):
    assert client.get(f"/ml_ui/{path.replace('..', '%2e%2e')}").status_code == 404


# Limits -----------------------------------------------------------------------------------


def test_large_upload(client):
    answer = client.post("/", files={"file": ("a.onnx", bytes(app.LARGEST + 1))})
    assert answer.status_code == 413 and "20 MB" in answer.text

    def endless():  # without a length
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.onnx"\r\n\r\n'
        for _ in range(30):
            yield bytes(1_000_000)

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert client.post("/", content=endless(), headers=kind).status_code == 413


def test_upload_that_does_not_come_again(client):
    """Without the script, a file has to be chosen for the zip too."""
    answer = client.post("/project.zip", data={"uploaded": "iris.skops"}, files={"x": b""})
    assert answer.status_code == 422 and "Choose iris.skops again" in answer.text


def test_form_without_a_file_goes_to_its_url(client):
    answer = client.post("/", data={"task": "tabular"}, files={"file": ("", b"")})
    assert (answer.status_code, answer.headers["location"]) == (303, "./?task=tabular")


def test_rate_of_a_client():
    visitor = TestClient(app.create(per_minute=2))
    assert [visitor.get("/?model=a.onnx&size=x").status_code for _ in range(3)] == [400, 400, 429]
    assert int(visitor.get("/").headers["retry-after"]) > 0


def test_crowd_and_slow_jobs():
    full = TestClient(app.create(processes.Processes(at_once=0, waiting=0)))
    answer = full.get("/")
    assert answer.status_code == 503 and answer.headers["retry-after"]
    slow = TestClient(app.create(processes.Processes(seconds=0.001)))
    answer = slow.get("/")
    assert answer.status_code == 500 and "take the command" in answer.text


def test_uploads_at_a_time(client, monkeypatch):
    monkeypatch.setattr(app, "UPLOADS", 0)
    assert client.post("/", files=FILE).status_code == 503


def test_nothing_is_kept(client, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert client.post("/project.zip", files=FILE).status_code == 200
    assert client.get("/?project_slug=A").status_code == 200
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


# As it is deployed ------------------------------------------------------------------------


@pytest.mark.slow
def test_archive_knows_its_commit(tmp_path):
    """So the form in a Space records the commit that the command would."""
    template = copy_template(tmp_path)
    user = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    for arguments in (["init", "-q"], ["add", "-A"], [*user, "commit", "-q", "-m", "One"]):
        subprocess.run(["git", *arguments], cwd=template, check=True)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=template, check=True, capture_output=True, text=True
    ).stdout.strip()
    subprocess.run(["make", "-s", "space"], cwd=template, check=True)
    space = template / "build" / "space"
    assert (space / "README.md").read_text().startswith("---\ntitle: Initializr\n")
    code = "from local_extensions import git, catalog; print(git.commit(catalog.ROOT))"
    variables = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=space,
        env=variables,
        check=True,
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == head
