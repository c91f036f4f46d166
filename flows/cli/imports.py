"""Imports of many modules, such as Prefect's: faster without garbage collections."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collections() -> Iterator[None]:
    """Import modules in the block: collections would look through everything that was imported, again and again.

    What is there at the end stays until the process ends, so later collections leave it out, too.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
