"""Files that two hosts have changed at the same time: the bucket's stays, and the one here is set aside.

    decisions.csv             the bucket's
    .conflict-decisions.csv   the one of this host
    .base-decisions.csv       the file as both had it last: without it, nobody could tell what was deleted here from
                              what was added there

Decisions of people and of runs are then merged into the bucket's file. Which files can be merged, and how, is for those
to say who know what is in them (`Merges`); of others, the user decides.
"""

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tasks.store import hashing
from tasks.store.atomic import atomic_write
from tasks.store.errors import UserError
from tasks.store.manifest import NAME, FileRecord
from tasks.store.paths import remove

logger = logging.getLogger("fluke.bucket")

Merge = Callable[[Path, Path, Path], None]
"""`merge(root, aside, base)`: make the changes from `base` to the file that was set aside in the file in the data
folder. It may be called twice with the same files. `base` need not exist, and does not for generations."""
Merges = Mapping[str, Merge]
"""By the path of a file, or of a folder whose files are generations of one file, with / at the end."""
_ASIDE = ".conflict-"


@dataclass(frozen=True)
class Conflicts:
    """Sets files of a data folder aside, and merges them."""

    root: Path
    merges: Merges = field(default_factory=dict)

    def can_merge(self, path: str) -> bool:
        """Whether the changes of two hosts to this file are merged."""
        return self._merge_of(path) is not None

    def set_aside(self, path: str) -> list[str]:
        """Keep the change of this host under another name; an artifact or a shard is deleted: one
        is as good as another.

        Returns:
            The paths that are gone.
        """
        found = self.root / path
        if path.endswith(f"/{NAME}"):
            gone = [each.relative_to(self.root).as_posix() for each in found.parent.rglob("*")]
            remove(self.root, found.parent)
            return gone
        if path.startswith("pools/"):
            found.unlink(missing_ok=True)
            return [path]
        if path in self.merges:  # it stays until the bucket's replaces it: somebody may be writing it
            for each in (_base(found), found):
                aside(each).unlink(missing_ok=True)
                if each.exists():
                    shutil.copy2(each, aside(each))
            return []
        if found.exists():
            found.replace(aside(found))
        return [path]

    def merge(self) -> None:
        """Merge what was set aside, also by a command that was killed."""
        for found, base, merge in self._asides():
            try:
                merge(self.root, found, base)
            except UserError as error:
                logger.warning("%s can't be merged: %s", found, error)
            else:
                for each in (found, base):
                    each.unlink(missing_ok=True)

    def keep_bases(self, files: Mapping[str, FileRecord], read: Callable[[FileRecord], bytes]) -> None:
        """Keep the files that can be merged as they are in the bucket now.

        Args:
            files: The files of the bucket.
            read: Reads the content of one from the bucket.
        """
        for path in (self.root / place for place in self.merges if not place.endswith("/")):
            base, record = _base(path), files.get(path.name)
            if record is None:
                base.unlink(missing_ok=True)
            elif record.problem(base, verify=True):
                data = path.read_bytes() if path.exists() else b""
                atomic_write(base, data if hashing.of_bytes(data) == record.sha256 else read(record))

    def _asides(self) -> Iterator[tuple[Path, Path, Merge]]:
        for place, merge in self.merges.items():
            if not place.endswith("/"):
                found = [aside(self.root / place)]
            else:
                found = sorted((self.root / place).glob(f"*/{_ASIDE}*"))
            base = aside(_base(self.root / place))
            yield from ((path, base, merge) for path in found if path.is_file())

    def _merge_of(self, path: str) -> Merge | None:
        return next(
            (
                merge
                for place, merge in self.merges.items()
                if path == place or (place.endswith("/") and path.startswith(place))
            ),
            None,
        )


def _base(path: Path) -> Path:
    """Return the name under which a file is kept as folder and bucket had it last."""
    return path.with_name(f".base-{path.name}")


def aside(path: Path) -> Path:
    """Return the name under which the file of this host is kept."""
    return path.with_name(f"{_ASIDE}{path.name}")
