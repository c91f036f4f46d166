"""What a run says about its memory: what it can't compare, and where it keeps the settings from being met."""

from collections.abc import Iterator, Sequence, Set
from typing import TYPE_CHECKING

import numpy as np

from configs.schema import FilterConfig
from tasks.filter.measure import Measurements
from tasks.filter.memory.remembered import Remembered, shares_of
from tasks.filter.notes import listed
from tasks.filter.remedies import UNTRAINED
from tasks.filter.splits import unseen_classes
from tasks.names import visible
from tasks.text import photos_are

if TYPE_CHECKING:
    import pandas as pd


def comparison_note(config: FilterConfig, remembered: Remembered, measured: Measurements) -> str | None:
    """Say how many photos that have left can't be compared with new ones; None if all can.

    Args:
        config: Without near duplicates, nothing is compared.
        remembered: All photos of earlier runs.
        measured: Their statistics.
    """
    if config.duplicate_bits is None:
        return None
    return _left_note(
        config,
        remembered,
        [measured.absent[number] for number in np.flatnonzero(~measured.comparable).tolist()],
        how="with new ones",
        lack="has no statistics of them, or those of another version",
        risk="a changed copy of one",
    )


def burst_note(config: FilterConfig, remembered: Remembered, measured: Measurements) -> str | None:
    """Say of how many photos that have left it isn't known when they were taken; None if it is of all.

    Args:
        config: Without `burst_s`, times don't count.
        remembered: All photos of earlier runs.
        measured: Their times.
    """
    if config.burst_s is None:
        return None
    return _left_note(
        config,
        remembered,
        [measured.absent[number] for number in np.flatnonzero(~measured.dated[len(measured.photos) :]).tolist()],
        how=f"by time with new ones (filter.burst_s={config.burst_s:g})",
        lack="doesn't say when they were taken",
        risk="a photo of the same burst",
    )


def _left_note(
    config: FilterConfig, remembered: Remembered, photos: Sequence[str], *, how: str, lack: str, risk: str
) -> str | None:
    """Say that photos that have left can't be compared; None if there is none.

    Args:
        config: The settings of the filter.
        remembered: All photos of earlier runs.
        photos: Those that can't be compared.
        how: With what they can't be compared, or by what.
        lack: What the memory doesn't have.
        risk: What could be trained on.
    """
    if not photos:
        return None
    tested = len(remembered.tests().intersection(photos))
    return (
        f"{photos_are(len(photos))} no longer in the crawl and can't be compared {how}, because "
        f"filter.memory={remembered.header.name} {lack}, and their files are no longer in data/photos; {tested:,} of "
        f"them were tested, and {risk} could be trained on; put the files back, or {_remedy(config)}"
    )


def share_note(config: FilterConfig, table: "pd.DataFrame", remembered: Remembered, given: Set[str]) -> str | None:
    """Say how many photos stay in the test although `test_fraction` or the unseen classes were changed.

    Args:
        config: The settings of the filter.
        table: All rows, with photo, label, split and reason.
        remembered: All photos of earlier runs.
        given: The parts of the split that the source gives; their size is not a setting.
    """
    changed = remembered.header.redealt or remembered.header.shares != shares_of(config)
    if not changed or "test" in given:
        return None
    unseen = unseen_classes(table["label"], config.unseen_classes, config.seed)
    kept = table[table["reason"].isna() | (table["reason"] == UNTRAINED)]
    kept = kept[~kept["label"].isin(unseen)]
    tested = kept["photo"].isin(remembered.tests())
    sizes, tests = kept.groupby("label").size(), kept[tested].groupby("label").size()
    if not (tests > np.floor(config.test_fraction * sizes.reindex(tests.index)) + 1).any():
        return None
    return (
        f"filter.test_fraction={config.test_fraction:g} can't be met: {int(tested.sum()):,} of {len(kept):,} photos "
        f"stay in the test, because an earlier run tested them; {_remedy(config)}"
    )


def tested_classes_note(config: FilterConfig, table: "pd.DataFrame", remembered: Remembered) -> str | None:
    """Say which classes have nothing to train on because all of their photos were tested; None if there are none.

    Args:
        config: The settings of the filter.
        table: All rows, with photo, label, split and reason.
        remembered: All photos of earlier runs.
    """
    untrained = table[table["reason"] == UNTRAINED]
    others = untrained.loc[~untrained["photo"].isin(remembered.tests()), "label"]
    labels = sorted(set(untrained["label"]).difference(others))
    if not labels:
        return None
    texts = (f"{visible(label)} ({(untrained['label'] == label).sum():,})" for label in labels)
    return (
        f"all photos of these classes stay in the test, because an earlier run tested them, so none is left to train "
        f"on: {listed(texts, len(labels))}; add photos that were never tested, or {_remedy(config)}"
    )


def memory_notes(
    config: FilterConfig, table: "pd.DataFrame", remembered: Remembered, measured: Measurements, given: Set[str]
) -> Iterator[str]:
    """Yield all of these lines; see the other functions for the arguments."""
    yield from filter(
        None,
        [
            comparison_note(config, remembered, measured),
            burst_note(config, remembered, measured),
            share_note(config, table, remembered, given),
            tested_classes_note(config, table, remembered),
        ],
    )


def _remedy(config: FilterConfig) -> str:
    return f"set another filter.seed (it is {config.seed}) to begin anew"
