"""Refusals of hostile or impossible calls: one line, exit status 1, and nothing left behind."""

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import ROOT
from cookiecutter.cli import main
from cookiecutter.generate import generate_context
from cookiecutter.main import cookiecutter
from cookiecutter.prompt import prompt_for_config
from crafted import IMAGE, field, fields, onnx, onnx_input, onnx_tensor, saved_model

from local_extensions import manifest
from local_extensions.answers import Answers
from local_extensions.project import Project
from ml_ui.sizing import project as preflight

IRIS = ROOT / "demos" / "tabular" / "iris.skops"
DIGITS = ROOT / "demos" / "image-classification" / "digits.onnx"
TEN = "".join(f"{n}\n" for n in range(10))


def generate(*arguments: str):
    """Run the command line in this process."""
    return CliRunner().invoke(main, ["--no-input", str(ROOT), *arguments])


def run(*arguments, **options) -> subprocess.CompletedProcess:
    """Run the command line in a process of its own, which may not hang."""
    command = [sys.executable, "-m", "cookiecutter", "--no-input", ROOT, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=30, **options
    )


def assert_refused(output: str, status: int, *fragments: str) -> None:
    assert status == 1, output
    assert len(output.strip().splitlines()) == 1, output
    for fragment in fragments:
        assert fragment in output


# labels.txt and other files of a model -----------------------------------------------------


@pytest.fixture
def beside(here):
    """A model of ten classes in a folder of its own, with a secret outside of it."""
    (here / "secret").write_text("root:x\n")
    (here / "m").mkdir()
    return Path(shutil.copy(DIGITS, here / "m")).with_name("labels.txt")


@pytest.mark.parametrize(
    ("target", "fragment"),
    [
        ("../secret", "a link to "),
        ("/etc/hostname", "a link to /etc/hostname, "),
        ("/dev/zero", "a link to /dev/zero, "),
        ("labels.txt", "labels.txt"),
        ("gone", "labels.txt"),
    ],
)
def test_linked_labels_are_refused(beside, target, fragment):
    beside.symlink_to(target)
    done = run("model_path=m/digits.onnx", "project_slug=made")
    assert_refused(done.stdout + done.stderr, done.returncode, "labels.txt: ", fragment)
    assert not Path("made").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
@pytest.mark.parametrize("kind", ["FIFO", "folder", "socket"])
def test_special_file_as_labels_is_refused(beside, kind):
    if kind == "FIFO":
        os.mkfifo(beside)
    elif kind == "folder":
        beside.mkdir()
    else:
        os.mknod(beside, 0o140600)
    done = run("model_path=m/digits.onnx", "project_slug=made")
    assert_refused(done.stdout + done.stderr, done.returncode, "labels.txt: ", "not a regular file")
    assert not Path("made").exists()


def test_huge_labels_are_refused(beside):
    beside.touch()
    os.truncate(beside, 300_000_000)
    before = os.times().user
    result = generate("model_path=m/digits.onnx")
    assert_refused(result.output, result.exit_code, "labels.txt: ", "300 MB")
    assert os.times().user - before < 2, "it was not read"


def test_labels_as_lfs_pointer_are_refused(beside):
    beside.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 123\n")
    result = generate("model_path=m/digits.onnx")
    assert_refused(result.output, result.exit_code, "labels.txt: ", "git lfs pull")


@pytest.mark.parametrize(("count", "outputs"), [(2, 10), (11, 10), (3, 1)])
def test_number_of_labels_must_match_the_outputs(beside, count, outputs):
    """An ONNX file declares its outputs; one output is the probability of two classes."""
    scores = fields(12, [onnx_input("scores", 1, "n", outputs)])
    graph = field(2, "main") + field(11, IMAGE) + scores
    beside.with_name("m.onnx").write_bytes(field(1, 8) + field(7, graph))
    beside.write_text("".join(f"{n}\n" for n in range(count)))
    result = generate("model_path=m/m.onnx")
    classes = {1: 2}.get(outputs, outputs)
    fragments = f"has {count} classes", f"the model {classes}"
    assert_refused(result.output, result.exit_code, "labels.txt: ", *fragments)
    beside.write_text("".join(f"{n}\n" for n in range(classes)))
    result = generate("model_path=m/m.onnx", "project_slug=made", "platform=local")
    assert result.exit_code == 0, result.output
    assert Path("made/model/labels.txt").read_text() == beside.read_text()


@pytest.mark.parametrize("where", ["", "onnx"])
def test_labels_in_the_cache_of_the_hub(here, where):
    """Its files are links from snapshots/REVISION, or a folder in it, to blobs/HASH."""
    hub = here / "models--user--digits"
    snapshot = hub / "snapshots" / "0a1b" / where
    snapshot.mkdir(parents=True)
    (hub / "blobs").mkdir()
    (hub / "blobs" / "0c").write_bytes(DIGITS.read_bytes())
    (hub / "blobs" / "0d").write_text(TEN)
    for name, blob in (("digits.onnx", "0c"), ("labels.txt", "0d")):
        (snapshot / name).symlink_to(os.path.relpath(hub / "blobs" / blob, snapshot))
    path = f"model_path={snapshot / 'digits.onnx'}"
    result = generate(path, "project_slug=made", "platform=local")
    assert result.exit_code == 0, result.output
    copied = here / "made" / "model" / "labels.txt"
    assert copied.read_text() == TEN and not copied.is_symlink()

    (here / "secret").write_text(TEN)  # the cache is no way out either
    (hub / "blobs" / "0d").unlink()
    (hub / "blobs" / "0d").symlink_to(here / "secret")
    result = generate(path, "project_slug=again")
    assert_refused(result.output, result.exit_code, "labels.txt: ", "a link to ")


def test_labels_beside_the_model_are_copied(beside):
    """A regular file, also one that is a link within the folder."""
    beside.with_name("names.txt").write_text(TEN)
    beside.symlink_to("names.txt")
    result = generate("model_path=m/digits.onnx", "project_slug=made", "platform=local")
    assert result.exit_code == 0, result.output
    assert Path("made/model/labels.txt").read_text() == TEN


@pytest.mark.parametrize("kind", ["link", "linked folder", "FIFO"])
def test_special_file_in_a_model_folder_is_refused(here, kind):
    (here / "secret").mkdir()
    (here / "secret" / "key").write_text("secret")
    (here / "m" / "assets").mkdir(parents=True)
    (here / "m" / "saved_model.pb").write_bytes(saved_model(-1, 8, 8, 1))
    odd = here / "m" / "assets" / "odd"
    if kind == "FIFO":
        os.mkfifo(odd)
    else:
        odd.symlink_to("../../secret/key" if kind == "link" else "../../secret")
    done = run("model_path=m", "project_slug=made")
    assert_refused(done.stdout + done.stderr, done.returncode, "model_path: ", "odd")
    assert not (here / "made").exists()


def test_folder_of_a_model_in_the_cache_of_the_hub(here):
    snapshot = here / "models--user--digits" / "snapshots" / "0a1b"
    (snapshot / "m" / "variables").mkdir(parents=True)
    (here / "models--user--digits" / "blobs").mkdir()
    content = {"saved_model.pb": saved_model(-1, 8, 8, 1), "variables/variables.index": b"\xff"}
    for name, data in content.items():
        blob = here / "models--user--digits" / "blobs" / name[-1]
        blob.write_bytes(data)
        (snapshot / "m" / name).symlink_to(os.path.relpath(blob, (snapshot / "m" / name).parent))
    result = generate(f"model_path={snapshot / 'm'}", "project_slug=made", "platform=local")
    assert result.exit_code == 0, result.output
    for name, data in content.items():
        copied = here / "made" / "model" / "m" / name
        assert copied.read_bytes() == data and not copied.is_symlink()


# Jinja in the answers of a command line ----------------------------------------------------

CODE = "cycler.__init__.__globals__.os.popen('touch canary').read()"
JINJA = {
    "expression": ["description={{ " + CODE + " }}"],
    "statement": ["description={% if " + CODE + " %}{% endif %}"],
    "comment": ["description=x{# harmless #}"],
    "model": ["model_path={{ " + CODE + " }}"],
    "slug": ["project_slug={{ " + CODE + " }}"],
    "tier": ["hardware={{ " + CODE + " }}"],
    "unknown": ["titel={{ " + CODE + " }}"],
    "start": ["__begin=x", "description={{ " + CODE + " }}"],
    "private": ["__begin={{ " + CODE + " }}"],
    "model chosen": ["__model_path=/etc/passwd"],
    "prompts": ["__prompts__=x"],
    "new": ["_new=x"],
    "extension": ["_extensions=local_extensions.ProjectExtension"],
}


@pytest.mark.parametrize("case", JINJA)
def test_jinja_on_the_command_line(here, case):
    result = generate(*JINJA[case])
    assert result.exit_code == 1, result.output
    output = result.output.strip().splitlines()
    assert len(output) == len(JINJA[case])
    for line, argument in zip(output, JINJA[case], strict=True):
        name = argument.partition("=")[0]
        assert line.startswith(f"{name!r}: " if name[0] == "_" else f"{name}: "), line
    assert not list(here.iterdir())


def test_jinja_in_a_separate_process(here):
    done = run(*JINJA["start"], cwd=here)
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (1, 2, "")
    assert not list(here.iterdir())


def test_jinja_in_the_settings(here):
    """The default_context of cookiecutter's settings is rendered as well."""
    config = here / "config.yaml"
    config.write_text(f'default_context:\n  description: "{{{{ {CODE} }}}}"\n  titel: "{{{{"\n')
    done = run("--config-file", config, cwd=here)
    fragments = "description: ", "default_context"
    assert_refused(done.stdout + done.stderr, done.returncode, *fragments)
    assert list(here.iterdir()) == [config]


LITERALS = {
    r"'7 {{ 7*7 }} \u6a21'": "7 {{ 7*7 }} 模",
    r'''"it's"''': "it's",
    "'''a' }} {{ 7*7 }} {{ 'b'''": None,
    "'a' }}{{ 7*7 }}{{ 'b'": None,
    "'a' ~ 7*7": None,
    r"'a\\' ~ 7*7 ~ 'b'": None,
}


@pytest.mark.parametrize("literal", LITERALS)
def test_literals_in_the_settings(here, literal):
    """A quoted text is a text, as an update of a project passes its answers."""
    config = here / "config.yaml"
    settings = {"default_context": {"description": f"{{{{ {literal} }}}}"}}
    config.write_text(json.dumps(settings), "utf-8")
    result = generate("--config-file", str(config), "project_slug=made", "platform=local")
    if LITERALS[literal]:
        assert result.exit_code == 0, result.output
        assert LITERALS[literal] in Path("made/README.md").read_text("utf-8")
    else:
        assert_refused(result.output, result.exit_code, "description: ", "default_context")


def test_jinja_in_replayed_answers(here):
    """Cookiecutter does not render them."""
    result = generate("project_slug=made", "platform=local")
    assert result.exit_code == 0, result.output
    shutil.rmtree("made")
    replay = Path(os.environ["COOKIECUTTER_CONFIG"]).with_name(f"{ROOT.name}.json")
    recorded = json.loads(replay.read_text("utf-8"))
    text = recorded["cookiecutter"]["description"] = "{{ " + CODE + " }}"
    replay.write_text(json.dumps(recorded), "utf-8")
    result = CliRunner().invoke(main, ["--replay", str(ROOT)])
    assert result.exit_code == 0, result.output
    assert text in (here / "made" / "README.md").read_text("utf-8")
    assert [path.name for path in here.iterdir()] == ["made"]


# A replay of other answers ----------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The answers that cookiecutter records for a demo."""
    folder = tmp_path_factory.mktemp("recorded")
    config = folder / "config.yaml"
    config.write_text(json.dumps({"replay_dir": str(folder)}))
    result = generate("--config-file", str(config), "-o", str(folder / "out"))
    assert result.exit_code == 0, result.output
    return json.loads((folder / f"{ROOT.name}.json").read_text("utf-8"))["cookiecutter"]


def replay(answers: dict):
    """Run the command line in this process with the answers of a file."""
    Path("replay.json").write_text(json.dumps({"cookiecutter": answers}))
    return CliRunner().invoke(main, ["--replay-file", "replay.json", str(ROOT)])


ODD = {
    "license": ["GPL", "../secret", None, 5, ["MIT"], {}],
    "task": ["divination", 5, [], "tabular\n"],
    "framework": ["caffe", None],
    "platform": ["herku", 5, {}],
    "hardware": ["steam", 5, None, ["cpu-basic"]],
    "python_version": ["2.7", 3.12, None],
    "ci": ["maybe", "", None, 5, []],
    "project_name": [5, None, []],
    "project_slug": [5, None, "../made"],
    "description": [5, {}],
    "__framework": [5, None],
    "__model_path": [5, None],
}


@pytest.mark.parametrize(("name", "answer"), [(n, answer) for n in ODD for answer in ODD[n]])
def test_odd_answer_in_a_replay_is_refused(here, recorded, name, answer):
    result = replay(recorded | {name: answer})
    assert_refused(result.output, result.exit_code, f"{name}: ")
    assert [path.name for path in here.iterdir()] == ["replay.json"]


def test_framework_in_a_replay_follows_from_the_answers(here, recorded):
    answers = {"framework": "keras", "__framework": "caffe", "project_slug": "made"}
    result = replay(recorded | answers)
    assert result.exit_code == 0, result.output
    assert "keras" in Path("made/requirements.txt").read_text("utf-8")


def test_replay_of_another_task_is_refused(here, recorded):
    result = replay(recorded | {"framework": "python", "task": "tabular"})
    assert_refused(result.output, result.exit_code, "framework: tabular is not offered with python")


# No room ----------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """Return a function that mounts a file system of so many files."""
    mounted = []

    def mount(inodes: int) -> Path:
        folder = tmp_path / "disk"
        folder.mkdir()
        options = f"size=50m,nr_inodes={inodes}"
        command = ["mount", "-t", "tmpfs", "-o", options, "none", folder]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("only root may mount a file system")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)


def test_too_few_inodes(small_disk):
    disk = small_disk(30)
    done = run("-o", disk, "project_slug=made")
    fragments = "output_dir: ", "room for 29 more files", "needed"
    assert_refused(done.stdout + done.stderr, done.returncode, *fragments)
    assert not list(disk.iterdir())


def test_just_enough_inodes(small_disk):
    disk = small_disk(1 + len(manifest.written(asked(platform="local"))))  # it has a root
    result = generate("-o", str(disk), "project_slug=made", "platform=local")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("inodes", [3, 5, 9, 15, 30, 60])
def test_inodes_under_a_quota(small_disk, monkeypatch, inodes):
    """The file system does not tell of it, and the writing fails, in the hook or before."""
    disk, statvfs = small_disk(inodes), os.statvfs
    monkeypatch.setattr(os, "statvfs", lambda path: statvfs(ROOT))
    result = generate("-o", str(disk), "project_slug=made")
    assert result.exit_code == 1
    assert not list(disk.iterdir())
    if inodes < 8:  # of them, those that cookiecutter itself writes
        fragments = "No space left on device", "Nothing is left"
        assert_refused(result.output, result.exit_code, *fragments)


@pytest.mark.parametrize("most", [7_000, 10_000, 30_000])
def test_file_size_limit(here, most):
    """As under a quota of bytes, in a process of its own."""
    resource = pytest.importorskip("resource")
    limit = (resource.RLIMIT_FSIZE, (most, most))
    done = run("project_slug=made", preexec_fn=lambda: resource.setrlimit(*limit))
    assert done.returncode == 1
    assert "File too large" in done.stdout + done.stderr
    assert not list(here.iterdir())


def test_keep_project_on_failure(small_disk, monkeypatch):
    disk, statvfs = small_disk(9), os.statvfs
    monkeypatch.setattr(os, "statvfs", lambda path: statvfs(ROOT))
    result = generate("-o", str(disk), "--keep-project-on-failure", "project_slug=made")
    assert result.exit_code == 1
    assert (disk / "made").is_dir()


def test_failure_keeps_existing_files(small_disk, monkeypatch):
    """With -f, the folder is not cookiecutter's to remove."""
    disk, statvfs = small_disk(9), os.statvfs
    (disk / "made").mkdir()
    (disk / "made" / "notes.txt").write_text("mine")
    monkeypatch.setattr(os, "statvfs", lambda path: statvfs(ROOT))
    result = generate("-f", "-o", str(disk), "project_slug=made")
    assert result.exit_code == 1
    assert (disk / "made" / "notes.txt").read_text() == "mine"


def asked(**given) -> Project:
    """Return the project of the answers that cookiecutter has after the questions."""
    context = generate_context(str(ROOT / "cookiecutter.json"), extra_context=given)
    return Project(Answers.of(prompt_for_config(context, no_input=True)))


def test_counted_files_match_written_files(here):
    for given in (
        {"platform": "huggingface"},
        {"platform": "heroku", "task": "tabular", "license": "none"},
        {"platform": "docker", "framework": "pytorch", "ci": "no"},
    ):
        counted = manifest.written(asked(**given))
        made = Path(cookiecutter(str(ROOT), no_input=True, extra_context=given))
        written = {path.relative_to(made) for path in (made, *made.rglob("*"))}
        # The bundle is unpacked and removed; some of its files render to nothing.
        assert written <= counted, written - counted
        assert counted - written <= {Path("_chosen_files.json"), Path(".gitattributes")}
        shutil.rmtree(made)


# Links in a project that is overwritten ---------------------------------------------------


@pytest.mark.parametrize(
    "name", ["README.md", "app.py", "ml_ui", "ml_ui/serving", "tests", "requirements.txt", "model"]
)
@pytest.mark.parametrize("kind", ["file", "folder", "nothing"])
def test_overwriting_a_link(here, name, kind):
    """Whatever it leads to is not the project's."""
    mine = here / "elsewhere"
    if kind == "file":
        mine.write_text("mine")
    elif kind == "folder":
        mine.mkdir()
        (mine / "notes.txt").write_text("mine")
    link = here / "made" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(mine)
    before = sorted(here.rglob("*"))
    result = generate("-f", "project_slug=made")
    fragments = f"output_dir: {link} is a link to {mine}", "Remove"
    assert_refused(result.output, result.exit_code, *fragments)
    assert sorted(here.rglob("*")) == before
    if kind == "file":
        assert mine.read_text() == "mine"


def test_overwriting_leaves_other_links(here):
    """Links that nothing is written to are the owner's."""
    (here / "made").mkdir()
    (here / "notes.txt").write_text("mine")
    for name in ("notes.txt", "data"):
        (here / "made" / name).symlink_to("../notes.txt")
    result = generate("-f", "project_slug=made", "platform=local")
    assert result.exit_code == 0, result.output
    assert (here / "made" / "notes.txt").is_symlink()
    assert (here / "notes.txt").read_text() == "mine"


# Git LFS ----------------------------------------------------------------------------------

BIG = 60_000_000  # bytes: GitHub warns of files above 50 MiB


def sparse(path: Path, size: int = BIG) -> Path:
    """Write a file of zeros, which takes no room on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.truncate(path, size)
    return path


def external(folder: Path, *locations: str) -> Path:
    """Write an ONNX model with weights in other files."""
    for location in locations:
        sparse(folder / location)
    weights = [onnx_tensor(f"w{n}", 3, location=name) for n, name in enumerate(locations)]
    (folder / "net.onnx").write_bytes(onnx(IMAGE, weights=weights))
    return folder / "net.onnx"


def safetensors(path: Path) -> Path:
    header = b'{"w":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}' % (BIG // 4, BIG)
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    os.truncate(path, 8 + len(header) + BIG)
    return path


def saved(folder: Path) -> Path:
    """Write a SavedModel whose weights are two files."""
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(saved_model(-1, 8, 8, 1))
    (folder / "variables").mkdir()
    (folder / "variables" / "variables.index").write_bytes(b"\xff")
    for part in range(2):
        sparse(folder / "variables" / f"variables.data-0000{part}-of-00002")
    return folder


MODELS = {
    "one file": lambda here: safetensors(here / "net.safetensors"),
    "external data": lambda here: external(here, "net.onnx.data"),
    "several": lambda here: external(here, "a.data", "parts/b.data", "c.data"),
    "odd names": lambda here: external(
        here, 'a b "c" [d]*?.data', "模型\u3000x.data", "#e\t\\.data"
    ),
    "folder": lambda here: saved(here / "saved"),
}
SIZED = {"one file": 1, "external data": 1, "several": 3, "odd names": 3, "folder": 2}


@pytest.mark.parametrize("platform", ["local", "huggingface"])
@pytest.mark.parametrize("model", MODELS)
def test_large_files_go_to_git_lfs(here, model, platform):
    """As git reads .gitattributes, as the estimate says, and as the project's preflight says."""
    path = MODELS[model](here)
    given = {"model_path": str(path), "platform": platform, "project_slug": "made"}
    made = Path(cookiecutter(str(ROOT), no_input=True, extra_context=given))
    large = {
        path.relative_to(made).as_posix()
        for path in made.rglob("*")
        if path.is_file() and path.stat().st_size >= BIG
    }
    assert len(large) == SIZED[model]
    subprocess.run(["git", "init", "-q", made], check=True)
    assert in_lfs(made, large) == large
    assert not in_lfs(
        made, ["app.py", "model/labels.txt", "model/other.txt"][: 2 + (platform != "huggingface")]
    )
    estimated = {file.name: file.in_lfs for file in asked(**given).footprint.files}
    weighed = {file.name: file.in_lfs for file in preflight.weigh(made).files}
    assert estimated == weighed
    assert {name for name, is_in_lfs in weighed.items() if is_in_lfs} >= large


def in_lfs(project: Path, names) -> set[str]:
    """Return which of the files git hands to Git LFS."""
    command = ["git", "-C", project, "check-attr", "-z", "--stdin", "filter"]
    given = "".join(f"{name}\0" for name in names).encode()
    said = subprocess.run(command, input=given, capture_output=True, check=True).stdout
    parts = said.decode().split("\0")
    return {name for name, value in zip(parts[::3], parts[2::3]) if value == "lfs"}
