from pathlib import Path

import numpy as np
import pytest

from tasks import tables
from tasks.inference.arrays import softmax
from tasks.inference.calibration import COSINES, LEAST_PHOTOS, Calibration
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
    rule = fit("network", GOOD, None)
    probabilities = rule.probabilities(GOOD, None)
    np.testing.assert_allclose(probabilities, softmax(GOOD / rule.network.temperature))
    rule.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [tables.evaluate.DECISION_RULE.name]
    assert DecisionRule.read(tmp_path) == rule


@pytest.mark.parametrize(("logits", "class_similarity", "low", "high"), [(GOOD, NOISE, 0.9, 1), (NOISE, GOOD, 0, 0.1)])
def test_a_blend_gives_the_better_part_more_weight(
    logits: np.ndarray, class_similarity: np.ndarray, low: float, high: float
) -> None:
    assert low <= fit("blend", logits, class_similarity).weight <= high


def test_a_blend_has_a_lower_loss_than_its_parts() -> None:
    ours, theirs = GOOD.copy(), GOOD.copy()
    ours[:150], theirs[250:] = NOISE[:150], NOISE[250:]

    def loss(rule: DecisionRule) -> float:
        return float(-np.log(rule.probabilities(ours, theirs)[np.arange(400), TRUTH]).mean())

    assert loss(fit("blend", ours, theirs)) < min(loss(fit("network", ours, None)), loss(fit("nearest", ours, theirs)))


@pytest.mark.parametrize("infer_from", ["network", "nearest", "blend"])
def test_unknown_photos_add_an_answer(tmp_path: Path, infer_from: str) -> None:
    logits, truth = np.concatenate([GOOD, NOISE - 3]), np.concatenate([TRUTH, np.full(400, 3)])
    class_similarity = None if infer_from == "network" else logits / 10
    rule = fit(infer_from, logits, class_similarity, truth=truth, unknown_label="new_whale")
    assert rule.names == ["a", "b", "c", "new_whale"]
    probabilities = rule.probabilities(logits, class_similarity)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities.argmax(axis=1) == truth).mean() > 0.9
    references = References.of(np.eye(3), np.arange(3), np.array(list("xyz")))
    rule.write(tmp_path, None if infer_from == "network" else references)
    assert DecisionRule.read(tmp_path) == rule
    assert tables.evaluate.REFERENCES.path(tmp_path).exists() == (infer_from != "network")


@pytest.mark.parametrize("photos", [0, 3, LEAST_PHOTOS - 1])
def test_with_few_validation_photos_the_calibration_is_neutral(photos: int) -> None:
    """Three photos once gave a temperature of 20, and a weight of 1 for what is noise."""
    rule = fit("blend", NOISE[:photos], GOOD[:photos], truth=TRUTH[:photos])
    assert rule.network == Calibration(1.0)
    assert rule.nearest == Calibration(COSINES)
    assert rule.weight == 0.5
    assert fit("blend", NOISE[:LEAST_PHOTOS], GOOD[:LEAST_PHOTOS], truth=TRUTH[:LEAST_PHOTOS]).weight < 0.2


def test_an_evaluation_without_a_decision_rule_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="was made by an earlier version of fluke; run its preset again"):
        DecisionRule.read(tmp_path)
