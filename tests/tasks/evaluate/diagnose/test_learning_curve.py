"""Accuracy with fewer train photos."""

import numpy as np
import pytest

from tasks.evaluate.diagnose.learning_curve import SHARES, LearningCurve, learning_curve

SPLITS = np.repeat(["train", "val", "test"], [160, 40, 80])


def curve(spread: float, truth: np.ndarray | None = None, **changed: object) -> LearningCurve | None:
    """Learn two classes of 30 features, which are the nearer the larger `spread` is."""
    random = np.random.default_rng(0)
    truth = np.arange(len(SPLITS)) % 2 if truth is None else truth
    features = (np.eye(2, 30)[truth % 2] + random.normal(0, spread, (len(SPLITS), 30))).astype(np.float32)
    given = {"features": features, "truth": truth, "split": SPLITS, "groups": np.arange(len(SPLITS)), "classes": 2}
    return learning_curve(**(given | changed), resamples=200, seed=0)  # type: ignore[arg-type]


@pytest.mark.slow
def test_more_photos_help_where_classes_are_hard() -> None:
    found = curve(0.6)
    assert found is not None
    assert found.photos == [40, 80, 160]
    assert len(found.accuracy) == len(SHARES)
    assert found.accuracy[0].value < found.accuracy[-1].value
    assert found.doubling.value > 0
    assert found.doubling.low < found.doubling.value < found.doubling.high
    assert set(found.gains) == set(found.p_values) == {0, 1}


@pytest.mark.slow
def test_more_photos_do_not_help_where_classes_are_easy() -> None:
    found = curve(0.01)
    assert found is not None
    assert found.doubling.value == 0
    assert set(found.p_values.values()) == {1.0}


@pytest.mark.slow
def test_classes_with_a_single_train_photo_and_unknown_ones_have_no_gain() -> None:
    truth = np.arange(len(SPLITS)) % 2
    truth[0], truth[-1], truth[-2] = 2, 2, 3  # the only train photo of class 2; a class that was never trained on
    found = curve(0.3, truth, classes=3)
    assert found is not None
    assert set(found.gains) == {0, 1}
    assert found.photos[-1] == 160


def test_groups_are_not_divided() -> None:
    """Forty photos of a group are all in a share or not at all; one group remains in the smallest share."""
    found = curve(0.5, groups=np.arange(len(SPLITS)) % 2)
    assert found is not None
    assert found.photos == [160, 160, 160]


def test_nothing_to_learn() -> None:
    assert curve(0.5, features=np.ones((len(SPLITS), 4), np.float32)) is None
    assert curve(0.5, np.zeros(len(SPLITS), np.int64)) is None
