"""Temporary files: uploads, their sweep, and the cap on all of them."""

import asyncio
import os
import time

import pytest
from gradio.routes import file_upload_statuses

from ml_ui import guard
from ml_ui.gradio_fixes import UploadRecords
from ml_ui.serving import uploads

from .conftest import until
from .pages import API, page


@guard
def predict(text):
    return text


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return an empty folder of temporary files, where files are kept for a second."""
    monkeypatch.setattr(uploads, "FOLDER", tmp_path)
    monkeypatch.setattr(uploads, "KEPT", 1)
    return tmp_path


def put(folder, name, size=1):
    (folder / name).mkdir()
    file = folder / name / "file"
    file.write_bytes(b"x" * size)
    return file


def test_old_files_are_deleted(folder):
    files, broken = uploads.TemporaryFiles(1), folder / "broken"
    old = put(folder, "old")
    broken.write_bytes(b"x")  # an upload that was broken off
    assert files.sweep(0) == set()
    time.sleep(1.05)
    new = put(folder, "new")
    assert files.sweep(0) == {str(old), str(broken)}
    assert new.exists()
    assert not old.parent.exists()


def test_files_are_kept_while_their_call_waits(folder):
    file = put(folder, "old")
    time.sleep(1.05)
    assert uploads.TemporaryFiles(1).sweep(waiting=5) == set()
    assert file.exists()


def test_files_of_the_page_stay(folder, monkeypatch):
    monkeypatch.setattr(uploads, "INTERVAL", 0.05)
    monkeypatch.setattr(uploads, "KEPT", 0.1)
    example = put(folder, "example")

    async def serve():
        async with uploads.TemporaryFiles(1).swept(lambda: 0, lambda paths: None):
            upload = put(folder, "upload")
            await asyncio.sleep(0.4)
            return upload

    assert not asyncio.run(serve()).exists()
    assert example.exists()


@pytest.mark.parametrize("broken", ["waiting", "forget"])
def test_sweep_survives_an_error_and_logs_it(folder, monkeypatch, log, broken):
    monkeypatch.setattr(uploads, "INTERVAL", 0.05)
    monkeypatch.setattr(uploads, "KEPT", 0.1)
    errors = [RuntimeError("injected")]

    def fail_once(result):
        if errors:
            raise errors.pop()
        return result

    waiting = (lambda: fail_once(0)) if broken == "waiting" else (lambda: 0)
    forget = fail_once if broken == "forget" else (lambda paths: None)

    async def serve():
        async with uploads.TemporaryFiles(1).swept(waiting, forget):
            upload = put(folder, "upload")
            await asyncio.sleep(0.6)
            return upload

    assert not asyncio.run(serve()).exists()
    (line,) = log()
    assert "could not be deleted" in line["message"]
    assert "injected" in str(line["error"][1])


def test_uploads_are_forgotten_after_two_sweeps():
    records = UploadRecords(page(predict))
    file_upload_statuses.append("done", "name", b"x")
    file_upload_statuses.set_done("done")
    file_upload_statuses.track("asked")
    records.forget(set())
    assert "done" in file_upload_statuses._statuses  # its page may be about to ask
    records.forget(set())
    assert not file_upload_statuses._statuses
    assert not file_upload_statuses._signals


def test_deleted_files_are_forgotten():
    demo = page(predict)
    demo.temp_file_sets.append({"deleted", "kept"})
    UploadRecords(demo).forget({"deleted"})
    assert {"kept"} in demo.temp_file_sets


def test_uploads_have_a_cap_and_are_accepted_after_a_sweep(serve, monkeypatch):
    """On the real folder: its size at each sweep, and what is sent in between."""
    monkeypatch.setattr(uploads, "UPLOADS", 3)
    app = serve(predict, MAX_UPLOAD_MB="1")
    app.server.files.sweep(0)
    app.server.files._cap += app.server.files._size  # what other tests left

    def send():
        content = os.urandom(900_000)  # the same file would be stored once
        return app.client.post(f"{API}/upload", files={"files": ("a", content)})

    paths = []
    while (answer := send()).status_code == 200:
        paths += answer.json()
    assert 1 <= len(paths) <= 3
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert all(os.path.exists(path) for path in paths)
    monkeypatch.setattr(uploads, "KEPT", 0)
    time.sleep(0.05)
    app.server.files.sweep(0)
    assert not any(os.path.exists(path) for path in paths)
    assert send().status_code == 200


def test_a_file_counts_as_the_blocks_that_it_takes_with_its_folder(folder):
    assert uploads._size(put(folder, "a").parent) == 8192
    assert uploads._size(put(folder, "b", 5000).parent) == 3 * 4096


def test_small_files_count_as_such_from_the_beginning(serve, monkeypatch):
    """A thousand of a byte take 8 MB of the disk."""
    monkeypatch.setattr(uploads, "UPLOADS", 1)
    app = serve(predict, MAX_UPLOAD_MB="1")

    def send(number):
        files = [("files", (f"{n}", os.urandom(9))) for n in range(number)]
        return app.client.post(f"{API}/upload", files=files).status_code

    assert send(200) == 503
    assert send(50) == 200
    assert app.server.files._size >= 50 * 8192


def test_upload_without_its_length_counts_as_the_largest(serve, monkeypatch):
    monkeypatch.setattr(uploads, "UPLOADS", 1)
    app = serve(predict, MAX_UPLOAD_MB="1")
    head = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = app.client.post(f"{API}/upload", content=iter([b"--b--"]), headers=head)
    assert answer.status_code == 503


def test_uploads_without_a_body_take_no_room(serve, monkeypatch):
    """Otherwise a client could close uploads for everybody with headers alone."""
    monkeypatch.setattr(uploads, "UPLOADS", 3)
    app = serve(predict, MAX_UPLOAD_MB="1")
    app.server.files._cap += uploads._size(uploads.FOLDER)  # what other tests left
    head = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": "1000000"}
    for _ in range(10):
        assert app.client.post(f"{API}/upload", content=b"", headers=head).status_code != 503
    assert app.client.post(f"{API}/upload", files={"files": b"x"}).status_code == 200


def test_upload_ends_when_others_have_filled_the_room(serve, monkeypatch):
    monkeypatch.setattr(uploads, "UPLOADS", 3)
    app = serve(predict, MAX_UPLOAD_MB="1")

    def body():
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
        app.server.files.add(3_000_000)
        yield b"x" * 1000

    head = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = app.client.post(f"{API}/upload", content=body(), headers=head)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")


def test_uploads_are_refused_while_the_disk_is_nearly_full(serve, monkeypatch):
    monkeypatch.setattr(uploads, "UPLOADS", 10**6)  # so many are never reached
    app = serve(predict)
    monkeypatch.setattr(uploads, "FREE", 1.0)
    answer = app.client.post(f"{API}/upload", files={"files": b"x"})
    assert answer.status_code == 503
    assert app.client.get("/healthz").status_code == 200


def test_calls_are_refused_while_answers_fill_the_room(serve, monkeypatch):
    app = serve(predict)
    assert app.call("predict", "a").status_code == 200
    monkeypatch.setattr(app.server.files, "has_room", lambda size: False)
    refused = app.call("predict", "a")
    assert (refused.status_code, "No room" in refused.text) == (503, True)


def test_served_app_sweeps(serve, monkeypatch):
    monkeypatch.setattr(uploads, "INTERVAL", 0.05)
    monkeypatch.setattr(uploads, "KEPT", 0.2)
    app = serve(predict)
    content = os.urandom(9)  # a file that was there before would stay
    (path,) = app.client.post(f"{API}/upload", files={"files": content}).json()
    assert os.path.exists(path)
    until(lambda: not os.path.exists(path))
