"""Settings of the server, from environment variables."""

import os
import re
from dataclasses import Field, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

MB = 1_000_000
# Memory of the app, and of one prediction: the costliest picture that `pictures`
# accepts. tests/serving/test_pictures.py measures it for each format, and R33 of the
# fault table both together.
APP_MEMORY, PREDICTION_MEMORY = 250 * MB, 350 * MB
DIGITS = 9  # of a number
REMOTE = 64  # predictions at once, if they wait for another machine
# The pattern that a value must match, or each of several, and an example.
FORMS = {
    "allowed_hosts": ("[^/:]+|[0-9a-f:]+", "app.example.com, a name alone"),
    "allowed_origins": (r"\*|[a-z][a-z0-9+.-]*://[^/]+", "https://example.com"),
    "max_upload_mb": ("0*[1-9].*", "20, and at least 1"),
    "predict_timeout": ("0*[1-9].*", "60, and at least 1"),
    "stream_timeout": ("0*[1-9].*", "600, and at least 1"),
    "queue_size": ("0*[1-9].*", "100, and at least 1"),
    "model_url": (r"https?://[^/\s]+(/\S*)?", "http://cluster:8000/"),
    "calls_per_worker": ("0*[1-9].*", "16, and at least 1"),
}


@dataclass(frozen=True)
class Settings:
    """Settings; each field is an environment variable of its name, in capitals."""

    port: int = 7860
    web_concurrency: int = 0  # workers; 0: by the cores and the memory
    calls_per_worker: int = 1  # that it has at once, of a model that runs them together
    queue_size: int = 100  # queued predictions; above that, 503
    predict_timeout: int = 60  # seconds of a prediction, or of each step of a stream
    stream_timeout: int = 600  # seconds of a stream in all
    shutdown_grace: int = 7  # seconds for running predictions; Docker waits 10
    max_upload_mb: int = 20  # per file
    rate_limit: int = 0  # calls per minute and client; 0: no limit
    client_ip_header: str = ""  # that the proxy sets to the client's address
    allowed_hosts: tuple[str, ...] = ()  # host names; *.example.com too
    allowed_origins: tuple[
        str, ...
    ] = ()  # origins of other sites that may call the app
    app_username: str = ""  # a login, if both are set
    app_password: str = ""
    oauth_client_id: str = ""  # of a Space with `hf_oauth: true`
    metrics: bool = False  # serve /metrics
    mcp: bool = False  # serve /mcp, the Model Context Protocol
    model_url: str = ""  # of a cluster that runs the model, where cluster.py uses one

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read the settings; GRADIO_SERVER_PORT takes precedence over PORT.

        Raises:
            ValueError: every variable that is invalid, with its value.
        """
        found: dict[str, Any] = {}
        problems: list[str] = []
        for field in fields(cls):
            name = field.name.upper()
            if name == "PORT" and os.environ.get("GRADIO_SERVER_PORT"):
                name = "GRADIO_SERVER_PORT"
            text = os.environ.get(name, "")
            if text.strip():
                try:
                    found[field.name] = _read(field, text)
                except ValueError as error:
                    shown = without_password(text)
                    problems.append(f"{name}={shown!r} {error}")
        if not 0 < found.get("port", cls.port) < 65536:
            problems.append(f"port {found['port']} is out of range: use 1 to 65535")
        if ("app_username" in found) != ("app_password" in found):
            problems.append("a login needs both APP_USERNAME and APP_PASSWORD")
        elif "app_username" in found and cls(**found).hub_login:
            problems.append("hf_oauth is a login already: unset APP_USERNAME")
        if problems:
            raise ValueError("; ".join(problems))
        return cls(**found)

    @property
    def hub_login(self) -> bool:
        """Whether visitors sign in at the Hugging Face Hub."""
        return bool(self.oauth_client_id and os.environ.get("SPACE_ID"))

    @cached_property
    def workers(self) -> int:
        """Number of workers: two per core, if the memory suffices.

        A cluster has its own cores; what goes into the model is still prepared here.
        """
        most = REMOTE if self.model_url else 2 * cores()
        fitting = min(most, (memory() - APP_MEMORY) // PREDICTION_MEMORY)
        return self.web_concurrency or max(1, fitting)

    @property
    def calls(self) -> int:
        """Number of calls at once, those that wait for a batch included."""
        return self.workers * (1 if self.model_url else self.calls_per_worker)


def _read(field: Field[Any], text: str) -> object:
    """Return a text as a value of the same type as the field's default.

    Raises:
        ValueError: says what is wrong with it.
    """
    if isinstance(field.default, str) and field.name not in FORMS:
        return text  # a password may begin with a space
    parts = [part.strip() for part in text.lower().split(",") if part.strip()]
    form, example = FORMS.get(field.name, (".*", ""))
    if not all(re.fullmatch(form, part) for part in parts):
        raise ValueError(f"is not like {example}")
    if isinstance(field.default, str):
        return text.strip()
    if isinstance(field.default, tuple):
        return tuple(parts)
    if isinstance(field.default, bool):
        return text.strip().lower() not in ("0", "false", "no", "off")
    if not text.strip().isdecimal():
        raise ValueError("is not a whole number")
    if len(text.strip()) > DIGITS:
        raise ValueError("is too large")
    return int(text)


def without_password(url: str) -> str:
    """Return a URL to be logged: without a user and a password."""
    return re.sub(r"//.*@", "//***@", url)  # a password may have a slash


def cores() -> int:
    """Return the number of cores that this process may use, by its quota too."""
    if hasattr(os, "sched_getaffinity"):
        available = len(os.sched_getaffinity(0))
    else:
        available = os.cpu_count() or 1
    quota, _, period = _cgroup("cpu.max").partition(" ")
    if quota.isdecimal():
        available = min(available, max(1, round(int(quota) / int(period))))
    return available


def memory() -> int:
    """Return the bytes of memory of the container, or of the machine."""
    limits = [_cgroup("memory.max"), _cgroup("memory/memory.limit_in_bytes")]
    if hasattr(os, "sysconf"):
        limits.append(str(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")))
    return min((int(n) for n in limits if n.isdecimal()), default=1024 * MB)


def _cgroup(name: str) -> str:
    try:
        return Path("/sys/fs/cgroup", name).read_text().strip()
    except OSError:
        return ""
