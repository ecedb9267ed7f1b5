"""Fixes of Gradio: sessions, and the check that each fix is in force once a page is launched.

Each change of Gradio or uvicorn that took a guard away in silence is made to the real objects.
"""

import logging
from types import SimpleNamespace

import gradio as gr
import pytest
import uvicorn.config
from gradio import route_utils
from gradio.routes import App, file_upload_statuses
from gradio.server_messages import EstimationMessage, LogMessage

from ml_ui import gradio_fixes, guard
from ml_ui.gradio_fixes import MAX_SESSIONS, MAX_UNREAD, GuardedApp, Messages, Sessions
from scripts import canary

from .pages import page


@guard
def predict(text):
    return text


@pytest.fixture
def warnings(caplog):
    """Return a function that returns what `verify` logs of a page."""

    def verify(demo, app):
        caplog.clear()
        gradio_fixes.verify(demo, app)
        return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]

    return verify


def test_every_fix_is_in_force(launched, warnings):
    assert warnings(launched.demo, launched.app) == []


def queue_makes_its_own_messages(patch, demo, app):
    patch.setattr(demo._queue, "pending_messages_per_session", {})


def process_api_is_another(patch, demo, app):
    patch.delattr(demo, "process_api")


def statuses_are_renamed(patch, demo, app):
    patch.delattr(file_upload_statuses, "_statuses")


def signals_are_renamed(patch, demo, app):
    patch.delattr(file_upload_statuses, "_signals")


def file_sets_are_renamed(patch, demo, app):
    patch.delattr(demo, "temp_file_sets")


def uploads_are_parsed_by_another(patch, demo, app):
    patch.delattr(route_utils, "GradioMultiPartParser")


def uvicorn_runs_h11(patch, demo, app):
    patch.setattr(demo.server.config, "http_protocol_class", object)


def queue_is_never_stopped(patch, demo, app):
    patch.setattr(demo._queue, "stopped", None)


def events_are_kept_elsewhere(patch, demo, app):
    patch.delattr(demo._queue, "event_ids_to_events")


def middleware_is_built_elsewhere(patch, demo, app):
    patch.setattr(app, "guarded", False)


def gradio_has_a_new_route(patch, demo, app):
    paths = app.openapi()["paths"] | {"/gradio_api/v3/call": {"post": {}}}
    patch.setattr(app, "openapi", lambda: {"paths": paths})


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (queue_makes_its_own_messages, "sessions"),
        (process_api_is_another, "calls"),
        (statuses_are_renamed, "upload-records"),
        (signals_are_renamed, "upload-records"),
        (file_sets_are_renamed, "upload-records"),
        (uploads_are_parsed_by_another, "uploads"),
        (uvicorn_runs_h11, "protocol"),
        (queue_is_never_stopped, "queue"),
        (events_are_kept_elsewhere, "queue"),
        (middleware_is_built_elsewhere, "middleware"),
        (gradio_has_a_new_route, "routes"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_guard_that_is_not_in_force_is_logged(launched, warnings, monkeypatch, change, name):
    with monkeypatch.context() as patch:
        change(patch, launched.demo, launched.app)
        (warning,) = warnings(launched.demo, launched.app)
    assert warning.startswith(f"Guard not in force: {name} (")
    assert gr.__version__ in warning


def test_plain_app_is_not_guarded(launched, warnings):
    assert any("middleware" in w for w in warnings(launched.demo, SimpleNamespace()))
    assert not isinstance(App(), GuardedApp)


def test_fix_that_cannot_be_applied_is_logged(caplog, monkeypatch):
    monkeypatch.setitem(uvicorn.config.HTTP_PROTOCOLS, "auto", "x")
    demo = page(predict)
    monkeypatch.delattr(demo._queue, "event_ids_to_events")
    gradio_fixes.apply(demo, gradio_fixes.QueueState(demo))
    assert "Guard not in force: sessions" in caplog.text
    assert isinstance(demo.process_api, gradio_fixes.Calls)


def test_page_answers_where_the_queue_has_other_intervals(serve, caplog, monkeypatch):
    """As if Gradio had renamed them: its queue looks for calls at its own pace."""
    monkeypatch.setattr(gradio_fixes, "INTERVALS", ("sleep_when_idle",))
    app = serve(predict)
    assert "Guard not in force: intervals" in caplog.text
    assert app.events("predict", "a") == [("complete", ["a"])]


def test_canary_takes_out_every_fix_that_is_no_check():
    removals = [removal.name for removal in canary.REMOVALS]
    assert sorted([*removals, *canary.CHECKS]) == sorted(fix.name for fix in gradio_fixes.FIXES)


def test_oldest_session_without_a_call_is_forgotten():
    demo = page(predict)
    sessions = Sessions(demo)
    demo._queue.event_ids_to_events["event"] = SimpleNamespace(session_hash="waiting")
    for name in ("waiting", *map(str, range(MAX_SESSIONS))):
        demo._queue.pending_event_ids_session[name] = {name}
        assert sessions[name].empty()
    assert len(sessions) == MAX_SESSIONS
    assert "waiting" in sessions
    assert "0" not in sessions
    assert "0" not in demo._queue.pending_event_ids_session
    assert sessions["1"] is sessions["1"]
    sessions["new"] = None
    assert "1" in sessions  # it was just used
    assert "2" not in sessions


def test_session_with_a_long_name_is_refused():
    with pytest.raises(ValueError, match="too long"):
        Sessions(page(predict))["x" * 65] = None


def test_unread_messages_are_bounded():
    messages = Messages()
    for _ in range(5000):
        messages.put_nowait(EstimationMessage(rank=0, queue_size=0, rank_eta=0))
    assert messages.qsize() == MAX_UNREAD
    for n in range(5000):
        messages.put_nowait(LogMessage(log=str(n), level="info", title=""))
    assert messages.qsize() == 4 * MAX_UNREAD
    assert [messages.get_nowait() for _ in range(4 * MAX_UNREAD)][-1].log == "4999"


def test_unread_messages_of_a_session_stay_bounded_on_a_page(serve):
    app = serve(predict)
    for _ in range(40):
        app.join("s", "x" * 1000)
    assert isinstance(app.demo._queue.pending_messages_per_session["s"], Messages)


def test_values_that_json_lacks_are_null():
    value = {"a": [1.5, float("nan")], "b": (float("-inf"), "nan", b"x", None, True, 3)}
    assert gradio_fixes.finite(value) == {"a": [1.5, None], "b": [None, "nan", b"x", None, True, 3]}


def test_no_session_keeps_the_last_values(serve):
    """Each call of the API is a session, and Gradio keeps five hundred."""

    @guard
    def shout(text):
        return 1000 * text.upper()

    app = serve(shout)
    assert app.events("shout", "a") == [("complete", ["A" * 1000])]
    states = app.app.state_holder.session_data.values()
    assert states
    assert "AAA" not in repr([state.config_values for state in states])
