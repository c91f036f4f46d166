import numpy as np
import pytest
from sklearn import metrics as sk

from tasks.evaluate.metrics import by_class_frequency, compare, compare_part, confusion, per_class, worst_confusions
from tasks.inference.arrays import ScoredPredictions, softmax
from tasks.inference.scores import score


def random_answers(photos: int, classes: int, seed: int = 0, sharpness: float = 2.0) -> ScoredPredictions:
    random = np.random.default_rng(seed)
    truth = random.integers(classes, size=photos)
    logits = random.normal(size=(photos, classes))
    logits[np.arange(photos), truth] += sharpness
    return ScoredPredictions.of(truth, softmax(logits))


def test_the_scores_of_classes_agree_with_scikit_learn() -> None:
    random = np.random.default_rng(1)
    truth = random.integers(6, size=400)
    truth[truth == 3] = 4  # a class without photos
    probabilities = softmax(random.normal(size=(400, 6)) + 1.5 * np.eye(6)[truth])
    answers, predicted = ScoredPredictions.of(truth, probabilities), probabilities.argmax(axis=1)
    each = per_class(answers)
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        truth, predicted, labels=range(6), zero_division=np.nan
    )
    assert each.precision == pytest.approx(precision, nan_ok=True)
    assert each.recall == pytest.approx(recall, nan_ok=True)
    assert np.isnan(each.recall[3])
    assert each.f1 == pytest.approx(f1)
    assert each.support.tolist() == support.tolist()
    assert confusion(answers).tolist() == sk.confusion_matrix(truth, predicted, labels=range(6)).tolist()


def test_ties_go_to_the_lower_class_number() -> None:
    answers = ScoredPredictions.of(np.array([0, 1, 2]), np.full((3, 3), 1 / 3))
    assert answers.rank.tolist() == [1, 2, 3]
    assert answers.predicted.tolist() == [0, 0, 0]


def test_the_majority_class_baseline_ranks_classes_by_frequency() -> None:
    truth = np.array([2, 2, 1, 0])
    got = score(ScoredPredictions.majority_class(truth, np.array([1, 5, 9])), top_k=2)
    assert got["accuracy"] == 2 / 4
    assert got["map_at_5"] == (1 + 1 + 1 / 2 + 1 / 3) / 4
    assert got["top_k_accuracy"] == 3 / 4
    assert got["log_loss"] == pytest.approx(-np.log(np.array([10, 10, 6, 2]) / 18).mean())


def test_intervals_resample_groups_instead_of_photos() -> None:
    """100 photos in 5 groups of 20 that are all right or all wrong are worth as much as 5 photos."""
    right = np.repeat([1, 1, 1, 0, 0], 20)
    truth = np.zeros(100, np.int64)
    answers = ScoredPredictions.of(truth, np.stack([right, 1 - right], axis=1).astype(float))
    baseline = ScoredPredictions.majority_class(truth, np.array([1, 1]))
    alone = compare(answers, {"commonest": baseline}, np.arange(100), top_k=1, resamples=500, seed=0)[
        "accuracy"
    ].classifier
    grouped = compare(answers, {"commonest": baseline}, np.repeat(np.arange(5), 20), top_k=1, resamples=500, seed=0)
    assert alone.value == 0.6
    assert alone.low == pytest.approx(0.5, abs=0.03)  # 0.6 - 1.96 * sqrt(0.6 * 0.4 / 100)
    assert alone.high == pytest.approx(0.7, abs=0.03)
    assert grouped["accuracy"].classifier.low <= 0.2
    assert grouped["accuracy"].classifier.high == 1


def test_intervals_are_repeatable_and_ordered() -> None:
    answers = random_answers(200, 5)
    baseline = ScoredPredictions.majority_class(answers.truth, np.full(5, 10))
    first, second = (
        compare(answers, {"commonest": baseline}, np.arange(200), top_k=3, resamples=200, seed=7) for _ in range(2)
    )
    assert first == second
    for comparison in first.values():
        estimate = comparison.classifier
        assert estimate.low < estimate.value < estimate.high
        assert comparison.against["commonest"].difference.value == pytest.approx(
            estimate.value - comparison.against["commonest"].value
        )
    assert max(c.against["commonest"].p_value for c in first.values()) < 1e-6


def test_intervals_contain_the_value_with_one_or_two_photos_per_class() -> None:
    """Without the shift, the whole interval of macro F1 would be below the value."""
    random = np.random.default_rng(0)
    truth = np.concatenate([np.arange(300), random.integers(300, size=200)])
    logits = random.normal(size=(500, 300))
    logits[np.arange(500), truth] += 3
    baseline = ScoredPredictions.majority_class(truth, np.bincount(truth))
    got = compare(
        ScoredPredictions.of(truth, softmax(logits)),
        {"commonest": baseline},
        np.arange(500),
        top_k=5,
        resamples=200,
        seed=0,
    )
    for comparison in got.values():
        assert comparison.classifier.low < comparison.classifier.value < comparison.classifier.high


def test_a_classifier_that_predicts_the_majority_class_is_not_better() -> None:
    truth = np.random.default_rng(0).choice(4, size=300, p=[0.7, 0.1, 0.1, 0.1])
    probabilities = np.tile([0.7, 0.1, 0.1, 0.1], (300, 1))
    baseline = ScoredPredictions.majority_class(truth, np.array([70, 10, 10, 10]))
    got = compare(
        ScoredPredictions.of(truth, probabilities),
        {"commonest": baseline},
        np.arange(300),
        top_k=2,
        resamples=200,
        seed=0,
    )
    assert got["accuracy"].against["commonest"].p_value == 1
    assert got["accuracy"].against["commonest"].difference.value == 0


def test_a_classifier_below_the_baseline_is_worse() -> None:
    truth = np.array([0] * 90 + [1] * 10)
    opposite = np.eye(2)[1 - truth]
    baseline = ScoredPredictions.majority_class(truth, np.array([90, 10]))
    got = compare(
        ScoredPredictions.of(truth, opposite), {"commonest": baseline}, np.arange(100), top_k=1, resamples=200, seed=0
    )
    assert got["accuracy"].against["commonest"].p_value < 1e-6
    assert got["accuracy"].against["commonest"].difference.high < 0
    assert got["log_loss"].against["commonest"].difference.low > 0


@pytest.mark.parametrize(("photos", "is_significant"), [(1, False), (5, False), (20, True)])
def test_a_few_correct_predictions_are_not_significant(photos: int, is_significant: bool) -> None:
    truth = np.ones(photos, np.int64)
    baseline = ScoredPredictions.majority_class(truth, np.array([9, 1]))  # always wrong
    got = compare(
        ScoredPredictions.of(truth, np.eye(2)[truth]),
        {"commonest": baseline},
        np.arange(photos),
        top_k=1,
        resamples=100,
        seed=0,
    )
    assert got["accuracy"].classifier.high == 1
    assert got["accuracy"].classifier.low == pytest.approx(0.025 ** (1 / photos))
    assert (got["accuracy"].against["commonest"].p_value < 0.05) == is_significant


def test_worst_confusions_are_sorted_and_exclude_correct_predictions() -> None:
    matrix = np.array([[9, 2, 0], [5, 1, 0], [0, 1, 7]])
    assert worst_confusions(matrix, 9) == [(1, 0, 5), (0, 1, 2), (2, 1, 1)]
    assert worst_confusions(matrix, 1) == [(1, 0, 5)]
    assert worst_confusions(np.diag([3, 4]), 9) == []


def test_softmax_of_huge_logits_is_finite() -> None:
    got = softmax(np.array([[1e4, 0.0, -1e4]], np.float32))
    assert got.tolist() == [[1.0, 0.0, 0.0]]
    assert np.isfinite(ScoredPredictions.of(np.array([2]), got).loss).all()


def test_all_baselines_are_compared_on_the_same_resamples() -> None:
    ours, theirs = random_answers(150, 4, sharpness=3), random_answers(150, 4, sharpness=1)
    drawn = {"top_k": 2, "resamples": 100, "seed": 3}
    both = compare(ours, {"theirs": theirs, "ours": ours}, np.arange(150), **drawn)
    alone = compare(ours, {"theirs": theirs}, np.arange(150), **drawn)
    for name, comparison in both.items():
        assert comparison.against["theirs"] == alone[name].against["theirs"]
        assert comparison.against["ours"].p_value == 1
        itself = comparison.against["ours"].difference
        assert itself.value == 0
        assert itself.high == pytest.approx(0 if name == "log_loss" else 1 - 0.025 ** (1 / 150))
    assert both["accuracy"].against["theirs"].p_value < 0.01


def test_scores_by_train_photos_per_class() -> None:
    """Three classes with 0, 1 and 7 train photos; two of the last class's three test photos are right."""
    truth = np.array([0, 1, 2, 2, 2])
    probabilities = np.eye(3)[[2, 1, 2, 2, 1]] * 0.8 + 0.1
    drawn = {"top_k": 2, "resamples": 100, "seed": 0}
    never, once, often = by_class_frequency(
        ScoredPredictions.of(truth, probabilities), np.array([0, 1, 7]), np.arange(5), **drawn
    )
    assert [(b.at_least, b.at_most, b.classes, b.photos) for b in (never, once, often)] == [
        (0, 0, 1, 1),
        (1, 1, 1, 1),
        (6, 10, 1, 3),
    ]
    assert [b.scores["accuracy"].value for b in (never, once, often)] == pytest.approx([0, 1, 2 / 3])
    assert often.scores["map_at_5"].value == pytest.approx((1 + 1 + 1 / 3) / 3)
    most = by_class_frequency(
        ScoredPredictions.of(truth, probabilities), np.array([5000, 1001, 1000]), np.arange(5), **drawn
    )
    assert [(b.at_least, b.at_most) for b in most] == [(101, 1000), (1001, None)]


def test_the_majority_class_baseline_equals_constant_probabilities() -> None:
    counts = np.array([3, 0, 9, 3, 5])
    truth = np.arange(5)
    shares = (counts + 1) / (counts + 1).sum()
    expected = ScoredPredictions.of(truth, np.tile(shares, (5, 1)))
    got = ScoredPredictions.majority_class(truth, counts)
    assert got.rank.tolist() == expected.rank.tolist()
    assert got.predicted.tolist() == expected.predicted.tolist()
    np.testing.assert_allclose(got.loss, expected.loss)


@pytest.mark.parametrize(("groups", "low"), [([0], 0.5 * 0.025), ([0, 0], 0.5 * 0.025), ([0, 1], 0.5 * 0.025**0.5)])
def test_equal_resamples_still_give_an_interval(groups: list[int], low: float) -> None:
    """One photo with rank 2 has an mAP@5 of 0.5, but not an interval from 0.500 to 0.500."""
    truth = np.ones(len(groups), np.int64)
    answers = ScoredPredictions.of(truth, np.tile([0.7, 0.3], (len(groups), 1)))
    got = compare(answers, {}, np.array(groups), top_k=1, resamples=100, seed=0)["map_at_5"].classifier
    assert got.value == 0.5
    assert got.low == pytest.approx(low)
    assert got.high == pytest.approx(1 - low)


def test_a_part_is_compared_with_all_photos() -> None:
    """Of 200 photos, the 20 that are not in the part are all wrong."""
    answers = random_answers(180, 4, sharpness=3)
    truth = np.concatenate([answers.truth, np.arange(20) % 4])
    wrong = ScoredPredictions.of(truth[180:], np.eye(4)[(truth[180:] + 1) % 4])
    together = ScoredPredictions(
        truth,
        *(np.concatenate([getattr(answers, name), getattr(wrong, name)]) for name in ("predicted", "rank", "loss")),
        classes=4,
    )
    part = np.arange(200) < 180
    drawn = {"top_k": 2, "resamples": 200, "seed": 0}
    found = compare_part(together, part, np.arange(200), **drawn)
    alone, everything = score(answers, 2), score(together, 2)
    for name, comparison in found.items():
        assert comparison.everything.value == everything[name]
        assert comparison.difference.value == pytest.approx(alone[name] - everything[name])
        assert comparison.difference.low < comparison.difference.value < comparison.difference.high
    assert found["accuracy"].difference.low > 0
    assert found["accuracy"].p_value < 0.001
    assert compare_part(together, np.ones(200, np.bool_), np.arange(200), **drawn)["accuracy"].p_value == 1


def test_a_part_that_some_resamples_lack() -> None:
    found = compare_part(random_answers(5, 2), np.arange(5) < 1, np.arange(5), top_k=1, resamples=100, seed=0)
    assert all(np.isfinite(comparison.difference.low) for comparison in found.values())


def test_several_trainings_are_resampled_beside_the_groups() -> None:
    truth = np.tile(np.zeros(40, np.int64), 4)
    trainings = np.repeat(np.arange(4), 40)
    groups = np.tile(np.arange(40), 4)
    right = trainings < 2  # two trainings answer everything right, two nothing: photos make no difference
    answers = ScoredPredictions(truth, np.where(right, 0, 1), np.where(right, 1, 2), np.zeros(160), 2)
    options = {"top_k": 1, "resamples": 200, "seed": 0}
    only_photos = compare(answers, {}, groups, **options)["accuracy"].classifier
    both = compare(answers, {}, groups, trainings, **options)["accuracy"].classifier
    assert only_photos.value == both.value == 0.5
    assert both.high - both.low > 0.6
    assert only_photos.high - only_photos.low < both.high - both.low
