"""Serve the questions as a form in a browser: `make web`.

Needs Python 3.11 with its venv, or uv, and nothing else; on Windows, WSL.
"""

import os
import subprocess
import sys

import demo


def main() -> None:
    if os.name == "nt":
        sys.exit("make web needs Linux or macOS; on Windows, WSL has one.")
    demo.check_python()
    port = demo.free_port(os.environ.get("PORT", "7870"), "web")
    try:
        python = demo.environment("web", "\n".join(demo.web_group()))
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)  # it has said why
    except KeyboardInterrupt:
        sys.exit(130)
    # The command that the form shows is for this computer.
    template = os.environ.get("ML_UI_TEMPLATE", str(demo.ROOT))
    variables = {"PORT": str(port), "HOST": "127.0.0.1", "ML_UI_TEMPLATE": template}
    sys.exit(demo.serve([python, "-m", "web"], demo.ROOT, port, **variables))


if __name__ == "__main__":
    main()
