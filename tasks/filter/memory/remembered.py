"""What the memory of a split contains: every photo that was ever assigned, also those that have left the crawl."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from configs.schema import FilterConfig
from tasks.filter import image_stats
from tasks.filter.bursts import TAKEN_DTYPE
from tasks.filter.groups import match_name
from tasks.filter.splits import Split
from tasks.store import hashing

if TYPE_CHECKING:
    import pandas as pd

Names = tuple[str, ...]
"""All names, pages or groups that a photo ever had, sorted."""


@dataclass(frozen=True)
class Header:
    """What is remembered once, and not for each photo."""

    name: str
    """Value of `filter.memory`."""
    seed: int
    shares: Mapping[str, Any]
    """The settings by which photos were divided, see `shares_of`."""
    grouping: str
    """Digest of the settings by which photos were grouped, see `grouping_of`."""
    moves: int = 0
    """How often a photo has moved to another split."""
    redealt: bool = False
    """Whether `shares` have ever changed."""
    tests_added: Mapping[str, int] = field(default_factory=dict)
    """How many runs have added photos to the test, by their `grouping`."""

    @classmethod
    def of(cls, config: FilterConfig, name: str) -> Self:
        """The header of a new memory."""
        return cls(name, config.seed, shares_of(config), grouping_of(config))

    def changes(self, config: FilterConfig) -> int:
        """Return how often the memory has changed in a way that can make an older result of the config wrong.

        That is how often a photo has moved, and how many runs with other settings for groups have tested new photos:
        these may resemble a photo that an older result trains on.
        """
        grouping = grouping_of(config)
        return self.moves + sum(runs for other, runs in self.tests_added.items() if other != grouping)


@dataclass(frozen=True)
class Remembered:
    """All photos of a memory; each sequence has an element per photo."""

    header: Header
    photos: Sequence[str] = ()
    """SHA-256 of each photo, sorted."""
    splits: Sequence[Split | None] = ()
    trained: Sequence[bool] = ()
    """Whether the photo was ever in train."""
    labels: Sequence[str | None] = ()
    names: Sequence[Names] = ()
    pages: Sequence[Names] = ()
    csv_groups: Sequence[Names] = ()
    groups: Sequence[str | None] = ()
    """Name of the group that the photo was in; None if it was alone."""
    stats: NDArray[np.void] = field(default_factory=lambda: np.empty(0, image_stats.STATS_DTYPE))
    """Statistics of each photo, `(n,)` of STATS_DTYPE; only valid where `measured`."""
    measured: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))
    """Whether the statistics of each photo are those of the present `image_stats.VERSION`, `(n,)`."""
    taken: NDArray[np.void] = field(default_factory=lambda: np.empty(0, TAKEN_DTYPE))
    """When and by which camera each photo was taken, `(n,)` of TAKEN_DTYPE; only valid where `dated`."""
    dated: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))
    """Whether that was ever read from each photo, as the present `bursts.VERSION` reads it, `(n,)`."""
    other_stats: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)
    """By photo, statistics of another version, with this version."""

    def known(self, config: FilterConfig) -> dict[str, Split]:
        """Return the splits that still count, by photo.

        After a change of the shares, these are only those of photos that were ever in the test.
        """
        same = self.header.shares == shares_of(config)
        pairs = zip(self.photos, self.splits, strict=True)
        return {photo: split for photo, split in pairs if split and (same or split == "test")}

    def tests(self) -> set[str]:
        """Return the photos that were ever in the test."""
        return {photo for photo, split in zip(self.photos, self.splits, strict=True) if split == "test"}

    def links(self, config: FilterConfig) -> Iterator[tuple[str, str, str]]:
        """Yield (kind, name of a group, photo) for each group that photos belong to, as `group_names` names them.

        The group that a photo was in holds also if the photo that linked it to the others is forgotten. It counts while
        photos are grouped by the same settings.
        """
        kinds = [("group", self.csv_groups)]
        if config.group_pages:
            kinds.append(("page", self.pages))
        for kind, values in kinds:
            for photo, names in zip(self.photos, values, strict=True):
                for name in names:
                    yield kind, name, photo
        if config.group_pattern:
            for photo, names in zip(self.photos, self.names, strict=True):
                for name in names:
                    if (match := match_name(config.group_pattern, name)) is not None:
                        yield "pattern", match, photo
        if self.header.grouping == grouping_of(config):
            for photo, group in zip(self.photos, self.groups, strict=True):
                if group:
                    yield "remembered", group, photo

    def without(self, photos: Collection[str]) -> "Remembered":
        """Return it without some photos; the others are unchanged."""
        left = [position for position, photo in enumerate(self.photos) if photo not in photos]

        def pick(values: Sequence[Any]) -> list[Any]:
            return [values[position] for position in left]

        return replace(
            self,
            photos=pick(self.photos),
            splits=pick(self.splits),
            trained=pick(self.trained),
            labels=pick(self.labels),
            names=pick(self.names),
            pages=pick(self.pages),
            csv_groups=pick(self.csv_groups),
            groups=pick(self.groups),
            stats=self.stats[left],
            measured=self.measured[left],
            taken=self.taken[left],
            dated=self.dated[left],
            other_stats={photo: row for photo, row in self.other_stats.items() if photo not in photos},
        )


def shares_of(config: FilterConfig) -> dict[str, Any]:
    """Return the settings by which photos are divided, as JSON has them."""
    return config.model_dump(mode="json", include={"val_fraction", "test_fraction", "unseen_classes"})


def grouping_of(config: FilterConfig) -> str:
    """Return a digest of the settings by which photos are grouped."""
    settings = config.model_dump(mode="json", include={"duplicate_bits", "mirrored", "group_pages", "group_pattern"})
    if config.burst_s is not None:  # memories of versions without this setting keep their digest
        settings["burst_s"] = config.burst_s
    return hashing.of_value([settings, image_stats.VERSION])[:24]


def sightings(table: "pd.DataFrame", column: str) -> dict[str, set[str]]:
    """Return the values of a column that each photo has; empty if the table has no such column."""
    found: dict[str, set[str]] = {}
    if column in table:
        present = table[["photo", column]].dropna()
        for photo, value in zip(present["photo"], present[column], strict=True):
            found.setdefault(photo, set()).add(str(value))
    return found


def merged(known: Names, new: Collection[str]) -> Names:
    """Return all names, sorted."""
    return known if known and all(name in known for name in new) else tuple(sorted({*known, *new}))
