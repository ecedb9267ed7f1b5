"""Tests of ml_ui.serving in this process: real pages, real queues, no server process."""
