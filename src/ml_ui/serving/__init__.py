"""Serve a Gradio app: settings of the environment, guards, probes, shutdown."""

import argparse
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import gradio as gr
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp

from . import environment

environment.prepare()  # before a page is built: Gradio reads the environment then

from .. import api, gradio_fixes, link_preview, page
from . import auth, logs, metrics, process, uploads
from .health import Health
from .middleware import (
    EXCEPTION_HANDLERS,
    LOGINS_PER_MINUTE,
    MCP,
    GuardMiddleware,
    Traffic,
)
from .protocol import LimitedProtocol
from .rate_limit import RateLimit
from .runner import get_runner, guard
from .settings import MB, Settings
from .shutdown import EXIT, Shutdown

__all__ = ["guard", "launch"]

logger = logging.getLogger(__name__)

# Options of gr.Blocks.launch that the app may not set, and what sets them, or why.
RESERVED = {
    "server_name": "set GRADIO_SERVER_NAME",
    "server_port": "set PORT",
    "max_file_size": "set MAX_UPLOAD_MB",
    "auth_dependency": "set APP_USERNAME and APP_PASSWORD, or hf_oauth on a Space",
    "ssr_mode": "Node would bypass the guards",
    "node_server_name": "Node would bypass the guards",
    "node_port": "Node would bypass the guards",
    "num_workers": "its processes would bypass the guards",
    "prevent_thread_lock": "launch() serves until the app is stopped",
    "enable_monitoring": "set METRICS=1 for metrics",
    "mcp_server": "set MCP=1",
    "state_session_capacity": "it is bounded",
    "run_history": "no history is kept",
    "_app": "it is the guarded app",
}


def launch(
    demo: gr.Blocks,
    load: Callable[[], object],
    calls_per_worker: int = 1,
    **options: Any,
) -> None:
    """Serve a page until SIGTERM or Ctrl-C.

    Args:
        demo: the page. Each of its functions is decorated with `guard`.
        load: loads the model, in the background; it may be async. `/readyz` answers 503
            until it returns.
        calls_per_worker: of a model that runs calls together that wait, such as a batch
            of rows, which take no memory: a worker has so many at once. The variable
            CALLS_PER_WORKER takes precedence.
        options: those of `gr.Blocks.launch`, such as `theme`, `css` or `favicon_path`;
            `page.options` has the defaults.

    Raises:
        TypeError: an option is set by the environment instead, or a function is not
            guarded.
        RuntimeError: the page was built before `launch` was imported.
        SystemExit: a setting is invalid, or the port is taken.
    """
    for name in options.keys() & RESERVED.keys():
        raise TypeError(f"launch() takes no {name}: {RESERVED[name]}")
    if names := gradio_fixes.unguarded(demo):
        raise TypeError(
            f"not guarded: {', '.join(names)}. Decorate each with @guard (from ml_ui): "
            "otherwise a call that hangs or exits stops the app."
        )
    if not gradio_fixes.is_prepared(demo, str(uploads.FOLDER)):
        raise RuntimeError(
            "the page was built before ml_ui could prepare it: write `from ml_ui "
            "import launch` above the page"
        )
    parser = argparse.ArgumentParser(description="Serve the app.")
    parser.add_argument(
        "--share",
        action="store_true",
        help="also create a temporary public link, valid for up to a week",
    )
    share = parser.parse_args().share
    os.environ.setdefault("CALLS_PER_WORKER", str(calls_per_worker))
    try:
        settings = Settings.from_environment()
    except ValueError as error:
        sys.exit(f"The app cannot be served: {error}")
    logs.configure()
    Server(demo, load, settings).serve(
        **options | {"share": share or options.get("share", False)}
    )


class Server:
    """Server of a page: the guards around Gradio's own server."""

    def __init__(
        self, demo: gr.Blocks, load: Callable[[], object], settings: Settings
    ) -> None:
        self.demo = demo
        self.settings = settings
        self.queue = gradio_fixes.QueueState(demo)
        self.traffic = Traffic()
        self.files = uploads.TemporaryFiles(settings.max_upload_mb)
        self.calls = RateLimit(settings.rate_limit)
        self.logins = RateLimit(LOGINS_PER_MINUTE)
        self.health = Health(load, get_runner(), lambda: self.queue.stopped)
        self.shutdown = Shutdown(
            settings.shutdown_grace,
            self.health,
            self.traffic,
            self._pending,
        )
        self.is_public: bool  # nobody has to sign in
        self.app: gradio_fixes.GuardedApp
        self.api: api.Api

    def prepare(self, **options: Any) -> dict[str, Any]:
        """Make the app, and return the options of `gr.Blocks.launch` that serve it."""
        demo, settings = self.demo, self.settings
        if settings.hub_login:
            with demo:
                gr.LoginButton(size="sm")  # to sign out, and for Gradio to ask the Hub
            options["auth_dependency"] = gradio_fixes.signed_in_user
        if settings.app_username:
            options["auth"] = (settings.app_username, settings.app_password)
        if callable(options.get("auth")):
            options["auth"] = auth.in_thread(options["auth"])
        demo.queue(
            max_size=settings.queue_size,
            default_concurrency_limit=settings.calls,
            api_open=False,  # /run would bypass the queue
        )
        page.prepare(demo)
        options = page.options(demo, options)
        gradio_fixes.apply(demo, self.queue)
        gradio_fixes.limit_uploads(self.files)
        gradio_fixes.limit_downloads(settings.max_upload_mb * MB, self.files)
        self.is_public = not options.get("auth") and "auth_dependency" not in options
        title = page.title(demo, options["i18n"])
        given = options.pop("app_kwargs", None) or {}
        lifespan = self._lifespan(given.pop("lifespan", None))
        self.app = gradio_fixes.GuardedApp(
            self._wrap, **self._app_options(given, title)
        )
        self.api = api.Api(
            demo,
            title,
            self.health.version,
            self.app,
            settings,
            self.files,
            self.queue.__len__,
            self.calls,
            self.logins,
            lambda: self.health.model,
        )
        if settings.mcp:
            from ..api.mcp import Mcp

            self.api.mcp = Mcp(self.api, demo, title, settings, self.files, self.calls)
        if os.environ.get("GRADIO_MCP_SERVER", "").lower() == "true":
            logger.warning("GRADIO_MCP_SERVER is ignored: set MCP=1, and use %s", MCP)
        return options | {
            "prevent_thread_lock": True,
            "server_port": settings.port,
            "enable_monitoring": False,
            "mcp_server": False,
            "run_history": False,
            "ssr_mode": False,
            "state_session_capacity": 500,
            "max_file_size": settings.max_upload_mb * MB,
            "app_kwargs": {"lifespan": lifespan},
            "_app": self.app,
        }

    def serve(self, **options: Any) -> None:
        """Launch the page and serve it until the process is stopped."""
        signal.signal(signal.SIGTERM, self.shutdown)
        self.health.start()
        try:
            self.demo.launch(**self.prepare(**options))
            # uvicorn closes a connection after 5 s, often just when a proxy reuses it.
            self.demo.server.config.timeout_keep_alive = 75
            gradio_fixes.verify(self.demo, self.app)
            self.demo.block_thread()
        except OSError as error:
            if error.errno:  # the system's; Gradio's own is about the port
                raise
            name = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
            sys.exit(
                f"Port {self.settings.port} of {name} is taken or not permitted: set "
                "PORT or GRADIO_SERVER_NAME to another."
            )
        except KeyboardInterrupt:
            pass  # before Gradio was up
        if get_runner().running or process.children():
            process.exit_now(0)
        # The app's threads could keep Python from exiting.
        process.exit_soon(0, EXIT)

    def _pending(self) -> int:
        """Return the number of calls that a graceful shutdown waits for."""
        runner = get_runner()
        called = self.api.open if hasattr(self, "api") else 0
        unread = len(LimitedProtocol.unread)
        return runner.running - runner.stuck + len(self.queue) + called + unread

    def _wrap(self, app: ASGIApp) -> ASGIApp:
        return GuardMiddleware(
            app,
            self.api,
            self.settings,
            self.queue,
            self.traffic,
            self.files,
            self.calls,
            self.logins,
        )

    def _app_options(self, given: dict[str, Any], title: str) -> dict[str, Any]:
        """Return the options of the FastAPI app, those of `app_kwargs` included."""
        routes = [
            Route("/healthz", self.health.healthz),
            Route("/readyz", self.health.readyz),
            Route("/ready", self.health.readyz),  # Cloud Run keeps names in z
        ]
        described = []
        if self.is_public:
            routes.append(Route(link_preview.PATH, link_preview.picture(title)))
            described.append(
                Middleware(link_preview.LinkPreview, demo=self.demo, title=title)
            )
        if self.settings.metrics:
            metrics.queued.set_function(lambda: len(self.queue) + self.api.waiting)
            metrics.running.set_function(lambda: get_runner().running)
            metrics.stuck.set_function(lambda: get_runner().stuck)
            routes.append(Route("/metrics", metrics.metrics))
        return (
            {
                # An upload is a little more than its file.
                "max_body_size": (self.settings.max_upload_mb + 1) * MB,
            }
            | given
            | {
                "routes": [*routes, *given.get("routes", ())],
                # The page is described before an owner's middleware compresses it.
                "middleware": [*given.get("middleware", ()), *described],
                "exception_handlers": EXCEPTION_HANDLERS
                | {401: auth.unauthorized(title)}
                | given.get("exception_handlers", {}),
            }
        )

    def _lifespan(self, given: Any) -> Any:
        """Return a lifespan during which old files are deleted."""
        records = gradio_fixes.UploadRecords(self.demo)

        @contextlib.asynccontextmanager
        async def lifespan(app: gr.routes.App) -> AsyncIterator[Any]:
            async with contextlib.AsyncExitStack() as stack:
                sweep = self.files.swept(self.queue.waiting, records.forget)
                await stack.enter_async_context(sweep)
                yield await stack.enter_async_context(given(app)) if given else None

        return lifespan
