# /// script
# dependencies = ["lightgbm", "scikit-learn", "pandas"]
# ///
"""LightGBM's own files, of native boosters and scikit-learn wrappers."""

import json

import lightgbm
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

truth = []
QUIET = {"verbose": -1, "num_threads": 1, "seed": 0}


def add(file: str, rows, answers, **more) -> None:
    """Add a model's answers to some rows."""
    for row, answer in zip(rows, answers, strict=True):
        truth.append({"file": file, "input": row, "answer": answer, "expect": "right"} | more)


def classes(file: str, rows: list, probabilities) -> None:
    """Add the likeliest classes, by their numbers."""
    for row, p in zip(rows, np.asarray(probabilities).tolist(), strict=True):
        p = p if isinstance(p, list) else [1 - p, p]
        best = int(np.argmax(p))
        add(file, [row], [str(best)], probability=p[best])


def refused(file: str, row: list, why: str) -> None:
    """Add a file that must be refused."""
    truth.append({"file": file, "input": row, "answer": None, "expect": "refused", "why": why})


# Wrappers of scikit-learn.
X, y = load_iris(return_X_y=True, as_frame=True)
some = X.iloc[[0, 60, 120]]
model = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1).fit(X, y)
model.booster_.save_model("iris.txt")
classes("iris.txt", some.to_numpy().tolist(), model.predict_proba(some))
model.booster_.save_model("iris.lgb")
classes("iris.lgb", some.to_numpy().tolist(), model.predict_proba(some))
model = lightgbm.LGBMClassifier(n_estimators=20, boosting_type="dart", verbose=-1).fit(X, y)
model.booster_.save_model("dart.model")
classes("dart.model", some.to_numpy().tolist(), model.predict_proba(some))

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
some = X.iloc[[0, 19, 300]]
model = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1).fit(X.to_numpy(), y)
model.booster_.save_model("cancer.txt")
classes("cancer.txt", some.to_numpy().tolist(), model.predict_proba(some.to_numpy()))

# Early stopping: the best rounds alone are in the file.
held = lightgbm.Dataset(X[400:], label=y[400:])
stop = [lightgbm.early_stopping(3, verbose=False)]
asked = {"objective": "binary", "learning_rate": 0.5, **QUIET}
data = lightgbm.Dataset(X[:400], label=y[:400])
model = lightgbm.train(asked, data, 200, valid_sets=[held], callbacks=stop)
assert model.best_iteration < 200
model.save_model("stopped.txt")
classes("stopped.txt", some.to_numpy().tolist(), model.predict(some))

X, y = load_wine(return_X_y=True, as_frame=True)
some = X.iloc[[0, 60, 150]]
for objective in ("multiclass", "multiclassova"):
    asked = {"objective": objective, "num_class": 3, **QUIET}
    model = lightgbm.train(asked, lightgbm.Dataset(X, label=y), 10)
    model.save_model(f"{objective}.txt")
    told = model.predict(some)
    classes(f"{objective}.txt", some.to_numpy().tolist(), told / told.sum(axis=1, keepdims=True))

X, y = load_diabetes(return_X_y=True, as_frame=True)
some = X.iloc[:3]
KINDS = {
    "rf": {"boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1},
    "linear": {"linear_tree": True},
    "sqrt": {"reg_sqrt": True},
    **{name: {"objective": name} for name in ("regression_l1", "huber", "fair", "poisson",
       "quantile", "mape", "gamma", "tweedie")},
}  # fmt: skip
for name, more in KINDS.items():
    asked = {"objective": "regression", **QUIET, **more}
    model = lightgbm.train(asked, lightgbm.Dataset(X, label=y), 20)
    model.save_model(f"{name}.txt")
    add(f"{name}.txt", some.to_numpy().tolist(), model.predict(some).tolist())
share = (y - y.min()) / (y.max() - y.min())
for objective in ("cross_entropy", "cross_entropy_lambda"):
    model = lightgbm.train({"objective": objective, **QUIET}, lightgbm.Dataset(X, label=share), 20)
    model.save_model(f"{objective}.txt")
    add(f"{objective}.txt", some.to_numpy().tolist(), model.predict(some).tolist())
grades, group = pd.qcut(y, 4, labels=False), [17] * 26
for objective in ("lambdarank", "rank_xendcg"):
    data = lightgbm.Dataset(X, label=grades, group=group)
    model = lightgbm.train({"objective": objective, **QUIET}, data, 20)
    model.save_model(f"{objective}.txt")
    add(f"{objective}.txt", some.to_numpy().tolist(), model.predict(some).tolist())

# Missing values, and a column of zeros and ones.
gaps = X.to_numpy().copy()
gaps[::3, 2] = np.nan
model = lightgbm.train({**QUIET}, lightgbm.Dataset(gaps, label=y), 20)
model.save_model("gaps.txt")
add("gaps.txt", gaps[1:3].tolist(), model.predict(gaps[1:3]).tolist())

# Categories of pandas: texts, numbers, one alone; and plain codes.
rng = np.random.default_rng(0)
table = pd.DataFrame({
    "size": rng.normal(size=300).round(2),
    "colour": pd.Categorical(np.array(["red", "green", "größe"])[rng.integers(0, 3, 300)]),
    "floor": pd.Categorical(rng.integers(3, 7, 300)),
    "country": pd.Categorical(["here"] * 300),
    "my flag": rng.integers(0, 2, 300).astype(bool),
})  # fmt: skip
wanted = table["size"] + (table["colour"] == "red") * 5 + table["floor"].astype(int)
model = lightgbm.LGBMRegressor(n_estimators=30, verbose=-1).fit(table, wanted)
model.booster_.save_model("categories.txt")
rows = [[s, c, f, n, float(m)] for s, c, f, n, m in table[:4].astype(object).to_numpy().tolist()]
add("categories.txt", rows, model.predict(table[:4]).tolist())
codes = np.stack([table["size"], table["colour"].cat.codes], axis=1)
model = lightgbm.LGBMRegressor(n_estimators=30, verbose=-1)
model.fit(codes, wanted, categorical_feature=[1])
model.booster_.save_model("codes.txt")
add("codes.txt", codes[:4].tolist(), model.predict(codes[:4]).tolist())

# What cannot be right.
table["grade"] = pd.Categorical(["low", "high"] * 150, ["low", "high"], ordered=True)
model = lightgbm.LGBMRegressor(n_estimators=5, verbose=-1).fit(table, wanted)
model.booster_.save_model("ordered.txt")
refused("ordered.txt", [*rows[0], "low"], "unordered categories")


def squared(labels, told):
    """Return gradient and Hessian of a custom objective."""
    return told - labels, np.ones_like(told)


model = lightgbm.LGBMRegressor(objective=squared, n_estimators=5, verbose=-1).fit(X, y)
model.booster_.save_model("custom.txt")
refused("custom.txt", rows[0], "custom objective")
with open("dump.json", "w") as file:
    json.dump(model.booster_.dump_model(), file)
refused("dump.json", rows[0], "save_model")
with open("iris.txt", "rb") as file:
    content = file.read()
for part in (0.3, 0.7, 0.99):
    with open(f"cut{part}.txt", "wb") as file:
        file.write(content[: int(len(content) * part)])
    refused(f"cut{part}.txt", rows[0], "cut short")

with open("truth.json", "w") as file:
    json.dump(truth, file)
