"""Where the model runs: on the Ray cluster at MODEL_URL, or without one in this process."""

import os

if url := os.environ.get("MODEL_URL"):
    from ml_ui.remote import Remote

    cluster = Remote(url)
    load, predict = cluster.load, cluster.predict
else:
    from model import load, predict

__all__ = ["load", "predict"]
