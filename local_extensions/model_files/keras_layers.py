"""Layers of a Keras model's configuration, of any version: what goes in and what comes out."""

import math
import re
from collections.abc import Generator, Iterator
from typing import Any

from .pixels import Affine

Layer = dict[str, Any]  # as the configuration has it: class_name, config, inbound_nodes
# Layers that leave pixels as they are, or do so when the model is not trained.
KEEPS = re.compile(
    r"InputLayer|Random\w+|Resizing|CenterCrop|(Spatial)?Dropout\w*|Gaussian\w+|ZeroPadding2D"
    r"|Reshape|Permute|Cast|Identity|Flatten|Squeeze|ExpandDims|Transpose"
)
SCORES = {  # by the activation of the last layer
    "softmax": "probabilities",
    "sigmoid": "independent",
    "hard_sigmoid": "independent",
    "linear": "logits",
    "log_softmax": "class logits",
}
# Layers whose output has the shape of their input.
SAME = re.compile(
    r"Activation|Softmax|Identity|Cast|BatchNormalization|\w*Dropout\w*|(Leaky)?ReLU|Rescaling"
)
POOLS = r"Global\w+Pooling2D"
SELECTS = ("GetItem", "Stack")  # channels, as preprocess_input puts blue first
CLASSIFIED = re.compile(r"\bacc|accuracy|\bauc\b|precision|recall")  # metrics of classes
# Losses of numbers that are no scores of classes: their names in lower case, without "_".
REGRESSION = re.compile(
    r"mse|mae|mape|msle|mean(squared|absolute)(percentage|logarithmic)?error|huber(loss)?"
    r"|logcosh|poisson|cosine(similarity|proximity)"
)
# Layers that tell a network of keras.applications where a model is made of its layers.
NETWORKS = {
    "vgg": {"block1_conv2", "block1_pool", "block5_conv3"},
    "resnet": {"conv1_conv", "conv1_bn", "conv2_block1_out"},
    "resnetv2": {"conv1_conv", "conv2_block1_preact_bn"},
    "densenet": {"conv1_conv", "conv2_block1_0_bn"},
    "mobilenet": {"conv1", "conv_dw_1", "conv_pw_13"},
    "mobilenetv2": {"Conv1", "bn_Conv1", "expanded_conv_project"},
    "xception": {"block1_conv1_bn", "block14_sepconv2"},
    "inception_v3": {"mixed0", "mixed10"},
    "inception_resnet_v2": {"mixed_5b", "conv_7b"},
    "nasnet": {"stem_conv1", "reduction_conv_1_stem_1"},
}


def layers(model: Layer) -> list[Layer]:
    """Return the layers of a model, as a list; none for a layer."""
    config = model.get("config")
    found = config if isinstance(config, list) else (config or {}).get("layers")
    return found if isinstance(found, list) else []


def name(layer: Layer) -> str:
    """Return a layer's name."""
    config = layer.get("config")
    own = config.get("name") if isinstance(config, dict) else None
    return layer.get("name") or own or ""


def sources(layer: Layer) -> list[str]:
    """Return the names of the layers whose output goes in."""
    found, todo = [], [layer.get("inbound_nodes")]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            history = item.get("keras_history")
            found += history[:1] if history else []
            todo += reversed(item.values())
        elif isinstance(item, list) and item:
            is_tensor = isinstance(item[0], str) and [*map(type, item[1:3])] == [int, int]
            if is_tensor:  # Keras 2: [name, node, tensor, arguments]
                found.append(item[0])
            else:
                todo += reversed(item)
    return found


def outputs(model: Layer) -> list[str]:
    """Return the names of the layers that give a model's outputs."""
    return ends(model, "output_layers") or [name(layer) for layer in layers(model)[-1:]]


def ends(model: Layer, of: str) -> list[str]:
    """Return the names in "input_layers" or "output_layers", in the order of its tensors.

    They are a name, a list or a dictionary; a Sequential has none.
    """
    given = (model["config"] if isinstance(model["config"], dict) else {}).get(of) or []
    if isinstance(given, list) and given and isinstance(given[0], str):
        return given[:1]
    return [each[0] for each in (given.values() if isinstance(given, dict) else given)]


def forward(model: Layer) -> Generator[Layer, None, bool]:
    """Yield the layers from the input on, into nested models, up to the first fork.

    Returns whether there was none.
    """
    inside = layers(model)
    is_graph = any(layer.get("inbound_nodes") for layer in inside)
    users: dict[str, list[int]] = {}  # of each layer's output
    for n, each in enumerate(inside):
        for source in {*sources(each)}:
            users.setdefault(source, []).append(n)
    at = 0
    while 0 <= at < len(inside):
        layer = inside[at]
        if layers(layer):
            yield layer
            if not (yield from forward(layer)):
                return False
        else:
            yield layer
        if is_graph:
            (*others, after) = users.get(name(layer), [-1])
            if after < 0:
                return True
            if others:  # one for each channel, which are stacked again
                kinds = {inside[n]["class_name"] for n in (*others, after)}
                joined = {n for fork in (*others, after) for n in users.get(name(inside[fork]), [])}
                if kinds != {"GetItem"} or len(joined) != 1:
                    return False
                (after,) = joined
            if after <= at:
                return False
            at = after
        else:
            at += 1
    return True


def backward(model: Layer) -> Iterator[Layer]:
    """Yield the layers from the output back, into nested models, by the first of their inputs."""
    inside = {name(layer): layer for layer in layers(model)}
    order = list(inside)
    place = {each: n for n, each in enumerate(order)}
    is_graph = any(each.get("inbound_nodes") for each in inside.values())
    at = (outputs(model) or [""])[0]
    for _ in order:
        layer = inside.get(at)
        if not layer:
            return
        yield from backward(layer) if layers(layer) else [layer]
        before = sources(layer)
        if before:
            at = before[0]
        elif place[at] and not is_graph:
            at = order[place[at] - 1]
        else:
            return


def scaling(model: Layer) -> Affine:
    """Return what the first layers do to pixels, as far as they only scale them."""
    found = Affine()
    for layer in forward(model):
        kind = layer.get("class_name", "")
        if layers(layer) or KEEPS.fullmatch(kind) or kind in SELECTS:
            continue
        step = _step(layer, kind)
        if not step:
            break
        found = found.then(*step, kind)
    return found


def _step(layer: Layer, kind: str) -> tuple[float, float] | None:
    """Return scale and offset of a layer, or of arithmetic with a constant."""
    config = layer["config"]
    if kind == "Rescaling":
        scale, offset = _mean(config.get("scale")), _mean(config.get("offset"))
        return None if scale is None or offset is None else (scale, offset)
    if kind == "Normalization":  # without numbers if it was adapted: they are weights then
        mean, variance = _mean(config.get("mean")), _mean(config.get("variance"))
        if mean is None or not variance or config.get("invert"):
            return None
        return 1 / math.sqrt(variance), -mean / math.sqrt(variance)
    nodes = layer.get("inbound_nodes") or [{}]
    args = nodes[0].get("args", []) if isinstance(nodes[0], dict) else []
    values = [value for arg in args if (value := _mean(arg)) is not None]
    if len(args) != 2 or len(values) != 1:
        return None
    first, value = _mean(args[0]) is None, values[0]
    return {
        "Add": (1.0, value),
        "Subtract": (1.0, -value) if first else (-1.0, value),
        "Multiply": (value, 0.0),
        "TrueDivide": (1 / value, 0.0) if first and value else None,
        "Divide": (1 / value, 0.0) if first and value else None,
    }.get(kind)


def _mean(value: Any) -> float | None:
    """Return the mean of a number or of nested lists of them."""
    if isinstance(value, dict):  # an array or a tensor, as Keras serializes it
        value = (value.get("config") or {}).get("value")
    if isinstance(value, list):
        parts = [_mean(each) for each in value]
        return None if not parts or None in parts else sum(parts) / len(parts)
    return float(value) if isinstance(value, int | float) else None


def network(model: Layer) -> str | None:
    """Return the name of the network of keras.applications that a model is made of."""
    inside = {name(layer) for layer in layers(model)}
    return next((known for known, needed in NETWORKS.items() if needed <= inside), None)


def loss(compiled: Any) -> tuple[str, bool]:
    """Return the loss that a model was trained with, and whether from logits.

    Args:
        compiled: what compile() was given: the loss is a name, a serialized object or function,
            or one for each output in a list or by name.

    Returns:
        Its name in lower case, without "_"; empty if it is not known.
    """
    given, config = (compiled or {}).get("loss"), None
    if isinstance(given, dict) and "class_name" not in given:
        given = [*given.values()]
    if isinstance(given, list):
        given = given[0] if len(given) == 1 else None
    if isinstance(given, dict):
        given, config = given.get("class_name"), given.get("config")
    options = config if isinstance(config, dict) else {}
    text = config if isinstance(config, str) else given  # of a function
    return str(text or "").replace("_", "").lower(), bool(options.get("from_logits"))


def scores(model: Layer, compiled: Any = None) -> str | None:
    """Return what the scores are, by the last layer's activation and the loss."""
    found, (trained, from_logits) = _activation(model), loss(compiled)
    if REGRESSION.fullmatch(trained) and found != "probabilities":
        # A sigmoid's are a picture's pixels; or classes, if their accuracy was looked at.
        is_sigmoid = found == "independent"
        judged = CLASSIFIED.search(str((compiled or {}).get("metrics")).lower())
        return found if judged or is_sigmoid and len(shape(model) or ()) == 4 else "numbers"
    certain = from_logits and "crossentropy" in trained and found in ("logits", None)
    return "class logits" if certain else found


def _activation(model: Layer) -> str | None:
    """Return what the last layer's activation makes of the scores."""
    for layer in backward(model):
        kind, config = layer.get("class_name", ""), layer["config"]
        if kind == "Softmax":
            return "probabilities"
        activation = config.get("activation")
        if isinstance(activation, str) and (activation != "linear" or kind != "Activation"):
            return SCORES.get(activation)
        if not KEEPS.fullmatch(kind) and kind != "Activation":
            return "logits" if re.fullmatch(POOLS, kind) else None
    return None


def shape(model: Layer) -> tuple[int | None, ...] | None:
    """Return the shape of the output, batch axis first; None where no layer tells."""
    for layer in backward(model):
        kind, config = layer.get("class_name", ""), layer["config"]
        given = _given(layer)
        if kind == "Dense":
            return (*(given or (None, None))[:-1], config.get("units"))
        if kind in ("Conv2D", "Conv2DTranspose", "SeparableConv2D"):
            return (None, None, None, config.get("filters"))
        if kind in ("LSTM", "GRU", "SimpleRNN"):
            times = (None,) if config.get("return_sequences") else ()
            return (None, *times, config.get("units"))
        if kind == "Reshape":
            return (None, *(n if n != -1 else None for n in config.get("target_shape", ())))
        if re.fullmatch(POOLS, kind):
            return (None, (given or (None,))[-1])
        if not SAME.fullmatch(kind):
            return None
    return None


def _given(layer: Layer) -> tuple[int | None, ...] | None:
    """Return the shape that a layer was built for; Keras 2 does not say."""
    built = (layer.get("build_config") or {}).get("input_shape")
    return tuple(built) if isinstance(built, list) and built and built[0] is None else None
