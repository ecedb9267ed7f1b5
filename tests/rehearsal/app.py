"""An app that a host runs: one process, on one port."""

import contextlib
import subprocess
from pathlib import Path
from urllib.request import urlopen


class App:
    """The process that a host runs; starting another one ends it."""

    def __init__(self, port: int, log: Path) -> None:
        self.port, self.log = port, log
        self.url = f"http://127.0.0.1:{port}"
        self.process: subprocess.Popen | None = None
        log.write_text("")

    def start(self, command: list, folder: Path, environment: dict[str, str]) -> None:
        """End what runs, and start a command in a folder."""
        self.stop()
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
            )  # fmt: skip

    def stop(self) -> None:
        """End what runs."""
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    @property
    def has_ended(self) -> bool:
        """Whether the process ended by itself."""
        return self.process is not None and self.process.poll() is not None

    @property
    def listens(self) -> bool:
        """Whether something answers at the port."""
        with contextlib.suppress(OSError):
            urlopen(self.url, timeout=5).close()
            return True
        return False
