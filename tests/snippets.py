"""The calls of a README in each language, run as they stand; and the model, asked directly."""

import ast
import json
import re
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from readmes import Block

ICON = "ml_ui/assets/icon.png"  # that an app has as its favicon
# Prints the likeliest label and its probability, or the name of a file with the picture.
TRUTH = """
import json, sys
import model
from ml_ui import pictures

model.load()
is_file, values = json.loads(sys.argv[1])
answer = model.predict(*(map(pictures.read, values) if is_file else values))
if isinstance(answer, dict):
    print(json.dumps(max(answer.items(), key=lambda pair: pair[1])))
else:
    print(json.dumps(pictures.write(answer)))
"""
CLIENT = """
import { readFile } from "node:fs/promises";
import { Client } from "@gradio/client";

const app = await Client.connect("%s");
const picture = new Blob([await readFile("%s")]);
console.log((await app.predict("/predict", [picture])).data);
"""
READ = "async each => each instanceof Blob ? [...new Uint8Array(await each.arrayBuffer())] : each"


def given(block: Block) -> tuple[bool, list]:
    """Return whether a call in a shell sends a file, and the file, or values."""
    last = shlex.split(block.text)[-1]
    return (True, [last[1:]]) if last[0] == "@" else (False, [*json.loads(last).values()])


def best(answer: dict) -> list:
    """Return the likeliest label of an answer, and its probability."""
    first = answer["confidences"][0]
    assert first["label"] == answer["label"]
    return [*first.values()]


def printed(language: str, said: str) -> list | int:
    """Return what a program has printed: a label and its probability, or the size of a Blob."""
    if language == "python":
        return best(ast.literal_eval(said))
    if language == "sh":
        return best(json.loads(said))
    if size := re.fullmatch(r"Blob { size: (\d+), type: 'image/jpeg' }\n", said):
        return int(size[1])
    label, share = re.findall(r"label: '(.+)', confidence: ([\d.e-]+)", said)[0]
    return [label, float(share)]


class Site(BaseHTTPRequestHandler):
    """A page of another site."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Another site</title>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def another_site() -> Iterator[tuple[str, str]]:
    """Serve a page; yield its address by two names, which are two origins."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield tuple(f"http://{name}:{server.server_port}" for name in ("127.0.0.1", "localhost"))
        server.shutdown()


def pasted(browser, address: str, script: str) -> object:
    """Return what a script logs that is pasted into the console of a page, or its error."""
    page, logged = browser.new_page(), []
    page.on("console", lambda each: logged.append(each) if each.type == "log" else None)
    page.goto(address)
    command = {"expression": script, "replMode": True, "awaitPromise": True}
    done = page.context.new_cdp_session(page).send("Runtime.evaluate", command)
    if "exceptionDetails" in done:
        assert not logged
        answer = done["exceptionDetails"]["exception"]["description"]
    else:
        page.wait_for_timeout(100)
        answer = logged[0].args[0].evaluate(READ)
    page.close()
    return answer
