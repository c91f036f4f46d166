"""Train, validation and test: dealt by group and class, and remembered, so that nights don't leak.

A photo that was once in the test split never trains later, also when a new photo links its group to another one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.support import digest
from tasks.support.files import whole

Split = Literal["train", "val", "test"]

_MIN_GROUPS_FOR_ALL = 5
"""A class of so many groups or more is in every split."""


def deal(
    labels: Sequence[str],
    groups: NDArray[np.int64],
    photos: Sequence[str],
    known: Mapping[str, Split],
    *,
    val_fraction: float,
    test_fraction: float,
    seed: int,
) -> list[Split]:
    """Deal n photos to splits: whole groups, each class in the asked proportions, earlier assignments kept.

    labels, groups, photos: class, group number and SHA-256 of each photo. known: splits of earlier nights, by photo.
    A group that holds photos of several splits goes to the test if any of them was in the test, else to validation.
    A class of one group trains only. Fractions of a photo are rounded at random (seeded by the class's name), so that
    many small classes together still come out in proportion.
    """
    members: dict[int, list[int]] = {}
    for position, group in enumerate(groups):
        members.setdefault(int(group), []).append(position)
    split: dict[int, Split] = {}
    by_class: dict[str, list[int]] = {}
    for group, positions in members.items():
        earlier = {known[photos[position]] for position in positions if photos[position] in known}
        if earlier:
            split[group] = min(earlier, key=_BY_PRECEDENCE.index)
        names = sorted(labels[position] for position in positions)
        by_class.setdefault(max(names, key=names.count), []).append(group)
    for name, class_groups in by_class.items():
        total = sum(len(members[group]) for group in class_groups)
        rounding = _uniform(name, seed)
        many = len(class_groups) >= _MIN_GROUPS_FOR_ALL
        wanted = {
            "test": max(int(test_fraction * total + rounding), int(many and test_fraction > 0)),
            "val": max(int(val_fraction * total + 1 - rounding), int(many and val_fraction > 0)),
        }
        for group in class_groups:
            if group in split and split[group] != "train":
                wanted[split[group]] -= len(members[group])
        new = [group for group in class_groups if group not in split]
        new.sort(key=lambda group: _uniform(min(photos[position] for position in members[group]), seed))
        trains = any(split.get(group) == "train" for group in class_groups)
        if new and not trains:  # whatever else is short, a class needs something to train on
            split[new.pop()] = "train"
        for group in new:
            split[group] = _shortest(wanted, len(members[group]))
            if split[group] != "train":
                wanted[split[group]] -= len(members[group])
    return [split[int(group)] for group in groups]


_BY_PRECEDENCE: tuple[Split, ...] = ("test", "val", "train")


def _shortest(wanted: Mapping[str, int], size: int) -> Split:
    """Where a group of `size` photos is wanted: the test first; it may overshoot by at most half of itself."""
    if wanted["test"] * 2 >= size:
        return "test"
    return "val" if wanted["val"] * 2 >= size else "train"


def _uniform(name: str, seed: int) -> float:
    """A number in [0, 1) that depends on a name and the seed only."""
    return int(digest.of_value([name, seed])[:12], 16) / 16**12


def read_known(path: Path) -> dict[str, Split]:
    """Splits of earlier nights, by photo; none if the file isn't there."""
    import pandas as pd

    if not path.exists():
        return {}
    table = pd.read_parquet(path)
    return dict(zip(table["photo"], table["split"], strict=True))


def write_known(path: Path, known: Mapping[str, Split]) -> None:
    """Remember splits."""
    import pandas as pd

    table = pd.DataFrame(sorted(known.items()), columns=["photo", "split"])
    with whole(path) as partial:
        table.to_parquet(partial, index=False)
