"""Keras: the architecture as JSON, in .keras and .h5; and TensorFlow's SavedModel."""

import re
from pathlib import Path

from . import keras_layers
from .common import Archive, Unusable, in_command, numbered, parsed
from .hdf5 import attribute
from .pixels import CAFFE
from .protobuf import Message, axes
from .unserved import TOKENS, is_column, refuse_unserved

LIMIT = 8 * 2**20  # bytes of an architecture; NASNetLarge has 1.0 MB
SAVE = "save the whole model with model.save('model.keras')"
MADE_UP = re.compile(r"(sequential|functional|model|data_augmentation)(_\d+)?")  # names
KNOWN = re.compile(
    r"vgg|resnet|densenet|mobilenet|xception|inception|nasnet|efficientnet|convnext", re.IGNORECASE
)
# Networks that take pixels.CAFFE, by the names of their layers or their own.
CAFFE_LAYERS = {"resnet", "vgg"}
CAFFE_NAMES = re.compile(r"resnet(50|101|152)|vgg(16|19)")
DTYPES = numbered(  # TensorFlow's
    "float32 float64 int32 uint8 int16 int8 string complex64 int64 bool qint8 quint8 "
    "qint32 bfloat16 qint16 quint16 uint16 complex128 float16"
)


def archive(members: Archive, path: Path) -> dict:
    """Read a .keras file."""
    version = str(parsed(members.read("metadata.json", LIMIT)).get("keras_version"))
    if version.startswith("2."):  # Keras 3 loads hardly any of them
        _refuse_old(path, f"a .keras file of Keras {version}")
    return _model(parsed(members.read("config.json", LIMIT)), path)


def hdf5(data, path: Path) -> dict:
    """Read a .h5 file: Keras writes the architecture as JSON into an attribute."""
    config = attribute(data, "model_config")
    if config is None:
        raise Unusable(f"{path.name} contains weights or other data but no architecture: {SAVE}.")
    compiled = attribute(data, "training_config")
    return _model(parsed(config) | {"compile_config": parsed(compiled or "{}")}, path)


def saved_model(data, path: Path) -> dict:
    """Read the serving signature, TensorFlow's default; Keras writes it too."""
    signatures = Message(data, 0, len(data)).all(2, 5)
    signatures = {signature.text(1): signature.get(2) for signature in signatures}
    served = signatures.get("serving_default")
    if not served:
        name = in_command(path.name, "FOLDER")
        raise Unusable(
            f"{path.name} has no signature serving_default, which says how it is called: save it "
            f"with model.export('{name}') in Keras, or with tf.saved_model.save(model, "
            f"'{name}', signatures=function) and a tf.function that has an input_signature."
        )
    inputs, outputs = (
        sorted(
            (entry.text(1), DTYPES.get(entry.get(2, 2)), axes(entry.get(2, 3), 2))
            for entry in served.all(number)
        )
        for number in (1, 2)
    )
    refuse_unserved(path, inputs, outputs)
    _refuse_several(path, [name for name, *_ in outputs])
    count = (outputs[0][2] or ()) if outputs else ()
    metadata = _metadata(path / "keras_metadata.pb")
    if [shape for *_, shape in inputs] != [(None, None)]:
        metadata.pop("n_features", None)
    return {
        "inputs": inputs,
        "outputs": outputs,
        "n_outputs": count[1] if len(count) == 2 else None,
        **_columns(inputs, {}),
        **metadata,
    }


def _metadata(path: Path) -> dict:
    """Return what the configuration tells that Keras 2 writes beside a SavedModel."""
    if not path.is_file() or path.stat().st_size > LIMIT:
        return {}
    data = path.read_bytes()
    nodes = {node.text(3): node for node in Message(data, 0, len(data)).all(1)}
    model, first = (
        parsed(nodes[name].text(5)) if name in nodes else {}
        for name in ("root", "root.layer_with_weights-0")
    )
    # Of a Normalization that is the first layer, the input may be of any number of columns.
    is_normalized = first.get("class_name") == "Normalization"
    built = (first.get("build_input_shape") or {}).get("items") if is_normalized else None
    if model.get("class_name") not in ("Functional", "Model", "Sequential"):
        return {}
    return {
        "scores": keras_layers.scores(model, model.get("training_config")),
        "pixels": keras_layers.scaling(model).pixels,
        "n_features": built[1] if built and len(built) == 2 else None,
    }


def _refuse_old(path: Path, what: str) -> None:
    file, folder = in_command(path.name), in_command(path.stem, "FOLDER")
    raise Unusable(
        f"{path.name} is {what}, which Keras 3 does not load: convert it to a SavedModel with "
        f'pip install tf_keras and python -c "import tf_keras; tf_keras.models.load_model('
        f"'{file}').save('{folder}')\", and give the folder {folder}."
    )


def _refuse_parts_of_keras_2(model: dict, shapes: list[tuple], path: Path) -> None:
    """Refuse what Keras 3 does not load of Keras 2: models and operations as layers, and more.

    Args:
        model: of a file of Keras 2.
        shapes: of its inputs.
        path: of the file.
    """
    for layer in keras_layers.layers(model):
        if keras_layers.layers(layer) or "OpLambda" in layer["class_name"]:
            kind = layer["class_name"]
            _refuse_old(path, f"saved by Keras 2 with a layer of the class {kind}")
        if layer["class_name"] == "Normalization" and shapes == [(None, None)]:
            raise Unusable(
                f"{path.name} does not say how many columns its Normalization takes, and no Keras "
                "loads it so: write that number into the file, here 9, with pip install h5py and "
                f"python -c \"import h5py; c = h5py.File('{in_command(path.name)}', 'r+').attrs; "
                "c['model_config'] = c['model_config'].replace('[null, null]', '[null, 9]')\"."
            )


def _refuse_several(path: Path, outputs: list[str]) -> None:
    if len(outputs) > 1:
        raise Unusable(
            f"{path.name} gives {len(outputs)} outputs ({', '.join(outputs)}), and a page here "
            "shows one: save it with one, as keras.Model(model.inputs, "
            "model.outputs[0]).save('one.keras') does."
        )


def _model(model: dict, path: Path) -> dict:
    """Read a model's configuration, of any version and from either format."""
    configs = _refuse_code(model, path)
    inputs = _inputs(model)
    if any("batch_input_shape" in config for config in configs):
        _refuse_parts_of_keras_2(model, [shape for *_, shape in inputs], path)
    # A Sequential without an Input has the batch of its last training, which binds nobody.
    if model["class_name"] == "Sequential" and not any(each.get("stateful") for each in configs):
        inputs = [(name, dtype, (None, *shape[1:])) for name, dtype, shape in inputs]
    _refuse_several(path, keras_layers.outputs(model))
    ahead = list(keras_layers.forward(model))
    past = [each for each in ahead if not keras_layers.KEEPS.fullmatch(each["class_name"])]
    is_text = bool(inputs) and inputs[0][1] == "string"  # with its tokenizer inside
    if not is_text and any(each["class_name"] == "Embedding" for each in past[:2]):
        raise Unusable(f"{path.name} takes {TOKENS}.")
    shape = keras_layers.shape(model)
    models = [model, *(each for each in ahead if keras_layers.layers(each))]
    name = _network(models)
    pixels = keras_layers.scaling(model).pixels if len(inputs) == 1 else None
    is_coloured = [shape[-1] for *_, shape in inputs if len(shape) == 4] == [3]
    made_of = {keras_layers.network(each) for each in models}
    is_known = made_of & CAFFE_LAYERS or CAFFE_NAMES.fullmatch(name or "")
    is_caffe = not pixels and is_coloured and bool(is_known)
    compiled = model.get("compile_config")
    scores = keras_layers.scores(model, compiled)
    several = [n for n in (shape or ())[1:] if n != 1]
    if scores == "class logits" and shape and len(shape) == 2:
        _refuse_logits_of_several(path, keras_layers.loss(compiled)[0], shape[1] or 1)
    return {
        "inputs": inputs,
        "outputs": [(keras_layers.outputs(model)[0], "float32", shape)] if shape else [],
        "n_outputs": (several or [1])[0] if shape and len(shape) == 2 else None,
        "scores": scores,
        "pixels": CAFFE if is_caffe else pixels,
        "weights": [(_dtype(config), 1) for config in configs if "trainable" in config],
        "layers": sum("trainable" in config for config in configs),
        "name": name,
        **_columns(inputs, _categories(model)),
    }


def _network(models: list[dict]) -> str | None:
    """Return the name of a model or of one in it: a known network's before one that is given."""
    names = [keras_layers.name(each) for each in models]
    named = [each for each in names if each and not MADE_UP.fullmatch(each)]
    known = [each for each in named if KNOWN.match(each)]
    made_of = filter(None, map(keras_layers.network, models))
    return next(iter([*known, *made_of, *named]), None)


def _refuse_logits_of_several(path: Path, loss: str, count: int) -> None:
    """Refuse labels that do not exclude each other, and have no probabilities yet."""
    if loss.startswith("binary") and count > 1:
        file, other = in_command(path.name), in_command(f"sigmoid_{path.stem}.keras")
        raise Unusable(
            f"{path.name} was trained with a binary crossentropy from logits and gives {count} of "
            "them, one for each label alone: end it with the sigmoid that makes probabilities of "
            f"them, by python -c \"import keras; m = keras.saving.load_model('{file}', "
            "compile=False); keras.Model(m.inputs, keras.layers.Activation('sigmoid')(m.outputs[0]))"
            f".save('{other}')\"."
        )


def _refuse_code(model: dict, path: Path) -> list[dict]:
    """Refuse layers that are not Keras's own; return the configurations of all layers."""
    layers, custom, code = [], set(), set()
    todo = [model | {"compile_config": None}]  # not needed here
    while todo:
        item = todo.pop()
        if isinstance(item, list):
            todo += item
        if not isinstance(item, dict):
            continue
        todo += item.values()
        kind, config = item.get("class_name"), item.get("config")
        if kind == "function":
            custom.add(str(config))
        elif isinstance(config, dict) and ("module" in item or "name" in config):
            layers.append(config)
            if kind == "RandomRotation" and "value_range" in config:
                raise Unusable(
                    f"{path.name} has a RandomRotation of an older Keras 3, which the current one "
                    "does not load: give the folder that model.export('saved') writes there."
                )
            module = str(item.get("module", "keras")).partition(".")[0]
            if ">" in kind or ">" in str(item.get("registered_name")) or module != "keras":
                custom.add(item.get("registered_name") or kind)
            elif "Lambda" in kind and "OpLambda" not in kind:  # operations of Keras 2
                code.add(kind)
    if code:
        raise Unusable(
            f"{path.name} has layers that contain code ({', '.join(sorted(code))}), and Keras "
            "refuses them in safe mode: replace them by built-in layers such as Rescaling, or "
            "give the folder that model.export('saved') writes."
        )
    if custom:
        raise Unusable(
            f"{path.name} has parts that are defined in your code ({', '.join(sorted(custom))}) "
            "and not in the file: give the folder that model.export('saved') writes, which needs "
            "no code."
        )
    return layers


def _columns(inputs: list[tuple], categories: dict[str, str]) -> dict:
    """Return the columns of a model that takes each as an input."""
    if len(inputs) < 2 or not all(is_column(shape) for *_, shape in inputs):
        return {}
    texts = {name for name, dtype, _ in inputs if dtype == "string"}
    names = tuple(name for name, *_ in inputs)
    values = [categories.get(name, "a text") if name in texts else 0.0 for name in names]
    return {"features": names, "n_features": len(names), "values": values if texts else ()}


def _categories(model: dict) -> dict[str, str]:
    """Return a text of each column, from its StringLookup."""
    found = {}
    for layer in keras_layers.layers(model):
        words = layer["config"].get("vocabulary") if isinstance(layer["config"], dict) else None
        before = keras_layers.sources(layer)
        if before and isinstance(words, list) and words and isinstance(words[0], str):
            found[before[0]] = words[0]
    return found


def _dtype(layer: dict) -> str:
    policy = layer.get("dtype") or "float32"
    name = policy["config"]["name"] if isinstance(policy, dict) else policy
    return "float32" if name.startswith("mixed_") else name


def _inputs(model: dict) -> list[tuple]:
    """Return the input layers, or the shape the model was built with."""
    config = model["config"]
    layers = config if isinstance(config, list) else config.get("layers") or []
    inputs = [layer["config"] for layer in layers if layer["class_name"] == "InputLayer"]
    if layers and not inputs:  # Keras 2: the first layer or nested model has it
        first = layers[0]["config"]
        if "layers" in first:
            return _inputs(layers[0])
        inputs = [first] if "batch_input_shape" in first else []
    order = {name: n for n, name in enumerate(keras_layers.ends(model, "input_layers"))}
    inputs.sort(key=lambda each: order.get(each["name"], 0))  # the layers go by depth
    built = (model.get("build_config") or {}).get("input_shape")
    if built and not inputs:
        inputs = [{"name": "input", "batch_shape": built}]
    for each in inputs:
        each.setdefault("batch_shape", each.get("batch_input_shape"))
    return [(each["name"], _dtype(each), tuple(each["batch_shape"])) for each in inputs]
