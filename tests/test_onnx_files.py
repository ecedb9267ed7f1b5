"""What an ONNX file tells: outputs, classes, pixel scaling, versions; made by onnx itself."""

import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from crafted import refusal
from onnx import helper, numpy_helper

from local_extensions.kinds import fitting, unfit
from local_extensions.model_files import inspect
from local_extensions.model_files.onnx import NEWEST, NEWEST_IR
from local_extensions.model_files.pixels import IMAGENET

PICTURE = "float[n, 3, 8, 8] x"


def save(folder, graph, opset=17, ir=8, ml=3, metadata=None, **constants):
    """Write a model from its text, with constants by name; return its path."""
    graph = onnx.parser.parse_graph(f"g {graph}")
    for name, value in constants.items():
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", ml)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=ir)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, folder / "m.onnx")
    return folder / "m.onnx"


def loads(path) -> bool:
    try:
        onnxruntime.InferenceSession(path)
    except Exception:  # noqa: BLE001, its errors have no common base
        return False
    return True


TREE = (
    "y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_falsenodeids = [0],"
    'nodes_featureids = [0], nodes_modes = ["LEAF"], nodes_nodeids = [0], nodes_treeids = [0],'
    "nodes_truenodeids = [0], nodes_values = [0.0], nodes_missing_value_tracks_true = [0],"
    "nodes_hitrates = [1.0], target_ids = [0], target_nodeids = [0], target_treeids = [0],"
    "target_weights = [1.5]> (x)"
)


ZIPMAP = "y = ai.onnx.ml.ZipMap <classlabels_int64s = [0, 1]> (p)"
BY_NAME = "seq(map(int64, float)) y) { m = MatMul(x, w)"


@pytest.mark.parametrize("dtype", ["float", "double"])
@pytest.mark.parametrize(
    "body",
    [
        f"{BY_NAME}  p = Softmax(m)  {ZIPMAP} }}",
        f"{BY_NAME}  s = Softmax(m)  p = Cast <to = 1> (s)  {ZIPMAP} }}",
        f"DTYPE[n, 1] y) {{ {TREE} }}",
        f"float[n, 1] y) {{ {TREE} }}",
    ],
    ids=["scores by name", "after a cast", "trees", "trees of float32"],
)
def test_float64_rows_are_refused_as_by_the_runtime(tmp_path, dtype, body):
    path = save(tmp_path, f"(DTYPE[n, 2] x) => ({body}".replace("DTYPE", dtype))
    model = onnx.load(path)
    weights = np.eye(2, dtype="float32" if dtype == "float" else "float64")
    model.graph.initializer.append(numpy_helper.from_array(weights, "w"))
    onnx.save(model, path)
    if loads(path):
        assert fitting(inspect(path)) == ["tabular"]
    else:
        assert 'X[:1].astype("float32")' in refusal(path)


def test_versions_are_those_of_the_locked_runtime(tmp_path):
    graph = "(float[n, 4] x) => (float[n, 4] y) { y = Relu(x) }"
    for given in (
        {"opset": NEWEST[""]},
        {"ir": NEWEST_IR},
        {"ml": NEWEST["ai.onnx.ml"]},
    ):
        path = save(tmp_path, graph, **given)
        assert loads(path)
        inspect(path)
        newer = {name: version + 1 for name, version in given.items()}
        path = save(tmp_path, graph, **newer)
        assert not loads(path)
        assert str(*newer.values()) in refusal(path)
    assert "convert_version" in refusal(save(tmp_path, graph, opset=5))


@pytest.mark.parametrize(
    ("nodes", "constants", "range_"),
    [
        ("a = Div(x, c)", {"c": 255}, 255),
        ("a = Mul(x, c)", {"c": 1 / 255}, 255),
        ("b = Mul(x, c)  a = Sub(b, d)", {"c": 1 / 127.5, "d": 1}, 255),
        ("b = Sub(x, c)  a = Div(b, d)", {"c": [[[0.48]], [[0.45]], [[0.4]]], "d": 0.225}, 1),
        ("b = Sub(x, c)  a = Div(b, d)", {"c": 123.7, "d": 58.4}, 255),
        ("b = Sub(c, x)  a = Div(b, d)", {"c": 255, "d": 255}, 255),
        ("b = Transpose <perm = [0, 1, 3, 2]> (x)  a = Div(b, c)", {"c": 255}, 255),
        ("a = Relu(x)", {}, None),
        ("b = Div(x, x)  a = Relu(b)", {}, None),
    ],
)
def test_first_operators_tell_the_range_of_pixels(nodes, constants, range_, tmp_path):
    graph = f"({PICTURE}) => (float[n, 3, 1, 1] y) {{ {nodes} y = GlobalAveragePool(a) }}"
    pixels = inspect(save(tmp_path, graph, **constants)).pixels
    assert (pixels and pixels.std) == {255: "1 / 255", 1: 1.0, None: None}[range_]


def test_classifiers_of_photographs_by_pytorch_are_taken_for_imagenets(tmp_path):
    graph = "(float[n, 3, {0}, {0}] x) => (float[n, {1}] y) {{ y = Identity(x) }}"
    for producer, side, output, mean in (
        ("pytorch", 224, "9", IMAGENET[0]),
        ("pytorch", 32, "9", None),
        ("pytorch", 224, "3, 224, 224", None),
        ("tf2onnx", 224, "9", None),
    ):
        model = onnx.load(save(tmp_path, graph.format(side, output)))
        model.producer_name = producer
        onnx.save(model, tmp_path / "m.onnx")
        pixels = inspect(tmp_path / "m.onnx").pixels
        assert (pixels and pixels.mean) == mean
        assert not pixels or "a guess" in pixels.source


def test_bytes_and_metadata_tell_the_scaling(tmp_path):
    graph = "(uint8[n, 3, 8, 8] x) => (float[n, 3] y) { y = Identity(x) }"
    assert inspect(save(tmp_path, graph)).pixels.std == "1 / 255"
    graph = f"({PICTURE}) => (float[n, 3] y) {{ y = Identity(x) }}"
    metadata = {"mean": "[123.675, 116.28, 103.53]", "std": "[58.395, 57.12, 57.375]"}
    pixels = inspect(save(tmp_path, graph, metadata=metadata)).pixels
    assert pixels.mean == pytest.approx((0.485, 0.456, 0.406))
    assert pixels.std == pytest.approx((0.229, 0.224, 0.225))
    metadata = {"mean": "[__import__('os')]", "std": "1"}
    assert inspect(save(tmp_path, graph, metadata=metadata)).pixels is None


@pytest.mark.parametrize(
    ("node", "scores"),
    [
        ("y = Softmax(x)", "probabilities"),
        ("a = Sigmoid(x)  y = Identity(a)", "independent"),
        ("y = LogSoftmax(x)", "class logits"),
        ("y = MatMul(x, w)", "logits"),
        ("y = Abs(x)", None),
    ],
)
def test_last_operator_tells_what_the_scores_are(node, scores, tmp_path):
    graph = f"(float[n, 3] x) => (float[n, 3] y) {{ {node} }}"
    found = inspect(save(tmp_path, graph, w=np.eye(3)))
    assert (found.scores, found.n_outputs) == (scores, 3)


ZIPMAP = (
    "p = Softmax(x)  label = ArgMax <axis = 1, keepdims = 0> (p) y = ai.onnx.ml.ZipMap <{}> (p)"
)


@pytest.mark.parametrize(
    ("names", "kind", "labels"),
    [
        ('classlabels_strings = ["b", "a", "c"]', "string", ("a", "b", "c")),
        ("classlabels_int64s = [5, -3, 7]", "int64", ("-3", "5", "7")),
    ],
)
def test_scores_by_name_come_in_the_order_of_the_labels(names, kind, labels, tmp_path):
    """ONNX Runtime's map is sorted, as runtime.py reads it."""
    graph = (
        f"(float[n, 3] x) => (int64[n] label, seq(map({kind}, float[])) y)"
        f" {{ {ZIPMAP.format(names)} }}"
    )
    path = save(tmp_path, graph)
    found = inspect(path)
    assert (found.outputs[0].name, found.labels, found.n_outputs) == ("y", labels, 3)
    (scores,) = onnxruntime.InferenceSession(path).run(["y"], {"x": np.eye(3, dtype="f")[:1]})
    assert tuple(map(str, sorted(scores[0]))) == labels
    assert max(scores[0], key=scores[0].get) == {"string": "b", "int64": 5}[kind]
    model = onnx.load(path)
    model.graph.output[1].ClearField("type")  # as skl2onnx 1.17 leaves it
    onnx.save(model, path)
    onnxruntime.InferenceSession(path)
    assert inspect(path).outputs[0].name == "y"


def test_classes_of_paddlex_are_in_the_metadata(tmp_path):
    """One a line, if there are as many as scores: of a reader of texts they are letters."""
    graph = f"({PICTURE}) => (float[n, 3] y) {{ y = Identity(x) }}"
    for names, labels in {"0\n90\n180": ("0", "90", "180"), "a\nb": ()}.items():
        assert inspect(save(tmp_path, graph, metadata={"character": names})).labels == labels


def test_many_columns_without_names_are_refused(tmp_path):
    graph = "(float[n, 300] x) => (float[n, 3] y) { y = Identity(x) }"
    found = inspect(save(tmp_path, graph))
    assert fitting(found) == []
    assert "takes 300 columns without names" in unfit(found)


def test_one_input_a_column_is_a_form(tmp_path):
    graph = (
        "(string[n, 1] city, float[n, 1] area) => (float[n, 2] y) {"
        ' c = ai.onnx.ml.OneHotEncoder <cats_strings = ["Bonn"]> (city)'
        " y = Concat <axis = 1> (c, area) }"
    )
    found = inspect(save(tmp_path, graph))
    assert (found.features, [*found.values]) == (("city", "area"), [("Bonn",), 0.0])
    assert fitting(found) == ["tabular"]


ONE_HOT = 'a = ai.onnx.ml.OneHotEncoder <cats_strings = ["x", "y"], zeros = 1> (city)'
ENCODERS = {  # as skl2onnx writes them; the value of the column is a list, or a text
    "one-hot": (ONE_HOT, ("x", "y")),
    "ordinal": (
        'a = ai.onnx.ml.LabelEncoder <keys_strings = ["y", "x"], values_floats = [1.0, 2.0]>(city)',
        ("y", "x"),
    ),
    "mapper": (
        'a = ai.onnx.ml.CategoryMapper <cats_strings = ["y", "x"], cats_int64s = [7, 8]> (city)',
        ("y", "x"),
    ),
    "numbers": ("a = ai.onnx.ml.OneHotEncoder <cats_int64s = [1010, 2020]> (city)", (1010, 2020)),
    "not alone": (f"{ONE_HOT}  b = StringNormalizer (city)", "x"),
    "of two kinds": (
        f'{ONE_HOT}  b = ai.onnx.ml.OneHotEncoder <cats_strings = ["x", "z"]>(city)',
        "x",
    ),
    "behind others": (ONE_HOT.replace("(city)", "(b)") + "  b = Identity(city)", "x"),
    "too many": (ONE_HOT.replace('"y"', ", ".join(f'"{n}"' for n in range(1000))), "x"),
}


@pytest.mark.parametrize("case", ENCODERS)
def test_values_that_encoders_know_are_a_list(case, tmp_path):
    nodes, value = ENCODERS[case]
    kind = "int64" if case == "numbers" else "string"
    graph = (
        f"({kind}[n, 1] city, float[n, 1] area) => (float[n, 3] y) {{ {nodes}"
        " y = Concat <axis = 1> (a, area) }"
    )
    assert inspect(save(tmp_path, graph)).values == (value, 0.0)


def test_large_forest(tmp_path):
    """Its nodes are lists of numbers and texts in attributes, a field each."""
    graph = "(float[n, 4] x) => (float[n, 3] y) { y = ai.onnx.ml.TreeEnsembleRegressor(x) }"
    model = onnx.load(save(tmp_path, graph))
    count = 200_000
    for name, value in {
        "nodes_modes": ["BRANCH_LEQ", "LEAF"] * (count // 2),
        "nodes_treeids": [*range(count)],
        "nodes_values": [0.5] * count,
    }.items():
        model.graph.node[0].attribute.append(helper.make_attribute(name, value))
    onnx.save(model, tmp_path / "m.onnx")
    assert fitting(inspect(tmp_path / "m.onnx")) == ["tabular"]


def test_fixed_batch_is_filled_or_refused(tmp_path):
    graph = "(float[8, 3, 9, 9] x) => (float[{}, 5] y) {{ y = Identity(x) }}"
    assert inspect(save(tmp_path, graph.format(8))).input_shape == (None, 3, 9, 9)
    assert "batch of 8 and gives 2" in refusal(save(tmp_path, graph.format(2)))


REFUSED = {
    f"({PICTURE}) => (float[1, 100, 4] boxes) {{ boxes = Identity(x) }}": "detector",
    f"({PICTURE}) => (float[1, 512] image_embeds) {{ image_embeds = Identity(x) }}": "embedding",
    "(int64[n, s] input_ids) => (float[n, 2] y) { y = Identity(input_ids) }": "tokenizer",
    "(int64[n, s] ids) => (float[n, 2] y) { y = Identity(ids) }": "tokenizer",
    "(float[n, 9000] waveform) => (float[n, 2] y) { y = Identity(waveform) }": "sound",
    "(int8[n, 3, 8, 8] x) => (float[n, 2] y) { y = Identity(x) }": "int8",
    "(float[n, m] x) => (float[n, 2] y) { y = Identity(x) }": "how many columns",
    "(float[n, 4] x) => (float[n, 2] y) { y = my.own.Magic(x) }": "my.own",
}


@pytest.mark.parametrize("graph", REFUSED)
def test_what_no_page_shows_is_refused(graph, tmp_path):
    assert REFUSED[graph] in refusal(save(tmp_path, graph))


def test_detector_and_series_are_named(ask, tmp_path):
    graph = f"({PICTURE}) => (float[1, 84, 8400] y) {{ y = Identity(x) }}"
    metadata = {"task": "detect", "names": "{0: 'cat'}"}
    assert "task=detect" in refusal(save(tmp_path, graph, metadata=metadata))
    found = inspect(save(tmp_path, graph))
    assert not fitting(found)
    assert "1x84x8400" in unfit(found)
    found = inspect(save(tmp_path, "(float[n, 30, 5] x) => (float[n, 2] y) { y = Identity(x) }"))
    assert not fitting(found)
    assert "nx30x5" in unfit(found)
    assert "model_path: m.onnx takes float32 of nx30x5" in ask(f"model_path={found.path}").output


def test_metadata_that_is_too_long_to_read(tmp_path):
    graph = f"({PICTURE}) => (float[n] y) {{ y = LogSoftmax(x) }}"
    assert fitting(inspect(save(tmp_path, graph)))
    names = str([0] * 100_000)
    assert "metadata of more than" in refusal(save(tmp_path, graph, metadata={"names": names}))


UNFIT = {  # of inputs, outputs and operators
    "an autoencoder": "(float[n, 784] x) => (float[n, 784] y) { y = Sigmoid(x) }",
    "a segmenter": f"({PICTURE}) => (float[n, 3, 8, 8] y) {{ y = Softmax <axis = 1> (x) }}",
    "gives nx3x8x8": "(float[n, 100] x) => (float[n, 3, 8, 8] y) { y = Tanh(x) }",
    "gives a number for pictures": (
        f"({PICTURE}) => (float[n, 1] y) {{ y = ai.onnx.ml.LinearRegressor (x) }}"
    ),
}


@pytest.mark.parametrize("said", UNFIT)
def test_what_comes_out_tells_what_a_network_is_not(said, tmp_path):
    found = inspect(save(tmp_path, UNFIT[said]))
    assert not fitting(found)
    assert said in unfit(found) and "predict() of model.py" in unfit(found)


def test_output_may_be_the_class_itself(bake, ask, tmp_path):
    """Its number: only labels.txt names it, and the page shows no probability."""
    graph = f"({PICTURE}) => (int64[n] y) {{ p = GlobalAveragePool(x)  f = Flatten(p)  y = ArgMax"
    path = save(tmp_path, f"{graph} <axis = 1, keepdims = 0>(f) }}")
    assert inspect(path).scores == "class"
    assert "does not name the classes" in ask(f"model_path={path}").output
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\n")
    project = bake(model_path=str(path), platform="local")
    assert "def predict(image: np.ndarray) -> str:" in (project / "model.py").read_text("utf-8")
    assert '    "2",\n]' in (project / "runtime.py").read_text("utf-8")


def test_one_sigmoid_of_columns_may_be_two_classes(bake, capfd, tmp_path):
    graph = "(float[n, 2] x) => (float[n, 1] y) { s = ReduceMean <axes = [1]>(x)  y = Sigmoid(s) }"
    path = save(tmp_path, graph)
    bake(model_path=str(path), platform="local")
    said = " ".join(capfd.readouterr().out.split())
    assert "write their names into model/labels.txt" in said


def test_sums_of_a_forest_are_probabilities(bake, tmp_path):
    """Of float32: a little less than 0, and a little more than 1."""
    graph = "(float[n, 2] x) => (float[n, 2] y) { y = Identity(x) }"
    project = bake(model_path=str(save(tmp_path, graph)), platform="local")
    code = (
        "from model import predict; print(predict(-3.6e-7, 1.0000004)); print(predict(-0.2, 1.2))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project, capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, second = run.stdout.splitlines()
    assert first == "{'class 0': 0.0, 'class 1': 1.0}"
    assert second.startswith("-0.2")  # numbers
