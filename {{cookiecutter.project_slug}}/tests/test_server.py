"""The page and the health of the app."""

import httpx


def test_page(url):
    page = httpx.get(url)
    assert page.status_code == 200
    assert "gradio" in page.text


def test_health(url):
    assert httpx.get(f"{url}/healthz").status_code == 200
    assert httpx.get(f"{url}/readyz").json() == {"status": "ready"}
