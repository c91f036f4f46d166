import numpy as np
import pytest
from sklearn import metrics as sk

from tasks.inference.arrays import ScoredPredictions, softmax
from tasks.inference.scores import score

PROBABILITIES = np.array(
    [
        [0.7, 0.2, 0.1, 0.0, 0.0, 0.0, 0.0],  # true 0: first
        [0.1, 0.6, 0.3, 0.0, 0.0, 0.0, 0.0],  # true 2: second
        [0.3, 0.2, 0.1, 0.2, 0.1, 0.06, 0.04],  # true 5: sixth
        [0.2, 0.5, 0.3, 0.0, 0.0, 0.0, 0.0],  # true 1: first
    ]
)
TRUTH = np.array([0, 2, 5, 1])


def test_scores_of_a_case_computed_by_hand() -> None:
    answers = ScoredPredictions.of(TRUTH, PROBABILITIES)
    assert answers.rank.tolist() == [1, 2, 6, 1]
    assert answers.predicted.tolist() == [0, 1, 0, 1]
    got = score(answers, top_k=2)
    assert got["accuracy"] == 2 / 4
    assert got["balanced_accuracy"] == (1 + 1 + 0 + 0) / 4
    # F1: classes 0 and 1 each 2*1/(1+2), classes 2 and 5 zero
    assert got["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 0 + 0) / 4)
    assert got["top_k_accuracy"] == 3 / 4
    assert got["map_at_5"] == (1 + 1 / 2 + 0 + 1) / 4
    assert got["log_loss"] == pytest.approx(-np.log([0.7, 0.3, 0.06, 0.5]).mean())


def test_scores_agree_with_scikit_learn() -> None:
    random = np.random.default_rng(1)
    truth = random.integers(6, size=400)
    truth[truth == 3] = 4  # a class without photos
    probabilities = softmax(random.normal(size=(400, 6)) + 1.5 * np.eye(6)[truth])
    answers = ScoredPredictions.of(truth, probabilities)
    got = score(answers, top_k=3)
    predicted = probabilities.argmax(axis=1)
    assert got["accuracy"] == pytest.approx(sk.accuracy_score(truth, predicted))
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        assert got["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(truth, predicted))
    assert got["macro_f1"] == pytest.approx(sk.f1_score(truth, predicted, average="macro"))
    assert got["weighted_f1"] == pytest.approx(sk.f1_score(truth, predicted, average="weighted"))
    assert got["top_k_accuracy"] == pytest.approx(sk.top_k_accuracy_score(truth, probabilities, k=3, labels=range(6)))
    assert got["log_loss"] == pytest.approx(sk.log_loss(truth, probabilities, labels=range(6)))


def test_a_weight_of_2_counts_a_photo_twice() -> None:
    answers = ScoredPredictions.of(np.arange(50) % 4, softmax(np.random.default_rng(0).normal(size=(50, 4))))
    weights = np.random.default_rng(2).integers(0, 3, size=50)
    twice = np.repeat(np.arange(50), weights)
    repeated = ScoredPredictions(
        answers.truth[twice], answers.predicted[twice], answers.rank[twice], answers.loss[twice], 4
    )
    assert score(answers, 2, weights.astype(float)) == pytest.approx(score(repeated, 2))
