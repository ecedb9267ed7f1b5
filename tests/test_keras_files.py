"""What a Keras file tells: pixel scaling, scores, outputs and columns, as Keras 3.15 writes it."""

import json

import crafted
import pytest
from crafted import archive

from local_extensions.kinds import fitting, unfit
from local_extensions.model_files import Unusable, inspect


def layer(kind, *before, inside=None, **config):
    """A layer of Keras 3, after others of which the names are given."""
    config = {"name": config.pop("name", kind.lower()), **config}
    if inside:
        config["layers"] = inside
    nodes = [
        {
            "args": [
                {"class_name": "__keras_tensor__", "config": {"keras_history": [each, 0, 0]}}
                if isinstance(each, str)
                else each
                for each in before
            ],
            "kwargs": {},
        }
    ]
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": config,
        "registered_name": None,
        "name": config["name"],
        "inbound_nodes": nodes if before else [],
    }


def given(shape=(None, 8, 8, 3), name="inputlayer", dtype="float32"):
    return layer("InputLayer", batch_shape=list(shape), dtype=dtype, name=name)


def sequential(*layers, name="sequential"):
    return layer("Sequential", inside=list(layers), name=name)


def found(tmp_path, model):
    path = tmp_path / "m.keras"
    path.write_bytes(archive(config_DOT_json=model, metadata_DOT_json={"keras_version": "3.15.1"}))
    return inspect(path)


def refusal(tmp_path, model):
    with pytest.raises(Unusable) as caught:
        found(tmp_path, model)
    return str(caught.value)


CONV, END = layer("Conv2D", filters=4), layer("Dense", units=3, activation="softmax")
RESCALE = layer("Rescaling", scale=1 / 255, offset=0.0)
NORMALIZE = layer("Normalization", mean=[0.48, 0.45, 0.4], variance=[0.05, 0.05, 0.05])


@pytest.mark.parametrize(
    ("layers", "range_"),
    [
        ([RESCALE], 255),
        ([layer("Rescaling", scale=1 / 127.5, offset=-1)], 255),
        ([layer("Rescaling", scale=2, offset=-1)], 1),
        ([sequential(layer("RandomFlip"), layer("RandomZoom")), RESCALE], 255),
        ([sequential(given(), RESCALE, CONV)], 255),
        ([RESCALE, NORMALIZE], 255),
        ([NORMALIZE], 1),
        ([layer("Normalization", mean=None, variance=None)], None),
        ([CONV, RESCALE], None),
        ([], None),
    ],
)
def test_first_layers_tell_the_range_of_pixels(layers, range_, tmp_path):
    pixels = found(tmp_path, sequential(given(), *layers, CONV, END)).pixels
    assert (pixels and pixels.std) == {255: "1 / 255", 1: 1.0, None: None}[range_]


def test_arithmetic_tells_it_as_well(tmp_path):
    graph = [
        given(),
        layer("TrueDivide", "inputlayer", 127.5),
        layer("Subtract", "truedivide", 1),
        layer("Conv2D", "subtract", filters=4),
        layer("Dense", "conv2d", units=3, activation="softmax"),
    ]
    model = layer("Functional", inside=graph)
    model["config"]["output_layers"] = ["dense", 0, 0]
    read = found(tmp_path, model)
    assert read.pixels.std == "1 / 255"
    assert (read.scores, read.n_outputs) == ("probabilities", 3)
    graph.insert(1, layer("Conv2D", "inputlayer", filters=4, name="fork"))
    assert found(tmp_path, model).pixels is None


@pytest.mark.parametrize(
    ("layers", "scores"),
    [
        ([END], "probabilities"),
        ([layer("Dense", units=3, activation="linear")], "logits"),
        ([layer("Dense", units=3, activation="sigmoid")], "independent"),
        ([layer("Dense", units=3, activation="linear"), layer("Softmax")], "probabilities"),
        ([END, layer("Activation", activation="linear"), layer("Dropout")], "probabilities"),
        ([layer("Dense", units=3, activation="relu")], None),
    ],
)
def test_last_activation_tells_what_the_scores_are(layers, scores, tmp_path):
    read = found(tmp_path, sequential(given((None, 4)), *layers))
    assert (read.scores, read.n_outputs) == (scores, 3)


def test_columns_by_name(tmp_path):
    graph = [
        given((None, 1), "sex", "string"),
        given((None, 1), "age"),
        layer("StringLookup", "sex", vocabulary=["female", "male"]),
        layer("Concatenate", "stringlookup", "age"),
        layer("Dense", "concatenate", units=1, activation="sigmoid"),
    ]
    model = layer("Functional", inside=graph)
    model["config"]["output_layers"] = ["dense", 0, 0]
    read = found(tmp_path, model)
    assert (read.features, [*read.values]) == (("sex", "age"), ["female", 0.0])
    assert fitting(read) == ["tabular"]
    model["config"]["input_layers"] = {"age": ["age", 0, 0], "sex": ["sex", 0, 0]}
    assert found(tmp_path, model).features == ("age", "sex")  # of the dictionary, not by depth
    model["config"]["output_layers"] = [["dense", 0, 0], ["concatenate", 0, 0]]
    assert "2 outputs (dense, concatenate)" in refusal(tmp_path, model)


def test_code_and_tokens_are_refused(tmp_path):
    own = layer("Plain")
    own["module"] = None
    for kind, reason in (
        (layer("Lambda"), "Lambda"),
        (own, "Plain"),
        (layer("Embedding", input_dim=9), "tokenizer"),
        (layer("RandomRotation", value_range=[0, 255]), "export('saved')"),
    ):
        assert reason in refusal(tmp_path, sequential(given((None, 9)), kind, END))


def test_series_and_segmenters_fit_no_page(tmp_path):
    for model, said in (
        (sequential(given((None, 30, 5)), layer("LSTM", units=4), END), "nx30x5"),
        (sequential(given(), layer("Conv2D", filters=21, activation="softmax")), "nxnxnx21"),
    ):
        read = found(tmp_path, model)
        assert not fitting(read)
        assert said in unfit(read)
    mask = sequential(given(), layer("Conv2D", filters=1, activation="sigmoid"))
    assert fitting(found(tmp_path, mask)) == ["image-to-image"]


def test_what_keras_3_cannot_load_of_keras_2_is_refused_with_the_way(tmp_path):
    path = tmp_path / "old.keras"
    path.write_bytes(
        archive(
            config_DOT_json=sequential(given(), CONV, END),
            metadata_DOT_json={"keras_version": "2.15.0"},
        )
    )
    with pytest.raises(Unusable, match=r"Keras 2.15.0.*tf_keras.*save\('old'\)"):
        inspect(path)
    old = layer("InputLayer", batch_input_shape=[None, 8, 8, 3], name="input_1", dtype="float32")
    inspect(hdf5(tmp_path, sequential(given(), sequential(CONV), END)))
    for part in (sequential(CONV), layer("TFOpLambda")):
        with pytest.raises(Unusable, match="(Sequential|TFOpLambda), which Keras 3 does not load"):
            inspect(hdf5(tmp_path, sequential(old, part, END)))


def hdf5(tmp_path, config, ahead=b""):
    """A file with what Keras writes into an attribute."""
    path = tmp_path / "m.h5"
    path.write_bytes(crafted.hdf5(config, ahead))
    return path


def test_optimizer_of_a_file_is_not_its_model(tmp_path):
    """Keras 2 writes its configuration too, before that of a large model."""
    optimizer = {"module": "builtins", "class_name": "Custom>Adam", "config": {"name": "Adam"}}
    config = json.dumps(optimizer).encode().ljust(200)
    path = hdf5(tmp_path, sequential(given(), RESCALE, CONV, END), ahead=config)
    assert inspect(path).pixels.std == "1 / 255"
