# /// script
# dependencies = ["xgboost-cpu", "scikit-learn", "pandas"]
# ///
"""XGBoost's own files, of native boosters and scikit-learn wrappers."""

import json

import pandas as pd
import xgboost
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

truth = []


def add(file: str, rows, answers, **more) -> None:
    """Add a model's answers to some rows."""
    for row, answer in zip(rows, answers, strict=True):
        truth.append({"file": file, "input": row, "answer": answer, "expect": "right"} | more)


X, y = load_iris(return_X_y=True, as_frame=True)
rows = X.iloc[[0, 60, 120]].to_numpy().tolist()
for file in ("iris.json", "iris.ubj"):
    model = xgboost.XGBClassifier(n_estimators=20, max_depth=3).fit(X, y)
    model.save_model(file)
    add(file, rows, [str(n) for n in model.predict(X.iloc[[0, 60, 120]])])

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
model = xgboost.XGBClassifier(n_estimators=20).fit(X.to_numpy(), y)
model.save_model("cancer.ubj")
rows = X.iloc[[0, 19]].to_numpy()
for row, p in zip(rows, model.predict_proba(rows), strict=True):
    best = int(p.argmax())
    add("cancer.ubj", [row.tolist()], [str(best)], probability=float(p[best]))

X, y = load_diabetes(return_X_y=True, as_frame=True)
booster = xgboost.train({"max_depth": 3}, xgboost.DMatrix(X, label=y), 30)
booster.save_model("diabetes.json")
answers = booster.predict(xgboost.DMatrix(X.iloc[:3])).tolist()
add("diabetes.json", X.iloc[:3].to_numpy().tolist(), answers)

colours = pd.DataFrame(
    {"colour": pd.Categorical(["red", "green", "blue"] * 30), "size": [float(n) for n in range(90)]}
)
price = colours["size"] + colours["colour"].map({"red": 100.0, "green": 0.0, "blue": 50.0}).astype(
    float
)
model = xgboost.XGBRegressor(n_estimators=50, enable_categorical=True).fit(colours, price)
model.save_model("colours.json")
known = tuple(map(int, xgboost.__version__.split(".")[:2])) >= (3, 1)  # categories in the file
given = [["red", 10.0], ["blue", 70.0]]
codes = {"blue": 0.0, "green": 1.0, "red": 2.0}  # pandas sorts them
frame = pd.DataFrame(given, columns=["colour", "size"])
frame["colour"] = pd.Categorical(frame["colour"], categories=["blue", "green", "red"])
rows = given if known else [[codes[colour], size] for colour, size in given]
add("colours.json", rows, model.predict(frame).tolist())

with open("truth.json", "w") as file:
    json.dump(truth, file)
