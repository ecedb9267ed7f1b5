"""Whatever a text holds, the generated files read back exactly that text."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from local_extensions import quoting

# Texts of one line that a person may well want, however nasty: test_questions bakes them too.
LINES = [
    'Say "hi"', "O'Brien", """both " and '""", '"', "'", '"""', "'''", 'a"""b', "a\\new", "ends\\",
    '\\"', '"; __import__("os").system("touch canary") #', "{{ 7*7 }}", "{% raw %}", "{# no #}",
    "$(touch canary)", "`touch canary`", "; touch canary", "| touch canary", "%PATH% 100%",
    "a: b", "a #b", "# a", "yes", "null", "~", "1_000", "0x1F", "2026-11-01", "---", "- a", "[a]",
    "{a: b}", "&a", "*a", "!a", "@a", "<b>&amp;</b>", "<!-- a", "../../evil", "/etc/passwd",
    "-rf", "--help", "C:\\new\\table", "CON", "nul", "com1", "2026", "3D scans", "a",
    "模型 🤗", "👩‍👩‍👧 family", "مرحبا", "\u202eevil\u202c", "Ünïcödé ſtraße", "ﬁne ㎏",
    "zero\u200bwidth", "no\u00a0break", "\ufeffmark", "\ufffenonchar\uffff", "\U0001ffff", "\ue000",
]  # fmt: skip
# What no name or sentence has: line ends, control characters, half characters.
ODD = [
    "a\nb", "a\r\nb", "a\tb", "bell\a", "\x1b[31mred", "nul\0", "del\x7f", "next\x85line",
    "line\u2028separator", "paragraph\u2029separator", "half\ud83d",
]  # fmt: skip
LONG = ["x" * 101, "模" * 300, "a-" * 150, "'\"" * 150, "\\" * 300]
TEXTS = [*LINES, *ODD, *LONG, "", " ", "  padded  "]

VALUES = [
    *TEXTS,
    [], {}, (), True, None, 0, -1, 0.1, 1e-07, 1e16, 1.5e300, 10**20, (None, 3, 224, 224),
    ("one",), (0.485, 0.456), [TEXTS[:3], [1, "two"]], {"a b": 0.0, 'c"d': [None]}, [("x", 1), ()],
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_py_reads_back(value):
    assert ast.literal_eval(quoting.py(value)) == value


@pytest.mark.parametrize("value", [["a", "b'c"], {"a b": 0.0, 'c"d': "e"}, [[1.0], ["x"]]])
@pytest.mark.parametrize("indent", [0, 4])
def test_py_block_reads_back(value, indent):
    block = quoting.py_block(value, indent)
    assert ast.literal_eval(block) == value
    assert len(block.splitlines()) == len(value) + 2


def test_ruff_has_nothing_to_change():
    texts = "".join(f"x = {quoting.py(value)}\n" for value in VALUES if len(str(value)) < 60)
    blocks = [["a", "b'c"], {"a b": 0.0, 'c"d': ("e",)}, [[1.0, None], ["x"]]]
    source = texts + "".join(f"x = {quoting.py_block(block)}\n" for block in blocks)
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--no-cache", "-"]
    run = subprocess.run(ruff, input=source.encode(), capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode()
    assert run.stdout.decode().splitlines() == source.splitlines()


JSON = [value for value in VALUES if not isinstance(value, tuple) and "half" not in str(value)]


@pytest.mark.parametrize("value", JSON)
def test_json_text_reads_back_everywhere(value):
    line = quoting.json_text(value)
    value = json.loads(json.dumps(value))  # a tuple inside becomes a list
    assert json.loads(line) == value
    assert len(line.splitlines()) == 1
    if isinstance(value, str):  # YAML's and TOML's own ways with numbers are of no concern here
        assert yaml.safe_load(f"key: {line}\n") == {"key": value}
        assert tomllib.loads(f"key = {line}\n") == {"key": value}


@pytest.mark.parametrize("text", TEXTS)
def test_slug_is_always_valid(text):
    slug = quoting.slug(text)
    assert quoting.is_slug(slug)
    assert quoting.slug(slug) == slug


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Handwritten digits", "handwritten-digits"),
        ("O'Brien's model", "obriens-model"),
        ("Ünïcödé", "unicode"),
        ("ResNet-50 (v2)", "resnet-50-v2"),
        ("CON", "con-app"),
        ("模型", "app"),
        ("", "app"),
        ("x" * 29 + " y", "x" * 29),
    ],
)
def test_slug(text, slug):
    assert quoting.slug(text) == slug


@pytest.mark.parametrize(
    "text",
    ["", "a", "A", "a b", "a_b", "a--b", "-a", "a-", "1a", "a.b", "ab\n", "x" * 31, "con", "lpt0",
     "é" * 3, "a/b", "../a"],
)  # fmt: skip
def test_is_not_a_slug(text):
    assert not quoting.is_slug(text)


@pytest.mark.parametrize("text", [t for t in TEXTS if not {"/", "\0"} & set(t)])
@pytest.mark.parametrize("ending", ["", ".onnx"])
def test_file_name_is_safe(text, ending):
    name = quoting.file_name(text + ending)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name)
    assert name.endswith(ending) and len(name) <= 45
    assert os.path.basename(name) == name
    stem = name.partition(".")[0].lower()
    assert stem not in quoting.DEVICES, "Windows keeps it for a device"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("model.onnx", "model.onnx"),
        ("my model (1).keras", "my-model-1.keras"),
        ("saved_model", "saved_model"),
        ("v1.2 best.pt2", "v1.2-best.pt2"),
        ("模型.skops", "model.skops"),
        (".skops", "model.skops"),
    ],
)
def test_file_name(text, name):
    assert quoting.file_name(text) == name
