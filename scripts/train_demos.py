# /// script
# requires-python = "==3.11.*"
# dependencies = [
#   "catboost==1.2.10",
#   "django==5.2.19",
#   "keras==3.15.1",
#   "lightgbm==4.7.0",
#   "numpy==2.4.6",
#   "onnx==1.23.2",
#   "onnxruntime==1.31.1",
#   "onnxscript==0.7.2",
#   "pillow==13.0.0",
#   "polib==1.2.0",
#   "scikit-image==0.26.0",
#   "scikit-learn==1.9.1",
#   "skl2onnx==1.20.0",
#   "skops==0.16.0",
#   "tensorflow-cpu==2.21.0",
#   "torch==2.13.0",
#   "xgboost-cpu==3.2.0",
# ]
#
# [tool.uv.sources]
# torch = { index = "pytorch-cpu" }
#
# [[tool.uv.index]]
# name = "pytorch-cpu"
# url = "https://download.pytorch.org/whl/cpu"
# explicit = true
# ///
"""Train the demo models: python scripts/train_demos.py [task or framework ...]

With a task's name, its files are written anew; with a framework's, only the files of that
framework, and its results in card.json.

All data come with the packages named above, so nothing is downloaded. The figures
in card.json are measured on the files as written, with data kept out of training.
"""

import json
import os
import re
import shutil
import sys
import zipfile
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

import catboost
import django
import keras
import lightgbm
import numpy as np
import onnx
import onnxruntime
import polib
import skimage.data
import skops.io
import tensorflow as tf
import torch
import xgboost
from demo_models import selected
from keras import layers
from PIL import Image
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.datasets import load_digits, load_iris, load_sample_images
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.export import Dim

DEMOS = Path(__file__).parents[1] / "demos"
SEED = 0


# --- Write and read model files ------------------------------------------------------


def write_torch(model, shape, axes, path):
    """Write a PyTorch module as an exported program; axes names the dynamic axes."""
    program = torch.export.export(
        model.eval(),
        (torch.rand(shape),),
        dynamic_shapes=({axis: Dim(name) for axis, name in axes.items()},),
    )
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it contains local paths
    torch.export.save(program, path)


def write_torch_as_onnx(model, shape, axes, names, path):
    """Write a PyTorch module as ONNX; names are those of the input and the output."""
    program = torch.onnx.export(
        model.eval(),
        (torch.rand(shape),),
        dynamic_shapes=(axes,),
        input_names=names[:1],
        output_names=names[1:],
        dynamo=True,
        verbose=False,
    )
    proto = program.model_proto
    for part in (proto.graph, *proto.graph.node, *proto.graph.value_info):
        del part.metadata_props[:]  # they contain local paths
    onnx.save(proto, path)


def write_sklearn_as_onnx(model, name, kind, path):
    """Write a scikit-learn classifier as ONNX whose only output is probabilities."""
    proto = to_onnx(model, initial_types=[(name, kind)], options={"zipmap": False})
    del proto.graph.output[0]  # the label
    onnx.save(proto, path)


def write_sklearn(model, path):
    """Write a scikit-learn model in the skops format, compressed."""
    skops.io.dump(model, path, compression=zipfile.ZIP_DEFLATED)


def read_onnx(path):
    """Read an ONNX file as a function from an array to an array."""
    session = onnxruntime.InferenceSession(path)
    name = session.get_inputs()[0].name
    return lambda batch: session.run(None, {name: batch})[0]


def read_keras(path):
    """Read a Keras file as a function from an array to an array."""
    model = keras.models.load_model(path, safe_mode=True)
    return lambda batch: model(tf.constant(batch)).numpy()


def read_torch(path):
    """Read an exported program as a function from an array to an array."""
    model = torch.export.load(path).module()
    return lambda batch: model(torch.from_numpy(batch)).detach().numpy()


def read_sklearn(path):
    """Read a skops file as a function from an array to class probabilities."""
    return skops.io.load(path, trusted=[]).predict_proba


def read_xgboost(path):
    """Read an XGBoost file as a function from an array to class probabilities."""
    model = xgboost.Booster(model_file=path)
    return lambda batch: model.predict(xgboost.DMatrix(batch))


def read_lightgbm(path):
    """Read a LightGBM file as a function from an array to class probabilities."""
    return lightgbm.Booster(model_file=path).predict


def read_catboost(path):
    """Read a CatBoost file as a function from an array to class probabilities."""
    return catboost.CatBoostClassifier().load_model(path).predict_proba


READERS = {
    "onnx": (".onnx", read_onnx),
    "keras": (".keras", read_keras),
    "pytorch": (".pt2", read_torch),
    "scikit-learn": (".skops", read_sklearn),
    "xgboost": (".ubj", read_xgboost),
    "lightgbm": (".txt", read_lightgbm),
    "catboost": (".cbm", read_catboost),
}


def read_all(folder, name):
    """Read back every file of a demo model: a function for each framework."""
    return {
        framework: read(folder / f"{name}{suffix}")
        for framework, (suffix, read) in READERS.items()
        if (folder / f"{name}{suffix}").exists()
    }


def accuracy(output, truth):
    """Return the accuracy: the share of rows whose likeliest class is the true one."""
    return round(float(np.mean(output.argmax(axis=1) == truth)), 4)


def write_card(folder, labels=(), **card):
    """Write what is known about a demo model, and the names of its classes."""
    text = json.dumps(card, indent=2, ensure_ascii=False)
    (folder / "card.json").write_text(f"{text}\n", encoding="utf-8")
    if labels:
        text = "".join(f"{label}\n" for label in labels)
        (folder / "labels.txt").write_text(text, encoding="utf-8")


def fit_torch(model, x, y, epochs):
    """Train a PyTorch classifier that returns logits."""
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3, weight_decay=1e-5)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()


def fit_keras(model, x, y, epochs):
    """Train a Keras classifier that returns probabilities."""
    twin = keras.Model(model.inputs, model.outputs)  # so that model stays without the optimizer
    twin.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    twin.fit(x, y, batch_size=64, epochs=epochs, verbose=0)


# --- Image classification ----------------------------------------------------------


def enlarge(digit):
    """Make a picture of 160x160 pixels from an 8x8 array of values 0..1."""
    picture = Image.fromarray(np.rint(digit * 255).astype(np.uint8))
    return picture.resize((160, 160), Image.Resampling.BICUBIC)


def shrink(picture, resampling=Image.Resampling.BILINEAR):
    """Make an 8x8 array of values 0..1 from a picture."""
    small = picture.convert("L").resize((8, 8), resampling)
    return np.asarray(small, np.float32) / 255


def image_classification(folder):
    """Handwritten digits."""
    data = load_digits()
    x, x_test, y, y_test = train_test_split(
        (data.images / 16).astype(np.float32),
        data.target,
        test_size=0.25,
        stratify=data.target,
        random_state=SEED,
    )
    # Pictures are blurred when reduced to 8x8 pixels, so half of the training data is, too.
    x = np.concatenate([x, [shrink(enlarge(digit)) for digit in x]])
    y = np.concatenate([y, y])

    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(512, 10),
    )
    fit_torch(net, x[:, None], y, epochs=30)
    shape, axes = (2, 1, 8, 8), {0: "batch"}
    write_torch(net, shape, axes, folder / "digits.pt2")
    write_torch_as_onnx(
        nn.Sequential(net, nn.Softmax(dim=1)),
        shape,
        axes,
        ["image", "probabilities"],
        folder / "digits.onnx",
    )

    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )
    fit_keras(model, x[..., None], y, epochs=30)
    model.save(folder / "digits.keras")

    classifier = MLPClassifier((64,), alpha=1e-2, max_iter=300, random_state=SEED)
    classifier.fit(x.reshape(-1, 64), y)
    del classifier._optimizer  # only training needs it, and skops does not trust it
    write_sklearn(classifier, folder / "digits.skops")

    arrange = {
        "onnx": lambda images: images[:, None],
        "keras": lambda images: images[..., None],
        "pytorch": lambda images: images[:, None],
        "scikit-learn": lambda images: images.reshape(-1, 64),
    }
    models = read_all(folder, "digits")
    (folder / "examples").mkdir(exist_ok=True)
    for digit in (2, 3, 5, 7):
        picture = enlarge(x_test[y_test == digit][0])
        picture.save(folder / "examples" / f"{digit}.png")
        for resampling in (Image.Resampling.BILINEAR, Image.Resampling.BOX):
            image = shrink(picture, resampling)[None]
            for framework, model in models.items():
                answer = model(arrange[framework](image)).argmax()
                assert answer == digit, (digit, resampling, framework, answer)
    write_card(
        folder,
        labels=range(10),
        title="Handwritten digits",
        description="Reads a handwritten digit, light on dark, from a picture.",
        data="The digits data set that scikit-learn brings along: 1,797 grey pictures "
        "of 8x8 pixels, from E. Alpaydin and C. Kaynak, Optical Recognition of "
        "Handwritten Digits, UCI Machine Learning Repository, CC BY 4.0. "
        "The example pictures are held-out digits, enlarged.",
        measured=f"On {len(y_test)} held-out digits, accuracy {{:.2f}}.",
        results={
            framework: accuracy(model(arrange[framework](x_test)), y_test)
            for framework, model in models.items()
        },
        answers=[path.stem for path in sorted((folder / "examples").iterdir())],
    )


# --- Image to image ----------------------------------------------------------------


class Upscaler(nn.Module):
    """Twice the size: bilinear interpolation plus the detail that it misses."""

    def __init__(self, width=24):
        super().__init__()
        self.detail = nn.Sequential(
            nn.Conv2d(3, width, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 3, 4, stride=2, padding=1),
        )

    def forward(self, image):
        """Map images (n, 3, h, w) to images (n, 3, 2h, 2w), both 0..1."""
        smooth = nn.functional.interpolate(image, scale_factor=2.0, mode="bilinear")
        return (smooth + self.detail(image)).clamp(0, 1)


def keras_upscaler(net):
    """Make the Keras twin of a trained Upscaler, with its weights."""
    image = keras.Input((None, None, 3), name="image")
    detail = image
    for part in net.detail:
        match part:
            case nn.Conv2d():
                layer = layers.Conv2D(part.out_channels, part.kernel_size, padding="same")
            case nn.ConvTranspose2d():
                layer = layers.Conv2DTranspose(
                    part.out_channels, part.kernel_size, part.stride, padding="same"
                )
            case nn.ReLU():
                layer = layers.ReLU()
        detail = layer(detail)
        if layer.weights:
            kernel, bias = (weight.detach().numpy() for weight in part.parameters())
            layer.set_weights([kernel.transpose(2, 3, 1, 0), bias])
    smooth = layers.UpSampling2D(2, interpolation="bilinear")(image)
    output = layers.ReLU(max_value=1.0)(layers.Add()([smooth, detail]))
    return keras.Model(image, output)


def photograph(pixels):
    """Make a colour picture of even height and width from an array of bytes."""
    picture = Image.fromarray(pixels).convert("RGB")
    return picture.crop((0, 0, picture.width // 2 * 2, picture.height // 2 * 2))


def resize(picture, factor):
    """Resize a picture by bicubic interpolation."""
    size = (int(picture.width * factor), int(picture.height * factor))
    return picture.resize(size, Image.Resampling.BICUBIC)


def values(picture):
    """Make an array (h, w, 3) of values 0..1 from a picture."""
    return np.asarray(picture, np.float32) / 255


def psnr(image, truth):
    """Return the PSNR in dB of values 0..1, rounded to bytes."""
    error = np.rint(image * 255) / 255 - truth
    return -10 * np.log10(np.mean(np.square(error, dtype=np.float64)))


def random_patch(small, large, size, rng):
    """Cut a patch of a picture, small and large; turn it and swap its colours."""
    y, x = (rng.integers(length - size + 1) for length in small.shape[1:])
    turns, flip, colours = rng.integers(4), rng.integers(2), rng.permutation(3)
    for image, factor in ((small, 1), (large, 2)):
        rows = slice(factor * y, factor * (y + size))
        columns = slice(factor * x, factor * (x + size))
        patch = image[colours, rows, columns].rot90(int(turns), (1, 2))
        yield patch.flip(2) if flip else patch


def train_upscaler(pictures, odds, steps):
    """Train an Upscaler to restore pictures from their halves."""
    rng = np.random.default_rng(SEED)
    pairs = [
        [torch.from_numpy(values(p)).permute(2, 0, 1) for p in (resize(large, 0.5), large)]
        for large in pictures
    ]
    net = Upscaler()
    optimizer = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    for _ in range(steps):
        chosen = rng.choice(len(pairs), size=16, p=odds)
        patches = [random_patch(*pairs[index], 40, rng) for index in chosen]
        small, large = map(torch.stack, zip(*patches))
        optimizer.zero_grad()
        nn.functional.l1_loss(net(small), large).backward()
        optimizer.step()
        schedule.step()
    return net


def image_to_image(folder):
    """A picture of twice the size."""
    # Colour photographs are drawn more often than the grey ones.
    shares = {"astronaut": 6, "coffee": 6, "rocket": 6, "camera": 2}
    shares |= {"brick": 1, "grass": 1, "gravel": 1}
    pictures = [photograph(getattr(skimage.data, name)()) for name in shares]
    odds = np.array(list(shares.values())) / sum(shares.values())
    net = train_upscaler(pictures, odds, steps=6000)
    shape, axes = (2, 3, 24, 32), {0: "batch", 2: "height", 3: "width"}
    write_torch(net, shape, axes, folder / "upscale.pt2")
    names = ["image", "upscaled"]
    write_torch_as_onnx(net, shape, axes, names, folder / "upscale.onnx")
    keras_upscaler(net).save(folder / "upscale.keras")

    cat = Image.fromarray(skimage.data.chelsea())
    (folder / "examples").mkdir(exist_ok=True)
    cat.save(folder / "examples" / "cat.jpg", quality=90)
    held_out = [
        photograph(pixels) for pixels in (skimage.data.chelsea(), *load_sample_images().images)
    ]

    def mean_psnr(upscale):
        """Return the mean PSNR of the held-out photographs, halved and upscaled."""
        pairs = [(upscale(resize(large, 0.5)), values(large)) for large in held_out]
        return round(float(np.mean([psnr(*pair) for pair in pairs])), 2)

    def upscaler(model, channels_first):
        """Make a function from a picture to an array (h, w, 3) out of a model."""
        if channels_first:
            return lambda small: np.moveaxis(model(np.moveaxis(values(small), 2, 0)[None])[0], 0, 2)
        return lambda small: model(values(small)[None])[0]

    bicubic = mean_psnr(lambda small: values(resize(small, 2)))
    write_card(
        folder,
        title="Upscaler",
        description="Doubles the width and height of a picture, with sharper detail "
        "than bicubic interpolation gives.",
        data="Photographs that scikit-image brings along: astronaut and rocket (public "
        "domain), coffee, camera, brick, grass and gravel (CC0). Measured on three "
        "others, halved by bicubic interpolation: chelsea of scikit-image, china and "
        "flower of scikit-learn (CC BY 2.0). examples/cat.jpg is chelsea, by Stefan "
        "van der Walt (CC0).",
        measured=f"Mean PSNR {{:.2f}} dB, where bicubic interpolation has {bicubic:.2f} dB.",
        results={
            framework: mean_psnr(upscaler(model, framework != "keras"))
            for framework, model in read_all(folder, "upscale").items()
        },
    )


# --- Tabular data ------------------------------------------------------------------


def tabular(folder):
    """Species of iris flowers."""
    data = load_iris()
    x, x_test, y, y_test = train_test_split(
        data.data.astype(np.float32),
        data.target,
        test_size=0.3,
        stratify=data.target,
        random_state=SEED,
    )
    net = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    fit_torch(net, x, y, epochs=100)
    write_torch(net, (2, 4), {0: "batch"}, folder / "iris.pt2")

    normalize = layers.Normalization(name="normalize")
    normalize.adapt(x)
    model = keras.Sequential(
        [
            keras.Input((4,), name="features"),
            normalize,
            layers.Dense(16, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    fit_keras(model, x, y, epochs=100)
    model.save(folder / "iris.keras")

    classifier = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    write_sklearn(classifier, folder / "iris.skops")
    kind = FloatTensorType([None, 4])
    write_sklearn_as_onnx(classifier, "features", kind, folder / "iris.onnx")

    trees = xgboost.XGBClassifier(n_estimators=20, max_depth=2, n_jobs=1, random_state=SEED)
    trees.fit(x, y).save_model(folder / "iris.ubj")

    leaves = {"num_leaves": 4, "n_jobs": 1, "random_state": SEED, "verbose": -1}
    trees = lightgbm.LGBMClassifier(n_estimators=20, **leaves).fit(x, y)
    trees.booster_.save_model(folder / "iris.txt")

    quiet = {"thread_count": 1, "random_seed": SEED, "logging_level": "Silent"}
    trees = catboost.CatBoostClassifier(iterations=50, depth=2, allow_writing_files=False, **quiet)
    trees.fit(x, y).save_model(folder / "iris.cbm")

    outputs = {framework: model(x_test) for framework, model in read_all(folder, "iris").items()}
    agreed = np.all([o.argmax(axis=1) == y_test for o in outputs.values()], axis=0)
    examples = [x_test[agreed & (y_test == species)][0] for species in range(3)]
    write_card(
        folder,
        labels=list(data.target_names),
        title="Iris species",
        description="Recognises the species of an iris from the size of its sepals and petals.",
        data="The iris data set that scikit-learn brings along: 150 flowers, from "
        "R. A. Fisher, Iris, UCI Machine Learning Repository, CC BY 4.0.",
        measured=f"On {len(y_test)} held-out flowers, accuracy {{:.2f}}.",
        results={name: accuracy(output, y_test) for name, output in outputs.items()},
        features={
            name: round(float(median), 1)
            for name, median in zip(data.feature_names, np.median(x, axis=0))
        },
        rows=[[round(float(value), 1) for value in row] for row in examples],
        answers=list(data.target_names),
    )


# --- Text classification -----------------------------------------------------------

LANGUAGES = {
    "English": "en",
    "German": "de",
    "French": "fr",
    "Spanish": "es",
    "Italian": "it",
    "Portuguese": "pt",
    "Dutch": "nl",
    "Polish": "pl",
    "Swedish": "sv",
    "Turkish": "tr",
    "Russian": "ru",
    "Japanese": "ja",
}

EXAMPLES = [
    "A good book is the best company on a rainy evening.",
    "Am Sonntag fahren wir mit dem Fahrrad an den See.",
    "Mañana vamos a comprar fruta y pan en el mercado.",
    "週末は友達と海へ行く予定です。",
]


def plain(message):
    """Take placeholders, markup and needless space out of a message."""
    holes = r"%\(\w+\)[a-z]|%[a-z]|\{[^}]*\}|<[^>]*>|&[a-z]+;"
    return " ".join(re.sub(holes, " ", message).split())


def django_messages():
    """Read Django's translations: a set of (English message, language, text)."""
    messages = set()
    for label, (name, code) in enumerate(LANGUAGES.items()):
        catalogues = Path(django.__file__).parent.glob(f"**/{code}/LC_MESSAGES/*.po")
        for entry in (e for c in catalogues for e in polib.pofile(str(c))):
            for text in (entry.msgstr, *entry.msgstr_plural.values()):
                messages.add((entry.msgid, label, plain(text)))
            messages.add((entry.msgid, 0, plain(entry.msgid)))
    return messages


def text_classification(folder):
    """The language of a text."""
    messages = [m for m in django_messages() if len(m[2]) > 3]
    # Texts shared by several languages, such as "Bytes", are dropped.
    languages = Counter(text for _, _, text in messages)
    messages = sorted(m for m in messages if languages[m[2]] == 1)
    train, test = train_test_split(
        sorted({message for message, _, _ in messages}),
        test_size=0.2,
        random_state=SEED,
    )
    train, test = set(train), {message for message in test if len(message) >= 20}
    x = [text for message, _, text in messages if message in train]
    y = np.array([label for message, label, _ in messages if message in train])
    x_test = [text for message, _, text in messages if message in test]
    y_test = np.array([label for message, label, _ in messages if message in test])

    vectorizer = TfidfVectorizer(
        analyzer="char",
        ngram_range=(1, 3),
        max_features=3000,
        lowercase=False,  # ONNX Runtime needs a locale of the system for it
        dtype=np.float32,
    )
    classifier = make_pipeline(vectorizer, LogisticRegression(C=10, max_iter=1000))
    classifier.fit(x, y)
    # As plain numbers they take far less room in the file.
    vectorizer.vocabulary_ = {k: int(v) for k, v in vectorizer.vocabulary_.items()}
    write_sklearn(classifier, folder / "languages.skops")
    kind = StringTensorType([None])
    write_sklearn_as_onnx(classifier, "text", kind, folder / "languages.onnx")

    vectorize = layers.TextVectorization(
        max_tokens=3000,
        standardize=None,
        split="character",
        ngrams=3,
        output_mode="tf_idf",
        name="vectorize",
    )
    vectorize.adapt(x)
    weights = keras.Input((vectorize.vocabulary_size(),))
    normalize = layers.UnitNormalization()
    classify = layers.Dense(len(LANGUAGES), activation="softmax")
    head = keras.Model(weights, classify(normalize(weights)))
    fit_keras(head, vectorize(tf.constant(x)).numpy(), y, epochs=60)
    text = keras.Input((), dtype="string", name="text")
    model = keras.Model(text, classify(normalize(vectorize(text))))
    model.save(folder / "languages.keras")

    models = read_all(folder, "languages")

    def measure(texts, labels):
        """Return the accuracy of each model."""
        texts = np.array(texts, dtype=object)
        return {name: accuracy(model(texts), labels) for name, model in models.items()}

    examples = [list(LANGUAGES).index(n) for n in ("English", "German", "Spanish", "Japanese")]
    assert set(measure(EXAMPLES, examples).values()) == {1.0}
    write_card(
        folder,
        labels=LANGUAGES,
        title="Languages",
        description="Recognises which of twelve languages a text is written in.",
        data="The messages of Django and their translations (BSD-3-Clause), without "
        "placeholders and markup; texts that are the same in several languages are "
        "left out.",
        measured=f"On {len(x_test)} held-out messages (20 characters or more in English), "
        "accuracy {:.2f}.",
        results=measure(x_test, y_test),
        rows=[[text] for text in EXAMPLES],
        answers=[list(LANGUAGES)[n] for n in examples],
    )


TASKS = {
    "image-classification": image_classification,
    "image-to-image": image_to_image,
    "tabular": tabular,
    "text-classification": text_classification,
}


def train(task, folder):
    """Train the demo models of a task, of every framework."""
    keras.utils.set_random_seed(SEED)  # Python's, NumPy's and TensorFlow's
    torch.manual_seed(SEED)
    folder.mkdir(parents=True, exist_ok=True)
    TASKS[task](folder)


def update(task, frameworks):
    """Train a task's demo models; keep the files and results of some frameworks alone."""
    folder = DEMOS / task
    card = json.loads((folder / "card.json").read_text("utf-8"))
    with TemporaryDirectory() as scratch:
        trained = Path(scratch)
        train(task, trained)
        results = json.loads((trained / "card.json").read_text("utf-8"))["results"]
        for framework in frameworks & results.keys():
            for path in trained.glob(f"*{READERS[framework][0]}"):
                shutil.copy(path, folder)
            card["results"][framework] = results[framework]
    write_card(folder, **card)


if __name__ == "__main__":
    for task, frameworks in selected(sys.argv[1:], TASKS, READERS).items():
        if frameworks:
            update(task, frameworks)
        else:
            train(task, DEMOS / task)
