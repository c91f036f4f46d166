"""Find and delete what is no longer needed: artifacts of old runs, and shards that no artifact uses."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from configs.schema import STAGE_NAMES
from flows import preflight
from flows.run_records import read_records
from tasks.store import manifest
from tasks.store.manifest import Manifest
from tasks.store.paths import inside, is_own, remove
from tasks.store.store import Store, size_bytes


@dataclass(frozen=True)
class Unneeded:
    """A file or folder that can be deleted, and the reason."""

    path: Path
    reason: str
    bytes: int

    @classmethod
    def of(cls, path: Path, reason: str) -> "Unneeded":
        """Measure a file or folder."""
        is_folder = path.is_dir() and not path.is_symlink()
        return cls(path, reason, size_bytes(path) if is_folder else path.lstat().st_size)


def find_unneeded(store: Store, keep_runs: int, *, photos: bool = False) -> list[Unneeded]:
    """Return what neither the last `keep_runs` runs nor the last successful run needs.

    Args:
        store: The store to search.
        keep_runs: How many of the newest runs to keep, whether or not they succeeded.
        photos: Whether to include photos that no kept crawl contains; they may have vanished from the web.
    """
    kept = _needed(store, keep_runs)
    root = store.root
    unneeded = [
        Unneeded.of(folder, _reason(folder))
        for stage in STAGE_NAMES
        for folder in sorted((root / "artifacts" / stage).glob("*"))
        if folder not in kept and _is_stores(root, folder)
    ]
    used = {inside(root, name) for folder in kept for name in Manifest.read(folder).refs}
    for path in sorted((root / "pools").rglob("*.npy")):
        if path not in used and _is_stores(root, path):
            unneeded.append(Unneeded.of(path, "shard that no kept artifact uses"))
    unneeded += [Unneeded.of(path, "checkpoints of an unfinished training") for path in unfinished_trainings(store)]
    partial = [path for path in (root / "pools").rglob(".partial-*") if path.suffix != ".npy"]
    partial += [path for folder in kept for path in folder.rglob(".partial-*")]  # of a report
    unneeded += [Unneeded.of(path, "left by a killed run") for path in sorted(partial) if _is_stores(root, path)]
    if photos:
        files = (path for path in sorted(store.photos.rglob("*")) if path.is_file() and _is_stores(root, path))
        unneeded += [Unneeded.of(path, "photo that no kept crawl contains") for path in files if path not in used]
    return unneeded


def delete(store: Store, agreed: list[Unneeded], keep_runs: int, *, photos: bool = False) -> int:
    """Delete what the user agreed to, as far as it is still unneeded; a run may have reused some of it meanwhile.

    Returns:
        The number of bytes freed.

    Raises:
        UserError: A run is using the data folder.
    """
    with preflight.in_use(store.root, exclusive=True):
        paths = {item.path for item in agreed}
        unneeded = [item for item in find_unneeded(store, keep_runs, photos=photos) if item.path in paths]
        for item in unneeded:
            delete_item(store.root, item.path)
    return sum(item.bytes for item in unneeded)


def unfinished_trainings(store: Store) -> list[Path]:
    """Return the folders with checkpoints of trainings that did not finish."""
    found = sorted((store.pools("train") / "under-way").glob("*"))
    return [path for path in found if is_own(store.root, path)]


def delete_item(root: Path, path: Path) -> None:
    """Delete an artifact's folder, or a file; with a shard, also its list of photos. See `paths.remove` for links."""
    if path.is_dir():
        # Delete the manifest first: if this is interrupted, the rest of the folder counts as incomplete.
        remove(root, path / manifest.NAME)
    remove(root, path)
    if path.suffix == ".npy":
        remove(root, path.with_suffix(".json"))


def disk_usage(root: Path) -> dict[str, tuple[int, int]]:
    """Return the disk usage below the data folder: name -> (number of artifacts, shards or files; bytes).

    Folders that are private for another user are left out.
    """
    usage: dict[str, tuple[int, int]] = {}
    for stage in STAGE_NAMES:
        found = (root / "artifacts" / stage).glob("[!.]*")
        folders = [folder for folder in found if folder.is_dir() and not folder.is_symlink()]
        usage[stage] = (len(folders), sum(size_bytes(folder) for folder in folders))
    for name, pattern in (("pools", "*.npy"), ("photos", "*.*")):
        folder = root / name
        if os.access(folder, os.R_OK | os.X_OK):
            usage[name] = (sum(1 for _ in folder.rglob(pattern)), size_bytes(folder))
    return usage


def by_reason(unneeded: list[Unneeded]) -> Iterator[tuple[str, int, int]]:
    """Yield (reason, number of files and folders, bytes) for each reason."""
    for reason in sorted({item.reason for item in unneeded}):
        items = [item for item in unneeded if item.reason == reason]
        yield reason, len(items), sum(item.bytes for item in items)


def _needed(store: Store, keep_runs: int) -> set[Path]:
    """Return the folders of the kept runs' artifacts, and of all artifacts that those were made from."""
    records = read_records(store.root)
    successful = (record for record in records if record.state == "done" and record.until == "evaluate")
    runs = [*records[:keep_runs], *[record for record, _ in zip(successful, range(1), strict=False)]]
    todo = [stage.artifact for record in runs for stage in record.stages]
    needed: set[Path] = set()
    while todo:
        folder = store.folder(todo.pop())
        if folder in needed:
            continue
        try:
            todo += Manifest.read(folder).cache_key.parents.values()
        except (FileNotFoundError, NotADirectoryError, ValueError):
            continue
        needed.add(folder)
    return needed


def _is_stores(root: Path, path: Path) -> bool:
    """Whether the store made a file or folder, by its place and name: `data/photos` may be a link to all pictures."""
    if not is_own(root, path):
        return False
    kind, *folders, name = path.relative_to(root).parts
    partial, digest = name.startswith(".partial-"), name.removeprefix(".damaged-")
    if kind == "photos":  # photos/ab/<digest>.jpg
        return len(folders) == 1 and len(folders[0]) == 2 and (partial or digest.startswith(folders[0]))
    return bool(folders) and folders[0] in STAGE_NAMES and (partial or re.match("[0-9a-f]{24}", digest) is not None)


def _reason(folder: Path) -> str:
    if folder.name.startswith("."):
        return "left by a killed run"
    return "artifact that no kept run needs" if (folder / manifest.NAME).exists() else "incomplete artifact"
