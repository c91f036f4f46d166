import json

import numpy as np
import pytest

from configs.schema import EvaluateConfig
from tasks.evaluate.summary import measure, measure_unknown
from tasks.inference.arrays import ScoredPredictions

CONFIG = EvaluateConfig(bootstrap=100)


def test_numbers_are_finite_and_plain() -> None:
    truth = np.array([0, 0, 2])
    answers = ScoredPredictions.of(truth, np.array([[1.0, 0, 0], [0, 1, 0], [1, 0, 0]]))
    counts = {split: np.array([5, 3, 0]) for split in ("train", "val")} | {"test": np.array([2, 0, 1])}
    got = measure(
        answers,
        {"commonest": ScoredPredictions.majority_class(truth, counts["train"]), "nearest": answers},
        counts,
        ["a", "b", "c"],
        CONFIG,
        groups=np.arange(3),
    )
    json.dumps(got, allow_nan=False)
    rows = {row["label"]: row for row in got["per_class"]}
    assert rows["b"]["recall"] is None
    assert rows["b"]["precision"] == 0
    assert rows["c"]["precision"] is None
    assert rows["a"]["taken_for"] == "b"
    assert list(got["test"]["scores"]["accuracy"]["against"]) == ["commonest", "nearest"]
    assert [(row["at_least"], row["photos"]) for row in got["by_train_photos"]] == [(0, 1), (3, 2)]


def test_how_well_the_unknown_is_told() -> None:
    """Of four unknown photos three are recognised; of six others one isn't believed."""
    truth = np.array([2] * 4 + [0] * 3 + [1] * 3)
    said = np.array([2, 2, 2, 0, 0, 0, 2, 1, 1, 0])
    found = measure_unknown(ScoredPredictions.of(truth, np.eye(3)[said]), np.arange(10), CONFIG)
    assert found["photos"] == 4
    assert found["recognised"]["value"] == 0.75
    assert found["false_alarms"]["value"] == pytest.approx(1 / 6, abs=1e-6)
    for number in (found["recognised"], found["false_alarms"]):
        assert 0 <= number["low"] < number["value"] < number["high"] <= 1
    none = measure_unknown(ScoredPredictions.of(truth[4:], np.eye(3)[said[4:]]), np.arange(6), CONFIG)
    assert none["photos"] == 0
    assert "recognised" not in none
