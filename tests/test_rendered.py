"""Every offered combination renders to the right files, each of them valid."""

import ast
import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import PUBLIC, ROOT, ruff

from local_extensions import choices, locks
from local_extensions.catalog import FRAMEWORKS, OFFERED, SHOWN, TASKS
from local_extensions.choices import HOSTS
from local_extensions.manifest import platforms
from local_extensions.model_files import FORMATS
from ml_ui.sizing import limits
from ml_ui.sizing.footprint import QUANTITIES
from ml_ui.sizing.project import weigh

# What interacts is a product; what does not takes turns.
LICENSES = itertools.cycle(choices.LICENSES)
PYTHONS = itertools.cycle(locks.PYTHONS)
CI = itertools.cycle([True, False])
# Those that take Docker's files differ in one of their own.
IMAGES = [name for name in HOSTS if "docker" in platforms(name)]
IMAGE = itertools.cycle(IMAGES)
PLACES = [name for name in HOSTS if name not in IMAGES]
COMBINATIONS = [
    {
        "task": task,
        "framework": framework,
        "platform": platform,
        "license": next(LICENSES),
        # ZeroGPU, the default there, runs one Python only.
        "python_version": "3.12" if platform == "huggingface" else next(PYTHONS),
        "ci": next(CI),
    }
    for task, framework in SHOWN
    for platform in (*PLACES, next(IMAGE))
    if platform != "browser" or framework in ("onnx", "python")
]
# One for each pair, on each platform in turn: for what a platform changes little.
PAIRS = [
    [answers for answers in COMBINATIONS if (answers["task"], answers["framework"]) == pair]
    for pair in SHOWN
]
PAIRS = [offered[n % len(offered)] for n, offered in enumerate(PAIRS)]


def name(answers: dict) -> str:
    return "-".join((answers["task"], answers["framework"], answers["platform"]))


def files(project: Path) -> set[str]:
    """Return the project's files, without those of ml_ui."""
    paths = (path.relative_to(project) for path in project.rglob("*") if path.is_file())
    return {path.as_posix() for path in paths if path.parts[0] != "ml_ui"}


# Files ------------------------------------------------------------------------------------

STORY_A = {
    ".github/workflows/deploy.yml", ".github/workflows/test.yml", ".gitignore", ".ml-ui.json",
    ".python-version", ".slugignore", "AGENTS.md", "LICENSE", "Procfile", "README.md",
    "README.zh-CN.md", "app.json", "app.py", "examples/cat.jpg", "model.py",
    "requirements-dev.txt", "requirements.in", "requirements.txt", "tests/conftest.py",
    "tests/test_model.py", "tests/test_guards.py",
}  # fmt: skip


def layer(folder: Path, framework: str = "") -> set[str]:
    """Return the files that a folder of templates/ lays over a project with a small model."""
    paths = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    copied = {path for path in paths if path.parts[0] in ("_copied", f"_copied-{framework}")}
    rendered = {path for path in paths if path.parts[0][0] != "_" and path.name[0] != "_"}
    return {Path(*path.parts[1:]).as_posix() for path in copied} | {
        path.as_posix()
        for path in rendered
        if "_gitattributes" not in (folder / path).read_text("utf-8")
    }


def expected(task: str, framework: str, platform: str, license: str, ci: bool, **_) -> set[str]:
    """Return what is in a project: what story A has for every platform, and what answers add."""
    wanted = STORY_A - layer(ROOT / "templates" / "platforms" / "heroku") - {"examples/cat.jpg"}
    for name in platforms(platform):
        wanted |= layer(ROOT / "templates" / "platforms" / name, framework)
    demo = ROOT / "demos" / task
    wanted |= {f"examples/{path.name}" for path in demo.glob("examples/*")}
    if formats := FRAMEWORKS[framework].formats:
        model = f"{TASKS[task].demo}{FORMATS[next(iter(formats))].endings[0]}"
        wanted |= {"MODEL_CARD.md", "runtime.py", f"model/{model}"}
        wanted |= {f"model/{path.name}" for path in demo.glob("labels.txt")}
    wanted |= {"examples.csv"} if TASKS[task].input.call == "values" else set()
    if license == "none":
        wanted.remove("LICENSE")
    return {path for path in wanted if ci or not path.startswith(".github/")}


@pytest.mark.parametrize("answers", COMBINATIONS, ids=name)
def test_files(bake, answers):
    project = bake(**answers)
    assert files(project) == expected(**answers)
    assert not [path for path in project.rglob("*") if path.is_dir() and not any(path.iterdir())]


def test_story_a(bake):
    """What its owner has to look at, in one language: files, lines, entries of the root."""
    project = bake(task="image-to-image", framework="python", platform="heroku")
    assert files(project) == STORY_A
    one_language = STORY_A - {"README.zh-CN.md"}
    assert len(one_language) <= 20
    texts = [project / path for path in one_language - {"examples/cat.jpg"}]
    assert sum(len(path.read_text("utf-8").splitlines()) for path in texts) <= 500
    entries = {path.name for path in project.iterdir() if path.name[0] != "."}
    assert len(entries - {"ml_ui", "README.zh-CN.md"}) <= 12
    assert len((project / "app.py").read_text("utf-8").splitlines()) <= 35


def test_package_is_vendored(bake):
    """As it is, but for a first line that says what it is."""
    project, package = bake(), ROOT / "src" / "ml_ui"
    sources = [path for path in package.rglob("*") if "__pycache__" not in path.parts]
    for source in filter(Path.is_file, sources):
        vendored = (project / "ml_ui" / source.relative_to(package)).read_bytes()
        first, _, rest = vendored.partition(b"\n")
        if source == package / "__init__.py":
            assert first.startswith(b"# ml_ui ") and b"vendored" in first
            vendored = rest
        assert vendored == source.read_bytes()
    assert len([*(project / "ml_ui").rglob("*")]) == len(sources)


@pytest.mark.parametrize("answers", COMBINATIONS, ids=name)
def test_text(bake, answers):
    project = bake(**answers)
    for path in files(project):
        if path.startswith(("model/", "examples/", "browser/vendor/")):  # not ours, or binary
            continue
        text = (project / path).read_text("utf-8")
        assert not re.search(r"(?<!\$)\{\{|\{%|\{#", text), path
        assert "cookiecutter" not in text.lower(), path
        assert not re.search(r"[ \t]+$", text, re.MULTILINE), path
        assert text.endswith("\n") and not text.endswith("\n\n"), path
        assert "\n\n\n\n" not in text, path
        match Path(path).suffix:
            case ".py":
                assert ast.get_docstring(ast.parse(text)), path
            case ".json":
                json.loads(text)
            case ".yml" | ".yaml":
                list(yaml.safe_load_all(text))


@pytest.mark.parametrize("answers", PAIRS, ids=name)
def test_record_is_the_answers(bake, answers):
    recorded = json.loads((bake(**answers) / ".ml-ui.json").read_text("utf-8"))
    assert recorded["answers"].items() >= answers.items()
    assert recorded["answers"].keys() == PUBLIC - {"preview"}


def test_lint(bake):
    """`ruff` without settings, as their owners would run it."""
    everything = []
    for project in (bake(**answers) for answers in PAIRS):
        sources = [project / path for path in files(project) if path.endswith(".py")]
        ruff("check", "--isolated", "--no-cache", "--config", f"src=['{project}']", *sources)
        everything += sources
    ruff("format", "--isolated", "--no-cache", "--check", *everything)


RUNTIMES = sorted({
    ROOT / "templates" / "frameworks" / framework.name / facts["runtime"]
    for framework in FRAMEWORKS.values()
    for facts in framework.formats.values()
})  # fmt: skip


@pytest.mark.parametrize("path", RUNTIMES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_runtime_implements_the_interface(path):
    """Attributes and methods, their arguments and types, without the framework."""
    interface = ROOT / "templates" / "frameworks" / "interface.py"
    wanted, found = model_class(interface.read_text("utf-8")), model_class(path.read_text("utf-8"))
    attributes = {node.target.id for node in wanted.body if isinstance(node, ast.AnnAssign)}
    documented = ast.get_docstring(found)
    for name in attributes:
        assert re.search(rf"\b{name}\b.*:", documented), name
    source = ast.unparse(found)
    assert attributes <= {*re.findall(r"(?m)^ *(?:self\.)?(\w+) = ", source)}
    for method in (node for node in wanted.body if isinstance(node, ast.FunctionDef)):
        (same,) = (n for n in found.body if getattr(n, "name", None) == method.name)
        assert ast.unparse(same.args) == ast.unparse(method.args)
        assert ast.unparse(same.returns) == ast.unparse(method.returns)


def model_class(template: str) -> ast.ClassDef:
    """Return the class Model of a runtime, whichever of its variants."""
    source = re.sub(r"(?m)^\{%.*\n", "", template)
    (found,) = (n for n in ast.parse(source).body if getattr(n, "name", None) == "Model")
    return found


def test_lint_of_the_template():
    ruff("check", ROOT)
    ruff("format", "--check", ROOT)
    lengths = {
        path: len(path.read_text("utf-8").splitlines())
        for path in Path(__file__).parent.rglob("*.py")
    }
    assert max(lengths.values()) <= 600, max(lengths, key=lengths.get)


# Platforms --------------------------------------------------------------------------------


def check_schema(*arguments) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout


@pytest.mark.slow
@pytest.mark.parametrize("platform", HOSTS)
def test_schemas(bake, platform):
    project = bake(platform=platform)
    check_schema(
        "--builtin-schema", "vendor.github-workflows", *project.glob(".github/workflows/*.yml")
    )
    if platform == "docker":
        for hardware in ("cpu", "gpu"):
            services = bake(platform=platform, hardware=hardware) / "compose.yaml"
            check_schema("--builtin-schema", "vendor.compose-spec", services)


@pytest.mark.parametrize("platform", HOSTS)
def test_workflows_are_safe(bake, platform):
    """Actions by their commit, no credentials left, as few rights as needed; ours as well."""
    zizmor = Path(sys.executable).with_name("zizmor")
    workflows = bake(platform=platform).glob(".github/workflows/*.yml")
    subprocess.run([zizmor, "--offline", *workflows, ROOT / ".github"], check=True)


def test_binaries_go_to_lfs_where_the_platform_needs_it(bake, tmp_path):
    """Nowhere on Heroku, which does not fetch them; on a Space, all and nothing else."""
    for platform, filters in (("huggingface", "lfs"), ("heroku", "unspecified")):
        project = bake(task="image-classification", platform=platform)
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)
        made = (each.relative_to(project) for each in project.rglob("*") if each.is_file())
        for path in sorted(each.as_posix() for each in made if each.parts[0] != ".git"):
            output = subprocess.check_output(
                ["git", "check-attr", "filter", path], cwd=project, text=True
            )
            is_binary = b"\0" in (project / path).read_bytes()
            assert output.split()[-1] == (filters if is_binary else "unspecified"), path
        shutil.rmtree(project / ".git")


def times_tested(project: Path, branch: str) -> int:
    """Count how often the workflows run the tests after a push to a branch."""
    times = 0
    for path in project.glob(".github/workflows/*.yml"):
        text = path.read_text("utf-8")
        started = yaml.safe_load(text)[True]  # YAML takes `on` for a truth
        push = started.get("push", {}) or {} if isinstance(started, dict) else {}
        assert "push" in started
        starts = branch in push.get("branches", [branch])
        starts = starts and branch not in push.get("branches-ignore", [])
        times += starts and ("run: pytest" in text or "/test.yml" in text)
    return times


@pytest.mark.parametrize("platform", HOSTS)
def test_push_is_tested_once(bake, platform):
    assert [times_tested(bake(platform=platform), branch) for branch in ("main", "other")] == [1, 1]


# README -----------------------------------------------------------------------------------


OWN = [  # of columns, which come without an examples.csv, and of pictures
    {
        "model_path": str(ROOT / "demos" / task / file),
        "task": task,
        "framework": framework,
        "platform": "local",
    }
    for task, framework, file in [
        ("tabular", "scikit-learn", "iris.skops"),
        ("image-classification", "onnx", "digits.onnx"),
    ]
]


@pytest.mark.parametrize("answers", [*PAIRS, *OWN], ids=name)
def test_readme_names_existing_files(bake, answers):
    project = bake(**answers)
    readme = (project / "README.md").read_text("utf-8")
    for name in re.findall(r"`([\w./-]+(?:\.(?:py|txt|in|yml|csv)|/))`", readme):
        assert (project / name).exists(), name
    mine = ("runtime.py", "model/labels.txt", "examples/", "examples.csv", "architecture.py")
    for name in (*mine, ".github/workflows/deploy.yml"):
        assert (f"`{name}`" in readme) == (project / name).exists(), name


@pytest.mark.parametrize(("task", "framework"), SHOWN)
def test_readme_gives_the_accuracy_of_the_demo(bake, task, framework):
    readme = (bake(task=task, framework=framework) / "README.md").read_text("utf-8")
    if framework == "python":  # a function learns nothing
        assert "demo model" not in readme
        return
    card = json.loads((ROOT / "demos" / task / "card.json").read_text("utf-8"))
    text = " ".join(readme.partition("It comes with a demo model.")[2].split("```")[0].split())
    assert text == f"{card['data']} {card['measured']}".format(card["results"][framework])


@pytest.mark.parametrize(
    ("answers", "said", "unsaid"),
    [
        ({"platform": "local"}, [], ["Sleep", "Waking up", "source and age", "toolkit"]),
        (
            {"platform": "docker"},
            ["ssh://", "docker push"],
            ["Sleep", "Waking up", "source and age", "toolkit"],
        ),
        ({"platform": "docker", "hardware": "gpu"}, ["toolkit"], []),
        (
            {"platform": "heroku"},
            ["Sleep: after 30 minutes", "at most 60 seconds", "plain git", "source and age"],
            [],
        ),
        ({"platform": "heroku", "hardware": "basic"}, ["Sleep: never"], ["Waking up"]),
        (
            {"platform": "heroku", "task": "image-to-image", "framework": "python"},
            [],
            ["plain git"],
        ),
        ({"platform": "huggingface"}, ["Sleep: ", "at most 30 min"], []),
        ({"platform": "render"}, ["Sleep: after 15 minutes", "checks pass", "512 MB"], []),
        ({"platform": "render", "ci": False}, ["each push. The"], ["checks pass"]),
        ({"platform": "cloud-run"}, ["memory: ", " of 1 GiB", "service.yaml"], ["quota"]),
        ({"platform": "cloud-run", "hardware": "nvidia-l4"}, ["needs quota", "of 16 GiB"], []),
        ({"platform": "modal"}, ["of 2 GiB", "after 5 minutes"], []),
        (
            {"platform": "browser", "framework": "onnx"},
            ["deploy.yml"],
            ["ml_ui live", "brings back"],
        ),
        ({"platform": "fly"}, ["of 512 MiB", "--ha=false", "after some minutes"], []),
    ],
)
def test_readme_of_a_platform(bake, answers, said, unsaid):
    """And no word of another platform."""
    readme = " ".join((bake(**answers) / "README.md").read_text("utf-8").split())
    assert [text for text in said if text not in readme] == []
    own = {
        "heroku": {"Heroku", "heroku", "dyno"},
        "huggingface": {"Space", "ZeroGPU"},
        "docker": {"Docker", "docker", "compose", "Dokku", "Coolify"},
        "render": {"Render", "render.yaml", "Docker"},
        "cloud-run": {"Cloud Run", "gcloud", "Google", "docker"},
        "modal": {"Modal", "modal_app.py"},
        "fly": {"Fly", "fly.toml"},
        "browser": {"Space"},
    }
    others = set().union(*own.values())
    unsaid = {*unsaid, *others} - own.get(answers["platform"], set())
    assert [text for text in unsaid if text in readme] == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no /bin/bash")
@pytest.mark.parametrize(
    ("config", "printed"),
    [
        ({}, "0.0.0.0 25 2"),
        ({"WEB_CONCURRENCY": "4"}, "0.0.0.0 25 4"),
        ({"WEB_CONCURRENCY": "4", "OMP_NUM_THREADS": "1", "SHUTDOWN_GRACE": "5"}, "0.0.0.0 5 1"),
    ],
    ids=str,
)
def test_heroku_config_overrides_the_procfile(bake, tmp_path, config, printed):
    """Of which the line is run, with a stub in place of Python."""
    stub = tmp_path / "python"
    stub.write_text("#!/bin/sh\necho $GRADIO_SERVER_NAME $SHUTDOWN_GRACE $OMP_NUM_THREADS\n")
    stub.chmod(0o755)
    project = bake(platform="heroku")
    line = (project / "Procfile").read_text("utf-8").removeprefix("web: ")
    output = subprocess.check_output(
        ["/bin/bash", "-c", line], cwd=project, text=True,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "PORT": "7860", **config},
    )  # fmt: skip
    assert output.strip() == printed


def test_short_description_ends_at_a_word(bake):
    description = "Tells apart the twelve kinds of birds that come to the feeder in my garden"
    readme = (bake(description=description) / "README.md").read_text("utf-8")
    short = yaml.safe_load(readme.split("---\n")[1])["short_description"]
    assert short == "Tells apart the twelve kinds of birds that come to the..."


@pytest.mark.parametrize("answers", PAIRS, ids=name)
def test_estimate_matches_the_project(bake, answers):
    """The README's figures were computed before there was a project to weigh."""
    project = bake(**answers)
    found = weigh(project)
    sizes = re.findall(
        r"^- (\S+): ([\d.]+ [kMG]?B)", (project / "README.md").read_text("utf-8"), re.MULTILINE
    )
    assert sizes
    for name, size in sizes:
        real = sum(QUANTITIES[name](found).values())
        assert limits.parse_size(size) == pytest.approx(real, rel=0.05)


def test_same_answers_same_project(bake, tmp_path):
    from cookiecutter.main import cookiecutter

    first = bake()
    again = Path(cookiecutter(str(ROOT), no_input=True, output_dir=tmp_path))
    assert files(first) == files(again)
    for path in files(first):
        assert (first / path).read_bytes() == (again / path).read_bytes(), path


def test_readme_table_matches_the_catalog():
    readme = (ROOT / "README.md").read_text("utf-8")
    header, _, *rows = [line for line in readme.splitlines() if line.startswith("|")]
    _, *columns = [cell.strip() for cell in header.strip("|").split("|")]
    said = set()
    for row in rows:
        title, *cells = [cell.strip() for cell in row.strip("|").split("|")]
        said |= {
            (title, column) for column, cell in zip(columns, cells, strict=True) if cell == "yes"
        }
    pairs = [(TASKS[task], FRAMEWORKS[name].title) for task, name in OFFERED]
    # The table's heads are shorter than the titles: Plain function, ONNX.
    short = {title: min(columns, key=lambda c: c not in title) for _, title in pairs}
    assert said == {(task.title.lower(), short[title]) for task, title in pairs}
    endings = {FORMATS[name].endings[0] for f in FRAMEWORKS.values() for name in f.formats}
    assert all(f"`{ending}`" in readme for ending in endings if ending)


def test_readme_names_each_platform():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in limits.PLATFORMS if f"`{name}`" not in readme] == []
