"""What runs the model on the page without a server: its size, its sources, and what it refuses."""

import gzip
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import onnx
import onnx_kinds
import pytest
from onnx import helper

OVERLAY = Path(__file__).parent.parent / "templates" / "platforms" / "browser"
VENDOR = sorted(OVERLAY.glob("_copied*/browser/vendor/*/source.json"))
MOST = 5_000_000  # bytes that one visitor downloads besides the model, packed
BUILDS = ("ort.wasm", "ort.jspi")
WASM = {"ort.wasm": "threaded.wasm.gz", "ort.jspi": "threaded.jspi.wasm.gz"}


def packed(path: Path) -> int:
    """Return the bytes of a file as a host sends it."""
    content = path.read_bytes()
    return len(content) if path.suffix == ".gz" else len(gzip.compress(content))


@pytest.mark.parametrize("build", BUILDS)
def test_one_visitor_downloads_at_most_5_mb(build):
    """Either build of onnxruntime-web, all scripts, and the decoder of WebP."""
    own = [path for path in OVERLAY.glob("_copied*/**/*.*") if "onnxruntime-web" not in path.parts]
    runtime = OVERLAY.glob(f"_copied*/browser/vendor/onnxruntime-web/{build}*")
    (wasm,) = OVERLAY.glob(f"_copied*/browser/vendor/onnxruntime-web/*{WASM[build]}")
    assert 3_000_000 < sum(map(packed, [*own, *runtime, wasm])) < MOST


@pytest.mark.parametrize("source", VENDOR, ids=lambda path: path.parent.name)
def test_libraries_are_as_published(source):
    facts = json.loads(source.read_text("utf-8"))
    assert re.fullmatch(r"\d+\.\d+\.\d+", facts["version"])
    assert (source.parent / "LICENSE").stat().st_size > 1000
    for file in facts["files"].values():
        content = (source.parent / file["name"]).read_bytes()
        content = gzip.decompress(content) if file["name"].endswith(".gz") else content
        assert hashlib.sha256(content).hexdigest() == file["sha256"], file["name"]


def changed(path: Path, opset=17, ir=8, domain="") -> Path:
    """Write a model again in other versions."""
    model = onnx.load(path)
    model.ir_version = ir
    model.opset_import[0].version = opset
    if domain:
        model.opset_import.append(helper.make_opsetid(domain, 1))
        model.graph.node[0].domain = domain
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("versions", "reason"),
    [
        ({"opset": 26, "ir": 13}, None),
        ({"opset": 27, "ir": 13}, "onnxruntime-web has up to 26"),
        ({"ir": 14}, "onnxruntime-web reads up to 13"),
        ({"domain": "com.microsoft.nchwc"}, "give the file as it was exported"),
    ],
)
def test_what_the_web_does_not_run_is_refused(ask, versions, reason, tmp_path):
    """Each was tried with onnxruntime-web: it refuses these files, and the app runs them."""
    path = changed(onnx_kinds.make("table", tmp_path), **versions)
    for platform in ("browser", "local"):
        said = ask(f"model_path={path}", f"platform={platform}", "preview=text")
        is_refused = reason is not None and platform == "browser"
        assert (said.exit_code != 0) == is_refused, said.output
        assert not is_refused or reason in " ".join(said.output.split())


def test_a_map_with_its_names_out_of_order_is_refused(ask, tmp_path):
    path = onnx_kinds.make("by name", tmp_path)
    model = onnx.load(path)
    model.graph.node[1].attribute[0].ints[:] = [9, 7, 5, 0]
    onnx.save(model, path)
    said = ask(f"model_path={path}", "platform=browser")
    assert 'options={"zipmap": False}' in " ".join(said.output.split())


def own_test(project: Path) -> str:
    """Run the project's test of its constants; return what it says."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, "tests/test_model_js.py"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout + run.stderr


@pytest.mark.sample("column by column")
@pytest.mark.parametrize("kind", ["imagenet", "column by column"])
def test_a_project_finds_that_its_models_differ(bake, kind, tmp_path):
    project = bake(model_path=str(onnx_kinds.make(kind, tmp_path)), platform="browser")
    script = project / "model.js"
    text = script.read_text("utf-8")
    script.write_text(text.replace("0.485", "0.5").replace('["rooms", ', '["room", '))
    said = own_test(project)
    script.write_text(text)
    assert "1 failed" in said and " passed" in said, said
