"""Serve a page of Gradio to strangers: bounded, observable, and in order.

What can be set is in settings.py; it comes from the environment.
"""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable

import gradio as gr
from starlette.routing import Route

from ..gradio_fixes import Sessions
from . import auth, environment, logs, metrics, middleware, protocol, uploads
from .health import Health
from .runner import Predictions
from .settings import MB, Settings
from .shutdown import Shutdown

__all__ = ["launch"]

environment.prepare()


def launch(demo: gr.Blocks, load: Callable[[], object]) -> None:
    """Serve the page until SIGTERM or Ctrl-C; `load` runs in the background."""
    parser = argparse.ArgumentParser(description="Serve the app.")
    parser.add_argument(
        "--share",
        action="store_true",
        help="also give a temporary public link (it lasts a week at best)",
    )
    args = parser.parse_args()
    try:
        settings = Settings.from_environment()
    except ValueError as error:
        sys.exit(f"The app cannot be served: {error}")
    logs.start()
    predictions = Predictions(settings.workers, settings.predict_timeout)
    predictions.guard(demo)
    health = Health(demo, load, predictions)
    gate = middleware.Doors(demo, settings)
    shutdown = Shutdown(demo, gate, health, predictions)
    signal.signal(signal.SIGTERM, shutdown)
    if settings.hub_login:
        with demo:
            gr.LoginButton(size="sm")  # to sign out, and to have Gradio ask the Hub
    demo.queue(
        max_size=settings.queue_size,
        default_concurrency_limit=settings.workers,
        api_open=False,  # /run would go past the queue
    )
    demo._queue.pending_messages_per_session = Sessions(demo)
    routes = [Route("/healthz", health.healthz), Route("/readyz", health.readyz)]
    if settings.metrics:
        metrics.queued.set_function(lambda: len(demo._queue))
        metrics.running.set_function(lambda: predictions.running)
        metrics.stuck.set_function(lambda: predictions.stuck)
        routes.append(Route("/metrics", metrics.show))

    @contextlib.asynccontextmanager
    async def lifespan(app: gr.routes.App) -> AsyncIterator[None]:
        gate.around(app)
        async with uploads.swept(demo):
            yield

    protocol.prepare()
    demo.enable_monitoring = False  # `launch` does so too, once it serves
    try:
        demo.launch(
            prevent_thread_lock=True,
            server_port=settings.port,
            share=args.share,
            auth=auth.by_password(settings),
            auth_dependency=auth.by_hub if settings.hub_login else None,
            enable_monitoring=False,
            run_history=False,
            state_session_capacity=500,
            max_file_size=settings.max_upload_mb * MB,
            app_kwargs={
                "routes": routes,
                "lifespan": lifespan,
                "exception_handlers": middleware.ERRORS,
                # An upload is a little more than its file.
                "max_body_size": settings.max_upload_mb * MB + MB,
            },
        )
        # uvicorn's 5 s end many a connection just as its client, or a proxy, uses it again.
        demo.server.config.timeout_keep_alive = 75
        demo.block_thread()
    except OSError as error:
        if error.errno:  # the system's; Gradio's own is about the port
            raise
        name = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
        taken = f"Port {settings.port} of {name} is taken or cannot be had"
        sys.exit(f"{taken}: set PORT or GRADIO_SERVER_NAME to another.")
    except KeyboardInterrupt:
        pass  # before Gradio was up
    if predictions.running:
        shutdown.end(0)
