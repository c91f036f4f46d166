"""Find and delete what is no longer needed: artifacts of old runs, shards that no artifact uses, and what is left over.

Nothing of another kind is ever deleted: decisions about photos and models, the memory of splits, backups, the
blocklist, names, records, reports of ablations.
"""

import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from configs.schema import STAGE_NAMES
from flows import preflight
from flows.maintenance.left_over import find_left_over
from flows.maintenance.needed import Needed, find_needed
from flows.run_records import RunRecord, read_records
from tasks.store import compiled, manifest
from tasks.store.bucket import copies
from tasks.store.paths import is_own, remove
from tasks.store.permissions import PRIVATE_FOLDERS
from tasks.store.store import Store, size_bytes
from tasks.training.under_way import FINISHED, NAME

_KEY = re.compile(r"[0-9a-f]{24}(-[0-9]+)?")
"""Name of an artifact's folder."""
_TRAINING = ("pretrain", "train")
"""The stages that train networks."""
_PHOTO = "photo that no kept crawl contains"
"""The reason to delete a photo."""
_SHARD = re.compile(r"[0-9a-f]{24}\.npy")


@dataclass(frozen=True)
class Unneeded:
    """A file or folder that can be deleted, and the reason."""

    path: Path
    reason: str
    bytes: int


def find_unneeded(store: Store, keep_runs: int, *, photos: bool = False) -> list[Unneeded]:
    """Return what no kept run needs, see `needed.find_needed`.

    Args:
        store: The store to search.
        keep_runs: How many good runs of each preset to keep.
        photos: Whether to include photos that no kept crawl contains; they may have vanished from the web.

    Raises:
        UserError: The record of a run, the history of a name, or the file with the names is damaged.
        OSError: A folder can't be read.
    """
    stages = (f"artifacts/{stage}" for stage in STAGE_NAMES)
    for folder in (store.root / name for name in ("artifacts", *stages, *PRIVATE_FOLDERS)):
        if os.path.lexists(folder) and not folder.is_dir():  # a disk that isn't mounted: all else would seem unneeded
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    needed = find_needed(store, keep_runs)
    found = [
        Unneeded(path, reason, bytes_)
        for path, reason in _unneeded(store, needed, photos=photos)
        if (bytes_ := _bytes(path)) is not None
    ]
    if photos and "crawl" not in needed.damaged:
        elsewhere = sorted(copies.photos_elsewhere(store.root).items())
        found += [Unneeded(path, _PHOTO, bytes_) for path, bytes_ in elsewhere if path not in needed.files]
    return found


def delete(store: Store, agreed: list[Unneeded], keep_runs: int, *, photos: bool = False) -> int:
    """Delete what the user agreed to, as far as it is still unneeded; a run may have reused some of it meanwhile.

    If it is interrupted, the same call deletes the rest.

    Returns:
        The number of bytes freed.

    Raises:
        UserError: A run is using the data folder.
        OSError: Something can't be deleted, such as in a read-only folder.
    """
    with preflight.in_use(store.root, exclusive=True):
        paths = {item.path for item in agreed}
        unneeded = [item for item in find_unneeded(store, keep_runs, photos=photos) if item.path in paths]
        copies.drop_photos(store.root, [item.path for item in unneeded if item.reason == _PHOTO])
        for item in unneeded:
            delete_item(store.root, item.path)
    return sum(item.bytes for item in unneeded)


def pruned_models(store: Store, unneeded: list[Unneeded]) -> list[tuple[RunRecord, int]]:
    """Return the runs whose classifier will be deleted, the newest first.

    Of several runs with the same classifier the newest is returned, with the number of the others.
    """
    going = {item.path for item in unneeded}
    runs: dict[Path, list[RunRecord]] = {}
    for run in read_records(store.root):
        for stage in run.stages:
            if stage.artifact.stage == "train" and (folder := store.folder(stage.artifact)) in going:
                runs.setdefault(folder, []).append(run)
    return [(newest, len(others)) for newest, *others in runs.values()]


def trials(store: Store) -> dict[Path, bool]:
    """Return the folders with trials and checkpoints of trainings, and whether the training has finished."""
    folders = [folder for stage in _TRAINING for folder in _entries(store.pools(stage) / NAME, store.root)]
    return {folder: (folder / FINISHED).exists() for folder in folders}


def delete_item(root: Path, path: Path) -> None:
    """Delete an artifact's folder, or a file; with a shard, also its list of photos. See `paths.remove` for links."""
    if path.is_dir() and not path.is_symlink():
        # Delete the manifest first: if this is interrupted, the rest of the folder counts as incomplete.
        remove(root, path / manifest.NAME)
    elif path.suffix == ".npy":  # its list first: if this is interrupted, the rest is still found
        remove(root, path.with_suffix(".json"))
    remove(root, path)


def disk_usage(root: Path) -> dict[str, tuple[int, int]]:
    """Return the disk usage below the data folder: name -> (number of artifacts, shards or files; bytes).

    Folders that are private for another user are left out.
    """
    usage: dict[str, tuple[int, int]] = {}
    for stage in STAGE_NAMES:
        found = (root / "artifacts" / stage).glob("[!.]*")
        folders = [folder for folder in found if folder.is_dir() and not folder.is_symlink()]
        usage[stage] = (len(folders), sum(size_bytes(folder) for folder in folders))
    for name, pattern in (("pools", "*.npy"), ("photos", "*.*"), ("splits", "*.parquet"), ("ablations", "*.md")):
        folder = root / name
        if os.access(folder, os.R_OK | os.X_OK):
            usage[name] = (sum(1 for _ in folder.rglob(pattern)), size_bytes(folder))
    return usage


def by_reason(unneeded: list[Unneeded]) -> Iterator[tuple[str, int, int]]:
    """Yield (reason, number of files and folders, bytes) for each reason."""
    for reason in sorted({item.reason for item in unneeded}):
        items = [item for item in unneeded if item.reason == reason]
        yield reason, len(items), sum(item.bytes for item in items)


def _unneeded(store: Store, needed: Needed, *, photos: bool) -> Iterator[tuple[Path, str]]:
    """Yield each path that can be deleted once, with the reason."""
    root = store.root
    artifacts = [
        folder
        for stage in reversed(STAGE_NAMES)  # no artifact is left without those that it was made from
        for folder in _entries(root / "artifacts" / stage, root)
        if _KEY.fullmatch(folder.name) and folder not in needed.folders
    ]
    for folder in artifacts:
        is_complete = (folder / manifest.NAME).exists()
        yield folder, "artifact that no kept run needs" if is_complete else "incomplete artifact"
    for stage in STAGE_NAMES:
        if stage not in needed.damaged | needed.under_way:
            for path in _files(store.pools(stage), root):
                shard = path.with_suffix(".npy")
                if (
                    _SHARD.fullmatch(shard.name)
                    and shard not in needed.files
                    and (path == shard or copies.leaves_out(shard))
                ):
                    yield path, "shard that no kept artifact uses"
    trainings = trials(store)
    for folder, finished in trainings.items():
        if finished:
            yield folder, "trials of a finished training"
        elif not any(store.pools(stage) in folder.parents for stage in needed.under_way):
            yield folder, "trials and checkpoints of an unfinished training"
    not_used = compiled.unused(root)
    for folder in not_used:
        yield folder, f"compiled networks that nothing has used for {compiled.UNUSED_DAYS} days"
    yield from find_left_over(root, skip={*artifacts, *trainings, *not_used})
    if photos and "crawl" not in needed.damaged:
        for path in _files(store.photos, root):
            if path.name.startswith(path.parent.name) and path not in needed.files:  # photos/ab/<digest, ab...>.jpg
                yield path, _PHOTO


def _entries(folder: Path, root: Path) -> list[Path]:
    """Return what is in a folder, sorted; nothing if a link that may not be followed leads there, see `is_own`."""
    try:
        return sorted(folder.iterdir()) if is_own(root, folder / "any") else []
    except (FileNotFoundError, NotADirectoryError):
        return []


def _files(folder: Path, root: Path) -> Iterator[Path]:
    """Yield the files and links in a folder and below it, sorted; links are not followed."""
    for path in _entries(folder, root):
        if path.is_dir() and not path.is_symlink():
            yield from _files(path, root)
        else:
            yield path


def _bytes(path: Path) -> int | None:
    """Measure a file or folder; None if it was deleted meanwhile."""
    try:
        return size_bytes(path) if path.is_dir() and not path.is_symlink() else path.lstat().st_size
    except FileNotFoundError:
        return None
