from typing import get_args

import numpy as np
import pytest

from tasks.inference.arrays import ScoredPredictions, softmax
from tasks.inference.headline import HeadlineMetric, headline_metric, paired_difference
from tasks.inference.scores import score

HEADLINES: tuple[HeadlineMetric, ...] = get_args(HeadlineMetric)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([100, 90, 80], "accuracy"),
        ([50, 10], "accuracy"),
        ([51, 10], "balanced_accuracy"),
        ([51, 10, 0], "balanced_accuracy"),  # the unknown class has no train photos
        ([5] * 20, "map_at_5"),
        ([5] * 19, "accuracy"),
        ([10] * 20, "map_at_5"),
        ([11] * 20, "accuracy"),
        ([1] * 15 + [400] * 20, "balanced_accuracy"),
        ([1] * 40 + [60] * 5, "map_at_5"),
        ([7], "accuracy"),
    ],
)
def test_the_headline_metric_follows_from_the_train_photos(counts: list[int], expected: str) -> None:
    assert headline_metric(np.array(counts), "auto") == expected


def test_a_chosen_metric_is_the_headline() -> None:
    assert {headline_metric(np.array([5] * 20), name) for name in HEADLINES} == set(HEADLINES)


def answers(truth: np.ndarray, predicted: np.ndarray, classes: int | None = None) -> ScoredPredictions:
    """Answers with the probabilities 0.9 for the predicted class, and the same for all other classes."""
    classes = classes or int(truth.max()) + 1
    return ScoredPredictions.of(truth, np.where(np.eye(classes)[predicted] > 0, 0.9, 0.1 / max(1, classes - 1)))


def noisy(truth: np.ndarray, classes: int, sharpness: float, seed: int) -> ScoredPredictions:
    logits = np.random.default_rng(seed).normal(size=(len(truth), classes))
    logits[np.arange(len(truth)), truth] += sharpness
    return ScoredPredictions.of(truth, softmax(logits))


def test_the_standard_error_of_accuracy_is_that_of_a_mean() -> None:
    truth = np.random.default_rng(0).integers(4, size=150)
    ours, theirs = noisy(truth, 4, 2, 1), noisy(truth, 4, 1, 2)
    difference, error = paired_difference("accuracy", ours, theirs, np.arange(150))
    each = (ours.predicted == truth).astype(float) - (theirs.predicted == truth)
    assert difference == pytest.approx(each.mean())
    assert error == pytest.approx(np.hypot(each.std(ddof=1) / np.sqrt(150), 1 / 152))


@pytest.mark.slow
@pytest.mark.parametrize("metric", HEADLINES)
def test_the_standard_error_is_the_spread_of_new_samples(metric: HeadlineMetric) -> None:
    """Uneven classes, the smallest with about twelve photos: the errors of 80 samples agree with their spread."""
    random = np.random.default_rng(3)
    found = []
    for seed in range(80):
        truth = random.choice(3, size=150, p=[0.75, 0.17, 0.08])
        ours, theirs = noisy(truth, 3, 1.5, 2 * seed), noisy(truth, 3, 1, 2 * seed + 1)
        found.append(paired_difference(metric, ours, theirs, np.arange(150)))
    differences, errors = np.array(found).T
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(differences.std(), rel=0.25)


def test_many_photos_are_left_out_in_parts() -> None:
    truth = np.random.default_rng(0).integers(4, size=5000)
    ours, theirs = noisy(truth, 4, 2, 1), noisy(truth, 4, 1, 2)
    each = (ours.predicted == truth).astype(float) - (theirs.predicted == truth)
    found = paired_difference("accuracy", ours, theirs, np.arange(5000))
    assert found == paired_difference("accuracy", ours, theirs, np.arange(5000))
    assert found[1] == pytest.approx(each.std() / np.sqrt(5000), rel=0.2)


def test_photos_of_a_group_are_left_out_together() -> None:
    """100 photos in 5 groups, each all right or all wrong, are worth as much as 5 photos."""
    right = np.repeat([1, 1, 1, 0, 0], 20)
    truth = np.zeros(100, np.int64)
    ours, theirs = answers(truth, 1 - right, 2), answers(truth, np.ones(100, np.int64), 2)
    few = paired_difference("accuracy", ours, theirs, np.repeat(np.arange(5), 20))
    assert few == pytest.approx((0.6, np.hypot(np.std([1, 1, 1, 0, 0], ddof=1) / np.sqrt(5), 1 / 7)))
    assert paired_difference("accuracy", ours, theirs, np.arange(100))[1] < few[1] / 4


@pytest.mark.parametrize("metric", HEADLINES)
@pytest.mark.parametrize("photos", [2, 5, 12])
def test_equal_differences_still_have_an_error(metric: HeadlineMetric, photos: int) -> None:
    truth = np.arange(photos) % 2
    right, wrong = answers(truth, truth), answers(truth, 1 - truth)
    groups = np.arange(photos)
    least = 1 / (photos + 2) if metric in ("accuracy", "map_at_5") else 1 / (photos // 2 + 2) / 2
    assert paired_difference(metric, right, right, groups) == (0, pytest.approx(least))
    difference, error = paired_difference(metric, right, wrong, groups)
    assert difference == score(right, 1)[metric] - score(wrong, 1)[metric]
    assert error == pytest.approx(least)


@pytest.mark.parametrize("metric", HEADLINES)
@pytest.mark.parametrize("photos", [4, 20, 176])
def test_a_single_photo_is_never_worth_more_than_its_error(metric: HeadlineMetric, photos: int) -> None:
    """The jackknife alone gives an error of 1/176 for a difference of 1/176, and rounding decided which is larger."""
    truth = np.arange(photos) % 2
    ours, theirs = answers(truth, truth), answers(truth, np.where(np.arange(photos) == 0, 1, truth))
    difference, error = paired_difference(metric, ours, theirs, np.arange(photos))
    assert 1.2 * difference < error < 2.5 * difference  # by rank, the photo counts half


def test_a_rare_class_has_a_large_error_in_means_over_classes() -> None:
    """One photo of the second class is half of the balanced accuracy."""
    truth = np.array([0] * 99 + [1])
    found = paired_difference("balanced_accuracy", answers(truth, truth), answers(truth, 0 * truth, 2), np.arange(100))
    assert found[0] == 0.5
    assert found[1] >= 1 / 3 / 2


@pytest.mark.parametrize("metric", HEADLINES)
def test_less_than_two_groups_tell_nothing(metric: HeadlineMetric) -> None:
    truth = np.array([0, 1])
    right, wrong = answers(truth, truth), answers(truth, 1 - truth)
    assert paired_difference(metric, right, wrong, np.zeros(2))[1] == 1
    assert paired_difference(metric, right.only(truth < 0), wrong.only(truth < 0), np.zeros(0)) == (0, 1)
