"""Measure platform ray on a cluster of two nodes, all on this machine, and print tables.

    python -m scripts.ray_bench [lost throughput batching crossing timeout]

Users, page, cluster and replicas share the cores of one machine: what computes gains nothing
from a second replica once the cores are busy.
"""

import argparse
import datetime
import os
import platform
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from scripts.runtimes import generate
from tests import ray_load
from tests.ray_cluster import Cluster
from tests.running import install

FIXED = {"autoscaling_config": None}
ONE_CALL = {**FIXED, "max_ongoing_requests": 1}
CPUS = 6  # logical, of each node: room for four replicas, and for one more in an upgrade


def say(text: str) -> None:
    """Print progress with the time."""
    print(f"[{datetime.datetime.now():%H:%M:%S}] {text}", flush=True)


def table(title: str, head: str, rows: list[str]) -> None:
    """Print a table in Markdown."""
    ruler = "|" + "---|" * (head.count("|") - 1)
    print("\n".join(["", f"{title}:", "", head, ruler, *rows, ""]), flush=True)


def lost(project: Path, cluster: Cluster) -> None:
    """64 users for two minutes: a node killed, another one added, and an upgrade."""
    cluster.deploy(num_replicas=4, **FIXED)
    begin = time.monotonic()
    events: list[tuple[float, str]] = []

    def event(name: str, act: Callable[[], None]) -> None:
        events.append((time.monotonic() - begin, name))
        say(name)
        act()

    def disturb() -> None:
        time.sleep(35)
        name = next(name for name in cluster.groups if name != "head")
        event("a node is killed", lambda: cluster.kill_node(name))
        time.sleep(10)
        event("a node is added", lambda: cluster.add_node(f"after-{name}", CPUS))
        time.sleep(max(0, begin + 75 - time.monotonic()))
        event("upgrade", lambda: cluster.deploy(num_replicas=4, **FIXED))
        events.append((time.monotonic() - begin, "upgraded"))
        say("upgraded")

    with ray_load.page(project, cluster.url) as page:
        begin = time.monotonic()
        thread = threading.Thread(target=disturb)
        thread.start()
        seen = ray_load.users(page, "sleep 0.1", 64, 120, think=2)
        thread.join()
    versions = [answer.split()[1] for answer in seen.answers]
    for text in seen.lost[:5]:
        say(f"lost: {text}")
    rows = [
        (
            f"| {len(seen.answers) + len(seen.lost)} | {len(seen.lost)} | {seen.median:.2f} s | "
            f"{seen.quantile(0.99):.2f} s | {max(seen.seconds):.2f} s | "
            f"{versions.count(versions[0])} + {len(versions) - versions.count(versions[0])} |"
        )
    ]
    print([f"{name} at {second:.0f} s" for second, name in events])
    head = "| calls | lost | median | 99 % | worst | by the old + the new version |"
    table("64 users, 120 s, 100 ms of waiting a call, 4 replicas", head, rows)


def throughput(project: Path, cluster: Cluster) -> None:
    """1, 2 and 4 replicas of a model that waits, and of one that computes."""
    rows, first = [], {}
    with ray_load.page(project, cluster.url) as page:
        for count in (1, 2, 4):
            cluster.deploy(num_replicas=count, **ONE_CALL)
            ray_load.users(page, "sleep 0.01", 8, 2)
            for work in ("sleep 0.1", "python 0.1"):
                seen = ray_load.users(page, work, 4 * count, 20)
                base = first.setdefault(work, seen.rate)
                share = seen.rate / base / count
                say(f"{count} replicas, {work}: {seen.rate:.1f}/s, {share:.2f} of linear")
                rows.append(
                    f"| {'waits' if 'sleep' in work else 'computes'} | {count} | "
                    f"{seen.rate:.1f} | {share:.2f} | {seen.median * 1000:.0f} ms | "
                    f"{len(seen.lost)} |"
                )
    head = "| 100 ms of a model that | replicas | answers/s | of linear | median | lost |"
    table("Throughput, one call at a time in each replica", head, sorted(rows))


def batching(project: Path, cluster: Cluster) -> None:
    """A device that takes as long for a batch as for a row, with and without batches."""
    rows, source = [], project / "replica.py"
    text = source.read_text("utf-8")
    with ray_load.page(project, cluster.url) as page:
        for size in (1, 32):
            own = text.replace("SIZE = 1\n", f"SIZE = {size}\n").replace("0.05", "0.5")
            source.write_text(own, "utf-8")
            cluster.deploy(num_replicas=1, max_ongoing_requests=64, **FIXED)
            ray_load.users(page, "device 0", 4, 6)
            seen = ray_load.users(page, "device 0", 64, 25)
            say(f"batches of up to {size}: {seen.rate:.1f}/s")
            rows.append(f"| {size} | {seen.rate:.1f} | {seen.median:.2f} s | {len(seen.lost)} |")
    source.write_text(text, "utf-8")
    head = "| calls in a batch, at most | answers/s | median | lost |"
    table("Batching, 64 users, one replica, 500 ms of a device for each batch", head, rows)


def crossing(project: Path, cluster: Cluster) -> None:
    """Latency and throughput by the work of a call, in one process and on two replicas."""
    cluster.deploy(num_replicas=2, max_ongoing_requests=4, **FIXED)
    rows = []
    places = {"one process": "", "Ray, 2 replicas": cluster.url}
    for name, model in places.items():
        with ray_load.page(project, model) as page:
            for milliseconds in (1, 10, 30, 100):
                work = f"python {milliseconds / 1000}"
                alone = ray_load.users(page, work, 1, 6)
                busy = ray_load.users(page, work, 8, 12)
                row = (
                    f"| {milliseconds} ms | {name} | {alone.median * 1000:.0f} ms | "
                    f"{busy.rate:.1f} | {busy.median * 1000:.0f} ms | {len(busy.lost)} |"
                )
                say(row)
                rows.append((milliseconds, row))
    head = "| work | where | median, 1 user | answers/s, 8 users | median, 8 users | lost |"
    rows = [row for _, row in sorted(rows, key=lambda each: each[0])]
    table("Overhead, by what a call computes", head, rows)


def timeout(project: Path, cluster: Cluster) -> None:
    """A call that its page gave up, by PREDICT_TIMEOUT: what becomes of it."""
    cluster.deploy(num_replicas=2, **FIXED)
    rows = []
    with ray_load.page(project, cluster.url, PREDICT_TIMEOUT="3") as page:
        before = {replica["pid"] for replica in cluster.replicas()}
        start = time.monotonic()
        seen = ray_load.users(page, "sleep 600", 1, 0.3)
        rows.append(f"| told to the visitor | {time.monotonic() - start:.1f} s |")
        say(seen.lost[0])
        while all(map(psutil.pid_exists, before)) and time.monotonic() - start < 120:
            time.sleep(0.1)
        rows.append(f"| ended, with its replica | {time.monotonic() - start:.1f} s |")
        while len({each["pid"] for each in cluster.replicas()}) < 2:
            time.sleep(0.5)
        rows.append(f"| another replica answers | {time.monotonic() - start:.1f} s |")
    table("PREDICT_TIMEOUT=3, a call of 600 s", "| what | after |", rows)


PARTS = {part.__name__: part for part in (lost, throughput, batching, crossing, timeout)}


def main() -> None:
    """Start the cluster, and run the parts that were asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parts = parser.parse_args().parts or PARTS
    if unknown := {*parts} - PARTS.keys():
        parser.error(f"no part {', '.join(unknown)}: {', '.join(PARTS)}")
    cores, memory = os.cpu_count(), psutil.virtual_memory().total / 1e9
    say(f"{platform.processor() or platform.machine()}, {cores} cores, {memory:.0f} GB")
    with tempfile.TemporaryDirectory() as folder:
        answers = {"platform": "ray", "task": "image-to-image", "framework": "python"}
        generated = generate(Path(folder), **answers)
        project = ray_load.of_work(generated, Path(folder, "work"))
        say("packages are installed")
        with Cluster(project, install(project)) as cluster:
            say("the head is up")
            for name in ("one", "two"):
                cluster.add_node(name, CPUS)
                say(f"node {name} is up")
            cluster.deploy(num_replicas=1, **FIXED)  # a page waits for one
            say("a replica is up")
            for part in parts:
                say(f"{part}: {PARTS[part].__doc__}")
                PARTS[part](project, cluster)


if __name__ == "__main__":
    main()
