"""Write small models, and what LightGBM or CatBoost says of them, to a folder of its version.

python make.py lightgbm    with 2.3.1, 3.3.5, 4.0.0 and 4.7.0
python make.py catboost    with 0.26.1, 1.0.6, 1.1.1 and 1.2.10
"""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

library = importlib.import_module(sys.argv[1])
FOLDER = Path(__file__).parent / f"{sys.argv[1]}-{library.__version__}"
FOLDER.mkdir(exist_ok=True)
rng = np.random.default_rng(0)
table = pd.DataFrame({
    "size": rng.normal(size=200).round(2),
    "colour": np.array(["red", "green", "größe"])[rng.integers(0, 3, 200)],
    "floor": rng.integers(3, 6, 200),
})  # fmt: skip
table.loc[::9, "size"] = np.nan
number = table["size"].fillna(0) * 3 + (table["colour"] == "red") + table["floor"]
grade = np.array(["a", "b", "c"])[np.digitize(number, [3, 5])]
rows = table[:6].astype(object).where(table[:6].notna(), None).values.tolist()
said = {"rows": rows}
if sys.argv[1] == "lightgbm":
    table[["colour", "floor"]] = table[["colour", "floor"]].astype("category")
    small = {"num_leaves": 4, "n_estimators": 4, "verbose": -1}
    MODELS = {
        "number": library.LGBMRegressor(**small).fit(table, number),
        "binary": library.LGBMClassifier(**small).fit(table, number > 4),
        "grade": library.LGBMClassifier(**small).fit(table, grade),
    }
else:
    table["floor"] = table["floor"].astype(str)
    said["rows"] = [[size, colour, str(floor)] for size, colour, floor in rows]
    small = {"iterations": 4, "depth": 3, "cat_features": ["colour", "floor"], "verbose": 0}
    small["allow_writing_files"] = False
    MODELS = {
        "number": library.CatBoostRegressor(**small).fit(table, number),
        "binary": library.CatBoostClassifier(**small).fit(table, number > 4),
        "grade": library.CatBoostClassifier(**small).fit(table, grade),
    }
for name, model in MODELS.items():
    if sys.argv[1] == "lightgbm":
        model.booster_.save_model(str(FOLDER / f"{name}.txt"))
    else:
        model.save_model(str(FOLDER / f"{name}.cbm"))
    answer = model.predict if name == "number" else model.predict_proba
    said[name] = np.asarray(answer(table[:6])).tolist()
(FOLDER / "said.json").write_text(json.dumps(said) + "\n", "utf-8")
