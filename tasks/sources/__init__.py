"""One source of photos a file, found by its name: `crawl.source: folder` is `folder.py`.

A source module defines two functions:

- `observe(config) -> dict[str, str | int]`: what the source holds now, as far as a quick look tells
  (a listing's fingerprint, not the photos); part of the crawl's key, so that a changed folder is noticed;
- `collect(config, ledger, job) -> list[Row]`: brings the photos in and returns one row for each.
"""
