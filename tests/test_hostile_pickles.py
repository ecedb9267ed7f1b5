"""Hostile opcodes inside real fitted models: each is refused, by name, and none is executed."""

import pickletools
import struct
import subprocess

import pytest
from crafted import call, refusal, text, torch_file
from running import clean_environment, install
from test_scikit_learn import HOSTILE

from local_extensions.model_files import inspect
from local_extensions.model_files.pickles import follow

pytestmark = pytest.mark.slow
MAKE = """
import joblib, pickle, sklearn.ensemble as ensemble
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

rng = np.random.default_rng(0)
X, y = rng.random((40, 4)), np.array(["no", "yes"] * 20)
both = make_column_transformer((StandardScaler(), [0, 1, 2]), (OneHotEncoder(), [3]))
texts = ["a good book", "a bad film"] * 20
models = {
    "forest": ensemble.RandomForestClassifier(3, random_state=0).fit(X, y),
    "columns": make_pipeline(both, LogisticRegression()).fit(np.round(X), y),
    "texts": make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, y),
    "search": GridSearchCV(LogisticRegression(), {"C": [1, 10]}, cv=2).fit(X, y),
    "boosting": ensemble.HistGradientBoostingClassifier(max_iter=3).fit(X, y),
}
for name, model in models.items():
    with open(f"{name}.pkl", "wb") as file:
        pickle.dump(model, file, protocol=2)
    joblib.dump(model, f"{name}.joblib", protocol=2)
"""
LOAD = "import joblib, sys; joblib.load(sys.argv[1])"
WRAPPER = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n"
BYTES = call("numpy.dtype", text("u1"), b"\x89", b"\x88")


@pytest.fixture(scope="module")
def project(bake):
    return bake(task="tabular", framework="scikit-learn", platform="local")


@pytest.fixture(scope="module")
def models(project, tmp_path_factory):
    """Return the folder of five fitted models, each by pickle and by joblib."""
    folder = tmp_path_factory.mktemp("models")
    subprocess.run([install(project) / "python", "-c", MAKE], cwd=folder, check=True)
    for path in folder.iterdir():
        inspect(path)
    return folder


def spliced(model: bytes, evil: bytes) -> dict[str, bytes]:
    """Return a model with opcodes that leave one value: before it, behind it, and in its state."""
    at = model.index(b"X\x10\x00\x00\x00_sklearn_version")
    return {
        "before": model[:2] + evil + b"0" + model[2:],
        "behind": model[:-1] + evil + b"0.",
        "inside": model[:at] + text("memory_") + evil + model[at:],
    }


def is_executed(path, project, canary) -> bool:
    """Return whether joblib.load of a file in its project's environment makes the canary."""
    command = [install(project) / "python", "-c", LOAD, path]
    subprocess.run(command, env=clean_environment(install(project)), check=False)
    return canary.exists()


@pytest.mark.sample(".pkl-columns", ".joblib-forest")
@pytest.mark.parametrize("name", ["forest", "columns", "texts", "search", "boosting"])
@pytest.mark.parametrize("end", [".pkl", ".joblib"])
def test_hostile_call_in_a_real_model_is_refused(name, end, models, project, tmp_path):
    """Sixty callables, at three places of each file."""
    canary = tmp_path / "canary"
    model = (models / f"{name}{end}").read_bytes()
    path = tmp_path / f"model{end}"
    for callable in HOSTILE:
        evil = call(callable, text(f"touch {canary}"))
        for place, content in spliced(model, evil).items():
            path.write_bytes(content)
            assert callable in refusal(path), (callable, place)
    assert not canary.exists()
    # The attack is real: what is refused above does run.
    for content in spliced(model, call("os.system", text(f"touch {canary}"))).values():
        path.write_bytes(content)
        assert is_executed(path, project, canary)
        canary.unlink()


def global_(module, attribute):
    """Push a name by STACK_GLOBAL, of protocol 4."""
    return text(module) + text(attribute) + b"\x93"


def pieces(canary):
    """Ways to a call that are not GLOBAL and REDUCE, with what their refusal names."""
    argument = text(f"touch {canary}")
    return {
        "stack global": (global_("os", "system") + argument + b"\x85R", "os.system"),
        "memoized name": (
            text("os") + b"q\xc8" + b"0h\xc8" + text("system") + b"\x93" + argument + b"\x85R",
            "os.system",
        ),
        "inst": (b"(" + argument + b"ios\nsystem\n", "os.system"),
        "obj": (b"(cos\nsystem\n" + argument + b"o", "os.system"),
        "newobj": (b"cos\nsystem\n" + argument + b"\x85\x81", "os.system"),
        "newobj_ex": (b"csubprocess\nPopen\n)}\x92", "subprocess.Popen"),
        "walk": (global_("sklearn.base", "os.system") + argument + b"\x85R", "os:system"),
        "walk of numpy": (global_("sklearn.base", "np.load") + argument + b"\x85R", "np:load"),
        "builtins of a function": (
            global_("sklearn.base", "clone.__globals__") + argument + b"\x85R", "__globals__",
        ),
        "subclasses": (
            global_("builtins", "object.__subclasses__") + b")R", "__subclasses__",
        ),
        "partial": (
            b"cfunctools\npartial\ncos\nsystem\n" + argument + b"\x86R)R", "calls what it has made",
        ),
        "map": (
            call("builtins.map", b"cbuiltins\nlen\n", b"(l"), "builtins.map()",
        ),
        "memory": (call("builtins.bytearray", b"M\xff\xff"), "could take all memory"),
        "memory of a range": (
            call("builtins.list", call("builtins.range", b"M\xff\xff")), "could take all memory",
        ),
        "scorer": (
            call("sklearn.metrics._scorer._passthrough_scorer", b"N", b"N"), "_passthrough_scorer",
        ),
        "metric": (
            call("sklearn.metrics.pairwise.pairwise_distances", b"(l"), "pairwise_distances",
        ),
        "reduce state": (
            b"ccollections\nOrderedDict\n)\x81}" + text("__reduce__") + b"cos\nsystem\nsb",
            "os.system",
        ),
        "extension": (b"\x82\x07", "EXT1"),
        "buffer": (b"\x97", "NEXT_BUFFER"),
        "persistent id": (b"P0\n", "objects outside"),
        "objects over a buffer": (
            call("numpy.ndarray", b"K\x01\x85", text("O"), text("AAAAAAAA")), "numpy.ndarray",
        ),
        "index of a buffer": (
            b"cpandas.core.indexes.base\n_new_Index\ncnumpy\nndarray\n}\x86R", "numpy.ndarray",
        ),
        "objects by a flag": (dtype("V8", flags=63), "dtype V8 with objects"),
        "field of objects": (
            dtype("V8", fields=b"}" + text("a") + dtype("O8", flags=63) + b"K\0\x86s"),
            "dtype V8 with objects",
        ),
        "size of an item": (dtype("V8", size=800), "800 bytes"),
        "comma in a dtype": (call("numpy.dtype", text("O,O")), "numpy.dtype"),
        "other file": (
            b"cjoblib.numpy_pickle\nNDArrayWrapper\n)\x81}" + text("filename") + argument + b"sb",
            "NDArrayWrapper",
        ),
        "wrapper by partial": (b"cfunctools\npartial\n" + WRAPPER + b"\x85R", "NumpyArrayWrapper"),
        "wrapper by inst": (
            b"(" + argument + b"ijoblib.numpy_pickle\nNumpyArrayWrapper\n", "NumpyArrayWrapper",
        ),
        "wrapper by obj": (b"(" + WRAPPER + b"o", "NumpyArrayWrapper"),
        "wrapper twice": (array(b"q\xc8") + b"0h\xc8}b", "sets the state"),
        "padding of 0": (
            array(extra=text("numpy_array_alignment_bytes") + b"K\0"), "odd alignment",
        ),
        "many axes": (array(shape=b"K\x05]\x86"), "shape"),
    }  # fmt: skip


def dtype(kind, flags=0, size=8, fields=b"N"):
    """Push a NumPy dtype with its state."""
    names = b"N" if fields == b"N" else text("a") + b"\x85"
    numbers = b"".join(b"J" + struct.pack("<i", n) for n in (size if kind[0] == "V" else -1, 1))
    if kind[0] != "V":
        numbers = b"J\xff\xff\xff\xff" * 2
    state = b"(K\x03" + text("|") + b"N" + names + fields + numbers + b"K" + bytes([flags]) + b"t"
    return call("numpy.dtype", text(kind), b"\x89", b"\x88") + state + b"b"


def array(memo=b"", shape=b"K\x08\x85", extra=b""):
    """Push an array of bytes as joblib writes it."""
    state = {
        "subclass": b"cnumpy\nndarray\n", "shape": shape, "order": text("C"),
        "dtype": BYTES, "allow_mmap": b"\x89",
    }  # fmt: skip
    items = b"".join(text(key) + value for key, value in state.items())
    return WRAPPER + b")\x81" + memo + b"}(" + items + extra + b"ub" + b"01234567"


@pytest.mark.parametrize("place", ["before", "behind", "inside"])
def test_hidden_call_in_a_real_model_is_refused(place, models, tmp_path):
    canary = tmp_path / "canary"
    model = (models / "search.joblib").read_bytes()
    path = tmp_path / "model.joblib"
    for name, (evil, said) in pieces(canary).items():
        path.write_bytes(b"\x80\x04" + spliced(model, evil)[place][2:])
        assert said in refusal(path), name
    assert not canary.exists()


def test_array_is_read_as_joblib_reads_it(models, project, tmp_path):
    """Files in which joblib runs what lies in an array's bytes: the reader skips them."""
    canary = tmp_path / "canary"
    plain = (models / "search.pkl").read_bytes()[2:]
    evil = call("os.system", text(f"touch {canary}")) + b"0"
    hidden = b"0" + plain

    def wrapped(size, memo=b"", kind=BYTES):
        state = {
            "subclass": b"cnumpy\nndarray\n", "shape": b"J" + struct.pack("<i", size) + b"\x85",
            "order": text("C"), "dtype": kind, "allow_mmap": b"\x89",
        }  # fmt: skip
        items = b"".join(text(key) + value for key, value in state.items())
        return WRAPPER + b")\x81" + memo + b"}(" + items + b"ub"

    twice = wrapped(len(hidden), b"r\xff\xff\0\0") + b"A" * len(hidden) + b"0j\xff\xff\0\0}b"
    inner = b"\x80\x02" + evil + b"N."
    inner += bytes(-len(inner) % 8)
    framed = wrapped(len(b"0" + evil + plain)) + b"0" + evil + plain
    files = {
        "twice": b"\x80\x02" + twice + hidden + b"0" + evil + plain,
        "flags": b"\x80\x02" + wrapped(len(inner) // 8, kind=dtype("V8", flags=63)) + inner + hidden,
        "frame": b"\x80\x04\x95" + struct.pack("<Q", len(framed)) + framed + hidden
        + b"A" * len(evil),
    }  # fmt: skip
    for name, content in files.items():
        path = tmp_path / "model.joblib"
        path.write_bytes(content)
        assert "which no library writes of a model" in refusal(path) or "behind" in refusal(path), (
            name
        )
        assert not canary.exists()
        assert is_executed(path, project, canary), name
        canary.unlink()


def test_several_objects_in_a_file_are_refused(models, tmp_path):
    """pickle.load gives the first, so a scaler behind the model would be left out."""
    content = (models / "search.pkl").read_bytes()
    (tmp_path / "model.pkl").write_bytes(content * 2)
    assert "more behind its first object" in refusal(tmp_path / "model.pkl")


def test_torch_pickle_with_a_call_is_refused(tmp_path):
    canary = tmp_path / "canary"
    path = tmp_path / "weights.pt"
    for callable in HOSTILE:
        path.write_bytes(torch_file(call(callable, text(f"touch {canary}"))))
        assert callable in refusal(path)
    assert not canary.exists()


def test_reader_sees_what_python_sees(models):
    """The names of a file are those of pickletools, in every file."""
    for path in models.glob("*.pkl"):
        content = path.read_bytes()
        names = {arg.replace(" ", ".") for op, arg, _ in pickletools.genops(content)
                 if op.name == "GLOBAL"}  # fmt: skip
        _, imported, _ = follow(content)
        assert {each for each in imported if each[-2:] != "()"} == names
