"""Which files of a data folder are in the tree of its bucket, and which of them have changed here.

In the tree are the manifests of artifacts and files that they don't list (the report), shards with their descriptions,
and all small files that people or runs write. Photos and the files of artifacts are not: manifests list them. Only the
photos of crawls that were deleted are in the tree, until `fluke prune --photos`. Not in the bucket are locks, logs,
caches, the Prefect server, results of `fluke score` and `fluke look`, and checkpoints of trainings, which are this
machine's.
"""

import os
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tasks.store.atomic import atomic_write
from tasks.store.manifest import NAME, FileRecord, Manifest, RelativePath

FILES = ("decisions.csv", "forgotten.csv", "names.json")
FOLDERS = ("runs", "models", "splits", "test_lists", "backups", "ablations")
UNITS = ("models/", "splits/", "test_lists/", "backups/")
"""In these folders, a folder is one file in several generations: it changes as a whole."""
_SHARDED = ("filter", "preprocess", "extract")
_NAME = ".mirror.json"


class Seen(BaseModel):
    """A file as it was when folder and bucket were last the same."""

    model_config = ConfigDict(frozen=True)

    record: FileRecord
    changed_ns: Annotated[int, Field(ge=0)]
    """Time of its last change, so that it isn't read again."""


def read_base(root: Path) -> dict[str, Seen]:
    """Return the files as they were when folder and bucket were last the same; empty if that was never."""
    try:
        return _BASE.validate_json((root / _NAME).read_bytes())
    except (FileNotFoundError, ValidationError):
        return {}


def write_base(root: Path, files: Mapping[str, FileRecord], here: Mapping[str, Seen]) -> None:
    """Note that the folder and the bucket have these files now.

    Args:
        root: The data folder.
        files: The files in the bucket.
        here: The files that were here when it was looked; a later change must be noticed next time.
    """
    base = {}
    for path, record in files.items():
        seen = here.get(path)
        if seen and seen.record == record:
            base[path] = seen
        elif (root / path).is_file():  # it was fetched
            base[path] = Seen(record=record, changed_ns=(root / path).stat().st_mtime_ns)
    atomic_write(root / _NAME, _BASE.dump_json(base))


def is_shard(path: str) -> bool:
    """Whether a file of the tree is the array of a shard; its description is another file."""
    return path.startswith("pools/") and path.endswith(".npy")


def is_photo(path: str) -> bool:
    """Whether a path is that of a photo."""
    return path.startswith("photos/")


def scan(root: Path, base: Mapping[str, Seen], left_out: Mapping[str, FileRecord]) -> dict[str, Seen]:
    """Return the files that belong in the tree, as they are here. Files that haven't changed aren't read.

    Args:
        root: The data folder.
        base: The result of `read_base`.
        left_out: Files that come when they are read; a shard among them counts as long as its description is here.
    """
    found = {
        path: Seen(record=record, changed_ns=0)
        for path, record in left_out.items()
        if is_shard(path) and (root / path).with_suffix(".json").is_file()
    }
    for path in _paths(root, left_out):
        name = path.relative_to(root).as_posix()
        try:
            stat = path.stat()
            seen = base.get(name)
            if seen is None or (seen.changed_ns, seen.record.bytes) != (stat.st_mtime_ns, stat.st_size):
                seen = Seen(record=FileRecord.of(path), changed_ns=stat.st_mtime_ns)
            found[name] = seen
        except FileNotFoundError:  # it has just been replaced
            continue
    return found


def changes(
    known: Mapping[str, FileRecord], here: Mapping[str, FileRecord], *, deletes: bool
) -> dict[str, FileRecord | None]:
    """Return what has changed here since folder and bucket were the same; None: the file is gone.

    Args:
        known: The files as they were then.
        here: The files as they are.
        deletes: Whether files that are gone count; otherwise only where others of their unit have changed.
    """
    changed = {path: record for path, record in here.items() if known.get(path) != record}
    units = {_unit(path) for path in changed}
    gone = [path for path in known if path not in here and (deletes or _unit(path) in units)]
    return {**changed, **dict.fromkeys(gone)}


def conflicts(mine: Iterable[str], known: Mapping[str, FileRecord], there: Mapping[str, FileRecord]) -> list[str]:
    """Return the paths, sorted, whose units others have changed since folder and bucket were the same."""
    touched = {_unit(path) for path in (*known, *there) if known.get(path) != there.get(path)}
    return sorted(path for path in mine if _unit(path) in touched)


def _unit(path: str) -> str:
    """Return what changes as a whole: the folder of a generation, or else the file."""
    return path.rpartition("/")[0] if path.startswith(UNITS) else path


def _paths(root: Path, left_out: Container[str]) -> Iterator[Path]:
    for name in FILES:
        if (root / name).is_file():
            yield root / name
    for name in FOLDERS:
        yield from _below(root / name)
    for folder in sorted((root / "artifacts").glob("*/[!.]*")):
        yield from _of_artifact(folder)
    for stage in _SHARDED:
        for path in _below(root / "pools" / stage):
            shard = path.with_suffix(".npy")
            is_here = shard.is_file()
            if path.suffix == ".json" and (is_here or shard.relative_to(root).as_posix() in left_out):
                yield path
                if is_here:
                    yield shard


def _of_artifact(folder: Path) -> Iterator[Path]:
    try:
        manifest = Manifest.read(folder)
    except (OSError, ValueError):
        return
    listed = {folder / name for name in manifest.files}
    yield folder / NAME
    yield from (path for path in _below(folder) if path not in listed and path.name != NAME)


def _below(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, but none that is hidden or a lock."""
    for name, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        yield from (
            Path(name, file) for file in sorted(files) if not file.startswith(".") and not file.endswith(".lock")
        )


_BASE = TypeAdapter(dict[RelativePath, Seen])
