"""scikit-learn: fitted models in pickle, joblib and skops files."""

import io
import math
import os
import re
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from . import keras, torch
from .common import CALL, FORM, LIMIT, STEP, Archive, Unusable, in_command, parsed
from .networks import CLASSES
from .pickles import WRAPPER, Odd, Stub, follow, parts, texts, values

PICKLE = rb"\x80[\x02-\x05]|c[\w.]+\n[\w.]+\n"  # protocols 2 to 5, and 0 or 1
PACKED = rb"\x1f\x8b|x[\x01\x5e\x9c\xda]|BZh|\xfd7zXZ\0|]\0\0|\x04\x22M\x18"
PIXELS = 10**6  # columns that may be a picture's
CHOICES = 1000  # categories of a column; more are typed
DEFAULTS = ("statistics_", "mean_", "center_")  # of columns, the likeliest first
SCHEMA = 16 * 2**20  # bytes of a skops schema; a forest of 1000 trees has 15 MB
MARKS = 1_200_000  # its quotes and brackets, or its values
ARRAYS = {"classes_", "categories_", "feature_names_in_", *DEFAULTS}  # that are looked at

# What the pickle of a fitted model names: classes, and functions that take no code, no command
# and no file. All else is refused.
ALLOWED = re.compile(
    r"sklearn\.(?!callback|conftest|datasets|experimental|externals"
    r"|utils\.(?!Bunch|_bunch|_metadata_requests|_tags|_weight_vector))"
    r"((?!tests?\.)\w+\.)*(_?[A-Z]\w*|newObj|__pyx_unpickle_\w+)"
    r"|sklearn\.(feature_selection\._(univariate_selection|mutual_info)"
    r"|metrics\.(_classification|_regression|_ranking|pairwise))"
    r"\.(auc|chi2|[a-z]+\d*_\w+)"  # not the modules that these import, such as np
    r"|sklearn\.metrics\._scorer\._passthrough_scorer|sklearn\.utils\.validation\.check_array"
    r"|sklearn\.compose\._column_transformer\.make_column_selector"
    r"|sklearn\.preprocessing\._function_transformer\._identity"
    r"|_loss\.(Cy[A-Z]\w*|__pyx_unpickle_Cy\w+)"  # sklearn._loss, as Cython names it
    r"|numpy\.(ndarray|matrix|dtype|dtypes\.\w+DType|u?int\d*|float\d*|bool_?|str_|object_|nan"
    r"|number|generic|inexact|floating|complexfloating|(un)?(signed)?integer|flexible|character"
    r"|datetime64|timedelta64|ma\.(core\.)?(MaskedArray|_mareconstruct)"
    r"|_?core\.multiarray\.(_reconstruct|scalar)|_?core\.numeric\._frombuffer"
    r"|((_?core\._multiarray_)?umath\.|_?core\._multiarray_umath\.)?"
    r"(abs|absolute|cbrt|clip|exp|exp2|expm1|log|log10|log1p|log2|sign|sqrt|square)"
    r"|random\._pickle\.__\w+_ctor|random\.(mtrand|_\w+)\.[A-Z]\w*|random\.bit_generator\.Seed\w+"
    r"|random\.bit_generator\.__pyx_unpickle_\w+)"
    r"|scipy\.sparse\.(_?(bsr|coo|csc|csr|dia|dok|lil)\.)?\w+_(matrix|array)"
    r"|scipy\.interpolate\.(\w+\.)?[A-Z]\w*|scipy\.interpolate\.\w+\.interp1d"
    r"|pandas\.core\.(indexes|arrays|dtypes|internals|frame|series)\.([a-z]\w*\.)*[A-Z]\w*"
    r"|pandas\.([A-Z][a-zA-Z]*(Index|Dtype)|Index|Series|DataFrame)|pandas\.arrays\.[A-Z]\w*"
    # What SplineTransformer of 1.3 keeps: it makes an array of numbers, and no more.
    r"|scipy\._lib\.array_api_compat\.numpy\._aliases\.asarray"
    r"|pandas\.core\.indexes\.base\._new_Index"
    r"|pandas\._libs\.(internals\._unpickle_block|arrays\.__pyx_unpickle_\w+)"
    r"|joblib\.numpy_pickle\.NumpyArrayWrapper"
    r"|collections\.(OrderedDict|defaultdict|deque|Counter)|functools\.partial"
    r"|(copyreg|copy_reg)\.(_reconstructor|__newobj__)|_codecs\.encode"
    r"|datetime\.(date|datetime|time|timedelta|timezone)|decimal\.Decimal"
    r"|(builtins|__builtin__)\.(object|bool|int|long|float|complex|str|unicode|bytes|bytearray"
    r"|list|tuple|dict|set|frozenset|slice|range|xrange|map|len|max|min|sum|abs|round)"
)

# What a pickle calls of these. The others are arguments, and would call what they are given.
CALLED = re.compile(
    r"(?!(builtins|__builtin__)\.(map|len|max|min|sum|abs|round)\(|numpy\.(ndarray|matrix)\()"
    r"(?!sklearn\.(\w+\.)*(?!newObj\(|make_column_selector\()_?[a-z]\w*\()"
    r".*\(\)"
)
NOT_CALLED = {"FunctionNode", "MethodNode", "NdArrayNode", "TypeNode"}  # of skops
TRANSFORMERS = re.compile(
    r"sklearn\.(preprocessing|decomposition|feature_extraction|feature_selection\.(?!_rfe)|impute"
    r"|random_projection|kernel_approximation|manifold|compose\._column_transformer)\."
    r"|sklearn\.(pipeline\.FeatureUnion|neighbors\._nca|neural_network\._rbm"
    r"|cluster\._feature_agglomeration|ensemble\._forest\.RandomTreesEmbedding)"
)
ENCODERS = re.compile(r"\._label\.\w+$")  # of answers, not of columns
INNER = ("best_estimator_", "estimator_", "regressor_")  # of a search, and of other wrappers
UNABLE = {  # estimators that know no new rows
    "DBSCAN", "HDBSCAN", "OPTICS", "AgglomerativeClustering", "SpectralClustering",
    "SpectralBiclustering", "SpectralCoclustering", "NearestNeighbors", "KernelDensity",
    "KNeighborsTransformer", "RadiusNeighborsTransformer",
}  # fmt: skip
OUTLIERS = {
    "IsolationForest", "OneClassSVM", "SGDOneClassSVM", "LocalOutlierFactor", "EllipticEnvelope",
}  # fmt: skip
CERTAIN = {  # classifiers without probabilities
    "LinearSVC", "RidgeClassifier", "RidgeClassifierCV", "Perceptron", "OneVsOneClassifier",
    "PassiveAggressiveClassifier", "OutputCodeClassifier",
    # Whose probabilities say less than their answer: the threshold is another than a half.
    "FixedThresholdClassifier", "TunedThresholdClassifierCV",
}  # fmt: skip
ONE_TO_ONE = re.compile(  # steps that leave the columns where they are
    r"sklearn\.(impute\.\w+\.SimpleImputer|preprocessing\._data\.(?!Poly|KernelC|Quant|Power|Norm)"
    r"|preprocessing\._function_transformer)"
)
BOOSTERS = {  # the booster of a package's wrapper `m`, and its own file
    "xgboost": ("m.get_booster()", "model.ubj"),
    "lightgbm": ("m.booster_", "model.txt"),
    "catboost": ("m", "model.cbm"),
}


def pickle(data, path: Path) -> dict:
    """Read a pickle, written by Python's own module or by joblib."""
    with path.open("rb") as file:  # whose lines can be limited, unlike those of `data`
        root, imported = _followed(file, path)
        by_joblib = path.suffix == ".joblib" or WRAPPER in imported
        return _estimator(path, root, imported) | ({"format": "joblib"} if by_joblib else {})


def joblib(data, path: Path) -> dict:
    """Read a file compressed by joblib, up to LIMIT."""
    again = f'joblib.dump(joblib.load("{in_command(path.name)}"), "model.joblib", compress=3)'
    if data[:2] == b"\x04\x22":  # which Python cannot unpack
        raise Unusable(
            f"{path.name} is compressed with lz4, so it is not looked into: save it again "
            f"where lz4 is installed, {again}."
        )
    import bz2
    import lzma
    import zlib

    unpacker = {
        b"BZ": bz2.BZ2Decompressor,
        b"\xfd7": lzma.LZMADecompressor,
        b"]\0": lzma.LZMADecompressor,
    }.get(data[:2], lambda: zlib.decompressobj(47))()  # 47: zlib or gzip
    content = _unpacked(unpacker, data)
    size = content.seek(0, os.SEEK_END)
    if not re.match(PICKLE, content.getbuffer()[:100]):
        raise Unusable(
            f"{path.name} is a compressed file, not in a known model format: unpack it "
            "and give the model in it."
        )
    if size == LIMIT:
        raise Unusable(
            f"{path.name} unpacks to more than {LIMIT // 2**20} MiB, too much to look into: save it "
            f"uncompressed, {again.replace(', compress=3', '')}."
        )
    if not unpacker.eof:
        raise ValueError("cut short")
    content.seek(0)
    root, imported = _followed(content, path)
    return _estimator(path, root, imported)


def _unpacked(unpacker, data) -> io.BytesIO:
    """Return the first LIMIT bytes of compressed data."""
    content, rest, at = io.BytesIO(), b"", 0
    while not unpacker.eof and (left := LIMIT - content.tell()):
        if not rest and getattr(unpacker, "needs_input", True):
            rest, at = data[at : at + STEP], at + STEP
            if not rest:
                break
        content.write(unpacker.decompress(rest, min(left, STEP)))
        rest = getattr(unpacker, "unconsumed_tail", b"")  # of zlib alone
    return content


def _followed(stream, path: Path) -> tuple[object, list[str]]:
    """Return the object of a pickle and the names that it imports."""
    try:
        root, imported, ids = follow(stream)
    except Odd as odd:
        raise Unusable(
            f"{path.name} {odd}, which no library writes of a model and which can hide code. If you "
            'did not make it, do not load it; else save it with joblib.dump(model, "model.joblib").'
        ) from None
    if ids or stream.read(1):
        what = "refers to objects outside of it" if ids else "has more behind its first object"
        raise Unusable(
            f"{path.name} {what}, so it is not one model: save one pipeline that does it all, with "
            'joblib.dump(model, "model.joblib").'
        )
    return root, imported


def skops(members: Archive, path: Path) -> dict:
    """Read a skops schema: a pickle's tree as JSON, with the arrays in separate files."""

    def build(node: dict, key: str = ""):
        kind, content = node["__loader__"], node.get("content")
        if kind == "JsonNode":
            return parsed(content)
        if kind == "DictNode":
            return {key: build(item, key) for key, item in content.items()}
        if kind in ("ListNode", "TupleNode") or isinstance(content, list):
            return [build(item, key) for item in content]
        stub = Stub(_named(node))
        if kind == "ObjectNode" and content:
            stub.state = build(content)
        elif kind == "SliceNode" and content:
            stub.args = [content.get(part) for part in ("start", "stop", "step")]
        elif key in ARRAYS and node.get("type") == "numpy":
            stub.read = partial(members.read, node["file"])
        return stub

    try:
        text = members.read("schema.json", SCHEMA).decode("ascii")  # as skops writes it
        if text.count(",") > MARKS:
            raise OverflowError(f"JSON with more than {MARKS:,} values")
        schema = parsed(text, most=MARKS)
        root = build(schema)
    except OverflowError as error:  # probably a forest, or a vocabulary
        raise Unusable(
            f"{path.name} has a schema.json with too much to look into ({error}): save the model "
            'with joblib.dump(model, "model.joblib").'
        ) from None
    return _estimator(path, root, [*_names(schema)])


def _names(schema: dict) -> Iterator[str]:
    """Yield what a skops schema names in any part of a node; with "()", what is called."""
    todo: list = [schema]
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            todo += node
        elif isinstance(node, dict):
            todo += node.values()
            if "__loader__" in node and node["__loader__"] != "JsonNode":
                yield _named(node)
                if node["__loader__"] not in NOT_CALLED:
                    yield f"{_named(node)}()"


def _named(node: dict) -> str:
    """Return the name of a skops node's class, with ":" before the name of a method."""
    is_method = node["__loader__"] == "MethodNode"
    method = f":{node['content']['func']}" if is_method else ""
    return f"{node['__module__']}.{node['__class__']}{method}"


def _estimator(path: Path, root, imported: list[str]) -> dict:
    """Read a fitted scikit-learn model."""
    name = path.name
    _refuse_names(path, root, imported)
    _refuse_others(path, root)
    versions = (_state(part).get("_sklearn_version") for part in parts(root))
    version = next((each for each in versions if isinstance(each, str)), None)
    first, last = _part(root, 0, "n_features_in_"), _final(root)
    cls = last.cls.rpartition(".")[2]
    _refuse_useless(path, root, last)

    classes = _part(root, -1, "classes_", "label_binarizer_", "_label_binarizer")
    found = _classes(classes.state)
    takes_text = first.cls.startswith("sklearn.feature_extraction.text.")
    features = texts(first.state.get("feature_names_in_"))
    count = first.state.get("n_features_in_")
    count = count if type(count) is int and 0 < count < 2**31 else len(features) or None
    if features and count != len(features):
        raise ValueError("names of other columns")
    several = isinstance(found, (list, tuple)) and any(values(each) for each in found)
    kind, scores, labels, notes = "numbers", None, (), []
    if several:
        kind = scores = "classes"
    elif found is not None:
        kind, labels = "scores", _labels(path, values(found) or ())
    elif cls in OUTLIERS:
        kind, labels = "scores", ("outlier", "inlier")
    elif last.cls.startswith(("sklearn.cluster.", "sklearn.mixture.")):
        kind = "clusters"
        size = _state(last).get("n_clusters") or _state(last).get("n_components")
        if takes_text and type(size) is int and 0 < size <= FORM:
            labels = tuple(f"cluster {n}" for n in range(size))
    else:
        scores = "numbers"
    if not (count or takes_text):
        raise Unusable(
            f"{name} does not tell how many columns it takes, so there is no form for it: save it as "
            "the last step of a fitted Pipeline whose first step is a scaler or an imputer."
        )
    is_picture = count and count <= PIXELS and math.isqrt(count) ** 2 == count
    is_class = last.cls.startswith("sklearn.cluster.") or kind == "scores" and _is_certain(last)
    if kind == "clusters":
        notes.append(
            "Its clusters have only numbers: write model/labels.txt, one name a line, to name them."
        )
    if root is last and not (features or takes_text or is_picture):
        notes.append(
            "The file has no preprocessing: if the model was trained with scaled or encoded columns, "
            "save a Pipeline with those steps, or make them in predict() of model.py."
        )
    is_known = count and (count <= PIXELS or features)
    columns = {} if takes_text or not is_known else _columns(root, count)
    return {
        "inputs": [("X", "string" if takes_text else None, count and (None, count))],
        "outputs": [(kind, None, (None, len(labels) or None))],
        "labels": labels,
        "n_outputs": len(labels) or None,
        "features": features,
        "values": tuple(columns.get(n, 0.0) for n in range(count)) if columns else (),
        "n_features": count,
        "name": cls,
        "version": version,
        "scores": "class" if is_class else scores,
        "notes": notes,
    }


def _labels(path: Path, classes: Sequence) -> tuple[str, ...]:
    """Return the names of classes, which are texts or numbers."""
    if len(classes) > CLASSES:
        raise OverflowError(f"more than {CLASSES:,} classes")
    if not all(isinstance(each, str | int | float | bytes | None) for each in classes):
        raise Unusable(
            f"{path.name} has classes that are neither texts nor numbers: fit it with texts, as "
            "y.astype(str), and save it again."
        )
    return tuple(map(str, classes))


def _state(stub: Stub) -> dict:
    return stub.state if isinstance(stub.state, dict) else {}


def _refuse_names(path: Path, root, imported: list[str]) -> None:
    """Raise Unusable if the file names what no scikit-learn model needs."""
    name = path.name
    names = {each for each in imported if not each.endswith("()")}
    odd = sorted(each for each in names if not ALLOWED.fullmatch(each))
    # What was not allowed is named already, and what it is made to call need not be.
    odd = odd or sorted(each for each in {*imported} - names if not CALLED.fullmatch(each))
    if not odd:
        return
    packages = {each.partition(".")[0] for each in odd}
    known = sys.stdlib_module_names | {"__builtin__", "copy_reg", "numpy", "scipy", "pandas"}
    known |= {"joblib", "sklearn", "pip", "setuptools", "cloudpickle", "dill"}
    if harmful := [each for each in odd if each.partition(".")[0] in known - {"__main__"}]:
        search = getattr(root, "cls", "").startswith("sklearn.model_selection.")
        own = "save search.best_estimator_ alone" if search else CALL
        raise Unusable(
            f"{name} names {harmful[0]}, which can run code when it is loaded, and is not among what "
            f"scikit-learn's models are made of. If you did not make it, do not load it; else {own}."
        )
    if foreign := [each for each in odd if each.startswith(("torch.", "keras.", "tensorflow."))]:
        raise Unusable(
            f"{name} contains a pickled {foreign[0]}, and loading it runs code: for PyTorch, "
            f"{torch.SAVE}; for Keras, {keras.SAVE}."
        )
    if "__main__" in packages:
        own = ", ".join(each for each in odd if each.startswith("__main__."))
        raise Unusable(
            f"{name} uses {own}, from the script that saved it, and cannot be loaded "
            "elsewhere: use scikit-learn's own parts in its place, or move the code into a module, "
            f"save the model again, {CALL}."
        )
    if len(packages) == 1 and getattr(root, "cls", "").startswith((*BOOSTERS,)):
        raise Unusable(_booster(path, root.cls, *packages))
    others = ", ".join(sorted(packages))
    raise Unusable(
        f"{name} needs {others} (for {odd[0]}), which the locked packages do not have: {CALL}, "
        f"with {others} in requirements.in."
    )


def _booster(path: Path, cls: str, package: str) -> str:
    """Return how the pickle of a booster, or of its wrapper, becomes the library's own file."""
    booster, file = BOOSTERS[package]
    save = f"{'m' if cls.endswith('.Booster') else booster}.save_model('{file}')"
    if cls.endswith("Classifier") and booster != "m":  # whose file has no names of classes
        save += "; print(*m.classes_, sep='\\n', file=open('labels.txt', 'w'))"
        file += ", beside the labels.txt that it writes"
    source = in_command(path, "model.pkl")
    return (
        f"{path.name} is a pickle of {cls}, which holds Python's objects of {package}'s version: "
        f"run, where it was trained, python -c \"import joblib; m = joblib.load('{source}'); "
        f'{save}", and give {file}.'
    )


def _refuse_others(path: Path, root) -> None:
    """Raise Unusable unless the object is a model, and fitted."""
    kind = root.cls if isinstance(root, Stub) else type(root).__name__
    inside = dict(root) if isinstance(root, dict) else {}
    if isinstance(root, (list, tuple)):
        inside = dict(enumerate(root[:FORM]))
    models = {key: each for key, each in inside.items() if _is_model(each)}
    if models:
        load = f'found = joblib.load("{in_command(path.name)}"); joblib.dump('
        encoders = [key for key, each in models.items() if ENCODERS.search(each.cls)]
        columns = [key for key in models if key not in encoders]
        steps = [key for key in columns if TRANSFORMERS.match(models[key].cls)]
        others = [key for key in columns if key not in steps]
        wanted = f"found[{others[0]!r}]" if others else "model"
        if steps:
            before = ", ".join(f"found[{key!r}]" for key in steps)
            wanted = f"make_pipeline({before}, {wanted})"
        listed = ", ".join(
            f"{key} ({getattr(each, 'cls', type(each).__name__).rpartition('.')[2]})"
            for key, each in inside.items()
        )
        names = ""
        if encoders:
            classes = f"*found[{encoders[0]!r}].classes_, sep='\\n', file=open('labels.txt', 'w')"
            names = f"; print({classes}), beside the labels.txt that it writes"
        one = " (and the same for each of the others)" if len(others) > 1 else ""
        raise Unusable(
            f"{path.name} contains a {kind} of {listed}, not one model: save one that does it all, "
            f'{load}{wanted}, "model.joblib"){names}{one}.'
        )
    if not _is_model(root) or re.match(r"(numpy|pandas|scipy)\.", kind):
        raise Unusable(
            f"{path.name} contains {kind}, not a scikit-learn model: save the fitted model or the "
            "whole pipeline."
        )


def _is_model(value) -> bool:
    return isinstance(value, Stub) and value.cls.startswith("sklearn.") and bool(_state(value))


def _refuse_useless(path: Path, root: Stub, last: Stub) -> None:
    """Raise Unusable if the model is not fitted, or predicts nothing."""
    cls = last.cls.rpartition(".")[2]
    if not any(key.endswith("_") for key in last.state):
        raise Unusable(f"{path.name} contains an unfitted {cls}: call fit and save it again.")
    if TRANSFORMERS.match(last.cls) and not cls.endswith("Classifier"):
        raise Unusable(
            f"{path.name} ends in a {cls}, which transforms and predicts nothing: save the "
            "fitted pipeline of it and the model, as make_pipeline(transformer, model)."
        )
    if cls in UNABLE or (cls == "LocalOutlierFactor" and not last.state.get("novelty")):
        instead = "novelty=True" if cls not in UNABLE else "a model with `predict`, such as KMeans"
        raise Unusable(
            f"{path.name} contains {cls}, which has no answer for new rows: fit {instead}."
        )
    first = _part(root, 0, "n_features_in_").cls
    if first.endswith((".DictVectorizer", ".FeatureHasher", ".TfidfTransformer")):
        raise Unusable(
            f"{path.name} begins with {first.rpartition('.')[2]}, which takes neither columns nor a "
            f"text: {CALL}."
        )
    for part in parts(root):
        state = _state(part)
        steps = [step for _, step in state.get("steps") or () if isinstance(step, Stub)]
        if encoder := next((each.cls for each in steps if ENCODERS.search(each.cls)), None):
            raise Unusable(
                f"{path.name} has {encoder.rpartition('.')[2]} as a step, which takes answers and no "
                "columns, and fails with each row: save the pipeline without it."
            )
        if ".text." in part.cls and state.get("input") in ("filename", "file"):
            raise Unusable(
                f"{path.name} reads its texts from files (input={state['input']!r}), and a page "
                "sends the text itself: set input='content', and fit and save it again."
            )
        by_dtype = state.get("categorical_features") == "from_dtype"
        if by_dtype and state.get("is_categorical_") is not None:
            raise Unusable(
                f"{path.name} takes pandas' categories, which a page does not send: put an "
                "OrdinalEncoder before it, and give its columns as categorical_features."
            )
        kind = state.get("y_type_")
        if isinstance(kind, str) and kind.startswith("multilabel"):
            raise Unusable(
                f"{path.name} gives several classes at once, which no page here shows: {CALL}."
            )


def _final(model: Stub) -> Stub:
    """Return the last step of a pipeline, or the best model of a search."""
    for _ in range(9):
        steps = model.state.get("steps")
        part = steps[-1][1] if steps else model.state.get("best_estimator_")
        if not isinstance(part, Stub) or not _state(part):
            break
        model = part
    return model


def _part(model: Stub, which: int, *attributes: str) -> Stub:
    """Return the part of a model that has an attribute, by scikit-learn's rule.

    A pipeline takes it from its first or last step, a search from its best model, and an
    ensemble from its models.
    """
    for _ in range(9):
        if any(name in model.state for name in attributes):
            break
        state = model.state
        steps = state.get("steps") or state.get("transformer_list")
        inner = [state[name] for name in INNER if name in state]
        if isinstance(models := state.get("estimators_"), list) and "classes_" not in attributes:
            inner += models
        part = steps[which][1] if steps else next(iter(inner), None)
        if not isinstance(part, Stub) or not _state(part):
            break
        model = part
    return model


def _classes(state: dict):
    """Return the classes of a classifier: an array, or several for several outputs."""
    for name in ("label_binarizer_", "_label_binarizer"):
        if "classes_" not in state and isinstance(state.get(name), Stub):
            return _state(state[name]).get("classes_")
    return state.get("classes_")


def _is_certain(last: Stub) -> bool:
    """Return whether a model answers without probabilities."""
    cls, state = last.cls.rpartition(".")[2], last.state
    inner, chosen = [*(state.get("estimators_") or []), None][0], state.get("estimator_")
    return (
        cls in CERTAIN | OUTLIERS
        or (cls in ("SVC", "NuSVC") and state.get("probability") is not True)
        or (cls == "SGDClassifier" and state.get("loss") not in ("log_loss", "modified_huber"))
        or (cls == "VotingClassifier" and state.get("voting") != "soft")
        or (cls == "OneVsRestClassifier" and isinstance(inner, Stub) and _is_certain(inner))
        or (cls in ("RFE", "RFECV") and isinstance(chosen, Stub) and _is_certain(chosen))
    )


def _columns(root: Stub, count: int) -> dict[int, float | str | tuple]:
    """Return what the fitted steps know of the columns, by index: a value, or categories."""
    known: dict[int, float | str | tuple] = {}
    seen: set[int] = set()

    def learn(part, columns: list[int | None]) -> None:
        if not isinstance(part, Stub) or not _state(part) or id(part) in seen:
            return
        seen.add(id(part))  # once, or a small file could take for ever
        state = part.state
        if ".text." in part.cls:
            known.update({n: "some words" for n in columns if n is not None})
        elif steps := state.get("steps"):
            for _, step in steps:
                learn(step, columns)
                if not (isinstance(step, Stub) and ONE_TO_ONE.match(step.cls)):
                    break
        elif inner := [state[name] for name in INNER if name in state]:
            if "support_" not in state:  # else it knows only the columns that RFE selected
                learn(inner[0], columns)
        elif "transformer_list" in state:
            for _, each in state["transformer_list"]:
                learn(each, columns)
        elif "transformers_" in state:
            for _, each, chosen in state["transformers_"]:
                learn(each, [columns[n] for n in _chosen(chosen, state, len(columns))])
        elif categories := state.get("categories_"):
            for n, each in zip(columns, categories, strict=False):
                if n is not None and (some := [v for v in values(each) or () if _is_value(v)]):
                    # Numbers given before are stand-ins for missing ones.
                    known[n] = tuple(some) if len(some) <= CHOICES else some[0]
        else:
            numbers = next((v for name in DEFAULTS if (v := values(state.get(name)))), ())
            ends = [values(state.get(name)) or [] for name in ("data_min_", "data_max_")]
            if all(isinstance(end, int | float) for end in ends[0] + ends[1]):  # of the range
                numbers = numbers or [(low + high) / 2 for low, high in zip(*ends, strict=False)]
            for n, value in zip(columns, numbers, strict=False):
                if isinstance(value, int | float):
                    value = float(f"{value:.4g}")  # the largest are rounded to infinity
                if n is not None and _is_value(value):
                    known.setdefault(n, value)

    learn(root, list(range(count)))
    return known


def _is_value(value) -> bool:
    return isinstance(value, str) or (isinstance(value, (int, float)) and math.isfinite(value))


def _chosen(chosen, state: dict, count: int) -> list[int]:
    """Return the indices of the columns that a part of a ColumnTransformer takes."""
    names = texts(state.get("feature_names_in_"))
    if isinstance(chosen, Stub):
        if chosen.cls == "builtins.slice":
            start, stop, step = (names.index(a) if a in names else a for a in chosen.args)
            return list(range(count))[start : stop + 1 if chosen.args[1] in names else stop : step]
        chosen = _state(chosen).get("data", values(chosen))
    if isinstance(chosen, (str, int)):
        chosen = [chosen]
    if not isinstance(chosen, (list, tuple)):
        return []
    if len(chosen) == count and all(isinstance(each, bool) for each in chosen):
        return [n for n, each in enumerate(chosen) if each]
    found = (names.index(each) if each in names else each for each in chosen)
    return [n for n in found if isinstance(n, int) and -count <= n < count]
