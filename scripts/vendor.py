"""Renew the JavaScript libraries of the page without a server, from npm.

source.json in a folder of browser/vendor/ has the package, its version, its licence, and the files
that are taken, each with its SHA-256, unpacked. Edit a version there, and run this. WebAssembly is
stored packed: not every host packs it on the way.
"""

import gzip
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = sorted(ROOT.glob("templates/platforms/browser/_copied*/browser/vendor/*/source.json"))


def take(facts: dict, target: Path, folder: Path) -> None:
    """Write a package's files into a folder, and note their digests; work in another one."""
    package = facts["package"]
    command = ["npm", "pack", "--silent", f"{package}@{facts['version']}"]
    name = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    with tarfile.open(folder / name.split()[-1]) as archive:
        for source, file in facts["files"].items():
            content = archive.extractfile(f"package/{source}").read()
            file["sha256"] = hashlib.sha256(content).hexdigest()
            path = target / file["name"]
            if path.suffix == ".gz":
                content = gzip.compress(content, 9, mtime=0)
            path.write_bytes(content)
            print(f"{package} {facts['version']}: {path.name}, {len(content):,} bytes")


def main() -> None:
    """Take the files of all packages."""
    if not shutil.which("npm"):
        raise SystemExit("This needs npm: https://nodejs.org")
    for source in SOURCES:
        facts = json.loads(source.read_text("utf-8"))
        with tempfile.TemporaryDirectory() as folder:
            take(facts, source.parent, Path(folder))
        source.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
