"""Decide which photos are rejected, and why: by a person, by the checks, or as copies of other photos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from configs.schema import FilterConfig
from tasks.filter.checks import CHECKS
from tasks.filter.near_duplicates import NearDuplicates
from tasks.filter.review_log import Action

BY_HAND = "by hand"
"""The reason of photos that a person rejected."""
UNDECODABLE = ("unreadable", "truncated")
"""The reasons of photos that can't be decoded. No decision of a person overrides them."""


@dataclass(frozen=True)
class Verdict:
    """The result for one row: accepted, or rejected for a reason."""

    reason: str | None = None
    """None if the row is accepted."""
    score: float = 0.0
    """The measured value behind the reason, in the unit of its check."""
    threshold: float | None = None
    """The score that would have passed, if the reason has one."""
    duplicate_of: int | None = None
    """The row that this row duplicates or contradicts."""
    suggestion: str | None = None
    """The class that the photo may belong to instead."""


def apply_rules(
    stats: NDArray[np.void],
    photos: Sequence[str],
    labels: Sequence[str],
    near_duplicates: NearDuplicates,
    config: FilterConfig,
    *,
    decided: Mapping[int, Action] | None = None,
    preference: Sequence[int] = (),
) -> list[Verdict]:
    """Apply the checks, the rules about copies, and a person's decisions to n rows.

    Among equal rows the earlier one is preferred. Decisions override everything, except that a photo can't be decoded.
    A row that a person rejected neither contradicts nor duplicates other rows.

    Args:
        stats: Statistics of each row's photo, `(n,)` of STATS_DTYPE.
        photos: SHA-256 of each row's photo; rows may share one.
        labels: Class of each row.
        near_duplicates: Those among these rows, in this order; more rows may follow.
        config: The thresholds and the switches.
        decided: Decisions of a person, by row.
        preference: Of copies, the row with the smallest number stays, whatever its size; empty: all are equal.
    """
    decided = decided or {}
    preference = preference or [0] * len(photos)
    verdicts = [Verdict(problem.decode() or None) for problem in stats["flaw"]]
    for row, action in decided.items():
        if action == "reject":
            verdicts[row] = Verdict(BY_HAND)
    for check in CHECKS:
        scores, failed = check.failures(stats, config)
        for row in np.flatnonzero(failed).tolist():
            if not verdicts[row].reason:
                verdicts[row] = Verdict(check.reason, float(scores[row]), float(getattr(config, check.setting)))
    kept_by_hand = {row for row, action in decided.items() if action != "reject"}
    valid = [row for row, verdict in enumerate(verdicts) if not verdict.reason or _may_pass(verdict, row, kept_by_hand)]
    contradictions = _contradictions(valid, labels, near_duplicates) if config.drop_contradictions else {}
    for row, other in contradictions.items():
        verdicts[row] = Verdict("two classes", near_duplicates.distance(row, other), config.duplicate_bits, other)
    _reject_copies(
        verdicts, valid, stats, photos, labels, near_duplicates=near_duplicates, config=config, preference=preference
    )
    for row in kept_by_hand:
        if verdicts[row].reason not in UNDECODABLE:
            verdicts[row] = Verdict()
    return verdicts


def _may_pass(verdict: Verdict, row: int, kept_by_hand: set[int]) -> bool:
    return row in kept_by_hand and verdict.reason not in UNDECODABLE


def _reject_copies(
    verdicts: list[Verdict],
    valid: Sequence[int],
    stats: NDArray[np.void],
    photos: Sequence[str],
    labels: Sequence[str],
    *,
    near_duplicates: NearDuplicates,
    config: FilterConfig,
    preference: Sequence[int],
) -> None:
    """In each class, reject all but the first of equal photos, and all but the largest of near duplicates."""
    seen: dict[tuple[str, str], int] = {}
    best: dict[tuple[int, str], int] = {}
    area = stats["width_px"].astype(np.int64) * stats["height_px"]
    for row in sorted(valid, key=lambda row: (preference[row], -area[row], row)):
        if verdicts[row].reason:
            continue
        first = seen.setdefault((photos[row], labels[row]), row)
        if first != row:
            verdicts[row] = Verdict("duplicate", duplicate_of=first) if config.drop_duplicates else verdicts[first]
            continue
        keeper = best.setdefault((near_duplicates.group[row], labels[row]), row)
        if keeper != row and config.drop_near_duplicates:
            bits = near_duplicates.distance(row, keeper)
            verdicts[row] = Verdict("near duplicate", bits, config.duplicate_bits, keeper)


def _contradictions(rows: Sequence[int], labels: Sequence[str], near_duplicates: NearDuplicates) -> dict[int, int]:
    """Find the rows whose photo, or a near duplicate of it, is in another class, too; map each to that other row."""
    members: dict[int, list[int]] = {}
    firsts: dict[int, dict[str, int]] = {}
    for row in rows:
        bucket = int(near_duplicates.bucket[row])
        members.setdefault(bucket, []).append(row)
        firsts.setdefault(bucket, {}).setdefault(labels[row], row)
    links = [(bucket, bucket) for bucket in members]
    links += [link for one, other in near_duplicates.pairs.tolist() for link in ((one, other), (other, one))]
    found: dict[int, int] = {}
    for bucket, other in links:
        for row in members.get(bucket, ()):
            others = (first for label, first in firsts.get(other, {}).items() if label != labels[row])
            if row not in found and (first := next(others, None)) is not None:
                found[row] = first
    return found
