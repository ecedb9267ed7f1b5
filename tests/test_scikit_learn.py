"""scikit-learn files: versions, columns, answers, containers, and the names that they may call."""

import gzip
import json
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from asking import record
from conftest import ROOT, ruff
from crafted import (
    TEXTS,
    array,
    call,
    group,
    items,
    made,
    name,
    number,
    pickled,
    pipeline,
    plain_pipeline,
    skops,
    skops_model,
    text,
)  # fmt: skip
from running import clean_environment, install, install_packages
from test_model_files import LINEAR, refusal, write

from local_extensions import kinds
from local_extensions.model_files import inspect
from local_extensions.model_files.scikit_learn import ALLOWED

FITTED = {"coef_": b"N", "n_features_in_": number(2)}

# Callables of the standard library and of the packages that a project installs, with what
# they could do with one text: run code, a command or a file, or reach what does.
HOSTILE = [
    "os.system", "posix.system", "nt.system", "os.popen", "os.execv", "os.remove", "pty.spawn",
    "subprocess.Popen", "subprocess.check_output", "commands.getoutput", "sys.exit",
    "builtins.eval", "builtins.exec", "builtins.compile", "builtins.open", "builtins.getattr",
    "builtins.__import__", "__builtin__.eval", "__builtin__.execfile", "builtins.print",
    "importlib.import_module", "runpy.run_path", "runpy._run_code", "pydoc.pipepager", "pdb.run",
    "profile.run", "cProfile.run", "timeit.timeit", "trace.run", "code.InteractiveInterpreter",
    "bdb.Bdb", "doctest.debug_script", "ctypes.CDLL", "shutil.rmtree", "webbrowser.open",
    "urllib.request.urlopen", "socket.create_connection", "ftplib.FTP", "logging.config.listen",
    "operator.attrgetter", "operator.methodcaller", "types.FunctionType", "marshal.loads",
    "pickle.loads", "_pickle.loads", "pip.main", "multiprocessing.util.spawnv_passfds",
    "asyncio.create_subprocess_shell", "concurrent.futures.process.ProcessPoolExecutor",
    "numpy.load", "numpy.fromfile", "numpy.test", "numpy.random.test", "numpy.f2py.compile",
    "numpy.testing._private.utils.runstring", "numpy.ctypeslib.load_library",
    "numpy.core._ufunc_reconstruct", "numpy._core._ufunc_reconstruct", "numpy.vectorize",
    "scipy.io.loadmat", "scipy.stats._distn_infrastructure.rv_frozen", "pandas.eval",
    "pandas.read_pickle", "pandas.io.pytables.HDFStore", "pandas.core.computation.eval.eval",
    "joblib.load", "joblib.numpy_pickle.load", "joblib.memory.Memory", "joblib.parallel.Parallel",
    "joblib.externals.cloudpickle.cloudpickle.subimport", "cloudpickle.cloudpickle._builtin_type",
    "sklearn.datasets.load_files", "sklearn.datasets._base.fetch_file", "sklearn.show_versions",
    "sklearn.utils._testing.assert_run_python_script_without_output",
    "sklearn.externals.joblib.load",
    "sklearn.callback._transport.Client",
    "sklearn.utils.parallel.Parallel", "sklearn.svm._base.warnings",
]  # fmt: skip


@pytest.mark.parametrize("callable", HOSTILE)
@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_hostile_call_is_refused(callable, packed, tmp_path):
    """A call before a real estimator, whose result is dropped; none is made."""
    canary = tmp_path / "canary"
    body = call(callable, text(f"touch {canary}")) + b"0" + plain_pipeline()[2:-1]
    path = write(tmp_path, "model.joblib", packed(pickled(body)))
    assert f"names {callable}, which can run code" in refusal(path) or callable.startswith(
        ("commands.", "pip.", "nt.")  # not in every Python
    )
    assert callable in refusal(path)
    assert not canary.exists()


@pytest.mark.parametrize("attribute", ["warnings.sys.modules", "os.system"])
def test_attribute_of_a_module_is_refused(attribute, tmp_path):
    """The newer protocols reach what a module imports by a dotted name."""
    body = text("sklearn.svm._base") + text(attribute) + b"\x93" + text("x") + b"\x85R0"
    content = pickled(body + plain_pipeline()[2:-1])
    assert attribute.replace(".", ":") in refusal(write(tmp_path, "model.pkl", content))


@pytest.mark.parametrize(
    ("saved", "reason"),
    [
        ("0.24.2", "no Python here runs a version before 1.2: train it again"),
        ("1.1.3", "or export it to ONNX, with skl2onnx, where 1.1.3 is installed"),
        ("2.0.1", "saved by scikit-learn 2.0.1, and the newest version here is 1.9"),
    ],
)
def test_version_without_a_lock_is_refused(saved, reason, ask, tmp_path):
    model = made(LINEAR, **FITTED, _sklearn_version=text(saved))
    path = write(tmp_path, "model.pkl", pickled(model))
    run = ask(f"model_path={path}")
    assert run.exit_code == 1
    assert reason in run.output


@pytest.mark.parametrize(
    ("saved", "lock", "pin"),
    [
        ("1.3.0", "scikit-learn-1.3-cpu", "scikit-learn==1.3.2 "),
        ("1.7.dev0", "scikit-learn-1.7-cpu", "scikit-learn==1.7.2 "),
        ("1.9.0", "scikit-learn-cpu", "scikit-learn==1.9."),
    ],
)
def test_project_has_the_version_that_saved_the_model(saved, lock, pin, bake, tmp_path):
    model = made(LINEAR, **FITTED, _sklearn_version=text(saved))
    path = write(tmp_path, "model.pkl", pickled(model))
    assert inspect(path).version == saved
    project = bake(model_path=str(path), platform="local")
    assert pin in (project / "requirements.txt").read_text("utf-8")
    record = json.loads((project / ".ml-ui.json").read_text("utf-8"))
    assert record["lock"] == lock
    version = record["sizes"]["packages"]["scikit-learn"]["version"]
    assert f"scikit-learn=={version} " in (project / "requirements.txt").read_text("utf-8")


def test_python_that_does_not_run_the_version_is_refused(ask, tmp_path):
    for saved, python, answer in [("1.3.2", "3.13", "3.12 or 3.11"), ("1.2.2", "3.12", "3.11")]:
        model = made(LINEAR, **FITTED, _sklearn_version=text(saved))
        path = write(tmp_path, f"of-{python}.pkl", pickled(model))
        run = ask(f"model_path={path}", f"python_version={python}", "platform=docker")
        assert f"which has no packages for {python}. Answer {answer}." in run.output
    run = ask(f"model_path={path}", "hardware=zero-a10g")
    assert "needs scikit-learn 1.2, and zero-a10g no Python for it" in run.output
    run = ask(f"model_path={path}", "project_slug=made")
    assert run.exit_code == 0, "the defaults suit any model"
    answers = record(Path("made"))["answers"]
    assert (answers["python_version"], answers["hardware"]) == ("3.11", "cpu-basic")


HIDDEN = {  # before a model, or in it: what pickle does and a reader may overlook
    "attributes of a module": name("numpy.abs") + items(__path__=text("model")) + b"b0",
    "attributes of a class": name(LINEAR) + items(predict=name("builtins.len")) + b"b0",
    "map": call("copyreg.__newobj__", name("builtins.map"), name("builtins.len"), TEXTS) + b"0",
    "dtype": call("copyreg.__newobj__", name("numpy.dtype"), number(8)) + b"0",
    "module": name("sklearn.metrics.pairwise.np") + b"0",
}


@pytest.mark.parametrize("hidden", HIDDEN)
def test_hidden_calls_are_refused(hidden, tmp_path):
    said = refusal(write(tmp_path, "m.pkl", pickled(HIDDEN[hidden] + MODEL)))
    assert "do not load it" in said


def test_second_state_is_refused(tmp_path):
    """scikit-learn merges states, and pickle calls __setstate__ for each."""
    said = refusal(write(tmp_path, "m.pkl", pickled(MODEL + items(coef_=number(1)) + b"b")))
    assert "do not load it" in said


@pytest.mark.parametrize("part", ["key_types", "__reduce__", "attrs"])
def test_name_in_any_part_of_skops_is_refused(part, tmp_path):
    call = {"__loader__": "LossNode", "__class__": "check_output",
            "__module__": "sklearn.utils._testing"}  # fmt: skip
    root = skops_model() | {part: {"args": [call]}}
    said = refusal(write(tmp_path, "m.skops", skops(root)))
    assert "sklearn.utils._testing.check_output" in said


def test_fitted_range_tells_a_default(tmp_path):
    """The middle of the range that a MinMaxScaler has seen."""
    low, high = (b"](" + number(a) + number(b) + b"e" for a, b in ((1, 20), (4, 30)))
    scaler = made(
        "sklearn.preprocessing._data.MinMaxScaler", data_min_=low, data_max_=high, **FITTED
    )
    steps = b"](" + group(text("s"), scaler) + group(text("m"), made(LINEAR, **FITTED)) + b"e"
    pipeline = made("sklearn.pipeline.Pipeline", steps=steps, memory=b"N")
    found = inspect(write(tmp_path, "m.pkl", pickled(pipeline)))
    assert found.values == (2.5, 25.0)


def test_default_is_finite(tmp_path):
    """The largest of numbers, rounded to four digits, is infinite."""
    content = b"](G" + struct.pack(">d", sys.float_info.max) + number(2) + b"e"
    imputer = made("sklearn.impute._base.SimpleImputer", statistics_=content, **FITTED)
    steps = b"](" + group(text("s"), imputer) + group(text("m"), made(LINEAR, **FITTED)) + b"e"
    pipeline = made("sklearn.pipeline.Pipeline", steps=steps, memory=b"N")
    assert inspect(write(tmp_path, "m.pkl", pickled(pipeline))).values == (0.0, 2.0)


def test_name_of_a_class_is_one_line(bake, tmp_path):
    """Whatever is the end of a line to the app, which counts them."""
    columns = array("O8", b"](" + text("width") + text("height") + b"e", 2)
    classes = array("O8", b"](" + text("big\u2028cat\n") + text(" ") + b"e", 2)
    model = write(tmp_path, "m.pkl", pipeline(columns, classes))
    project = bake(model_path=str(model), platform="local")
    labels = (project / "model" / "labels.txt").read_text("utf-8")
    assert labels.rstrip().splitlines() == ["big cat", "class 1"]


TRANSFORMER = made("sklearn.preprocessing._data.StandardScaler", **FITTED)
MODEL = made(LINEAR, **FITTED)
ENCODER = "sklearn.preprocessing._label.LabelEncoder"
REFUSED = {
    "dict": (items(model=MODEL, scaler=TRANSFORMER, accuracy=number(9)),
             ("model (LogisticRegression), scaler (StandardScaler), accuracy (int), not one model: "
             'save one that does it all, found = joblib.load("model.pkl"); joblib.dump('
             "make_pipeline(found['scaler'], found['model']), \"model.joblib\")")),
    "encoder of the answers": (
        items(scaler=TRANSFORMER, le=made(ENCODER, **FITTED), model=MODEL),
        "\"model.joblib\"); print(*found['le'].classes_, sep='\\n', file=open('labels.txt', 'w'))",
    ),
    "encoder as a step": (
        made("sklearn.pipeline.Pipeline", steps=b"](" + group(text("e"), made(ENCODER, **FITTED))
             + group(text("m"), MODEL) + b"e"), "has LabelEncoder as a step"),
    "dict with one": (items(model=MODEL), "joblib.dump(found['model'], \"model.joblib\")"),
    "tuple": (group(TRANSFORMER, MODEL), "make_pipeline(found[0], found[1])"),
    "transformer": (TRANSFORMER, "ends in a StandardScaler, which transforms"),
    "own class": (made("__main__.Mine", **FITTED), "uses __main__.Mine, from the script"),
    "package": (made("imblearn.pipeline.Pipeline", **FITTED), "needs imblearn"),
    "xgboost": (
        made("xgboost.sklearn.XGBRegressor", **FITTED),
        "model.pkl'); m.get_booster().save_model('model.ubj')\", and give model.ubj.",
    ),
    "lightgbm": (
        made("lightgbm.sklearn.LGBMClassifier", **FITTED),
        "m.booster_.save_model('model.txt'); print(*m.classes_, sep='\\n', file=open('labels.txt'",
    ),
    "booster": (made("lightgbm.basic.Booster", **FITTED), "; m.save_model('model.txt')\", and"),
    "catboost": (made("catboost.core.CatBoost", **FITTED), "; m.save_model('model.cbm')\", and"),
    "DBSCAN": (made("sklearn.cluster._dbscan.DBSCAN", labels_=b"N"), "no answer for new rows"),
    "LOF": (made("sklearn.neighbors._lof.LocalOutlierFactor", offset_=b"N", novelty=b"\x89"),
            "fit novelty=True"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_predicts_nothing_is_refused(case, tmp_path):
    body, reason = REFUSED[case]
    assert reason in refusal(write(tmp_path, "model.pkl", pickled(body)))


REGRESSION = "sklearn.linear_model._base.LinearRegression"
VECTORIZER = made("sklearn.feature_extraction.text.TfidfVectorizer", vocabulary_=items())


def of_texts(model):
    """Push a pipeline of a vectorizer and a model."""
    steps = b"](" + group(text("words"), VECTORIZER) + group(text("model"), model) + b"e"
    return made("sklearn.pipeline.Pipeline", steps=steps, memory=b"N")


UNFIT = {
    "words": (made(LINEAR, classes_=array("O8", TEXTS, 2), n_features_in_=number(3000)),
              "takes 3000 columns without names, so the vectorizer"),
    "pixels of a regression": (made(REGRESSION, coef_=b"N", n_features_in_=number(784)),
                               "takes 784 columns without names, so the vectorizer"),
    "number of a text": (of_texts(made(REGRESSION, coef_=b"N")), "gives a number for text, which"),
    "classes of a text": (
        of_texts(made("sklearn.tree._classes.DecisionTreeClassifier", tree_=b"N",
                      classes_=b"](" + array("O8", TEXTS, 2) * 2 + b"e")),
        "gives several classes at once for text, which",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNFIT)
def test_what_no_task_shows_is_no_refusal_of_the_reader(case, tmp_path):
    body, reason = UNFIT[case]
    found = inspect(write(tmp_path, "model.pkl", pickled(body)))
    assert not kinds.fitting(found)
    assert reason in kinds.unfit(found)


def test_packed_files_that_are_not_looked_into(tmp_path):
    lz4 = write(tmp_path, "model.joblib", b"\x04\x22M\x18" + bytes(60))
    assert "is compressed with lz4, so it is not looked into" in refusal(lz4)
    many = write(tmp_path, "m.joblib", gzip.compress(b"\x80\x02" + bytes(80_000_000), 1))
    assert "unpacks to more than 64 MiB, too much to look into" in refusal(many)


@pytest.mark.parametrize("file", ["model.sav", "MODEL.PKL", "model", "model.jbl", "m.joblib.gz"])
def test_any_ending_of_a_pickle(file, tmp_path):
    content = gzip.compress(plain_pipeline()) if file.endswith("gz") else plain_pipeline()
    assert inspect(write(tmp_path, file, content)).labels == ("cat", "bird")


def test_skops_file_names_nothing_hostile(tmp_path):
    path = write(tmp_path, "model.skops", skops(skops_model("os", "system")))
    assert "names os.system, which can run code" in refusal(path)


# The library itself: what is made, what it predicts, and what a project answers. ------------

MAKE = ROOT / "scripts" / "zoo" / "scikit_learn.py"
FILES = [
    "survival.joblib", "survival.skops", "ordinal.pkl", "note.joblib", "grid.joblib",
    "imputed.skops", "boosting.joblib", "hist_boosting.joblib", "linear_svc.joblib", "svc.skops",
    "tfidf_svc.pkl", "two_targets.joblib", "linnerud.pkl", "kmeans.joblib", "scaled_kmeans.pkl",
    "mixture.joblib", "isolation.joblib", "factor.joblib", "voting.joblib", "forest.sav", "forest",
]  # fmt: skip
ASK = """
import json, sys
from model import predict
for given in json.load(sys.stdin):
    print(json.dumps(predict(given) if isinstance(given, str) else predict(*given)))
"""


@pytest.fixture(scope="session")
def zoo(tmp_path_factory):
    """Return a function that makes the zoo's files with a version of scikit-learn."""

    @cache
    def make(version: str) -> Path:
        folder = tmp_path_factory.mktemp("zoo")
        packages = ["imbalanced-learn", "lightgbm", "lz4", "pandas<3", "skops"]
        programs = install_packages(f"zoo-{version}", *packages, f"scikit-learn=={version}")
        subprocess.run([programs / "python", MAKE], cwd=folder, check=True)
        return folder

    return make


@pytest.mark.sample(
    "survival.joblib-1.9.1",
    "svc.skops-1.9.1",
    "forest.sav-1.9.1",
    "kmeans.joblib-1.9.1",
    "tfidf_svc.pkl-1.9.1",
    "two_targets.joblib-1.9.1",
)
@pytest.mark.slow
@pytest.mark.parametrize("version", ["1.3.2", "1.7.2", "1.9.1"])
@pytest.mark.parametrize("file", FILES)
def test_project_answers_as_the_library(version, file, zoo, bake):
    path = zoo(version) / file
    truth = [e for e in json.loads((path.parent / "truth.json").read_text()) if e["file"] == file]
    assert truth
    project = bake(model_path=str(path), platform="local")
    python = install(project) / "python"
    run = subprocess.run(
        [python, "-W", "error::UserWarning", "-c", ASK], cwd=project,
        input=json.dumps([entry["input"] for entry in truth]), env=clean_environment(python.parent),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    for entry, line in zip(truth, run.stdout.splitlines(), strict=True):
        said = json.loads(line)
        if isinstance(said, dict):
            assert max(said, key=said.get) == entry["answer"]
            assert max(said.values()) == pytest.approx(entry["probability"])
        elif isinstance(entry["answer"], list) and isinstance(entry["answer"][0], float):
            assert [*map(float, str(said).split(", "))] == pytest.approx(entry["answer"])
        else:
            wanted = entry["answer"]
            assert said == (", ".join(wanted) if isinstance(wanted, list) else wanted)
            assert "probability" not in entry


@pytest.mark.slow
def test_fields_of_columns(zoo, bake):
    """Categories become a list to choose from, medians and means a default."""
    project = bake(model_path=str(zoo("1.9.1") / "survival.joblib"), platform="local")
    python = install(project) / "python"
    code = """
import app
from model import FEATURES
print([FEATURES["sex"], FEATURES["port"], 30 < FEATURES["age"] < 60])
print([type(field).__name__ for field in app.demo.input_components])
"""
    run = subprocess.run(
        [python, "-c", code], cwd=project, env=clean_environment(python.parent),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.splitlines() == [
        "[['female', 'male'], ['Cherbourg', 'Queenstown', 'Southampton'], True]",
        "['Number', 'Number', 'Dropdown', 'Dropdown']",
    ]
    ruff("format", "--isolated", "--no-cache", "--check", project)


# What the standard library has among the names of ALLOWED, re-exported, that does nothing.
HARMLESS = "abc builtins collections contextlib decimal enum functools inspect math numbers re "
HARMLESS += "types typing _io _thread"
REACHED = """
import importlib, pkgutil, re, sys, warnings
warnings.simplefilter("ignore")
allowed, harmless = re.compile(sys.argv[1]), sys.argv[2].split()
for package in map(importlib.import_module, ["sklearn", "numpy", "scipy", "pandas", "joblib"]):
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.", lambda name: None):
        if not allowed.fullmatch(f"{found.name}.X") and "multiarray" not in found.name:
            continue
        try:
            module = importlib.import_module(found.name)
        except Exception:
            continue
        for name, value in vars(module).items():
            owner = str(getattr(value, "__module__", "")).partition(".")[0]
            if callable(value) and allowed.fullmatch(f"{found.name}.{name}"):
                if owner in sys.stdlib_module_names and owner not in harmless:
                    print(f"{found.name}.{name}")
"""


@pytest.mark.slow
def test_allowed_names_reach_no_others(bake):
    """A module's names are what it imports, too: none of them is a process, file or socket."""
    project = bake(task="tabular", framework="scikit-learn", platform="local")
    command = [install(project) / "python", "-c", REACHED, ALLOWED.pattern, HARMLESS]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [line for line in run.stdout.split() if ALLOWED.fullmatch(line)] == []
