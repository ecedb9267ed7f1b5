"""Make the pictures of the docs, from the real programs: terminals and pages.

    python -m scripts.pictures [terminal] [pages]

A terminal runs a shell and whoever types is the script; what came out is the picture. Its
answers are below, and follow the questions. Pages are the form and those of the demo models, in
Chromium.
"""

import argparse
import errno
import fcntl
import io
import os
import pty
import re
import select
import shutil
import signal
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path

import pyte
from onnx import TensorProto, helper
from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from local_extensions.catalog import ROOT, TASKS
from ml_ui.languages import translations
from scripts.runtimes import generate
from tests.running import clean_environment, free_port, install, served
from tests.static_page import hosted

PICTURES = ROOT / "docs" / "pictures"
COLUMNS, ROWS = 80, 400  # enough rows that nothing scrolls away
PROMPT = "$ "
URL = "http://127.0.0.1:7860"
# By picture: what the screen shows, and what is typed then. `PROMPT` is the shell's.
TERMINALS = {
    "questions": [
        (PROMPT, "ls"),
        (PROMPT, "cookiecutter ml-ui-template"),
        ("Your model", "'iris.skop'"),  # wrong: it asks again
        ("Your model", "iris.skops"),
        ("called?", "Which iris?"),
        ("in the URL", ""),
        ("sentence?", "Names an iris from the size of its leaves."),
        ("Number or name", "heroko"),  # wrong
        ("Number or name", "heroku"),
        ("Number or name", ""),
        ("Number or name", ""),
        ("Number or name", ""),
        ("workflows", "n"),
    ],
    "first-answer": [
        (PROMPT, "cd which-iris"),
        (PROMPT, "python -m venv .venv && . .venv/bin/activate"),
        (PROMPT, "uv pip install -q -r requirements.txt"),
        (PROMPT, "python app.py &"),
        ("Running on", ""),
        (PROMPT, f"python -m ml_ui call {URL} 6.3 2.8 5.1 1.5"),
    ],
    "refusal": [
        (PROMPT, "cookiecutter ml-ui-template --no-input model_path=net.onnx platform=heroku"),
    ],
}
COLOURS = {"brown": "yellow", "brightbrown": "bright_yellow", "default": None}  # of pyte
SIZES = {"wide": (1280, 720), "phone": (390, 844)}
# An answer is there: labels, or a second picture that is no thumbnail.
ANSWERED = """() => document.querySelector('[data-testid="label-output-value"], .answer > *') ||
    [...document.images].filter(image => image.naturalWidth > 200).length > 1"""


class Terminal:
    """A shell in a terminal of 80 columns.

    Args:
        folder: where it starts; also the user's home.
        variables: more of its environment.
    """

    def __init__(self, folder: Path, **variables: str) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self.screen)
        self._asked = 0  # the first row that has come since something was typed
        self._process, self._pty = pty.fork()
        if self._process == 0:
            os.chdir(folder)
            shell = ["bash", "--noprofile", "--norc", "-i"]
            os.execvpe("bash", shell, _environment(folder) | variables)
        fcntl.ioctl(self._pty, termios.TIOCSWINSZ, struct.pack("4H", 50, COLUMNS, 0, 0))

    def type(self, awaited: str, text: str, timeout: float = 300) -> None:
        """Wait until the screen shows something, then type a line.

        Raises:
            TimeoutError: it was not shown within some seconds.
        """
        self.wait(awaited, timeout)
        self._asked = self.screen.cursor.y + 1
        os.write(self._pty, text.encode() + b"\r")

    def wait(self, awaited: str, timeout: float = 300) -> None:
        """Wait until the screen shows something, or at its end the shell's prompt."""
        deadline = time.monotonic() + timeout
        while self._read(0.5) or not self._shows(awaited):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{awaited!r} did not come:\n{self.text(0)[-3000:]}")

    def _shows(self, awaited: str) -> bool:
        y = self.screen.cursor.y
        if awaited == PROMPT:
            return self.screen.display[y].rstrip() == PROMPT.strip() and y >= self._asked
        return awaited in "".join(self.screen.display[self._asked : y + 1])

    def _read(self, seconds: float) -> bool:
        """Return whether anything came, after at most some seconds of silence."""
        if not select.select([self._pty], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._pty, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # Linux, when the shell has ended
                raise
            data = b""
        self._stream.feed(data)
        return bool(data)

    def rows(self) -> int:
        """Return the number of rows that are complete: all but that of the prompt."""
        return self.screen.cursor.y

    def text(self, first: int) -> str:
        """Return the rows from one on, without what is right of the last letter."""
        shown = self.screen.display[first : self.rows()]
        return "\n".join(row.rstrip() for row in shown)

    def close(self) -> None:
        """End the shell and all that it runs."""
        with suppress(ProcessLookupError):
            os.killpg(os.tcgetpgrp(self._pty), signal.SIGHUP)
            os.kill(self._process, signal.SIGHUP)  # bash passes it on to its jobs
        os.close(self._pty)
        os.waitpid(self._process, 0)


def _environment(home: Path) -> dict[str, str]:
    """Return the environment of somebody with Python, uv and cookiecutter, no settings."""
    mine = ("COOKIECUTTER_CONFIG", "PYTHONDONTWRITEBYTECODE", "PROMPT_COMMAND", "VIRTUAL_ENV")
    theirs = {name: value for name, value in os.environ.items() if name not in mine}
    programs = Path(sys.executable).parent
    return theirs | {
        "HOME": str(home), "PATH": f"{programs}:{os.environ['PATH']}", "LANG": "C.UTF-8",
        "TERM": "xterm-256color", "PS1": PROMPT, "VIRTUAL_ENV_DISABLE_PROMPT": "1",
        "UV_CACHE_DIR": str(ROOT / "build" / "uv"),
    }  # fmt: skip


def recorded(folder: Path, port: int = 7860) -> Iterator[tuple[str, Text]]:
    """Yield the name of each terminal picture with its lines, as they come.

    Args:
        folder: an empty one, whose path is in the pictures.
        port: of the app.
    """
    shutil.copy(ROOT / "demos" / "tabular" / "iris.skops", folder)
    shutil.copy(ROOT / "demos" / "tabular" / "labels.txt", folder)
    (folder / "ml-ui-template").symlink_to(ROOT)
    terminal = Terminal(folder, **({} if port == 7860 else {"PORT": str(port)}))
    try:
        for name, steps in TERMINALS.items():
            if name == "refusal":
                (folder / "labels.txt").unlink()  # those of the other model
                large_network(folder)
                terminal.type(PROMPT, "cd ..")
                terminal.wait(PROMPT)
            first = terminal.rows()
            for awaited, typed in steps:
                terminal.type(awaited, typed.replace(URL, f"http://127.0.0.1:{port}"))
            terminal.wait(PROMPT)
            yield name, as_text(terminal.screen, first, terminal.rows())
    finally:
        terminal.close()


def large_network(folder: Path) -> None:
    """Write net.onnx, a picture's 1000 classes by one matrix of 602 MB; sparse on the disk."""
    shape = (3 * 224 * 224, 1000)
    size = 4 * shape[0] * shape[1]
    weights = TensorProto(
        name="weights", data_type=TensorProto.FLOAT, dims=shape, data_location="EXTERNAL"
    )
    for key, value in {"location": "net.onnx.data", "offset": "0", "length": str(size)}.items():
        weights.external_data.add(key=key, value=value)
    nodes = [
        helper.make_node("Flatten", ["pixels"], ["row"]),
        helper.make_node("MatMul", ["row", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"]),
    ]
    values = {"pixels": (1, 3, 224, 224), "scores": (1, 1000)}
    into, out = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in values.items()
    )
    graph = helper.make_graph(nodes, "net", [into], [out], [weights])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    (folder / "net.onnx.data").touch()
    os.truncate(folder / "net.onnx.data", size)


def as_text(screen: pyte.Screen, first: int, end: int) -> Text:
    """Return rows of a screen with their colours."""
    lines = []
    for y in range(first, end):
        width = len(screen.display[y].rstrip())
        cells = [screen.buffer[y][x] for x in range(width)]
        runs = groupby(cells, key=lambda c: (c.fg, c.bold, c.italics, c.underscore))
        lines.append(
            Text.assemble(*(("".join(c.data for c in run), _style(*key)) for key, run in runs))
        )
    return Text("\n").join(lines)


def _style(colour: str, bold: bool, italic: bool, underline: bool) -> str:
    if re.fullmatch("[0-9a-f]{6}", colour):
        colour = f"#{colour}"
    elif colour not in COLOURS:
        colour = colour.replace("bright", "bright_")
    words = [COLOURS.get(colour, colour), bold and "bold", italic and "italic"]
    return " ".join(filter(None, [*words, underline and "underline"]))


def write_svg(path: Path, text: Text) -> None:
    """Write lines of a terminal as a picture that asks no other server for a font."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(text, no_wrap=True, crop=False, highlight=False)
    plain = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    svg = console.export_svg(title="", code_format=plain, unique_id=path.stem)
    path.write_text("".join(f"{line.rstrip()}\n" for line in svg.splitlines()), "utf-8")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield the system's Chromium or Chrome."""
    command = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=command, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def taken(browser: Browser, url: str, name: str, answer: bool = True, **options: str) -> None:
    """Take a page with the answer to its first example, or what of it is seen at first."""
    page = browser.new_page(**options)
    page.goto(url)
    if answer:
        page.locator(".gallery-item, tbody tr.tr-body, #examples button").first.click()
        page.wait_for_timeout(500)  # the example clears the answer
        page.locator("button.primary").first.click()
        page.wait_for_function(ANSWERED)
    page.mouse.move(0, 0)
    page.wait_for_timeout(1000)  # transitions
    shot = Image.open(io.BytesIO(page.screenshot(full_page=answer)))
    page.close()
    shot.convert("RGB").save(PICTURES / f"{name}.webp", quality=80, method=6)


def in_each_form(browser: Browser, url: str, name: str, **options: bool) -> None:
    """Take a page in each size, light and dark."""
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            viewport = {"width": width, "height": height}
            path = f"{name}-{size}-{scheme}"
            taken(browser, url, path, **options, viewport=viewport, color_scheme=scheme)


def of_demos(browser: Browser, folder: Path) -> None:
    """Take the page of each task's demo, and one of them in each language."""
    for task in TASKS:
        project = generate(folder / task, task=task)
        port = free_port()
        environment = clean_environment(install(project), PORT=str(port))
        with served(project, ["python", "app.py"], environment, port) as url:
            in_each_form(browser, url, task)
            if task == "text-classification":
                width, height = SIZES["phone"]
                for each in translations():
                    viewport = {"width": width, "height": height}
                    taken(browser, url, f"language-{each}", locale=each, viewport=viewport)


def of_form(browser: Browser) -> None:
    """Take the form."""
    port = free_port()
    environment = os.environ | {"PORT": str(port)}
    with served(ROOT, [sys.executable, "-m", "web"], environment, port) as url:
        in_each_form(browser, f"{url}/?platform=heroku", "form", answer=False)


def of_site(browser: Browser, folder: Path) -> None:
    """Take the page without a server."""
    project = generate(folder / "project", task="image-classification", platform="browser")
    (folder / "site").mkdir()
    with hosted(project, folder / "site") as host:
        in_each_form(browser, host.url, "site")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", help="terminal, pages or site; else all")
    parts = parser.parse_args().parts or ["terminal", "pages", "site"]
    PICTURES.mkdir(exist_ok=True)
    if "terminal" in parts:
        folder = Path(tempfile.gettempdir(), "models")
        folder.mkdir()
        try:
            for name, text in recorded(folder):
                write_svg(PICTURES / f"{name}.svg", text)
        finally:
            shutil.rmtree(folder)
    if "pages" in parts:
        with chromium() as browser, tempfile.TemporaryDirectory() as folder:
            of_form(browser)
            of_demos(browser, Path(folder))
    if "site" in parts:
        with chromium() as browser, tempfile.TemporaryDirectory() as folder:
            of_site(browser, Path(folder))


if __name__ == "__main__":
    main()
