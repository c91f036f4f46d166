"""Comparisons with other tools; README.md has the commands."""
