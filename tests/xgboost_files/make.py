"""Write small models, and what XGBoost says of them, to a folder named after its version.

    for v in 1.3.3 1.7.6 2.1.4 3.0.5 3.2.0 3.4.1: with XGBoost v, python make.py

The figures in said.json are those of the process that trained the models.
"""

import json
from pathlib import Path

import numpy as np
import xgboost

VERSION = tuple(map(int, xgboost.__version__.split(".")[:2]))
FOLDER = Path(__file__).parent / xgboost.__version__
FOLDER.mkdir(exist_ok=True)
rng = np.random.default_rng(0)
rows = rng.normal(size=(200, 3)).round(2)
rows[rng.random(rows.shape) < 0.1] = np.nan
number = np.nan_to_num(rows[:, 0] * 3 + rows[:, 1] + 10)
classes = np.digitize(number, [8, 12])
noise = np.where(rng.random(200) < 0.3, rng.integers(0, 3, 200), classes)
small = {"max_depth": 2}
said = {"rows": [[None if np.isnan(x) else x for x in row] for row in rows[:5]]}


def save(name, model, answers):
    """Save a model in the formats of this version."""
    for ending in ["json", "ubj"] if VERSION >= (1, 6) else ["json"]:
        model.save_model(FOLDER / f"{name}.{ending}")
    said[name] = np.asarray(answers, float).tolist()


model = xgboost.XGBRegressor(n_estimators=2, **small).fit(rows, number)
save("number", model, model.predict(rows[:5]))
model = xgboost.XGBClassifier(n_estimators=2, **small).fit(rows, number > 10)
save("binary", model, model.predict_proba(rows[:5]))
early = {"early_stopping_rounds": 1}
model = xgboost.XGBClassifier(n_estimators=30, **small, **(early if VERSION >= (1, 6) else {}))
early = {} if VERSION >= (1, 6) else early
model.fit(rows[:99], noise[:99], eval_set=[(rows[99:], noise[99:])], verbose=False, **early)
assert model.best_iteration < 28
save("stopped", model, model.predict_proba(rows[:5]))
data = xgboost.DMatrix(rows, label=classes)
booster = xgboost.train({"objective": "multi:softmax", "num_class": 3, **small}, data, 2)
save("softmax", booster, booster.predict(xgboost.DMatrix(rows[:5])))
(FOLDER / "said.json").write_text(json.dumps(said) + "\n")
