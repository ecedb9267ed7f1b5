"""Environment variables for libraries: defaults, which existing values override."""

import os

from ..sizing.limits import PLATFORMS
from .settings import cores

# No telemetry; and no summary of past calls after each call, which nobody can see.
DEFAULTS = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000",
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
}
OWN_HOSTS = ("localhost", "127.0.0.1", "0.0.0.0")


def prepare() -> None:
    """Set default variables for Gradio, OpenMP and proxies, before a page is built."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    # Not just a default, since Spaces set it: Node would answer in front of the app,
    # health probes too, and cut off calls at SIGTERM.
    os.environ["GRADIO_SSR_MODE"] = "False"
    # Otherwise frameworks start a thread for each core of the machine, however few of
    # them a container may use, and the threads wait for one another. runtime.py of ONNX
    # models reads it too.
    threads = os.environ.setdefault("OMP_NUM_THREADS", str(cores()))
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", threads)
    for platform in PLATFORMS.values():
        proxy = platform.get("proxy")
        if proxy and proxy["variable"] in os.environ:
            # Only the proxy can connect, from one of these networks: the last address
            # of X-Forwarded-For that is in none of them is the client's.
            os.environ.setdefault("FORWARDED_ALLOW_IPS", ",".join(proxy["networks"]))
            # Some add a public address of their own behind it, and name it elsewhere.
            os.environ.setdefault("CLIENT_IP_HEADER", proxy.get("header", ""))
    if "SPACES_ZERO_GPU" in os.environ:  # a call waits for a GPU there
        os.environ.setdefault("PREDICT_TIMEOUT", "300")
    for name in ("NO_PROXY", "no_proxy"):  # Gradio calls itself at the start
        hosts = [host for host in os.environ.get(name, "").split(",") if host]
        # A child process prepares the environment that it inherits.
        hosts += [host for host in OWN_HOSTS if host not in hosts]
        os.environ[name] = ",".join(hosts)
