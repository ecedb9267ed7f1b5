"""Files of the page: its icon, its CSS and its script."""

from pathlib import Path

FOLDER = Path(__file__).parent
ICON = FOLDER / "icon.png"
