"""`fluke push` and `fluke pull`: copy a run with all that it needs between data folders and buckets."""
