"""Sign in to a Space at a stand-in for the Hub, in a browser."""

import base64
import contextlib
import hmac
import json
import secrets
import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import yaml
from running import clean_environment, free_port, install, served

pytestmark = pytest.mark.slow

KEY = secrets.token_bytes(32)


class Provider(BaseHTTPRequestHandler):
    """Signs everybody in as Ann, by OpenID Connect."""

    def do_GET(self):
        hub, (path, query) = self.server.url, urlsplit(self.path)[2:4]
        if path == "/.well-known/openid-configuration":
            self.answer({
                "issuer": hub,
                "authorization_endpoint": f"{hub}/oauth/authorize",
                "token_endpoint": f"{hub}/oauth/token",
                "jwks_uri": f"{hub}/oauth/jwks",
                "id_token_signing_alg_values_supported": ["HS256"],
            })  # fmt: skip
        elif path == "/oauth/jwks":
            self.answer({"keys": [{"kty": "oct", "k": _base64(KEY)}]})
        elif path == "/oauth/authorize":
            asked = {name: values[0] for name, values in parse_qs(query).items()}
            back = asked["redirect_uri"]
            assert back.startswith("https://"), back
            # A Space's proxy ends TLS.
            target = back.replace("https", "http", 1) + f"&code={asked['nonce']}"
            self.send_response(302)
            self.send_header("Location", f"{target}&state={asked['state']}")
            self.end_headers()

    def do_POST(self):
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        now = int(time.time())
        claims = {
            "iss": self.server.url, "aud": "client", "sub": "1", "iat": now, "exp": now + 600,
            "nonce": sent["code"][0], "name": "Ann", "preferred_username": "ann",
        }  # fmt: skip
        parts = [_base64(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims)]
        signature = _base64(hmac.digest(KEY, ".".join(parts).encode(), "sha256"))
        self.answer({
            "access_token": "secret-token", "token_type": "bearer", "expires_in": 600,
            "scope": "openid profile", "id_token": ".".join([*parts, signature]),
        })  # fmt: skip

    def answer(self, body: dict) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *args) -> None:
        pass


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@contextlib.contextmanager
def provider():
    """Give the address of the stand-in."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.url
        server.shutdown()


@pytest.fixture
def space(bake, tmp_path):
    """Return a project with what a Space's builder adds to its requirements."""
    folder = tmp_path / "space"
    shutil.copytree(bake(task="tabular", platform="huggingface", hardware="cpu-basic"), folder)
    _, front_matter, _ = (folder / "README.md").read_text("utf-8").split("---\n", 2)
    version = yaml.safe_load(front_matter)["sdk_version"]
    with (folder / "requirements.txt").open("a", encoding="utf-8") as requirements:
        requirements.write(f"gradio[oauth]=={version}\n")
    return folder


def test_login_with_the_hub(space, browser):
    port = free_port()
    page = browser.new_page()
    with provider() as hub:
        environment = clean_environment(
            install(space), PORT=str(port), SYSTEM="spaces", SPACE_ID="user/app",
            SPACE_HOST=f"localhost:{port}", OAUTH_CLIENT_ID="client", OAUTH_CLIENT_SECRET="x",
            OAUTH_SCOPES="openid profile", OPENID_PROVIDER_URL=hub,
        )  # fmt: skip
        with served(space, ["python", "app.py"], environment, port) as url:
            closed = ("config", "gradio_api/info", "gradio_api/file=README.md")
            assert {httpx.get(f"{url}/{path}").status_code for path in closed} == {401}
            sent = {"call/predict": {"json": {"data": []}}, "upload": {"files": {"files": b"x"}}}
            for path, body in sent.items():
                answer = httpx.post(f"{url}/gradio_api/{path}", **body)
                assert answer.status_code == 401, path
            forged = {"session": "eyJvYXV0aF9pbmZvIjoge319.x.x"}
            assert httpx.get(f"{url}/config", cookies=forged).status_code == 401

            page.goto(f"http://localhost:{port}")
            assert "gradio-app" not in page.content()
            with page.expect_popup() as popup:
                page.get_by_text("Sign in with Hugging Face").click()
            app = popup.value
            app.get_by_text("Logout (ann)").wait_for()
            assert "secret-token" not in app.content()
            assert "Share via Link" not in app.content()
            app.get_by_role("button", name="Submit").click()
            app.locator(".output-class").first.wait_for()
            app.get_by_text("Logout (ann)").click()
            app.get_by_text("Sign in with Hugging Face").wait_for()
            assert app.request.get(f"http://localhost:{port}/config").status == 401
    page.close()
