"""What each part buys: the settings of the runs, and joining several seeds."""

import numpy as np
import pytest

from benchmarks.parts import BASE, PARTS, together
from configs.load import load
from flows import preflight
from tasks.inference.arrays import ScoredPredictions
from tasks.inference.scores import score


@pytest.mark.parametrize("part", [part for part in PARTS if part != BASE])
def test_each_part_changes_valid_settings_of_the_base(part: str) -> None:
    base = ["train.recipe=logistic"]
    config = load("default", [*base, *PARTS[part]])
    preflight.check_names(config)
    assert config != load("default", base)


def test_scores_of_joined_seeds_are_those_of_all_photos() -> None:
    truth = np.array([0, 1])
    right = ScoredPredictions.of(truth, np.array([[0.9, 0.1], [0.2, 0.8]]))
    half = ScoredPredictions.of(truth[:1], np.array([[0.3, 0.7]]))
    joined = together([right, half])
    assert score(joined, 1)["accuracy"] == pytest.approx(2 / 3)
    assert joined.loss.tolist() == [*right.loss, *half.loss]
    assert joined.classes == 2
