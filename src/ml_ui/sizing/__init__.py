"""Footprint of the project, limits of its platform, and what would make it fit."""
