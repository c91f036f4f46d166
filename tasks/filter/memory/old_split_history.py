"""The splits that versions before the memory stored with the filter's pools; they are taken over once."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from configs.schema import FilterConfig
from tasks.filter import image_stats
from tasks.filter.bursts import TAKEN_DTYPE
from tasks.filter.measure import stats_pool
from tasks.filter.memory.remembered import Remembered, merged, sightings
from tasks.filter.splits import PARTS, Split
from tasks.store import hashing
from tasks.store.atomic import atomic_path
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.lazy_rows import LazyRows
from tasks.store.store import Store
from tasks.tables.crawl import PHOTOS

if TYPE_CHECKING:
    import pandas as pd


class OldSplitHistory:
    """The file with the splits of all photos for one set of fractions, unseen classes and seed."""

    PATTERN: ClassVar[str] = "splits-*.parquet"

    def __init__(self, config: FilterConfig, pools: Path) -> None:
        """Take the filter's settings and the folder of its pools."""
        settings: dict[str, Any] = {"val": config.val_fraction, "test": config.test_fraction, "seed": config.seed}
        if config.unseen_classes:
            settings["unseen"] = config.unseen_classes
        self.path = pools / f"splits-{hashing.of_value(settings)[:24]}.parquet"

    def moves(self) -> int:
        """Return how often photos have moved to another split.

        Raises:
            UserError: The file is damaged.
        """
        path = self.path.with_suffix(".json")
        if not self.path.exists():
            return 0
        try:
            return int(json.loads(path.read_bytes())["moves"])
        except FileNotFoundError:
            return 0
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise UserError(f"{path} is damaged; delete it, so that the filter runs again") from error

    def take_over(self, new: Remembered, context: StageContext, crawled: Collection[str]) -> Remembered:
        """Return a memory with these splits; it says so in one line.

        The statistics are those that are in the pool. The names, pages and groups are those of the stored crawls that
        have photos in common with this one, directly or through others: another preset may use the same names for other
        groups.

        Args:
            new: A memory without photos.
            context: Where pools and crawls are.
            crawled: The photos of this crawl.

        Raises:
            UserError: The file is damaged.
        """
        if not self.path.exists():
            if others := sorted(self.path.parent.glob(self.PATTERN)):
                context.warn(
                    "the splits that an earlier version stored for other fractions, unseen classes or seeds are not "
                    f"used (such as {others[0]}); if photos of this preset were tested with those settings, set "
                    "another filter.seed, or run once with those settings before you change them"
                )
            return new
        splits = self._read()
        photos = sorted(splits)
        context.warn(
            f"the splits of {len(photos):,} photos are taken over from {self.path} into the memory {new.header.name} "
            "of this preset, so that tested photos stay in the test"
        )
        labels, names, pages, csv_groups = ({photo: set[str]() for photo in photos} for _ in range(4))
        for table in _related(list(_crawls(context.root)), crawled):
            for known, column in ((labels, "label"), (names, "name"), (pages, "page"), (csv_groups, "group")):
                for photo, values in sightings(table, column).items():
                    if photo in known:
                        known[photo] |= values
        stats = np.zeros(len(photos), image_stats.STATS_DTYPE)
        pool = stats_pool(context)
        cached = {photo for shard in pool.shards for photo in shard.photos}
        measured = np.array([photo in cached for photo in photos], bool)
        if measured.any():
            index = pool.index([photo for photo in photos if photo in cached], context.root)
            stats[measured] = LazyRows(index, context.root)[:]
        return Remembered(
            replace(new.header, moves=self.moves()),
            photos=photos,
            splits=[splits[photo] for photo in photos],
            trained=[splits[photo] == "train" for photo in photos],
            labels=[min(labels[photo], default=None) for photo in photos],
            names=[merged((), names[photo]) for photo in photos],
            pages=[merged((), pages[photo]) for photo in photos],
            csv_groups=[merged((), csv_groups[photo]) for photo in photos],
            groups=[None] * len(photos),
            stats=stats,
            measured=measured,
            taken=np.zeros(len(photos), TAKEN_DTYPE),
            dated=np.zeros(len(photos), bool),
        )

    def _read(self) -> Mapping[str, Split]:
        import pandas as pd

        try:
            table = pd.read_parquet(self.path)
            if not table["split"].isin(PARTS).all():
                raise ValueError("a split is none of train, val and test")
            return dict(zip(table["photo"], table["split"], strict=True))
        except (ValueError, KeyError, OSError) as error:
            raise UserError(
                f"{self.path} is damaged; it says which photos were in the test split. Restore it from a backup, or "
                "delete it to assign all photos again (models trained before may then have been trained on test photos)"
            ) from error

    @staticmethod
    def forget(path: Path, photos: Collection[str]) -> bool:
        """Remove photos from such a file, unless it is damaged; returns whether it had one of them."""
        import pandas as pd

        try:
            table = pd.read_parquet(path)
            named = table["photo"].isin(list(photos))
        except (ValueError, KeyError, OSError):
            return False
        if named.any():
            with atomic_path(path) as partial:
                table[~named].to_parquet(partial, index=False)
        return bool(named.any())


def _related(tables: Sequence["pd.DataFrame"], crawled: Collection[str]) -> list["pd.DataFrame"]:
    """Return the crawls that have photos in common with the given ones, directly or through other crawls."""
    reached, found, others = set(crawled), list["pd.DataFrame"](), list(tables)
    while related := [table for table in others if not reached.isdisjoint(table["photo"])]:
        found += related
        others = [table for table in others if reached.isdisjoint(table["photo"])]
        reached.update(*(table["photo"] for table in related))
    return found


def _crawls(root: Path) -> Iterator["pd.DataFrame"]:
    store = Store(root)
    for manifest in store.manifests("crawl"):
        try:
            yield PHOTOS.read(store.folder(manifest.artifact))
        except (OSError, ValueError):  # damaged; the store reports that elsewhere
            continue
