"""Write the report of a run again, from the files of its evaluation."""

import errno
import logging
import zipfile
import zlib
from pathlib import Path

from flows import preflight
from flows.models.find import find_run
from flows.run_records import RunRecord
from tasks.store.errors import UserError
from tasks.store.manifest import Manifest
from tasks.store.store import Store
from tasks.tables.evaluate import REPORT

logger = logging.getLogger("fluke.report")

_MISSING_OR_DAMAGED = (
    FileNotFoundError,
    NotADirectoryError,
    ValueError,
    KeyError,  # an array of an .npz file
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)
_PERHAPS_DAMAGED = (TypeError, AttributeError, IndexError, OverflowError, RecursionError)
"""What a changed file raises, and a mistake in the code as well: the manifests tell which it is."""


def write(root: Path, name: str | None = None) -> Path:
    """Write the report of a successful run again, without TensorFlow; returns its path.

    Args:
        root: The data folder.
        name: What `flows.models.find.find_run` takes: the ID of a run, or a name (its champion).

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
            raise _unwritable(run, evaluation, _earlier_version(evaluation) or str(error)) from error
        except _PERHAPS_DAMAGED as error:
            changed = _earlier_version(evaluation) or _first_changed(store, run)
            if changed is None:
                raise
            raise _unwritable(run, evaluation, changed) from error
        except OSError as error:
            report = REPORT.path(evaluation)
            if error.errno not in (errno.EROFS, errno.EACCES) or not report.exists():
                raise
            logger.warning("%s can't be written again (%s); it is the one of an earlier time", report, error.strerror)
            return report


def _unwritable(run: RunRecord, evaluation: Path, reason: str) -> UserError:
    return UserError(
        f"the report of run {run.id} can't be written from {evaluation}: {reason}; run {run.preset} again, "
        "which makes a missing file (with --verify --fresh evaluate, also a damaged one)"
    )


def _earlier_version(evaluation: Path) -> str | None:
    """Return that an earlier version of fluke made an evaluation, whose files may lack something; None if not."""
    from tasks.evaluate.stage import STAGE

    try:
        version = Manifest.read(evaluation).cache_key.version
    except (OSError, ValueError):
        return None
    return "it was made by an earlier version of fluke" if version < STAGE.version else None


def _first_changed(store: Store, run: RunRecord) -> str | None:
    """Return what is wrong with the first file of a run's artifacts that differs from its manifest; None: nothing."""
    for stage in run.stages:
        folder = store.folder(stage.artifact)
        try:
            for _, problem in Manifest.read(folder).problems(folder, store.root, verify=True):
                return problem
        except (FileNotFoundError, NotADirectoryError, ValueError) as error:
            return str(error)
    return None
