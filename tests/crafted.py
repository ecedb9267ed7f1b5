"""Model files, written byte by byte: protobuf, pickles and archives."""

import json
import struct
import zipfile
from io import BytesIO

import pytest

from local_extensions.model_files import inspect
from local_extensions.model_files.common import Unusable


def write(folder, filename, content):
    """Write a file and return its path."""
    path = folder / filename
    path.write_bytes(content)
    return path


def refusal(path):
    """What is said of a model that cannot be used: one line of plain text."""
    with pytest.raises(Unusable) as caught:
        inspect(path)
    said = str(caught.value)
    assert said.isprintable(), said
    assert said.endswith((".", "?")) and "Traceback" not in said
    return said


# Protobuf: a field is a number and a value; a message is fields one after another. -------


def varint(number):
    """An integer, seven bits a byte."""
    number %= 2**64
    more = []
    while number > 127:
        more.append(number & 127 | 128)
        number >>= 7
    return bytes([*more, number])


def field(number, value):
    """A field of an integer, a text or a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(number, values):
    """A repeated field."""
    return b"".join(field(number, value) for value in values)


def onnx_input(name, dtype, *axes):
    """A ValueInfoProto; an axis is a size or a name."""
    sizes = (field(2 if isinstance(axis, str) else 1, axis) for axis in axes)
    tensor = field(1, dtype) + field(2, fields(1, sizes))
    return field(1, name) + field(2, field(1, tensor))


def onnx_tensor(name, *sizes, dtype=1, location=None, extra=()):
    """A TensorProto, with its data inside or in another file."""
    head = fields(1, sizes) + field(2, dtype) + field(8, name)
    if location is None:
        return head + field(9, bytes(8))
    place = fields(13, (field(1, k) + field(2, v) for k, v in [("location", location), *extra]))
    return head + place + field(14, 1)


def onnx(*inputs, weights=(), metadata=(), nodes=()):
    """A ModelProto."""
    graph = fields(1, nodes) + field(2, "main") + fields(5, weights) + fields(11, inputs)
    pairs = (field(1, key) + field(2, value) for key, value in metadata)
    return field(1, 8) + field(2, "pytest") + field(7, graph) + fields(14, pairs)


def saved_model(*axes):
    """A SavedModel with one input, a float32, served as Keras does."""
    shape = fields(2, (field(1, axis) for axis in axes))
    tensor = field(1, "x:0") + field(2, 1) + field(3, shape)
    signature = field(1, field(1, "x") + field(2, tensor))
    graph = field(5, field(1, "serving_default") + field(2, signature))
    return field(1, 1) + field(2, graph)


# Pickles: opcodes with their arguments, in protocol 2. -----------------------------------


def text(value):
    """Push a text."""
    value = value.encode()
    return b"X" + struct.pack("<I", len(value)) + value


def number(value):
    """Push an integer."""
    return b"J" + struct.pack("<i", value)


def name(dotted):
    """Import a name and push it."""
    module, _, attribute = dotted.rpartition(".")
    return f"c{module}\n{attribute}\n".encode()


def group(*items):
    """Push a tuple."""
    return b"(" + b"".join(items) + b"t"


def items(**values):
    """Push a dict."""
    return b"}(" + b"".join(text(key) + value for key, value in values.items()) + b"u"


def call(what, *args):
    """Call a name and push the result."""
    return name(what) + group(*args) + b"R"


def made(cls, **state):
    """Push an object with attributes."""
    return name(cls) + b")\x81" + items(**state) + b"b"


def pickled(body):
    """A whole pickle."""
    return b"\x80\x02" + body + b"."


def dtype(kind):
    """Push a NumPy dtype."""
    return call("numpy.dtype", text(kind), b"\x89", b"\x88")


def array(kind, content, size):
    """Push an array as NumPy pickles it; `content` pushes its bytes or its list."""
    empty = call("numpy._core.multiarray._reconstruct", name("numpy.ndarray"), group(number(0)))
    return empty + group(number(1), group(number(size)), dtype(kind), b"\x89", content) + b"b"


def objects(content):
    """Push an array of objects as joblib writes it: a wrapper, and a pickle behind it."""
    return by_joblib("O8", b"", 2)[:-4] + content


def by_joblib(kind, raw, size):
    """Push an array as joblib writes it: a wrapper, and the bytes behind it, aligned."""
    wrapper = made(
        "joblib.numpy_pickle.NumpyArrayWrapper",
        subclass=name("numpy.ndarray"),
        shape=group(number(size)),
        order=text("C"),
        dtype=dtype(kind),
        allow_mmap=b"\x88",
        numpy_array_alignment_bytes=number(16),
    )
    return wrapper + b"\x03\xff\xff\xff" + raw


TEXTS = b"](" + text("width") + text("height") + b"e"  # what pushes a list of two
CLASSES = "cat".ljust(4, "\0") + "bird"  # as NumPy lays out an array of U4
NUMBERS = bytes(range(64))  # not opcodes


def pipeline(columns, classes, coefficients=b"N"):
    """A pickle of a pipeline fitted on two columns, from arrays."""
    scaler = made(
        "sklearn.preprocessing._data.StandardScaler",
        feature_names_in_=columns,
        n_features_in_=number(2),
    )
    model = made(
        "sklearn.linear_model._logistic.LogisticRegression",
        coef_=coefficients,
        classes_=classes,
        n_features_in_=number(3),
    )
    steps = b"](" + group(text("scale"), scaler) + group(text("model"), model) + b"e"
    return pickled(made("sklearn.pipeline.Pipeline", steps=steps, memory=b"N"))


def plain_pipeline():
    """A pipeline as pickle writes it."""
    content = CLASSES.encode("utf-32-le").decode("latin1")
    classes = call("_codecs.encode", text(content), text("latin1"))
    return pipeline(array("O8", TEXTS, 2), array("U4", classes, 2))


def joblib_pipeline():
    """A pipeline as joblib writes it: a pickle for texts, raw bytes for other arrays."""
    columns = objects(pickled(array("O8", TEXTS, 2)))
    classes = by_joblib("U4", CLASSES.encode("utf-32-le"), 2)
    return pipeline(columns, classes, by_joblib("f8", NUMBERS, 8))


def torch_tensor(key, size, storage="FloatStorage"):
    """Push a tensor as PyTorch pickles it."""
    place = group(text("storage"), name(f"torch.{storage}"), text(key), text("cpu"), number(size))
    hooks = name("collections.OrderedDict") + b")R"
    shape, strides = group(number(size)), group(number(1))
    return call(
        "torch._utils._rebuild_tensor_v2", place + b"Q", b"K\0", shape, strides, b"\x89", hooks
    )


def state_dict(**values):
    """Push an OrderedDict."""
    return name("collections.OrderedDict") + b")R" + items(**values)[1:]


WEIGHTS = {
    "weight": torch_tensor("0", 900, "HalfStorage"),
    "steps": torch_tensor("1", 1, "LongStorage"),
}

# Archives and the rest. ------------------------------------------------------------------


def archive(folder="", **members):
    """A zip archive; in a member's name `__` is a slash and `_DOT_` is a dot."""
    with zipfile.ZipFile(file := BytesIO(), "w") as zipped:
        for member, content in members.items():
            content = content if isinstance(content, (str, bytes)) else json.dumps(content)
            zipped.writestr(folder + member.replace("__", "/").replace("_DOT_", "."), content)
    return file.getvalue()


def torch_file(body, **members):
    """What torch.save writes, or torch.jit.save with more members."""
    return archive("model/", data_DOT_pkl=pickled(body), **members)


def layer(kind, module="keras.layers", registered=None, **config):
    """A layer in the configuration of a Keras model."""
    config = {"name": kind.lower(), "trainable": True, "dtype": "float32"} | config
    return {"module": module, "class_name": kind, "config": config, "registered_name": registered}


def keras_config(*layers, name="inception_v3", shape=(None, 299, 299, 3), dtype="float32"):
    """The configuration of a Keras model with an input layer and others."""
    first = {"batch_shape": shape, "dtype": dtype, "name": "input_layer"}
    inputs = {"module": "keras.layers", "class_name": "InputLayer", "config": first}
    config = {"name": name, "layers": [inputs, layer("Dense", units=3), *layers]}
    return {"module": "keras", "class_name": "Functional", "config": config}


HALF = layer("Dense", dtype={"class_name": "DTypePolicy", "config": {"name": "float16"}})


def keras(config, version="3.15.1"):
    """A .keras archive."""
    return archive(
        metadata_DOT_json={"keras_version": version},
        config_DOT_json=config,
        model_DOT_weights_DOT_h5=b"\x89HDF",
    )


def hdf5(config=None, ahead=b""):
    """An HDF5 file with Keras's attribute: a superblock, a heap, and a header that points there."""
    content = json.dumps(config).encode()
    heap = b"GCOL\1\0\0\0" + struct.pack("<Q", 4096)
    heap += struct.pack("<HHIQ", 1, 1, 0, len(content)) + content + bytes(-len(content) % 8 + 16)
    start = 96 + len(ahead)
    kind = b"\x19" + bytes(3) + struct.pack("<I", 16) + bytes(16)  # texts of any length
    value = struct.pack("<IQI", len(content), start, 1)
    parts = b"model_config".ljust(16, b"\0") + kind + b"\1" + bytes(7) + value
    message = b"\1\0" + struct.pack("<HHH", 13, 24, 8) + parts
    message = struct.pack("<HHI", 12, len(message), 0) + message if config else b""
    header = b"\1\0" + struct.pack("<HIII", 1, 1, len(message), 0) + message
    end = start + len(heap) + len(header)
    head = b"\x89HDF\r\n\x1a\n" + bytes(5) + b"\x08\x08" + bytes(25)
    head += struct.pack("<QQQQ", end, 2**64 - 1, 0, start + len(heap))
    return head.ljust(96, b"\0") + ahead + heap + header


def safetensors(length=0, **tensors):
    """A safetensors file of float16 tensors, from their sizes; `length` is the header's."""
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for key, size in tensors.items():
        header[key] = {"dtype": "F16", "shape": [size], "data_offsets": [at, at + 2 * size]}
        at += 2 * size
    header = json.dumps(header).encode().ljust(length)
    return struct.pack("<Q", len(header)) + header + bytes(at)


def exported(*axes):
    """A torch.export archive; an axis is a size, or a text for a free one."""
    sizes = [{"as_expr": {"expr_str": a}} if isinstance(a, str) else {"as_int": a} for a in axes]
    weight = {"dtype": 6, "sizes": [{"as_int": 4}, {"as_int": 3}]}
    tensors = {"p_weight": weight, "x": {"dtype": 7, "sizes": sizes}}
    specs = [
        {"parameter": {"arg": {"name": "p_weight"}}},
        {"user_input": {"arg": {"as_tensor": {"name": "x"}}}},
        {"user_input": {"arg": {"as_int": 3}}},
    ]
    module = {"graph": {"tensor_values": tensors}, "signature": {"input_specs": specs}}
    program = {"graph_module": module}
    return archive("digits/", archive_format="pt2", models__model_DOT_json=program)


def skops(root):
    """A skops archive, with two class names in a NumPy file."""
    head = b"{'descr': '<U4', 'fortran_order': False, 'shape': (2,), }".ljust(118) + b"\n"
    content = b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + CLASSES.encode("utf-32-le")
    return archive(schema_DOT_json=root, classes_DOT_npy=content)


def skops_text(value):
    """A text or a number in a skops schema."""
    node = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}
    return node | {"content": json.dumps(value)}


def skops_model(module="sklearn.linear_model._logistic", cls="LogisticRegression"):
    """A fitted model in a skops schema."""
    array = {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode"}
    columns = [skops_text("width"), skops_text("height")]
    content = {
        "n_features_in_": skops_text(2),
        "classes_": array | {"type": "numpy", "file": "classes.npy"},
        "feature_names_in_": array | {"type": "json", "content": columns},
    }
    state = {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode"}
    model = {"__class__": cls, "__module__": module, "__loader__": "ObjectNode"}
    return model | {"content": state | {"content": content}}


IMAGE = onnx_input("x", 1, "batch", 3, 224, 224)
SKLEARN = {
    "labels": ("cat", "bird"),
    "features": ("width", "height"),
    "n_features": 2,
    "input_shape": (None, 2),
    "name": "LogisticRegression",
}
LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."
