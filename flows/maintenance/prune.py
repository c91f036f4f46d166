"""What the store could spare: artifacts that no recent run needs, and shards that no artifact points at."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from configs.schema import STAGE_NAMES
from flows import preflight
from flows.run_records import read_records
from tasks.store import manifest
from tasks.store.manifest import Manifest
from tasks.store.store import Store, size_bytes


@dataclass(frozen=True)
class Spare:
    """Something that can be deleted, and why."""

    path: Path
    why: str
    bytes: int

    @classmethod
    def of(cls, path: Path, why: str) -> "Spare":
        """Measure a file or folder."""
        return cls(path, why, size_bytes(path) if path.is_dir() else path.stat().st_size)


def find_spare(store: Store, keep_runs: int, *, photos: bool = False) -> list[Spare]:
    """What neither the last `keep_runs` runs nor the last run that ended well need.

    photos: whether photos that no kept crawl holds may go too; they may be gone from the net.
    """
    kept = _needed(store, keep_runs)
    spare = [
        Spare.of(folder, _why(folder))
        for stage in STAGE_NAMES
        for folder in sorted((store.root / "artifacts" / stage).glob("*"))
        if folder not in kept
    ]
    used = {store.root / name for folder in kept for name in Manifest.read(folder).refs}
    for path in sorted((store.root / "pools").rglob("*.npy")):
        if path not in used:
            spare.append(Spare.of(path, "no kept artifact points at this shard"))
    spare += [Spare.of(path, "checkpoints of a training that did not end") for path in unfinished(store)]
    partial = (path for path in (store.root / "pools").rglob(".partial-*") if path.suffix != ".npy")
    spare += [Spare.of(path, "left behind by a killed run") for path in sorted(partial)]
    if photos:
        files = (path for path in sorted(store.photos.rglob("*")) if path.is_file())
        spare += [Spare.of(path, "no kept crawl holds this photo") for path in files if path not in used]
    return spare


def delete(store: Store, agreed: list[Spare], keep_runs: int, *, photos: bool = False) -> int:
    """Delete what was agreed to and is still spare; returns the bytes freed. Refuses while a run is under way.

    It is looked at again, since a run may have come to need some of it while the user was thinking.
    """
    with preflight.in_use(store.root, alone=True):
        paths = {item.path for item in agreed}
        spare = [item for item in find_spare(store, keep_runs, photos=photos) if item.path in paths]
        for item in spare:
            remove(item.path)
    return sum(item.bytes for item in spare)


def unfinished(store: Store) -> list[Path]:
    """Folders with the checkpoints of trainings that did not end."""
    return sorted((store.pools("train") / "under-way").glob("*"))


def remove(path: Path) -> None:
    """Delete an artifact's folder, or a file; a shard goes with its list of photos."""
    if path.is_dir():
        # The manifest first: a folder without one doesn't exist, should this be interrupted.
        (path / manifest.NAME).unlink(missing_ok=True)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
        if path.suffix == ".npy":
            path.with_suffix(".json").unlink(missing_ok=True)


def _needed(store: Store, keep_runs: int) -> set[Path]:
    """Folders of the artifacts that kept runs gave, and of all that those were made from."""
    records = read_records(store.root)
    complete = (record for record in records if record.state == "done" and record.until == "evaluate")
    runs = [*records[:keep_runs], *[record for record, _ in zip(complete, range(1), strict=False)]]
    todo = [stage.artifact for record in runs for stage in record.stages]
    needed: set[Path] = set()
    while todo:
        folder = store.folder(artifact := todo.pop())
        if folder in needed:
            continue
        try:
            todo += Manifest.read(folder).cache_key.parents.values()
        except (FileNotFoundError, ValueError):
            continue
        needed.add(store.folder(artifact))
    return needed


def _why(folder: Path) -> str:
    if folder.name.startswith("."):
        return "left behind by a killed run"
    return "no kept run needs this artifact" if (folder / manifest.NAME).exists() else "incomplete"


def disk_usage(root: Path) -> dict[str, tuple[int, int]]:
    """What is below the data folder: name -> (artifacts, shards or files; bytes)."""
    usage: dict[str, tuple[int, int]] = {}
    for stage in STAGE_NAMES:
        folders = list((root / "artifacts" / stage).glob("[!.]*"))
        usage[stage] = (len(folders), sum(size_bytes(folder) for folder in folders))
    for name, pattern in (("pools", "*.npy"), ("photos", "*.*")):
        folder = root / name
        if folder.exists():
            usage[name] = (sum(1 for _ in folder.rglob(pattern)), size_bytes(folder))
    return usage


def by_why(spare: list[Spare]) -> Iterator[tuple[str, int, int]]:
    """(why, things, bytes) for each reason."""
    for why in sorted({item.why for item in spare}):
        items = [item for item in spare if item.why == why]
        yield why, len(items), sum(item.bytes for item in items)
