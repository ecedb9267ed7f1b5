"""python -m ml_ui preflight, in a project laid out by hand."""

import importlib
import io
import json
import os
import random
import subprocess
import sys
import zipfile
import zlib
from importlib import metadata
from pathlib import Path

import commands
import pytest
from footprints import PACKAGES, lay_out, write_record

import ml_ui
from ml_ui.sizing import requirements
from ml_ui.sizing.project import weigh

GIGA = 10**9
COMMAND = [sys.executable, "-B", "-m", "ml_ui", "preflight"]


@pytest.fixture
def project(tmp_path):
    """Lay out a project for Heroku."""
    return lay_out(tmp_path / "my app")


def require(project, *lines):
    """Add lines to the project's requirements."""
    with open(project / "requirements.txt", "a") as file:
        file.writelines(f"{line}\n" for line in lines)


def add_weights(project, count, name="net.onnx"):
    """Add a sparse file, which takes no room on the disk."""
    with open(project / "model" / name, "wb") as file:
        file.truncate(count)


def run(folder, *arguments):
    """Run preflight in a folder."""
    return commands.run("preflight", *arguments, folder=folder)


def git(project, *arguments):
    """Run git as somebody."""
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", *who, *arguments], cwd=project, check=True, capture_output=True)


# The command


def test_report_of_a_project(project):
    add_weights(project, 1_200_000_000)
    done = run(project)
    assert (done.returncode, done.stderr) == (1, "")
    assert "Heroku, basic" in done.stdout
    assert "weights 1.2 GB" in done.stdout
    assert "\x1b" not in done.stdout


def test_other_folder_is_refused(tmp_path):
    done = run(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("has no .ml-ui.json: run this in the project's folder.\n")


def test_flags_override_the_project(project):
    add_weights(project, 1_200_000_000)
    assert run(project, "--platform", "docker").returncode == 0
    done = run(
        project, "--platform", "huggingface", "--hardware", "t4-small", "--limit", "repository=2GB"
    )
    assert done.returncode == 0
    assert "t4-small ($0.40/hour)" in done.stdout
    assert "repository 2 GB: --limit repository" in done.stdout


def test_boundary_on_the_command_line(project):
    (project / "app.py").write_text("")
    others = weigh(project).stored
    for more, code in ((0, 0), (1, 1)):
        add_weights(project, GIGA - others + more)
        assert run(project, "--platform", "huggingface").returncode == code


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--platform", "herku"],
            ["Unknown platform 'herku'", "did you mean heroku?", "huggingface"],
        ),
        (["--platform", "github"], ["Unknown platform 'github'"]),
        (["--hardware", "standard2x"], ["Unknown heroku hardware", "did you mean standard-2x?"]),
        (
            ["--platform", "docker", "--hardware", "eco"],
            ["Unknown docker hardware 'eco'", "cpu, gpu"],
        ),
        (["--limit", "slug=banana"], ["'banana' is not a size", "500M"]),
        (["--limit", "slug"], ["'' is not a size"]),
        (["--limit", "slag=1GB"], ["Unknown heroku limit 'slag'", "did you mean slug?"]),
        (["--limit", "boot=1GB"], ["'1GB' is not a time", "60s"]),
        (["--limit", "request=30s"], ["'30s' is not a size"]),
        (["--limit", "request=30M"], ["Unknown heroku limit 'request'"]),
        (["--fetched", "banana"], ["'banana' is not a size"]),
    ],
)
def test_bad_input_is_one_sentence(project, arguments, words):
    done = run(project, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    for word in words:
        assert word in done.stderr


def test_unknown_flag_is_bad_input(project):
    assert run(project, "--banana").returncode == 2


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Left_Pad==1.0", "left-pad"),
        # A lock made again brings versions whose sizes are not recorded.
        ("numpy==2.5.0", "numpy"),
        ("numpy @ https://example.org/numpy-2.5.0-cp312-cp312-linux_x86_64.whl", "numpy"),
        ("big @ https://example.org/big-1.0-py3-none-any.whl#sha256=00", "big"),
        ("ml-ui==99.0", "ml-ui"),
    ],
)
def test_package_without_a_size_is_named(project, line, name):
    requirements = project / "requirements.txt"
    if name == "numpy":
        requirements.write_text(requirements.read_text().partition("numpy")[0])
    require(project, line)
    done = run(project)
    assert done.returncode == 2
    assert done.stderr.startswith(f"preflight: The size of {name} is not known")
    assert "pip install -r requirements.txt" in done.stderr
    assert "it is not known whether it fits" in done.stdout
    assert json.loads(run(project, "--json").stdout)["fits"] is None
    # A Space installs packages outside its repository: nothing there depends on them.
    assert run(project, "--platform", "huggingface").returncode == 0


def test_recorded_version_is_preferred(project):
    require(project, "numpy==2.2.6 ; python_full_version < '3.12'")
    assert run(project).returncode == 0


@pytest.mark.parametrize(
    "line",
    [
        "httpx == {}",
        "httpx @ https://example.org/httpx-{}-py3-none-any.whl",
        "httpx[http2] @ https://example.org/httpx-{}-py3-none-any.whl#sha256=00 ; os_name != 'nt'",
        "httpx @ https://example.org/httpx-{}-1-py3-none-any.whl?token=1 \\\n  --hash=sha256:00",
    ],
)
def test_installed_package_is_weighed_with_its_requirements(project, line):
    """Without a recorded size, that of the environment that runs preflight counts."""
    require(project, line.format(metadata.version("httpx")))
    packages = weigh(project).packages
    assert {"httpcore", "h11", "idna"} <= packages.keys()
    folder = Path(metadata.distribution("httpx").locate_file("httpx"))
    sources = sum(path.stat().st_size for path in folder.rglob("*.py"))
    assert packages["httpx"]["installed"] == pytest.approx(sources, rel=0.15)  # the metadata
    assert 0.2 < packages["httpx"]["wheel"] / packages["httpx"]["installed"] < 0.5
    assert packages["httpx"]["bytecode"] == pytest.approx(1.24 * sources, rel=0.01)
    assert packages["gradio"] == PACKAGES["gradio"], "recorded"


def test_wheel_of_a_recorded_version_has_the_recorded_size(project):
    text = (
        (project / "requirements.txt")
        .read_text()
        .replace(
            "Gradio==6.31.0",
            "gradio @ https://example.org/gradio-6.31.0-py3-none-any.whl#sha256=00",
        )
    )
    (project / "requirements.txt").write_text(text)
    assert weigh(project).packages == PACKAGES


@pytest.mark.parametrize(
    "line",
    [
        "ml-ui=={}",
        "ml_ui @ https://example.org/v{0}/ml_ui-{0}-py3-none-any.whl#sha256=00",
        "ml-ui @ https://example.org/ml_ui-{}-py3-none-any.whl --hash=sha256:00",
    ],
)
def test_the_package_itself_is_weighed(project, tmp_path, line):
    """When its folder is deleted and its wheel installed: the wheel's size, from its files."""
    require(project, line.format(ml_ui.__version__))
    sizes = weigh(project).packages["ml-ui"]
    files = [p for p in Path(ml_ui.__file__).parent.rglob("*") if p.is_file()]
    files = [path for path in files if path.suffix != ".pyc"]
    with zipfile.ZipFile(tmp_path / "wheel", "w", zipfile.ZIP_DEFLATED) as wheel:
        for path in files:
            wheel.write(path)
    assert sizes["installed"] == sum(path.stat().st_size for path in files)
    assert sizes["wheel"] == pytest.approx((tmp_path / "wheel").stat().st_size, rel=0.1)
    assert run(project).returncode == 0


@pytest.mark.parametrize(
    ("marker", "on"),
    [
        ("sys_platform == 'win32'", {}),
        ("sys_platform == 'linux'", {"3.11", "3.12", "3.13"}),
        ("python_full_version >= '3.12'", {"3.12", "3.13"}),
        ("python_version < '3.12' and sys_platform == 'linux'", {"3.11"}),
        ("platform_machine == 'arm64' or platform_machine == 'x86_64'", {"3.11", "3.12", "3.13"}),
        ("(platform_machine == 'aarch64') and sys_platform == 'linux'", {}),
        ("'linux' in sys_platform", {"3.11", "3.12", "3.13"}),
        ("platform_machine not in 'x86_64 amd64'", {}),
        ("no marker at all", {"3.11", "3.12", "3.13"}),
        pytest.param("not " * 5000 + "os_name", {"3.11", "3.12", "3.13"}, id="nested"),
        ("unknown_name == 'a'", {"3.11", "3.12", "3.13"}),
    ],
)
def test_marker_decides(marker, on):
    for python in ("3.11", "3.12", "3.13"):
        pins = requirements.pins(f"a==1 ; {marker}", python)
        assert bool(pins) is (python in on)


def test_installed_packages_of_another_python_are_weighed(project):
    """A project for 3.99, whose lock has a version of its own for that."""
    version = metadata.version("httpx")
    require(project, f"httpx=={version} ; python_full_version < '3.99'",
            "httpx==99.0 ; python_full_version >= '3.99'")  # fmt: skip
    write_record(project, {"python_version": "3.99"})
    found = weigh(project)
    assert found.packages["httpx"]["version"] == version
    assert found.python == f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_small_files_are_weighed_whole():
    files = sorted(
        Path(metadata.distribution("gradio_client").locate_file("gradio_client")).glob("*.py")
    )
    weighed = sum(requirements._deflated(path, path.stat().st_size) for path in files)
    left = sum(len(zlib.compress(path.read_bytes())) for path in files)
    assert weighed == pytest.approx(left, rel=0.05)


@pytest.mark.parametrize("size", [5_000_000, 40_000_000])
def test_large_file_is_weighed_by_a_sample(tmp_path, size):
    noise = random.Random(0).randbytes(size // 2)
    path = tmp_path / "weights"
    path.write_bytes(b"".join(noise[n : n + 500] + b"0" * 500 for n in range(0, size // 2, 500)))
    count = path.stat().st_size
    assert requirements._deflated(path, count) == pytest.approx(
        len(zlib.compress(path.read_bytes())), rel=0.03
    )


@pytest.mark.parametrize(
    "line",
    ["requests", "requests>=2", "git+https://example.org/a.git", "a @ https://example.org/a.whl",
     "a @ git+https://example.org/a.git@v1", "a @ https://example.org/a-1.tar.gz",
     "a @ file:///a-1-py3-none-any.whl", "-r more.txt", "-e .", "./a-1-py3-none-any.whl", "a==1.*"],
)  # fmt: skip
def test_line_without_a_version_is_named(project, line):
    require(project, line, "unpinned")
    done = run(project)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert f"{line!r}, 'unpinned' is neither NAME==VERSION nor NAME @ URL of a wheel" in done.stderr


def test_package_without_a_size_does_not_hide_a_refusal(project):
    require(project, "left-pad==1.0")
    add_weights(project, 1_200_000_000)
    done = run(project, "--platform", "huggingface")
    assert (done.returncode, done.stderr) == (1, "")
    assert "on the Hub" in done.stdout


def test_project_without_a_platform_needs_the_flag(project):
    write_record(project, {"platform": ""})
    done = run(project)
    assert done.returncode == 2
    assert "Unknown platform ''" in done.stderr
    assert run(project, "--platform", "local").returncode == 0


def test_missing_requirements_are_named(project):
    (project / "requirements.txt").unlink()
    done = run(project)
    assert done.returncode == 2
    assert "requirements.txt" in done.stderr


def test_format_without_figures_is_not_known(project):
    path = project / ".ml-ui.json"
    path.write_text(path.read_text().replace('"format": "onnx"', '"format": "gguf"'))
    done = run(project, "--json")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "preflight: Memory and boot time are not known: the format 'gguf'"
    )
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["memory"]["predicted"] is checks["memory"]["fits"] is None
    assert checks["slug"]["fits"]
    assert run(project, "--platform", "docker").returncode == 0, "it has no limit of memory"


# What counts


def test_pointer_counts_as_its_file(project):
    (project / "model" / "net.onnx").write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 1200000000\n"
    )
    done = run(project)
    assert done.returncode == 1
    assert "weights 1.2 GB" in done.stdout
    assert "model/net.onnx is a Git LFS pointer" in done.stdout


def test_footprint_of_a_folder(project):
    add_weights(project, 3_000)
    add_weights(project, 500, "labels.txt")
    (project / ".venv").mkdir()
    (project / ".venv" / "big").write_bytes(b"0" * 10_000)
    (project / "__pycache__").mkdir()
    (project / "__pycache__" / "app.pyc").write_bytes(b"0" * 10_000)
    (project / ".github").mkdir()
    seen = weigh(project)
    assert seen.weights == 3_500
    assert seen.packages == PACKAGES
    assert seen.on_github
    assert seen.pointers == ()
    others = [project / name for name in (".ml-ui.json", "app.py", "requirements.txt")]
    assert seen.sources == sum(path.stat().st_size for path in others)


def test_ignored_files_do_not_count(project):
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    before = weigh(project)
    add_weights(project, 1_000)
    (project / "datä").mkdir()
    (project / "datä" / "set.bin").write_bytes(b"0" * 7_000)
    assert weigh(project).sources == before.sources + 7_000
    (project / ".gitignore").write_text("datä/\n")
    after = weigh(project)
    assert after.weights == 1_000
    assert after.sources == before.sources + len("datä/\n".encode())


def test_linked_weights_count_as_their_target(project, tmp_path):
    with open(tmp_path / "elsewhere.onnx", "wb") as file:
        file.truncate(1_200_000_000)
    (project / "model" / "net.onnx").symlink_to(tmp_path / "elsewhere.onnx")
    assert weigh(project).weights == 1_200_000_000


@pytest.mark.parametrize("git", [True, False])
def test_broken_link_is_named(project, git):
    if git:
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    (project / "model" / "net.onnx").symlink_to("nowhere")
    done = run(project)
    assert done.returncode == 2
    assert "net.onnx" in done.stderr


@pytest.mark.parametrize("git", [True, False])
def test_looping_link_is_named(project, git):
    if git:
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    (project / "model" / "net.onnx").symlink_to("net.onnx")
    done = run(project)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "net.onnx cannot be read" in done.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
@pytest.mark.parametrize("git", [True, False])
@pytest.mark.parametrize("name", ["notes.txt", "model/net.onnx", ".ml-ui.json"])
@pytest.mark.parametrize("target", ["/dev/zero", "pipe"])
def test_link_to_a_special_file_is_refused(project, tmp_path, target, name, git):
    """It has no size, and no end."""
    if git:
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    os.mkfifo(tmp_path / "pipe")
    (project / name).unlink(missing_ok=True)
    (project / name).symlink_to(tmp_path / target)
    done = run(project)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert f"{name} is not a regular file" in done.stderr


@pytest.mark.parametrize("git", [True, False])
def test_link_to_a_folder_is_not_followed(project, tmp_path, git):
    if git:
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    before = weigh(project)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "set.bin").write_bytes(b"0" * 10_000)
    (project / "data").symlink_to(tmp_path / "data")
    assert weigh(project) == before


def test_unreadable_model_is_named(project):
    """Root reads all, but a folder in the place of a file it cannot."""
    add_weights(project, 1_000)
    path = project / "requirements.txt"
    path.unlink()
    path.mkdir()
    done = run(project)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "requirements.txt" in done.stderr


def test_ignored_files_are_not_in_the_slug(project):
    (project / "data").mkdir()
    (project / "data" / "set.bin").write_bytes(b"0" * 3_000_000)
    before = json.loads(run(project, "--json").stdout)["checks"]
    (project / ".slugignore").write_text("# kept out\ndata\n")
    after = json.loads(run(project, "--json").stdout)["checks"]
    sizes = [{c["name"]: c["predicted"] for c in checks} for checks in (before, after)]
    assert sizes[0]["slug"] - sizes[1]["slug"] > 2_999_000
    assert sizes[1]["checkout"] > sizes[0]["checkout"]


def test_weights_are_counted_after_gzip(project):
    """float32 from a training: the exponents are few, the rest is noise."""
    noise = random.Random(0)
    half = bytes(b if n % 2 else 60 for n, b in enumerate(noise.randbytes(4_000_000)))
    (project / "model" / "net.onnx").write_bytes(half)
    share = len(zlib.compress(half, 6)) / len(half)
    slug = json.loads(run(project, "--json").stdout)["checks"][0]
    assert slug["parts"]["weights"] == pytest.approx(share * len(half), rel=0.02)


@pytest.mark.parametrize("method", ["plain", "zlib", "gzip", "bz2", "lzma", "zip", "looks packed"])
def test_packed_weights_are_loaded_unpacked(project, method):
    """As joblib and skops can write them."""
    noise = random.Random(0)
    content = noise.randbytes(3_200_000).translate(bytes(97 + n % 8 for n in range(256)))
    if method == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("weights", content)
        packed = buffer.getvalue()
    elif method == "plain":
        packed = content
    elif method == "looks packed":
        packed = b"BZ" + content
    else:
        least = {"preset": 0} if method == "lzma" else {}
        packed = importlib.import_module(method).compress(content, **least)
    (project / "model" / "net.onnx").write_bytes(packed)
    found = weigh(project)
    assert found.weights == len(packed)
    assert found.loaded == pytest.approx(len(content), rel=0.05)


def test_earlier_versions_count(project):
    """As Git LFS keeps them, and as git does; a version that is only staged is not earlier."""
    git(project, "init", "-q")
    for text in ("x" * 5_000, "y" * 6_000):
        (project / "model" / "net.onnx").write_text(text)
        git(project, "add", "-A")
        git(project, "commit", "-qm", "A version")
    assert weigh(project).history == 5_000
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"
    for number, size in enumerate((700_000_000, 800_000_000)):
        (project / "model" / "net.onnx").write_text(pointer.format(f"{number}" * 64, size))
        git(project, "add", "-A")
        git(project, "commit", "-qm", "A version")
    found = weigh(project)
    assert found.weights == 800_000_000
    assert found.history == pytest.approx(700_011_000, abs=500)
    done = run(project, "--platform", "huggingface")
    assert done.returncode == 1
    assert "earlier versions 700 MB" in done.stdout


def test_github_is_a_folder_or_a_remote(project):
    add_weights(project, 150_000_000)
    assert run(project, "--hardware", "performance-l").returncode == 0
    git(project, "init", "-q")
    git(project, "remote", "add", "origin", "git@github.com:me/app.git")
    done = run(project, "--hardware", "performance-l")
    assert done.returncode == 1
    assert "= model/net.onnx 150 MB" in done.stdout
    git(project, "remote", "remove", "origin")
    (project / ".github").mkdir()
    assert run(project, "--hardware", "performance-l").returncode == 1
    (project / ".gitattributes").write_text("model/** filter=lfs -text\n")
    assert run(project, "--hardware", "performance-l").returncode == 0


def test_binaries_outside_lfs_are_noted_where_they_are_refused(project):
    add_weights(project, 1_000)
    (project / "data.bin").write_bytes(b"\0")
    (project / ".gitattributes").write_text("model/** filter=lfs -text\n")
    done = run(project, "--platform", "huggingface")
    assert "Note: data.bin, outside Git LFS: A binary file pushed with plain git" in done.stdout
    assert done.returncode == 0, "hf upload takes it"
    assert "data.bin" not in run(project).stdout


def test_fetched_weights_are_loaded_and_not_pushed(project):
    done = run(project, "--json", "--fetched", "450MB")
    assert done.returncode == 1
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert not checks["memory"]["fits"]
    assert checks["checkout"]["predicted"] < 1_000_000


def test_json_keys(project):
    add_weights(project, 2_000_000)
    done = run(project, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    keys = ["platform", "hardware", "fits", "checks", "ways_out", "notes", "refused"]
    assert list(report) == keys
    assert (report["platform"], report["hardware"], report["fits"]) == ("heroku", "basic", True)
    promised = {"name", "predicted", "limit", "unit", "fits", "source", "as_of", "verified"}
    for check in report["checks"]:
        assert promised <= set(check)
        assert check["unit"] == ("seconds" if check["name"] == "boot" else "bytes")
        assert check["predicted"] == sum(check["parts"].values())
    assert report["ways_out"] == []


def test_closed_pipe_keeps_the_exit_status(project):
    """As in `python -m ml_ui preflight | head -1`."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        COMMAND,
        cwd=project,
        env=commands.environment(),
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_bars_are_for_a_terminal(project):
    """Blocks and colours there, nothing of the kind in a pipe or with NO_COLOR."""
    pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")
    add_weights(project, 450_000_000)
    assert not {"█", "\x1b"} & set(run(project).stdout)
    for variables, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        there, here = pty.openpty()
        variables = commands.environment() | {"PYTHONIOENCODING": "utf-8"} | variables
        if not coloured:
            variables["NO_COLOR"] = "1"
        else:
            variables.pop("NO_COLOR", None)
        options = {"stdout": here, "stderr": here, "env": variables, "cwd": project}
        with subprocess.Popen(COMMAND, **options) as process:
            os.close(here)
            shown = b""
            while True:
                try:
                    block = os.read(there, 1 << 16)
                except OSError:  # the other end is closed
                    break
                if not block:
                    break
                shown += block
        os.close(there)
        assert process.returncode == 1
        assert "█" in shown.decode()
        assert ("\x1b[31m" in shown.decode()) is coloured
