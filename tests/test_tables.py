"""examples.csv beside a model of rows or texts: its page, its tests, and what is refused."""

import csv
import shutil
import subprocess
from pathlib import Path

import pytest
from asking import assert_refused
from conftest import ROOT
from crafted import array, pipeline, plain_pipeline, text, write
from running import MODEL_TESTS, install, own_tests
from test_onnx_files import save

from local_extensions.examples import LARGEST_TABLE, MOST_ROWS
from ml_ui.examples import BadExample, is_right, read

IRIS = (
    "sepal length,sepal width,petal length,petal width,species\n"
    "5.0,3.6,1.4,0.2,setosa\n"
    "7.0,3.2,4.7,1.4,versicolor\n"
    "6.3,3.3,6.0,2.5,virginica\n"
)
FIELDS = {"age": 30.0, "city": ["Rome", "Oslo"], "name": "a text"}


@pytest.fixture
def iris(tmp_path):
    """Return a function that copies the demo model, with an examples.csv beside it."""

    def make(content: str | bytes, *, labels: bool = True, folder: str = "mine") -> Path:
        (tmp_path / folder).mkdir()
        demo = ROOT / "demos" / "tabular"
        model = shutil.copy(demo / "iris.skops", tmp_path / folder)
        if labels:
            shutil.copy(demo / "labels.txt", tmp_path / folder)
        raw = content.encode() if isinstance(content, str) else content
        (tmp_path / folder / "examples.csv").write_bytes(raw)
        return Path(model)

    return make


def file(folder: Path, content: str | bytes) -> Path:
    path = folder / "examples.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# Reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "age,city,name,answer\n41.5,Oslo,Kim,yes\n",
        "answer,name,city,age\r\nyes,Kim,Oslo,41.5\r\n",
        "\ufeffage;name;city;answer\n41,5;Kim;Oslo;yes\n;;;\n\n",
        "name\tage\tcity\twhat it is\n Kim \t 41.5\tOslo\tyes\n",
        '"age","name","city","answer"\n"41.5","Kim","Oslo","yes"\n',
    ],
)
def test_columns_are_found_by_name(tmp_path, content):
    (found,) = read(file(tmp_path, content), FIELDS)
    assert found.values == [41.5, "Oslo", "Kim"] and found.expected == "yes"


def test_texts_have_commas_quotes_and_line_breaks(tmp_path):
    texts = ['One, two.\nThree "four"; five', "Grüße\u2028你好"]
    with (tmp_path / "examples.csv").open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([["label", "text"], ["a", texts[0]], ["", texts[1]]])
    found = read(tmp_path / "examples.csv")
    assert [each.values for each in found] == [[text] for text in texts]
    assert [each.expected for each in found] == ["a", None]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", "is empty: name the columns"),
        ("41,Oslo,Kim\n", "no column 'age': its first line names 41, Oslo, Kim"),
        ("41,42\n", "begins with numbers: name the columns"),
        ("age,city\n1,Oslo\n", "no column 'name'"),
        ("age,city,name\n1,Oslo\n", "line 2: 2 values, and the first line has 3"),
        ("age,city,name\n1,Oslo,Kim\nold,Oslo,Kim\n", "line 3: age: 'old' is not a number"),
        ("age,city,name\nnan,Oslo,Kim\n", "age: 'nan' is not a number"),
        ("age,city,name\n1,Paris,Kim\n", "city: 'Paris' is not one of Rome, Oslo"),
        ("age,city,name\n,Oslo,Kim\n", "age is empty"),
        (",age,city,name\n0,1,Oslo,Kim\n", "a column without a name"),
        ("age,age,city,name\n0,1,Oslo,Kim\n", "two columns 'age'"),
        ('age,city,name\n1,Oslo,"Kim\n', "not valid CSV: unexpected end of data"),
        ("age,city,name\n1,Oslo,Zoë\n".encode("latin-1"), "is not UTF-8 text: save it as"),
        ("age,city,name\n1,Oslo,Kim\n".encode("utf-16"), "is not UTF-8 text"),
        ("age,city,name\n1,Oslo,Kim\0\n", "null characters"),
        ("age,city,name\n1,Oslo," + 200_000 * "x", "field larger than field limit"),
    ],
)
def test_what_is_no_example_is_refused(tmp_path, content, error):
    with pytest.raises(BadExample) as raised:
        read(file(tmp_path, content), FIELDS)
    assert error in str(raised.value)


def test_numbers_are_chosen_as_numbers(tmp_path):
    (found,) = read(file(tmp_path, "rooms\n3.0\n"), {"rooms": [2, 3]})
    assert found.values == [3] and isinstance(found.values[0], int)
    truths = "paid,old,kind,word\nTrue,False,true,True\n"
    (found,) = read(
        file(tmp_path, truths), {"paid": 0.0, "old": [True, False], "kind": [0, 1], "word": ""}
    )
    assert found.values == [1.0, False, 1, "True"]


@pytest.mark.parametrize(
    ("answer", "expected", "right"),
    [
        ({"a": 0.4, "b": 0.6}, "b", True),
        ({"a": 0.4, "b": 0.6}, "a", False),
        ("b", "b", True),
        (12.34, "12.3", True),  # as it is rounded
        (12.36, "12.3", False),
        (250_200.0, "250000", True),  # 0.1 %
        (251_000.0, "250000", False),
        (1e-7, "0.0000002", False),
        ("1.5, -2.25", "1.5, -2.2", True),
        ("1.5, -2.25", "1.5", False),
        (3.0, "setosa", False),
    ],
)
def test_answer_is_compared_as_it_is_written(answer, expected, right):
    assert is_right(answer, expected) is right


# Generation -------------------------------------------------------------------------------


def test_rows_beside_the_model_come_along(bake, iris):
    project = bake(model_path=str(iris(IRIS)), platform="local")
    with (project / "examples.csv").open(newline="") as written:
        header, *rows = csv.reader(written)
    assert header == ["sepal length", "sepal width", "petal length", "petal width", "answer"]
    assert rows[1] == ["7.0", "3.2", "4.7", "1.4", "versicolor"]
    assert '"sepal width": 3.6,' in (project / "model.py").read_text("utf-8")
    assert "examples.csv" in (project / "README.md").read_text("utf-8")


def test_file_that_names_its_columns_decides_their_order(bake, tmp_path):
    model = write(tmp_path, "model.pkl", plain_pipeline())
    file(tmp_path, "animal,height,width\nbird,30,1.5\n")
    project = bake(model_path=str(model), platform="local")
    assert (project / "examples.csv").read_text() == "width,height,answer\n1.5,30.0,bird\n"


NAMES = {  # of two columns, and what is written of the first line
    ("a;b;c", "d\te"): '"a;b;c","d\te","answer"',
    ("0", "1"): "0,1,answer",
    ("answer", "expected answer"): "answer,expected answer,expected expected answer",
    (" width", "height, in cm"): 'width,"height, in cm",answer',
    ('"a\nb', "x"): '"""a\nb",x,answer',
}


@pytest.mark.parametrize("answer", ["cat", ""])
@pytest.mark.parametrize("names", NAMES)
def test_odd_names_of_columns_read_back(bake, tmp_path, names, answer):
    columns = array("O8", b"](" + text(names[0]) + text(names[1]) + b"e", 2)
    classes = array("O8", b"](" + text("cat") + text("bird") + b"e", 2)
    model = write(tmp_path, "model.pkl", pipeline(columns, classes))
    with (tmp_path / "examples.csv").open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, quoting=csv.QUOTE_ALL).writerows([[*names, "is"], [1, 2.5, answer]])
    project = bake(model_path=str(model), platform="local")
    (found,) = read(project / "examples.csv", dict.fromkeys(names, 0.0))
    assert found.values == [1, 2.5] and found.expected == (answer or None)
    if answer:
        assert (project / "examples.csv").read_text("utf-8").startswith(NAMES[names] + "\n")


def test_names_that_differ_in_spaces_are_refused(ask, tmp_path):
    columns = array("O8", b"](" + text("a") + text(" a") + b"e", 2)
    classes = array("O8", b"](" + text("cat") + text("bird") + b"e", 2)
    model = write(tmp_path, "model.pkl", pipeline(columns, classes))
    file(tmp_path, "a,is\n1,cat\n")
    run = ask(f"model_path={model}", "platform=local")
    assert_refused(run.output, run.exit_code, "examples: the columns of the model, 'a', ' a',")


def test_without_answers_they_are_examples(ask, iris, capfd):
    rows = "a,b,c,d\n" + (MOST_ROWS + 5) * "5.0,3.6,1.4,0.2\n"
    run = ask(f"model_path={iris(rows)}", "platform=local", "project_slug=made")
    assert run.exit_code == 0, run.output
    output = " ".join(capfd.readouterr().out.split())
    assert f"pushed with the project: the first {MOST_ROWS} of {MOST_ROWS + 5}." in output
    assert "examples.csv has no column of answers" in output
    assert "has those of examples.csv, in their order" in output
    written = Path("made", "examples.csv").read_text("utf-8").splitlines()
    assert written[0] == "a,b,c,d" and len(written) == MOST_ROWS + 1


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("a,b,c\n1,2,3\n", "has 3 columns (a, b, c), and the model takes 4"),
        (IRIS.replace("virginica", "rose"), "row 3: the answer 'rose' is none of the model's"),
        (IRIS.replace("3.3", "wide"), "line 4: sepal width: 'wide' is not a number"),
        (IRIS.partition("\n")[0], "has no rows"),
        (b"version https://git-lfs.github.com/spec/v1\nsize 99\n", "is a Git LFS pointer"),
        (IRIS + LARGEST_TABLE * "\n", "has 1.0 MB: keep some rows"),
    ],
)
def test_bad_table_is_refused(ask, iris, content, error):
    run = ask(f"model_path={iris(content)}", "platform=local")
    assert_refused(run.output, run.exit_code, "examples: ", error)


def test_answers_need_the_names_of_classes(ask, tmp_path):
    shutil.copy(ROOT / "demos" / "text-classification" / "languages.keras", tmp_path)
    file(tmp_path, "text,language\nGuten Tag,German\n")
    run = ask(f"model_path={tmp_path / 'languages.keras'}", "platform=local")
    assert_refused(run.output, run.exit_code, "examples: ", "write a labels.txt beside it")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("a,b,target\n1,2,high\n", "row 1: the answer 'high' is not the number"),
        (
            "a,b,target,id\n1,2,182.7,7\n",
            "'182.7, 7', in the columns target, id, is not the number",
        ),
        ("a,b,target\n1,2,182.7\n", None),
    ],
)
@pytest.mark.parametrize("outputs", [1, "m"])
def test_answers_of_a_model_of_numbers_are_numbers(ask, tmp_path, outputs, content, error):
    graph = f"(float[n, 2] x) => (float[n, {outputs}] y) {{ y = Identity(x) }}"
    file(tmp_path, content)
    run = ask(f"model_path={save(tmp_path, graph)}", "platform=local", "project_slug=made")
    if error is None or (outputs == "m" and "182.7" in content):  # it may give two numbers
        assert run.exit_code == 0, run.output
    else:
        error = error if outputs == 1 else error.replace("number", "numbers")
        assert_refused(run.output, run.exit_code, "examples: ", error)


def test_link_out_of_the_folder_is_refused(ask, iris, tmp_path):
    model = iris(IRIS)
    table = shutil.move(model.with_name("examples.csv"), tmp_path / "elsewhere.csv")
    model.with_name("examples.csv").symlink_to(table)
    run = ask(f"model_path={model}", "platform=local")
    assert_refused(run.output, run.exit_code, "examples: ", "is a link to")


# The project's own tests ------------------------------------------------------------------

WRONG = {  # what makes a project wrong: a file, and what is exchanged in it
    "columns": (
        "model.py",
        '    "sepal length": 5.0,\n    "sepal width": 3.6,\n    "petal length": 1.4,\n',
        '    "petal length": 1.4,\n    "sepal width": 3.6,\n    "sepal length": 5.0,\n',
    ),
    "labels": ("model/labels.txt", "setosa\nversicolor", "versicolor\nsetosa"),
    "order of classes": (
        "runtime.py",
        "return self._estimator.predict_proba(batch)",
        "return self._estimator.predict_proba(batch)[:, ::-1]",
    ),
}


@pytest.mark.slow
def test_own_tests_of_a_right_project_pass(bake, iris):
    project = bake(model_path=str(iris(IRIS)), platform="local")
    run = own_tests(project, MODEL_TESTS)
    assert run.returncode == 0, run.stdout
    command = [install(project) / "python", "-m", "ml_ui", "check"]
    run = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert run.returncode == 0 and "Right: 3 of 3." in run.stdout, run.stdout + run.stderr


@pytest.mark.slow
@pytest.mark.sample("columns")
@pytest.mark.parametrize("case", WRONG)
def test_own_tests_of_a_wrong_project_fail(bake, iris, tmp_path, case):
    path, old, new = WRONG[case]
    right = bake(model_path=str(iris(IRIS)), platform="local")
    project = shutil.copytree(right, tmp_path / "project")
    text = (project / path).read_text("utf-8")
    assert old in text
    (project / path).write_text(text.replace(old, new), "utf-8")
    run = own_tests(project, MODEL_TESTS)
    assert run.returncode == 1 and "FAILED tests/test_model.py::test_example" in run.stdout
