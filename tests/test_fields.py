"""Fields of rows: the numbers that a column takes, on the page, in the API and without a server."""

import subprocess
import sys

import httpx
import pytest
from gradio_client import Client
from playwright.sync_api import expect
from running import clean_environment, free_port, install, own_tests, served
from static_page import Visit, hosted
from test_onnx_files import save

from local_extensions.model_files import inspect

GRAPH = (
    "(float[n, 1] size, int64[n, 1] rooms, int32[n, 1] floor, string[n, 1] city,"
    " bool[n, 1] new) => (float[n, 1] y) {"
    'c = ai.onnx.ml.OneHotEncoder <cats_strings = ["Bonn"]> (city)  b = Flatten(c)'
    "r = Cast <to = 1> (rooms)  f = Cast <to = 1> (floor)"
    "t = Cast <to = 1> (new)  y = Sum (size, r, f, b, t) }"
)
ROW = {"size": 50.5, "rooms": 3, "floor": 1, "city": "Bonn", "new": True}  # their sum is the answer
ANSWER = 56.5
REFUSED = [
    ("rooms", 2.5, "Give a whole number for rooms."),
    ("rooms", 1e19, "Give a number from -9007199254740991 to 9007199254740991 for rooms."),
    ("rooms", -(2**53), "Give a number from -9007199254740991 to 9007199254740991 for rooms."),
    ("size", 1e39, "Give a number from -3.4e+38 to 3.4e+38 for size."),
]


@pytest.fixture
def flat(tmp_path):
    """Return a model of numbers, whole numbers and texts."""
    (tmp_path / "model").mkdir()
    return save(tmp_path / "model", GRAPH)


# Reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("int64[n, 3] x", (0, 0, 0)),
        ("float[n, 3] x", ()),
        ("int32[n, 1] a, float[n, 1] b", (0, 0.0)),
        ("bool[n, 1] a, float[n, 1] b", ((False, True), 0.0)),
    ],
)
def test_a_declared_dtype_tells_whole_numbers(columns, values, tmp_path):
    first = columns.split(",")[-1].split()[-1] if "a," in columns else "x"
    found = inspect(save(tmp_path, f"({columns}) => (float[n, 2] y) {{ y = Softmax({first}) }}"))
    assert [(type(each), each) for each in found.values] == [(type(v), v) for v in values]


def test_whole_numbers_in_an_example_do_not_tell(bake, tmp_path):
    path = save(tmp_path, "(float[n, 2] x) => (float[n, 2] y) { y = Softmax(x) }")
    (tmp_path / "examples.csv").write_text("age,size\n3,4\n")
    project = bake(model_path=str(path), platform="browser")
    assert '"age": 3.0,' in (project / "model.py").read_text("utf-8")
    assert '["age", 3.0],' in (project / "model.js").read_text("utf-8")


def test_examples_of_whole_numbers(bake, ask, tmp_path):
    path = save(tmp_path, "(int64[n, 2] x) => (float[n, 2] y) { y = Cast <to = 1> (x) }")
    (tmp_path / "examples.csv").write_text("age,size,answer\n3,4.0,5\n")
    project = bake(model_path=str(path), platform="browser")
    assert '"age": 3,\n    "size": 4,' in (project / "model.py").read_text("utf-8")
    (tmp_path / "other").mkdir()
    other = path.rename(tmp_path / "other" / "m.onnx")
    (tmp_path / "other" / "examples.csv").write_text("age,size,answer\n3,4.5,5\n")
    said = ask(f"model_path={other}", "platform=local")
    assert "size: '4.5' is not a whole number" in " ".join(said.output.split())


@pytest.mark.parametrize("number", ["0n", "0.0"])
def test_a_project_finds_that_its_fields_differ(bake, flat, number):
    project = bake(model_path=str(flat), platform="browser")
    script = project / "model.js"
    text = script.read_text("utf-8")
    assert '["rooms", 0n]' in text
    script.write_text(text.replace('["rooms", 0n]', f'["rooms", {number}]'))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    run = subprocess.run([*command, "tests/test_model_js.py"], cwd=project, check=False)
    script.write_text(text)
    assert (run.returncode == 0) is (number == "0n")


# Asking -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_numbers_that_a_column_cannot_take(bake, flat):
    project = bake(model_path=str(flat), platform="local")
    run = own_tests(project)
    assert run.returncode == 0, run.stdout[-3000:]
    port = free_port()
    environment = clean_environment(install(project), PORT=str(port))
    with served(project, ["python", "app.py"], environment, port) as url:
        for whole in (3, 3.0):
            answer = httpx.post(f"{url}/predict", json=ROW | {"rooms": whole})
            assert answer.json() == ANSWER
        client = Client(url, verbose=False)
        for name, value, reason in REFUSED:
            said = httpx.post(f"{url}/predict", json=ROW | {name: value})
            assert (said.status_code, reason in said.text) == (422, True), said.text
            with pytest.raises(ValueError, match=reason.replace("+", r"\+")):
                client.predict(*(ROW | {name: value}).values(), api_name="/predict")
        german = {"Accept-Language": "de"}
        said = httpx.post(f"{url}/predict", json=ROW | {"rooms": 2.5}, headers=german)
        assert "Geben Sie für rooms eine ganze Zahl an." in said.text
        said = httpx.post(f"{url}/predict", json=ROW | {"floor": 3e9})
        assert said.status_code == 500  # and not what it is as an int32, -1294967296


@pytest.mark.slow
def test_numbers_that_a_column_cannot_take_without_a_server(bake, browser, flat, tmp_path):
    project = bake(model_path=str(flat), platform="browser")
    (tmp_path / "site").mkdir()
    with hosted(project, tmp_path / "site") as host:
        visit = Visit(browser, host.url)
        for name, value in ROW.items():
            field = visit.page.get_by_label(name)
            if name in ("city", "new"):
                field.select_option(str(value).lower() if name == "new" else value)
            else:
                field.fill(str(value))
        visit.submit()
        expect(visit.answer).to_have_text(str(ANSWER), timeout=30_000)
        for name, value, reason in REFUSED:
            field = visit.page.get_by_label(name)
            field.fill(str(value))
            visit.submit()
            expect(visit.problem).to_have_text(reason)
            field.fill(str(ROW[name]))
        visit.page.get_by_label("floor").fill("3e9")
        visit.submit()
        expect(visit.problem).to_have_text("The prediction failed. The browser's console says why.")
        visit.close()
