"""Probably wrong labels."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.inference.mislabels import FOLDS, NO_SUGGESTION, find_mislabels


def classes(count: int, sizes: int = 40) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Make embeddings `(count * sizes, 16)` around one axis per class; the classes; one group per photo."""
    labels = np.repeat(np.arange(count), sizes)
    noise = np.random.default_rng(0).normal(0, 0.2, (len(labels), 16))
    return (np.eye(16)[labels] + noise).astype(np.float32), labels, np.arange(len(labels))


def test_wrong_labels_have_the_highest_scores_and_the_right_ones_are_suggested() -> None:
    embedding, truth, groups = classes(4)
    wrong = [3, 50, 90, 150]
    labels = truth.copy()
    labels[wrong] = (truth[wrong] + 1) % 4
    score, suggestion, _ = find_mislabels(embedding, labels, groups)
    assert set(np.argsort(-score)[:4]) == set(wrong)
    assert suggestion[wrong].tolist() == truth[wrong].tolist()
    assert 0 <= score.min() <= score.max() <= 1


def test_photos_that_look_like_their_class_have_no_suggestion() -> None:
    score, suggestion, _ = find_mislabels(*classes(3))
    assert set(suggestion) == {NO_SUGGESTION}
    assert score.max() < 0.6


def test_suggestions_use_the_given_class_numbers() -> None:
    embedding, truth, groups = classes(2)
    labels = np.where(truth == 0, 70, 9)
    labels[0] = 9
    assert find_mislabels(embedding, labels, groups)[1][0] == 70


def test_near_duplicates_dont_confirm_each_others_label() -> None:
    embedding, labels, groups = classes(2, 60)
    copies = slice(0, 12)  # twelve copies of one photo of class 0, all labelled as class 1
    embedding[copies] = embedding[0]
    labels[copies] = 1
    apart = find_mislabels(embedding, labels, groups)[0][copies]
    groups[copies] = 0
    together = find_mislabels(embedding, labels, groups)[0][copies]
    assert together.min() > 0.75 > apart.max()


def test_classes_too_small_for_every_fold_are_skipped() -> None:
    embedding, labels, groups = classes(3)
    labels[:FOLDS] = 8
    embedding[:FOLDS] = np.eye(16)[8]
    groups[:FOLDS] = [0, 0, 1, 2, 3]  # five photos, but four groups
    score, suggestion, _ = find_mislabels(embedding, labels, groups)
    assert score[:FOLDS].tolist() == [0] * FOLDS
    assert set(suggestion[:FOLDS]) == {NO_SUGGESTION}
    assert 8 not in suggestion
    assert score[FOLDS:].min() > 0


@pytest.mark.slow
def test_two_hundred_classes_of_five_photos() -> None:
    labels = np.repeat(np.arange(200), 5)
    embedding = np.random.default_rng(0).normal(size=(200, 64))[labels]
    embedding += np.random.default_rng(1).normal(0, 0.3, embedding.shape)
    score, suggestion, _ = find_mislabels(embedding.astype(np.float16), labels, np.arange(1000))
    assert np.isfinite(score).all()
    assert (suggestion == NO_SUGGESTION).mean() > 0.9


@pytest.mark.parametrize("group", [0, 1])
def test_a_class_with_one_group_and_a_single_group_give_no_scores(group: int) -> None:
    embedding, labels, groups = classes(2)
    groups[labels >= group] = 0
    score, suggestion, _ = find_mislabels(embedding, labels, groups)
    assert score.tolist() == [0] * 80
    assert set(suggestion) == {NO_SUGGESTION}


def test_one_huge_group_and_small_ones_give_finite_scores() -> None:
    embedding, labels, groups = classes(2)
    groups[(np.arange(80) % 40) > 4] = 0
    score, *_ = find_mislabels(embedding, labels, groups)
    assert np.isfinite(score).all()


@pytest.mark.parametrize("value", [0, 1, -3e4, 1e-12])
def test_photos_that_all_look_the_same_have_no_scores(value: float) -> None:
    _, labels, groups = classes(2)
    score, suggestion, _ = find_mislabels(np.full((80, 4), value, np.float32), labels, groups)
    assert score.tolist() == [0] * 80
    assert set(suggestion) == {NO_SUGGESTION}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_few_photos_have_no_scores(count: int) -> None:
    embedding = np.eye(4, dtype=np.float32)[:count]
    score, suggestion, _ = find_mislabels(embedding, np.arange(count) % 2, np.arange(count))
    assert score.tolist() == [0] * count
    assert suggestion.tolist() == [NO_SUGGESTION] * count


def test_one_class_has_no_wrong_labels() -> None:
    embedding, labels, groups = classes(1)
    assert find_mislabels(embedding, labels, groups)[0].tolist() == [0] * 40


def test_the_same_seed_gives_the_same_scores() -> None:
    once, again, other = (find_mislabels(*classes(3), seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()
