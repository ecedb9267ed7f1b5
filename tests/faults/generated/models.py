"""G20, G21, G25, G28, G29: models, and the files beside them."""

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import onnx

from local_extensions.catalog import ROOT

from .. import Seen
from .desk import Desk, Target, summary

LIMIT = 100 * 2**20  # of a file on GitHub


def weights(path: Path, size: int) -> Path:
    """Write a sparse safetensors file of a size."""
    count = size - 128
    tensor = {"dtype": "U8", "shape": [count], "data_offsets": [0, count]}
    path.write_bytes(struct.pack("<Q", 120) + json.dumps({"weight": tensor}).encode().ljust(120))
    os.truncate(path, size)
    return path


def pointer(path: Path) -> None:
    """Write the Git LFS pointer of a file that was not fetched."""
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 123456789\n")


# Of each unusable model: how to make it, and a pattern of the reason.
UNUSABLE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (lambda path: None, "does not exist|not found|[Nn]o such file"),
    "a folder": (Path.mkdir, "folder|directory"),
    "unreadable": (lambda path: weights(path, 1000).chmod(0), "be read|[Pp]ermission"),
    "0 bytes": (Path.touch, "0 bytes|empty"),
    "an LFS pointer": (pointer, "LFS"),
    "over the limit": (partial(weights, size=1_200_000_000), "of 1 GB|limit|too (large|big)"),
}
# Root reads everything, unless it drops these capabilities.
AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] * (os.getuid() == 0)


def g20_unusable_models(target: Target) -> Seen:
    """Give unusable models."""
    outcomes = {}
    for case, (make, reason) in UNUSABLE.items():
        desk = Desk(target)
        make(path := desk.here / "weights.safetensors")
        run = desk.generate(before=AS_ANYBODY, model_path=str(path), **target.limited)
        named = run.refused_for(path.name, reason)
        outcomes[case] = "refused with the reason" if named else run.ending or "accepted"
        shutil.rmtree(desk.room)
    return summary(outcomes, "refused with the reason")


def g21_models_at_the_limit(target: Target) -> Seen:
    """Give models of exactly the limit and a byte more, directly and behind a link."""
    outcomes, good = {}, True
    for excess, behind_link in product((0, 1), (False, True)):
        desk = Desk(target)
        path = weights(desk.here / "weights.safetensors", LIMIT + excess)
        if behind_link:
            path.symlink_to(path.rename(desk.room / "blob"))
        run = desk.generate(model_path=str(path), **target.limited)
        copies = [copy for copy in desk.project.rglob(path.name) if not copy.is_symlink()]
        whole = [copy.stat().st_size for copy in copies] == [LIMIT + excess]
        refused, accepted = run.refused_for("100 MiB"), not run.status and whole
        good &= refused if excess else accepted
        case = f"100 MiB{' and a byte' * excess}{', behind a link' * behind_link}"
        outcomes[case] = "refused" if refused else run.ending or ("accepted" if whole else "lost")
        shutil.rmtree(desk.room)
    return Seen("; ".join(f"{case}: {seen}" for case, seen in outcomes.items()), good)


# labels.txt beside a model ----------------------------------------------------------------

SECRET = "the owner keeps this"
CLASSES = "\n".join([SECRET, *(f"class {n}" for n in range(9))])  # as many as the model has
# Limits of time and memory, for a generation that reads an endless file.
BOUNDED = ["timeout", "30", "prlimit", "--as=4000000000"]


def link(path: Path, target: str) -> None:
    """Write a text outside the model's folder, and a link to it."""
    outside = path.parent.parent / "outside.txt"
    outside.write_text(CLASSES)
    path.symlink_to(target or outside)


def huge(path: Path) -> None:
    """Write a sparse file of 300 MB."""
    path.write_text(CLASSES)
    os.truncate(path, 300_000_000)


LABELS: dict[str, Callable[[Path], Any]] = {
    "a link out of the folder": partial(link, target=""),
    "a link to an endless file": partial(link, target="/dev/zero"),
    "a FIFO": os.mkfifo,
    "300 MB": huge,
}


def g25_labels(target: Target) -> Seen:
    """Give a model with a labels.txt that is another file, endless, or huge."""
    outcomes = {}
    for case, make in LABELS.items():
        desk = Desk(target)
        model = digits(desk.here / "m")
        make(model.with_name("labels.txt"))
        run = desk.generate(before=BOUNDED, model_path=str(model), **target.pictures)
        texts = (path.read_bytes() for path in desk.project.rglob("*") if path.is_file())
        if any(SECRET.encode() in text for text in texts):
            outcomes[case] = "published"
        elif run.status == 124:
            outcomes[case] = "hangs"
        elif run.refused_for("labels.txt"):
            outcomes[case] = "refused with the reason"
        else:
            outcomes[case] = run.ending or "ignored"
        shutil.rmtree(desk.room)
    # A cache of the Hub links to its blobs: such links are the model's own.
    desk = Desk(target)
    blobs, snapshot = (desk.here / "cache" / name for name in ("blobs", "snapshots/1"))
    snapshot.mkdir(parents=True)
    digits(blobs).rename(blobs / "a")
    (blobs / "b").write_text(CLASSES)
    for name, blob in {"digits.onnx": "a", "labels.txt": "b"}.items():
        (snapshot / name).symlink_to(f"../../blobs/{blob}")
    run = desk.generate(model_path=str(snapshot / "digits.onnx"), **target.pictures)
    taken = not target.pictures or (desk.project / "model/labels.txt").is_file()
    outcomes["in a cache of the Hub"] = run.ending or ("taken" if taken else "lost")
    return summary(outcomes, "refused with the reason", "ignored", "taken")


def digits(folder: Path) -> Path:
    """Copy a model for pictures of ten classes into a new folder."""
    folder.mkdir(parents=True)
    demo = ROOT / "demos" / "image-classification" / "digits.onnx"
    return Path(shutil.copy(demo, folder))


# Several files, and formats without measured memory -----------------------------------------


def external(folder: Path, size: int) -> Path:
    """Write an ONNX model whose weights are in two sparse files."""
    columns = size // 12  # of the second file, the smaller one
    names = ("first.bin", "second.bin")
    shapes = ((4, columns), (columns, 3))
    tensors = []
    for name, shape in zip(names, shapes, strict=True):
        tensor = onnx.TensorProto(name=name, data_type=onnx.TensorProto.FLOAT, dims=shape)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        place = {"location": name, "offset": 0, "length": 4 * shape[0] * shape[1]}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        tensors.append(tensor)
        (folder / name).touch()
        os.truncate(folder / name, place["length"])
    nodes = [
        onnx.helper.make_node("MatMul", ["x", names[0]], ["hidden"]),
        onnx.helper.make_node("MatMul", ["hidden", names[1]], ["y"]),
    ]
    values = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", count])
        for name, count in (("x", 4), ("y", 3))
    )
    given, made = values
    graph = onnx.helper.make_graph(nodes, "network", [given], [made], tensors)
    path = folder / "network.onnx"
    opsets = [onnx.helper.make_opsetid("", 17)]
    path.write_bytes(onnx.helper.make_model(graph, opset_imports=opsets).SerializeToString())
    return path


def g28_weights_in_several_files(target: Target) -> Seen:
    """Give a model with its weights in two files that GitHub would refuse; check with git."""
    desk = Desk(target)
    path = external(desk.here, LIMIT + 2**20)
    answers = {"platform": "docker", "ci": "true", "task": "tabular"} if target.limited else {}
    run = desk.generate(model_path=str(path), **answers)
    if run.status:
        named = run.refused_for("first.bin|several|files")
        seen = "refused with the reason" if named else run.ending
        return Seen(f"{seen}: {run.output.strip()[:100]}", named)
    subprocess.run(["git", "init", "-q"], cwd=desk.project, check=True)
    large = [path for path in desk.project.rglob("*.bin") if path.stat().st_size > LIMIT]
    plain = [path.name for path in large if not _in_lfs(desk.project, path)]
    kept = len(large) == 2
    text = f"{len(large)} of 2 files taken, {len(plain)} of them without a filter for Git LFS"
    return Seen(text, kept and not plain)


def _in_lfs(project: Path, path: Path) -> bool:
    command = ["git", "check-attr", "filter", "--", str(path.relative_to(project))]
    run = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    return run.stdout.strip().endswith(": lfs")


def g29_unmeasured_format(target: Target) -> Seen:
    """Run preflight on a project whose model format has no measured memory."""
    desk = Desk(target)
    assert desk.generate(**target.limited).status == 0
    record = desk.project / ".ml-ui.json"
    if not record.exists():
        return Seen("does not check whether a project fits", False)
    facts = json.loads(record.read_text("utf-8"))
    facts["model"]["format"] = "unheard-of"
    record.write_text(json.dumps(facts), "utf-8")
    command = [sys.executable, "-m", "ml_ui", "preflight"]
    run = subprocess.run(command, cwd=desk.project, capture_output=True, text=True, check=False)
    text = run.stdout + run.stderr
    fits = re.search(r": it fits\b", text)
    known = "not known" if re.search("not known|unknown|not measured", text) else "not mentioned"
    seen = (
        f"exit status {run.returncode}, {'it fits' if fits else 'does not claim to fit'}, {known}"
    )
    return Seen(seen, run.returncode == 2 and not fits and known == "not known")
