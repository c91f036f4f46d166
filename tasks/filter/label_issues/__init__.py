"""Photos that look unlike their class, and photos whose label is probably wrong."""
