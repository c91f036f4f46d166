"""Merge two copies of the log of decisions that have grown at the same time, such as on two machines."""

from collections import Counter
from itertools import takewhile
from pathlib import Path

from tasks.filter import review_file, review_log
from tasks.filter.review_log import NAME


def merge(root: Path, other: Path) -> None:
    """Append the decisions that only the other copy has.

    Both begin with the same rows. If only one of them decided about a photo and class after these, its rows count. If
    both did, the last decision of the other copy counts, and undo brings back the one here; an undo of the other copy
    doesn't cancel what it hasn't seen. Merging the same copy again changes nothing.

    Args:
        root: The data folder.
        other: The file of the other copy.

    Raises:
        UserError: A line of either is damaged.
    """
    path = root / NAME
    with review_file.lock(path):
        here, there = list(review_log.log(path)), list(review_log.log(other))
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(here, there, strict=False)))
        decided_here = {row.key for row in here[same:]}
        ours, theirs = review_log.in_effect(path), review_log.in_effect(other)
        number = Counter(row.key for row in there[:same])
        new = []
        for row in there[same:]:
            if row.key not in decided_here:
                new.append(row)
            elif (last := theirs.get(row.key)) and last.number == number[row.key]:
                mine = ours.get(row.key)
                if mine is None or mine.decision != last.decision:
                    new.append(row)
            number[row.key] += 1
        review_log.append(path, new)
