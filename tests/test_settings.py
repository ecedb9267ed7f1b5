"""Settings of the server, from environment variables, cores and memory."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from ml_ui.serving import settings as module

NO_VALUE = {  # what a project's README says of settings without a value
    "APP_USERNAME": "no login",
    "APP_PASSWORD": "no login",
    "RATE_LIMIT": "none",
    "ALLOWED_ORIGINS": "none",
    "METRICS": "off",
}
GRADIO = {"GRADIO_SERVER_NAME": "127.0.0.1"}  # in the table, and read by Gradio


@pytest.fixture
def settings(monkeypatch):
    """Return the module, in an environment without any setting."""
    for field in fields(module.Settings):
        monkeypatch.delenv(field.name.upper(), raising=False)
    monkeypatch.delenv("GRADIO_SERVER_PORT", raising=False)
    return module


@pytest.fixture
def machine(settings, monkeypatch):
    """Return a function that sets the number of cores, and the files of cgroups."""

    def be(cores: int, memory: int = 8 << 30, **files: str) -> None:
        monkeypatch.setattr(settings.os, "sched_getaffinity", lambda _: range(cores), raising=False)
        pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": memory // 4096}
        monkeypatch.setattr(settings.os, "sysconf", pages.get)
        monkeypatch.setattr(settings, "_cgroup", lambda name: files.get(name.replace(".", "_"), ""))

    return be


@pytest.mark.parametrize(
    ("cpu", "cores"),
    [("", 4), ("max 100000", 4), ("100000 100000", 1), ("50000 100000", 1), ("250000 100000", 2)],
)
def test_cores_of_a_container(settings, machine, cpu, cores):
    machine(4, cpu_max=cpu)
    assert settings.cores() == cores


@pytest.mark.parametrize(
    ("cores", "memory", "workers"),
    [(2, 8 << 30, 4), (8, 512_000_000, 1), (8, 2 << 30, 5), (1, 100_000_000, 1)],
)
def test_workers_by_cores_and_memory(settings, machine, cores, memory, workers):
    machine(cores, memory_max=str(memory))
    assert settings.Settings().workers == workers


def test_memory_without_a_limit_is_the_machine_s(settings, machine):
    machine(2, memory=4 << 30, memory_max="max")
    assert settings.memory() == 4 << 30


def test_workers_can_be_set(settings, monkeypatch):
    monkeypatch.setenv("WEB_CONCURRENCY", "3")
    assert settings.Settings.from_environment().workers == 3


def test_calls_of_a_worker_wait_for_a_batch_here_and_not_in_a_cluster(settings, monkeypatch):
    monkeypatch.setenv("WEB_CONCURRENCY", "3")
    monkeypatch.setenv("CALLS_PER_WORKER", "8")
    assert settings.Settings.from_environment().calls == 24
    monkeypatch.setenv("MODEL_URL", "http://127.0.0.1:8000")
    assert settings.Settings.from_environment().calls == 3


def test_every_kind_of_value_is_read(settings, monkeypatch):
    monkeypatch.setenv("PORT", "8000")
    monkeypatch.setenv("METRICS", "1")
    monkeypatch.setenv("ALLOWED_HOSTS", "a.example, *.b.example,")
    read = settings.Settings.from_environment()
    assert (read.port, read.metrics) == (8000, True)
    assert read.allowed_hosts == ("a.example", "*.b.example")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "9000")
    monkeypatch.setenv("METRICS", "off")
    read = settings.Settings.from_environment()
    assert (read.port, read.metrics) == (9000, False)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PORT", "abc", "PORT='abc' is not a whole number"),
        ("PORT", "0", "port 0 is out of range"),
        ("GRADIO_SERVER_PORT", "-1", "GRADIO_SERVER_PORT='-1' is not a whole number"),
        ("APP_PASSWORD", "x", "a login needs both"),
        ("PREDICT_TIMEOUT", "0", "PREDICT_TIMEOUT='0' is not like 60"),
        ("QUEUE_SIZE", "many", "QUEUE_SIZE='many' is not like 100"),
        ("MAX_UPLOAD_MB", "9" * 400, "is too large"),
        ("RATE_LIMIT", "1,5", "RATE_LIMIT='1,5' is not a whole number"),
        ("ALLOWED_HOSTS", "a.example, https://b.example", "is not like app.example.com"),
        ("ALLOWED_HOSTS", "a.example:80", "is not like app.example.com"),
        ("ALLOWED_ORIGINS", "example.com", "is not like https://example.com"),
        ("ALLOWED_ORIGINS", "https://example.com/", "is not like https://example.com"),
    ],
)
def test_invalid_value_is_named(settings, monkeypatch, name, value, message):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message):
        settings.Settings.from_environment()


def test_names_are_read_in_lower_case(settings, monkeypatch):
    monkeypatch.setenv("ALLOWED_HOSTS", "App.Example.com, *.Example.org, ::1")
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://Example.com:8443, *")
    monkeypatch.setenv("APP_USERNAME", "Ann")
    monkeypatch.setenv("APP_PASSWORD", " With spaces ")
    read = settings.Settings.from_environment()
    assert read.allowed_hosts == ("app.example.com", "*.example.org", "::1")
    assert read.allowed_origins == ("https://example.com:8443", "*")
    assert (read.app_username, read.app_password) == ("Ann", " With spaces ")


def test_two_logins_are_refused(settings, monkeypatch):
    for name in ("OAUTH_CLIENT_ID", "APP_USERNAME", "APP_PASSWORD"):
        monkeypatch.setenv(name, "x")
    assert not settings.Settings.from_environment().hub_login  # not a Space
    monkeypatch.setenv("SPACE_ID", "user/app")
    with pytest.raises(ValueError, match="unset APP_USERNAME"):
        settings.Settings.from_environment()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://ann:secret@host/", "host:8000"])
def test_address_of_a_cluster_is_http(settings, monkeypatch, url):
    monkeypatch.setenv("MODEL_URL", url)
    with pytest.raises(ValueError, match="MODEL_URL=.* is not like http://") as refusal:
        settings.Settings.from_environment()
    assert "secret" not in str(refusal.value)


def test_empty_value_is_the_default(settings, monkeypatch):
    monkeypatch.setenv("PORT", "")
    assert settings.Settings.from_environment() == settings.Settings()


def test_every_invalid_value_is_named_at_once(settings, monkeypatch):
    for name, value in {"PORT": "99999", "QUEUE_SIZE": "many", "APP_USERNAME": "ann"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="99999.*APP_PASSWORD") as raised:
        settings.Settings.from_environment()
    assert "QUEUE_SIZE='many'" in str(raised.value)


def test_table_of_a_project_s_readme(bake):
    """Each has its default; what the table does not have is explained in the module."""
    defaults = {field.name.upper(): field.default for field in fields(module.Settings)}
    readme = (bake(platform="local") / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \| (.*?) \|", readme, re.MULTILINE)
    listed = {}
    for names, values in rows:
        names = re.findall(r"\w+", names)
        values = values.split(", ")
        listed |= dict(zip(names, values * (len(names) // len(values)), strict=True))
    expected = {
        n: str(defaults[n]) if defaults[n] else NO_VALUE[n] for n in defaults if n in listed
    }
    assert listed == expected | GRADIO
    assert listed.keys() - GRADIO.keys() >= NO_VALUE.keys()
    source = Path(module.__file__).read_text("utf-8")
    for name in defaults.keys() - listed.keys():
        assert re.search(rf"^    {name.lower()}: .*#", source, re.MULTILINE), name
