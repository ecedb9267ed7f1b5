"""Footprint of the project, limits of its platform, and changes that would make it fit."""
