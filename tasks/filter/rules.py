"""Decide which photos are rejected, and why: by a person, by the checks, or as copies of other photos.

A check that would reject too many photos of a class rejects none of them: they are kept as doubtful (see `limits`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from configs.schema import FilterConfig
from tasks.filter.checks import CHECKS
from tasks.filter.limits import RejectionLimit
from tasks.filter.near_duplicates import NearDuplicates
from tasks.filter.review_log import Action
from tasks.images.photos import PROBLEMS

BY_HAND = "by hand"
"""The reason of photos that a person rejected."""
TWO_CLASSES, DUPLICATE, NEAR_DUPLICATE = "two classes", "duplicate", "near duplicate"
"""The reasons of photos that are rejected because of other photos."""
FACES = "faces"
"""The reason of photos with too few or too many faces."""
UNDECODABLE = PROBLEMS
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


@dataclass(frozen=True)
class Ruling:
    """The verdicts on n rows, and where a check would have rejected too much."""

    verdicts: list[Verdict]
    """The verdict on each row."""
    doubts: dict[int, list[Verdict]]
    """The doubtful rows, which are kept although they fail, and what they fail."""
    suspended: dict[str, set[str]]
    """The classes in which a check rejects nothing, by the check's reason."""
    failed: dict[str, dict[str, int]]
    """How many different photos of each class fail a check, by the check's reason."""


def apply_rules(
    stats: NDArray[np.void],
    photos: Sequence[str],
    labels: Sequence[str],
    near_duplicates: NearDuplicates,
    config: FilterConfig,
    *,
    decided: Mapping[int, Action] | None = None,
    suspended: Mapping[str, set[str]] | None = None,
    preference: Sequence[int] = (),
) -> Ruling:
    """Apply the checks, the rules about copies, and a person's decisions to n rows.

    Among equal rows the earlier one is preferred. Decisions override everything, except that a photo can't be decoded.
    A row that a person rejected neither contradicts nor duplicates other rows.

    A check that would reject more than `config.max_rejected` of the photos of a class, or of all photos, rejects none
    of them. If photos of two classes contradict each other, they are kept in both classes or in neither. Copies of a
    file in one class are always rejected, because nothing is lost with them.

    Args:
        stats: Statistics of each row's photo, `(n,)` of STATS_DTYPE.
        photos: SHA-256 of each row's photo; rows may share one.
        labels: Class of each row.
        near_duplicates: Those among these rows, in this order; more rows may follow.
        config: The thresholds and the switches.
        decided: Decisions of a person, by row.
        suspended: Classes in which a check rejects nothing in any case, by reason. Those of the ruling without
            decisions make sure that a review that is half done doesn't cause more rejections.
        preference: Of copies, the row with the smallest number stays, whatever its size; empty: all are equal.
    """
    preference = preference or [0] * len(photos)
    rules = _Rules(stats, photos, labels, near_duplicates, config, decided or {}, suspended or {}, preference)
    return rules.ruling()


@dataclass
class _Rules:
    """The rules for the same rows, applied one after the other; see `apply_rules` for the arguments."""

    stats: NDArray[np.void]
    photos: Sequence[str]
    labels: Sequence[str]
    near_duplicates: NearDuplicates
    config: FilterConfig
    decided: Mapping[int, Action]
    suspended: Mapping[str, set[str]]
    preference: Sequence[int]

    def __post_init__(self) -> None:
        self._rejected_by_hand = {row for row, action in self.decided.items() if action == "reject"}
        self._kept_by_hand = self.decided.keys() - self._rejected_by_hand
        self._decodable = np.flatnonzero(self.stats["flaw"] == b"").tolist()
        self._limit = RejectionLimit(self._decodable, self.photos, self.labels, self.config.max_rejected)
        self._rejected: dict[int, Verdict] = {}
        self._doubts: dict[int, list[Verdict]] = {}
        self._suspended = {reason: set(classes) for reason, classes in self.suspended.items()}
        self._failed: dict[str, dict[str, int]] = {}

    def ruling(self) -> Ruling:
        """Apply all rules; call it once."""
        self._reject_failures()
        valid = [row for row in self._decodable if row not in self._rejected or row in self._kept_by_hand]
        valid = [row for row in valid if row not in self._rejected_by_hand]
        if self.config.drop_contradictions:
            self._reject_contradictions(valid)
        self._reject_copies([row for row in valid if row not in self._rejected])
        verdicts = [Verdict(problem.decode() or None) for problem in self.stats["flaw"]]
        for row in self._decodable:
            if row in self._rejected_by_hand:
                verdicts[row] = Verdict(BY_HAND)
            elif row not in self._kept_by_hand:
                verdicts[row] = self._rejected.get(row, Verdict())
        undecided = self._doubts.keys() - self._kept_by_hand
        doubts = {row: self._doubts[row] for row in sorted(undecided) if not verdicts[row].reason}
        return Ruling(verdicts, doubts, self._suspended, self._failed)

    def _reject_failures(self) -> None:
        """Reject the rows that fail a check of single photos."""
        for check in CHECKS:
            scores, failed = check.failures(self.stats, self.config)
            failing: dict[int, Verdict] = {}
            for row in np.flatnonzero(failed).tolist():
                if not self.stats["flaw"][row] and row not in self._rejected:
                    threshold = float(getattr(self.config, check.setting))
                    failing[row] = Verdict(check.reason, float(scores[row]), threshold)
            classes = self._suspend(check.reason, failing)
            self._reject(failing, {row for row in failing if self.labels[row] in classes})

    def _reject_contradictions(self, valid: Sequence[int]) -> None:
        """Reject the rows that are in two classes, themselves or as near duplicates."""
        near, bits = self.near_duplicates, self.config.duplicate_bits
        failing = {
            row: Verdict(TWO_CLASSES, near.distance(row, other), bits, other)
            for row, other in near.contradictions(valid, self.labels).items()
        }
        classes = self._suspend(TWO_CLASSES, failing)
        groups = {near.group[row] for row in failing if self.labels[row] in classes}
        self._reject(failing, {row for row in failing if near.group[row] in groups})

    def _reject_copies(self, rows: Sequence[int]) -> None:
        """In each class, reject all but the first of equal photos, and all but the largest of near duplicates."""
        near, config = self.near_duplicates, self.config
        seen: dict[tuple[str, str], int] = {}
        best: dict[tuple[int, str], int] = {}
        failing: dict[int, Verdict] = {}
        again: dict[int, int] = {}
        area = self.stats["width_px"].astype(np.int64) * self.stats["height_px"]
        for row in sorted(rows, key=lambda row: (self.preference[row], -area[row], row)):
            label = self.labels[row]
            if (first := seen.setdefault((self.photos[row], label), row)) != row:
                again[row] = first
            elif (keeper := best.setdefault((near.group[row], label), row)) != row and config.drop_near_duplicates:
                failing[row] = Verdict(NEAR_DUPLICATE, near.distance(row, keeper), config.duplicate_bits, keeper)
        classes = self._suspend(NEAR_DUPLICATE, failing)
        self._reject(failing, {row for row in failing if self.labels[row] in classes})
        for row, first in again.items():
            if config.drop_duplicates:
                self._rejected[row] = Verdict(DUPLICATE, duplicate_of=first)
            elif first in self._rejected:
                self._rejected[row] = self._rejected[first]
            elif first in self._doubts:
                self._doubts[row] = self._doubts[first]

    def _suspend(self, reason: str, failing: Collection[int]) -> set[str]:
        """Return the classes in which a check must reject nothing."""
        self._failed[reason] = self._limit.count(failing)[0]
        classes = self._limit.classes_beyond(failing) | self._suspended.get(reason, set())
        if classes:
            self._suspended[reason] = classes
        return classes

    def _reject(self, failing: Mapping[int, Verdict], doubtful: set[int]) -> None:
        """Reject the failing rows, except the doubtful ones."""
        for row, verdict in failing.items():
            if row in doubtful:
                self._doubts.setdefault(row, []).append(verdict)
            else:
                self._rejected[row] = verdict
