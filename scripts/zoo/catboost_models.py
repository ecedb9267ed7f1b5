# /// script
# dependencies = ["catboost", "scikit-learn", "pandas"]
# ///
"""CatBoost's own files, of classifiers, regressors and rankers."""

import json

import catboost
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

truth = []
VERSION = tuple(map(int, catboost.__version__.split(".")[:2]))
QUIET = {"iterations": 20, "thread_count": 1, "random_seed": 0, "allow_writing_files": False}
QUIET |= {"logging_level": "Silent"}


def add(file: str, rows, answers, **more) -> None:
    """Add a model's answers to some rows."""
    for row, answer in zip(rows, answers, strict=True):
        truth.append({"file": file, "input": row, "answer": answer, "expect": "right"} | more)


def classes(file: str, model, rows) -> None:
    """Save a classifier; add its answers to some rows."""
    model.save_model(file)
    for row, p in zip(rows, model.predict_proba(rows), strict=True):
        best = int(p.argmax())
        add(file, [row], [str(model.classes_[best])], probability=float(p[best] / p.sum()))


def numbers(file: str, model, rows) -> None:
    """Save a model of numbers; add its answers to some rows."""
    model.save_model(file)
    add(file, rows, np.asarray(model.predict(rows)).tolist())


def refused(file: str, row: list, why: str) -> None:
    """Add a file that must be refused."""
    truth.append({"file": file, "input": row, "answer": None, "expect": "refused", "why": why})


X, y = load_iris(return_X_y=True, as_frame=True)
names = np.array(["setosa", "versicolor", "virginica"])[y]
some = X.iloc[[0, 60, 120]].to_numpy().tolist()
classes("iris.cbm", catboost.CatBoostClassifier(**QUIET).fit(X, names), some)
classes("numbered.cbm", catboost.CatBoostClassifier(**QUIET).fit(X.to_numpy(), y), some)
classes("floats.cbm", catboost.CatBoostClassifier(**QUIET).fit(X, y.astype(float)), some)
each = catboost.CatBoostClassifier(loss_function="MultiClassOneVsAll", **QUIET)
classes("each.cbm", each.fit(X, names), some)
labels = np.stack([y == 0, X.iloc[:, 0] > 6], axis=1).astype(int)
if VERSION >= (1, 0):
    model = catboost.CatBoostClassifier(loss_function="MultiLogloss", **QUIET).fit(X, labels)
    model.save_model("labels.cbm")
    add("labels.cbm", some, np.asarray(model.predict_proba(some)).tolist())

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
some = X.iloc[[0, 19, 300]].to_numpy().tolist()
words = np.where(y == 1, "benign", "malignant")
classes("cancer.cbm", catboost.CatBoostClassifier(**QUIET).fit(X, words), some)
classes("flags.cbm", catboost.CatBoostClassifier(**QUIET).fit(X, y == 1), some)
model = catboost.CatBoostClassifier(**QUIET | {"iterations": 300}, learning_rate=0.5)
model.fit(X[:400], words[:400], eval_set=(X[400:], words[400:]), early_stopping_rounds=5)
assert model.tree_count_ < 300
classes("stopped.cbm", model, some)
for policy in ("Depthwise", "Lossguide"):
    model = catboost.CatBoostClassifier(grow_policy=policy, **QUIET).fit(X, words)
    classes(f"{policy}.cbm", model, some)
soft = catboost.CatBoostClassifier(loss_function="CrossEntropy", **QUIET)
classes("soft.cbm", soft.fit(X, y * 0.8 + 0.1), some)

X, y = load_diabetes(return_X_y=True, as_frame=True)
some = X.iloc[:3].to_numpy().tolist()
LOSSES = [
    "RMSE",
    "MAE",
    "Quantile:alpha=0.9",
    "Poisson",
    "MAPE",
    "Huber:delta=5",
    "Expectile:alpha=0.3",
]
LOSSES += ["Tweedie:variance_power=1.5", "LogCosh", "RMSEWithUncertainty", "Lq:q=3"]
for loss in LOSSES:
    model = catboost.CatBoostRegressor(loss_function=loss, **QUIET).fit(X, y)
    numbers(f"{loss.partition(':')[0]}.cbm", model, some)
if VERSION >= (1, 1):
    quantiles = "MultiQuantile:alpha=0.1,0.5,0.9"
    model = catboost.CatBoostRegressor(loss_function=quantiles, **QUIET).fit(X, y)
    numbers("MultiQuantile.cbm", model, some)
both = np.stack([y, -2 * y], axis=1)
numbers(
    "both.cbm", catboost.CatBoostRegressor(loss_function="MultiRMSE", **QUIET).fit(X, both), some
)
group = np.repeat(range(26), 17)
for loss in ("YetiRank", "QueryRMSE", "PairLogit"):
    pool = catboost.Pool(X, label=pd.qcut(y, 4, labels=False), group_id=group)
    model = catboost.CatBoost({"loss_function": loss, **QUIET}).fit(pool)
    numbers(f"{loss}.cbm", model, some)
gaps = X.to_numpy().copy()
gaps[::3, 2] = np.nan
model = catboost.CatBoostRegressor(ignored_features=[9], **QUIET).fit(gaps, y)
numbers("gaps.cbm", model, gaps[1:3].tolist())

# Categories: texts, whole numbers, few and many.
rng = np.random.default_rng(0)
table = pd.DataFrame({
    "size": rng.normal(size=300).round(2),
    "colour": np.array(["red", "green", "größe"])[rng.integers(0, 3, 300)],
    "floor": rng.integers(3, 40, 300),
    "flag": rng.integers(0, 2, 300),
})  # fmt: skip
wanted = table["size"] + (table["colour"] == "red") * 5 + table["floor"] % 5
columns = ["colour", "floor", "flag"]
for name, more in {"categories": {}, "onehot": {"one_hot_max_size": 50}}.items():
    model = catboost.CatBoostRegressor(cat_features=columns, **QUIET, **more).fit(table, wanted)
    model.save_model(f"{name}.cbm")
    given = pd.concat([table[:4], pd.DataFrame([[0.5, "unseen", 99, 1]], columns=table.columns)])
    rows = [[s, c, str(f), str(g)] for s, c, f, g in given.astype(object).to_numpy().tolist()]
    add(f"{name}.cbm", rows, model.predict(given).tolist())

# What cannot be right.
model.save_model("model.json", format="json")
refused("model.json", rows[0], "save_model('model.cbm')")
table["text"] = np.array(["good day", "bad night"])[rng.integers(0, 2, 300)]
model = catboost.CatBoostClassifier(text_features=["text"], cat_features=columns, **QUIET)
model.fit(table, wanted > 4).save_model("text.cbm")
refused("text.cbm", [*rows[0], "good day"], "text features")


class Squared:
    """A custom loss."""

    def calc_ders_range(self, told, labels, weights):
        """Return the derivatives."""
        return [(a - b, -1.0) for a, b in zip(labels, told, strict=True)]


model = catboost.CatBoostRegressor(loss_function=Squared(), eval_metric="RMSE", **QUIET).fit(X, y)
model.save_model("custom.cbm")
refused("custom.cbm", some[0], "custom")
with open("onehot.cbm", "rb") as file:
    content = file.read()
for part in (0.2, 0.7, 0.99):
    with open(f"cut{part}.cbm", "wb") as file:
        file.write(content[: int(len(content) * part)])
    refused(f"cut{part}.cbm", rows[0], "cut short")

with open("truth.json", "w") as file:
    json.dump(truth, file)
