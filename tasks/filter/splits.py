"""Train, validation and test: dealt by group and class, and remembered, so that nights don't leak.

A photo that was once in the test split never trains later, also when a new photo links its group to another one.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from tasks.store import hashing
from tasks.store.atomic import atomic_path, atomic_write
from tasks.store.errors import UserError

Split = Literal["train", "val", "test"]

_BY_PRECEDENCE: tuple[Split, ...] = ("test", "val", "train")
_HELD_OUT: tuple[Split, Split] = ("val", "test")
_MIN_GROUPS_FOR_ALL = 5
"""A class of so many groups or more is in every split."""


def settle(groups: Iterable[int], splits: Iterable[Split | None]) -> dict[int, Split]:
    """The split of each group that has one, given what is known of its photos (a photo in each place of both).

    Where photos of several splits are linked now, all go to the test if one of them was in it, else to validation.
    """
    settled: dict[int, Split] = {}
    for group, split in zip(groups, splits, strict=True):
        if split:
            settled[group] = min(split, settled.get(group, split), key=_BY_PRECEDENCE.index)
    return settled


def straddled(groups: Iterable[int], splits: Iterable[Split | None]) -> int:
    """How many groups had photos in the test and in another split: leaks, which `settle` mends."""
    seen: dict[int, set[Split]] = {}
    for group, split in zip(groups, splits, strict=True):
        if split:
            seen.setdefault(group, set()).add(split)
    return sum("test" in known and len(known) > 1 for known in seen.values())


def deal(
    labels: Sequence[str],
    groups: Sequence[int],
    photos: Sequence[str],
    settled: Mapping[int, Split],
    *,
    val_fraction: float,
    test_fraction: float,
    seed: int,
) -> dict[int, Split]:
    """The split of each group: those that are settled keep theirs, new ones fill up the proportions of their class.

    labels, groups, photos: class, group and SHA-256 of each photo. A class without a group that trains gets one before
    anything else, so a class of one group only trains. Fractions of a photo are rounded at random (seeded by the name
    of the class), so that many small classes together still come out in proportion.
    """
    members, by_class = _members(labels, groups)
    dealt = {group: settled[group] for group in members if group in settled}
    for label, class_groups in by_class.items():
        total = sum(len(members[group]) for group in class_groups)
        rounding = _uniform(label, seed)
        many = len(class_groups) >= _MIN_GROUPS_FOR_ALL
        wanted = {
            "test": max(int(test_fraction * total + rounding), int(many and test_fraction > 0)),
            "val": max(int(val_fraction * total + 1 - rounding), int(many and val_fraction > 0)),
            "train": total,
        }
        for group in class_groups:
            if group in dealt:
                wanted[dealt[group]] -= len(members[group])
        new = [group for group in class_groups if group not in dealt]
        new.sort(key=lambda group: _uniform(min(photos[position] for position in members[group]), seed))
        if new and not any(dealt.get(group) == "train" for group in class_groups):
            dealt[new.pop()] = "train"
        for group in new:
            dealt[group] = _shortest(wanted, len(members[group]))
            wanted[dealt[group]] -= len(members[group])
    return dealt


def set_aside(
    labels: Sequence[str],
    groups: Sequence[int],
    photos: Sequence[str],
    settled: Mapping[int, Split],
    *,
    unseen: float | tuple[str, ...],
    seed: int,
) -> dict[int, Split]:
    """The split of the groups of classes that are never trained on; those that are held out already keep theirs.

    labels, groups, photos, settled: as in `deal`. unseen: the names of those classes, or the share of all that they
    are: drawn by name, so that a class stays what it is when others come. Each class is in one of validation and test,
    but a lone named one, whose photos show many unknowns, is in both. A group that trained, as of a photo that a person
    has moved to such a class, trains no more. Raises UserError where a name is no class, or either of the splits gets
    none.
    """
    if not unseen:
        return {}
    members, by_class = _members(labels, groups)
    held_out = {group: split for group, split in settled.items() if split in _HELD_OUT}
    aside: dict[int, Split] = {}
    for label, split in unseen_classes(labels, unseen, seed).items():
        class_groups = by_class.get(label, [])
        shuffled = sorted(class_groups, key=lambda group: _uniform(min(photos[i] for i in members[group]), seed))
        for place, group in enumerate(shuffled):
            aside[group] = held_out.get(group) or split or _HELD_OUT[place % 2]
    for needed in _HELD_OUT:
        if needed not in aside.values():
            raise UserError(
                f"filter.unseen_classes={unseen}: none of {len(by_class):,} classes falls to the {needed} split; raise "
                "it, or name two classes or more, such as [class, class]"
            )
    return aside


def unseen_classes(labels: Iterable[str], unseen: float | tuple[str, ...], seed: int) -> dict[str, Split | None]:
    """The classes that are never trained on, each with its split; None: its groups are in both. See `set_aside`."""
    if isinstance(unseen, tuple):
        missing = sorted(set(unseen).difference(labels))
        if missing:
            raise UserError(
                f"filter.unseen_classes: no photo is of {', '.join(map(repr, missing))}; check the spelling"
            )
        return {label: _HELD_OUT[i % 2] if len(unseen) > 1 else None for i, label in enumerate(sorted(unseen))}
    draws = {label: _uniform(f"unseen {label}", seed) for label in sorted(set(labels))}
    return {label: _HELD_OUT[draw >= unseen / 2] for label, draw in draws.items() if draw < unseen}


def _members(labels: Sequence[str], groups: Sequence[int]) -> tuple[dict[int, list[int]], dict[str, list[int]]]:
    """The places of each group's photos, and the groups of each class: of that which most of a group's photos have."""
    members: dict[int, list[int]] = {}
    for position, group in enumerate(groups):
        members.setdefault(group, []).append(position)
    by_class: dict[str, list[int]] = {}
    for group, positions in members.items():
        counts = Counter(labels[position] for position in positions)
        by_class.setdefault(min(counts, key=lambda label: (-counts[label], label)), []).append(group)
    return members, by_class


def _shortest(wanted: Mapping[str, int], size: int) -> Split:
    """Where a group of `size` photos is wanted: the test first; it may overshoot by at most half of itself."""
    if wanted["test"] * 2 >= size:
        return "test"
    return "val" if wanted["val"] * 2 >= size else "train"


def _uniform(name: str, seed: int) -> float:
    """A number in [0, 1) that depends on a name and the seed only."""
    return int(hashing.of_value([name, seed])[:12], 16) / 16**12


class Memory:
    """Which split each photo was ever dealt to, for one way of dealing; in the filter's pools.

    `splits-<key>.parquet` holds photo and split; `splits-<key>.json` how many photos ever *moved* to another split. The
    filter observes that number: an older result that still trains on a photo that has moved is not reused.
    """

    def __init__(self, pools: Path, dealing: Mapping[str, Any]) -> None:
        """Take the folder of the filter's pools, and all that decides how photos are dealt."""
        self.path = pools / f"splits-{hashing.of_value(dict(dealing))[:24]}.parquet"
        self._moves = self.path.with_suffix(".json")

    def moves(self) -> int:
        """How many photos ever moved."""
        try:
            return int(json.loads(self._moves.read_bytes())["moves"])
        except FileNotFoundError:
            return 0

    def read(self) -> dict[str, Split]:
        """Split of each photo; none if nothing was dealt yet. Raises UserError if the file is damaged."""
        import pandas as pd

        if not self.path.exists():
            return {}
        try:
            table = pd.read_parquet(self.path)
            return dict(zip(table["photo"], table["split"], strict=True))
        except (ValueError, KeyError, OSError) as error:
            raise UserError(
                f"{self.path} is damaged, and it remembers which photos were tested: restore it from a backup, or "
                "delete it to deal all photos anew (the test is then no longer unseen by models trained before)"
            ) from error

    def write(self, known: Mapping[str, Split], new: Mapping[str, Split]) -> None:
        """Remember `new` besides what was `known`."""
        import pandas as pd

        moved = sum(photo in known and known[photo] != split for photo, split in new.items())
        if moved:  # first: a crash between the two makes one result needlessly again, and never reuses a wrong one
            atomic_write(self._moves, json.dumps({"moves": self.moves() + moved}).encode())
        if any(known.get(photo) != split for photo, split in new.items()):
            table = pd.DataFrame(sorted({**known, **new}.items()), columns=["photo", "split"])
            with atomic_path(self.path) as partial:
                table.to_parquet(partial, index=False)
