"""The command line: python -m ml_ui."""

import sys

from .cli import main

sys.exit(main())
