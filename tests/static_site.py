"""A project's page without a server, in a real browser: its files, and answers of its worker."""

import base64
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

# What a page of ours allows itself, for every file: a worker has the policy of its own answer.
POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
PAGE = b"<!doctype html><title>test</title>"

# Loads the worker, and asks it one input after the other; {"url": ...} is a picture.
ASK = """async ({inputs}) => {
  const started = performance.now();
  const worker = new Worker("/browser/worker.js", { type: "module" });
  const answers = [];
  const times = { progress: 0 };
  const next = () => new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => {
      if ("failed" in data) reject(new Error(data.failed));
      if ("done" in data) times.progress++;
      if ("id" in data) resolve(data);
    };
    worker.onerror = (event) => reject(new Error(event.message));
  });
  for (const [id, input] of inputs.entries()) {
    const answered = next();
    const given = input?.url ? await (await fetch(input.url)).blob() : input;
    worker.postMessage({ id, input: given });
    const { answer, error } = await answered;
    times.first ??= performance.now() - started;
    if (answer?.data) {
      const file = new FileReader();
      const read = new Promise((resolve) => (file.onload = resolve));
      file.readAsDataURL(new Blob([answer.data]));
      await read;
      answers.push({ width: answer.width, height: answer.height, data: file.result.split(",")[1] });
    } else answers.push(error ? { error } : answer);
  }
  times.all = performance.now() - started;
  worker.terminate();
  return { answers, times };
}"""

# The same with model.py, in the project's own environment.
PREDICT = """
import json, sys
from pathlib import Path
import numpy as np
from ml_ui import pictures
import model

answers = []
for number, given in enumerate(json.load(sys.stdin)):
    if isinstance(given, dict):
        answer = model.predict(pictures.read(given["path"]))
    else:
        answer = model.predict(*given) if isinstance(given, list) else model.predict(given)
    if isinstance(answer, np.ndarray):
        np.save(f"{sys.argv[1]}/{number}.npy", answer)
        answer = {"file": f"{sys.argv[1]}/{number}.npy"}
    answers.append(answer)
json.dump(answers, sys.stdout)
"""


class Files(SimpleHTTPRequestHandler):
    """Serve a folder as a static host does, with the policy of the page."""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def do_GET(self) -> None:
        if self.path != "/_test.html":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def static(folder: Path) -> Iterator[str]:
    """Serve a folder; yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def in_browser(browser, project: Path, inputs: list) -> tuple[list, dict[str, float]]:
    """Return the worker's answers, and its times in milliseconds; a Path is a picture."""
    given = [
        {"url": f"/_inputs/{each.name}"} if isinstance(each, Path) else each for each in inputs
    ]
    folder = project / "_inputs"
    folder.mkdir(exist_ok=True)
    for each in inputs:
        if isinstance(each, Path):
            (folder / each.name).write_bytes(each.read_bytes())
    context = browser.new_context()  # with a cache of its own
    with static(project) as url:
        page = context.new_page()
        page.goto(f"{url}/_test.html")
        found = page.evaluate(ASK, {"inputs": given})
        context.close()
    answers = [_picture(each) if _is_picture(each) else each for each in found["answers"]]
    return answers, found["times"]


def _is_picture(answer) -> bool:
    return isinstance(answer, dict) and {"width", "height", "data"} == answer.keys()


def _picture(answer: dict) -> np.ndarray:
    pixels = np.frombuffer(base64.b64decode(answer["data"]), np.uint8)
    return pixels.reshape(answer["height"], answer["width"], -1).squeeze()


def in_python(python: Path, project: Path, inputs: list, folder: Path) -> list:
    """Return the answers of the project's model.py; a Path is a picture."""
    given = [{"path": str(each)} if isinstance(each, Path) else each for each in inputs]
    command = [python, "-c", PREDICT, folder]
    run = subprocess.run(
        command, cwd=project, input=json.dumps(given), capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    answers = json.loads(run.stdout)
    for n, each in enumerate(answers):
        if isinstance(each, dict) and each.keys() == {"file"}:
            answers[n] = np.load(each["file"])
    return answers


def difference(one, other) -> float:
    """Return the largest difference of two answers, infinite if they are of two kinds.

    Pictures differ by a part of 255, numbers by their size where it is more than 1.
    """
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        if not isinstance(other, np.ndarray) or np.shape(one) != np.shape(other):
            return float("inf")
        return float(np.abs(one.astype(float) - other.astype(float)).max() / 255)
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return float("inf")
        return max(abs(one[name] - other[name]) for name in one)
    if isinstance(one, str) and isinstance(other, str):
        if one == other:
            return 0.0
        try:
            pairs = zip(_numbers(one), _numbers(other), strict=True)
        except ValueError:
            return float("inf")
        return max(difference(*pair) for pair in pairs)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) / max(1, abs(one))
    return float("inf")


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(", ")]
