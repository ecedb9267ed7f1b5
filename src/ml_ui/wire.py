"""Wire format of values between the page and a replica: JSON and NPY, never pickle.

One line of JSON, then the arrays that it refers to, each in NumPy's NPY format.
"""

import io
import json
from typing import Any

import numpy as np

TYPE = "application/x-ml-ui"  # the media type
ARRAY = "__npy__"  # {"__npy__": 0} stands for the first array


def encode(value: object) -> bytes:
    """Return the bytes of a value: what JSON has, and arrays anywhere in it.

    Raises:
        TypeError: JSON and NPY have no such type.
        ValueError: an array of objects.
    """
    arrays: list[np.ndarray[Any, Any]] = []

    def replace(value: object) -> object:
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, np.ndarray):
            arrays.append(value)
            return {ARRAY: len(arrays) - 1}
        raise TypeError(f"a {type(value).__name__} cannot be sent to another process")

    body = io.BytesIO(json.dumps(value, default=replace).encode() + b"\n")
    body.seek(0, io.SEEK_END)
    for array in arrays:
        np.lib.format.write_array(body, array, allow_pickle=False)
    return body.getvalue()


def decode(body: bytes) -> Any:
    """Return the value in these bytes; a tuple has become a list.

    Raises:
        ValueError: they are not a value, or would need pickle.
    """
    try:
        return _decode(body)
    except (MemoryError, OverflowError, RecursionError) as error:  # lists in lists
        raise ValueError(f"too large or too deep ({type(error).__name__})") from None


def _decode(body: bytes) -> Any:
    stream = io.BytesIO(body)
    text = stream.readline()
    arrays = []
    while stream.tell() < len(body):
        arrays.append(np.lib.format.read_array(stream, allow_pickle=False))

    def put_back(found: dict[str, Any]) -> Any:
        number = found.get(ARRAY)
        if not isinstance(number, int) or len(found) > 1:
            return found
        if not 0 <= number < len(arrays):
            raise ValueError(f"array {number} is missing")
        return arrays[number]

    return json.loads(text, object_hook=put_back)
