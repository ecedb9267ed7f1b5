"""Renew the JavaScript libraries of the page without a server, from npm.

vendor/sources.json has each package: its version, its licence, the files that are taken, and the
SHA-256 of each, unpacked. Edit a version there, and run this. WebAssembly is stored packed: not every
host packs it on the way.
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
VENDOR = ROOT / "templates" / "platforms" / "browser" / "_copied" / "browser" / "vendor"
SOURCES = VENDOR / "sources.json"


def take(package: str, facts: dict, folder: Path) -> None:
    """Write a package's files, and note their digests."""
    command = ["npm", "pack", "--silent", f"{package}@{facts['version']}"]
    name = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    with tarfile.open(folder / name.split()[-1]) as archive:
        for source, file in facts["files"].items():
            content = archive.extractfile(f"package/{source}").read()
            file["sha256"] = hashlib.sha256(content).hexdigest()
            path = VENDOR / file["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".gz":
                content = gzip.compress(content, 9, mtime=0)
            path.write_bytes(content)
            print(f"{package} {facts['version']}: {file['path']}, {len(content):,} bytes")


def main() -> None:
    """Take the files of all packages."""
    if not shutil.which("npm"):
        raise SystemExit("This needs npm: https://nodejs.org")
    sources = json.loads(SOURCES.read_text("utf-8"))
    for package, facts in sources.items():
        with tempfile.TemporaryDirectory() as folder:
            take(package, facts, Path(folder))
    SOURCES.write_text(json.dumps(sources, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
