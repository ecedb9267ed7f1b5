"""Compare the form's zip with the command's project, byte for byte, for each combination.

    python -m scripts.web_zips [TASK ...]

Of task, framework and platform: all that are offered with a demo model. The command runs as the
form shows it, in a shell, with this repository as the template.
"""

import asyncio
import html
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from urllib.parse import urlencode

import httpx

from local_extensions.catalog import ROOT, SHOWN
from local_extensions.choices import HOSTS, runs_on
from web import app, work

Tree = dict[str, tuple[int, bytes]]  # by path: mode and content


def unpacked(content: bytes) -> Tree:
    """Return what a zip holds."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {
            entry.filename: (entry.external_attr >> 16, archive.read(entry))
            for entry in archive.infolist()
        }


def generated(command: str, folder: Path, **variables: str) -> Tree:
    """Run a command of the form in a folder; return what it made."""
    program, *words = shlex.split(command.removeprefix("uvx "))
    words = [sys.executable, "-m", program, *words]
    settings = folder / "config.yaml"
    settings.write_text(f"replay_dir: {folder}\ncookiecutters_dir: {folder}/templates\n")
    variables = {"COOKIECUTTER_CONFIG": str(settings), **variables}
    out = folder / "out"
    out.mkdir()
    place = {
        "cwd": folder,
        "env": os.environ | work.ENVIRONMENT | variables,
        "stdout": subprocess.DEVNULL,
    }
    subprocess.run([*words, "--output-dir", out], check=True, **place)
    files = (path for path in out.rglob("*") if path.is_file())
    return {
        path.relative_to(out).as_posix(): (path.stat().st_mode, path.read_bytes()) for path in files
    }


async def differences(given: dict[str, str]) -> list[str]:
    """Return the names of files that differ between the form's zip and the command's project."""
    site = httpx.ASGITransport(app=app.create(per_minute=0))
    async with httpx.AsyncClient(transport=site, base_url="http://form", timeout=60) as client:
        page, answer = [
            (await client.get(f"{path}?{urlencode(given)}")).raise_for_status()
            for path in ("/", "/project.zip")
        ]
    command = html.unescape(re.search(r'<code id="command">(.*?)</code>', page.text)[1])
    with tempfile.TemporaryDirectory() as folder:
        made = await asyncio.to_thread(generated, command, Path(folder))
    zipped = unpacked(answer.content)
    return sorted(name for name in made | zipped if made.get(name) != zipped.get(name))


async def main() -> int:
    app.TEMPLATE = str(ROOT)  # as the command has it here
    pairs = [pair for pair in SHOWN if not sys.argv[1:] or pair[0] in sys.argv[1:]]
    answers = [
        {"task": task, "framework": framework, "platform": platform}
        for task, framework in pairs
        for platform in HOSTS
        if runs_on(platform, framework)
    ]
    wrong = 0
    for number, given in enumerate(answers, 1):
        found = await differences(given)
        wrong += bool(found)
        result = f"differs in {', '.join(found)}" if found else "equal"
        print(f"{number}/{len(answers)} {' '.join(given.values())}: {result}", flush=True)
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
