"""Exports to ONNX that a refusal names: run as they stand, and their files are taken."""

import re
import subprocess

import pytest
from running import install_packages

from local_extensions.kinds import fitting
from local_extensions.model_files import inspect
from ml_ui.sizing.footprint import FORMATS

MODELS = """
import numpy
import pandas
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from skl2onnx import to_onnx
from skl2onnx.common.data_types import StringTensorType

table = pandas.DataFrame({"size": [1.0, 2.0, 3.0, 4.0], "colour": ["red", "blue"] * 2})
texts, y = ["a ball", "some salt", "the match", "more butter"], [0, 1, 0, 1]
columns = make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough")
"""
KINDS = {  # by what the sentence says before the call: the model, its example, and the task
    "": ("LogisticRegression().fit(X.to_numpy(), y)", 'table[["size"]]', "tabular"),
    "with columns of texts, ": (
        "make_pipeline(columns, LogisticRegression()).fit(X, y)",
        'table.astype({"size": "float32"})',
        "tabular",
    ),
    "of a model of texts, ": (
        "make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(X, y)",
        "texts",
        "text-classification",
    ),
}


@pytest.mark.sample("1.20.0-of*")
@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", ["1.20.0", "1.17.0"])
def test_exports_of_scikit_learn(version, kind, bake, tmp_path):
    packages = ["scikit-learn==1.6.1", "numpy<2", "onnx<1.17"] if version == "1.17.0" else []
    python = install_packages(f"skl2onnx-{version}", f"skl2onnx=={version}", "pandas", *packages)
    model, example, task = KINDS[kind]
    sentences = {FORMATS[name]["exports"] for name in ("joblib", "pickle", "skops")}
    (call,) = re.findall(rf"(?:^|; ){kind}(to_onnx\(.+?\))(?:,? |$)(?=of|with)", *sentences)
    code = f"{MODELS}X = {example}; model = {model}; made = {call}.SerializeToString();"
    code += "open('model.onnx', 'wb').write(made)"
    subprocess.run([python / "python", "-c", code], cwd=tmp_path, check=True)
    path = tmp_path / "model.onnx"
    assert fitting(inspect(path)) == [task]
    assert bake(model_path=str(path), platform="browser")
