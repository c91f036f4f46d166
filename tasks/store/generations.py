"""A file that must never be lost: each change is a new immutable file, in two places.

    <folder>/000012-<first 24 digits of its SHA-256>.<suffix>
    <copies>/000012-<first 24 digits of its SHA-256>.<suffix>    the same bytes

A reader takes the newest generation and compares its content with its name. If one of the two files is missing or
damaged, the other one replaces it.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.store import hashing
from tasks.store.atomic import atomic_write
from tasks.store.errors import UserError
from tasks.store.file_errors import PARTIAL
from tasks.store.permissions import make_private_folder

logger = logging.getLogger("fluke.store")

_DIGITS = 24
_KEPT = 2
"""So many generations are kept: the newest, and the one before it for a person to go back to."""
_ATTEMPTS = 5
"""How often a reader begins anew, because a writer has deleted what it was about to read."""


@dataclass(frozen=True)
class Generation:
    """One state of the file."""

    number: int
    path: Path
    """Where an undamaged copy is."""
    damaged: tuple[Path, ...] = ()
    """Paths at which an undamaged copy should be, but isn't."""

    @property
    def digest(self) -> str:
        """The first 24 hex digits of the SHA-256 of its content."""
        return self.path.stem.partition("-")[2]


class Generations:
    """The generations of one file."""

    def __init__(self, folder: Path, copies: Path, *, suffix: str, remedy: str) -> None:
        """Name the places.

        Args:
            folder: The first place.
            copies: The second place.
            suffix: Ending of the files, such as `.parquet`.
            remedy: What else a user can do if all copies are damaged, for messages.
        """
        self.folder, self.copies = folder, copies
        self._remedy = remedy
        self._suffix = suffix
        self._name = re.compile(rf"([0-9]{{6,}})-[0-9a-f]{{{_DIGITS}}}{re.escape(suffix)}")

    def newest(self) -> Generation | None:
        """Return the newest generation after a comparison of both copies with its digest; None if there is none.

        Raises:
            UserError: No copy of it is undamaged.
        """
        for _ in range(_ATTEMPTS):
            numbers = [number for number, _ in self._files()]
            if not numbers:
                return None
            found = self._checked(max(numbers))
            if found:
                return found
        raise UserError(f"{self.folder}: another run changes it all the time; try again after it has ended")

    def repair(self, generation: Generation) -> None:
        """Write a generation's undamaged copy to where it is missing or damaged. The caller must hold a lock."""
        for path in generation.damaged:
            what = "damaged" if path.exists() else "missing"
            make_private_folder(path.parent)
            atomic_write(path, generation.path.read_bytes(), private=True)
            logger.warning("%s was %s; it was restored from its copy %s", path, what, generation.path)

    def try_to_repair(self, generation: Generation, lock: FileLock) -> None:
        """Restore damaged copies, unless somebody else holds the lock, who does it, or the data folder is read-only."""
        try:
            with lock.acquire(timeout=0):
                self.repair(generation)
        except Timeout:
            return
        except OSError as error:
            paths = ", ".join(map(str, generation.damaged))
            logger.warning("%s can't be restored from %s (%s)", paths, generation.path, error.strerror)

    def write(self, data: bytes, newest: Generation | None) -> Generation:
        """Add a generation unless the newest one has the same content; delete those that are too old.

        The caller must hold a lock.

        Args:
            data: The content.
            newest: The result of `newest`.
        """
        digest = hashing.of_bytes(data)[:_DIGITS]
        if newest and newest.digest == digest:
            return newest
        number = newest.number + 1 if newest else 1
        self._write(data, number, digest)
        self._delete(number - _KEPT)
        return Generation(number, self.folder / self._file(number, digest))

    def replace_all(self, data: bytes, newest: Generation) -> None:
        """Write a generation, and delete all earlier ones: nothing that they contained is left."""
        self._write(data, newest.number + 1, hashing.of_bytes(data)[:_DIGITS])
        self._delete(newest.number)

    def delete_earlier(self, newest: Generation) -> None:
        """Delete all generations before the newest one, which a killed `replace_all` may have left."""
        self._delete(newest.number - 1)

    def _write(self, data: bytes, number: int, digest: str) -> None:
        for place in (self.folder, self.copies):
            for left_over in place.glob(f"{PARTIAL}*"):  # of a killed run, since the caller holds the lock
                left_over.unlink(missing_ok=True)
            make_private_folder(place)
            atomic_write(place / self._file(number, digest), data, private=True)

    def _delete(self, up_to: int) -> None:
        for number, path in list(self._files()):
            if number <= up_to:
                path.unlink(missing_ok=True)

    def _file(self, number: int, digest: str) -> str:
        return f"{number:06}-{digest}{self._suffix}"

    def _files(self) -> Iterator[tuple[int, Path]]:
        for place in (self.folder, self.copies):
            try:
                found = sorted(place.glob(f"*{self._suffix}"))
            except PermissionError:  # it is private for somebody else; the other place may be not
                continue
            for path in found:
                if match := self._name.fullmatch(path.name):
                    yield int(match[1]), path

    def _checked(self, number: int) -> Generation | None:
        """Compare all copies of a generation with their names; None if it has been deleted meanwhile."""
        names = sorted({path.name for found, path in self._files() if found == number})
        whole: dict[str, list[Path]] = {}
        problems: list[str] = []
        for name in names:
            for path in (self.folder / name, self.copies / name):
                problem = _problem(path)
                if problem:
                    problems.append(problem)
                else:
                    whole.setdefault(name, []).append(path)
        if len(whole) > 1:
            both = " and ".join(str(paths[0]) for paths in whole.values())
            raise UserError(f"{both} are two different states of the same file; delete the one that isn't yours")
        if whole:
            name, paths = next(iter(whole.items()))
            expected = (self.folder / name, self.copies / name)
            return Generation(number, paths[0], tuple(path for path in expected if path not in paths))
        if not any(found == number for found, _ in self._files()):
            return None
        raise UserError(f"{', and '.join(problems)}; {self._remedy}")


def _problem(path: Path) -> str | None:
    """Say why a copy can't be used; None if its content has the digest of its name."""
    try:
        found = hashing.of_file(path)
    except FileNotFoundError:
        return f"{path} is missing"
    except OSError as error:
        return f"{path} can't be read ({error.strerror})"
    return None if found.startswith(path.stem.partition("-")[2]) else f"{path} is damaged"
