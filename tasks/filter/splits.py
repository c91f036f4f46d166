"""Assign groups of photos to train, validation and test: stratified by class, and stable between runs.

A photo that was once in the test split is never trained on later, also when a new photo links its group to another one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from configs.suggest import did_you_mean
from tasks.names import nfc
from tasks.store import hashing
from tasks.store.errors import UserError

Split = Literal["train", "val", "test"]

PARTS: tuple[Split, ...] = ("train", "val", "test")
_BY_PRECEDENCE: tuple[Split, ...] = ("test", "val", "train")
_HELD_OUT: tuple[Split, Split] = ("val", "test")
MIN_GROUPS_FOR_ALL = 5
"""A class with at least this many groups is in every split."""


def resolve(groups: Iterable[int], splits: Iterable[Split | None]) -> dict[int, Split]:
    """Return the split of each group that has photos with a known split.

    If a group has photos of several splits, the whole group gets test if one of them was in it, else validation.

    Args:
        groups: Group of each photo.
        splits: Known split of each photo, or None.
    """
    resolved: dict[int, Split] = {}
    for group, split in zip(groups, splits, strict=True):
        if split:
            resolved[group] = min(split, resolved.get(group, split), key=_BY_PRECEDENCE.index)
    return resolved


def count_leaks(groups: Iterable[int], splits: Iterable[Split | None]) -> int:
    """Count the groups that had photos in the test and in another split: leaks, which `resolve` fixes."""
    seen: dict[int, set[Split]] = {}
    for group, split in zip(groups, splits, strict=True):
        if split:
            seen.setdefault(group, set()).add(split)
    return sum("test" in found and len(found) > 1 for found in seen.values())


def assign(
    labels: Sequence[str],
    groups: Sequence[int],
    photos: Sequence[str],
    known: Mapping[int, Split],
    *,
    val_fraction: float,
    test_fraction: float,
    seed: int,
) -> dict[int, Split]:
    """Assign each group to a split. Groups with a known split keep it; new ones fill the proportions of their class.

    A class without a train group gets one first, so a class with one group is only in train. Fractions of a photo are
    rounded at random, seeded by the name of the class, so that many small classes together have the right proportions.

    Args:
        labels: Class of each photo.
        groups: Group of each photo.
        photos: SHA-256 of each photo.
        known: Splits of groups that have one, see `resolve`.
        val_fraction: Share of a class's photos for validation.
        test_fraction: Share of a class's photos for the test.
        seed: Determines the order of new groups, and the rounding.
    """
    members, by_class = _members(labels, groups)
    assigned = {group: known[group] for group in members if group in known}
    for label, class_groups in by_class.items():
        total = sum(len(members[group]) for group in class_groups)
        rounding = _uniform(label, seed)
        many = len(class_groups) >= MIN_GROUPS_FOR_ALL
        wanted = {
            "test": max(int(test_fraction * total + rounding), int(many and test_fraction > 0)),
            "val": max(int(val_fraction * total + 1 - rounding), int(many and val_fraction > 0)),
            "train": total,
        }
        for group in class_groups:
            if group in assigned:
                wanted[assigned[group]] -= len(members[group])
        new = [group for group in class_groups if group not in assigned]
        new.sort(key=lambda group: _uniform(min(photos[position] for position in members[group]), seed))
        if new and not any(assigned.get(group) == "train" for group in class_groups):
            assigned[new.pop()] = "train"
        for group in new:
            assigned[group] = _choose_split(wanted, len(members[group]))
            wanted[assigned[group]] -= len(members[group])
    return assigned


def hold_out_classes(
    labels: Sequence[str],
    groups: Sequence[int],
    photos: Sequence[str],
    known: Mapping[int, Split],
    *,
    unseen: float | tuple[str, ...],
    seed: int,
) -> dict[int, Split]:
    """Assign the groups of classes that are never trained on to validation and test.

    Each such class is in one of the two splits. If `unseen` names a single class, such as `new_whale`, its photos show
    many unknown objects, and it is in both. Groups that are in validation or test already stay there. A group that was
    in train, such as that of a photo that a person moved to such a class, leaves it.

    Args:
        labels: Class of each photo.
        groups: Group of each photo.
        photos: SHA-256 of each photo.
        known: Splits of groups that have one, see `resolve`.
        unseen: The names of those classes, or their share of all classes. A share is drawn by name, so that a class
            doesn't change when other classes are added.
        seed: Determines which classes are drawn, and the order of the groups.

    Raises:
        UserError: A name is not a class, or one of the two splits gets no class.
    """
    if not unseen:
        return {}
    members, by_class = _members(labels, groups)
    held_out = {group: split for group, split in known.items() if split in _HELD_OUT}
    assigned: dict[int, Split] = {}
    for label, split in unseen_classes(labels, unseen, seed).items():
        class_groups = by_class.get(label, [])
        shuffled = sorted(class_groups, key=lambda group: _uniform(min(photos[i] for i in members[group]), seed))
        for position, group in enumerate(shuffled):
            assigned[group] = held_out.get(group) or split or _HELD_OUT[position % 2]
    for needed in _HELD_OUT:
        if needed not in assigned.values():
            raise UserError(
                f"filter.unseen_classes={unseen}: no class of {len(by_class):,} is in the {needed} split; raise "
                "it, or name two or more classes, such as [class, class]"
            )
    return assigned


def unseen_classes(labels: Iterable[str], unseen: float | tuple[str, ...], seed: int) -> dict[str, Split | None]:
    """Return the split of each class that is never trained on; None if its groups are in both.

    See `hold_out_classes` for the arguments and the error.
    """
    if isinstance(unseen, tuple):
        unseen = tuple(map(nfc, unseen))
        known = sorted(set(labels))
        missing = sorted(set(unseen).difference(known))
        if missing:
            hint = did_you_mean(missing[0], known, cutoff=0.6, several=True) or "; check the spelling"
            raise UserError(f"filter.unseen_classes: there are no photos of {', '.join(map(repr, missing))}{hint}")
        return {label: _HELD_OUT[i % 2] if len(unseen) > 1 else None for i, label in enumerate(sorted(unseen))}
    draws = {label: _uniform(f"unseen {label}", seed) for label in sorted(set(labels))}
    return {label: _HELD_OUT[draw >= unseen / 2] for label, draw in draws.items() if draw < unseen}


def _members(labels: Sequence[str], groups: Sequence[int]) -> tuple[dict[int, list[int]], dict[str, list[int]]]:
    """Return the positions of each group's photos, and the groups of each class.

    A group belongs to the class that most of its photos have.
    """
    members: dict[int, list[int]] = {}
    for position, group in enumerate(groups):
        members.setdefault(group, []).append(position)
    by_class: dict[str, list[int]] = {}
    for group, positions in members.items():
        counts = Counter(labels[position] for position in positions)
        by_class.setdefault(min(counts, key=lambda label: (-counts[label], label)), []).append(group)
    return members, by_class


def _choose_split(wanted: Mapping[str, int], size: int) -> Split:
    """Choose the split of a group of `size` photos: the test first. A split may exceed its share by half a group."""
    if wanted["test"] * 2 >= size:
        return "test"
    return "val" if wanted["val"] * 2 >= size else "train"


def _uniform(name: str, seed: int) -> float:
    """Return a pseudo-random number in [0, 1) that depends only on a name and the seed."""
    return int(hashing.of_value([name, seed])[:12], 16) / 16**12
