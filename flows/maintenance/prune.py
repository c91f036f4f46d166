"""Find and delete what is no longer needed: artifacts of old runs, and shards that no artifact uses."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from configs.schema import STAGE_NAMES
from flows import preflight
from flows.run_records import read_records
from tasks.store import manifest
from tasks.store.file_errors import remove_folder
from tasks.store.manifest import Manifest
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
        return cls(path, reason, size_bytes(path) if path.is_dir() else path.stat().st_size)


def find_unneeded(store: Store, keep_runs: int, *, photos: bool = False) -> list[Unneeded]:
    """Return what neither the last `keep_runs` runs nor the last successful run needs.

    Args:
        store: The store to search.
        keep_runs: How many of the newest runs to keep, whether or not they succeeded.
        photos: Whether to include photos that no kept crawl contains; they may have vanished from the web.
    """
    kept = _needed(store, keep_runs)
    unneeded = [
        Unneeded.of(folder, _reason(folder))
        for stage in STAGE_NAMES
        for folder in sorted((store.root / "artifacts" / stage).glob("*"))
        if folder not in kept
    ]
    used = {store.root / name for folder in kept for name in Manifest.read(folder).refs}
    for path in sorted((store.root / "pools").rglob("*.npy")):
        if path not in used:
            unneeded.append(Unneeded.of(path, "shard that no kept artifact uses"))
    unneeded += [Unneeded.of(path, "checkpoints of an unfinished training") for path in unfinished_trainings(store)]
    partial = [path for path in (store.root / "pools").rglob(".partial-*") if path.suffix != ".npy"]
    partial += [path for folder in kept for path in folder.rglob(".partial-*")]  # of a report
    unneeded += [Unneeded.of(path, "left by a killed run") for path in sorted(partial)]
    if photos:
        files = (path for path in sorted(store.photos.rglob("*")) if path.is_file())
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
            remove(item.path)
    return sum(item.bytes for item in unneeded)


def unfinished_trainings(store: Store) -> list[Path]:
    """Return the folders with checkpoints of trainings that did not finish."""
    return sorted((store.pools("train") / "under-way").glob("*"))


def remove(path: Path) -> None:
    """Delete an artifact's folder, or a file; with a shard, also its list of photos."""
    if path.is_dir():
        # Delete the manifest first: if this is interrupted, the rest of the folder counts as incomplete.
        (path / manifest.NAME).unlink(missing_ok=True)
        remove_folder(path)
    else:
        path.unlink(missing_ok=True)
        if path.suffix == ".npy":
            path.with_suffix(".json").unlink(missing_ok=True)


def disk_usage(root: Path) -> dict[str, tuple[int, int]]:
    """Return the disk usage below the data folder: name -> (number of artifacts, shards or files; bytes)."""
    usage: dict[str, tuple[int, int]] = {}
    for stage in STAGE_NAMES:
        folders = list((root / "artifacts" / stage).glob("[!.]*"))
        usage[stage] = (len(folders), sum(size_bytes(folder) for folder in folders))
    for name, pattern in (("pools", "*.npy"), ("photos", "*.*")):
        folder = root / name
        if folder.exists():
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
        except (FileNotFoundError, ValueError):
            continue
        needed.add(folder)
    return needed


def _reason(folder: Path) -> str:
    if folder.name.startswith("."):
        return "left by a killed run"
    return "artifact that no kept run needs" if (folder / manifest.NAME).exists() else "incomplete artifact"
