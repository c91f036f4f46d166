"""fluke check: what fluke would see in a folder or a CSV of photos."""
