"""What the user brings: folders of photos, and lists of photos or of URLs."""
