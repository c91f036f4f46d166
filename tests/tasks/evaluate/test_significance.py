import numpy as np
import pytest
from scipy.stats import binomtest, chi2

from tasks.evaluate.significance import holm, p_values, two_sided
from tasks.inference.arrays import ScoredPredictions, softmax
from tasks.inference.scores import SCORES


def certain(truth: np.ndarray, right: np.ndarray, classes: int = 2) -> ScoredPredictions:
    return ScoredPredictions.of(truth, np.eye(classes)[np.where(right, truth, (truth + 1) % classes)])


@pytest.mark.slow
def test_the_p_value_of_accuracy_is_that_of_mcnemar() -> None:
    """Of 300 photos, 40 are only right for us, and 20 only for them."""
    truth = np.arange(300) % 2
    ours, theirs = certain(truth, np.arange(300) >= 20), certain(truth, np.arange(300) < 260)
    found = p_values(ours, theirs, np.arange(300), top_k=1, exchanges=4000, seed=0)
    assert found["accuracy"] == pytest.approx(chi2.sf(20**2 / 60, 1), rel=0.1)
    assert found["accuracy"] == found["top_k_accuracy"]
    assert found == p_values(theirs, ours, np.arange(300), top_k=1, exchanges=4000, seed=0)


@pytest.mark.slow
def test_the_answers_to_a_group_are_exchanged_together() -> None:
    """20 groups of 15 photos that are all right for one of the two are worth as much as 20 photos."""
    groups = np.repeat(np.arange(20), 15)
    truth, is_ours = np.zeros(300, np.int64), groups < 14
    found = p_values(certain(truth, is_ours), certain(truth, ~is_ours), groups, top_k=1, exchanges=4000, seed=0)
    assert found["accuracy"] == pytest.approx(binomtest(14, 20).pvalue, rel=0.4)
    assert found["accuracy"] > 0.05


def test_equal_answers_and_single_groups_differ_by_chance() -> None:
    truth = np.arange(30) % 3
    logits = np.random.default_rng(0).normal(size=(30, 3))
    answers = ScoredPredictions.of(truth, softmax(logits))
    alike = p_values(answers, answers, np.arange(30), top_k=1, exchanges=100, seed=0)
    assert alike == dict.fromkeys(SCORES, 1.0)
    right, wrong = certain(truth, truth >= 0, 3), certain(truth, truth < 0, 3)
    single = p_values(right, wrong, np.zeros(30), top_k=1, exchanges=100, seed=0)
    assert single == dict.fromkeys(SCORES, 1.0)


def test_p_values_of_t() -> None:
    assert two_sided(1.0, 0.0, 9) == 1
    assert two_sided(2.262, 1.0, 9) == pytest.approx(0.05, abs=1e-4)  # tables of Student's t
    assert two_sided(-1.96, 1.0, 10**6) == pytest.approx(0.05, abs=1e-4)


def test_holm_corrects_by_what_is_left_to_reject() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]).tolist() == [1, 1]
    assert holm([]).tolist() == []
