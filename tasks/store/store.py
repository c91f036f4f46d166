"""The store: artifacts on disk, found by cache key and published atomically.

    DATA/artifacts/<stage>/<key>/   an artifact: its files, and manifest.json written last
    DATA/pools/<stage>/<key>/       shards that artifacts refer to (see `shards`)
    DATA/photos/ab/<sha256>.jpg     the photos (see `tasks.images.photos`)
    DATA/counter                    the last number of a run or an artifact (see `counter`)
    DATA/locks/                     one lock per key; the kernel releases it if its process dies

A published artifact is never changed. If it is built again, because of `--fresh` or because it is damaged, the new one
gets another folder, `<key>-2`, so that a run can go on reading the old one. Only the view of an evaluation (heat maps,
figures, report) may be written again: it is in the artifact's folder, but not in the manifest, so no check covers it.
"""

import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import Timeout

from tasks.store import atomic, counter
from tasks.store.bucket import copies
from tasks.store.file_errors import PARTIAL
from tasks.store.manifest import Artifact, CacheKey, FileRecord, Manifest, ManifestHead, Result, content_digest, newest
from tasks.store.paths import remove
from tasks.store.permissions import PRIVATE_FOLDERS, file_lock, make_private_folder
from tasks.store.repair import set_aside

logger = logging.getLogger("fluke.store")

_MAX_PROBLEMS = 3
"""So many damaged files of an artifact are named; the others are counted."""


class Store:
    """The artifacts in a data folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def folder(self, artifact: Artifact) -> Path:
        """Return the folder of an artifact."""
        return self.root / "artifacts" / artifact.stage / artifact.key

    def pools(self, stage: str) -> Path:
        """Return the folder of a stage's pools."""
        return self.root / "pools" / stage

    @property
    def photos(self) -> Path:
        """The folder of the photos."""
        return self.root / "photos"

    def manifest(self, artifact: Artifact) -> ManifestHead:
        """Read the head of an artifact's manifest."""
        return ManifestHead.read(self.folder(artifact))

    def manifests(self, stage: str) -> list[Manifest]:
        """Read the manifests of all artifacts of a stage, the newest first."""
        found = []
        for folder in (self.root / "artifacts" / stage).glob("[!.]*"):
            try:
                found.append(Manifest.read(folder))
            except (FileNotFoundError, NotADirectoryError, ValueError):
                continue  # a folder without a valid manifest counts as no artifact
        return newest(found)

    def find(self, cache_key: CacheKey, *, verify: bool = False, repair: bool = False) -> Artifact | None:
        """Return the newest artifact of a cache key if it is valid, else None.

        An older artifact never replaces a damaged newest one. The options are those of `valid`.
        """
        generations = self._generations(cache_key)
        return self.valid(generations[-1], verify=verify, repair=repair) if generations else None

    def valid(self, folder: Path, *, verify: bool = False, repair: bool = False) -> Artifact | None:
        """Return the artifact in a folder if it is complete and undamaged, else None.

        Missing and damaged files are logged.

        Args:
            folder: The artifact's folder.
            verify: Whether to compare the SHA-256 of each file, not only its size.
            repair: Whether to rename damaged files in pools, so that they are built again.
        """
        try:
            manifest = Manifest.read(folder)
        except (FileNotFoundError, NotADirectoryError):
            logger.warning("%s has no manifest: it will be built again", folder)
            return None
        except ValueError as error:
            logger.warning("%s: it will be built again", error)
            return None
        problems = list(manifest.problems(folder, self.root, verify=verify))
        if problems and (copy := copies.of(self.root)):
            copy.bring(manifest)
            found = manifest.problems(folder, self.root, verify=verify)
            problems = [(path, problem) for path, problem in found if not copies.leaves_out(path)]
        for number, (path, problem) in enumerate(problems):
            if number < _MAX_PROBLEMS:
                logger.warning("%s: it will be built again", problem)
            if repair and not path.is_relative_to(folder):
                set_aside(self.root, path)
        if len(problems) > _MAX_PROBLEMS:
            logger.warning("%s: %d more files are missing or damaged", folder, len(problems) - _MAX_PROBLEMS)
        return None if problems else manifest.artifact

    def publish(self, cache_key: CacheKey, source: str, build: Callable[[Path], Result]) -> Artifact:
        """Build an artifact in a hidden folder, and rename the folder when it is complete.

        The caller must hold the lock of the cache key. If `build` raises, or the machine stops, nothing is published.

        Args:
            cache_key: The cache key.
            source: Digest of the stage's code.
            build: Writes the artifact's files to a folder.
        """
        home = self.root / "artifacts" / cache_key.stage
        home.mkdir(parents=True, exist_ok=True)
        for folder in (self.root / name for name in PRIVATE_FOLDERS):
            make_private_folder(folder, top=folder)
        for left_over in home.glob(f"{PARTIAL}{cache_key.digest}*"):  # of a killed run, since the caller holds the lock
            remove(self.root, left_over)
        partial = home / f"{PARTIAL}{cache_key.digest}"
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
                number=counter.next_number(self.root),
                artifact=artifact,
                cache_key=cache_key,
                counts=result.counts,
                files=records,
                refs=refs,
                source=source,
                notes=tuple(result.notes),
                made_at=datetime.now(UTC),
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
        """Lock a cache key, so that only one run builds its artifact; waits while another run has the lock."""
        lock = file_lock(self.root / "locks" / f"{cache_key.stage}-{cache_key.digest}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            logger.warning("another run is building %s %s: waiting for it", cache_key.stage, cache_key.digest)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def building(self, cache_key: CacheKey) -> Iterator[bool]:
        """Let no other host build an artifact in the block; yields whether others may have built it meanwhile.

        Nobody has, unless the data folder is in a bucket. What is published in the block goes there at its end.
        """
        copy = copies.of(self.root)
        with copy.building(cache_key.stage, cache_key.digest) if copy else nullcontext():
            yield copy is not None

    def _generations(self, cache_key: CacheKey) -> list[Path]:
        """Folders of the artifacts with this cache key, the oldest first."""
        home = self.root / "artifacts" / cache_key.stage
        found = (folder for folder in home.glob(f"{cache_key.digest}*") if _generation(folder, cache_key))
        return sorted(found, key=lambda folder: _generation(folder, cache_key))


def _generation(folder: Path, cache_key: CacheKey) -> int:
    """Return 1 for `<key>`, 2 for `<key>-2` and so on; 0 for any other name."""
    number = folder.name.removeprefix(cache_key.digest)
    return 1 if not number else int(number[1:]) if re.fullmatch("-[0-9]+", number) else 0


def size_bytes(folder: Path) -> int:
    """Add up the sizes of all files in a folder and its subfolders, in bytes.

    Links are not followed, and what is deleted meanwhile doesn't count.
    """
    total = 0
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                total += size_bytes(Path(entry.path))
            else:
                with suppress(FileNotFoundError):
                    total += entry.stat(follow_symlinks=False).st_size
    return total
