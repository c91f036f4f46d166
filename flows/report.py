"""Write the report of a run again, from the files of its evaluation."""

import zipfile
import zlib
from pathlib import Path

from flows import preflight
from flows.run_records import find_run
from tasks.store.errors import UserError
from tasks.store.manifest import Manifest
from tasks.store.store import Store

_MISSING_OR_DAMAGED = (
    FileNotFoundError,
    NotADirectoryError,
    ValueError,
    KeyError,  # an array of an .npz file
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)


def write(root: Path, name: str | None = None) -> Path:
    """Write the report of a successful run again, without TensorFlow; returns its path.

    Args:
        root: The data folder.
        name: The ID of a run, or a preset (its last successful run); None: of any preset.

    Raises:
        UserError: There is no such run, or files of its evaluation are missing or damaged.
    """
    from tasks.evaluate.report.write import write_report  # imports matplotlib

    run = find_run(root, name)
    store = Store(root)
    evaluation = store.folder(run.stages[-1].artifact)
    with preflight.in_use(root):
        try:
            with store.lock(Manifest.read(evaluation).cache_key):
                return write_report(evaluation, root)
        except _MISSING_OR_DAMAGED as error:
            raise UserError(
                f"the report of run {run.id} can't be written from {evaluation}: {error}; run {run.preset} again, "
                "which makes a missing file (with --verify --fresh evaluate, also a damaged one)"
            ) from error
