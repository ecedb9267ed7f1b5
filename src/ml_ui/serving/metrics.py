"""Prometheus metrics."""

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)  # seconds

requests = Counter("app_requests", "HTTP requests", ["method", "status"])
predictions = Counter("app_predictions", "Predictions", ["name", "outcome"])
seconds = Histogram("app_prediction_seconds", "Time of a prediction", buckets=BUCKETS)
waited = Histogram("app_queue_wait_seconds", "Time in the queue", buckets=BUCKETS)
loaded = Gauge("app_model_load_seconds", "Time to load the model")
queued = Gauge("app_queue_length", "Queued predictions")
running = Gauge("app_predictions_running", "Running predictions")
stuck = Gauge("app_predictions_stuck", "Predictions past their timeout")


def record_prediction(name: str, outcome: str, wait: float, duration: float) -> None:
    """Count a prediction, with its seconds in the queue and after it.

    Args:
        name: the API name of the function.
        outcome: "ok"; "refused", if the input was at fault; "failed", if the app was;
            "cancelled" by its caller.
        wait: seconds in the queue.
        duration: seconds from its start to its answer.
    """
    predictions.labels(name, outcome).inc()
    seconds.observe(duration)
    waited.observe(wait)


def metrics(request: Request) -> Response:
    """Return all metrics, including those of the process."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)
