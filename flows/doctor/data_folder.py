"""The data folder: where it is, whether it can be written and locked, the space that is left, and its records."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.filesize import decimal

from flows import preflight
from flows.doctor.finding import Finding
from flows.file_problems import problem
from flows.run_records import read_records
from tasks.store.errors import UserError

_TOO_LITTLE_BYTES = 200_000_000
"""Less doesn't suffice for the tiles, features and figures of a small run."""
_LITTLE_BYTES = 2_000_000_000


def examine(root: Path) -> Iterator[Finding]:
    """Look at the data folder."""
    yield _folder(root)
    yield _disk(root)
    if root.is_dir():
        yield _runs(root)


def _folder(root: Path) -> Finding:
    what, path = "data folder", str(root.absolute())
    if not root.exists():
        parent = _nearest(root)
        try:
            with tempfile.TemporaryFile(dir=parent):  # leaves nothing
                return Finding(what, f"{path}: the first run makes it")
        except OSError as error:
            reason = f"{parent}: {(error.strerror or 'not writable').lower()}"
            return Finding(what, path, f"{reason}; make it a writable folder, or set FLUKE_DATA", stops_runs=True)
    try:
        preflight.check_writable(root)
        with preflight.in_use(root):
            return Finding(what, f"{path}: can be written")
    except UserError as error:
        return Finding(what, path, str(error), stops_runs=True)
    except OSError as error:  # such as a network drive without locks
        at_root = OSError(error.errno, error.strerror, str(root))
        return Finding(what, path, problem(at_root, root) or f"{path}: {error.strerror}", stops_runs=True)


def _disk(root: Path) -> Finding:
    free = shutil.disk_usage(_nearest(root)).free
    finding = f"{decimal(free)} free"
    if free >= _LITTLE_BYTES:
        return Finding("disk", finding)
    return Finding(
        "disk",
        finding,
        f"{root.absolute()}: the disk is nearly full; free some space (`fluke prune` lists what fluke can delete), or "
        "set FLUKE_DATA to a folder on another disk",
        stops_runs=free < _TOO_LITTLE_BYTES,
    )


def _runs(root: Path) -> Finding:
    try:
        count = len(read_records(root))
    except UserError as error:
        return Finding("runs", "can't be read", str(error), stops_runs=True)
    return Finding("runs", f"{count:,}")


def _nearest(root: Path) -> Path:
    """Return a folder, or the nearest of its parents that exists; that may be a file."""
    return next(path for path in (root.absolute(), *root.absolute().parents) if path.exists())
