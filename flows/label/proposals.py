"""What is known about the photos so far: features, proposed classes, and in which order to label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.label.order import Ids, next_batch
from tasks.inference.arrays import l2_normalize, softmax
from tasks.inference.logistic import Scaling, fit_scaled_path

_C = 10.0
"""Inverse strength of the regularisation, as scikit-learn's C, for vectors of mean length 1."""


@dataclass(frozen=True)
class Batch:
    """What a network says about some photos."""

    features: NDArray[np.floating[Any]]
    """`(n, d)`"""
    probabilities: NDArray[np.floating[Any]] | None = None
    """`(n, classes)` of the model in use; None: there is none."""


@dataclass
class Knowledge:
    """Features and probabilities of the photos, as far as they are computed; safe for concurrent threads."""

    classes: tuple[str, ...] = ()
    """The model's classes, in the order of its probabilities; empty if there is none, or until it is loaded."""
    _batches: dict[int, tuple[NDArray[np.float32], NDArray[np.float32] | None]] = field(default_factory=dict)
    _examples: list[tuple[NDArray[np.float32], str]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    @property
    def count(self) -> int:
        """Number of photos with features."""
        with self._lock:
            return len(self._batches)

    def add(self, positions: Sequence[int], batch: Batch) -> None:
        """Add what a network says about the photos at some positions."""
        with self._lock:
            for row, position in enumerate(positions):
                probabilities = None if batch.probabilities is None else batch.probabilities[row]
                self._batches[position] = (
                    np.asarray(batch.features[row], np.float32),
                    None if probabilities is None else np.asarray(probabilities, np.float32),
                )

    def add_examples(self, labels: Sequence[str], batch: Batch) -> None:
        """Add photos of the run that have a class; proposals are made from them where there is no model."""
        with self._lock:
            self._examples += zip(np.asarray(batch.features, np.float32), labels, strict=True)

    def choose(
        self, answered: Sequence[int], labels: Mapping[int, str], open_: Sequence[int], count: int
    ) -> "list[tuple[int, Proposals]]":
        """Choose the photos to label next among those with features, with their proposals.

        Args:
            answered: Positions of the photos that have an answer, or are about to get one.
            labels: The class of those that have one.
            open_: Positions to choose from.
            count: How many to choose.
        """
        with self._lock:
            batches, examples = dict(self._batches), list(self._examples)
        known = sorted(batches)
        open_ = [position for position in open_ if position in batches]
        if not open_:
            return []
        at = {position: row for row, position in enumerate(known)}
        features = np.stack([batches[position][0] for position in known])
        others = np.stack([vector for vector, _ in examples]) if examples else features[:0]
        standardise = Scaling.of(features)
        vectors, others = standardise(features), standardise(others)
        rows = np.array([at[position] for position in open_], np.int64)
        names: Sequence[str] = self.classes
        probabilities: NDArray[np.floating[Any]] | None = None
        if names:
            probabilities = np.stack([_given(batches[position][1]) for position in open_])
        else:
            by_hand = [(at[position], label) for position, label in labels.items() if position in at]
            learned = np.concatenate([vectors[[row for row, _ in by_hand]], others])
            targets = [*(label for _, label in by_hand), *(label for _, label in examples)]
            if found := learn(learned, targets, vectors[rows]):
                names, probabilities = found
        covered: Ids = np.array([at[position] for position in answered if position in at], np.int64)
        is_trained = bool(self.classes or examples)
        chosen = next_batch(l2_normalize(vectors), covered, rows, count, probabilities, trained=is_trained)
        place = {int(row): i for i, row in enumerate(rows)}
        return [
            (known[row], most_likely(names, None if probabilities is None else probabilities[place[row]]))
            for row in chosen
        ]


Proposals = list[tuple[str, float]]
"""Classes with their probabilities, the most likely first."""


def most_likely(names: Sequence[str], probabilities: NDArray[np.floating[Any]] | None, most: int = 3) -> Proposals:
    """Return the most likely classes of one photo."""
    if probabilities is None:
        return []
    order = np.argsort(-probabilities, kind="stable")[:most]
    return [(names[i], float(probabilities[i])) for i in order if np.isfinite(probabilities[i])]


def learn(
    vectors: NDArray[np.float32], labels: Sequence[str], others: NDArray[np.float32]
) -> tuple[list[str], NDArray[np.float64]] | None:
    """Fit logistic regression to labelled photos, and apply it to others.

    Args:
        vectors: `(n, d)` of photos with a class.
        labels: Their classes.
        others: `(m, d)` of photos without one.

    Returns:
        The names of the classes and probabilities `(m, classes)`; None if there are fewer than two classes.
    """
    names = sorted(set(labels))
    if len(names) < 2:
        return None
    number = {name: i for i, name in enumerate(names)}
    targets = np.array([number[label] for label in labels])
    [(_, linear)] = fit_scaled_path(vectors.copy(), targets, len(names), path=(_C,))
    return names, softmax(linear(others))


def _given(probabilities: NDArray[np.float32] | None) -> NDArray[np.float32]:
    assert probabilities is not None  # a model gives them for each photo
    return probabilities
