"""The guards of ml_ui hold with the version of Gradio that is installed."""

from ml_ui.testing.guards import *
