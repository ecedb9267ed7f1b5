"""Pages for the fault table: a model's source, its inputs and its outputs.

The text of a call says which fault to inject, and the log shows that the model was called.
"""

from dataclasses import dataclass

SECRET = "the-owner-keeps-this"

ANSWER = """
import asyncio
import os
import signal
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

POOLS = []


{define} predict(text, *history):
    {begin}print("called", text, flush=True)
    what, _, argument = text.partition(" ")
    if what == "raise":
        raise RuntimeError("{secret}")
    if what == "exit":
        sys.exit(3)
    if what == "interrupt":
        raise KeyboardInterrupt
    if what == "die":
        os._exit(7)
    if what == "starve":  # as the kernel kills a process for its memory
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "block":  # a whole event loop, if the function is async
        threading.Event().wait()
    if what == "hang":
        {hang}
    if what == "sleep":
        {sleep}(float(argument))
    if what == "large":
        text = "x" * int(argument)
    if what == "thread":
        threading.Thread(target=time.sleep, args=(300,)).start()
    if what == "fork":  # the children hold what the app has open, its port too
        POOLS.append(ProcessPoolExecutor(1))
        POOLS[-1].submit(time.sleep, 300)
    while what == "wait" and not Path(argument).exists():
        {sleep}(0.01)
    {give} text
"""
PLAIN_STEPS = {"hang": "threading.Event().wait()", "sleep": "time.sleep"}
ASYNC_STEPS = {"hang": "await asyncio.Event().wait()", "sleep": "await asyncio.sleep"}


def answer(define: str, give: str, begin: str = "") -> str:
    """Return the source of a model that echoes a text, in one of the kinds of function."""
    steps = ASYNC_STEPS if define.startswith("async") else PLAIN_STEPS
    return ANSWER.format(define=define, give=give, begin=begin, secret=SECRET, **steps)


STREAMS = "yield 'so far'\n    "
TEXT = answer("def", "return")
GENERATOR = answer("def", "yield", STREAMS)
ASYNC = answer("async def", "return")
ASYNC_GENERATOR = answer("async def", "yield", STREAMS)
GREY = """
import os
import time

import cv2


def predict(image):
    print("called picture", flush=True)
    time.sleep(float(os.environ.get("SLOW", 0)))
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
"""
# Outputs that the page cannot show, or that JSON cannot hold.
OUTPUTS = """
NAN, INFINITE = float("nan"), float("inf")


def predict(text):
    wrong = {"list": [1, 2], "object": object(), "none": (None,), "nothing": ()}
    if text in wrong:
        return wrong[text]
    if text == "nan":
        return {"cat": NAN, "dog": 0.5}, NAN, {"all": [NAN, INFINITE, -INFINITE]}
    return {"cat": 0.5, "dog": 0.5}, 1.5, {"all": [1]}
"""
LOADS = """
    print("loading", flush=True)
    threading.Event().wait()
"""
FAILS = f"""
    raise RuntimeError("cannot read https://user:{SECRET}@host/weights?token={SECRET}")
"""
AWAITS = """
    print("loading", flush=True)
    while not Path("gate").exists():
        await asyncio.sleep(0.05)
    print("loaded", flush=True)
"""


@dataclass(frozen=True)
class Page:
    """A page of a target.

    Attributes:
        model: the source of the model, with `predict`.
        inputs: the input component, as a beginner names it.
        outputs: the output components.
        load: the body of `load()`, which is async if it awaits.
        kind: "Interface", "ChatInterface", or "hidden", a page with a second, private
            function.
        guarded: whether the owner has guarded the function.
    """

    model: str
    inputs: str = '"textbox"'
    outputs: str = '"textbox"'
    load: str = ""
    kind: str = "Interface"
    guarded: bool = True

    @property
    def parameter(self) -> str:
        """The name of the parameter of `predict`."""
        return "image" if "image" in self.inputs else "text"

    @property
    def define_load(self) -> str:
        """The source of `load()`."""
        keyword = "async def" if "await" in self.load else "def"
        return f"\n\n{keyword} load():{self.load}" if self.load else ""


PAGES = {
    "text": Page(TEXT),
    "generator": Page(GENERATOR),
    "async": Page(ASYNC),
    "async generator": Page(ASYNC_GENERATOR),
    "chat": Page(GENERATOR, kind="ChatInterface"),
    "picture": Page(GREY, '"image"', '"image"'),
    "outputs": Page(OUTPUTS, outputs='["label", "number", "json"]'),
    "hidden": Page(TEXT, kind="hidden"),
    "unguarded": Page(TEXT, guarded=False),
    "loading": Page(TEXT, load=LOADS),
    "failing": Page(TEXT, load=FAILS),
    "awaiting": Page(TEXT, load=AWAITS),
}

HIDDEN = """
def hidden(text):
    print("called hidden", flush=True)
    return "opened"


with gr.Blocks() as demo:
    text = gr.Textbox()
    gr.Button().click({predict}, text, text, api_name="predict")
    gr.Button().click({hidden}, text, text, api_name="hidden", api_visibility="private")
"""


def demo(page: Page, wrap: str = "{}", options: str = "") -> str:
    """Return the source that builds a page; `wrap` is applied to each function of the owner's."""
    predict = wrap.format("predict")
    if page.kind == "hidden":
        return HIDDEN.format(predict=predict, hidden=wrap.format("hidden"))
    if page.kind == "ChatInterface":
        return f'\ndemo = gr.ChatInterface({predict}, api_name="predict")\n'
    return f"\ndemo = gr.Interface({predict}, {page.inputs}, {page.outputs}{options})\n"


# Hooks of the probes, at the beginning of every app, ours or not.
WATCH = """
import os, threading, time

if "WATCH" in os.environ:  # log what Gradio keeps of uploads

    def watch():
        from gradio.routes import file_upload_statuses as kept

        while True:
            print("uploads kept:", max(len(kept._statuses), len(kept._signals)), flush=True)
            time.sleep(0.2)

    threading.Thread(target=watch, daemon=True).start()
if "BREAK_ONCE" in os.environ:  # the first look at the folder of temporary files fails
    scandir, broken = os.scandir, []

    def scan(path="."):
        if str(path) == os.environ.get("GRADIO_TEMP_DIR") and not broken:
            broken.append(path)
            raise RuntimeError("injected")
        return scandir(path)

    os.scandir = scan

"""
# Visitors' files are deleted after ten minutes: here after a few seconds.
BRIEFLY = """
import ml_ui.serving.uploads

if "BRIEFLY" in os.environ:
    ml_ui.serving.uploads.KEPT = float(os.environ["BRIEFLY"])
    ml_ui.serving.uploads.INTERVAL = ml_ui.serving.uploads.SWEPT = 1

"""
