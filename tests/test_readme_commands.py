"""Each command of a project's README, run as it is written, or listed with the reason why not."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import readmes
import snippets
from conftest import ROOT
from running import BUILD, clean_environment, free_port, install, served
from test_rendered import COMBINATIONS

from local_extensions.catalog import SKELETON

TESTS = Path(__file__).parent
README = SKELETON / "README.md"
DEMOS = ROOT / "demos"

# By a pattern of the whole command: why no test can run it, and what is run in its place.
NEVER = {
    r"heroku create \S+": ("needs an account", "git remote add heroku ../heroku.git"),
    r"heroku (login|open|ps:\S+ \S+|logs --tail|config:set .*)": ("needs an account", ""),
    r"hf auth login": ("asks for a token", ""),
    r"hf spaces logs USER/\S+ --build --follow": ("needs a Space that was built", ""),
    r"gcloud auth login": ("needs an account", ""),
    r"gcloud (config set|services enable|artifacts|builds submit|run services) .*": (
        "needs an account",
        "",
    ),
    r"fly (auth login|apps open|logs)": ("needs an account", ""),
    r"fly (apps create|config validate|deploy|secrets set) .*": ("needs an account", ""),
    r"git (remote add origin|push -u origin) .*": ("needs a repository on GitHub", ""),
    r"render (blueprints validate|logs .*)": ("needs an account", ""),
    r"python app.py --share": ("opens a tunnel through Gradio's servers", ""),
    r"export DOCKER_HOST=ssh://USER@SERVER": ("needs a server", ""),
    r"docker push REGISTRY/\S+": ("needs a registry", ""),
    r"docker save REGISTRY/\S+ \| ssh USER@SERVER docker load": ("needs a server", ""),
    r"docker run --rm --gpus all ubuntu nvidia-smi": ("needs an NVIDIA GPU", ""),
    r"apt-get install \w+": ("changes the machine; .ci/run and the images do it", ""),
    r"brew install \w+": ("is for macOS", ""),
    r"\.venv\\Scripts\\activate": ("is for Windows", ""),
    r"ray stop": ("ends Ray for everyone on the machine", ""),
    r"helm (repo add|install) .*": ("needs a Kubernetes cluster", ""),
    r"kubectl (apply|port-forward) .*": ("needs a Kubernetes cluster", ""),
    r"git lfs install": ("changes the user's settings; git reads the attributes without", ""),
}
# Likewise: the test that runs it with what it needs, and a text which that has.
ELSEWHERE = {
    r"hf repos create .*": ("test_hub.py", "^hf repos create"),
    r"hf upload \S+ \. \. .*": ("test_hub.py", 'startswith("hf upload")'),
    r"hf download \S+": ("test_languages.py", 'hf, "download"'),
    r"python -m ml_ui swap \S+": ("test_swap.py", '"ml_ui", "swap"'),
    r"python -m ml_ui move": ("test_move.py", '"ml_ui", "move"'),
    r"python -m ml_ui live URL": ("test_live.py", '"ml_ui", "live"'),
    r"python -m ml_ui update": ("test_update.py", '"ml_ui"'),
    r"python -m ml_ui fetch": ("test_fetch.py", '"fetch"'),
    r"docker compose (up --build --detach|logs --follow)": ("test_docker.py", "docker compose"),
    r"python -m ml_ui check --example INPUT": ("test_check.py", '"--example"'),
    r"ray get-auth-token --generate": ("ray_cluster.py", '"get-auth-token"'),
    r"ray start --head": ("ray_cluster.py", '"--head"'),
    r"ray start --address=HEAD:\S+": ("ray_cluster.py", '"--address='),
    r"serve deploy serve.yaml": ("ray_cluster.py", '"deploy"'),
    r"serve status": ("test_ray_cluster.py", '"status"'),
    r"export PYTHONPATH=\$PWD RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=\S+": (
        "ray_cluster.py",
        "PYTHONPATH=",
    ),
    r"MODEL_URL=\S+ python app.py": ("ray_load.py", "MODEL_URL="),
    r"docker build -t REGISTRY/\S+ \.": ("test_docker.py", "engine.build("),
    r"modal (setup|(deploy|serve) modal_app.py|app logs \S+|secret create .*)": (
        "test_hosts.py",
        "def test_command_of_modal_exists",
    ),
    r"pip install modal": ("test_hosts.py", 'install_packages("modal"'),
    r"python -m http.server (7861|_)": ("static_page.py", "from http.server import"),
}
# The others are run, in projects of these answers: with an INPUT and its LABEL, and what answers
# to the calls have.
RUN = {
    "function": (
        {"task": "image-to-image", "framework": "python", "platform": "heroku"},
        ("examples/cat.jpg", ""),
        r"\.jpe?g",
    ),
    "picture": (
        {
            "model_path": str(DEMOS / "image-classification" / "digits.onnx"),
            "platform": "huggingface",
            "hardware": "cpu-basic",
        },
        ("examples/2.png", "2"),
        r"label\W+2\b",
    ),
    "rows": (
        {"model_path": str(DEMOS / "tabular" / "iris.skops"), "platform": "docker"},
        ("5.1,3.5,1.4,0.2", "setosa"),
        r"label\W+(setosa|versicolor|virginica)\b",
    ),
    "text": (
        {
            "model_path": str(DEMOS / "text-classification" / "languages.skops"),
            "platform": "local",
        },
        ("'Save the file'", "English"),
        r"label\W+[A-Z][a-z]+\b",
    ),
}
MINE = [
    {"model_path": str(path), "platform": "local"}
    for path in [*DEMOS.glob("*/*.skops"), DEMOS / "image-to-image" / "upscale.onnx"]
]


def listed(command: str) -> bool:
    """Return whether a command is in one of the tables."""
    return any(re.fullmatch(pattern, command) for pattern in NEVER | ELSEWHERE)


def shape(text: str) -> str:
    """Return a text without its literals and their number: they differ between models."""
    text = re.sub(r"'[^'\n]*'|\"[^\"\n]*\"|\b\d[\d.]*", "_", text)
    return re.sub(r"_: _(,\s*_: _)*,?\s*(?=\})", "_: _", text)


def runnable(project: Path) -> set[str]:
    """Return the shapes of what a project's README has, and the tables do not."""
    readme = (project / "README.md").read_text("utf-8")
    scripts = [shape(block.text) for block in readmes.blocks(readme) if block.language != "sh"]
    found = [each for each in readmes.all_commands(shape(readme)) if not listed(each)]
    return {*scripts, *found}


def of_templates() -> set[str]:
    """Return the commands that any README may have, but for those that vary."""
    folder = ROOT / "templates" / "platforms"
    texts = [path.read_text("utf-8") for path in [*folder.glob("*/_deploy.md"), README]]
    texts += [f"```sh\n{path.read_text('utf-8')}```\n" for path in folder.glob("*/_deploy.sh")]
    texts = [re.sub(r"\{\{ [\w.]+ \}\}", "name", text) for text in texts]
    found = {command for text in texts for command in readmes.all_commands(text)}
    return {command for command in found if "{" not in command}


def test_each_command_is_run_or_listed(bake):
    run = set().union(*(runnable(bake(**answers)) for answers, _, _ in RUN.values()))
    for answers in [*COMBINATIONS[::3], *MINE]:
        assert runnable(bake(**answers)) <= run, answers
    assert {shape(each) for each in of_templates() if not listed(each)} <= run


def test_nothing_is_listed_that_no_readme_has():
    said = of_templates() | {"python -m ml_ui check --example INPUT", "apt-get install libgomp1"}
    listed = NEVER | ELSEWHERE
    assert [p for p in listed if not any(re.fullmatch(p, each) for each in said)] == []


@pytest.mark.parametrize("pattern", ELSEWHERE)
def test_what_is_run_elsewhere(pattern):
    name, text = ELSEWHERE[pattern]
    assert text in (TESTS / name).read_text("utf-8")


@pytest.mark.parametrize(
    "command", sorted(each for each in of_templates() if each.startswith("hf "))
)
def test_options_of_the_hub_s_client(command):
    """Also of what needs an account."""
    words, *options = re.split(r" (?=-)", command)
    group = words.split()[1:3] if re.match("hf (auth|repos|spaces)", words) else words.split()[1:2]
    hf = Path(sys.executable).with_name("hf")
    said = subprocess.check_output([hf, *group, "--help"], text=True)
    assert [each for each in options if not re.search(rf"{each.split()[0]}\b", said)] == []


# Run ----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def node():
    """Return a folder in which Node.js finds Gradio's client."""
    folder = BUILD / "node"
    if not (folder / "node_modules" / "@gradio" / "client").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["npm", "install", "--silent", "--prefix", folder, "@gradio/client"], check=True
        )
    return folder


AUTHOR = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
# pip, by uv, whose cache the tests share.
PIP = f"""pip() {{
  {sys.executable} -m uv pip "$1" --quiet --python "${{VIRTUAL_ENV:?}}" "${{@:2}}"
}}"""


class Reader:
    """One who copies a README's commands into a terminal, in the project's folder."""

    def __init__(self, project: Path, node: Path) -> None:
        self.project, self.node, self.port = project, node, free_port()
        cache = {"UV_CACHE_DIR": str(BUILD / "uv")}
        for name in ("SSL_CERT_FILE", "PIP_FIND_LINKS"):  # in place of an index out of reach
            if value := os.environ.get(name):
                cache[name.replace("PIP", "UV")] = value
        self.environment = clean_environment(install(project), **AUTHOR, **cache)
        self.environment |= {"HOME": str(project.parent), "PORT": str(self.port)}

    def activate(self) -> None:
        """Activate the virtual environment for what follows."""
        folder = self.project / ".venv"
        path = f"{folder / 'bin'}:{self.environment['PATH']}"
        self.environment |= {"VIRTUAL_ENV": str(folder), "PATH": path}

    def run(self, command: list, text: str) -> str:
        """Run a program that reads a text; return what it prints."""
        done = subprocess.run(
            command, input=text, cwd=self.project, env=self.environment,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (text, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    def shell(self, lines: list[str]) -> str:
        """Run lines of a shell, with uv's pip, which has a cache, and what is run instead."""
        script = ["set -e", PIP]
        for line in lines:
            instead = [run for p, (_, run) in NEVER.items() if re.fullmatch(p, line)]
            elsewhere = any(re.fullmatch(pattern, line) for pattern in ELSEWHERE)
            script += instead or ([] if elsewhere else [line])
        return self.run(["bash"], "\n".join(script))

    def script(self, language: str, text: str) -> str:
        """Run a block of Python, or of JavaScript as a module."""
        if language == "python":
            return self.run(["python"], text)
        script = self.node / f"call-{self.port}.mjs"  # packages are looked for beside it
        script.write_text(text, "utf-8")
        try:
            return self.run([shutil.which("node"), script], "")
        finally:
            script.unlink()

    def truth(self, is_file: bool, values: list) -> object:
        """Return what the model answers: a label with its probability, or bytes of a picture."""
        sent = json.dumps([is_file, values])
        answer = json.loads(self.run(["python", "-c", snippets.TRUTH, sent], ""))
        return Path(answer).read_bytes() if isinstance(answer, str) else answer


def check_call(reader: Reader, block: readmes.Block, readme: str, paste: Callable) -> None:
    """Run a call as it stands, in JavaScript in a browser as well; compare it with the model."""
    (curl,) = (each for each in readmes.blocks(readme) if "curl" in each.text)
    is_file, values = snippets.given(curl)
    sends_icon = is_file and block.language == "js"
    truth = reader.truth(is_file, [snippets.ICON] if sends_icon else values)
    if block.language == "sh":
        said = reader.shell(readmes.commands(block.text))
    else:
        said = reader.script(block.language, block.text)
    if isinstance(truth, list):
        assert snippets.printed(block.language, said) == pytest.approx(truth)
    elif block.language == "js":
        assert snippets.printed("js", said) == len(truth)
    else:
        result = reader.project / "result.jpg"
        assert result.read_bytes() == truth
        result.unlink()
    if block.language == "js":
        seen = paste(block.text)
        if isinstance(seen, dict):
            assert snippets.best(seen) == pytest.approx(truth)
        else:
            assert bytes(seen) == truth


@pytest.mark.sample("function", "rows")
@pytest.mark.slow
@pytest.mark.parametrize("case", RUN)
def test_commands(bake, node, browser, tmp_path, case):
    """Blocks in their order, then what stands in the sentences; the app runs from its line on."""
    answers, (example, label), answer = RUN[case]
    project = shutil.copytree(bake(**answers), tmp_path / "project")
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "heroku.git"], check=True)
    reader = Reader(project, node)
    address = f"http://127.0.0.1:{reader.port}"
    readme = (project / "README.md").read_text("utf-8").replace("http://127.0.0.1:7860", address)
    ran = []
    with contextlib.ExitStack() as app:
        origin, other = app.enter_context(snippets.another_site())
        reader.environment["ALLOWED_ORIGINS"] = origin
        for block in readmes.blocks(readme):
            if block.language == "json":  # tests/test_mcp_clients.py
                continue
            lines = readmes.commands(block.text)
            ran += lines
            if block.language != "sh" or "curl" in block.text:
                check_call(
                    reader, block, readme, lambda text: snippets.pasted(browser, origin, text)
                )
                if block.language == "js":
                    said = snippets.pasted(browser, other, block.text)
                    assert said.startswith("TypeError: Failed to fetch")
                continue
            reader.shell([line for line in lines if line != "python app.py"])
            if "python app.py" in lines:
                reader.activate()
                start = ["python", "app.py"], reader.environment, reader.port
                app.enter_context(served(project, *start))
        if case == "function":
            script = snippets.CLIENT % (address, project / example)
            assert "gradio.FileData" in reader.script("js", script)
        for command in sorted({*readmes.all_commands(readme)} - {*ran}):
            if command.startswith("git commit"):
                (project / ".gitignore").write_text(".venv/\n")
            for place, value in {
                " [URL ...]": " --runs 2", "URL": address,
                "INPUT ...": example.replace(",", " "), "INPUT": example, "LABEL": label,
            }.items():  # fmt: skip
                command = command.replace(place, value)
            said = reader.shell([command])
            if " call " in command:
                assert re.search(answer, said), said
            if " bench " in command:
                row = said.splitlines()[1].split()
                assert (row[0], row[-1]) == (address, "0") and 0 < float(row[1]) < 30
    if answers["platform"] == "heroku":
        pushed = ["git", "--git-dir", "../heroku.git", "log", "--format=%s", "main"]
        subjects = subprocess.check_output(pushed, cwd=project, text=True)
        assert subjects == "...\nFirst version\n"
