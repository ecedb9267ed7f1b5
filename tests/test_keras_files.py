"""What a Keras file tells: pixel scaling, scores, outputs and columns, as Keras 3.15 writes it."""

import json
import re

import crafted
import pytest
from crafted import archive

from local_extensions.catalog import FRAMEWORKS
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


def each(*values):
    """A constant with a value for each channel, as Keras 3 writes it."""
    return {"class_name": "__tensor__", "config": {"value": [[[[*values]]]], "dtype": "float32"}}


def functional(*graph, name="functional"):
    model = layer("Functional", inside=list(graph), name=name)
    model["config"]["output_layers"] = [graph[-1]["name"], 0, 0]
    return model


CAFFE = [  # preprocess_input(), channel by channel
    layer("GetItem", "inputlayer", name="blue"),
    layer("GetItem", "inputlayer", name="green"),
    layer("GetItem", "inputlayer", name="red"),
    layer("Stack", "blue", "green", "red"),
    layer("Add", "stack", each(-103.939, -116.779, -123.68)),
]
TORCH = [
    layer("TrueDivide", "inputlayer", 255.0, name="unit"),
    layer("Add", "unit", each(-0.485, -0.456, -0.406)),
    layer("TrueDivide", "add", each(0.229, 0.224, 0.225)),
]


@pytest.mark.parametrize("ahead", [CAFFE, TORCH], ids=["caffe", "torch"])
def test_preprocess_input_in_the_network_tells_it(ahead, tmp_path):
    conv = layer("Conv2D", ahead[-1]["name"], filters=4)
    end = layer("Dense", "conv2d", units=3, activation="softmax")
    read = found(tmp_path, functional(given(), *ahead, conv, end))
    assert (read.pixels.std, read.pixels.blue_first) == ("1 / 255", False)
    other = layer("Conv2D", "inputlayer", filters=4, name="fork")
    assert found(tmp_path, functional(given(), *ahead, other, conv, end)).pixels is None


def is_blue_first(read):
    return read.pixels is not None and read.pixels.blue_first


VGG = [layer("Conv2D", name=name) for name in ("block1_conv1", "block1_conv2", "block5_conv3")]
VGG.insert(2, layer("MaxPooling2D", name="block1_pool"))


@pytest.mark.parametrize(
    "model",
    [
        sequential(given(), sequential(given(), CONV, name="resnet50"), END),
        sequential(given(), *VGG, END),
        sequential(given(), sequential(given(), *VGG, name="base"), END, name="mine"),
    ],
)
def test_networks_that_take_blue_first(model, tmp_path):
    read = found(tmp_path, model)
    assert read.pixels.blue_first
    assert [255 * n for n in read.pixels.mean] == pytest.approx(
        [103.939, 116.779, 123.68], abs=0.01
    )
    model["config"]["layers"].insert(1, RESCALE)
    assert found(tmp_path, model).pixels.source.startswith("the network, which scales 0 to 255")
    assert not is_blue_first(found(tmp_path, model))


def test_name_alone_makes_no_known_network(tmp_path):
    for name in ("resnet", "my_vgg16"):
        assert not is_blue_first(found(tmp_path, sequential(given(), CONV, END, name=name)))


def test_grey_pictures_have_no_blue(tmp_path):
    model = sequential(given((None, 32, 32, 1)), *VGG, END)
    assert not is_blue_first(found(tmp_path, model))


@pytest.mark.parametrize(
    ("names", "network"),
    [
        (["conv1_pad", "conv1_conv", "conv2_block1_preact_bn"], "resnetv2"),
        (["conv1_conv", "conv1_bn", "conv2_block1_0_bn"], "densenet"),
        (["Conv1", "bn_Conv1", "expanded_conv_project"], "mobilenetv2"),
        (["block1_conv1", "block1_conv2", "block1_conv1_bn", "block14_sepconv2"], "xception"),
        (["conv1", "conv2"], None),
    ],
)
def test_networks_that_are_spelled_out(names, network, tmp_path):
    inner = [layer("Conv2D", name=name) for name in names]
    read = found(tmp_path, sequential(given(), *inner, END))
    assert read.name == network and not is_blue_first(read)
    rules = FRAMEWORKS["keras"].pixels
    assert any(re.fullmatch(rule["name"], read.name or "") for rule in rules) == bool(network)


def crossentropy(kind, from_logits):
    return {"class_name": kind, "config": {"name": "loss", "from_logits": from_logits}}


@pytest.mark.parametrize(
    ("loss", "activation", "units", "scores"),
    [
        ("mse", "linear", 1, "numbers"),
        ("mean_absolute_error", "relu", 2, "numbers"),
        ({"class_name": "Huber", "config": {"delta": 1.0}}, "linear", 1, "numbers"),
        ({"class_name": "function", "config": "mean_squared_error"}, "sigmoid", 4, "numbers"),
        ({"dense": "log_cosh"}, "linear", 1, "numbers"),
        (["mse"], "softmax", 3, "probabilities"),
        (["mse", "mae"], "linear", 1, "logits"),
        (crossentropy("SparseCategoricalCrossentropy", True), "linear", 3, "class logits"),
        (crossentropy("BinaryCrossentropy", True), "linear", 1, "class logits"),
        (crossentropy("SparseCategoricalCrossentropy", False), "softmax", 3, "probabilities"),
        ({"class_name": "function", "config": "my_loss"}, "linear", 1, "logits"),
        (None, "linear", 1, "logits"),
    ],
)
def test_loss_tells_what_the_scores_are(loss, activation, units, scores, tmp_path):
    model = sequential(given((None, 4)), layer("Dense", units=units, activation=activation))
    model["compile_config"] = {"optimizer": "adam", "loss": loss}
    assert found(tmp_path, model).scores == scores


@pytest.mark.parametrize("metrics", [["accuracy"], ["acc"], [{"class_name": "AUC"}]], ids=str)
def test_classes_trained_as_numbers(metrics, tmp_path):
    model = sequential(given((None, 4)), layer("Dense", units=3, activation="sigmoid"))
    model["compile_config"] = {"loss": "mse", "metrics": metrics}
    assert found(tmp_path, model).scores == "independent"


@pytest.mark.parametrize(
    ("loss", "scores", "tasks"),
    [
        ("mse", "independent", ["image-to-image"]),
        (crossentropy("BinaryCrossentropy", True), "class logits", ["image-to-image"]),
    ],
)
def test_pictures_out(loss, scores, tasks, tmp_path):
    """A picture or a mask: a sigmoid is at its end, or belongs there."""
    activation = "linear" if scores == "class logits" else "sigmoid"
    end = layer("Conv2D", filters=1, kernel_size=3, padding="same", activation=activation)
    model = sequential(given((None, 8, 8, 3)), end)
    model["compile_config"] = {"loss": loss}
    read = found(tmp_path, model)
    assert (read.scores, fitting(read)) == (scores, tasks)


def test_as_many_values_out_as_pixels_in(tmp_path):
    end = layer("Dense", units=784, activation="sigmoid")
    for shape in ((None, 28, 28), (None, 28, 28, 1), (None, 784)):
        read = found(tmp_path, sequential(given(shape), layer("Flatten"), end))
        assert not fitting(read) and "an autoencoder" in unfit(read)


def test_series_that_gives_a_number(tmp_path):
    model = sequential(given((None, 30, 1)), layer("LSTM", units=8), layer("Dense", units=1))
    model["compile_config"] = {"loss": "mse"}
    assert "such as sound, a series" in unfit(found(tmp_path, model))


def test_logits_of_labels_that_do_not_exclude_each_other(tmp_path):
    model = sequential(given((None, 4)), layer("Dense", units=3, activation="linear"))
    model["compile_config"] = {"loss": crossentropy("BinaryCrossentropy", True)}
    assert "Activation('sigmoid')(m.outputs[0])).save('sigmoid_m.keras')" in refusal(
        tmp_path, model
    )


def test_batch_of_the_last_training_binds_nobody(tmp_path):
    """A Sequential without an Input, such as one that begins with Normalization."""
    normalize = layer("Normalization", mean=None, variance=None)
    read = found(tmp_path, sequential(given((32, 9)), normalize, END))
    assert read.input_shape == (None, 9) and fitting(read) == ["tabular"]
    for state in (layer("LSTM", units=4, stateful=True), sequential(layer("GRU", stateful=True))):
        assert "a fixed batch of 32" in refusal(tmp_path, sequential(given((32, 9, 4)), state, END))


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


def test_columns_of_a_normalization_of_keras_2(tmp_path):
    old = layer("Normalization", batch_input_shape=[None, None], axis=[-1])
    with pytest.raises(Unusable, match="how many columns its Normalization takes.*h5py"):
        inspect(hdf5(tmp_path, sequential(old, END)))
    given = layer("InputLayer", batch_input_shape=[None, 9], name="x", dtype="float32")
    assert inspect(hdf5(tmp_path, sequential(given, old, END))).input_shape == (None, 9)
    old["config"]["batch_input_shape"] = [None, 9]
    assert inspect(hdf5(tmp_path, sequential(old, END))).input_shape == (None, 9)


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
