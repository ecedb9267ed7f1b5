"""Generate the default project and serve it: `make demo`.

Needs Python 3.11 with its venv, or uv, and nothing else. Older ones can read this file.
"""

import contextlib
import http.client
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "demo"
OLDEST = (3, 11)
NO_ANSWER = (OSError, http.client.HTTPException, KeyError, ValueError)


def find_uv() -> str:
    """Return the path of uv; "" without one that runs: pyenv's may be for another Python."""
    path = shutil.which("uv") or ""
    command = [path, "--version"]
    runs = path and subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0
    return path if runs else ""


def check_python() -> None:
    """Exit if this Python is too old, or cannot make an environment."""
    if sys.version_info < OLDEST:
        sys.exit(
            f"Python {sys.version.split()[0]} is too old: 3.11 or newer is needed. "
            "Name another: make demo PYTHON=python3.12"
        )
    if not (find_uv() or importlib.util.find_spec("ensurepip")):
        sys.exit(
            f"{sys.executable} cannot make environments: its venv is missing. Install it "
            "(Debian and Ubuntu: apt-get install python3-venv), or uv."
        )


def free_port(given: str, target: str = "demo") -> int:
    """Return the port as a number; exit if it is none, or if another program has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(given)))
        except (OSError, OverflowError, ValueError):
            sys.exit(
                f"Port {given} is taken or not permitted. Name another: PORT=7861 make {target}"
            )
    return int(given)


def environment(name: str, requirements: str) -> Path:
    """Return the Python of an environment; make it if the requirements have changed."""
    folder = FOLDER / name
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    wanted = f"# Python {sys.version}\n{requirements}"
    if not (installed.is_file() and installed.read_text("utf-8") == wanted):
        print(f"Installing: {name}", flush=True)
        uv = find_uv()
        pip = ["--without-pip"] if uv else []
        subprocess.run([sys.executable, "-m", "venv", "--clear", *pip, folder], check=True)
        listed = folder / "requirements.txt"
        listed.write_text(requirements, "utf-8")
        # Python compiles what it imports: a fraction of what pip would.
        install = [uv, "pip", "install"] if uv else [python, "-m", "pip", "install", "--no-compile"]
        to = ["--python", python] if uv else []
        subprocess.run([*install, *to, "-r", listed], check=True)
        installed.write_text(wanted, "utf-8")
    return python


def web_group() -> list[str]:
    """Return the pinned packages of the web form, cookiecutter among them."""
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]["web"]


def generate() -> Path:
    """Generate the default project, in place of an earlier one."""
    (pinned,) = (line for line in web_group() if line.startswith("cookiecutter=="))
    python = environment("generator", pinned)
    place = FOLDER / "project"
    shutil.rmtree(place, ignore_errors=True)
    command = [python, "-m", "cookiecutter", ROOT, "--no-input", "--default-config", "-o", place]
    # Its last words are for somebody who goes on by hand.
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (project,) = place.iterdir()
    print(f"Generated: {project.relative_to(ROOT)}", flush=True)
    return project


def state(port: int) -> str:
    """Return what the app says of its model: "ready", "failed"; "" before it listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(*NO_ANSWER):
        connection.request("GET", "/readyz")
        return str(json.loads(connection.getresponse().read())["status"])
    return ""


def serve(command: list[str | Path], folder: Path, port: int, **variables: str) -> int:
    """Serve an app until it is stopped, and say where; return its exit status.

    That is 1 if the app cannot load its model: it says why.
    """
    print("Starting the app", flush=True)
    env = os.environ | variables
    # Gradio's own words are dropped for the last line below; errors go to stderr.
    with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL) as app:
        signal.signal(signal.SIGTERM, lambda *_: app.terminate())
        with contextlib.suppress(KeyboardInterrupt):  # the app has it too
            while app.poll() is None and state(port) in ("", "loading"):
                time.sleep(0.1)
            if state(port) == "failed":
                app.terminate()
                app.wait()
                print("The app cannot load its model: see above.", file=sys.stderr)
                return 1
            if app.poll() is None:
                print(f"\nOpen http://127.0.0.1:{port}  (Ctrl-C stops it)", flush=True)
            app.wait()
        return app.wait()


def main() -> None:
    check_python()
    port = free_port(os.environ.get("PORT", "7860"))
    try:
        project = generate()
        python = environment("app", (project / "requirements.txt").read_text("utf-8"))
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)  # it has said why
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(serve([python, "app.py"], project, port, GRADIO_SERVER_PORT=str(port)))


if __name__ == "__main__":
    main()
