"""Platform ray: what is rendered, and that Kubernetes, KubeRay and Ray Serve take it."""

import ast
import json
import re
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

from local_extensions.catalog import PLATFORMS

SCHEMA = json.loads(Path(__file__).with_name("rayservice.json").read_text("utf-8"))
SERVE = {"$ref": "#/$defs/serve", "$defs": SCHEMA["$defs"]}
TIERS = {  # the framework to try, replicas of a worker, and its GPU
    "cpu": ("scikit-learn", 2, None),
    "gpu": ("onnx", 1, "1"),
    "gpu-half": ("onnx", 2, "1"),
    "gpu-quarter": ("onnx", 4, "1"),
}


@pytest.fixture(params=TIERS)
def tier(request) -> str:
    return request.param


@pytest.fixture
def project(bake, tier) -> Path:
    """Return a project for a tier."""
    return bake(platform="ray", hardware=tier, task="tabular", framework=TIERS[tier][0])


def documents(path: Path) -> dict[str, dict]:
    """Return the documents of a file, by kind."""
    return {each["kind"]: each for each in yaml.safe_load_all(path.read_text("utf-8"))}


def check(name: str, text: str) -> None:
    """Validate a file of the project as what reads it would, and refuse unknown fields."""
    for document in yaml.safe_load_all(text):
        if name == "serve.yaml":
            jsonschema.validate(document, SERVE)
        elif document["kind"] == "RayService":
            jsonschema.validate(document, SCHEMA)
            jsonschema.validate(yaml.safe_load(document["spec"]["serveConfigV2"]), SERVE)
            cluster = document["spec"]["rayClusterConfig"]
            for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
                assert group["template"].keys() <= {"metadata", "spec"}
                pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
                kubernetes_validate.validate(pod | group["template"], "1.37", strict=True)
        else:
            kubernetes_validate.validate(document, "1.37", strict=True)


REFUSED = (jsonschema.ValidationError, kubernetes_validate.ValidationError)


@pytest.mark.parametrize("name", ["serve.yaml", "rayservice.yaml", "page.yaml"])
def test_schema(project, name):
    check(name, (project / name).read_text("utf-8"))


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("serve.yaml", "import_path", "importpath"),
        ("serve.yaml", "http_options", "httpOptions"),
        ("serve.yaml", "EveryNode", "AllNodes"),
        ("serve.yaml", 'VERSION: "1"', "VERSION: 1"),
        ("rayservice.yaml", "import_path", "importpath"),
        ("rayservice.yaml", "upgradeStrategy", "upgradestrategy"),
        ("rayservice.yaml", "type: NewCluster", "type: Rolling"),
        ("rayservice.yaml", "readinessProbe", "readynessProbe"),
        ("rayservice.yaml", 'num-cpus: "0"', "num-cpus: 0"),
        ("rayservice.yaml", "maxUnavailable", "maxUnavailables"),
        ("page.yaml", "sessionAffinity", "sessionaffinity"),
        ("page.yaml", "containerPort: 7860", 'containerPort: "7860"'),
    ],
)
def test_typo_is_refused(bake, name, right, wrong):
    text = (bake(platform="ray") / name).read_text("utf-8")
    assert right in text
    with pytest.raises(REFUSED):
        check(name, text.replace(right, wrong))


def test_what_a_replica_gets(project, tier):
    """In replica.py, as the tier says, and of the worker in Kubernetes, all its replicas."""
    source = (project / "replica.py").read_text("utf-8")
    (options,) = re.findall(r"ray_actor_options=(\{.*\})", source)
    facts = PLATFORMS["ray"]["hardware"][tier]
    wanted = facts["settings"]
    assert ast.literal_eval(options) == wanted
    _, replicas, gpu = TIERS[tier]
    cluster = documents(project / "rayservice.yaml")["RayService"]["spec"]["rayClusterConfig"]
    (group,) = cluster["workerGroupSpecs"]
    (worker,) = group["template"]["spec"]["containers"]
    limits = worker["resources"]["limits"]
    assert (limits["cpu"], limits.get("nvidia.com/gpu")) == (str(replicas), gpu)
    assert group["maxReplicas"] * replicas == 4, "as max_replicas in replica.py"
    assert '"max_replicas": 4' in source


def test_names_fit_together(project):
    """The Ray of the lock, one image, the address of the service that KubeRay makes."""
    service = documents(project / "rayservice.yaml")["RayService"]
    cluster = service["spec"]["rayClusterConfig"]
    lock = (project / "requirements.txt").read_text("utf-8")
    assert f"ray=={cluster['rayVersion']} " in lock
    page = documents(project / "page.yaml")["Deployment"]["spec"]["template"]["spec"]
    groups = (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])
    pods = [page, *(group["template"]["spec"] for group in groups)]
    assert len({pod["containers"][0]["image"] for pod in pods}) == 1
    settings = {each["name"]: each.get("value") for each in page["containers"][0]["env"]}
    name = service["metadata"]["name"]
    assert settings["MODEL_URL"] == f"http://{name}-serve-svc:8000/"
    for pod in pods[1:]:
        settings = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
        assert settings == {"PYTHONPATH": "/app", "RAY_USAGE_STATS_ENABLED": "0"}


def test_budgets_select_the_pods(project):
    worker = documents(project / "rayservice.yaml")
    page = documents(project / "page.yaml")
    (group,) = worker["RayService"]["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    pods = {"worker": group["template"], "page": page["Deployment"]["spec"]["template"]}
    for kind, budget in (("worker", worker), ("page", page)):
        selected = budget["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]
        assert selected == pods[kind]["metadata"]["labels"]
    assert page["Service"]["spec"]["selector"] == pods["page"]["metadata"]["labels"]


def test_probes_need_no_program_of_the_image(project):
    """wget, which KubeRay's own has, is not in python:slim."""
    for name in ("rayservice.yaml", "page.yaml"):
        found = re.findall(
            r"(\w+Probe):(.*\n){1,2}? +httpGet:", (project / name).read_text("utf-8")
        )
        assert found, name
        assert "wget" not in re.sub(r"#.*", "", (project / name).read_text("utf-8"))


def test_times_to_end_contain_one_another(project):
    """A prediction, the shutdown of a replica or a page, and what Kubernetes waits for it."""
    source = (project / "replica.py").read_text("utf-8")
    replica = int(re.search(r"graceful_shutdown_timeout_s=(\d+)", source)[1])
    service = documents(project / "rayservice.yaml")["RayService"]["spec"]
    (group,) = service["rayClusterConfig"]["workerGroupSpecs"]
    pod = documents(project / "page.yaml")["Deployment"]["spec"]["template"]["spec"]
    settings = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    shutdown = int(settings["SHUTDOWN_GRACE"])
    assert 60 < shutdown < replica < group["template"]["spec"]["terminationGracePeriodSeconds"]
    assert shutdown + 5 < pod["terminationGracePeriodSeconds"]
    assert replica < service["rayClusterDeletionDelaySeconds"]


@pytest.mark.parametrize("task", ["tabular", "text-classification", "image-classification"])
def test_app_differs_in_where_the_model_is(bake, task):
    answers = {"task": task, "framework": "scikit-learn" if task == "tabular" else "onnx"}
    lines = [
        (bake(platform=platform, **answers) / "app.py").read_text("utf-8").splitlines()
        for platform in ("local", "ray")
    ]
    local, ray = ([line for line in each if line not in other] for each, other in
                  zip(lines, lines[::-1], strict=True))  # fmt: skip
    assert ray[0] == "from cluster import load, predict"
    assert [*local, *ray[1:]] in (
        ["from model import load, predict"],
        ["from model import FEATURES, load, predict", "from model import FEATURES"],
    )
