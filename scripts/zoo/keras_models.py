"""Make Keras models as people have them, and truth.json with what Keras predicts."""

# /// script
# dependencies = ["keras", "tensorflow-cpu", "pillow"]
# ///

import json
import os
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from PIL import Image

TRUTH = []
RELEASE = tuple(map(int, keras.__version__.split(".")[:2]))
COLOURS = {
    "red": (200, 40, 40),
    "green": (40, 180, 60),
    "blue": (30, 60, 200),
    "dark": (25, 25, 30),
}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def right(file: str, given, answer, probability: float | None = None) -> None:
    """Note an input and its answer."""
    entry = {"file": file, "input": given, "answer": answer, "expect": "right"}
    TRUTH.append(entry | ({} if probability is None else {"probability": float(probability)}))


def refused(file: str, why: str) -> None:
    """Note a file that must be refused."""
    TRUTH.append({"file": file, "input": None, "answer": None, "expect": "refused", "why": why})


# Pictures ---------------------------------------------------------------------------------


def pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy pictures of one colour each, uint8, and their classes."""
    rng = np.random.default_rng(seed)
    classes = np.arange(count) % 4
    base = np.array([*COLOURS.values()])[classes][:, None, None]
    noisy = base + rng.normal(0, 25, (count, 24, 24, 3))
    return noisy.clip(0, 255).astype(np.uint8), classes


def body(x, units: int = 4, activation: str | None = "softmax"):
    """Return the scores of a small convolutional network."""
    x = layers.Conv2D(8, 3, 2, activation="relu")(x)
    x = layers.Conv2D(12, 3, 2, activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.1)(x)
    return layers.Dense(units, activation=activation)(x)


def trained(model: keras.Model, scale, kind: str = "sparse") -> keras.Model:
    """Train on the colours, with pixels scaled by `scale`."""
    seen, classes = pictures(160, 0)
    one = model.output_shape[-1] == 1
    is_linear = model.get_layer(index=-1).get_config().get("activation") == "linear"
    target, loss = classes, keras.losses.SparseCategoricalCrossentropy(from_logits=is_linear)
    if one:
        target = (classes == 0).astype(float)[:, None]
        loss = keras.losses.BinaryCrossentropy(from_logits=is_linear)
    elif kind == "several":
        target, loss = np.eye(4)[classes], keras.losses.BinaryCrossentropy()
    model.compile(keras.optimizers.Adam(0.02), loss)
    model.fit(scale(seen.astype(np.float32)), target, epochs=12, verbose=0)
    return model


def answers(file: str, model: keras.Model, scale, labels=(), is_logit: bool = False) -> None:
    """Note what Keras predicts for a few pictures."""
    seen, _ = pictures(4, 1)
    for n, pixels in enumerate(seen):
        Image.fromarray(pixels).save(f"colour{n}.png")
        scores = np.ravel(model.predict(scale(pixels[None].astype(np.float32)), verbose=0))
        if is_logit:
            rest = [0.0] if scores.size == 1 else []
            chances = keras.ops.convert_to_numpy(keras.ops.softmax(np.array([*rest, *scores])))
        else:
            chances = np.array([1 - scores[0], scores[0]]) if scores.size == 1 else scores
        best = int(chances.argmax())
        label = labels[best] if labels else f"class {best}"
        right(file, f"colour{n}.png", label, chances[best])


def same(x):
    return x


def unit(x):
    return x / 255


def grey(x):
    """Return pictures without an axis of channels, 0 to 1."""
    return np.stack([Image.fromarray(each.astype(np.uint8)).convert("L") for each in x]) / 255


def applications() -> None:
    """What keras.applications' preprocess_input does to pixels, inside and outside.

    The networks are small, with the names of the large ones and of their layers.
    """
    caffe = keras.applications.vgg16.preprocess_input
    given = keras.Input((24, 24, 3))

    def convolutions(x, *names):
        for name in names:
            x = layers.Conv2D(8, 3, 2, "same", activation="relu", name=name)(x)
        return layers.GlobalAveragePooling2D()(x)

    def end(x):
        return layers.Dense(4, "softmax")(x)

    resnet = keras.Model(given, convolutions(given, "a", "b"), name="resnet50")
    vgg = ("block1_conv1", "block1_conv2", "block1_pool", "block5_conv3")
    mobile = ("Conv1", "bn_Conv1", "expanded_conv_project")
    densenet, mobilenet = (
        getattr(keras.applications, name).preprocess_input for name in ("densenet", "mobilenet_v2")
    )
    for file, output, scale in (
        ("resnet_outside.keras", end(resnet(given)), caffe),
        ("vgg_spelled_out.h5", end(convolutions(given, *vgg)), caffe),
        ("mobilenet_spelled_out.keras", end(convolutions(given, *mobile)), mobilenet),
        ("caffe_inside.keras", body(caffe(given)), same),
        ("torch_inside.keras", body(densenet(given)), same),
        ("tf_inside.keras", body(mobilenet(given)), same),
    ):
        model = trained(keras.Model(given, output), lambda x, scale=scale: scale(x.copy()))
        model.save(file)
        answers(file, model, lambda x, scale=scale: scale(x.copy()))


def losses() -> None:
    """Regressions, which give no classes, and logits, which the loss tells to be of classes."""
    age = keras.Sequential([keras.Input((24, 24, 3)), layers.Rescaling(1 / 255), layers.Flatten()])
    age.add(layers.Dense(1))
    age.compile(loss="mae")
    age.save("age.keras")
    refused("age.keras", "number")
    box = keras.Sequential([keras.Input((24, 24, 3)), *age.layers[:-1], layers.Dense(4, "sigmoid")])
    box.compile(loss="mse")
    box.save("box.h5")
    refused("box.h5", "number")
    x = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
    for file, units, kind in (
        ("three_logits.keras", 3, keras.losses.SparseCategoricalCrossentropy),
        ("one_logit_of_rows.h5", 1, keras.losses.BinaryCrossentropy),
    ):
        model = keras.Sequential([keras.Input((5,)), layers.Dense(units)])
        model.compile("adam", kind(from_logits=True))
        model.fit(x, (x[:, 0] > 0).astype(int), epochs=5, verbose=0)
        model.save(file)
        for row in x[:3]:
            scores = model.predict(row[None], verbose=0)[0]
            scores = np.array([0, *scores]) if units == 1 else scores
            chances = np.exp(scores) / np.exp(scores).sum()
            right(file, row.tolist(), f"class {chances.argmax()}", chances.max())
    several = keras.Sequential([keras.Input((5,)), layers.Dense(3)])
    several.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True))
    several.save("several_logits.keras")
    refused("several_logits.keras", "sigmoid")
    normalized = keras.Sequential([layers.Normalization(axis=-1), layers.Dense(1)])
    normalized.layers[0].adapt(x)
    normalized.compile("adam", "mean_absolute_error")
    normalized.fit(x, x[:, 0], verbose=0)
    normalized.save("fuel.keras")
    for row in x[:3]:
        right("fuel.keras", row.tolist(), normalized.predict(row[None], verbose=0)[0].tolist())


def tutorials() -> None:
    """Networks of Keras' tutorials on MNIST: of a grey picture's lines, and of its pixels."""
    flat = [layers.Flatten(), layers.Dense(32, "relu"), layers.Dropout(0.2), layers.Dense(4)]
    beginner = trained(keras.Sequential([keras.Input((24, 24)), *flat]), grey)
    beginner.save("beginner.keras")
    beginner.save("beginner.h5")
    beginner.export("beginner")
    probabilities = keras.Sequential([beginner, layers.Softmax()])
    probabilities.save("beginner_softmax.keras")
    for file in ("beginner.keras", "beginner.h5", "beginner"):
        answers(file, beginner, grey, is_logit=True)
    answers("beginner_softmax.keras", probabilities, grey)
    recurrent = [layers.LSTM(16), layers.Dense(4, "softmax")]
    lines = trained(keras.Sequential([keras.Input((24, 24)), *recurrent]), grey)
    lines.save("lines.keras")
    answers("lines.keras", lines, grey)
    pixels = [layers.Dense(32, "relu"), layers.Dense(4, "softmax")]
    row = trained(
        keras.Sequential([keras.Input((576,)), *pixels]), lambda x: grey(x).reshape(-1, 576)
    )
    row.save("pixels.keras")
    answers("pixels.keras", row, lambda x: grey(x).reshape(-1, 576))


def nets() -> None:
    """Classifiers of pictures, with each of the usual scalings and endings."""
    augment = keras.Sequential(
        [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)], name="data_augmentation"
    )
    variance = [n * n for n in STD]

    def build(before=same, **end) -> keras.Model:
        given = keras.Input((24, 24, 3))
        return keras.Model(given, body(before(given), **end))

    inner = build()
    cases = {
        "plain.keras": (build(), unit, {}),
        "rescaling.keras": (build(layers.Rescaling(1 / 255)), same, {}),
        "rescaling_both.h5": (build(layers.Rescaling(1 / 127.5, offset=-1)), same, {}),
        "augmented.keras": (build(lambda x: layers.Rescaling(1 / 255)(augment(x))), same, {}),
        "arithmetic.keras": (build(lambda x: x / 127.5 - 1), same, {}),
        "reversed.keras": (build(lambda x: (255 - x) / 255), same, {}),
        "normalization.keras": (
            build(layers.Normalization(mean=MEAN, variance=variance)),
            unit,
            {},
        ),
        "efficient.keras": (
            build(
                lambda x: layers.Normalization(mean=MEAN, variance=variance)(
                    layers.Rescaling(1 / 255)(x)
                )
            ),
            same,
            {},
        ),
        "nested.keras": (
            keras.Sequential([keras.Input((24, 24, 3)), layers.Rescaling(1 / 255), inner]),
            same,
            {},
        ),
        "logits.keras": (build(activation=None), unit, {"is_logit": True}),
        "one_sigmoid.keras": (build(units=1, activation="sigmoid"), unit, {}),
        "one_logit.keras": (build(units=1, activation=None), unit, {"is_logit": True}),
    }
    for file, (model, scale, more) in cases.items():
        trained(model, scale).save(file)
        if file == "augmented.keras" and RELEASE < (3, 6):
            refused(file, "RandomRotation of an older Keras 3")
            continue
        answers(file, model, scale, **more)
    several = trained(build(activation="sigmoid"), unit, "several")
    several.save("several.keras")
    answers("several.keras", several, unit)
    softened = keras.Sequential([several.layers[0], *build(activation=None).layers[1:]])
    softened.add(layers.Softmax())
    trained(softened, unit).save("softmax_layer.keras")
    answers("softmax_layer.keras", softened, unit)
    Path("named").mkdir(exist_ok=True)
    Path("named/labels.txt").write_text("\n".join(COLOURS) + "\n", "utf-8")
    named = trained(build(layers.Rescaling(1 / 255)), same)
    named.save("named/colours.keras")
    answers("named/colours.keras", named, same, [*COLOURS])
    Path("short").mkdir(exist_ok=True)
    Path("short/labels.txt").write_text("red\ngreen\n", "utf-8")
    named.save("short/colours.keras")
    refused("short/colours.keras", "labels.txt")
    cases["plain.keras"][0].export("exported")
    answers("exported", cases["plain.keras"][0], unit)


# Tables and texts --------------------------------------------------------------------------


def tables() -> None:
    """Rows, in one input and in one for each column."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(16, "relu"), layers.Dense(3, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=20, verbose=0)
    model.save("table.keras")
    scaled = keras.Sequential([keras.Input((4,)), layers.Normalization(), layers.Dense(1)])
    scaled.layers[0].adapt(x * 5)
    scaled.compile("adam", "mse")
    scaled.fit(x, x[:, 2] * 3, epochs=5, verbose=0)
    scaled.save("regression.h5")
    for row in x[:4]:
        chances = model.predict(row[None], verbose=0)[0]
        right("table.keras", row.tolist(), f"class {chances.argmax()}", chances.max())
        right("regression.h5", row.tolist(), scaled.predict(row[None], verbose=0)[0].tolist())
    columns(rng)


def columns(rng) -> None:
    """A dictionary of columns, with texts, as in Keras's guide to structured data."""
    data = {
        "age": rng.uniform(20, 80, (200, 1)).astype(np.float32),
        "sex": rng.choice(["female", "male"], (200, 1)).astype(object),
        "size": rng.uniform(1, 2, (200, 1)).astype(np.float32),
    }
    target = ((data["age"] > 50) | (data["sex"] == "male")).astype(float)

    def tensors(part: dict) -> dict:
        return {n: tf.constant(v if n != "sex" else v.tolist()) for n, v in part.items()}

    for file, kinds in (("columns.keras", data), ("numbers.keras", ("age", "size"))):
        inputs = {
            name: keras.Input((1,), name=name, dtype="string" if name == "sex" else "float32")
            for name in kinds
        }
        parts = [each for name, each in inputs.items() if name != "sex"]
        if "sex" in kinds:
            lookup = layers.StringLookup(vocabulary=["female", "male"], output_mode="one_hot")
            parts.append(lookup(inputs["sex"]))
        hidden = layers.Dense(8, "relu")(layers.Concatenate()(parts))
        model = keras.Model(inputs, layers.Dense(1, "sigmoid")(hidden))
        model.compile("adam", "binary_crossentropy")
        model.fit(tensors({n: data[n] for n in kinds}), target, epochs=3, verbose=0)
        model.save(file)
        if file == "columns.keras":
            model.export("columns_saved")
        for n in range(4):
            row = {name: data[name][n : n + 1] for name in kinds}
            said = [float(np.ravel(keras.ops.convert_to_numpy(model(tensors(row))))[0])]
            right(
                file,
                [v[0, 0].item() if name != "sex" else v[0, 0] for name, v in row.items()],
                said,
            )
            if file == "columns.keras":
                given = [row[name][0, 0] for name in sorted(row)]
                given = [v if isinstance(v, str) else float(v) for v in given]
                right("columns_saved", given, said)


def dictionaries() -> None:
    """Dictionaries of columns that are not in the order of the alphabet."""
    shown = {"sqft": 1.5, "beds": 2.0, "age": 3.0}
    inputs = {name: keras.Input((1,), name=name) for name in shown}
    model = keras.Model(inputs, layers.Dense(1)(layers.Concatenate()([*inputs.values()])))
    model.layers[-1].kernel.assign([[100.0], [5.0], [-2.0]])
    mixed = {"thal": "fixed", "age": 51.0, "sex": 1, "chol": 240.0}
    kinds = {"thal": "string", "sex": "int64"}
    inputs = {n: keras.Input((1,), name=n, dtype=kinds.get(n, "float32")) for n in mixed}
    parts = [
        inputs["age"] / 100,
        layers.StringLookup(vocabulary=["normal", "fixed"], output_mode="one_hot")(inputs["thal"]),
        layers.IntegerLookup(vocabulary=[0, 1], output_mode="one_hot")(inputs["sex"]),
        inputs["chol"] / 100,
    ]
    heart = keras.Model(inputs, layers.Dense(1, "sigmoid")(layers.Concatenate()(parts)))
    for files, made, first in (
        (("house.keras", "house.h5"), model, shown),
        (("heart.keras",), heart, mixed),
    ):
        for file in files:
            made.save(file)
            for row in (first, {n: v if isinstance(v, str) else 1 - v for n, v in first.items()}):
                given = {n: tf.constant([[v]], made.input[n].dtype) for n, v in row.items()}
                right(file, [*row.values()], np.ravel(made(given)).tolist())


def texts() -> None:
    """A TextVectorization inside, and one outside: tokens, which nobody can type."""
    words = np.array(["good day", "bad night", "very good", "very bad"] * 8, object)
    target = np.array([1, 0, 1, 0] * 8)
    vectors = layers.TextVectorization(50, output_mode="tf_idf")
    vectors.adapt(words)
    numbers = layers.TextVectorization(50, output_sequence_length=4)
    numbers.adapt(words)
    hidden = [numbers, layers.Embedding(50, 8), layers.GlobalAveragePooling1D()]
    for file, inner in (("text.keras", [vectors]), ("words.keras", hidden)):
        given = keras.Input((1,), dtype="string")
        model = keras.Sequential([given, *inner, layers.Dense(2, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(tf.constant(words[:, None].tolist()), target, epochs=20, verbose=0)
        model.save(file)
        for text in ("good night", "bad day"):
            chances = np.ravel(keras.ops.convert_to_numpy(model(tf.constant([[text]]))))
            right(file, text, f"class {chances.argmax()}", chances.max())
    for file, given in (
        ("tokens.keras", keras.Input((200,))),
        ("tokens_int.h5", keras.Input((200,), dtype="int32")),
    ):
        x = layers.GlobalAveragePooling1D()(layers.Embedding(500, 4)(given))
        keras.Model(given, layers.Dense(2, "softmax")(x)).save(file)
        refused(file, "tokenizer" if file == "tokens.keras" else "")


# What nothing here can show ----------------------------------------------------------------


@keras.saving.register_keras_serializable("mine")
class Twice(layers.Layer):
    """A layer of one's own."""

    def call(self, x):
        return x * 2


class Plain(layers.Layer):
    """Another one, not registered."""

    def call(self, x):
        return x * 2


def others() -> None:
    """Models with code, several inputs or outputs, series, and tf.Modules without signature."""
    row = keras.Input((4,))
    picture = keras.Input((24, 24, 3))
    end = layers.Dense(2)
    for file, model, why in (
        ("lambda.keras", keras.Model(row, layers.Lambda(lambda x: x * 2)(row)), "Lambda"),
        ("registered.keras", keras.Model(row, Twice()(row)), "mine>Twice"),
        ("main.keras", keras.Model(row, Plain()(row)), "Plain"),
        ("two_outputs.keras", keras.Model(row, [layers.Dense(2)(row), layers.Dense(3)(row)]), "2 outputs"),
        ("two_inputs.keras", keras.Model([row, picture], layers.Concatenate()([row, layers.Flatten()(picture)])), "2 inputs"),
        ("series.keras", keras.Sequential([keras.Input((30, 5)), layers.LSTM(4), end]), "30x5"),
        ("video.keras", keras.Sequential([keras.Input((8, 24, 24, 3)), layers.Conv3D(2, 3), layers.Flatten(), layers.Dense(2)]), "8x24x24x3"),
        ("segmenter.keras", keras.Model(picture, layers.Conv2D(21, 1)(picture)), "21"),
    ):  # fmt: skip
        model.save(file)
        refused(file, why)

    class Bare(tf.Module):
        @tf.function
        def __call__(self, x):
            return x

    tf.saved_model.save(Bare(), "bare")
    refused("bare", "serving_default")
    named = Path("weights.weights.h5")
    keras.Sequential([keras.Input((4,)), layers.Dense(2)]).save_weights(named)
    refused(named.name, "no architecture")


def main() -> None:
    keras.utils.set_random_seed(0)
    for make in (nets, applications, losses, tutorials, tables, dictionaries, texts, others):
        make()
    Path("truth.json").write_text(json.dumps(TRUTH, indent=1), "utf-8")


if __name__ == "__main__":
    main()
