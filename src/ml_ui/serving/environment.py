"""Tell libraries what they read from the environment.

What the owner has set stays.
"""

import os

from .settings import cores

# Nothing is told to Gradio's makers, and a summary of past calls, which nobody can
# see, is not made anew after each call.
DEFAULTS = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000",
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
}
# Here nobody but the platform's proxy can connect, from one of these networks; so
# the last address of X-Forwarded-For that is not of them is the client's.
BEHIND_A_PROXY = ("SPACE_ID", "DYNO")
PROXIES = "127.0.0.1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"


def prepare() -> None:
    """Set what is not set; it has to be done before a page is built."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    # Else frameworks start a thread for each core of the machine, however few of them a
    # container may use, and the threads wait for one another. Ours for ONNX reads it too.
    threads = os.environ.setdefault("OMP_NUM_THREADS", str(cores()))
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", threads)
    if any(name in os.environ for name in BEHIND_A_PROXY):
        os.environ.setdefault("FORWARDED_ALLOW_IPS", PROXIES)
    if "SPACES_ZERO_GPU" in os.environ:  # a call waits for a GPU there
        os.environ.setdefault("PREDICT_TIMEOUT", "300")
    for name in ("NO_PROXY", "no_proxy"):  # Gradio asks itself whether it is up
        others = os.environ.get(name)
        os.environ[name] = ",".join(
            filter(None, (others, "localhost,127.0.0.1,0.0.0.0"))
        )
