"""The demo's own photo site, and its photos."""
