"""The memory of a split: which photos were ever in the test, so that they are never trained on.

There is one for each name (`filter.memory`) and seed. It is no cache: nothing else knows what it contains. So it is
never pruned, has a copy in another place, and is checked whenever a run asks for the filter's result.

    DATA/splits/<name>/seed-<n>/            its generations, see `tasks.store.generations`
    DATA/backups/splits/<name>/seed-<n>/    the same files
"""

import logging
from collections.abc import Callable, Collection
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from configs.schema import FilterConfig
from tasks.filter.memory import memory_file
from tasks.filter.memory.old_split_history import OldSplitHistory
from tasks.filter.memory.remembered import Header, Remembered
from tasks.names import folder_name
from tasks.split_reference import SplitReference
from tasks.store.errors import UserError
from tasks.store.generations import Generation, Generations
from tasks.store.manifest import NAME as MANIFEST
from tasks.store.permissions import file_lock
from tasks.store.store import Store
from tasks.tables.filter import ABSENT, KEPT, REJECTED

logger = logging.getLogger("fluke.filter")

FOLDER, COPIES = "splits", "backups/splits"
Content = TypeVar("Content")
_UNNAMED = "custom"
"""The name of the memory of settings that come from no preset."""
_SUFFIX = ".parquet"


class SplitMemory:
    """The memory that a config names, in a data folder."""

    def __init__(self, config: FilterConfig, root: Path) -> None:
        """Take the filter's settings and the data folder; nothing is read."""
        self.name = config.memory or _UNNAMED
        self._config, self._root = config, root
        place = f"{folder_name(self.name)}/seed-{config.seed}"
        self._remedy = (
            f"it says which photos of filter.memory={self.name} were tested; restore {root / FOLDER / place} or "
            f"{root / COPIES / place} from a backup, or set another filter.seed (it is {config.seed}) to begin anew"
        )
        self._files = Generations(root / FOLDER / place, root / COPIES / place, suffix=_SUFFIX, remedy=self._remedy)
        self._lock_file = root / "locks" / f"{FOLDER}-{place.replace('/', '-')}.lock"
        self.old = OldSplitHistory(config, Store(root).pools("filter"))
        self._newest: Generation | None = None

    @cached_property
    def lock(self) -> FileLock:
        """The lock of whoever writes the memory. Its file is made when it is first used: readers need none."""
        return file_lock(self._lock_file)

    def check(self) -> int:
        """Check the memory at the start of a run, restore damaged copies, and return its number of changes.

        This number is an external input of the filter: an older result that still trains on a photo that has moved to
        the test is not reused. See `Header.changes`.

        Raises:
            UserError: It can't be read, is gone, or is older than a result of the filter that was made with it.
        """
        newest = self._find()
        header, tests = self._decoded(memory_file.read_tests, newest) if newest else (None, set())
        number, checked = newest.number if newest else 0, False
        for generation, folder in self._results():
            if checked and generation <= number:
                break  # what it was made with is a part of what is remembered now
            try:
                tested = _tests_of(folder)
            except (OSError, ValueError):  # damaged; the store reports that elsewhere
                continue
            if header is None:
                raise UserError(f"{self._files.folder} is gone, but {folder} was made with it; {self._remedy}")
            if lacking := sorted(tested - tests):
                raise UserError(
                    f"{self._files.folder} is older than {folder}, which was made with it: {len(lacking):,} photos "
                    f"that were tested there are not in it, such as {lacking[0][:12]}; {self._remedy}"
                )
            checked = True
        return header.changes(self._config) if header else self.old.moves()

    def read(self) -> Remembered | None:
        """Return what is remembered; None if nothing is, yet. Damaged copies are restored.

        Raises:
            UserError: No copy can be read.
        """
        self._newest = self._find()
        return self._decoded(memory_file.decode, self._newest) if self._newest else None

    def _find(self) -> Generation | None:
        newest = self._files.newest()
        if newest and newest.damaged:
            self._files.try_to_repair(newest, self.lock)
        return newest

    def _decoded(self, decode: Callable[[Path], Content], generation: Generation) -> Content:
        try:
            return decode(generation.path)
        except ValueError as error:
            raise UserError(f"{error}; it may be of a newer version of fluke; {self._remedy}") from error

    def new(self) -> Remembered:
        """Return a memory without photos."""
        return Remembered(Header.of(self._config, self.name))

    def write(self, remembered: Remembered) -> int:
        """Store what is remembered, in addition to what `read` has returned; the caller must hold the lock.

        Returns:
            The number of the generation. It is not a new one if nothing has changed.
        """
        self._newest = self._files.write(memory_file.encode(remembered), self._newest)
        return self._newest.number

    def write_reference(self, out: Path, generation: int) -> None:
        """Write into an artifact which memory it was made with."""
        SplitReference(name=self.name, seed=self._config.seed, generation=generation).write(out)

    def _results(self) -> list[tuple[int, Path]]:
        """Return the artifacts that were made with this memory: its generation and their folder, the newest first."""
        found = []
        for path in (self._root / "artifacts" / "filter").glob(f"[!.]*/{MANIFEST}"):
            reference = SplitReference.read(path.parent)
            if reference and (reference.name, reference.seed) == (self.name, self._config.seed):
                found.append((reference.generation, path.parent))
        return sorted(found, reverse=True)


def forget(root: Path, photos: Collection[str]) -> int:
    """Remove photos from all memories of a data folder, and from all copies of these.

    Returns:
        The number of memories that contained one of them.

    Raises:
        UserError: No copy of a memory can be read.
    """
    places = {
        path.relative_to(root / home)
        for home in (FOLDER, COPIES)
        for path in (root / home).glob("*/*")
        if path.is_dir()
    }
    changed = 0
    for place in sorted(places):
        remedy = f"restore {root / FOLDER / place} or {root / COPIES / place} from a backup, or delete both"
        files = Generations(root / FOLDER / place, root / COPIES / place, suffix=_SUFFIX, remedy=remedy)
        newest = files.newest()
        if newest is None:
            continue
        try:
            remembered = memory_file.decode(newest.path)
        except ValueError as error:
            raise UserError(f"{error}; it may be of a newer version of fluke; {remedy}") from error
        if set(photos).isdisjoint(remembered.photos):
            files.delete_earlier(newest)  # a killed call may have left one that has them
        else:
            files.replace_all(memory_file.encode(remembered.without(photos)), newest)
            changed += 1
    for path in Store(root).pools("filter").glob(OldSplitHistory.PATTERN):
        changed += OldSplitHistory.forget(path, photos)
    return changed


def _tests_of(folder: Path) -> set[str]:
    """Return the test photos of a result of the filter."""
    tables = (table.read_arrow(folder, ["photo", "split"]) for table in (KEPT, REJECTED, ABSENT))
    return set().union(*map(memory_file.tests_in, tables))
