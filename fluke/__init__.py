"""From keywords, a folder or a CSV of photos to an evaluated image classifier."""
