"""The store: content-addressed artifacts on disk, published whole or not at all.

    DATA/artifacts/<stage>/<key>/   an artifact: its files, and manifest.json written last
    DATA/pools/<stage>/<key>/       shards that artifacts point into (see `pool`)
    DATA/photos/ab/<sha256>.jpg     the photos themselves (see `photos`)
    DATA/locks/                     one lock per key, released by the kernel if its holder dies

An artifact is never changed once it is published. Made again (`fresh`, or because it was damaged), it gets a new
folder, `<key>-2`, so that a run that still reads the old one is not disturbed.
"""

import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.store import atomic
from tasks.store.manifest import Artifact, CacheKey, FileRecord, Manifest, Result, content_digest, newest

logger = logging.getLogger("fluke.store")


class Store:
    """Finds artifacts and publishes new ones, below one data folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def folder(self, artifact: Artifact) -> Path:
        """Where an artifact's files are."""
        return self.root / "artifacts" / artifact.stage / artifact.key

    def pools(self, stage: str) -> Path:
        """Where a stage keeps its pools."""
        return self.root / "pools" / stage

    @property
    def photos(self) -> Path:
        """Where the photos are."""
        return self.root / "photos"

    def manifest(self, artifact: Artifact) -> Manifest:
        """An artifact's manifest."""
        return Manifest.read(self.folder(artifact))

    def manifests(self, stage: str) -> list[Manifest]:
        """Manifests of all artifacts of a stage, the newest first."""
        found = []
        for folder in (self.root / "artifacts" / stage).glob("[!.]*"):
            try:
                found.append(Manifest.read(folder))
            except (FileNotFoundError, NotADirectoryError, ValueError):
                continue  # a folder without a valid manifest doesn't exist
        return newest(found)

    def find(self, cache_key: CacheKey, *, verify: bool = False, repair: bool = False) -> Artifact | None:
        """The artifact of a recipe that was made last, if it is sound, else None: never an older night's instead."""
        generations = self._generations(cache_key)
        return self.valid(generations[-1], verify=verify, repair=repair) if generations else None

    def valid(self, folder: Path, *, verify: bool = False, repair: bool = False) -> Artifact | None:
        """The artifact in a folder if it is complete and undamaged, else None.

        Files that are missing or damaged are reported in the log. With `verify`, every file is read and compared with
        its SHA-256, not only its size. With `repair`, damaged files in pools are put aside, to be made again.
        """
        try:
            manifest = Manifest.read(folder)
        except FileNotFoundError:
            logger.warning("%s has no manifest: it will be made again", folder)
            return None
        except ValueError as error:
            logger.warning("%s: it will be made again", error)
            return None
        problems = list(manifest.problems(folder, self.root, verify=verify))
        for path, problem in problems:
            logger.warning("%s: it will be made again", problem)
            if repair and path.exists() and not path.is_relative_to(folder):
                path.replace(path.with_name(f".damaged-{path.name}"))
        return None if problems else manifest.artifact

    def publish(self, cache_key: CacheKey, source: str, build: Callable[[Path], Result]) -> Artifact:
        """Build an artifact into a hidden folder, and give it its name when it is complete.

        The caller holds the recipe's lock. If `build` raises, or the machine stops, nothing is published.
        """
        home = self.root / "artifacts" / cache_key.stage
        home.mkdir(parents=True, exist_ok=True)
        for left_over in home.glob(f".partial-{cache_key.digest}*"):  # of a run that was killed: we hold the lock
            shutil.rmtree(left_over)
        partial = home / f".partial-{cache_key.digest}"
        partial.mkdir()
        try:
            start = time.monotonic()
            result = build(partial)
            seconds = time.monotonic() - start
            records = {}
            for path in sorted(path for path in partial.rglob("*") if path.is_file()):
                atomic.sync(path)
                records[path.relative_to(partial).as_posix()] = FileRecord.of(path)
            generations = self._generations(cache_key)
            key = (
                f"{cache_key.digest}-{_generation(generations[-1], cache_key) + 1}" if generations else cache_key.digest
            )
            artifact = Artifact(stage=cache_key.stage, key=key, digest=result.digest or content_digest(records))
            refs = {path.relative_to(self.root).as_posix(): record for path, record in result.refs.items()}
            Manifest(
                artifact=artifact,
                cache_key=cache_key,
                counts=result.counts,
                files=records,
                refs=refs,
                source=source,
                made_at=datetime.now(UTC),  # to the microsecond: it says which of two is newer
                seconds=round(seconds, 3),
            ).write(partial)
            partial.rename(home / key)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        atomic.sync(home)
        return artifact

    @contextmanager
    def lock(self, cache_key: CacheKey) -> Iterator[None]:
        """Keep other runs from making the same artifact; waits for one that does."""
        path = self.root / "locks" / f"{cache_key.stage}-{cache_key.digest}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            logger.warning("another run is making %s %s: waiting for it", cache_key.stage, cache_key.digest)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _generations(self, cache_key: CacheKey) -> list[Path]:
        """Folders of a recipe's artifacts, the oldest first."""
        home = self.root / "artifacts" / cache_key.stage
        found = (folder for folder in home.glob(f"{cache_key.digest}*") if _generation(folder, cache_key))
        return sorted(found, key=lambda folder: _generation(folder, cache_key))


def _generation(folder: Path, cache_key: CacheKey) -> int:
    """1 for `<key>`, 2 for `<key>-2` and so on; 0 for any other name."""
    number = folder.name.removeprefix(cache_key.digest)
    return 1 if not number else int(number[1:]) if re.fullmatch("-[0-9]+", number) else 0


def size_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(
        entry.stat().st_size if entry.is_file(follow_symlinks=False) else size_bytes(Path(entry.path))
        for entry in os.scandir(folder)
    )
