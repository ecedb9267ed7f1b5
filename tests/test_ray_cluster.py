"""Platform ray on a real cluster of two nodes: what a replica or a node takes along is not lost."""

import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import ray_load
from ray_cluster import Cluster
from running import clean_environment, install

pytestmark = pytest.mark.slow

STRICT = """
import sys, yaml
from ray.serve.schema import ServeDeploySchema

def fields(model, given):
    for name, value in given.items():
        assert name in model.model_fields, f"{model.__name__} has no {name}"
    for name in given.keys() & {"applications", "http_options"}:
        of = model.model_fields[name].annotation
        of = of.__args__[0] if name == "applications" else of
        for each in given[name] if name == "applications" else [given[name]]:
            fields(of, each)

for path in sys.argv[1:]:
    for document in yaml.safe_load_all(open(path)):
        config = document
        if "kind" in document:
            if document["kind"] != "RayService":
                continue
            config = yaml.safe_load(document["spec"]["serveConfigV2"])
        fields(ServeDeploySchema, config)
        ServeDeploySchema.model_validate(config)
"""
FOUR = {"num_replicas": 4, "autoscaling_config": None}


@pytest.fixture(scope="module")
def project(bake, tmp_path_factory):
    """Return a project whose model does what a call says."""
    baked = bake(platform="ray", task="image-to-image", framework="python")
    return ray_load.of_work(baked, tmp_path_factory.mktemp("ray") / "project")


@pytest.fixture(scope="module")
def cluster(project):
    """Return a cluster of two nodes with four replicas; each node has room for all."""
    with Cluster(project, install(project)) as started:
        started.add_node("one", 4)
        started.add_node("two", 4)
        started.deploy(**FOUR)
        yield started


@pytest.fixture(scope="module")
def page(cluster, project):
    """Serve the page in front of the cluster; return its address."""
    with ray_load.page(project, cluster.url) as url:
        yield url


def during(page, act, seconds=20):
    """Let 8 users call while something happens; return what they saw."""
    with ThreadPoolExecutor(1) as threads:
        seen = threads.submit(ray_load.users, page, "sleep 0.2", 8, seconds)
        time.sleep(4)
        act()
        return seen.result()


@pytest.mark.parametrize("change", [None, ("import_path", "importpath"), ("host", "hosts")])
def test_serve_config(project, tmp_path, change):
    text = (project / "serve.yaml").read_text("utf-8")
    (tmp_path / "serve.yaml").write_text(text.replace(*change) if change else text, "utf-8")
    paths = [tmp_path / "serve.yaml", *([] if change else [project / "rayservice.yaml"])]
    run = subprocess.run(
        ["python", "-c", STRICT, *paths], env=clean_environment(install(project)),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ("has no" in run.stderr) == bool(change), run.stderr
    assert (run.returncode == 0) == (change is None)


def test_all_replicas_answer(page, cluster):
    seen = ray_load.users(page, "sleep 0.1", 8, 5)
    assert seen.lost == []
    pids = {int(answer.split()[0]) for answer in seen.answers}
    assert pids == {replica["pid"] for replica in cluster.replicas()}
    assert "status: RUNNING" in cluster.command("status")


@pytest.mark.every
def test_replica_that_is_killed_takes_no_call_along(page, cluster):
    seen = during(page, lambda: os.kill(cluster.replicas()[0]["pid"], signal.SIGKILL))
    assert seen.lost == []
    cluster.wait_until_running()


@pytest.mark.every
def test_input_that_ends_replicas_is_given_up(page, cluster):
    """After three of them; others are not lost with it."""

    def poison():
        found = ray_load.users(page, "die 0", 1, 0.3)
        assert len(found.lost) == 1
        assert "The prediction failed" in found.lost[0]

    assert during(page, poison, 30).lost == []
    cluster.wait_until_running()


def test_node_that_is_killed_takes_no_call_along(page, cluster):
    seen = during(page, lambda: cluster.kill_node("two"), 30)
    assert seen.lost == []
    cluster.wait_until_running()
    assert len(cluster.replicas()) == 4


@pytest.mark.every
def test_upgrade(page, cluster):
    thread = threading.Thread(target=cluster.deploy, kwargs={"wait": False, **FOUR})
    cluster.add_node("three", 4)
    seen = during(page, thread.start, 45)
    thread.join()
    cluster.wait_until_running()
    assert seen.lost == []
    last = ray_load.users(page, "sleep 0", 4, 3)
    assert last.lost == []
    assert {answer.split()[1] for answer in last.answers} == {"2"}


@pytest.mark.every
def test_shutdown_of_the_page_waits_for_the_cluster(cluster, project):
    with ThreadPoolExecutor(1) as threads:
        with ray_load.page(project, cluster.url) as page:
            seen = threads.submit(ray_load.users, page, "sleep 4", 1, 0.3)
            time.sleep(2)
        assert seen.result().lost == []


@pytest.mark.every
def test_call_given_up_ends_with_its_replica(cluster, project):
    with ray_load.page(project, cluster.url, PREDICT_TIMEOUT="2") as page:
        before = {replica["pid"] for replica in cluster.replicas()}
        seen = ray_load.users(page, "sleep 600", 1, 0.3)
        assert "longer than 2 s" in seen.lost[0]
        deadline = time.monotonic() + 90
        while before <= {replica["pid"] for replica in cluster.replicas()}:
            assert time.monotonic() < deadline, "it is still running"
            time.sleep(1)
        assert ray_load.users(page, "sleep 0.1", 4, 3).lost == []


@pytest.mark.every
def test_full_queue_is_told_at_once(cluster, project):
    """Serve's 503 with Retry-After, as the page's own error; the calls within it go on."""
    one = {"num_replicas": 1, "autoscaling_config": None}
    cluster.deploy(max_ongoing_requests=1, max_queued_requests=1, **one)
    with ray_load.page(project, cluster.url) as page:
        seen = ray_load.users(page, "sleep 1", 8, 4)
    assert len(seen.answers) >= 3
    assert {"The model is busy" in each for each in seen.lost} == {True}
