"""Which photos are rejected, and why: by themselves, as copies of others, by suspicion, or by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from configs.schema import FilterConfig
from tasks.filter.checks import CHECKS
from tasks.filter.near_duplicates import Buckets
from tasks.filter.review_log import Action

BY_HAND = "by hand"
UNDECODABLE = ("unreadable", "truncated")


@dataclass(frozen=True)
class Verdict:
    """Of one row: why it is rejected, if it is."""

    reason: str | None = None
    score: float = 0.0
    """What the reason rests on, in its check's own unit."""
    threshold: float | None = None
    """The score that would have passed."""
    twin: int | None = None
    """The row that it duplicates or contradicts."""
    suggestion: str | None = None
    """The class that it may belong to instead."""


def judge(
    measured: NDArray[np.void],
    photos: Sequence[str],
    labels: Sequence[str],
    buckets: Buckets,
    config: FilterConfig,
    *,
    decided: Mapping[int, Action] | None = None,
) -> list[Verdict]:
    """Judge n rows, each one photo under one class; among equals the earlier row is preferred.

    measured: `(n,)` of type FACTS; photos: SHA-256 of each (rows may share one); labels: its class; buckets: of at
    least these rows, in this order; decided: what a person said of rows, which goes before everything but what can't
    be decoded. A row that was rejected by hand contradicts and duplicates nothing.
    """
    decided = decided or {}
    verdicts = [Verdict(problem.decode() or None) for problem in measured["flaw"]]
    for row, action in decided.items():
        if action == "reject":
            verdicts[row] = Verdict(BY_HAND)
    for check in CHECKS:
        scores, flawed = check.flawed(measured, config)
        for row in np.flatnonzero(flawed).tolist():
            if not verdicts[row].reason:
                verdicts[row] = Verdict(check.reason, float(scores[row]), float(getattr(config, check.setting)))
    kept_by_hand = {row for row, action in decided.items() if action != "reject"}
    valid = [row for row, verdict in enumerate(verdicts) if not verdict.reason or _may_pass(verdict, row, kept_by_hand)]
    contradictions = _contradictions(valid, labels, buckets) if config.drop_contradictions else {}
    for row, twin in contradictions.items():
        verdicts[row] = Verdict("two classes", buckets.distance(row, twin), config.duplicate_bits, twin)
    _find_copies(verdicts, valid, measured, photos, labels, buckets=buckets, config=config)
    for row in kept_by_hand:
        if verdicts[row].reason not in UNDECODABLE:
            verdicts[row] = Verdict()
    return verdicts


def _may_pass(verdict: Verdict, row: int, kept_by_hand: set[int]) -> bool:
    return row in kept_by_hand and verdict.reason not in UNDECODABLE


def _find_copies(
    verdicts: list[Verdict],
    valid: Sequence[int],
    measured: NDArray[np.void],
    photos: Sequence[str],
    labels: Sequence[str],
    *,
    buckets: Buckets,
    config: FilterConfig,
) -> None:
    """Reject all but the first of a class's equal photos, and all but the largest of its near duplicates."""
    seen: dict[tuple[str, str], int] = {}
    best: dict[tuple[int, str], int] = {}
    area = measured["width_px"].astype(np.int64) * measured["height_px"]
    for row in sorted(valid, key=lambda row: (-area[row], row)):
        if verdicts[row].reason:
            continue
        first = seen.setdefault((photos[row], labels[row]), row)
        if first != row:
            verdicts[row] = Verdict("duplicate", twin=first) if config.drop_duplicates else verdicts[first]
            continue
        keeper = best.setdefault((buckets.group[row], labels[row]), row)
        if keeper != row and config.drop_near_duplicates:
            bits = buckets.distance(row, keeper)
            verdicts[row] = Verdict("near duplicate", bits, config.duplicate_bits, keeper)


def _contradictions(rows: Sequence[int], labels: Sequence[str], buckets: Buckets) -> dict[int, int]:
    """Rows that show the same as a row of another class, and that row."""
    members: dict[int, list[int]] = {}
    firsts: dict[int, dict[str, int]] = {}
    for row in rows:
        bucket = int(buckets.bucket[row])
        members.setdefault(bucket, []).append(row)
        firsts.setdefault(bucket, {}).setdefault(labels[row], row)
    links = [(bucket, bucket) for bucket in members]
    links += [link for one, other in buckets.pairs.tolist() for link in ((one, other), (other, one))]
    found: dict[int, int] = {}
    for bucket, other in links:
        for row in members.get(bucket, ()):
            twins = (twin for label, twin in firsts.get(other, {}).items() if label != labels[row])
            if row not in found and (twin := next(twins, None)) is not None:
                found[row] = twin
    return found
