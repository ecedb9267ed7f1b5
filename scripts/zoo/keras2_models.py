"""Make models with Keras 2, whose files most tutorials have, and what Keras predicts."""

# /// script
# dependencies = ["tensorflow-cpu==2.15.1", "numpy<2", "pillow"]
# ///

import json
import os
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow import keras
from tensorflow.keras import layers

TRUTH = []
COLOURS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (30, 60, 200)}
RNG = np.random.default_rng(7)


def pictures(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy pictures of colours, uint8 (count, 24, 24, 3), and their classes."""
    classes = RNG.integers(0, 3, count)
    base = np.array(list(COLOURS.values()))[classes][:, None, None]
    noisy = base + RNG.normal(0, 20, (count, 24, 24, 3))
    return noisy.clip(0, 255).astype(np.uint8), classes


def network(*before: layers.Layer) -> keras.Model:
    """Return a small convolutional network, after layers that scale pixels."""
    return keras.Sequential([
        keras.Input((24, 24, 3)), *before,
        layers.Conv2D(8, 3, activation="relu"), layers.BatchNormalization(),
        layers.MaxPooling2D(), layers.Dropout(0.2), layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip


def named(file: str) -> None:
    """Write the names of the classes beside a model in a folder of its own."""
    (Path(file).parent / "labels.txt").write_text("\n".join(COLOURS))


def trained(model: keras.Model, x, y, loss: str, epochs: int = 4) -> keras.Model:
    """Return a model trained on data."""
    model.compile("adam", loss)
    model.fit(x, y, epochs=epochs, verbose=0)
    return model


def right(file: str, given, answer, probability=None, **further) -> None:
    """Tell what a project has to answer."""
    case = {"file": file, "input": given, "answer": answer, "expect": "right"} | further
    TRUTH.append(case if probability is None else case | {"probability": float(probability)})


def refuse(file: str, why: str) -> None:
    """Tell what a refusal has to mention."""
    TRUTH.append({"file": file, "input": None, "answer": None, "expect": "refused", "why": why})


def images() -> None:
    """Classifiers of pictures: the scale inside, and the scale outside."""
    x, y = pictures(300)
    inside = trained(network(layers.Rescaling(1 / 255)), x, y, "sparse_categorical_crossentropy")
    outside = trained(network(), x / 255, y, "sparse_categorical_crossentropy")
    base = keras.applications.MobileNetV2((32, 32, 3), include_top=False, weights=None, alpha=0.35)
    x_in = keras.Input((32, 32, 3))
    hidden = base(keras.applications.mobilenet_v2.preprocess_input(x_in), training=False)
    hidden = layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(hidden))
    transfer = keras.Model(x_in, hidden)  # as in the guide to transfer learning
    larger = tf.image.resize(x, (32, 32)).numpy()
    trained(transfer, larger, y, "sparse_categorical_crossentropy", 1)
    saved = {"inside": inside, "outside": outside, "transfer": transfer}
    for n, picture in enumerate(x[:3]):
        Image.fromarray(picture).save(f"colour-{n}.png")
        Image.fromarray(tf.cast(larger[n], tf.uint8).numpy()).save(f"larger-{n}.png")
    for name, model in saved.items():
        for ending in (".h5", ".keras", ""):
            folder = Path(f"{name}{ending.replace('.', '-') or '-saved'}")
            folder.mkdir(exist_ok=True)
            file = f"{folder}/{name}{ending}"
            model.save(file)
            named(file)
            if ending == ".keras" or ending and name == "transfer":
                refuse(file, "tf_keras")
                continue
            for n in range(3):
                scale = 255 if name == "outside" else 1
                given = (larger[n].astype(np.uint8) if name == "transfer" else x[n]) / scale
                scores = model.predict(given[None].astype(np.float32), verbose=0)[0]
                right(
                    file, f"{'larger' if name == 'transfer' else 'colour'}-{n}.png",
                    list(COLOURS)[scores.argmax()], scores.max(),
                )  # fmt: skip


def tables() -> None:
    """Networks of rows: a regression with Normalization, and classes."""
    x = RNG.normal(3, 5, (300, 4)).astype(np.float32)
    scale = layers.Normalization()
    scale.adapt(x)
    price = keras.Sequential([keras.Input((4,)), scale, layers.Dense(8, "relu"), layers.Dense(1)])
    trained(price, x, x[:, 1] * 2 + 1, "mse")
    kind = keras.Sequential([
        keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(3, "softmax"),
    ])  # fmt: skip
    trained(kind, x, (x[:, 0] > 3).astype(int), "sparse_categorical_crossentropy")
    Path("kind").mkdir(exist_ok=True)
    for file, model in (("price.h5", price), ("kind/kind.h5", kind)):
        model.save(file)
        for row in x[:3]:
            said = model.predict(row[None], verbose=0)[0]
            if model is price:
                right(file, row.tolist(), [float(said[0])])
            else:
                right(file, row.tolist(), list(COLOURS)[said.argmax()], said.max())
    named("kind/kind.h5")
    fuel(x)
    house()


def fuel(x: np.ndarray) -> None:
    """Save a Sequential that begins with Normalization, of a tutorial, in both formats."""
    scale = layers.Normalization(axis=-1)
    scale.adapt(x)
    model = trained(keras.Sequential([scale, layers.Dense(1)]), x, x[:, 1] * 2 + 1, "mae")
    model.save("fuel.h5")
    refuse("fuel.h5", "h5py")
    model.save("fuel")
    for row in x[:3]:
        right("fuel", row.tolist(), [float(model.predict(row[None], verbose=0)[0, 0])])


def house() -> None:
    """Save a model of a dictionary, whose columns are not in the order of the alphabet."""
    row = {"sqft": 1.5, "beds": 2.0, "age": 3.0}
    inputs = {name: keras.Input((1,), name=name) for name in row}
    model = keras.Model(inputs, layers.Dense(1)(layers.Concatenate()([*inputs.values()])))
    model.layers[-1].set_weights([np.array([[100.0], [5.0], [-2.0]]), np.zeros(1)])
    model.save("house.h5")
    said = model({name: tf.constant([[value]]) for name, value in row.items()})
    right("house.h5", [*row.values()], np.ravel(said).tolist())


def texts() -> None:
    """A classifier of texts with TextVectorization inside."""
    lines = np.array(["good fine great", "bad awful poor", "great good day", "poor bad film"] * 20)
    vectors = layers.TextVectorization(max_tokens=50, output_sequence_length=6)
    vectors.adapt(lines)
    model = keras.Sequential([
        keras.Input((1,), dtype="string"), vectors, layers.Embedding(50, 8),
        layers.GlobalAveragePooling1D(), layers.Dense(2, "softmax"),
    ])  # fmt: skip
    trained(model, lines, np.array([1, 0, 1, 0] * 20), "sparse_categorical_crossentropy", 20)
    folder = Path("texts")
    folder.mkdir(exist_ok=True)
    (folder / "labels.txt").write_text("bad\ngood")
    model.save(folder / "reviews", save_format="tf")
    for text in ("a great day", "what an awful film", "fine"):
        scores = model.predict(tf.constant([text]), verbose=0)[0]
        right("texts/reviews", text, ["bad", "good"][scores.argmax()], scores.max())


def refused() -> None:
    """Saved in ways that no project can load."""
    own = keras.Sequential([keras.Input((4,)), layers.Lambda(lambda x: x * 2), layers.Dense(1)])
    own.save("lambda.h5")
    refuse("lambda.h5", "lambda")
    weights = network()
    weights.save_weights("only.weights.h5")
    refuse("only.weights.h5", "weights")


images()
tables()
texts()
refused()
Path("truth.json").write_text(json.dumps(TRUTH), "utf-8")
