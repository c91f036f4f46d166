"""The database of all crawls: stored photos, search results and failed downloads."""
