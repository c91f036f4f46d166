"""The twenty lines, and their comparison with a run."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.twenty_lines import paired_bootstrap, scored, twenty_lines
from tasks.inference.arrays import ScoredPredictions


def _blobs(noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three classes of 40 photos each; a quarter of them is in validation, a quarter in the test."""
    random = np.random.default_rng(0)
    targets = np.repeat(np.arange(3), 40)
    split = np.tile(["train", "val", "test", "train"], 30)
    return np.eye(3)[targets] * 2 + random.normal(0, noise, (120, 3)), targets, split


def test_learns_from_the_train_photos_and_then_from_validation_too() -> None:
    features, targets, split = _blobs(0.1)
    alone, together = twenty_lines(features, targets, split, "accuracy")
    truth = targets[split == "test"]
    assert (alone.argmax(axis=1) == truth).all()
    assert (together.argmax(axis=1) == truth).all()
    assert not np.allclose(alone, together)


@pytest.mark.slow
def test_labels_of_test_photos_change_nothing() -> None:
    features, targets, split = _blobs(1.0)
    shuffled = np.where(split == "test", (targets + 1) % 3, targets)
    for ours, theirs in zip(
        twenty_lines(features, targets, split, "accuracy"),
        twenty_lines(features, shuffled, split, "accuracy"),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_labels_of_validation_photos_count_only_in_the_second_fit_or_by_the_choice_of_c() -> None:
    features, targets, split = _blobs(0.1)
    wrong = np.where(split == "val", (targets + 1) % 3, targets)
    _, together = twenty_lines(features, wrong, split, "accuracy")
    _, right = twenty_lines(features, targets, split, "accuracy")
    assert together.max(axis=1).mean() < right.max(axis=1).mean()


def test_reads_answers_of_a_run() -> None:
    answers = pd.DataFrame({"predicted": ["a", "unknown", "b"], "rank": [1, 2, 1], "loss": [0.1, 2.0, 0.3]})
    found = scored(answers, np.array([0, 1, 1]), np.array(["a", "b"]))
    assert found.predicted.tolist() == [0, 2, 1]
    assert found.classes == 3
    assert found.loss.tolist() == [0.1, 2.0, 0.3]


def test_the_interval_is_of_groups() -> None:
    truth = np.zeros(100, np.int64)
    right = ScoredPredictions.of(truth, np.tile([[0.9, 0.1]], (100, 1)))
    half = ScoredPredictions.of(truth, np.repeat([[0.9, 0.1], [0.1, 0.9]], 50, axis=0))
    value, low, high = paired_bootstrap("accuracy", right, half, np.arange(100))
    assert value == pytest.approx(0.5)
    assert (low, high) == pytest.approx((0.4, 0.6), abs=0.04)
    _, low, high = paired_bootstrap("accuracy", right, half, np.repeat([0, 1], 50))
    assert (low, high) == (0, 1)
