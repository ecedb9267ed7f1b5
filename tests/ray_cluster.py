"""A Ray cluster of real processes on this machine, with nodes that can be killed."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import httpx
import yaml

from tests.running import clean_environment, free_port

START = 240  # seconds until Ray or an application has to be up: a busy machine is slow


class Cluster:
    """A head without CPUs, and nodes, each with its processes in a process group.

    Args:
        project: the folder that the replicas import their code from.
        programs: of the environment with Ray.
        variables: of the environment of all processes.
    """

    def __init__(self, project: Path, programs: Path, **variables: str) -> None:
        self.project, self.programs = project, programs
        self.folder = Path(tempfile.mkdtemp(prefix="ray-"))  # short: it is in paths of sockets
        self.environment = clean_environment(
            programs, PYTHONPATH=str(project), RAY_USAGE_STATS_ENABLED="0",
            RAY_AUTH_MODE="token", HOME=str(self.folder), **variables,
        )  # fmt: skip
        self._run("ray", "get-auth-token", "--generate")
        token = (self.folder / ".ray" / "auth_token").read_text("utf-8").strip()
        self.headers = {"Authorization": f"Bearer {token}"}
        self.port, self.dashboard, self.serve = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.serve}/"
        self.groups: dict[str, subprocess.Popen] = {}
        self.version = 0

    def __enter__(self) -> Self:
        try:
            options = [
                "--head",
                f"--port={self.port}",
                "--num-cpus=0",
                "--dashboard-host=127.0.0.1",
            ]
            self._start("head", *options, f"--dashboard-port={self.dashboard}")
            self._wait("the dashboard", lambda: self._get("/api/version") is not None)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self, name: str, *options: str) -> None:
        command = [self.programs / "ray", "start", "--block", "--disable-usage-stats"]
        command += ["--node-ip-address=127.0.0.1", f"--dashboard-agent-listen-port={free_port()}"]
        command += [f"--node-name={name}", "--object-store-memory=100000000", *options]
        if name == "head":
            command.append(f"--temp-dir={self.folder}")
        with (self.folder / f"{name}.log").open("w") as log:
            self.groups[name] = subprocess.Popen(
                command, cwd=self.project, env=self.environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def add_node(self, name: str, cpus: int) -> None:
        """Start a node, and wait until the cluster has it."""
        self._start(name, f"--address=127.0.0.1:{self.port}", f"--num-cpus={cpus}")
        self._wait(f"node {name}", lambda: name in self.nodes())

    def kill_node(self, name: str) -> None:
        """Kill all processes of a node at once, as the end of a machine does."""
        group = self.groups.pop(name)
        for pid in self._members(group.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        group.wait()

    def _members(self, leader: int) -> list[int]:
        """Return the processes of a session: Ray's workers have process groups of their own."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                if int(fields[3]) == leader:
                    found.append(int(path.parent.name))
        return found

    def nodes(self) -> set[str]:
        """Return the names of the nodes that are alive."""
        found = self._get("/api/v0/nodes") or {"data": {"result": {"result": []}}}
        nodes = found["data"]["result"]["result"]
        return {node["node_name"] for node in nodes if node["state"] == "ALIVE"}

    def deploy(self, wait: bool = True, **options: object) -> None:
        """Deploy serve.yaml, its code anew, with options of the deployment.

        Args:
            wait: until all replicas run the new version.
            options: such as num_replicas; those of replica.py otherwise.
        """
        self.version += 1
        config = yaml.safe_load((self.project / "serve.yaml").read_text("utf-8"))
        config["http_options"]["port"] = self.serve
        (application,) = config["applications"]
        application["runtime_env"]["env_vars"]["VERSION"] = str(self.version)
        if options:
            application["deployments"] = [{"name": "Model", **options}]
        path = self.folder / "serve.yaml"
        path.write_text(yaml.safe_dump(config), "utf-8")
        self.command("deploy", path)
        if wait:
            self.wait_until_running()

    def command(self, name: str, *arguments: object) -> str:
        """Run a command of `serve`, and return what it prints."""
        address = f"http://127.0.0.1:{self.dashboard}"
        return self._run("serve", name, "--address", address, *arguments)

    def _run(self, program: str, *arguments: object) -> str:
        return subprocess.run(
            [self.programs / program, *arguments], cwd=self.project, env=self.environment,
            check=True, capture_output=True, timeout=START, text=True,
        ).stdout  # fmt: skip

    def wait_until_running(self) -> None:
        """Wait until the application runs and its deployment is healthy."""
        self._wait("the application", self._is_running)

    def _is_running(self) -> bool:
        application = self.application()
        if application.get("status") == "DEPLOY_FAILED":
            raise AssertionError(application["message"][-3000:])
        healthy = [each["status"] == "HEALTHY" for each in application["deployments"].values()]
        return application.get("status") == "RUNNING" and bool(healthy) and all(healthy)

    def application(self) -> dict:
        """Return what Ray Serve says of the application."""
        found = self._get("/api/serve/applications/") or {}
        return found.get("applications", {}).get("model", {"deployments": {}})

    def replicas(self) -> list[dict]:
        """Return the replicas that run, each with `pid` and `node_id`."""
        deployments = self.application()["deployments"].values()
        replicas = (each for deployment in deployments for each in deployment["replicas"])
        return [each for each in replicas if each["state"] == "RUNNING"]

    def _get(self, path: str) -> dict | None:
        try:
            url = f"http://127.0.0.1:{self.dashboard}{path}"
            answer = httpx.get(url, headers=self.headers, timeout=30)
        except httpx.HTTPError:
            return None
        return json.loads(answer.text) if answer.status_code == 200 else None

    def _wait(self, what: str, condition) -> None:
        deadline = time.monotonic() + START
        while not condition():
            for name, group in self.groups.items():
                if group.poll() is not None:
                    log = (self.folder / f"{name}.log").read_text("utf-8", "replace")
                    raise AssertionError(f"{name} of Ray ended:\n{log[-3000:]}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} of Ray is not up within {START} s")
            time.sleep(0.5)

    def stop(self) -> None:
        """Kill what is left, the head last, and remove its files."""
        for name in [*self.groups][::-1]:
            self.kill_node(name)
        shutil.rmtree(self.folder, ignore_errors=True)
