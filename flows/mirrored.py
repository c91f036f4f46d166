"""A data folder in a bucket, `FLUKE_DATA=s3://bucket/prefix`: commands work on a local copy of it.

The copy is below $FLUKE_CACHE, or ~/.cache/fluke. It is brought up to date when a command first asks for the data
folder, and what the command has written goes up while it runs (`tasks.store.bucket.mirror`) and at its end.
"""

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.store import hashing
from tasks.store.bucket import copies
from tasks.store.bucket.connect import connect, require_lasting
from tasks.store.bucket.mirror import Mirror
from tasks.store.bucket.problems import endpoint
from tasks.store.errors import UserError

logger = logging.getLogger("fluke.bucket")
_roots: dict[str, Path] = {}


def root_of(url: str) -> Path:
    """Return the local copy of the data folder below a URL; the first call brings it up to date.

    Raises:
        BucketError: The bucket can't be read or written.
        OSError: The copy can't be written.
    """
    from flows.merges import MERGES  # its modules ask for the data folder

    url = url.rstrip("/")
    if url not in _roots:
        objects = connect(require_lasting(url))
        root = _home() / _folder_name(url)
        root.mkdir(parents=True, exist_ok=True)
        copy = Mirror(root, objects, merges=MERGES)
        copy.sync()
        copies.add(copy)
        _roots[url] = root
    return _roots[url]


@contextmanager
def kept_up() -> Iterator[None]:
    """Upload what was written in the block, at its end.

    Raises:
        UserError: It can't be uploaded, and nothing else has failed.
    """
    try:
        yield
    finally:
        failed = sys.exception()
        for url in _roots:
            try:
                _mirror(url).sync()
            except (UserError, OSError) as error:
                if failed is None or (isinstance(failed, SystemExit) and not failed.code):
                    raise
                logger.warning("%s", error)


def _mirror(url: str) -> Mirror:
    found = copies.of(_roots[url])
    assert found is not None
    return found


def _home() -> Path:
    given = os.environ.get("FLUKE_CACHE")
    return (Path(given) if given else Path("~/.cache/fluke")).expanduser().absolute()


def _folder_name(url: str) -> str:
    """Return a name that people recognise; two servers with a bucket of the same name have different ones."""
    server = endpoint()[1] if url.startswith("s3:") else ""
    words = re.sub(r"[^A-Za-z0-9]+", "-", url).strip("-")[:60]
    return f"{words}-{hashing.of_value([url, server])[:12]}"
