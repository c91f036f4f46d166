"""Files that two hosts have changed at the same time: the bucket's stays, and the one here is set aside.

    decisions.csv             the bucket's
    .conflict-decisions.csv   the one of this host

Decisions of people and of runs are then merged into the bucket's file. Which files can be merged, and how, is for those
to say who know what is in them (`Merges`); of others, the user decides.
"""

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tasks.store.errors import UserError
from tasks.store.manifest import NAME
from tasks.store.paths import remove

logger = logging.getLogger("fluke.bucket")

Merge = Callable[[Path, Path], None]
"""`merge(root, aside)`: add what the file that was set aside has to the file in the data folder. It may be called twice
with the same file."""
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
            if found.exists():
                shutil.copy2(found, aside(found))
            return []
        if found.exists():
            found.replace(aside(found))
        return [path]

    def merge(self) -> None:
        """Merge what was set aside, also by a command that was killed."""
        for found, merge in self._asides():
            try:
                merge(self.root, found)
            except UserError as error:
                logger.warning("%s can't be merged: %s", found, error)
            else:
                found.unlink(missing_ok=True)

    def _asides(self) -> Iterator[tuple[Path, Merge]]:
        for place, merge in self.merges.items():
            if not place.endswith("/"):
                found = [aside(self.root / place)]
            else:
                found = sorted((self.root / place).glob(f"*/{_ASIDE}*"))
            yield from ((path, merge) for path in found if path.is_file())

    def _merge_of(self, path: str) -> Merge | None:
        return next(
            (
                merge
                for place, merge in self.merges.items()
                if path == place or (place.endswith("/") and path.startswith(place))
            ),
            None,
        )


def aside(path: Path) -> Path:
    """Return the name under which the file of this host is kept."""
    return path.with_name(f"{_ASIDE}{path.name}")
