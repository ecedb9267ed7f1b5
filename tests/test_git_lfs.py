"""Git LFS as preflight sees it, beside git's own answers and a real `git lfs`."""

import json
import shutil
import subprocess

import pytest
from footprints import of

from ml_ui.sizing import git_lfs, report
from ml_ui.sizing.project import Attributes, weigh

LARGE = 130_000_000  # bytes, which GitHub refuses in plain git

NAMES = [
    "net.onnx", "model/net.onnx", "model/net.onnx.data", "model/labels.txt", "model/a b.onnx",
    "model/saved/saved_model.pb", "model/saved/variables/variables.data-00000-of-00001",
    "model/sub/net.onnx", "model/x[1]*.bin", "other/model/net.onnx", "a/b/c/net.pt",
]  # fmt: skip
LINES = [
    "*.onnx", "/net.onnx", "model/*.onnx", "model/**", "**/net.onnx", "model/saved/**",
    "model/**/variables.*", "**/model/*", "net.onn?", "net.[op]*", "net.[!o]*", "a/**/net.pt",
    "a/*/net.pt", "model/a[[:space:]]b.onnx", '"model/a b.onnx"', r"model/x\[1\]\*.bin",
    "model/saved", "*", "model/sub/", "[[:alpha:]]*.onnx",
]  # fmt: skip


def git(folder, *arguments, text=None):
    """Run git as somebody."""
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    command = ["git", *who, *arguments]
    run = subprocess.run(command, cwd=folder, check=True, capture_output=True, input=text)
    return run.stdout.decode()


def filters(folder, names):
    """Return the names that git gives to Git LFS."""
    answer = git(folder, "check-attr", "-z", "--stdin", "filter", text="\0".join(names).encode())
    fields = answer.split("\0")
    return {name for name, value in zip(fields[::3], fields[2::3], strict=False) if value == "lfs"}


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "-q")
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        *(f"{line} filter=lfs diff=lfs merge=lfs -text\n" for line in LINES),
        "model/** filter=lfs\nmodel/labels.txt !filter text\n",
        "* filter=lfs\n*.txt -filter\n",
        "* filter=lfs\n*.onnx filter=other\n",
        "# *.onnx filter=lfs\n\n*.onnx text\n",
        "",
    ],
)
def test_attributes_match_git(repository, text):
    (repository / ".gitattributes").write_text(text)
    seen = Attributes(repository)
    assert {name for name in NAMES if seen.in_lfs(name)} == filters(repository, NAMES)


def test_attributes_of_a_folder(repository):
    """As `git lfs track` writes them where it is run."""
    (repository / "model" / "sub").mkdir(parents=True)
    (repository / ".gitattributes").write_text("*.txt filter=lfs\n")
    (repository / "model" / ".gitattributes").write_text("/net.* filter=lfs\n*.txt !filter\n")
    (repository / "model" / "sub" / ".gitattributes").write_text("*.onnx filter=lfs\n")
    seen = Attributes(repository)
    taken = {name for name in NAMES if seen.in_lfs(name)}
    assert taken == filters(repository, NAMES)
    assert taken == {"model/net.onnx", "model/net.onnx.data", "model/sub/net.onnx"}


@pytest.mark.parametrize("name", [*NAMES, "model/ä\\ö.bin", "model/'q'.bin", "model/#1.bin"])
def test_line_matches_only_this_file(repository, name):
    (repository / ".gitattributes").write_text(f"{git_lfs.line_for(name)}\n", "utf-8")
    others = [*NAMES, f"other/{name}", f"{name}.more", name.replace("[1]", "1")]
    assert filters(repository, {name, *others}) == {name}
    assert Attributes(repository).in_lfs(name)


# Models of several files


def lay_out(folder, names):
    """Lay out a project for GitHub whose model has a large file for each name."""
    recorded = {
        "lock": "onnx-cpu",
        "answers": {"platform": "huggingface", "python_version": "3.12"},
        "model": {"framework": "onnx", "format": "onnx", "dtype": "float32"},
        "sizes": {"packages": {}},
    }
    (folder / ".ml-ui.json").write_text(json.dumps(recorded))
    (folder / "requirements.txt").write_text("")
    (folder / ".github").mkdir()
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:  # sparse: it takes no room on the disk
            file.truncate(LARGE)


@pytest.mark.parametrize(
    ("names", "small"),
    [
        (["model/net.onnx"], "model/labels.txt"),
        (["model/net.onnx.data"], "model/net.onnx"),
        (["model/a b.data", "model/net.onnx.data"], "model/net.onnx"),
        (["model/saved/variables/variables.data-00000-of-00001"], "model/saved/saved_model.pb"),
    ],
)
def test_each_large_file_gets_a_line(repository, names, small):
    lay_out(repository, names)
    (repository / small).write_bytes(b"\x08")
    # The one line that projects had: for a file that is not the large one.
    (repository / ".gitattributes").write_text("model/saved filter=lfs diff=lfs merge=lfs -text\n")
    answer = report.check("huggingface", None, weigh(repository))
    assert [check.name for check in answer.checks if check.fits is False] == ["file"]
    assert f"Keep {' and '.join(names)} in Git LFS." in answer.ways_out
    (note,) = (note for note in answer.notes if note.startswith("GitHub refuses"))
    lines = note.partition("add to .gitattributes: ")[2].partition(". What is")[0].split(", ")
    with open(repository / ".gitattributes", "a", encoding="utf-8") as file:
        file.writelines(f"{line.strip('`')}\n" for line in lines)
    assert filters(repository, [*names, small]) == {*names}
    after = report.check("huggingface", None, weigh(repository))
    assert after.fits
    assert not any("GitHub refuses" in note for note in after.notes)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("git-lfs"), reason="needs git-lfs: apt-get install git-lfs")
def test_git_lfs_stores_what_preflight_expects(repository):
    """What git really keeps: a pointer for the large file, and the small one itself."""
    lay_out(repository, ["model/net.onnx.data"])
    (repository / "model" / "net.onnx").write_bytes(b"\x08" * 340)
    line = git_lfs.line_for("model/net.onnx.data")
    (repository / ".gitattributes").write_text(f"{line}\n")
    git(repository, "lfs", "install", "--local", "--skip-repo")
    git(repository, "add", "-A")
    assert int(git(repository, "cat-file", "-s", ":model/net.onnx.data")) < 200
    assert int(git(repository, "cat-file", "-s", ":model/net.onnx")) == 340
    found = weigh(repository)
    assert found.weights == LARGE + 340
    assert [file.in_lfs for file in found.files] == [True]


def test_heroku_refuses_git_lfs():
    """It does not fetch files from there: the push to GitHub is what has to go."""
    answer = report.check("heroku", "performance-m", of(LARGE, on_github=True))
    ways = [way for way in answer.ways_out if not way.startswith("Go to")]
    assert ways and not any("LFS" in way for way in ways)
