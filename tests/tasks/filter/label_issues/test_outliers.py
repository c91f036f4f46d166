"""Outliers within classes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.filter.label_issues import outliers
from tasks.filter.label_issues.outliers import outlier_scores


def classes(count: int, sizes: int = 60, spread: float = 0.2) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Make embeddings `(count * sizes, 16)` around one axis per class, and the classes."""
    labels = np.repeat(np.arange(count), sizes)
    noise = np.random.default_rng(0).normal(0, spread, (len(labels), 16))
    return (np.eye(16)[labels] + noise).astype(np.float32), labels


def test_photos_that_look_like_no_class_have_the_highest_scores() -> None:
    embedding, labels = classes(3)
    strange = [5, 70, 130]
    embedding[strange] = np.eye(16, dtype=np.float32)[[10, 11, 12]]
    scores = outlier_scores(embedding, labels)
    assert set(np.argsort(-scores)[:3]) == set(strange)
    assert scores[strange].min() > 4 > np.delete(scores, strange).max()


def test_a_photo_that_looks_like_another_class_is_far_from_its_own() -> None:
    embedding, labels = classes(3)
    labels[5] = 2
    assert np.argmax(outlier_scores(embedding, labels)) == 5


def test_a_few_similar_outliers_dont_hide_each_other() -> None:
    embedding, labels = classes(2, spread=0.1)
    embedding[:4] = np.eye(16, dtype=np.float32)[10]
    assert set(np.argsort(-outlier_scores(embedding, labels))[:4]) == {0, 1, 2, 3}


def test_scores_are_relative_to_the_spread_of_the_class() -> None:
    embedding, labels = classes(2)
    embedding[labels == 0] += np.random.default_rng(1).normal(0, 0.4, (60, 16)).astype(np.float32)
    scores = outlier_scores(embedding, labels)
    medians = [np.median(scores[(labels == label) & (scores > 0)]) for label in (0, 1)]
    assert medians[0] == pytest.approx(medians[1], rel=0.5)


def test_the_scale_of_an_embedding_doesnt_matter() -> None:
    embedding, labels = classes(2)
    scores = outlier_scores(embedding, labels)
    np.testing.assert_allclose(outlier_scores(embedding * 1e-3, labels), scores, atol=1e-2)
    np.testing.assert_allclose(outlier_scores((embedding * 2e4).astype(np.float16), labels), scores, atol=0.05)


@pytest.mark.parametrize("count", range(6))
def test_classes_of_one_to_five_photos_have_no_outliers(count: int) -> None:
    embedding = np.random.default_rng(0).normal(size=(60 + count, 8)).astype(np.float32)
    labels = np.r_[np.zeros(60, np.int64), np.full(count, 7)]
    scores = outlier_scores(embedding, labels)
    assert scores[60:].tolist() == [0] * count
    assert scores[:60].max() > 0


@pytest.mark.parametrize("value", [0, 1, -3e4, 1e-12])
def test_photos_that_all_look_the_same_have_no_outliers(value: float) -> None:
    scores = outlier_scores(np.full((30, 4), value, np.float32), np.zeros(30, np.int64))
    assert scores.tolist() == [0] * 30


def test_one_different_photo_among_equal_ones_is_an_outlier() -> None:
    embedding = np.tile(np.float32([1, 0, 0]), (30, 1))
    embedding[3] = [0, 1, 0]
    scores = outlier_scores(embedding, np.zeros(30, np.int64))
    assert np.flatnonzero(scores > 4).tolist() == [3]
    assert np.isfinite(scores).all()


def test_no_photos_and_three_photos_work() -> None:
    assert outlier_scores(np.zeros((0, 4), np.float32), np.zeros(0, np.int64)).shape == (0,)
    assert outlier_scores(np.eye(3, dtype=np.float16), np.array([0, 1, 0])).tolist() == [0, 0, 0]


def test_blocks_give_the_same_scores_as_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    embedding, labels = classes(2)
    whole = outlier_scores(embedding, labels)
    monkeypatch.setattr(outliers, "BLOCK_PHOTOS", 7)
    np.testing.assert_allclose(outlier_scores(embedding, labels), whole, atol=1e-4)


def test_a_large_class_is_compared_with_the_same_sample_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    embedding, labels = classes(2, 300)
    embedding[5] = np.eye(16)[9]
    monkeypatch.setattr(outliers, "MAX_COMPARED", 50)
    scores = outlier_scores(embedding, labels, seed=1)
    assert np.argmax(scores) == 5
    np.testing.assert_array_equal(outlier_scores(embedding, labels, seed=1), scores)
    assert (outlier_scores(embedding, labels, seed=2) != scores).any()
