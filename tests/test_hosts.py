"""Files of the hosts that take a project as an image, by the rules of the host that reads them.

Where a package carries the host's own rules, they are asked too. The schemas in schemas/ are
written by hand, each from the documentation that it names, and have no more than is written.
"""

import ast
import copy
import json
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import model_hub
import pytest
import yaml
from conftest import ROOT, ruff
from running import install_packages

from ml_ui.sizing.limits import PLATFORMS

TESTS = Path(__file__).parent
FILES = {  # by platform: what it reads, and how that is parsed
    "render": ("render.yaml", yaml.safe_load),
    "cloud-run": ("service.yaml", yaml.safe_load),
    "fly": ("fly.toml", tomllib.loads),
}
GPU = [  # tiers with one, where the platform has any, with a framework that runs on it
    {"platform": "cloud-run", "hardware": "nvidia-l4", "framework": "pytorch"},
    {"platform": "modal", "hardware": "T4", "framework": "pytorch"},
]
# A project for each class of framework: a function, one that needs a Debian package, one on a GPU.
PROJECTS = [
    *(
        {"platform": platform, "task": task, "framework": framework, "ci": ci}
        for platform in (*FILES, "modal")
        for task, framework, ci in [
            ("image-to-image", "python", True),
            ("tabular", "lightgbm", False),
        ]
    ),
    *({"task": "image-classification", **answers} for answers in GPU),
]
TIERS = [
    {"platform": name, "hardware": tier, "task": "image-classification", "framework": "onnx"}
    for name in FILES
    for tier, facts in PLATFORMS[name]["hardware"].items()
    if facts["class"] == "cpu"
]
MODAL, GOOGLE = "modal==1.6.4", "google-api-python-client==2.202.0"


def name(answers: dict) -> str:
    return "-".join(str(answers.get(key, "")) for key in ("platform", "hardware", "framework"))


def read(project: Path, platform: str) -> dict:
    """Return what a host reads."""
    file, parse = FILES[platform]
    return parse((project / file).read_text("utf-8"))


def problems(document: dict, platform: str) -> list[str]:
    """Return what is wrong by the schema of a host."""
    schema = json.loads((TESTS / "schemas" / f"{Path(FILES[platform][0]).stem}.json").read_text())
    found = jsonschema.Draft202012Validator(schema).iter_errors(document)
    return [error.message for error in found]


def misspelled(document: dict | list, of: dict | None = None) -> Iterator[dict]:
    """Yield the document with one key misspelled, for each key."""
    of = document if of is None else of
    for key in list(document) if isinstance(document, dict) else range(len(document)):
        if isinstance(document, dict):
            document[f"{key}x"] = document.pop(key)
            yield copy.deepcopy(of)
            document[key] = document.pop(f"{key}x")
        if isinstance(document[key], dict | list):
            yield from misspelled(document[key], of)


@pytest.mark.parametrize(
    "answers", [a for a in [*PROJECTS, *TIERS] if a["platform"] in FILES], ids=name
)
def test_file_is_valid(bake, answers):
    document = read(bake(**answers), answers["platform"])
    assert problems(document, answers["platform"]) == []


@pytest.mark.parametrize("platform", [*FILES, "modal"])
def test_file_of_a_model_on_the_hub(bake, tmp_path, monkeypatch, platform):
    """Its build downloads what is public, as an image's does; a token is never in a file."""
    iris = ROOT / "demos" / "tabular" / "iris.skops"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with model_hub.served() as (url, state):
        state.add("you/iris", {"iris.skops": iris.read_bytes()})
        model_hub.download(url, tmp_path, "you/iris", token=False)
    project = bake(model_path="you/iris", platform=platform)
    if platform in FILES:
        assert problems(read(project, platform), platform) == []
    build = project / ("Dockerfile" if platform in FILES else "modal_app.py")
    assert "python -m ml_ui fetch --public" in build.read_text("utf-8")
    source = f"src=['{project}']"
    ruff("check", "--isolated", "--no-cache", "--config", source, *project.glob("*.py"))
    ruff("format", "--isolated", "--no-cache", "--check", *project.glob("*.py"))


@pytest.mark.parametrize("platform", FILES)
def test_typo_is_refused(bake, platform):
    document = read(bake(platform=platform), platform)
    typos = [*misspelled(document)]
    assert len(typos) > 10
    assert [typo for typo in typos if not problems(typo, platform)] == []


# What else a host demands ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "tier", PLATFORMS["cloud-run"]["hardware"].values(), ids=lambda t: t["title"]
)
def test_cloud_run_has_the_cpus_for_the_memory(tier):
    """As its page on CPU limits has them, in GiB; a GPU needs 4 CPUs and 16 GiB."""
    most = {"1": 4, "2": 8, "4": 16, "6": 24, "8": 32}
    settings = tier["settings"]
    assert settings["memory"] == f"{tier['ram_bytes'] // 2**30}Gi"
    assert int(settings["memory"][:-2]) <= most[settings["cpu"]]
    assert "gpu" not in settings or (settings["cpu"], settings["memory"]) == ("4", "16Gi")


def test_startup_probe_of_cloud_run_waits_as_long_as_the_limit(bake):
    (container,) = read(bake(platform="cloud-run"), "cloud-run")["spec"]["template"]["spec"][
        "containers"
    ]
    probe = container["startupProbe"]
    (boot,) = (limit for limit in PLATFORMS["cloud-run"]["limits"] if limit["name"] == "boot")
    assert probe["periodSeconds"] * probe["failureThreshold"] == boot["seconds"] <= 240


@pytest.mark.parametrize("size, tier", PLATFORMS["fly"]["hardware"].items())
def test_fly_has_the_cpus_for_the_memory(size, tier):
    """Shared: 256 MB to 2 GB for each; performance: 2 to 8 GB."""
    kind, cpus = tier["settings"]["size"].removesuffix("x").rsplit("-", 1)
    number, unit = int(tier["settings"]["memory"][:-2]), tier["settings"]["memory"][-2:]
    megabytes = number * {"mb": 1, "gb": 1024}[unit]
    assert tier["ram_bytes"] == megabytes * 2**20
    least, most = {"shared-cpu": (256, 2048), "performance": (2048, 8192)}[kind]
    assert least * int(cpus) <= megabytes <= most * int(cpus)


@pytest.mark.parametrize("platform", ["render", "fly"])
def test_server_ends_before_it_is_killed(bake, platform):
    document = read(bake(platform=platform), platform)
    if platform == "render":
        (service,) = document["services"]
        (grace,) = (e["value"] for e in service["envVars"] if e["key"] == "SHUTDOWN_GRACE")
        killed = service["maxShutdownDelaySeconds"]
    else:
        grace, killed = document["env"]["SHUTDOWN_GRACE"], document["kill_timeout"]
    assert int(grace) + 3 < killed


def test_render_waits_for_checks_only_if_there_are_some(bake):
    for ci, trigger in ((True, "checksPass"), (False, "commit")):
        (service,) = read(bake(platform="render", ci=ci), "render")["services"]
        assert service["autoDeployTrigger"] == trigger


def test_cloud_build_gets_the_dockerfile(bake):
    """`.dockerignore` leaves it out of the image, and `.gcloudignore` includes that file."""
    project = bake(platform="cloud-run")
    lines = (project / ".gcloudignore").read_text("utf-8").splitlines()
    assert "#!include:.dockerignore" in lines
    assert "Dockerfile" in (project / ".dockerignore").read_text("utf-8").splitlines()
    assert lines[-1] == "!Dockerfile"


@pytest.mark.parametrize("answers", [a for a in PROJECTS if a["platform"] == "modal"], ids=name)
def test_modal_app_asks_for_the_tier(bake, answers):
    tree = ast.parse((bake(**answers) / "modal_app.py").read_text("utf-8"))
    given = {
        keyword.arg: ast.literal_eval(keyword.value)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "app.function"
        for keyword in call.keywords
    }
    tier = PLATFORMS["modal"]["hardware"][answers.get("hardware", "cpu-2gb")]
    assert given["memory"][1] * 2**20 == tier["ram_bytes"]
    assert given["max_containers"] == 1
    assert {k: given.get(k) for k in tier["settings"] if k != "memory"} == {
        k: v for k, v in tier["settings"].items() if k != "memory"
    }


# The hosts' own rules -------------------------------------------------------------------------


def strict(name: str, schemas: dict, seen: tuple = ()) -> dict:
    """Return the JSON Schema of a message of Google's, which allows nothing else."""
    if name in seen:
        return {}
    properties = schemas[name].get("properties", {})

    def of(facts: dict) -> dict:
        if reference := facts.get("$ref"):
            return strict(reference, schemas, (*seen, name))
        if facts.get("type") == "array":
            return {"type": "array", "items": of(facts["items"])}
        if facts.get("type") == "object":
            return {"type": "object", "additionalProperties": of(facts["additionalProperties"])}
        return {"type": facts["type"]} if facts.get("type") != "any" else {}

    known = {key: of(facts) for key, facts in properties.items()}
    return {"type": "object", "properties": known, "additionalProperties": False}


@pytest.mark.slow
def test_cloud_run_by_google_s_description_of_it(bake):
    """The discovery document of the Admin API, which its Python client brings along."""
    programs = install_packages("google-api-python-client", GOOGLE)
    (path,) = programs.parent.glob("lib/*/site-packages/googleapiclient/*/documents/run.v1.json")
    schema = strict("Service", json.loads(path.read_text("utf-8"))["schemas"])
    validator = jsonschema.Draft202012Validator(schema)
    for answers in [a for a in [*PROJECTS, *TIERS] if a["platform"] == "cloud-run"]:
        document = read(bake(**answers), "cloud-run")
        assert [error.message for error in validator.iter_errors(document)] == []
    # Names of annotations, limits and labels are free there; the schema above has them.
    free = {"annotations", "limits", "nodeSelector"}
    passed = [typo for typo in misspelled(document) if not [*validator.iter_errors(typo)]]
    assert all(any(f"'{key}': {{" in str(typo) for key in free) for typo in passed)
    assert len(passed) < len([*misspelled(document)]) / 4


MODULE = "import modal_app; print(type(modal_app.serve).__name__, modal_app.app.name)"


@pytest.fixture(scope="module")
def modal() -> Path:
    """Return the programs of an environment with Modal's client, which has no token."""
    return install_packages("modal", MODAL, "uvicorn")


def import_modal_app(programs: Path, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [programs / "python", "-B", "-c", MODULE], cwd=folder, capture_output=True, text=True,
        env={"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(folder)}, check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("answers", [a for a in PROJECTS if a["platform"] == "modal"], ids=name)
def test_modal_app_is_imported_without_a_token(bake, modal, answers):
    project = bake(**answers)
    done = import_modal_app(modal, project)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["Function", project.name]


@pytest.mark.slow
def test_modal_refuses_a_typo(bake, modal, tmp_path):
    source = (bake(platform="modal") / "modal_app.py").read_text("utf-8")
    words = ("cpu=", "memory=", "max_containers=", "timeout=", "max_inputs=", "startup_timeout=",
             "web_server(", "debian_slim(", "pip_install_from_requirements(", "add_local_dir(")  # fmt: skip
    for word in words:
        assert word in source
        (tmp_path / "modal_app.py").write_text(source.replace(word, f"x{word}"), "utf-8")
        done = import_modal_app(modal, tmp_path)
        assert done.returncode and "x" + word[:-1] in done.stderr, word


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    ["setup", "deploy modal_app.py", "serve modal_app.py", "app logs x", "secret create x K=V"],
)
def test_command_of_modal_exists(modal, command):
    words = [word for word in command.split() if word.isalpha() and word != "x"]
    done = subprocess.run([modal / "modal", *words, "--help"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
