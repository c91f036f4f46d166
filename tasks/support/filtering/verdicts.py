"""Which photos are rejected, and why: by themselves, as copies of others, by suspicion, or by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from configs.schema import FilterConfig
from tasks.support.decisions import Action
from tasks.support.filtering.checks import CHECKS
from tasks.support.filtering.duplicates import groups, near_pairs

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


@dataclass
class Buckets:
    """Rows that have the same perceptual hash, the links between such buckets, and the groups that they make."""

    hashes: NDArray[np.uint8]
    mirrors: NDArray[np.uint8] | None
    bucket: NDArray[np.int64]
    pairs: NDArray[np.int64]
    group: list[int] = field(init=False)
    """Number of each row's group of near duplicates."""

    def __post_init__(self) -> None:
        self.group = groups(len(self.hashes), self.pairs)[self.bucket].tolist()

    @classmethod
    def of(cls, hashes: NDArray[np.uint8], max_bits: int, mirrors: NDArray[np.uint8] | None = None) -> "Buckets":
        """Link rows of `hashes` `(n, bytes)` that differ in at most `max_bits` bits.

        mirrors: the hashes of their mirror images `(n, bytes)`, if those are to count as near duplicates, too.
        """
        unique, first, bucket = np.unique(hashes, axis=0, return_index=True, return_inverse=True)
        if mirrors is None:
            return cls(unique, None, bucket.astype(np.int64), near_pairs(unique, max_bits))
        mirrors = mirrors[first]
        every, place = np.unique(np.concatenate([unique, mirrors]), axis=0, return_inverse=True)
        near = near_pairs(every, max_bits)
        seen, seen_mirrored = place[: len(unique)], place[len(unique) :]
        pairs = _between(seen, seen, near), _between(seen, seen_mirrored, near), _equal(seen, seen_mirrored)
        return cls(unique, mirrors, bucket.astype(np.int64), np.unique(np.concatenate(pairs), axis=0))

    def distance(self, one: int, other: int) -> float:
        """Bits in which the hashes of two rows differ, or of one and the other's mirror image."""
        left, right = self.bucket[one], self.bucket[other]
        others = [self.hashes[right]] if self.mirrors is None else [self.hashes[right], self.mirrors[right]]
        return float(min(np.bitwise_count(self.hashes[left] ^ hashed).sum() for hashed in others))


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
    verdicts = [Verdict(flaw.decode() or None) for flaw in measured["flaw"]]
    for row, action in decided.items():
        if action == "reject":
            verdicts[row] = Verdict(BY_HAND)
    for check in CHECKS:
        scores, flawed = check.flawed(measured, config)
        for row in np.flatnonzero(flawed).tolist():
            if not verdicts[row].reason:
                verdicts[row] = Verdict(check.reason, float(scores[row]), float(getattr(config, check.knob)))
    kept_by_hand = {row for row, action in decided.items() if action != "reject"}
    sound = [row for row, verdict in enumerate(verdicts) if not verdict.reason or _may_pass(verdict, row, kept_by_hand)]
    for row, twin in _contradictions(sound, labels, buckets).items():
        verdicts[row] = Verdict("two classes", buckets.distance(row, twin), config.duplicate_bits, twin)
    _find_copies(verdicts, sound, measured, photos, buckets=buckets, config=config)
    for row in kept_by_hand:
        if verdicts[row].reason not in UNDECODABLE:
            verdicts[row] = Verdict()
    return verdicts


def _may_pass(verdict: Verdict, row: int, kept_by_hand: set[int]) -> bool:
    return row in kept_by_hand and verdict.reason not in UNDECODABLE


def _find_copies(
    verdicts: list[Verdict],
    sound: Sequence[int],
    measured: NDArray[np.void],
    photos: Sequence[str],
    *,
    buckets: Buckets,
    config: FilterConfig,
) -> None:
    """Reject all but the first of equal photos, and all but the largest of near duplicates."""
    seen: dict[str, int] = {}
    best: dict[int, int] = {}
    area = measured["width_px"].astype(np.int64) * measured["height_px"]
    for row in sorted(sound, key=lambda row: (-area[row], row)):
        if verdicts[row].reason:
            continue
        if photos[row] in seen:
            verdicts[row] = Verdict("duplicate", twin=seen[photos[row]])
            continue
        seen[photos[row]] = row
        keeper = best.setdefault(buckets.group[row], row)
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


def _between(seen: NDArray[np.intp], other: NDArray[np.intp], near: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs (i, j), i < j, of places whose `seen` and `other` are one of the near pairs."""
    left, right = _where(seen), _where(other)
    found = [
        (min(i, j), max(i, j))
        for one, two in near.tolist()
        for first, second in ((one, two), (two, one))
        for i in left.get(first, ())
        for j in right.get(second, ())
        if i != j
    ]
    return np.array(found, np.int64).reshape(-1, 2)


def _equal(seen: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.int64]:
    """Pairs (i, j), i < j, of places whose `seen` is the other's `other`."""
    right = _where(other)
    found = [(min(i, j), max(i, j)) for i, one in enumerate(seen.tolist()) for j in right.get(one, ()) if i != j]
    return np.array(found, np.int64).reshape(-1, 2)


def _where(values: NDArray[np.intp]) -> dict[int, list[int]]:
    places: dict[int, list[int]] = {}
    for place, value in enumerate(values.tolist()):
        places.setdefault(value, []).append(place)
    return places
