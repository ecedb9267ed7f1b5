"""Serve the form: `python -m web`, on HOST (127.0.0.1) and PORT (7870)."""

import os

import uvicorn

from ml_ui.sizing.limits import PLATFORMS

from .app import create
from .protocol import Protocol


def main() -> None:
    proxies = PLATFORMS["huggingface"]["proxy"]["networks"] if "SPACE_ID" in os.environ else []
    # No log of requests: a URL has a visitor's answers.
    uvicorn.run(
        create(),
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "7870")),
        access_log=False,
        log_level="warning",
        server_header=False,
        forwarded_allow_ips=proxies or None,  # whose word for a client's address is taken
        http=Protocol,  # slow clients are cut off
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
