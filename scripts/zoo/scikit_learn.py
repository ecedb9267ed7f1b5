# /// script
# requires-python = ">=3.11"
# dependencies = ["imbalanced-learn", "lightgbm", "lz4", "pandas", "scikit-learn", "skops"]
# ///
"""Make scikit-learn files of the kinds that people have, and what the library says of each."""

import bz2
import contextlib
import gzip
import json
import pickle
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import skops.io
from scipy.stats import uniform
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import DBSCAN, Birch, KMeans, MeanShift
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.covariance import EllipticEnvelope
from sklearn.cross_decomposition import PLSRegression
from sklearn.datasets import load_diabetes, load_digits, load_iris, load_linnerud, load_wine
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.feature_selection import RFE, SelectKBest, f_classif
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDOneClassSVM,
)
from sklearn.metrics import balanced_accuracy_score, make_scorer, recall_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    LocalOutlierFactor,
    NearestCentroid,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    LabelEncoder,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

warnings.simplefilter("ignore")
TRUTH = []
RANDOM = np.random.default_rng(0)

IRIS = load_iris()
SPECIES = IRIS.target_names[IRIS.target]
WINE = load_wine(as_frame=True)
DIABETES = load_diabetes(as_frame=True)
DIGITS = load_digits()
PEOPLE = pd.DataFrame(
    {
        "age": RANDOM.integers(18, 80, 300).astype(float),
        "fare": RANDOM.gamma(2.0, 15.0, 300),
        "sex": RANDOM.choice(["female", "male"], 300),
        "port": RANDOM.choice(["Cherbourg", "Queenstown", "Southampton"], 300),
    }
)
SURVIVED = np.where((PEOPLE.sex == "female") ^ (PEOPLE.fare < 12), "yes", "no")
PRICE = PEOPLE.fare * 2 + (PEOPLE.port == "Cherbourg") * 10
TEXTS = [
    *(f"The {thing} was {word}." for thing in ("film", "meal", "hotel", "book")
      for word in ("wonderful", "great and fun", "lovely", "superb")),
    *(f"The {thing} was {word}." for thing in ("film", "meal", "hotel", "book")
      for word in ("awful", "boring and slow", "terrible", "a waste of money")),
]  # fmt: skip
MOOD = np.repeat(["good", "bad"], 16)
SAVERS = {
    ".joblib": joblib.dump,
    ".pkl": lambda model, path: Path(path).write_bytes(pickle.dumps(model)),
    ".skops": skops.io.dump,
}


def tell(file, given, model, table=None, name=str):
    """Add what the model itself says of an input."""
    batch = given if isinstance(given, str) else [given]
    rows = [given] if isinstance(given, str) else np.array(batch, float) if table is None else table
    said = np.atleast_1d(np.asarray(model.predict(rows))[0])
    entry = {"file": file, "input": given, "expect": "right"}
    if said.dtype.kind == "f":
        entry["answer"] = [float(value) for value in said]
    elif said.size > 1:
        entry["answer"] = [str(value) for value in said]
    else:
        entry["answer"] = name(said[0])
        if hasattr(model, "predict_proba"):
            entry["probability"] = float(np.max(model.predict_proba(rows)[0]))
    TRUTH.append(entry)


def right(file, model, given, save=None, name=str):
    """Save a model whose predictions a project has to repeat, for each of some inputs."""
    (save or SAVERS[Path(file).suffix])(model, file)
    if isinstance(given, pd.DataFrame):
        for n in range(len(given)):
            row = [each.item() if hasattr(each, "item") else each for each in given.iloc[n]]
            tell(file, row, model, given.iloc[[n]], name)
    else:
        for each in given:
            tell(
                file, each if isinstance(each, str) else [float(x) for x in each], model, None, name
            )


def refused(file, model, why, save=None):
    """Save what has to be refused, with what the refusal has to mention."""
    (save or SAVERS[Path(file).suffix])(model, file)
    TRUTH.append({"file": file, "input": None, "answer": None, "expect": "refused", "why": why})


def columns():
    """Return the preprocessing of tutorials for a table with numbers and categories."""
    return ColumnTransformer(
        [
            ("num", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
             ["age", "fare"]),
            ("cat", OneHotEncoder(handle_unknown="ignore"), ["sex", "port"]),
        ]
    )  # fmt: skip


ROWS = IRIS.data[[0, 60, 120]]
plain = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
    "forest": RandomForestClassifier(10, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=10, random_state=0),
    "hist_boosting": HistGradientBoostingClassifier(max_iter=10, random_state=0),
    "svc_probability": SVC(probability=True, random_state=0),
    "svc": make_pipeline(StandardScaler(), SVC()),
    "linear_svc": LinearSVC(random_state=0),
    "sgd": make_pipeline(MinMaxScaler(), SGDClassifier(random_state=0)),
    "neighbors": KNeighborsClassifier(),
    "bayes": GaussianNB(),
    "tree": DecisionTreeClassifier(random_state=0),
    "mlp": make_pipeline(StandardScaler(), MLPClassifier((8,), random_state=0)),
    "pca": make_pipeline(StandardScaler(), PCA(2), LogisticRegression()),
    "union": make_pipeline(FeatureUnion([("p", PCA(2)), ("s", StandardScaler())]),
                           LogisticRegression()),
    "voting": VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())], voting="soft"),
    "voting_hard": VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())]),
    "stacking": StackingClassifier([("a", GaussianNB()), ("b", LogisticRegression())]),
    "imputed": make_pipeline(SimpleImputer(), PolynomialFeatures(2), LogisticRegression()),
    "search": GridSearchCV(
        make_pipeline(StandardScaler(), SVC(probability=True, random_state=0)),
        {"svc__C": [0.1, 1]},
    ),
}  # fmt: skip
for kind, model in plain.items():
    right(f"{kind}.joblib", model.fit(IRIS.data, SPECIES), ROWS)
right("numbers.pkl", RandomForestClassifier(5, random_state=0).fit(IRIS.data, IRIS.target), ROWS)
right("wine.pkl", GradientBoostingClassifier(n_estimators=5).fit(WINE.data, WINE.target),
      WINE.data.iloc[[0, 100]])  # fmt: skip

regressors = {
    "linear": LinearRegression(),
    "forest_regressor": RandomForestRegressor(10, random_state=0),
    "boosting_regressor": GradientBoostingRegressor(n_estimators=10, random_state=0),
    "hist_regressor": HistGradientBoostingRegressor(max_iter=10, random_state=0),
    "target": TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.exp),
}
for kind, model in regressors.items():
    right(f"{kind}.joblib", model.fit(DIABETES.data, DIABETES.target), DIABETES.data.iloc[:2])
body = load_linnerud()
right("linnerud.pkl", LinearRegression().fit(body.data, body.target), body.data[:2])

survival = make_pipeline(columns(), RandomForestClassifier(10, random_state=0))
survival.fit(PEOPLE, SURVIVED)
for end in SAVERS:
    right(f"survival{end}", survival, PEOPLE.iloc[:3])
right("price.joblib", make_pipeline(columns(), HistGradientBoostingRegressor(max_iter=10)).fit(
    PEOPLE.assign(age=PEOPLE.age), PRICE.astype(float)), PEOPLE.iloc[:2])  # fmt: skip
ordinal = make_pipeline(
    ColumnTransformer([("o", OrdinalEncoder(), ["sex", "port"])], remainder="passthrough"),
    GradientBoostingClassifier(n_estimators=10),
)
right("ordinal.pkl", ordinal.fit(PEOPLE, SURVIVED), PEOPLE.iloc[:2])
grid = GridSearchCV(Pipeline([("prep", columns()), ("model", LogisticRegression())]),
                    {"model__C": [0.1, 1.0]})  # fmt: skip
right("grid.joblib", grid.fit(PEOPLE, SURVIVED), PEOPLE.iloc[:2])
everything = make_pipeline(
    SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"),
    LogisticRegression(),
)  # fmt: skip
right("all_categories.joblib", everything.fit(PEOPLE[["sex", "port"]], SURVIVED),
      PEOPLE[["sex", "port"]].iloc[:2])  # fmt: skip
mixed = make_pipeline(
    ColumnTransformer([("t", TfidfVectorizer(), "note"), ("n", "passthrough", ["age"])]),
    LogisticRegression(),
)
notes = pd.DataFrame({"note": TEXTS, "age": np.arange(32.0)})
right("note.joblib", mixed.fit(notes, MOOD), notes.iloc[[0, 20]])

several = np.stack([SPECIES, np.where(IRIS.data[:, 0] > 5.8, "long", "short")], 1)
right("two_targets.joblib", RandomForestClassifier(5, random_state=0).fit(IRIS.data, several), ROWS)
right("multi_output.pkl", MultiOutputClassifier(LogisticRegression()).fit(IRIS.data, several), ROWS)

cluster = "cluster {}".format
right("kmeans.joblib", KMeans(3, n_init=1, random_state=0).fit(IRIS.data), ROWS, None, cluster)
right("scaled_kmeans.pkl",
      make_pipeline(StandardScaler(), KMeans(3, n_init=1, random_state=0)).fit(IRIS.data),
      ROWS, None, cluster)  # fmt: skip
right("mixture.joblib", GaussianMixture(3, random_state=0).fit(IRIS.data), ROWS, None, cluster)
side = {1: "inlier", -1: "outlier"}.get
odd = [*ROWS, [9.0, 9.0, 9.0, 9.0]]
for kind, model in {
    "isolation": IsolationForest(random_state=0),
    "one_class": make_pipeline(StandardScaler(), OneClassSVM(nu=0.1)),
    "factor": LocalOutlierFactor(novelty=True),
}.items():
    right(f"{kind}.joblib", model.fit(IRIS.data), odd, None, side)

SENTENCES = ["A wonderful evening, great and fun.", "boring, slow and a waste of money"]
words = {
    "tfidf": make_pipeline(TfidfVectorizer(), LogisticRegression()),
    "counts": make_pipeline(CountVectorizer(ngram_range=(1, 2)), MultinomialNB()),
    "tfidf_svc": make_pipeline(TfidfVectorizer(stop_words="english"), LinearSVC()),
    "text_search": GridSearchCV(make_pipeline(TfidfVectorizer(), LogisticRegression()),
                                {"logisticregression__C": [1, 10]}, cv=2),
}  # fmt: skip
for kind, model in words.items():
    right(f"{kind}.pkl", model.fit(TEXTS, MOOD), SENTENCES)
right("tfidf.skops", words["tfidf"], SENTENCES)
refused("tfidf_ridge.pkl", make_pipeline(TfidfVectorizer(), Ridge()).fit(TEXTS, np.arange(32.0)),
        "text")  # fmt: skip
digits = make_pipeline(MinMaxScaler(), LogisticRegression()).fit(DIGITS.data, DIGITS.target)
right("digits.joblib", digits, DIGITS.data[:2])

for kind, model in plain.items():
    if kind in ("logistic", "forest", "boosting", "imputed", "svc"):
        right(f"{kind}.skops", model, ROWS)

forest = plain["forest"]
dump = pickle.dumps(forest)
endings = {
    "forest.sav": lambda model, path: Path(path).write_bytes(dump),
    "FOREST.PKL": lambda model, path: Path(path).write_bytes(dump),
    "forest": lambda model, path: Path(path).write_bytes(dump),
    "forest.pickle": lambda model, path: Path(path).write_bytes(dump),
    "forest.model": lambda model, path: joblib.dump(model, path),
    "forest.jbl": lambda model, path: joblib.dump(model, path),
    "forest.joblib.gz": lambda model, path: joblib.dump(model, path),
    "forest.pkl.gz": lambda model, path: Path(path).write_bytes(gzip.compress(dump)),
    "forest.pkl.bz2": lambda model, path: Path(path).write_bytes(bz2.compress(dump)),
    "small.joblib": lambda model, path: joblib.dump(model, path, compress=3),
    "xz.joblib": lambda model, path: joblib.dump(model, path, compress=("xz", 3)),
    "old.pkl": lambda model, path: Path(path).write_bytes(pickle.dumps(model, 0)),
    "two.pkl": lambda model, path: Path(path).write_bytes(pickle.dumps(model, 2)),
}
for file, save in endings.items():
    right(file, forest, ROWS, save)
refused("forest.joblib.lz4", forest, "lz4", lambda m, p: joblib.dump(m, p, compress="lz4"))
refused("lz4.joblib", forest, "lz4", lambda m, p: joblib.dump(m, p, compress="lz4"))

scaler = StandardScaler().fit(WINE.data)
bare = LogisticRegression().fit(scaler.transform(WINE.data), WINE.target)
refused("bundle.pkl", {"model": bare, "scaler": scaler, "columns": list(WINE.data)}, "scaler")
refused("pair.joblib", (TfidfVectorizer().fit(TEXTS), bare), "Pipeline")
refused("list.pkl", [scaler, bare], "Pipeline")
alone = RandomForestClassifier(5, random_state=0).fit(IRIS.data, SPECIES)
refused("named.pkl", {"model": alone, "columns": ["a", "b", "c", "d"], "accuracy": 0.97}, "model")
refused("scaler.pkl", scaler, "StandardScaler")
refused("pca_alone.joblib", PCA(2).fit(IRIS.data), "PCA")
refused("vectorizer.pkl", TfidfVectorizer().fit(TEXTS), "TfidfVectorizer")
refused("preprocessing.joblib", columns().fit(PEOPLE), "ColumnTransformer")
refused("unfitted.pkl", RandomForestClassifier(), "fit")
refused("table.pkl", PEOPLE, "pandas")
refused("array.pkl", IRIS.data, "numpy")
many = CountVectorizer(analyzer="char", ngram_range=(1, 3)).fit(TEXTS)
refused("no_vectorizer.pkl", MultinomialNB().fit(many.transform(TEXTS), MOOD), "vectorizer")


class Halver(StandardScaler):
    """A transformer of the script itself."""


refused("own_class.pkl", make_pipeline(Halver(), LogisticRegression()).fit(IRIS.data, SPECIES),
        "Halver")  # fmt: skip

# What less known parts of the library make.
numeric = {
    "calibrated": CalibratedClassifierCV(LinearSVC(), cv=3),
    "one_vs_rest": OneVsRestClassifier(LogisticRegression()),
    "one_vs_rest_svm": OneVsRestClassifier(LinearSVC()),
    "one_vs_one": OneVsOneClassifier(LinearSVC()),
    "ada": AdaBoostClassifier(n_estimators=5, random_state=0),
    "bagging": BaggingClassifier(n_estimators=3, random_state=0),
    "extra": ExtraTreesClassifier(5, random_state=0),
    "process": GaussianProcessClassifier(),
    "lda": LinearDiscriminantAnalysis(),
    "ridge_classifier": RidgeClassifier(),
    "centroid": NearestCentroid(),
    "dummy": DummyClassifier(),
    "selected": make_pipeline(SelectKBest(f_classif, k=2), LogisticRegression()),
    "rfe": RFE(LogisticRegression(), n_features_to_select=2),
    "log": make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()),
    "bins": make_pipeline(KBinsDiscretizer(3), LogisticRegression()),
    "quantile": make_pipeline(QuantileTransformer(n_quantiles=20), PowerTransformer(), LogisticRegression()),
    "knn_imputed": make_pipeline(KNNImputer(), RobustScaler(), LogisticRegression()),
    "scored": GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]},
                           scoring=make_scorer(balanced_accuracy_score)),
}  # fmt: skip
for kind, model in numeric.items():
    model.fit(IRIS.data, SPECIES)
    if hasattr(model, "n_features_in_"):
        right(f"{kind}.joblib", model, ROWS)
    else:  # the dummy of some versions
        refused(f"{kind}.joblib", model, "how many columns")
more = {
    "svr": make_pipeline(StandardScaler(), SVR()),
    "mlp_regressor": make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(4,), random_state=0)
    ),
    "lasso": Lasso(),
    "kernel_ridge": KernelRidge(),
    "stacking_regressor": StackingRegressor([("a", Ridge()), ("b", Lasso())]),
    "voting_regressor": VotingRegressor([("a", Ridge()), ("b", Lasso())]),
    "neighbors_regressor": KNeighborsRegressor(),
    "spline": make_pipeline(SplineTransformer(), Ridge()),
}
for kind, model in more.items():
    right(f"{kind}.pkl", model.fit(DIABETES.data, DIABETES.target), DIABETES.data.iloc[:2])
right("pls.pkl", PLSRegression(2).fit(body.data, body.target), body.data[:2])
for kind, model in {"birch": Birch(n_clusters=3), "shift": MeanShift()}.items():
    right(f"{kind}.joblib", model.fit(IRIS.data), ROWS, None, cluster)
for kind, model in {
    "envelope": EllipticEnvelope(random_state=0),
    "sgd_one": SGDOneClassSVM(),
}.items():
    right(f"{kind}.joblib", model.fit(IRIS.data), odd, None, side)

coded = pd.DataFrame(
    {"size": RANDOM.integers(1, 4, 90), "new": RANDOM.random(90) > 0.5, "x": RANDOM.random(90)}
)
sold = np.where((coded["size"] == 2) ^ coded.new, "yes", "no")
encoders = ColumnTransformer(
    [("c", OneHotEncoder(), slice(0, 1)), ("b", OrdinalEncoder(), [False, True, False])],
    remainder=StandardScaler(),
)
right("coded.pkl", make_pipeline(encoders, GradientBoostingClassifier(n_estimators=5)).fit(coded, sold),
      coded.iloc[[0, 1, 2]])  # fmt: skip
by_type = ColumnTransformer(
    [
        ("n", StandardScaler(), make_column_selector(dtype_include=float)),
        ("c", OneHotEncoder(), make_column_selector(dtype_exclude=float)),
    ]
)
right("by_type.pkl", make_pipeline(by_type, LogisticRegression()).fit(PEOPLE, SURVIVED),
      PEOPLE.iloc[:2])  # fmt: skip
by_number = ColumnTransformer(
    [
        ("n", StandardScaler(), make_column_selector(dtype_include=np.number)),
        ("c", OneHotEncoder(), make_column_selector(dtype_exclude=np.number)),
    ]
)
right("by_number.pkl", make_pipeline(by_number, LogisticRegression()).fit(PEOPLE, SURVIVED),
      PEOPLE.iloc[:2])  # fmt: skip
with contextlib.suppress(ImportError):  # before 1.5
    from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV

    rare = np.where(SPECIES == SPECIES[-1], "yes", "no")
    sure = FixedThresholdClassifier(LogisticRegression(), threshold=0.95, pos_label="yes")
    recall = make_scorer(recall_score, pos_label="yes")
    tuned = TunedThresholdClassifierCV(LogisticRegression(C=0.01), scoring=recall)
    for file, model in {"threshold.joblib": sure, "tuned.pkl": tuned}.items():
        model.fit(IRIS.data, rare)
        plain = model.estimator_.predict(IRIS.data)
        right(file, model, IRIS.data[model.predict(IRIS.data) != plain][:2])
        for entry in TRUTH[-2:]:  # the answer contradicts it
            del entry["probability"]
array = PEOPLE.to_numpy(object)
by_index = ColumnTransformer([("c", OneHotEncoder(), [2, 3])], remainder=SimpleImputer())
unnamed = make_pipeline(by_index, LogisticRegression()).fit(array, SURVIVED)
joblib.dump(unnamed, "unnamed.joblib")
for row in array[:2]:
    TRUTH.append({"file": "unnamed.joblib", "input": list(row), "expect": "right",
                  "answer": str(unnamed.predict([row])[0]),
                  "probability": float(unnamed.predict_proba([row]).max())})  # fmt: skip
hist = HistGradientBoostingClassifier(max_iter=5, categorical_features=[0])
right("hist_coded.pkl", hist.fit(coded[["size", "x"]], sold), coded[["size", "x"]].iloc[:2])
right("hashing.pkl", make_pipeline(HashingVectorizer(n_features=64), LogisticRegression()).fit(
    TEXTS, MOOD), SENTENCES)  # fmt: skip
right("svd.pkl", make_pipeline(TfidfVectorizer(), TruncatedSVD(3), LogisticRegression()).fit(
    TEXTS, MOOD), SENTENCES)  # fmt: skip
right("text_kmeans.pkl", make_pipeline(TfidfVectorizer(), KMeans(2, n_init=1, random_state=0)).fit(
    TEXTS), SENTENCES, None, cluster)  # fmt: skip
encoder = LabelEncoder().fit(SPECIES)
refused(
    "encoder.pkl", make_pipeline(StandardScaler().fit(IRIS.data), encoder, bare), "LabelEncoder"
)
refused("dbscan.pkl", DBSCAN().fit(IRIS.data), "DBSCAN")
refused("lof.pkl", LocalOutlierFactor().fit(IRIS.data), "novelty")
refused("random_search.pkl", RandomizedSearchCV(Ridge(), {"alpha": uniform(0, 1)}, n_iter=2).fit(
    IRIS.data, IRIS.target), "best_estimator_")  # fmt: skip
flags = np.stack([IRIS.target > 0, IRIS.target > 1], 1).astype(int)
refused("multilabel.pkl", OneVsRestClassifier(LogisticRegression()).fit(IRIS.data, flags),
        "several classes")  # fmt: skip
refused("multilabel_mlp.pkl", MLPClassifier((4,)).fit(IRIS.data, flags), "several classes")
refused("dicts.pkl", make_pipeline(DictVectorizer(), LogisticRegression()).fit(
    [{"a": 1}, {"b": 2}], ["x", "y"]), "DictVectorizer")  # fmt: skip
refused("counts_only.pkl", make_pipeline(TfidfTransformer(), LogisticRegression()).fit(
    many.transform(TEXTS), MOOD), "TfidfTransformer")  # fmt: skip
refused("regression_of_pixels.pkl", Ridge().fit(RANDOM.random((9, 784)), np.arange(9.0)), "784")


# Other packages, which no lock has.
import imblearn.pipeline
import lightgbm

refused("lightgbm.pkl", lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(
    IRIS.data, SPECIES), "lightgbm")  # fmt: skip
refused("imblearn.pkl", imblearn.pipeline.make_pipeline(
    StandardScaler(), LogisticRegression()).fit(IRIS.data, SPECIES), "imblearn")  # fmt: skip

Path("truth.json").write_text(json.dumps(TRUTH, indent=1))
