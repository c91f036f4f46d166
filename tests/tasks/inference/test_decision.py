from pathlib import Path

import numpy as np
import pytest

from tasks.inference.arrays import softmax
from tasks.inference.calibration import Calibration
from tasks.inference.decision import DecisionRule
from tasks.inference.knn import References
from tasks.store.errors import UserError

RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.integers(0, 3, 400)
GOOD = RANDOM.normal(0, 1, (400, 3)) + 4 * np.eye(3)[TRUTH]
NOISE = RANDOM.normal(0, 1, (400, 3))


def fit(infer_from: str, logits: np.ndarray, class_similarity: np.ndarray | None, **how: object) -> DecisionRule:
    return DecisionRule.fit(
        infer_from, ["a", "b", "c"], logits, class_similarity, **{"truth": TRUTH, "unknown_label": None} | how
    )


def test_the_network_alone_needs_no_references(tmp_path: Path) -> None:
    inference = fit("network", GOOD, None)
    probabilities = inference.probabilities(GOOD, None)
    np.testing.assert_allclose(probabilities, softmax(GOOD / inference.network.temperature))
    inference.write(tmp_path, References.of(np.eye(3), np.arange(3), np.array(list("xyz"))))
    assert [path.name for path in tmp_path.iterdir()] == ["inference.json"]
    assert DecisionRule.read(tmp_path) == inference


@pytest.mark.parametrize(("logits", "class_similarity", "low", "high"), [(GOOD, NOISE, 0.9, 1), (NOISE, GOOD, 0, 0.1)])
def test_a_blend_weighs_what_validation_found_to_be_right(
    logits: np.ndarray, class_similarity: np.ndarray, low: float, high: float
) -> None:
    assert low <= fit("blend", logits, class_similarity).weight <= high


def test_a_blend_of_two_that_err_on_different_photos_is_surer_than_either() -> None:
    ours, theirs = GOOD.copy(), GOOD.copy()
    ours[:150], theirs[250:] = NOISE[:150], NOISE[250:]

    def loss(inference: DecisionRule) -> float:
        return float(-np.log(inference.probabilities(ours, theirs)[np.arange(400), TRUTH]).mean())

    assert loss(fit("blend", ours, theirs)) < min(loss(fit("network", ours, None)), loss(fit("nearest", ours, theirs)))


@pytest.mark.parametrize("infer_from", ["network", "nearest", "blend"])
def test_with_unknown_photos_there_is_an_answer_more(tmp_path: Path, infer_from: str) -> None:
    logits, truth = np.concatenate([GOOD, NOISE - 3]), np.concatenate([TRUTH, np.full(400, 3)])
    class_similarity = None if infer_from == "network" else logits / 10
    inference = fit(infer_from, logits, class_similarity, truth=truth, unknown_label="new_whale")
    assert inference.names == ["a", "b", "c", "new_whale"]
    probabilities = inference.probabilities(logits, class_similarity)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities.argmax(axis=1) == truth).mean() > 0.9
    inference.write(tmp_path, References.of(np.eye(3), np.arange(3), np.array(list("xyz"))))
    assert DecisionRule.read(tmp_path) == inference
    assert (tmp_path / "references.npz").exists() == (infer_from != "network")


def test_without_validation_photos_nothing_is_changed() -> None:
    nobody = np.zeros((0, 3))
    inference = fit("blend", nobody, nobody, truth=np.zeros(0, np.int64))
    assert inference.network == inference.nearest == Calibration(1.0)
    assert inference.weight == 0.5


def test_an_evaluation_of_before_there_was_any_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is an evaluation of an earlier version of fluke; run its preset again"):
        DecisionRule.read(tmp_path)
