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
from conftest import CATALOG, OFFERED, QUESTIONS, ROOT, ruff

from local_extensions import host
from local_extensions.model_files import FORMATS
from scripts import prompts

COMMON = {
    ".gitignore", "LICENSE", "README.md", "app.py", "model.py",
    "requirements.in", "requirements.txt", "requirements-dev.txt",
    ".github/workflows/test.yml",
    "server/__init__.py", "server/connections.py", "server/doors.py",
    "server/environment.py", "server/files.py",
    "server/health.py", "server/login.py", "server/logs.py", "server/metrics.py",
    "server/predictions.py", "server/rates.py", "server/sessions.py", "server/settings.py",
    "server/shutdown.py",
    "tests/conftest.py", "tests/test_model.py", "tests/test_server.py",
    "tools/bench.py", "tools/client.py", "tools/preflight.py",
    "tools/fit/__init__.py", "tools/fit/footprint.py", "tools/fit/limits.py",
    "tools/fit/measure.py", "tools/fit/project.py", "tools/fit/report.py",
    "tools/fit/requirements.py", "tools/fit/ways_out.py", "tools/fit/packages.json",
    "tools/fit/platforms.json", "tools/fit/project.json", "tools/fit/runtimes.json",
    "tools/fit/sizes.json",
}  # fmt: skip
PLATFORM = {
    "local": set(),
    "huggingface": {".gitattributes", ".github/workflows/deploy.yml"},
    "heroku": {
        ".python-version", ".slugignore", "Procfile", "app.json", "setup.sh",
        ".github/workflows/deploy.yml",
    },
    "docker": {".dockerignore", "Dockerfile", "compose.yaml"},
}  # fmt: skip
PICTURES = {"image-classification", "image-to-image"}
CLASSES = {"image-classification", "tabular", "text-classification"}

# What interacts is a product; what does not takes turns.
LICENSES = itertools.cycle(QUESTIONS["license"])
PYTHONS = itertools.cycle(QUESTIONS["python_version"])
CI = itertools.cycle([True, False])
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
    for (task, framework), platform in itertools.product(OFFERED, QUESTIONS["platform"])
]


def name(answers: dict) -> str:
    return "-".join((answers["task"], answers["framework"], answers["platform"]))


def expected(answers: dict) -> set[str]:
    files = COMMON | PLATFORM[answers["platform"]]
    if answers["framework"] != "python":
        demo = CATALOG["tasks"][answers["task"]]["demo"]
        formats = CATALOG["frameworks"][answers["framework"]]["formats"]
        files |= {"runtime.py", f"model/{demo}{FORMATS[next(iter(formats))].endings[0]}"}
        if answers["task"] in CLASSES:
            files |= {"model/labels.txt"}
    if answers["task"] in PICTURES:
        files |= {"pictures.py"}
    if answers["license"] == "none":
        files -= {"LICENSE"}
    if not answers["ci"]:
        files = {path for path in files if not path.startswith(".github")}
    return files


@pytest.fixture(params=COMBINATIONS, ids=name)
def answers(request):
    return request.param


def files(project: Path) -> set[str]:
    return {str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()}


def test_files(bake, answers):
    project = bake(**answers)
    examples = {str(p.relative_to(project)) for p in project.glob("examples/*")}
    assert files(project) - examples == expected(answers)
    assert bool(examples) == (answers["task"] in PICTURES)
    assert not [path for path in project.rglob("*") if path.is_dir() and not any(path.iterdir())]


def test_text(bake, answers):
    project = bake(**answers)
    for path in project.rglob("*"):
        if not path.is_file() or {"model", "examples"} & set(path.relative_to(project).parts):
            continue
        text = path.read_text("utf-8")
        assert not re.search(r"(?<!\$)\{\{|\{%|\{#", text), path
        assert "cookiecutter" not in text.lower() or path.name == "project.json", path
        assert not re.search(r"[ \t]+$", text, re.MULTILINE), path
        assert text.endswith("\n") and not text.endswith("\n\n"), path
        assert "\n\n\n\n" not in text, path
        match path.suffix:
            case ".py":
                assert ast.get_docstring(ast.parse(text)), path
            case ".json":
                json.loads(text)
            case ".yml" | ".yaml":
                yaml.safe_load(text)


def test_record_is_the_answers(bake, answers):
    recorded = json.loads((bake(**answers) / "tools" / "fit" / "project.json").read_text("utf-8"))
    assert recorded.items() >= answers.items()


def test_lint(bake, answers):
    """`ruff` without settings, as its owner would run it."""
    project = bake(**answers)
    ruff("check", "--isolated", "--no-cache", "--config", f"src=['{project}']", project)
    ruff("format", "--isolated", "--no-cache", "--check", project)


def test_lint_of_the_template():
    ruff("check", ROOT)
    ruff("format", "--check", ROOT)


def check_schema(*arguments) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("platform", QUESTIONS["platform"])
def test_schemas(bake, platform):
    project = bake(platform=platform)
    check_schema(
        "--builtin-schema", "vendor.github-workflows", *project.glob(".github/workflows/*.yml")
    )
    if platform == "docker":
        check_schema("--builtin-schema", "vendor.compose-spec", project / "compose.yaml")
        gpu = bake(platform=platform, hardware="gpu") / "compose.yaml"
        check_schema("--builtin-schema", "vendor.compose-spec", gpu)


@pytest.mark.parametrize("platform", QUESTIONS["platform"])
def test_workflows_are_safe(bake, platform):
    """Actions by their commit, no credentials left, as few rights as needed; ours as well."""
    zizmor = Path(sys.executable).with_name("zizmor")
    workflows = bake(platform=platform).glob(".github/workflows/*.yml")
    own = ROOT / ".github" / "workflows" / "test.yml"
    subprocess.run([zizmor, "--offline", *workflows, own], check=True)


def test_binaries_go_to_lfs_where_the_platform_needs_it(bake, tmp_path):
    """Nowhere on Heroku, which does not fetch them; on a Space, all and nothing else."""
    for platform, filters in (("huggingface", "lfs"), ("heroku", "unspecified")):
        project = bake(task="image-classification", platform=platform)
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)
        for path in sorted(files(project)):
            if path.startswith(".git/"):
                continue
            told = subprocess.check_output(
                ["git", "check-attr", "filter", path], cwd=project, text=True
            )
            is_binary = b"\0" in (project / path).read_bytes()
            assert told.split()[-1] == (filters if is_binary else "unspecified"), path
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


@pytest.mark.parametrize("platform", QUESTIONS["platform"])
def test_a_push_is_tested_once(bake, platform):
    assert [times_tested(bake(platform=platform), branch) for branch in ("main", "other")] == [1, 1]


def test_readme_names_what_is_there(bake, answers):
    project = bake(**answers)
    readme = (project / "README.md").read_text("utf-8")
    for name in re.findall(r"`([\w./-]+(?:\.(?:py|txt|in|yml)|/))`", readme):
        assert (project / name).exists(), name
    for name in ("runtime.py", "model/labels.txt", "examples/", ".github/workflows/deploy.yml"):
        assert (f"`{name}`" in readme) == (project / name).exists(), name


@pytest.mark.parametrize(("task", "framework"), OFFERED)
def test_readme_tells_how_good_the_demo_is(bake, task, framework):
    readme = (bake(task=task, framework=framework) / "README.md").read_text("utf-8")
    if framework == "python":  # a function learns nothing
        assert "The demo model" not in readme
        return
    card = json.loads((ROOT / "demos" / task / "card.json").read_text("utf-8"))
    told = " ".join(readme.partition("## The demo model")[2].partition("## Call")[0].split())
    assert told == f"{card['data']} {card['measured']}".format(card["results"][framework])


@pytest.mark.parametrize(
    ("answers", "said", "unsaid"),
    [
        ({"platform": "local"}, [], ["Sleep", "Waking", "source and age", "toolkit"]),
        (
            {"platform": "docker"},
            ["--sdk docker"],
            ["Sleep", "Waking", "source and age", "toolkit"],
        ),
        ({"platform": "docker", "hardware": "gpu"}, ["toolkit"], []),
        (
            {"platform": "heroku"},
            ["Sleep: after 30 minutes", "at most 60 seconds", "plain git", "source and age"],
            [],
        ),
        ({"platform": "heroku", "hardware": "basic"}, ["Sleep: never"], ["Waking"]),
        (
            {"platform": "heroku", "task": "image-to-image", "framework": "python"},
            [],
            ["plain git"],
        ),
        ({"platform": "huggingface"}, ["Sleep: ", "at most 30 min"], []),
    ],
)
def test_readme_says_what_is_true_there(bake, answers, said, unsaid):
    readme = " ".join((bake(**answers) / "README.md").read_text("utf-8").split())
    assert [text for text in said if text not in readme] == []
    assert [text for text in unsaid if text in readme] == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no /bin/bash")
@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "7860 25 2"),
        ({"WEB_CONCURRENCY": "4"}, "7860 25 4"),
        ({"WEB_CONCURRENCY": "4", "OMP_NUM_THREADS": "1", "SHUTDOWN_GRACE": "5"}, "7860 5 1"),
    ],
    ids=str,
)
def test_heroku_s_config_goes_before_setup_sh(bake, config, said):
    script = ". ./setup.sh && echo $GRADIO_SERVER_PORT $SHUTDOWN_GRACE $OMP_NUM_THREADS"
    told = subprocess.check_output(
        ["/bin/bash", "-c", script], cwd=bake(platform="heroku"), text=True,
        env={"PORT": "7860", **config},
    )  # fmt: skip
    assert told.strip() == said


def test_short_description_ends_at_a_word(bake):
    description = "Tells apart the twelve kinds of birds that come to the feeder in my garden"
    readme = (bake(description=description) / "README.md").read_text("utf-8")
    short = yaml.safe_load(readme.split("---\n")[1])["short_description"]
    assert short == "Tells apart the twelve kinds of birds that come to the..."


def test_the_fit_told_before_is_that_of_the_project(bake, answers):
    """The README's figures were computed before there was a project to weigh."""
    project = bake(**answers)
    footprint, limits = host.fit("footprint"), host.fit("limits")
    found = host.fit("project").weigh(project)
    told = re.findall(
        r"^- (\S+): ([\d.]+ [kMG]?B)", (project / "README.md").read_text("utf-8"), re.MULTILINE
    )
    assert told
    for name, size in told:
        real = sum(footprint.QUANTITIES[name](found).values())
        assert limits.parse_size(size) == pytest.approx(real, rel=0.05)


def test_same_answers_same_project(bake, tmp_path):
    from cookiecutter.main import cookiecutter

    first = bake()
    again = Path(cookiecutter(str(ROOT), no_input=True, output_dir=tmp_path))
    assert files(first) == files(again)
    for path in files(first):
        assert (first / path).read_bytes() == (again / path).read_bytes(), path


def test_prompts_are_up_to_date():
    assert QUESTIONS["__prompts__"] == prompts.prompts()
    for label in QUESTIONS["__prompts__"].values():  # in 80 columns
        if isinstance(label, dict):
            for line in label.values():
                assert len(f"    1 - {line}") <= 80, line
        else:
            assert len(f"  [11/11] {label} [y/n] (y): ") <= 80, label


def test_readme_says_what_is_offered():
    readme = (ROOT / "README.md").read_text("utf-8")
    _, _, *rows = [line for line in readme.splitlines() if line.startswith("|")]
    columns = ["python", "scikit-learn", "onnx", "pytorch", "keras"]
    said = set()
    for row in rows:
        title, *cells = [cell.strip() for cell in row.strip("|").split("|")]
        task = next(n for n, t in CATALOG["tasks"].items() if t["title"].lower() == title)
        said |= {(task, name) for name, cell in zip(columns, cells, strict=True) if cell == "yes"}
    assert said == set(OFFERED)
    endings = {
        FORMATS[name].endings[0] for f in CATALOG["frameworks"].values() for name in f["formats"]
    }
    assert all(f"`{ending}`" in readme for ending in endings if ending)
    combinations = len(OFFERED) * len(QUESTIONS["platform"])
    assert f"{combinations} combinations" in readme
