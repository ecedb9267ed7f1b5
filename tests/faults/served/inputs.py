"""R9 to R14, R33, R45, R48: uploads, pictures and request bodies."""

import itertools
import json
import re
from pathlib import Path

from PIL import Image

from tests.running import photograph

from .. import Seen, both
from ..apps import API, JSON, MB, Answer, App, GradioApp, McpApp, RestApp, until
from ..targets import Target
from .tools import ROOMY, many, png, saved


def r9_upload(target: Target) -> Seen:
    """Uploads over the limit, one file, several, endless: refused, and not kept."""
    with target.start("picture", MAX_UPLOAD_MB="5") as app:
        head, tail, headers = app.around()
        app.upload(("small.png", png()))
        before = app.stored()
        endless = itertools.chain([head], itertools.repeat(bytes(1 << 20), 1024), [tail])
        answers = {
            "6 MB": app.upload(("a.bin", bytes(6 * MB))),
            "called with it": app.call_with_file("a.bin", bytes(6 * MB)),
            "4 files of 2 MB": app.upload(*[(f"{n}.bin", bytes(2 * MB)) for n in range(4)]),
            "1 GB in chunks": app.ask("POST", app.uploads, endless, headers, timeout=120),
        }
        left = not until(lambda: app.stored() <= before, 5) and app.stored() - before
        after = app.call_with_file("a.png", png())
    seen = ", ".join(f"{what}: {answer.status}" for what, answer in answers.items())
    refused = all(answer.status == 413 for answer in answers.values())
    return Seen(f"{seen}; {left / MB:.0f} MB left on disk", refused and not left and after.ok)


def r10_body(target: Target) -> Seen:
    """A body over the limit, with its length and in chunks."""
    body = b'{"data": ["' + b"x" * 40 * MB + b'"], "input": "x"}'
    chunks = (body[start : start + MB] for start in range(0, len(body), MB))
    with target.start(MAX_UPLOAD_MB="5") as app:
        whole = app.ask("POST", target.predict, body, JSON, timeout=60)
        chunked = app.ask("POST", target.predict, chunks, JSON, timeout=60)
        peak, after = app.memory("VmHWM"), app.call("hello", 60)
    seen = f"40 MB: {whole.status}, in chunks: {chunked.status}; {peak / MB:.0f} MB of memory"
    return Seen(seen, whole.status == chunked.status == 413 and peak < ROOMY and after.ok)


def r11_no_picture(target: Target) -> Seen:
    """Files that are not pictures: the error says so."""
    photo = photograph(90, 120)
    files = {
        "corrupt": ("a.png", png()[:20] + bytes(40)),
        "cut off": ("a.jpg", photo[: len(photo) // 2]),
        "empty": ("a.png", b""),
        "text": ("a.png", b"not a picture"),
        "svg": ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'),
    }
    with target.start("picture") as app:
        answers = {what: app.call_with_file(*file) for what, file in files.items()}
        after = app.call_with_file("a.jpg", photo)
    # Of a picture of a kind that is not taken, a response says which are.
    reasons = "not a picture|not an image|send one of"
    named = [
        bool(app.refused(answer, 415, 422) and re.search(reasons, answer.text))
        for answer in answers.values()
    ]
    seen = ", ".join(f"{what}: {answer}" for what, answer in answers.items())
    return Seen(seen, all(named) and after.ok)


def r12_bomb(target: Target) -> Seen:
    """A small file that is a huge picture: 20 KB, and 169 megapixels."""
    with target.start("picture") as app:
        answer = app.call_with_file("bomb.png", png((13_000, 13_000), "1"), 120)
        peak, after = app.memory("VmHWM"), app.call_with_file("a.png", png())
    named = re.search("megapixels|too (?:large|big)", answer.text)
    seen = f"{answer}, {peak / MB:.0f} MB at most"
    refused = named and app.refused(answer, 422)
    return Seen(seen, bool(refused and peak < ROOMY and after.ok))


def r45_costly_to_open(target: Target) -> Seen:
    """Small files that cost GB or minutes to open, which Gradio does before the function."""
    tiny = Image.new("RGB", (8, 8))
    entry = b"\5\0" + (700).to_bytes(4, "little") + b"\10\0\0\0"  # fractions, at byte 8
    tags = b"".join((1000 + n).to_bytes(2, "little") + entry for n in range(5000))
    index = b"MPF\0II*\0\x08\0\0\0" + (5000).to_bytes(2, "little") + tags + bytes(4)
    jpeg = saved(tiny, "JPEG")
    jpeg = jpeg[:2] + b"\xff\xe2" + (2 + len(index)).to_bytes(2, "big") + index + jpeg[2:]
    gif = saved(tiny, "GIF")
    at = gif.index(b",")
    gif = gif[:at] + b"!\xfe" + b"\1a" * 500_000 + b"\0" + gif[at:]
    seen = []
    for name, content in {"tags.jpg": jpeg, "comments.gif": gif}.items():
        with target.start("picture") as app:
            answer = app.call_with_file(name, content, 60)
            peak, after = app.memory("VmHWM"), app.call_with_file("a.png", png())
        named = "metadata" in answer.text and app.refused(answer, 422)
        text = f"{name}, {len(content) // 1000} kB: {answer}, {peak / MB:.0f} MB at most"
        seen.append(Seen(text, named and peak < ROOMY and after.ok))
    return both(*seen)


DEEP = "[" * 5000 + "]" * 5000
OF_GRADIO = {
    f"{API}/call/predict": [
        '{"data": [1]}', '{"data": [["a"]]}', '{"data": [{"a": 1}]}', '{"data": [null]}',
        '{"data": []}', '{"data": ["a", "b"]}', '{"data": null}', '{"data": "x"}', "{}", "null",
        "[]", '"x"', "1", "", "{", "\xff", f'{{"data": {DEEP}}}', '{"data": ["\\ud800"]}',
        '{"data": [NaN]}', '{"data": [{"path": "x", "meta": {"_type": "gradio.FileData"}}]}',
        '{"data": ["a"], "event_id": []}', '{"data": ["a"], "session_hash": {}}',
    ],
    f"{API}/queue/join": [
        '{"data": ["a"]}', '{"data": ["a"], "fn_index": 0}', '{"data": [], "session_hash": "s"}',
        '{"data": ["a"], "fn_index": 999, "session_hash": "s"}',
        '{"data": ["a"], "fn_index": -1, "session_hash": "s"}',
        '{"data": ["a"], "fn_index": "x", "session_hash": "s"}',
        '{"data": ["a"], "fn_index": 1e400, "session_hash": "s"}',
        '{"data": null, "fn_index": 0, "session_hash": "s"}',
        '{"data": [], "fn_index": 0, "session_hash": "s"}',
        '{"data": ["a"], "fn_index": 0, "session_hash": "s", "trigger_id": "x"}',
        '{"data": ["a"], "fn_index": 0, "session_hash": "s", "event_data": "x"}',
        "null", "{", f'{{"data": {DEEP}, "fn_index": 0, "session_hash": "s"}}',
    ],
    f"{API}/call/v2/predict": [
        '{"text": 1}', '{"text": null}', "{}", '{"wrong": "a"}', '{"text": "a", "more": 1}',
        "[]", "null", "{", '{"data": ["a"]}', f'{{"text": {DEEP}}}',
    ],
    f"{API}/component_server": [
        "{}", "null", "{", '{"data": [], "fn_name": "x", "component_id": 999}',
        '{"data": [], "fn_name": "x", "component_id": 999, "session_hash": "s"}',
        '{"data": [], "fn_name": "__class__", "component_id": 1, "session_hash": "s"}',
        '{"data": [], "fn_name": "x", "component_id": "x", "session_hash": null}',
    ],
    f"{API}/run/predict": [
        "{}", '{"data": []}', '{"data": [null]}', '{"data": ["a"], "fn_index": 999}',
        '{"data": "x"}', "{",
    ],
    "/login": ["", "{}"],
    f"{API}/reset": ["{}", '{"event_id": 1}', "{"],
    f"{API}/cancel": ["{}", '{"session_hash": "s", "fn_index": 9, "event_id": "e"}', "{"],
    f"{API}/stream/none": ['{"data": ["a"]}', "{}"],
}  # fmt: skip
OF_REST = {
    "/predict": [
        "", "{", "null", "[]", "1", '"x"', "\xff", "{}", '{"text": null}', '{"text": 1}',
        '{"text": ["a"]}', '{"text": {"a": 1}}', '{"text": "a", "more": 1}', '{"data": ["a"]}',
        '{"text": NaN}', '{"text": "\\ud800"}', '{"text": "a"}x', '\xef\xbb\xbf{"text": "a"}',
        f'{{"text": {DEEP}}}', f'{{"{DEEP}": 1}}', '{"text": "a", "text": 1}',
    ],
    "/predict?text=a": ["{}", '{"text": 1}'],
}  # fmt: skip
FORM = {"Content-Type": "multipart/form-data; boundary=limit"}
PART = '--limit\r\nContent-Disposition: form-data; name="text"'
FORMS = [
    "", "{}", "--limit\r\n", "--limit--\r\n", "--other\r\n\r\n", f"{PART}\r\n\r\na",
    f"{PART}\r\n\r\na\r\n" * 2 + "--limit--\r\n", f'{PART}; filename=""\r\n\r\n\r\n--limit--\r\n',
    "--limit\r\nContent-Disposition: form-data\r\n\r\na\r\n--limit--\r\n",
    "--limit\r\nX: \xff\r\n\r\na\r\n--limit--\r\n",
]  # fmt: skip
CALL = '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": %s}'
OF_MCP = {
    "/mcp": [
        "", "{", "null", "[]", "1", '"x"', "\xff", "{}", DEEP, "[" + CALL + "]",
        '{"jsonrpc": "2.0", "id": {}, "method": "ping"}', '{"jsonrpc": "2.0", "id": 1}',
        '{"jsonrpc": "2.0", "id": 1, "method": 1}', '{"jsonrpc": 2, "id": 1, "method": "x"}',
        '{"jsonrpc": "2.0", "id": 1e400, "method": "ping"}',
        *(CALL % params for params in (
            "null", "[]", "1", "{}", '{"name": 1}', '{"name": "nothing"}', '{"name": "predict"}',
            '{"name": "predict", "arguments": []}', '{"name": "predict", "arguments": null}',
            '{"name": "predict", "arguments": {"text": 1}}',
            '{"name": "predict", "arguments": {"text": "\\ud800"}}',
            '{"name": "predict", "arguments": {"text": "a", "more": 1}}',
            f'{{"name": "predict", "arguments": {{"text": {DEEP}}}}}',
            '{"name": "predict", "arguments": {"text": "a"}, "_meta": 1}',
            '{"name": "predict", "arguments": {"text": "a"}, "_meta": {"progressToken": {}}}',
        )),
    ],
}  # fmt: skip
MALFORMED: dict[type[App], dict[str, list[str]]] = {
    GradioApp: OF_GRADIO,
    RestApp: OF_REST,
    McpApp: OF_MCP,
}


def r13_malformed(target: Target) -> Seen:
    """Malformed bodies: never a 500, and the app keeps serving."""
    with target.start() as app:
        given = MALFORMED[target.app].items()
        bodies = [(path, body, JSON) for path, bodies in given for body in bodies]
        bodies += [(app.uploads, body, FORM) for body in FORMS]
        failed = [
            f"{path.removeprefix(API)} {body[:60]} {answer.status or answer.text}"
            for path, body, headers in bodies
            if (answer := _sent(app, path, body.encode("latin-1"), headers)).status in (0, 500)
        ]
        after = app.call("hello")
    seen = f"{len(failed)} of {len(bodies)} with 500 or no answer"
    seen += "".join(f"; `{one}`" for one in failed[:3]).replace("|", "/")
    return Seen(seen, not failed and after.ok)


def _sent(app: App, path: str, body: bytes, headers: dict[str, str]) -> Answer:
    """Send a body; read the answer of an accepted call."""
    answer = app.ask("POST", path, body, headers, 60)
    if answer.ok and "/call/" in path:
        return app.answer(json.loads(answer.text)["event_id"])
    return app.read(answer) if path == app.target.predict else answer


PARTS = b'--limit\r\nContent-Disposition: form-data; name="%d"\r\n\r\n\r\n'
COSTLY_JSON = {  # in place of a value
    "nested lists": b"[" * 13 * MB + b"]" * 13 * MB,
    "numbers": b"[" + b"1," * 13 * MB + b"1]",
    "1 MB of objects": b"[" + b"{}," * 320_000 + b"1]",
    "escapes": b'"' + rb"\u0041" * 4 * MB + b'"',
}
COSTLY_FORMS = {
    "300,000 parts": PARTS % 1 * 300_000,
    "a part's headers": b"--limit\r\n" + b"a:b\r\n" * 4 * MB,
    "a header's end": b"--limit\r\nX: " + b"a" * 20 * MB,
    "almost limits": b"--limi" * 3 * MB,
}


def r48_costly_bodies(target: Target) -> Seen:
    """Bodies of 20 MB that take many times as much as objects, or long to parse."""
    with target.start("picture") as app:
        head, _, tail = json.dumps(app.body("@")).encode().partition(b'"@"')
        bodies = [(target.predict, head + b + tail, JSON) for b in COSTLY_JSON.values()]
        bodies += [(app.uploads, body, FORM) for body in COSTLY_FORMS.values()]
        answers = [_sent(app, *each) for each in bodies]
        peak, after = app.memory("VmHWM"), app.call_with_file("a.png", png())
    codes = [answer.status for answer in answers]
    refused = not any(answer.ok or answer.status in (0, 500) for answer in answers)
    seen = f"{codes}, {peak / MB:.0f} MB at most; next: {after}"
    return Seen(seen, refused and peak < 300 * MB and after.ok)


def wrong_json(target: Target) -> Seen:
    """R13 for a model server: bodies that are not JSON, or lack a field."""
    with target.start() as app:
        answers = [
            app.ask("POST", target.predict, body, JSON)
            for body in (b"{", b"null", b"[]", b"{}", b"\xff", b'"x"')
        ]
        after = app.call("hello")
    codes = [answer.status for answer in answers]
    return Seen(str(codes), all(400 <= code < 500 for code in codes) and after.ok)


UNKNOWN = {
    GradioApp: [
        ("POST", f"{API}/call/nothing", {"data": ["a"]}),
        ("POST", f"{API}/call/v2/nothing", {"text": "a"}),
        ("POST", f"{API}/run/nothing", {"data": ["a"]}),
        ("POST", f"{API}/queue/join", {"data": ["a"], "fn_index": 99, "session_hash": "s"}),
        ("GET", f"{API}/call/predict/nothing", None),
        ("GET", f"{API}/nothing", None),
        ("GET", "/nothing", None),
    ],
    RestApp: [
        ("POST", "/nothing", {"text": "a"}),
        ("POST", "/predict/nothing", {"text": "a"}),
        ("POST", "/PREDICT", {"text": "a"}),
        ("GET", "/predict", None),
        ("PUT", "/predict", {"text": "a"}),
        ("DELETE", "/predict/", None),
    ],
    McpApp: [
        ("POST", "/mcp/nothing", {"jsonrpc": "2.0", "id": 1, "method": "ping"}),
        ("POST", f"{API}/mcp/", {"jsonrpc": "2.0", "id": 1, "method": "ping"}),
        ("GET", "/mcp", None),
        ("DELETE", "/mcp", None),
        ("PUT", "/mcp", {}),
        ("GET", "/mcp/sse", None),
    ],
}


def r14_unknown(target: Target) -> Seen:
    """Unknown functions, events and paths: 404, and few lines in the log."""
    with target.start() as app:
        before = len(app.log().splitlines())
        codes = [
            app.ask(method, path, json.dumps(value).encode() if value else None,
                    JSON, 5).status
            for method, path, value in UNKNOWN[target.app]
        ]  # fmt: skip
        after = app.health()
        lines = app.log().splitlines()[before:]
    seen = f"{codes}, {len(lines)} lines in the log"
    good = set(codes) <= {404, 405} and len(lines) <= 2 * len(codes) and after.ok
    return Seen(seen, good)


def unknown_route(target: Target) -> Seen:
    """R14 for a model server."""
    with target.start() as app:
        answer = app.ask("GET", "/nothing")
    return Seen(str(answer.status), answer.status == 404)


# R33: accepted pictures -------------------------------------------------------------------

WORKERS = 2


# The costliest modes of each format: with transparency, or decoded as a whole.
COSTLY = {
    "JPEG": ("RGB", {"quality": 50}),
    "progressive JPEG": ("RGB", {"quality": 50, "progressive": True}),
    "CMYK JPEG": ("CMYK", {"quality": 50}),
    "PNG": ("RGBA", {"compress_level": 1}),
    "grey PNG": ("LA", {"compress_level": 1}),
    "16-bit PNG": ("I;16", {"compress_level": 1}),
    "GIF": ("L", {}),
    "BMP": ("RGB", {}),
    "WEBP": ("RGBA", {"lossless": True, "method": 0}),
    "lossy WEBP": ("RGB", {"quality": 1, "method": 0}),
}
MEGAPIXELS = (25, 20, 16, 12, 10, 8)


def r33_costly_pictures(target: Target) -> Seen:
    """The largest accepted picture of each format, on all workers at once."""
    from ml_ui.serving.settings import APP_MEMORY, PREDICTION_MEMORY  # loads Gradio

    most, seen = APP_MEMORY + WORKERS * PREDICTION_MEMORY, []
    with target.start("picture", WEB_CONCURRENCY=str(WORKERS), MAX_UPLOAD_MB="100") as app:
        for name, (mode, options) in COSTLY.items():
            for megapixels in MEGAPIXELS:
                # One colour: a small file, which takes as much memory as any when decoded.
                picture = Image.new(mode, (5000, megapixels * 200 - 1))
                kind = name.split()[-1]
                file = (f"a.{kind.lower()}", saved(picture, kind, **options))
                Path(f"/proc/{app.pid}/clear_refs").write_text("5")  # the peak so far
                answers = many(lambda file: app.call_with_file(*file, 120), [file] * WORKERS)
                if all(answer.ok for answer in answers):
                    break
            seen.append((app.memory("VmHWM"), f"{name} of {megapixels} megapixels"))
        after = app.call_with_file("a.png", png())
    peak, name = max(seen)
    text = f"{peak / MB:.0f} MB with {WORKERS} workers, {most / MB:.0f} MB counted: {name}"
    return Seen(text, peak < most and after.ok)
