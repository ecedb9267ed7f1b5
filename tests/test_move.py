"""python -m ml_ui move: an edited project goes from platform to platform, and back.

What a move should give is generated for the other platform by cookiecutter, without the mover,
and edited likewise.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from itertools import cycle, islice
from pathlib import Path

import pytest
from conftest import ROOT
from onnx_kinds import save_rows
from running import own_tests
from test_update import (  # template: a fixture
    commit,
    copied,
    edit_record,
    files,
    generate,
    git,
    replace,
    state,
    template,  # noqa: F401
)

from local_extensions.choices import HOSTS
from ml_ui import merging, move, record
from ml_ui.sizing.footprint import PACKAGES
from ml_ui.sizing.limits import PLATFORMS

slow = pytest.mark.slow
FIRST = "heroku"
NOTES = "\n## Notes of mine\n\nAsk me first.\n"


@pytest.fixture(scope="module", autouse=True)
def _plain_git():
    """Without the filter of Git LFS that a machine may have for all users."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        yield


@pytest.fixture(scope="module")
def generated(template, tmp_path_factory):  # noqa: F811
    """Return a function that generates a project for a platform, each once."""
    made = {}

    def project(platform: str = FIRST, **answers: str) -> Path:
        key = (platform, *answers.items())
        if key not in made:
            folder = tmp_path_factory.mktemp(platform)
            made[key] = generate(template, folder, platform=platform, **answers)
        return made[key]

    return project


@pytest.fixture
def project(generated, tmp_path) -> Path:
    """Return the default project on Heroku."""
    return copied(generated(), tmp_path)


def run(project: Path, *arguments: object, **variables: str):
    """Run the command with the package that the project holds."""
    return subprocess.run(
        [sys.executable, "-B", "-m", "ml_ui", "move", *map(str, arguments)],
        cwd=project, env=os.environ | variables, capture_output=True, text=True, check=False,
    )  # fmt: skip


def moved(project: Path, template: Path, *arguments: object) -> str:  # noqa: F811
    """Move a project without conflicts, and commit; return what was said."""
    done = run(project, *arguments, "--template", template)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Conflicts" not in done.stdout
    commit(project, f"move {' '.join(map(str, arguments))}")
    return done.stdout


def answers(project: Path) -> dict:
    return json.loads((project / record.NAME).read_text("utf-8"))["answers"]


def edit(project: Path) -> None:
    """Edit a project as its owner may, whatever its platform is."""
    replace(project / "app.py", 'title="Handwritten digits"', 'title="Mine", theme="soft"')
    replace(project / "model.py", "STD = 1.0", "STD = 0.5")
    replace(project / "README.md", "\n## Run", "\nMade by me.\n\n## Run")
    for name in ("README.md", "README.zh-CN.md"):
        with (project / name).open("a", encoding="utf-8") as readme:
            readme.write(NOTES)
    with (project / "requirements.in").open("a", encoding="utf-8") as requirements:
        requirements.write("humanize\n")
    lines = (project / "requirements.txt").read_text("utf-8").splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("idna"))
    lines.insert(place, "humanize==4.13.0            # via -r requirements.in")
    (project / "requirements.txt").write_text("\n".join(lines) + "\n", "utf-8")
    (project / "tests" / "test_mine.py").write_text("def test_mine():\n    assert True\n")
    (project / "data").mkdir()
    (project / "data" / "mine.csv").write_text("a,b\n1,2\n")
    for port in {port for facts in PLATFORMS.values() for port in facts.get("ports", ())}:
        (project / port).write_text("// mine\n")
    commit(project, "My edits")


@slow
@pytest.mark.sample("2")
@pytest.mark.parametrize("count", [2, 9])
def test_moves_lose_nothing(count, project, template, generated, tmp_path):  # noqa: F811
    """To so many other platforms, and back."""
    edit(project)
    first = files(project)
    others = [name for name in HOSTS if name != FIRST]
    for number, platform in enumerate([*islice(cycle(others), count), FIRST]):
        moved(project, template, "--platform", platform)
        fresh = Path(shutil.copytree(generated(platform), tmp_path / f"{number}"))
        edit(fresh)
        assert files(project) == files(fresh), platform
        assert git(project, "status", "--porcelain", "--ignored") == ""
        report = subprocess.run(
            [sys.executable, "-B", "-m", "ml_ui", "preflight", "--json"],
            cwd=project, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert json.loads(report.stdout)["platform"] == platform, report.stderr
    assert files(project) == first


@pytest.mark.every
@slow
def test_its_own_tests_pass_after_a_move(project, template):  # noqa: F811
    """With the packages of the new platform, and an app.py that asks for a GPU there."""
    edit(project)
    lines = (project / "requirements.txt").read_text("utf-8").splitlines(keepends=True)
    (project / "requirements.txt").write_text("".join(x for x in lines if "humanize" not in x))
    commit(project, "Without humanize")
    moved(project, template, "--platform", "huggingface")
    assert "import spaces" in (project / "app.py").read_text("utf-8")
    shutil.copy(ROOT / "templates" / "requirements" / "dev.txt", project / "requirements-dev.txt")
    done = own_tests(project, "tests")
    assert done.returncode == 0, done.stdout[-3000:]


@slow
def test_files_of_the_owner_that_a_platform_has_too(project, template):  # noqa: F811
    """An own Dockerfile: not in git it is refused, in git it is a conflict."""
    (project / "Dockerfile").write_text("FROM mine\n")
    before = state(project)
    done = run(project, "--platform", "docker", "--template", template)
    assert done.returncode == 2 and "Dockerfile is not in git" in done.stderr
    assert state(project) == before
    commit(project, "My Dockerfile")
    done = run(project, "--platform", "docker", "--template", template)
    assert done.returncode == 1
    assert "  Dockerfile: you have another one" in done.stdout
    text = (project / "Dockerfile").read_text("utf-8")
    assert "FROM mine\n" in text and "FROM python:" in text
    git(project, "checkout", "--ours", "--", "Dockerfile")
    assert (project / "Dockerfile").read_text("utf-8") == "FROM mine\n"


@slow
def test_edited_file_of_the_old_platform(project, template):  # noqa: F811
    """It is a conflict, never lost, and its owner hears of it on the way back."""
    replace(project / "Procfile", "SHUTDOWN_GRACE:-25", "SHUTDOWN_GRACE:-5")
    (project / "app.json").unlink()
    commit(project, "Mine")
    done = run(project, "--platform", "docker", "--template", template)
    assert done.returncode == 1, done.stdout + done.stderr
    (said,) = done.stdout.partition("Conflicts:\n")[2].partition("\nN")[0].splitlines()
    assert (
        said == "  Procfile: you changed it, and it is no longer needed: git rm it, or git add it"
    )
    assert "SHUTDOWN_GRACE:-5" in (project / "Procfile").read_text("utf-8")
    git(project, "rm", "--quiet", "Procfile")
    commit(project, "To Docker")
    said = moved(project, template, "--platform", "heroku", "--hardware", "basic")
    assert "SHUTDOWN_GRACE:-25" in (project / "Procfile").read_text("utf-8")
    (command,) = [
        line.partition("before: ")[2] for line in said.splitlines() if "Procfile was" in line
    ]
    subprocess.run(command, shell=True, cwd=project, check=True, capture_output=True)
    assert "SHUTDOWN_GRACE:-5" in (project / "Procfile").read_text("utf-8")
    assert answers(project)["hardware"] == "basic"


@slow
def test_packages_and_python_follow_the_hardware(generated, template, tmp_path):  # noqa: F811
    """From a GPU to a CPU, and to a shared GPU that has one Python; relocked by its owner."""
    facts = {"framework": "pytorch", "hardware": "t4-small", "python_version": "3.13"}
    project = copied(generated("huggingface", **facts), tmp_path)
    replace(project / "requirements.in", "gradio", "humanize\ngradio")
    lock = (project / "requirements.txt").read_text("utf-8")
    (project / "requirements.txt").write_text(lock.replace("numpy==2", "numpy==1"), "utf-8")
    assert "numpy==1" in (project / "requirements.txt").read_text("utf-8")
    commit(project, "Older numpy")
    edited = files(project)
    said = moved(project, template, "--platform", "local")
    assert "This computer, gpu" in said and "pip install" not in said
    said = moved(project, template, "--platform", "heroku")
    assert "Heroku, eco ($5/month)\n" in said and "Note: eco has no GPU." in said
    assert "lock your packages again" in said
    lock = (project / "requirements.txt").read_text("utf-8")
    assert "numpy==1" in lock and "nvidia" not in lock and "whl/cpu" in lock
    assert answers(project)["python_version"] == "3.13"
    said = moved(project, template, "--platform", "huggingface", "--hardware", "zero-a10g")
    assert "it runs Python 3.12: zero-a10g has no other." in said
    assert "PREDICT_TIMEOUT` | 300" in (project / "README.md").read_text("utf-8")
    moved(project, template, "--hardware", "t4-small")
    now = answers(project)
    assert (now["hardware"], now["python_version"]) == ("t4-small", "3.12")
    again = files(project)
    differ = {name for name in {*again, *edited} if again.get(name) != edited.get(name)}
    workflows = {f".github/workflows/{name}.yml" for name in ("test", "deploy")}
    assert differ == {record.NAME, "README.md", *workflows}  # Python 3.12


@pytest.mark.every
@slow
def test_own_model_subfolder_and_installed_package(template, tmp_path):  # noqa: F811
    """In a folder of a repository, without workflows and ml_ui/, with a model of its owner."""
    demo = template / "demos" / "image-classification" / "digits.onnx"
    shutil.copy(demo, tmp_path / "net.onnx")
    made = generate(
        template, tmp_path / "made", model_path=str(tmp_path / "net.onnx"), platform="local", ci="no"
    )  # fmt: skip
    (tmp_path / "repository" / "apps").mkdir(parents=True)
    shutil.rmtree(made / ".git")
    inside = Path(shutil.move(made, tmp_path / "repository" / "apps" / "my app"))
    shutil.move(inside / "ml_ui", tmp_path / "installed" / "ml_ui")
    (tmp_path / "repository" / "Procfile").write_text("another: one\n")
    git(tmp_path / "repository", "init", "--quiet")
    commit(tmp_path / "repository", "All")
    environment = {"PYTHONPATH": str(tmp_path / "installed")}
    shutil.copy(demo, tmp_path / "newer.onnx")
    swap = [sys.executable, "-B", "-m", "ml_ui", "swap", tmp_path / "newer.onnx"]
    swap += ["--template", template]
    subprocess.run(swap, cwd=inside, env=os.environ | environment, check=True, capture_output=True)
    commit(inside, "Swap")
    before = files(inside)
    assert "model/newer.onnx" in before
    for platform in ("heroku", "local"):
        done = run(inside, "--platform", platform, "--template", template, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (inside / "Procfile").exists() is (platform == "heroku")
        assert not (inside / ".github").exists() and not (inside / "ml_ui").exists()
        commit(inside, platform)
    assert files(inside) == before
    assert (tmp_path / "repository" / "Procfile").read_text() == "another: one\n"


WINE = "alcohol,ash,hue,answer\n13.5,2.25,1.0,barolo\n12.0,2.0,1.5,barbera\n"


def wine(folder: Path) -> Path:
    """Write a model of rows, its labels, and a table that names its columns."""
    path = save_rows(folder / "wine.onnx", 3, 3)
    (folder / "labels.txt").write_text("barolo\ngrignolino\nbarbera\n")
    (folder / "examples.csv").write_text(WINE)
    return path


def digits(folder: Path) -> Path:
    """Copy a model of pictures, with two of them."""
    demo = ROOT / "demos" / "image-classification"
    (folder / "examples").mkdir(parents=True)
    for name in ("3", "7"):
        shutil.copy(demo / "examples" / f"{name}.png", folder / "examples" / f"mine {name}.png")
    return Path(shutil.copy(demo / "digits.onnx", folder))


def languages(folder: Path) -> Path:
    """Copy a model of texts, with one of them."""
    demo = ROOT / "demos" / "text-classification"
    shutil.copytree(demo, folder)
    (folder / "examples.csv").write_text("text,answer\nGood morning to all of you,English\n")
    return folder / "languages.onnx"


@slow
@pytest.mark.sample("rows", "pictures")
@pytest.mark.parametrize("make", [wine, digits, languages], ids=["rows", "pictures", "texts"])
def test_labels_and_examples_that_came_with_the_model(make, template, tmp_path):  # noqa: F811
    """An untouched project is, on each platform, the one that is generated for it."""
    path = str(make(tmp_path / "mine"))
    project = generate(template, tmp_path / "made", model_path=path, platform="docker")
    first = files(project)
    moved(project, template, "--platform", "browser")
    fresh = generate(template, tmp_path / "fresh", model_path=path, platform="browser")
    assert files(project) == files(fresh)
    moved(project, template, "--platform", "docker")
    assert files(project) == first


@slow
def test_examples_that_changed_since(template, tmp_path):  # noqa: F811
    """The page of the new platform has those of today; the old one is still as generated."""
    path = str(wine(tmp_path / "mine"))
    project = generate(template, tmp_path / "made", model_path=path, platform="docker")
    replace(project / "examples.csv", "13.5", "14.5")
    replace(project / "model" / "labels.txt", "grignolino", "nebbiolo")
    commit(project, "My examples")
    mine = files(project)
    moved(project, template, "--platform", "browser")
    for name in ("model.js", "model.py"):
        assert "14.5" in (project / name).read_text("utf-8")
        assert "13.5" not in (project / name).read_text("utf-8")
    moved(project, template, "--platform", "docker")
    changed = {name for name, content in files(project).items() if mine[name] != content}
    assert "model.py" in changed and "examples.csv" not in changed
    assert (project / "model" / "labels.txt").read_text().split()[1] == "nebbiolo"


@slow
def test_pictures_that_changed_since(template, tmp_path):  # noqa: F811
    """Other pictures in place of those that came along, as README asks for."""
    path = str(digits(tmp_path / "mine"))
    project = generate(template, tmp_path / "made", model_path=path, platform="docker")
    git(project, "mv", "examples/mine 3.png", "examples/5.png")
    (project / "examples" / "mine 7.png").unlink()
    commit(project, "My pictures")
    moved(project, template, "--platform", "browser")
    page = (project / "index.html").read_text("utf-8")
    assert 'src="examples/5.png"' in page and "mine" not in page
    assert [path.name for path in project.glob("examples/*")] == ["5.png"]


@slow
def test_examples_of_a_page_of_the_owner(template, tmp_path):  # noqa: F811
    """The generator would refuse these; the page, which computes the others, does not."""
    path = str(wine(tmp_path / "mine"))
    project = generate(template, tmp_path / "made", model_path=path, platform="docker")
    (project / "examples.csv").write_text("alcohol,hue\n13.5,1.0\n")
    replace(project / "model.py", '    "ash": 2.25,\n', "")
    commit(project, "My page")
    moved(project, template, "--platform", "heroku")
    assert (project / "examples.csv").read_text() == "alcohol,hue\n13.5,1.0\n"
    assert '"ash"' not in (project / "model.py").read_text("utf-8")


@slow
def test_link_of_the_owner_in_place_of_a_file_of_the_platform(project, template):  # noqa: F811
    """It stays a link, what it leads to stays as it is, and both are said."""
    moved(project, template, "--platform", "docker")
    (project / "images").mkdir()
    (project / "Dockerfile").rename(project / "images" / "Dockerfile")
    (project / "Dockerfile").symlink_to("images/Dockerfile")
    commit(project, "My place for it")
    mine = (project / "images" / "Dockerfile").read_bytes()
    done = run(project, "--platform", "heroku", "--template", template)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "  Dockerfile: you changed it, and it is no longer needed" in done.stdout
    assert (project / "Dockerfile").is_symlink()
    assert (project / "images" / "Dockerfile").read_bytes() == mine
    assert (project / "Procfile").exists()


@slow
def test_link_of_the_owner_that_is_a_file_of_the_new_platform(project, template):  # noqa: F811
    (project / "mine").write_text("FROM mine\n")
    (project / "Dockerfile").symlink_to("mine")
    commit(project, "My Dockerfile")
    done = run(project, "--platform", "docker", "--template", template)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "  Dockerfile: yours: git add it, or git rm it" in done.stdout
    ((theirs, said),) = re.findall(r"  (Dockerfile~.+): (the template's, for .*)", done.stdout)
    assert "git mv it there" in said and "FROM python:" in (project / theirs).read_text("utf-8")
    assert (project / "Dockerfile").is_symlink()
    assert (project / "mine").read_text() == "FROM mine\n"


@slow
def test_pictures_that_came_with_the_model(template, tmp_path):  # noqa: F811
    """The sizes in both READMEs count them, and those of a render do not."""
    demo = ROOT / "demos" / "image-classification"
    shutil.copytree(demo / "examples", tmp_path / "examples")
    path = shutil.copy(demo / "digits.onnx", tmp_path)
    with (tmp_path / "examples" / "2.png").open("ab") as picture:
        picture.write(os.urandom(3_000_000))  # which a decoder ignores
    project = generate(template, tmp_path / "made", model_path=path, platform="huggingface")
    moved(project, template, "--platform", "docker")
    for name in ("README.md", "README.zh-CN.md"):
        assert "\n- image" in (project / name).read_text("utf-8")


@pytest.mark.every
@slow
def test_after_updates_of_the_template_and_of_the_package(generated, template, tmp_path):  # noqa: F811
    git(template, "checkout", "--quiet", "first")
    project = generate(template, tmp_path / "made", platform="heroku")
    git(template, "checkout", "--quiet", "-")
    for options, platform in {"--package-only": "docker", "--to=third": "heroku"}.items():
        update = [sys.executable, "-B", "-m", "ml_ui", "update", options, "--template", template]
        subprocess.run(update, cwd=project, check=True, capture_output=True)
        updated = commit(project, "Update")
        moved(project, template, "--platform", platform)
        assert (project / "Dockerfile").exists() is (platform == "docker")
        assert (project / "Procfile").exists() is (platform == "heroku")
        assert not git(project, "diff", "--name-only", updated, "--", "ml_ui")


@slow
def test_what_does_not_fit(project, template):  # noqa: F811
    """A large file beside it: refused with the report, unless its owner insists."""
    moved(project, template, "--platform", "local")
    with (project / "large.bin").open("wb") as file:
        file.truncate(550_000_000)  # not in git yet
    done = run(project, "--platform", "heroku", "--template", template)
    assert done.returncode == 2 and "it does not fit; --anyway" in done.stderr
    assert " too much" in done.stderr
    assert "python -m ml_ui move --platform docker --hardware cpu" in " ".join(done.stderr.split())
    assert git(project, "status", "--porcelain") == "?? large.bin"
    listed = run(project).stdout
    assert "--platform heroku\n  Heroku, eco ($5/month): it does not fit.\n" in listed
    done = run(project, "--platform", "heroku", "--anyway", "--template", template)
    assert done.returncode == 0 and answers(project)["limits"] == "ignore"


@pytest.mark.every
@slow
def test_port_of_an_edited_file(template, tmp_path):  # noqa: F811
    """A platform with model.js, a port of model.py, in a template that adds it."""
    other = Path(shutil.copytree(template, tmp_path / "another", symlinks=True))
    facts = json.loads((other / "src/ml_ui/sizing/platforms/local.json").read_text("utf-8"))
    facts |= {"title": "Page", "ports": {"model.js": "model.py"}}
    (other / "src/ml_ui/sizing/platforms/page.json").write_text(json.dumps(facts))
    shutil.copytree(other / "templates/platforms/local", other / "templates/platforms/page")
    (other / "templates/platforms/page/model.js").write_text("const STD = 1.0;\n")
    commit(other, "Add a platform")
    project = generate(other, tmp_path / "made", platform="local")
    moved(project, other, "--platform", "page")
    assert (project / "model.js").read_text() == "const STD = 1.0;\n"
    moved(project, other, "--platform", "local")
    assert not (project / "model.js").exists()

    replace(project / "model.py", "STD = 1.0", "STD = 0.5")
    commit(project, "Mine")
    before = state(project)
    done = run(project, "--platform", "page", "--template", other)
    assert done.returncode == 2
    assert "model.js does what model.py did before you changed it" in done.stderr
    assert state(project) == before
    (project / "model.js").write_text("const STD = 0.5;\n")
    commit(project, "My port")
    for platform in ("page", "local"):
        moved(project, other, "--platform", platform)
        assert (project / "model.js").read_text() == "const STD = 0.5;\n"


@pytest.mark.every
@slow
def test_git_lfs(project, template, tmp_path):  # noqa: F811
    """The command that it names moves the files out of Git LFS, and into it, in all commits."""
    if not shutil.which("git-lfs"):
        pytest.skip("needs Git LFS: apt-get install git-lfs")
    git(project, "lfs", "install", "--local")

    def stored() -> set[str]:
        return {*git(project, "lfs", "ls-files", "--name-only").splitlines()}

    large = {"model/digits.onnx", *(f"examples/{n}.png" for n in (2, 3, 5, 7))}
    for platform, there in {"huggingface": large, "docker": large, "heroku": set()}.items():
        done = run(project, "--platform", platform, "--template", template)
        assert done.returncode in (0, 1), done.stderr
        if ".gitattributes: you changed it" in done.stdout:  # as the command did
            git(project, "rm", "--quiet", ".gitattributes")
        git(project, "commit", "--quiet", "-m", platform)
        command = done.stdout.partition("After the commit: ")[2].partition("\n")[0]
        assert bool(command) is (platform != "docker")
        if command:
            subprocess.run(f"{command} --yes", shell=True, cwd=project, check=True)
        assert stored() == there
        assert git(project, "status", "--porcelain") == ""


REFUSED = {
    "no such platform": (lambda p: None, ["--platform", "herku"], "did you mean heroku?"),
    "a path": (lambda p: None, ["--platform", "../../x"], "Unknown platform '../../x'"),
    "no such tier": (lambda p: None, ["--hardware", "steam"], "Unknown heroku hardware 'steam'"),
    "the same": (lambda p: None, ["--platform", "heroku"], "is on Heroku, eco ($5/month)"),
    "a dirty tree": (
        lambda p: replace(p / "app.py", "digits", "numbers"), ["--platform", "docker"], "app.py",
    ),
    "a path in the record": (
        lambda p: edit_record(p, "answers", platform="../../x"), ["--platform", "docker"],
        "'../../x' is not offered",
    ),
    "code in the record": (
        lambda p: edit_record(p, "answers", hardware="{{ cycler.__init__ }}"),
        ["--platform", "docker"], "heroku has no '{{ cycler.__init__ }}'",
    ),
    "a GPU that the framework does not use": (
        lambda p: None, ["--platform", "huggingface", "--hardware", "nope"], "known: zero-a10g",
    ),
}  # fmt: skip


@slow
@pytest.mark.parametrize("case", REFUSED)
def test_refusal_changes_nothing(case, project, template):  # noqa: F811
    prepare, options, text = REFUSED[case]
    prepare(project)
    before = state(project)
    done = run(project, *options, "--template", template)
    assert done.returncode == 2, done.stdout
    assert text in done.stderr and "Traceback" not in done.stderr
    assert state(project) == before


@slow
@pytest.mark.parametrize("seconds", [0.5, 1.5])
def test_interrupt_loses_nothing(seconds, project, template):  # noqa: F811
    """Ctrl-C at any time: nothing has changed, or git reset --hard takes it back."""
    before = state(project)[1][0], files(project)
    command = [sys.executable, "-B", "-m", "ml_ui", "move", "--platform", "docker"]
    process = subprocess.Popen(
        [*command, "--template", template], cwd=project, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) in (0, 130, -signal.SIGINT)
    git(project, "reset", "--quiet", "--hard")
    assert (state(project)[1][0], files(project)) == before


# Without a render -----------------------------------------------------------------------------


def recorded(platform: str, hardware: str, lock: str, python: str = "3.12") -> dict:
    given = {"platform": platform, "hardware": hardware, "python_version": python}
    return {"answers": given, "lock": lock, "model": {}, "sizes": {}}


@pytest.mark.parametrize(
    ("project", "platform", "hardware", "python"),
    [
        (recorded("heroku", "basic", "pytorch-cpu"), "huggingface", "zero-a10g", "3.12"),
        (recorded("heroku", "basic", "pytorch-cpu", "3.13"), "huggingface", "cpu-basic", "3.13"),
        (recorded("docker", "gpu", "pytorch-gpu"), "huggingface", "t4-small", "3.12"),
        (recorded("huggingface", "a100x8", "pytorch-gpu"), "docker", "gpu", "3.12"),
        (recorded("huggingface", "a100x8", "pytorch-gpu"), "heroku", "eco", "3.12"),
        (recorded("huggingface", "zero-a10g", "pytorch-zero"), "docker", "cpu", "3.12"),
        (recorded("nowhere", "x", "scikit-learn-1.2-cpu", "3.11"), "huggingface", "cpu-basic", "3.11"),
    ],
)  # fmt: skip
def test_tier_without_hardware(project, platform, hardware, python):
    wanted = move.destination(project, platform, None)
    assert wanted == {"platform": platform, "hardware": hardware, "python_version": python}


def test_framework_that_a_platform_does_not_run(monkeypatch):
    for name in [name for name in PACKAGES["sets"] if name.startswith("pytorch-")]:
        monkeypatch.delitem(PACKAGES["sets"], name)
    project = recorded("docker", "gpu", "pytorch-gpu")
    project["answers"]["framework"] = "pytorch"
    with pytest.raises(merging.Refused, match="Heroku has no hardware that runs pytorch"):
        move.destination(project, "heroku", None)


def test_nothing_names_a_platform():
    text = Path(move.__file__).read_text("utf-8") + Path(merging.__file__).read_text("utf-8")
    assert [name for name in PLATFORMS if f'"{name}"' in text] == []


BEFORE = "# Locked.\n--index cpu\ngradio==6\nnumpy==2\ntorch==2+cpu\n"
AFTER = "# Locked.\ngradio==6\nnumpy==2\nnvidia==1\ntorch==2\n"


@pytest.mark.parametrize(
    ("mine", "merged"),
    [
        (BEFORE, AFTER),
        (BEFORE.replace("torch", "tomli==2\ntorch"), AFTER.replace("torch", "tomli==2\ntorch")),
        (BEFORE.replace("numpy==2", "NumPy==1"), AFTER.replace("numpy==2", "NumPy==1")),
        (BEFORE.replace("numpy==2\n", ""), AFTER.replace("numpy==2\n", "")),
        (BEFORE.replace("torch==2+cpu\n", ""), AFTER.replace("torch==2\n", "")),
        (BEFORE.replace("2+cpu", "1+cpu"), AFTER),
        (f"# a\n#\n#\n{BEFORE}", "# a\n#\n#\n" + AFTER),
    ],
)
def test_lists_of_packages_merge_by_package(mine, merged):
    assert merging.merged_lists(mine, BEFORE, AFTER) == merged
