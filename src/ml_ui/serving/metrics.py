"""Count what happens, for Prometheus."""

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

requests = Counter("app_requests", "HTTP requests", ["method", "status"])
predictions = Counter("app_predictions", "Calls of the model", ["name", "outcome"])
seconds = Histogram("app_prediction_seconds", "Time of a call", buckets=SECONDS)
waited = Histogram("app_queue_wait_seconds", "Time in the queue", buckets=SECONDS)
loaded = Gauge("app_model_load_seconds", "Time to load the model")
queued = Gauge("app_queue_length", "Calls that wait")
running = Gauge("app_predictions_running", "Calls that run")
stuck = Gauge("app_predictions_stuck", "Calls that hang")


def prediction(name: str, outcome: str, wait: float, duration: float) -> None:
    """Count a call of the model, with its seconds in the queue and after it."""
    predictions.labels(name, outcome).inc()
    seconds.observe(duration)
    waited.observe(wait)


def show(request: Request) -> Response:
    """Answer with all figures; the process' memory and CPU are among them."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)
