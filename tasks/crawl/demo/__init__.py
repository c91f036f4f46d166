"""The demo's own photo site, and the photos that it shows."""
