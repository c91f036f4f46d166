"""Step 2: calibrated predictions."""

from pathlib import Path

import numpy as np
import pytest

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate.decide import Decisions
from tasks.inference.arrays import ScoredPredictions
from tasks.inference.decision import DecisionRule
from tasks.inference.knn import References
from tests.helpers.evaluation import EvaluationWorld, read_metrics


@pytest.mark.slow
def test_predictions_and_submission_list_the_top_classes(pets: EvaluationWorld) -> None:
    _, folder = pets.finish().evaluate(EvaluateConfig(bootstrap=100, layer_images=0, top_k=2))
    predictions = tables.evaluate.PREDICTIONS.read(folder).set_index("name")
    assert len(predictions) == 13  # validation and test
    assert set(predictions["split"]) == {"val", "test"}
    mistake = predictions.loc["bird/15.png"]
    assert (mistake["label"], mistake["predicted"]) == ("bird", "dog")
    assert mistake["rank"] in (2, 3)
    assert mistake["top_names"][0] == "dog"
    assert len(mistake["top_names"]) == len(mistake["top_probabilities"]) == 2
    assert mistake["top_probabilities"][0] == mistake["probability"] > 0.5
    lines = tables.evaluate.SUBMISSION.path(folder).read_text().splitlines()
    assert lines[0] == "Image,Id"
    assert len(lines) == 11
    assert lines[2].startswith("bird/15.png,dog ")
    assert all(len(line.split(",")[1].split()) == 3 for line in lines[1:])  # not five, since there are three classes


@pytest.mark.slow
@pytest.mark.parametrize("infer_from", ["nearest", "blend"])
def test_train_photos_can_decide(pets: EvaluationWorld, infer_from: str) -> None:
    _, folder = pets.finish().evaluate(EvaluateConfig(bootstrap=100, layer_images=0, infer_from=infer_from))
    assert read_metrics(folder)["test"]["scores"]["accuracy"]["value"] == 0.8
    references = References.read(tables.evaluate.REFERENCES.path(folder))
    assert references.features.shape == (11, 3)
    rule = DecisionRule.read(folder)
    assert rule.infer_from == infer_from
    class_similarity = references.class_similarity(np.array([[0.0, 0, 1]]), 3)
    assert rule.probabilities(np.zeros((1, 3)), class_similarity).shape == (1, 3)


@pytest.mark.parametrize("uncalibrated", [None, np.array([0.7, 0.9])])
def test_decisions_can_be_written_and_read(tmp_path: Path, uncalibrated: np.ndarray | None) -> None:
    probabilities = np.array([[0.2, 0.8, 0], [0.6, 0.4, 0]])
    written = Decisions(ScoredPredictions.of(np.array([1, 2]), probabilities), probabilities.max(axis=1), uncalibrated)
    written.write(tmp_path)
    read = Decisions.read(tmp_path)
    for name in ("truth", "predicted", "rank", "loss"):
        np.testing.assert_array_equal(getattr(read.answers, name), getattr(written.answers, name))
    assert read.answers.classes == 3
    np.testing.assert_array_equal(read.confidence, [0.8, 0.6])
    if uncalibrated is None:
        assert read.uncalibrated is None
    else:
        np.testing.assert_array_equal(read.uncalibrated, uncalibrated)


@pytest.mark.slow
def test_decisions_are_not_rounded_and_agree_with_the_predictions(pets: EvaluationWorld) -> None:
    _, folder = pets.finish().evaluate()
    decisions = Decisions.read(folder)
    predictions = tables.evaluate.PREDICTIONS.read(folder)
    assert decisions.answers.rank.tolist() == predictions["rank"].tolist()
    np.testing.assert_allclose(decisions.confidence, predictions["probability"], atol=1e-6)
    assert decisions.uncalibrated is not None
    assert len(decisions.uncalibrated) == len(predictions)
