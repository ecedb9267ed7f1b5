"""MCP server of served projects, called by the official clients in Python and TypeScript."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
import readmes
from conftest import ROOT, chromium
from filelock import FileLock
from running import BUILD, clean_environment, free_port, install, install_packages, served

PYTHON = {"python-1": "mcp==1.30.0", "python-2": "mcp==2.3.0"}
NODE = {"node-1": "sdk@1.32.2", "node-2": "client@2.4.0"}
DEMOS = ROOT / "demos"
# By task: the framework, an input, and the truth of the answer: demos/<task>/card.json has none
# for pictures and texts, but the names of the files and the sentence say it.
TASKS = {
    "image-classification": ("onnx", DEMOS / "image-classification/examples/3.png", "3"),
    "image-to-image": ("onnx", DEMOS / "image-to-image/examples/cat.jpg", None),
    "tabular": (
        "scikit-learn",
        {
            "sepal length (cm)": 5.1,
            "sepal width (cm)": 3.5,
            "petal length (cm)": 1.4,
            "petal width (cm)": 0.2,
        },
        "setosa",
    ),
    "text-classification": ("scikit-learn", {"text": "Guten Morgen, wie geht es dir?"}, "German"),
}


@pytest.fixture(scope="module")
def clients():
    """Return the command of each client."""
    if not shutil.which("npm"):
        pytest.skip("needs npm: apt-get install npm")
    found = {
        name: [install_packages(f"mcp-{name}", package) / "python", ROOT / "tests/mcp_client.py"]
        for name, package in PYTHON.items()
    }
    folder = BUILD / "mcp"
    script = folder / "mcp_client.mjs"  # packages are looked for beside it
    packages = [f"@modelcontextprotocol/{package}" for package in NODE.values()]
    with FileLock(f"{folder}.lock"):
        if not script.exists():
            options = ["--silent", "--prefix", folder]
            subprocess.run(["npm", "install", *options, *packages], check=True)
        shutil.copy(ROOT / "tests" / "mcp_client.mjs", script)
    for name, package in NODE.items():
        found[name] = [shutil.which("node"), script, package.partition("@")[0]]
    return found


def asked(command, url: str, arguments: dict) -> list:
    """Return what a client prints."""
    run = subprocess.run(
        [*command, url, json.dumps(arguments)], capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout)


@pytest.mark.slow
@pytest.mark.sample("image-to-image", "tabular")
@pytest.mark.parametrize("task", TASKS)
def test_official_clients_call_the_tool(bake, clients, task):
    framework, given, truth = TASKS[task]
    project = bake(task=task, framework=framework)
    port = free_port()
    environment = clean_environment(install(project), PORT=str(port), MCP="1")
    readme = (project / "README.md").read_text("utf-8")
    (block,) = [text for language, text in readmes.blocks(readme) if language == "json"]
    (server,) = json.loads(block)["mcpServers"].values()
    assert server["type"] == "http"
    url = server["url"].replace(":7860", f":{port}")
    if isinstance(given, Path):
        given = {"image": base64.b64encode(given.read_bytes()).decode()}
    with served(project, ["python", "app.py"], environment, port) as address:
        direct = httpx.post(f"{address}/predict", json=given).json()
        versions = {}
        for name, command in clients.items():
            versions[name], tool, result, refused = asked(command, url, given)
            assert tool["name"] == "predict"
            assert not result.get("isError")
            if truth:
                assert truth in tool["description"]  # a label of the model
                assert result["structuredContent"] == {"result": direct}
                assert result["structuredContent"]["result"]["label"] == truth
            else:
                (content,) = result["content"]
                assert content["type"] == "image"
                assert f"data:{content['mimeType']};base64,{content['data']}" == direct
            assert refused["isError"] is True
            assert "Field required" in refused["content"][0]["text"]
        if task == "tabular":
            shown = tabs(address)
            assert "Python" in shown and "MCP" not in shown
    assert versions["python-1"] == versions["node-1"] == "2025-11-25"
    assert versions["python-2"] == "2026-07-28"


def tabs(address: str) -> list[str]:
    """Return the tabs that the page shows of its API: Gradio's MCP server is off."""
    with chromium() as browser:
        page = browser.new_page()
        page.goto(address)
        page.click("footer .show-api")
        page.wait_for_selector(".snippet")
        return [each.inner_text().strip() for each in page.query_selector_all(".snippet:visible")]
