"""Croissant, JSON-LD that describes a dataset: photos on this machine, each with a class.

Of Croissant 1.0 (docs.mlcommons.org/croissant/docs/croissant-spec.html), these are read: photos that a CSV names,
photos in a folder or in zip and tar files (a `FileSet` with its `containedIn` and `includes`), and photos in Parquet
files. Nothing is downloaded or unpacked.
"""
