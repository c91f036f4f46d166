"""The photos of a run that has a model, as far as they are still there."""

from pathlib import Path
from typing import TYPE_CHECKING

from flows.run_records import RunRecord
from tasks.store.manifest import Manifest
from tasks.store.paths import inside
from tasks.store.store import Store
from tasks.tables.filter import KEPT

if TYPE_CHECKING:
    import pandas as pd


def folder_of(store: Store, run: RunRecord, stage: str) -> Path | None:
    """Return the folder of a stage of a run; None if it is gone, or has been made again with another result."""
    for record in run.stages:
        if record.artifact.stage == stage:
            folder = store.folder(record.artifact)
            try:
                return folder if Manifest.read(folder).artifact == record.artifact else None
            except (OSError, ValueError):
                return None
    return None


def kept(store: Store, run: RunRecord) -> "pd.DataFrame | None":
    """Return the table of the photos that the filter has kept; None if it is gone."""
    folder = folder_of(store, run, "filter")
    return None if folder is None else KEPT.read(folder)


def some(store: Store, run: RunRecord, split: str, most: int, suffixes: tuple[str, ...]) -> list[bytes]:
    """Read some photos of a split, spread evenly over it.

    Args:
        store: The store with the photos.
        run: The record of the run.
        split: train, val or test.
        most: How many at most.
        suffixes: Endings of the files to choose from, such as .jpg.

    Returns:
        The contents of their files.
    """
    rows = kept(store, run)
    if rows is None or most == 0:
        return []
    named = [file for file in rows.loc[rows["split"] == split, "file"] if file.endswith(suffixes)]
    found = []
    count = min(most, len(named))
    for file in (named[i * len(named) // count] for i in range(count)):
        try:
            found.append(inside(store.root, file).read_bytes())
        except (OSError, ValueError):
            continue  # it has been forgotten
    return found
