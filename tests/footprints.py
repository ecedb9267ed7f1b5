"""Footprints for the tests of the sizing."""

from ml_ui.sizing import footprint

PACKAGES = {
    "gradio": {
        "version": "6.31.0", "wheel": 80_000_000, "installed": 250_000_000, "bytecode": 75_000_000
    },
    "numpy": {
        "version": "2.4.0", "wheel": 18_000_000, "installed": 60_000_000, "bytecode": 12_000_000
    },
}  # fmt: skip


def of(weights=0, name="model/net.onnx", packages=PACKAGES, in_lfs=False, **more):
    """Make the footprint of an ONNX model in one file, with the packages above."""
    files = (footprint.File(name, weights, in_lfs),) if weights else ()
    more = {"format": "onnx", "dtype": "float32", "lock": "onnx-cpu"} | more
    return footprint.Footprint(weights=weights, packages=packages, files=files, **more)


def find(answer, name):
    """Return a check of a report."""
    (found,) = (check for check in answer.checks if check.name == name)
    return found
