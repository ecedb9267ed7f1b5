"""Fixtures: `url` is the address of the running app."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from ml_ui.testing import project, url  # noqa: F401
