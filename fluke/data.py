"""The data folder that a call uses."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.run_records import data_root

_SERVER = ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING")


def folder(data: str | Path | None) -> Path:
    """Return the data folder: `data`, else $FLUKE_DATA, else `data` below the current folder."""
    if data is None:
        return data_root()
    with using(data):
        return data_root()


@contextmanager
def using(data: str | Path | None) -> Iterator[None]:
    """Use a data folder in the block, and the Prefect server that belongs to it or is configured."""
    before = {name: os.environ.get(name) for name in ("FLUKE_DATA", *_SERVER)}
    if data is not None:
        os.environ["FLUKE_DATA"] = str(data)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
