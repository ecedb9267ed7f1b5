"""Measure the time and memory of recognising huge, damaged and hostile model files.

    python -m scripts.recognise [NAME ...]

Prints a table. Exit status 1 if a file takes more than 2 s or 100 MB.
"""

import gzip
import io
import json
import resource
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

HUGE = 10 * 10**9  # bytes
MANY = 100_000  # files of a folder, members of an archive
TIME, MEMORY = 2.0, 100.0  # seconds, MB
MEASURE = """
import resource, sys, time
from pathlib import Path
from local_extensions import model_files
from local_extensions.model_files.common import Unusable

for lazy in ("pickletools", "zipfile", "lzma", "bz2"):
    __import__(lazy)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
try:
    said = model_files.inspect(Path(sys.argv[1])).detail
except Unusable as error:
    said = str(error)
seconds = time.perf_counter() - start
used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000
print(f"{seconds:.3f}\\t{used:.1f}\\t{said[:60]}")
"""
HEADS = {  # the first bytes of each format, as its library writes them
    "onnx": (".onnx", b"\x08\x08\x12\x06pytest"),
    "pickle": (".pkl", b"\x80\x04\x95\x10\0\0\0\0\0\0\0}"),
    "safetensors": (".safetensors", struct.pack("<Q", 60) + b'{"w":{"dtype":"F32","shape":[1]'),
    "hdf5": (".h5", b"\x89HDF\r\n\x1a\n" + bytes(88)),
    "ubj": (".ubj", b"{L\0\0\0\0\0\0\0\x07learner{"),
    "xgboost": (".json", b'{"learner":{'),
    "lightgbm": (".txt", b"tree\nversion=v4\nnum_class=1\n"),
    "cbm": (".cbm", b"CBM1\xff\xff\xff\x7f"),
    "gzip": (".joblib", gzip.compress(b"\x80\x04")[:10]),
    "torch": (".pth", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."),
}


def huge(head: bytes) -> Callable[[Path], None]:
    """Return a function that writes a sparse file of 10 GB."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(head)
            file.truncate(HUGE)

    return write


def content(data: Callable[[], bytes]) -> Callable[[Path], None]:
    """Return a function that writes a file."""
    return lambda path: path.write_bytes(data())


def folder(name: str, data: bytes) -> Callable[[Path], None]:
    """Return a function that writes a folder of many files, with one of a name."""

    def write(path: Path) -> None:
        path.mkdir()
        for number in range(MANY):
            (path / f"{number}.bin").touch()
        (path / name).write_bytes(data)

    return write


def field(number: int, value: bytes) -> bytes:
    """Return a protobuf message's field."""
    size, length = len(value), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + value


def nested(number: int, depth: int) -> bytes:
    """Return protobuf messages in messages."""
    value = b""
    for _ in range(depth):
        value = field(number, value)
    return value


def archive(**members: bytes) -> bytes:
    """Return a zip archive; in a name `__` is a dot."""
    with zipfile.ZipFile(file := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members.items():
            packed.writestr(name.replace("__", "."), data)
    return file.getvalue()


def members() -> bytes:
    """Return a zip archive of many members."""
    with zipfile.ZipFile(file := io.BytesIO(), "w") as packed:
        for number in range(MANY):
            packed.writestr(f"m/{number}", b"")
        packed.writestr("m/data.pkl", b"\x80\x02}.")
    return file.getvalue()


DEEP = 10**6
CLASS = b"csklearn.linear_model._logistic\nLogisticRegression\n"
TEXT = b"X\x01\0\0\0a"
CONFIG = json.dumps({"architectures": ["BertForSequenceClassification"]}).encode()
GRAPH = b"\x08\x08" + field(7, field(1, field(4, b"Relu")) * 10**6)
CASES: dict[str, tuple[str, Callable[[Path], None]]] = {
    **{f"10 GB of {name}": (end, huge(head)) for name, (end, head) in HEADS.items()},
    "folder of SavedModel": ("", folder("saved_model.pb", b"\x08\x01")),
    "folder of transformers": ("", folder("config.json", CONFIG)),
    "folder of anything": ("", folder("readme", b"")),
    "zip bomb, keras": (
        ".keras",
        content(lambda: archive(config__json=b" " * 2 * 10**9, metadata__json=b"{}")),
    ),
    "zip bomb, torch": (".pt", content(lambda: archive(data__pkl=b"\x80\x02" + b"N0" * 10**8))),
    "zip bomb, skops": (".skops", content(lambda: archive(schema__json=b"[" * 10**8))),
    "gzip bomb": (
        ".joblib",
        content(lambda: gzip.compress(b"\x80\x02" + b"N0" * 10**8)),
    ),
    "zip of many": (".pt", content(members)),
    "deep JSON, xgboost": (".json", content(lambda: b'{"learner":{"a":' + b"[" * DEEP)),
    "long JSON, xgboost": (
        ".json",
        content(lambda: b'{"learner":{"a":[' + b"1," * 5 * 10**7 + b"1]}}"),
    ),
    "deep JSON, safetensors": (
        ".safetensors",
        content(lambda: struct.pack("<Q", DEEP + 5) + b'{"a":' + b"[" * DEEP),
    ),
    "deep config": (
        ".keras",
        content(lambda: archive(config__json=b"[" * DEEP, metadata__json=b"{}")),
    ),
    "deep ONNX": (".onnx", content(lambda: b"\x08\x08" + field(7, nested(1, 3000)))),
    "ONNX of a million nodes": (".onnx", content(lambda: GRAPH)),
    "ONNX of long metadata": (
        ".onnx",
        content(
            lambda: (
                b"\x08\x08"
                + field(14, field(1, b"names") + field(2, b"[" + b"0," * 10**6 + b"]"))
                + field(7, field(1, field(4, b"Relu")))
            )
        ),
    ),
    "ONNX of empty fields": (".onnx", content(lambda: b"\x08\x08" + b"\x3a\0" * 10**7)),
    "pickle of many opcodes": (".pkl", content(lambda: b"\x80\x02" + b"N0" * 3 * 10**7 + b"N.")),
    "pickle of a deep stack": (".pkl", content(lambda: b"\x80\x02" + b"(" * 3 * 10**7)),
    "pickle of many values": (".pkl", content(lambda: b"\x80\x02" + b"N" * 3 * 10**7)),
    "deep pickle": (".pkl", content(lambda: b"\x80\x02" + b"]" * DEEP + b"a" * (DEEP - 1) + b".")),
    "pickle of copies": (
        ".pkl",
        content(lambda: b"\x80\x02" + b"N" * 30 + b"(2t" * 10 + b"2\x86" * 10**6 + b"."),
    ),
    "pickle of growing dicts": (
        ".pkl",
        content(lambda: b"\x80\x02}" + (b"(" + TEXT + b"Nu") * 10**6 + b"."),
    ),
    "pickle of a long number": (
        ".pkl",
        content(lambda: b"\x80\x02L" + b"9" * 10**7 + b"L\n."),
    ),
    "pickle of numbers": (
        ".pkl",
        content(
            lambda: (
                b"\x80\x02("
                + b"".join(
                    b"J%c%c%c\1" % (n % 256, n >> 8 & 255, n >> 16) for n in range(1_690_000)
                )
                + b"l."
            )
        ),
    ),
    "pickle of texts": (
        ".pkl",
        content(
            lambda: b"\x80\x02(" + b"".join(b"X\6\0\0\0%06d" % n for n in range(10**6)) + b"l."
        ),
    ),
    "pickle of objects": (
        ".pkl",
        content(lambda: b"\x80\x02" + CLASS + b"q\0" + b"h\0)R" * 420_000 + b"."),
    ),
    "pickle of calls": (
        ".pkl",
        content(lambda: b"\x80\x02" + CLASS + b"q\0" + b"h\0)R0" * 330_000 + b"h\0."),
    ),
    "pickle of lines": (".pkl", content(lambda: b"\x80\x02Np1\n" + b"g1\n" * 560_000 + b".")),
    "pickle of names": (
        ".pkl",
        content(lambda: b"\x80\x02" + b"".join(b"ca\n%x\n0" % n for n in range(700_000)) + b"N."),
    ),
    "pickle of a text of 10 GB": (
        ".pkl",
        huge(b"\x80\x04\x8d" + struct.pack("<Q", HUGE - 100)),
    ),
    "pickle of a line of 10 GB": (".pkl", huge(b"\x80\x02c")),
    "pickle of columns": (
        ".pkl",
        content(
            lambda: (
                b"\x80\x02"
                + CLASS
                + b")R}(X\x0e\0\0\0n_features_in_J"
                + struct.pack("<i", 30_000**2)
                + b"X\5\0\0\0mean_](K\1K\1eub."
            )
        ),
    ),
    "torch of tensors": (
        ".pt",
        content(
            lambda: archive(
                data__pkl=b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nq\0(NN(K\5K\5tNNtq\1}("
                + b"".join(b"X\x08\0\0\0%06dwwh\0h\1R" % n for n in range(240_000))
                + b"u."
            )
        ),
    ),
    "skops of lists": (
        ".skops",
        content(lambda: archive(schema__json=b"[" + b"[]," * 1_190_000 + b"[]]")),
    ),
    "pickle of states": (
        ".pkl",
        content(
            lambda: (
                b"\x80\x02csklearn.base\nA\n)\x81q\0}("
                + b"".join(TEXT[:5] + bytes([65 + n % 50]) + b"N" for n in range(50))
                + b"uq\x01"
                + b"0h\0h\x01N\x86b" * 3 * 10**5
                + b"."
            )
        ),
    ),
}


def main() -> int:
    """Print a table of seconds and megabytes; return the exit status."""
    wanted, worst = sys.argv[1:], 0
    print(f"{'file':28} {'s':>7} {'MB':>7}  said")
    with tempfile.TemporaryDirectory() as place:
        for name, (end, write) in CASES.items():
            if wanted and not any(part in name for part in wanted):
                continue
            path = Path(place) / f"model{end}"
            write(path)
            seconds, used, said = measure(path)
            late = seconds > TIME or used > MEMORY
            worst |= late
            print(f"{name:28} {seconds:7.3f} {used:7.1f}  {said}{'  TOO MUCH' * late}", flush=True)
            subprocess.run(["rm", "-rf", path], check=True)
    return worst


def measure(path: Path) -> tuple[float, float, str]:
    """Return seconds and MB of recognising a file in a process of its own, and what it said."""
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (60, 60)),
    )  # fmt: skip
    if run.returncode:
        return 60.0, 0.0, (run.stderr.strip() or "killed").rpartition("\n")[2][:60]
    seconds, used, said = run.stdout.rstrip("\n").split("\t")
    return float(seconds), float(used), said


if __name__ == "__main__":
    sys.exit(main())
