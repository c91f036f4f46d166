"""Logs of the data folder, kept within a number of bytes."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

MAX_BYTES = 5 << 20
"""A larger log begins again; what it contained is kept as `.1` until the next time."""


def rotate(root: Path) -> None:
    """Begin those logs below a data folder again that are too large; never fails.

    The server writes its log all the time, so the file is copied and emptied, not renamed: it goes on at the new end.
    Some lines that are written meanwhile may be lost.
    """
    for path in [*(root / "logs").glob("*.log"), *(root / "server").glob("*.log")]:
        with suppress(OSError):  # also a log of another user
            if path.is_symlink() or path.stat().st_size <= MAX_BYTES:
                continue
            old = path.with_name(f"{path.name}.1")
            old.unlink(missing_ok=True)
            with path.open("rb") as source, old.open("xb") as target:
                source.seek(-MAX_BYTES, os.SEEK_END)
                shutil.copyfileobj(source, target)
            os.truncate(path, 0)
