"""RATE_LIMIT counts visitors, not the platform's proxy: requests as they arrive on each host."""

import asyncio
import os

import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ml_ui.serving import environment
from ml_ui.serving.rate_limit import client_of
from ml_ui.serving.settings import Settings
from ml_ui.sizing.limits import PLATFORMS

VISITORS = ("198.51.100.1", "198.51.100.2")
FORGED = "203.0.113.9"
# By platform: the proxy's own address, and the headers of a request from a visitor who claims
# to be somebody else. Those of Render and Fly.io are of real requests, of Modal by its client's
# source: arcjet/arcjet-js#5411 and #5412 on GitHub, modal/_runtime/asgi.py.
ARRIVES = {
    "huggingface": ("10.16.3.4", {"X-Forwarded-For": "{forged}, {visitor}"}),
    "heroku": ("10.1.2.3", {"X-Forwarded-For": "{forged}, {visitor}"}),
    "cloud-run": ("169.254.169.126", {"X-Forwarded-For": "{forged}, {visitor}"}),
    "render": (
        "10.19.6.53",
        {
            "CF-Connecting-IP": "{visitor}",
            "True-Client-IP": "{visitor}",
            "X-Forwarded-For": "{forged}, {visitor}, 172.70.247.28, 10.19.6.53",
        },
    ),
    "fly": (
        "172.16.5.6",
        {
            "Fly-Client-IP": "{visitor}",
            "X-Forwarded-For": "{forged}, {visitor}, 66.241.124.230",
        },
    ),
    "modal": ("172.20.0.2", {"X-Forwarded-For": "{visitor}"}),
}


@pytest.fixture
def on(monkeypatch):
    """Return a function that sets a platform's variable, and prepares for its proxy."""
    for name in ("FORWARDED_ALLOW_IPS", "CLIENT_IP_HEADER"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)

    def prepare(platform: str) -> None:
        monkeypatch.setenv(PLATFORMS[platform]["proxy"]["variable"], "x")
        environment.prepare()

    return prepare


def client(peer: str, headers: dict[str, str]) -> str:
    """Return the client of a request, after uvicorn's middleware."""
    seen = []

    async def app(scope, receive, send):
        seen.append(client_of(scope, Settings.from_environment().client_ip_header))

    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "scheme": "http", "client": (peer, 1), "headers": raw}
    trusted = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")
    asyncio.run(ProxyHeadersMiddleware(app, trusted)(scope, None, None))
    return seen[0]


def test_each_proxy_is_tested():
    assert ARRIVES.keys() == {name for name, facts in PLATFORMS.items() if "proxy" in facts}


@pytest.mark.parametrize("platform", ARRIVES)
def test_visitors_are_told_apart(on, platform):
    peer, headers = ARRIVES[platform]
    on(platform)
    for visitor in VISITORS:
        sent = {n: h.format(visitor=visitor, forged=FORGED) for n, h in headers.items()}
        assert client(peer, sent) == visitor


@pytest.mark.parametrize("platform", ARRIVES)
def test_off_the_platform_nobody_is_believed(monkeypatch, platform):
    peer, headers = ARRIVES[platform]
    for name in ("FORWARDED_ALLOW_IPS", "CLIENT_IP_HEADER"):
        monkeypatch.delenv(name, raising=False)
    assert client(peer, {name: FORGED for name in headers}) == peer


@pytest.mark.parametrize("forged", ["6.6.6.6", "6.6.6.7, 6.6.6.8", ""])
@pytest.mark.parametrize("is_one", [True, False])
def test_client_cannot_forge_the_header_that_a_proxy_appends_to(forged, is_one):
    values = [f"{forged}, 203.0.113.9"] if is_one else [forged, "203.0.113.9"]
    headers = [(b"x-forwarded-for", value.encode()) for value in values]
    scope = {"type": "http", "client": ("10.0.0.1", 1), "headers": headers}
    assert client_of(scope, "X-Forwarded-For") == "203.0.113.9"


@pytest.mark.parametrize(
    ("written", "client"),
    [
        ("203.0.113.9:5678", "203.0.113.9"),
        ("[2001:db8::1]:5678", "2001:db8::/64"),
        ("[2001:db8::1]", "2001:db8::/64"),
        ("2001:db8::1", "2001:db8::/64"),
    ],
)
def test_an_address_with_a_port_is_the_same_client(written, client):
    scope = {"type": "http", "client": ("10.0.0.1", 1), "headers": [(b"x-ip", written.encode())]}
    assert client_of(scope, "X-IP") == client
