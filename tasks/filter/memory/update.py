"""Add a run's photos, groups and splits to what is remembered."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from configs.schema import FilterConfig
from tasks.filter.measure import Measurements
from tasks.filter.memory.remembered import Remembered, grouping_of, merged, shares_of, sightings
from tasks.filter.splits import Split
from tasks.store import hashing
from tasks.tables.filter import ABSENT

if TYPE_CHECKING:
    import pandas as pd


class RunSplits(NamedTuple):
    """The splits and groups of one run."""

    table: "pd.DataFrame"
    """All rows of the crawl, with photo, label and split (empty where a photo has none)."""
    sources: "pd.DataFrame"
    """The same rows as the crawl has them: photo, name and, where it has them, page and group."""
    measured: Measurements
    """The statistics of the rows and of the absent photos."""
    groups: Sequence[int]
    """Group of each row, followed by those of the absent photos."""


def updated(remembered: Remembered, config: FilterConfig, run: RunSplits) -> Remembered:
    """Return what is remembered after a run.

    A photo that was ever in the test stays there, also while the source gives it to validation, so that it is never
    trained on later. An absent photo gets the split of its group.

    Args:
        remembered: What was remembered before.
        config: The settings of the run.
        run: What the run has decided.
    """
    table, measured = run.table, run.measured
    before = dict(zip(remembered.photos, remembered.splits, strict=True))
    splits = _splits(remembered, config, run)
    photos = sorted(splits)
    old = {photo: position for position, photo in enumerate(remembered.photos)}
    trained = {photo for photo, was in zip(remembered.photos, remembered.trained, strict=True) if was}
    labels = dict(zip(remembered.photos, remembered.labels, strict=True))
    labels |= dict(zip(table["photo"], table["label"], strict=True))
    names, pages, csv_groups = (sightings(run.sources, column) for column in ("name", "page", "group"))
    group = _group_names([*table["photo"], *measured.absent], run.groups)

    rows = {photo: row for row, photo in enumerate(measured.photos)}
    rows |= {photo: len(measured.photos) + number for number, photo in enumerate(measured.absent)}
    place = np.array([rows[photo] for photo in photos], np.int64)
    stats = np.concatenate([measured.stats, measured.absent_stats])[place]
    valid = np.concatenate([np.ones(len(measured.stats), bool), measured.comparable])[place]
    taken, dated = measured.taken[place], measured.dated[place]
    unusable = {photo for photo, is_valid in zip(photos, valid.tolist(), strict=True) if not is_valid}

    def all_names(known: Sequence[tuple[str, ...]], new: Mapping[str, set[str]]) -> list[tuple[str, ...]]:
        return [merged(known[old[photo]] if photo in old else (), new.get(photo, ())) for photo in photos]

    moved = sum(split is not None and splits[photo] != split for photo, split in before.items())
    shares, grouping = shares_of(config), grouping_of(config)
    tests_added = dict(remembered.header.tests_added)
    if any(split == "test" and before.get(photo) != "test" for photo, split in splits.items()):
        tests_added[grouping] = tests_added.get(grouping, 0) + 1
    header = replace(
        remembered.header,
        shares=shares,
        grouping=grouping,
        tests_added=tests_added,
        moves=remembered.header.moves + moved,
        redealt=remembered.header.redealt or remembered.header.shares != shares,
    )
    return Remembered(
        header,
        photos=photos,
        splits=[splits[photo] for photo in photos],
        trained=[split == "train" or photo in trained for photo, split in sorted(splits.items())],
        labels=[labels[photo] for photo in photos],
        names=all_names(remembered.names, names),
        pages=all_names(remembered.pages, pages),
        csv_groups=all_names(remembered.csv_groups, csv_groups),
        groups=[group.get(photo) for photo in photos],
        stats=stats,
        measured=valid,
        taken=taken,
        dated=dated,
        other_stats={photo: row for photo, row in remembered.other_stats.items() if photo in unusable},
    )


def _splits(remembered: Remembered, config: FilterConfig, run: RunSplits) -> dict[str, Split | None]:
    """Return the split of each photo that has or had one."""
    table, absent = run.table, run.measured.absent
    known, tests = remembered.known(config), remembered.tests()
    assigned: dict[str, Split] = {}
    of_group: dict[int, Split] = {}
    for photo, split, group in zip(table["photo"], table["split"], run.groups, strict=False):
        if isinstance(split, str):
            assigned[photo] = of_group[group] = cast("Split", split)
    splits: dict[str, Split | None] = {photo: known.get(photo) for photo in remembered.photos}
    for photo, group in zip(absent, run.groups[len(table) :], strict=True):
        splits[photo] = of_group.get(group, splits[photo])
    splits |= assigned
    tested: dict[str, Split | None] = dict.fromkeys(tests, "test")
    return splits | tested


def _group_names(photos: Sequence[str], groups: Sequence[int]) -> dict[str, str]:
    """Return a name for the group of each photo that is in one with others; it tells nothing about the photos."""
    first: dict[int, str] = {}
    shared: set[int] = set()
    for photo, group in zip(photos, groups, strict=True):
        known = first.setdefault(group, photo)
        if known != photo:
            shared.add(group)
            first[group] = min(known, photo)
    name = {group: hashing.of_value(["group", first[group]])[:24] for group in shared}
    return {photo: name[group] for photo, group in zip(photos, groups, strict=True) if group in shared}


def once_trained(remembered: Remembered, absent: Sequence[str]) -> "pd.DataFrame":
    """Return the absent photos that were trained on once and are in validation or test now, with their split."""
    import pandas as pd

    away = set(absent)
    rows = [
        (photo, split)
        for photo, split, trained in zip(remembered.photos, remembered.splits, remembered.trained, strict=True)
        if trained and photo in away and split in ("val", "test")
    ]
    return pd.DataFrame(rows, columns=ABSENT.names, dtype="str")
