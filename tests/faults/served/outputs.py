"""R37, R38: outputs of the owner's function."""

import json
import re

from .. import Seen, both
from ..apps import API, GradioApp
from ..targets import Target


def r37_wrong_output(target: Target) -> Seen:
    """An output that the page cannot show is the owner's failure, not the visitor's."""
    with target.start("outputs", METRICS="1") as app:
        answers = {what: app.call(what) for what in ("list", "object", "none", "nothing")}
        after = app.call("hello")
        found = [re.search(r"\b[0-9a-f]{8}\b", answer.text) for answer in answers.values()]
        logged = all(reference and reference[0] in app.log() for reference in found)
        counted = outcomes(app)
    refused = all(app.refused(answer, 500) for answer in answers.values())
    blamed = any("input" in answer.text for answer in answers.values())
    text = "; ".join(f"{what}: {answer}" for what, answer in answers.items())
    good = refused and logged and not blamed and counted == {"failed": 4, "ok": 1} and after.ok
    return Seen(f"{text}; counted: {counted or 'nothing'}", good)


def outcomes(app: GradioApp) -> dict[str, int]:
    """Return the number of calls by outcome, from /metrics."""
    pattern = r'^app_predictions_total\{.*outcome="(\w+)".*\} ([\d.]+)$'
    lines = re.findall(pattern, app.ask("GET", "/metrics").text, re.MULTILINE)
    return {outcome: int(float(count)) for outcome, count in lines}


def r38_not_a_number(target: Target) -> Seen:
    """NaN and infinity in a label, a number and JSON: each event is JSON."""
    with target.start("outputs") as app:
        called = app.call("nan")
        events = {"a call": called.text}
        if isinstance(app, GradioApp):
            events = _events(app)
        after = app.call("hello")
    seen = [
        Seen(f"{who}: {_strict(text)}", _strict(text) == "JSON") for who, text in events.items()
    ]
    return both(*seen, Seen(f"{called}; next: {after}", bool(called.status and after.ok)))


def _events(app: GradioApp) -> dict[str, str]:
    """Return the streams of the answers to a call, and to one of a page."""
    function = next(
        one["id"]
        for one in json.loads(app.ask("GET", "/config").text)["dependencies"]
        if one["api_name"] == "predict"
    )
    joined = {"data": ["nan"], "fn_index": function, "session_hash": "page"}
    return {
        "a call": stream(app, "call/predict", app.body("nan"), "{path}/{event_id}"),
        "the page": stream(app, "queue/join", joined, "queue/data?session_hash=page"),
    }


def stream(app: GradioApp, path: str, body: dict, answer: str) -> str:
    """Send a call; return the whole event stream of its answer."""
    sent = app.post(f"{API}/{path}", body)
    values = json.loads(sent.text) if sent.ok else {}
    return app.ask("GET", f"{API}/" + answer.format(path=path, **{"event_id": "", **values})).text


def _strict(answer: str) -> str:
    """Return "JSON" if browsers can parse an answer, or each event of one, else the reason."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    lines = re.findall(r"^data: ?(.*)$", answer, re.MULTILINE) or [answer]
    try:
        for line in lines:
            json.loads(line, parse_constant=refuse)
    except ValueError as error:
        return str(error)
    return "JSON"
